/*
 * resvport bind|bind-null|rresvport|rresvport6|connect [ADDRESS [PORT]]: the functions of glibc that
 * bind by themselves, and its other name for connect.
 */
#include "harness.h"
#ifdef __GLIBC__
#include <netdb.h>

int bindresvport(int, struct sockaddr_in *);
int __connect(int, const struct sockaddr *, socklen_t);

int main(int argc, char **argv)
{
	struct sockaddr_storage storage;
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	int result, port = 1000, fd = -1;
	socklen_t length = make_sockaddr(&storage, argc > 2 ? argv[2] : "0.0.0.0",
					 argc > 3 ? atoi(argv[3]) : 0);

	if (argv[1][0] != 'r')
		fd = open_socket("tcp4");
	if (strcmp(argv[1], "bind") == 0)
		result = bindresvport(fd, in);
	else if (strcmp(argv[1], "bind-null") == 0)
		result = bindresvport(fd, NULL);
	else if (strcmp(argv[1], "connect") == 0)
		result = __connect(fd, (struct sockaddr *)&storage, length);
	else if (strcmp(argv[1], "rresvport") == 0)
		result = fd = rresvport(&port);
	else
		result = fd = rresvport_af(&port, AF_INET6);
	printf("%s", outcome(result));
	if (fd >= 0)
		print_local(fd);
	if (strcmp(argv[1], "bind") == 0)
		printf(" %d", ntohs(in->sin_port));
	if (argv[1][0] == 'r')
		printf(" %d", port);
	puts("");
	return 0;
}
#else
int main(void)
{
	puts("no glibc");
	return 0;
}
#endif
