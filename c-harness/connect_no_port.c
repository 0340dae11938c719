/*
 * connect_no_port KIND ADDRESS PORT LOCAL: the program itself sets IP_BIND_ADDRESS_NO_PORT and
 * binds without a port; the kernel would let a second bind replace that address.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd, on = 1;

	if (argc != 5)
		return 2;
	fd = open_socket(argv[1]);
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		die("IP_BIND_ADDRESS_NO_PORT");
	if (bind_to(fd, argv[4], 0) < 0)
		die("bind");
	printf("%s", outcome(connect_to(fd, argv[2], atoi(argv[3]))));
	print_local(fd);
	puts("");
	return 0;
}
