/*
 * own_descriptors: a thread with a table of descriptors of its own binds a TCP socket to 0.0.0.0. For
 * its leader the same number is another socket.
 */
#include "harness.h"

#include <pthread.h>
#include <sched.h>

static void *in_thread(void *number)
{
	int expected = *(int *)number, fd;

	if (unshare(CLONE_FILES) < 0)
		die("unshare");
	close(expected);
	fd = open_socket("tcp4");
	if (fd != expected)
		die("the number");
	print_call(fd, bind_to(fd, "0.0.0.0", 0));
	return NULL;
}

int main(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pthread_t thread;

	if (fd < 0 || pthread_create(&thread, NULL, in_thread, &fd) != 0)
		die("thread");
	pthread_join(thread, NULL);
	end_line();
	return 0;
}
