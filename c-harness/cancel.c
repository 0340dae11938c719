/*
 * cancel connect|sendto|sendmsg|sendmmsg|recvmsg|recvmmsg|accept: pthread_cancel of a thread that is
 * blocked in that call: a connect to a listener whose backlog is full, a send to a full socket, a
 * receive from an empty one, an accept from a listener that only 127.0.0.1 has connected to. Its
 * cleanup handler has to run.
 */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>

static int port, listening, pair[2];
static const char *call;

static void cleanup(void *done)
{
	*(int *)done = 1;
}

static void *blocked(void *done)
{
	static char byte;
	struct iovec data = { &byte, 1 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &data, .msg_iovlen = 1 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	pthread_cleanup_push(cleanup, done);
	if (strcmp(call, "connect") == 0)
		connect_to(fd, "127.0.0.1", port);
	else if (strcmp(call, "sendto") == 0)
		sendto(pair[0], &byte, 1, 0, NULL, 0);
	else if (strcmp(call, "sendmsg") == 0)
		sendmsg(pair[0], &message.msg_hdr, 0);
	else if (strcmp(call, "sendmmsg") == 0)
		sendmmsg(pair[0], &message, 1, 0);
	else if (strcmp(call, "accept") == 0)
		accept(listening, NULL, NULL);
	else if (strcmp(call, "recvmsg") == 0)
		recvmsg(pair[0], &message.msg_hdr, 0);
	else
		recvmmsg(pair[0], &message, 1, 0, NULL);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(int argc, char **argv)
{
	struct timespec pause = { .tv_nsec = 300 * 1000 * 1000 };
	pthread_t thread;
	void *result;
	int done = 0;

	if (argc < 2)
		return 2;
	call = argv[1];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair");
	while (send(pair[0], "x", 1, MSG_DONTWAIT) == 1)
		;
	if (strcmp(call, "accept") == 0) {
		listening = listener("127.0.0.1", 1, &port);
		connect_to(socket(AF_INET, SOCK_STREAM, 0), "127.0.0.1", port);
	} else {
		listener("127.0.0.1", 0, &port);
	}
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
