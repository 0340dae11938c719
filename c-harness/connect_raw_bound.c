/*
 * connect_raw_bound KIND ADDRESS PORT LOCAL: the socket is bound by a raw system call, as one is
 * that was inherited or passed; then connect(2).
 */
#include "harness.h"

int main(int argc, char **argv)
{
	struct sockaddr_storage storage;
	socklen_t length;
	int fd = open_argument(argc, argv, 4);

	length = make_sockaddr(&storage, argv[4], 0);
	if (raw_call(SYS_bind, fd, (long)&storage, (long)length) < 0)
		die("raw bind");
	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
