/*
 * stderr_reused FILE: descriptor 2 becomes another file than it was at load, as in a daemon; then
 * a bind that is refused.
 */
#include "harness.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2)
		return 2;
	close(2);
	if (open(argv[1], O_CREAT | O_WRONLY | O_TRUNC, 0600) != 2)
		return 2;
	fd = open_socket("tcp4");
	puts(outcome(bind_to(fd, "127.0.0.99", 0)));
	return 0;
}
