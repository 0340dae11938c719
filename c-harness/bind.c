/* bind KIND ADDRESS PORT: OUTCOME, and the address it has then. */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 4)
		return 2;
	fd = open_socket(argv[1]);
	printf("%s", outcome(bind_to(fd, argv[2], atoi(argv[3]))));
	print_local(fd);
	puts("");
	return 0;
}
