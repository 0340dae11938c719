/* bind KIND ADDRESS PORT: OUTCOME, and the address it has then. */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_argument(argc, argv, 3);

	print_call(fd, bind_to(fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
