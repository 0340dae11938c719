/*
 * many_connections KIND LIMIT ADDRESS PORT [ADDRESS PORT …]: how many connections there can be at
 * once, to the destinations in turn; stops at LIMIT.
 */
#include "harness.h"

#include <sys/resource.h>

int main(int argc, char **argv)
{
	struct rlimit files;
	int count = 0, limit, destinations = (argc - 3) / 2;

	if (argc < 5)
		return 2;
	limit = atoi(argv[2]);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	while (count < limit) {
		int at = 3 + 2 * (count % destinations);
		int fd = open_socket(argv[1]);

		if (connect_to(fd, argv[at], atoi(argv[at + 1])) < 0)
			break;
		count++;
	}
	printf("%d %s\n", count, count < limit ? errno_name(errno) : "limit");
	return 0;
}
