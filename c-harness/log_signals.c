/*
 * log_signals [pending]: a bind that is refused, and so a line in the log; then what came of the
 * signals that its write may raise: how often a handler ran, whether the mask is the same, and how
 * many SIGPIPE are pending. With `pending` SIGPIPE is blocked, and one pending, from before.
 */
#include "harness.h"

#include <signal.h>

static volatile sig_atomic_t handled;

static void handler(int number)
{
	(void)number;
	handled++;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler };
	struct timespec now = { 0, 0 };
	sigset_t pipe, before, after;
	int same = 1, pending = 0, fd;

	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
	sigaction(SIGTTOU, &action, NULL);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (argc > 1 && strcmp(argv[1], "pending") == 0) {
		sigprocmask(SIG_BLOCK, &pipe, NULL);
		raise(SIGPIPE);
	}
	sigprocmask(SIG_BLOCK, NULL, &before);
	fd = open_socket("tcp4");
	printf("%s", outcome(bind_to(fd, "127.0.0.99", 0)));
	sigprocmask(SIG_BLOCK, NULL, &after);
	for (int number = 1; number < SIGRTMIN; number++)
		same &= sigismember(&before, number) == sigismember(&after, number);
	sigprocmask(SIG_BLOCK, &pipe, NULL);
	while (sigtimedwait(&pipe, NULL, &now) == SIGPIPE)
		pending++;
	printf(" handled %d mask %s pending %d\n", handled, same ? "same" : "other", pending);
	return 0;
}
