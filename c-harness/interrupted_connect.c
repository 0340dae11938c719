/*
 * interrupted_connect: a connect that waits, for a listener takes no more connections, and that a
 * signal interrupts after 300 ms: its outcome, and whether it took less than 10 s.
 */
#include "harness.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

static void handler(int number)
{
	(void)number;
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval timer = { .it_value.tv_usec = 300 * 1000 };
	int port, result = 0;
	time_t begin = time(NULL);

	listener("127.0.0.1", 0, &port);
	sigaction(SIGALRM, &action, NULL);
	/* One or two still fit. */
	for (int i = 0; i < 8 && result == 0; i++) {
		setitimer(ITIMER_REAL, &timer, NULL);
		result = connect_to(open_socket("tcp4"), "127.0.0.1", port);
	}
	printf("%s %s\n", result < 0 && errno == EINTR ? "EINTR" : outcome(result),
	       time(NULL) - begin < 10 ? "soon" : "late");
	return 0;
}
