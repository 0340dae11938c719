/*
 * closefrom_connect PORT: as a daemon does, closes every descriptor above 2, then counts what is
 * open before and after a connect.
 */
#include "harness.h"

#include <dirent.h>

/* closefrom(3) is newer than musl and glibc 2.34. */
static void close_all(void)
{
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
}

static int open_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
	return count;
}

int main(int argc, char **argv)
{
	int before, fd;

	if (argc != 2)
		return 2;
	close_all();
	before = open_descriptors();
	fd = open_socket("udp4");
	print_call(fd, connect_to(fd, "127.0.0.1", atoi(argv[1])));
	close(fd);
	printf(" leaked %d\n", open_descriptors() - before);
	return 0;
}
