/* connect KIND ADDRESS PORT [LOCAL LOCAL_PORT]: binds first if a local address is given. */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd;

	if (argc != 4 && argc != 6)
		return 2;
	fd = open_socket(argv[1]);
	if (argc == 6 && bind_to(fd, argv[4], atoi(argv[5])) < 0)
		die("bind");
	print_call(fd, connect_to(fd, argv[2], atoi(argv[3])));
	end_line();
	return 0;
}
