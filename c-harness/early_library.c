/*
 * A library whose constructor binds, to be preloaded behind ours: its constructor runs before
 * ours does.
 */
#include "harness.h"

__attribute__((constructor)) static void early(void)
{
	int fd = open_socket("tcp4");

	printf("early %s", outcome(bind_to(fd, "0.0.0.0", 0)));
	print_local(fd);
	puts("");
	fflush(stdout);
	close(fd);
}
