/*
 * interrupted_connect: a connect that waits, for a listener takes no more connections, and that a
 * signal interrupts after 300 ms: its outcome, and whether it came with the signal ("then"), before it
 * or more than 10 s later.
 */
#include "harness.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

static void handler(int number)
{
	(void)number;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval timer = { .it_value.tv_usec = 300 * 1000 };
	int port, result = 0, error = 0;
	double taken = 0;

	listener("127.0.0.1", 0, &port);
	sigaction(SIGALRM, &action, NULL);
	/* One or two still fit. */
	for (int i = 0; i < 8 && result == 0; i++) {
		double begin = now();

		setitimer(ITIMER_REAL, &timer, NULL);
		result = connect_to(open_socket("tcp4"), "127.0.0.1", port);
		error = errno;
		taken = now() - begin;
	}
	printf("%s %s\n", result < 0 && error == EINTR ? "EINTR" : errno_name(error),
	       taken < 0.29 ? "before" : taken < 10 ? "then" : "late");
	return 0;
}
