/*
 * Another library that interposes bind and connect, and passes them on: says so on
 * standard error, with the address as it sees it.
 */
#include "harness.h"

#include <dlfcn.h>

typedef int call(int, const struct sockaddr *, socklen_t);

static int pass_on(const char *name, int fd, const struct sockaddr *address, socklen_t length)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	call *next = (call *)dlsym(RTLD_NEXT, name);

	if (in->sin_family == AF_INET)
		fprintf(stderr, "other %s %s\n", name, inet_ntoa(in->sin_addr));
	return next(fd, address, length);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return pass_on("bind", fd, address, length);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return pass_on("connect", fd, address, length);
}
