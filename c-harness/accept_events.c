/*
 * accept_events level|edge|threads: a server that answers each connection with one byte; prints the
 * port, and at the end of its input how many connections it took and how often it was woken. By
 * epoll(7) on a non-blocking socket, level- or edge-triggered, or by four threads in accept(2).
 */
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>

static int taken, woken, fd;

static int take(void)
{
	int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (one < 0)
		return 0;
	__atomic_add_fetch(&taken, 1, __ATOMIC_SEQ_CST);
	if (send(one, "x", 1, MSG_NOSIGNAL) != 1)
		die("send");
	close(one);
	return 1;
}

static void *serve(void *nothing)
{
	while (take())
		;
	return nothing;
}

static void events(uint32_t edge)
{
	int epoll = epoll_create1(0), done = 0;
	struct epoll_event event = { .events = EPOLLIN | edge, .data.fd = fd };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	event.events = EPOLLIN;
	event.data.fd = STDIN_FILENO;
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	while (!done && epoll_wait(epoll, &event, 1, -1) == 1) {
		done = event.data.fd == STDIN_FILENO;
		if (done)
			continue;
		woken++;
		/* One at a time, or, woken by an edge, all. */
		while (take() && edge)
			;
	}
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char byte;
	int port;

	if (argc != 2)
		return 2;
	fd = listener("0.0.0.0", 512, &port);
	printf("%d\n", port);
	fflush(stdout);
	if (strcmp(argv[1], "threads") == 0) {
		for (int i = 0; i < 4; i++)
			pthread_create(&thread, NULL, serve, NULL);
		while (read(STDIN_FILENO, &byte, 1) == 1)
			;
	} else {
		events(strcmp(argv[1], "edge") == 0 ? EPOLLET : 0);
	}
	printf("%d %d\n", taken, woken);
	return 0;
}
