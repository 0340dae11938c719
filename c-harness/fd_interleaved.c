/*
 * fd_interleaved NUMBER: binds a socket again and again; another thread puts a file on descriptor
 * NUMBER ("lowest" is the lowest free one) by dup2 in the middle of a bind, each time before or after
 * another of its system calls, and checks after the bind whether it is still there. Prints at which
 * points the descriptor was lost and how many points there were, how many binds failed, and how many
 * descriptors are open at the end that weren't at the beginning. A parent that traces the main thread,
 * and not the other, sees to the order.
 */
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* See ptrace(2). */
#define GET_SYSCALL_INFO 0x420e
struct syscall_info {
	uint8_t op, padding[3];
	uint32_t arch;
	uint64_t ip, sp;
	uint64_t number, arguments[6];
};
enum { ENTRY = 1, EXIT = 2 };

/* What the other thread is told to do, and what it answers: 1 if it could, or if the file is there. */
enum { PUT = 'p', CHECK = 'c' };

static int orders[2], answers[2], source, lowest;

static struct {
	int failed, open;
} *result;

static int is_there(void)
{
	struct stat expected, found;

	return !fstat(source, &expected) && !fstat(lowest, &found) &&
	       expected.st_ino == found.st_ino && expected.st_dev == found.st_dev;
}

static void *obey(void *unused)
{
	char order, answer;

	while (read(orders[0], &order, 1) == 1) {
		if (order == PUT) {
			answer = dup2(source, lowest) == lowest;
		} else {
			answer = is_there();
			close(lowest);
		}
		if (write(answers[1], &answer, 1) != 1)
			break;
	}
	return unused;
}

static int count_open(void)
{
	int count = 0;

	for (int number = 0; number < 2048; number++)
		count += fcntl(number, F_GETFD) >= 0;
	return count;
}

/* The traced process: each round is marked by sched_yield before and after it. */
static void binds(int rounds_left)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	int before = count_open();
	pthread_t thread;

	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || pthread_create(&thread, NULL, obey, NULL))
		_exit(3);
	raise(SIGSTOP);
	while (rounds_left--) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		/* Where it is not in the way. */
		if (fd < 0 || dup2(fd, 500) != 500 || close(fd))
			_exit(3);
		sched_yield();
		result->failed += !!bind(500, (struct sockaddr *)&own, sizeof(own));
		sched_yield();
		close(500);
	}
	result->open = count_open() - before;
	_exit(0);
}

static int order_other(char order)
{
	char answer;

	if (write(orders[1], &order, 1) != 1 || read(answers[0], &answer, 1) != 1)
		die("pipe");
	return answer;
}

static const char *name(uint64_t number)
{
	static char other[32];

	switch (number) {
	case SYS_openat: return "openat";
	case SYS_fcntl: return "fcntl";
	case SYS_read: return "read";
	case SYS_pread64: return "pread";
	case SYS_close: return "close";
	}
	snprintf(other, sizeof(other), "%llu", (unsigned long long)number);
	return other;
}

int main(int argc, char **argv)
{
	enum { ROUNDS = 200 };
	int status, marks = 0, point = 0, wanted = 1, points = 0, put = 0;
	uint64_t number = 0;
	char at[32] = "";
	pid_t child;

	if (argc != 2 || pipe(orders) || pipe(answers))
		die("usage: fd_interleaved NUMBER");
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	source = open("/dev/null", O_RDWR);
	lowest = strcmp(argv[1], "lowest") ? atoi(argv[1]) : source + 1;
	child = fork();
	if (!child)
		binds(ROUNDS);
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
		printf("can't trace\n");
		return 3;
	}
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	printf("lost:");
	for (;;) {
		struct syscall_info info = { 0 };
		int is_mark;

		ptrace(PTRACE_SYSCALL, child, 0, 0);
		if (waitpid(child, &status, 0) != child)
			die("waitpid");
		if (WIFEXITED(status))
			break;
		if (WIFSIGNALED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(GET_SYSCALL_INFO, child, sizeof(info), &info) < 0) {
			printf("can't trace\n");
			return 3;
		}
		if (info.op == ENTRY)
			number = info.number;
		is_mark = number == SYS_sched_yield;
		if (is_mark && info.op == EXIT) {
			marks++;
			point = 0;
			if (marks % 2 == 0 && put) {
				if (!order_other(CHECK))
					printf(" %s", at);
				put = 0;
				wanted++;
			}
		} else if (!is_mark && marks % 2 && ++point == wanted) {
			put = order_other(PUT);
			points++;
			snprintf(at, sizeof(at), info.op == ENTRY ? ">%s" : "%s>", name(number));
		}
	}
	printf("\npoints: %d failed: %d open: %d\n", points, result->failed, result->open);
	return 0;
}
