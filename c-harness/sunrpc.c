/*
 * sunrpc: where the sockets are bound that the Sun RPC functions of glibc make (they are for programs
 * linked before 2.32, which bind to their old versions), and those that they are given.
 */
#include "harness.h"

#include <dlfcn.h>

#ifdef __GLIBC__
#ifdef __aarch64__
#define FIRST "GLIBC_2.17"
#else
#define FIRST "GLIBC_2.2.5"
#endif

/* The beginning of SVCXPRT. */
struct transport {
	int fd;
};

typedef struct transport *create_tcp(int, unsigned int, unsigned int);
typedef struct transport *create_udp(int);

static void show(const char *what, struct transport *transport)
{
	printf("%s", what);
	if (transport)
		print_local(transport->fd);
	else
		printf(" failed");
	puts("");
}

int main(void)
{
	create_tcp *tcp = (create_tcp *)dlvsym(RTLD_DEFAULT, "svctcp_create", FIRST);
	create_udp *udp = (create_udp *)dlvsym(RTLD_DEFAULT, "svcudp_create", FIRST);
	int fd = open_socket("tcp4");

	if (!tcp || !udp) {
		puts("none");
		return 0;
	}
	show("tcp", tcp(-1, 0, 0));
	show("udp", udp(-1));
	bind_to(fd, "0.0.0.0", 0);
	show("given", tcp(fd, 0, 0));
	return 0;
}
#else
int main(void)
{
	puts("none");
	return 0;
}
#endif
