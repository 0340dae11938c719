/*
 * bind_unspec KIND ADDRESS [FAMILY [LENGTH]]: bind(2) with AF_UNSPEC, or another family, and an IPv4
 * address.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	struct sockaddr_storage storage;
	int fd;

	socklen_t length = argc > 4 ? (socklen_t)atoi(argv[4]) : sizeof(struct sockaddr_in);

	if (argc < 3)
		return 2;
	fd = open_socket(argv[1]);
	make_sockaddr(&storage, argv[2], 0);
	storage.ss_family = (sa_family_t)(argc > 3 ? atoi(argv[3]) : AF_UNSPEC);
	print_call(fd, bind(fd, (struct sockaddr *)&storage, length));
	end_line();
	return 0;
}
