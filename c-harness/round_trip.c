/*
 * round_trip COMMAND [ARGUMENT...]
 *
 * Runs a command under a filter that traps what the guard's traps, and a supervisor that lets each
 * call go on without a look at it: what the kernel's mechanism costs by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

static int check(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "round_trip: %s: %s\n", what, strerror(errno));
		exit(125);
	}
	return (int)result;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define TRAP_IF(number, behind) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, behind, 0)

/* Returns the listener. */
static int install(void)
{
	struct sock_filter program[] = {
		LOAD(nr),
		TRAP_IF(SYS_bind, 8),
		TRAP_IF(SYS_connect, 7),
		TRAP_IF(SYS_listen, 6),
		TRAP_IF(SYS_sendmsg, 5),
		TRAP_IF(SYS_sendmmsg, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendto, 0, 2),
		/* Little-endian; no pointer has a lower half of 0. */
		LOAD(args[4]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog filter = { sizeof(program) / sizeof(*program), program };
	unsigned long flags =
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
	return check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter), "seccomp");
}

static void supervise(int listener)
{
	/* Without it, before Linux 6.6, each call takes longer. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	for (;;) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
			struct pollfd polled = { .fd = listener };

			if (poll(&polled, 1, 0) < 0 || polled.revents & POLLHUP)
				return;
			continue;
		}
		answer.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static pid_t command;

static void hand_on(int number)
{
	kill(command, number);
}

int main(int argc, char **argv)
{
	int numbers[2], go[2], number, status;
	char byte = 0;

	if (argc < 2)
		return 125;
	check(pipe(numbers), "pipe");
	check(pipe(go), "pipe");
	command = check(fork(), "fork");
	if (command == 0) {
		number = install();
		check(write(numbers[1], &number, sizeof(number)), "write");
		close(go[1]);
		check(read(go[0], &byte, 1), "read");
		close(numbers[0]);
		close(numbers[1]);
		close(go[0]);
		execvp(argv[1], argv + 1);
		check(-1, argv[1]);
	}
	close(numbers[1]);
	if (read(numbers[0], &number, sizeof(number)) != sizeof(number))
		return 125;
	number = check(syscall(SYS_pidfd_getfd, check(syscall(SYS_pidfd_open, command, 0), "pidfd_open"),
			       number, 0),
		       "pidfd_getfd");
	signal(SIGTERM, hand_on);
	check(write(go[1], &byte, 1), "write");
	supervise(number);
	check(waitpid(command, &status, 0), "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
