/*
 * timer_binds COUNT restart|interrupt: binds so many UDP sockets while a timer of 50 us sends signals,
 * whose handler is there with SA_RESTART or without. A call that says EINTR is made again, which
 * succeeds if the first one has done nothing. How many did not succeed, and whether signals came:
 * "none" or "some".
 */
#include "harness.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t came;

static void handler(int number)
{
	(void)number;
	came = 1;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler };
	struct itimerval timer = { .it_interval.tv_usec = 50, .it_value.tv_usec = 50 };
	int failed = 0, restart;

	if (argc != 3)
		return 2;
	restart = strcmp(argv[2], "restart") == 0;
	action.sa_flags = restart ? SA_RESTART : 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < atoi(argv[1]); i++) {
		int fd = open_socket("udp4"), result;

		do
			result = bind_to(fd, "0.0.0.0", 0);
		while (result < 0 && errno == EINTR && !restart);
		if (result < 0)
			failed++;
		close(fd);
	}
	printf("%d %s\n", failed, came ? "some" : "none");
	return 0;
}
