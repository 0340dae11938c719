/*
 * The least that a preloaded library can do to give a program the address 127.0.0.2: what
 * libipaddr.so costs is measured against this. It has no policy, refuses nothing, knows IPv4 only
 * and gets every second call on a socket wrong; nothing here is meant for use.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int (*real_bind)(int, const struct sockaddr *, socklen_t);
static int (*real_connect)(int, const struct sockaddr *, socklen_t);

__attribute__((constructor)) static void resolve(void)
{
	real_bind = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");
	real_connect = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
}

static struct sockaddr_in assigned(in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = port };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	return address;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	if (in->sin_family == AF_INET && in->sin_addr.s_addr == htonl(INADDR_ANY)) {
		struct sockaddr_in own = assigned(in->sin_port);

		return real_bind(fd, (const struct sockaddr *)&own, sizeof(own));
	}
	return real_bind(fd, address, length);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in own = assigned(0);
		int on = 1;

		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
		real_bind(fd, (const struct sockaddr *)&own, sizeof(own));
	}
	return real_connect(fd, address, length);
}
