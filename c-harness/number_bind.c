/*
 * number_bind KIND bind|connect ADDRESS PORT: by syscall(2); with "high", a number whose upper half,
 * which the kernel ignores, is not zero.
 */
#include "harness.h"
#include <sys/syscall.h>

int main(int argc, char **argv)
{
	int fd = open_socket(argv[1]);
	struct sockaddr_storage storage;
	socklen_t length = make_sockaddr(&storage, argv[3], atoi(argv[4]));
	long number = strcmp(argv[2], "bind") == 0 ? SYS_bind : SYS_connect;

	if (argc > 5)
		number |= 1L << 40;
	print_call(fd, (int)syscall(number, fd, &storage, length));
	end_line();
	return 0;
}
