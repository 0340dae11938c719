/*
 * signal_connect PORT ADDRESS: a handler on a small signal stack connects, while the main thread connects
 * and allocates. Prints how many of the handler's connections had the expected source.
 */
#include "harness.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/time.h>

/* What a handler and the library in it may need. The kernel's own frame is above that: with SVE and SME it
   is far larger than MINSIGSTKSZ, see sigaltstack(2). */
enum { ROOM = 4608 };
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static int port;
static volatile sig_atomic_t handled, odd;
static struct in_addr expected;

static void connect_once(void)
{
	struct sockaddr_in local;
	socklen_t length = sizeof(local);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (connect_to(fd, "127.0.0.1", port) < 0 ||
	    getsockname(fd, (struct sockaddr *)&local, &length) < 0 ||
	    local.sin_addr.s_addr != expected.s_addr)
		odd++;
	close(fd);
}

static void handler(int number)
{
	int saved = errno;

	(void)number;
	connect_once();
	handled++;
	errno = saved;
}

int main(int argc, char **argv)
{
	unsigned long frame = getauxval(AT_MINSIGSTKSZ);
	size_t size = (frame ? frame : MINSIGSTKSZ) + ROOM;
	stack_t alternative = { .ss_sp = malloc(size), .ss_size = size };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART };
	struct itimerval timer = { .it_interval.tv_usec = 500, .it_value.tv_usec = 500 };

	if (argc != 3)
		return 2;
	port = atoi(argv[1]);
	inet_pton(AF_INET, argv[2], &expected);
	if (sigaltstack(&alternative, NULL) < 0)
		die("sigaltstack");
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; handled < 500 && i < 5 * 1000 * 1000; i++) {
		free(malloc((size_t)i % 5000 + 1));
		connect_once();
	}
	printf("%s odd %d\n", handled >= 500 ? "handled" : "too-few", odd);
	return 0;
}
