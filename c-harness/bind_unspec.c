/* bind_unspec KIND ADDRESS: bind(2) with AF_UNSPEC and an IPv4 address. */
#include "harness.h"

int main(int argc, char **argv)
{
	struct sockaddr_storage storage;
	int fd;

	if (argc != 3)
		return 2;
	fd = open_socket(argv[1]);
	make_sockaddr(&storage, argv[2], 0);
	storage.ss_family = AF_UNSPEC;
	printf("%s", outcome(bind(fd, (struct sockaddr *)&storage, sizeof(struct sockaddr_in))));
	print_local(fd);
	puts("");
	return 0;
}
