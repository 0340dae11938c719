/*
 * cancel: pthread_cancel of a thread that is blocked in connect(2), to a listener whose backlog is
 * full. Its cleanup handler has to run.
 */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

static int port;

static void cleanup(void *done)
{
	*(int *)done = 1;
}

static void *blocked(void *done)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	pthread_cleanup_push(cleanup, done);
	connect_to(fd, "127.0.0.1", port);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 300 * 1000 * 1000 };
	pthread_t thread;
	void *result;
	int done = 0;

	listener("127.0.0.1", 0, &port);
	for (int i = 0; i < 3; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect_to(fd, "127.0.0.1", port);
	}
	pthread_create(&thread, NULL, blocked, &done);
	nanosleep(&pause, NULL);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("%s %s\n", result == PTHREAD_CANCELED ? "cancelled" : "returned",
	       done ? "cleaned" : "not-cleaned");
	return 0;
}
