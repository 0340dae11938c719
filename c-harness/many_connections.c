/*
 * many_connections KIND LIMIT ADDRESS PORT [ADDRESS PORT …]: how many connections there can be at
 * once, to the destinations in turn; stops at LIMIT. And where the last one left from.
 */
#include "harness.h"

#include <sys/resource.h>

int main(int argc, char **argv)
{
	struct rlimit files;
	int count = 0, limit, last = -1, destinations = (argc - 3) / 2;

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
		last = fd;
	}
	printf("%d %s", count, count < limit ? errno_name(errno) : "limit");
	print_local(last);
	puts("");
	return 0;
}
