/*
 * container SOCKET STATE PROGRAM [ARGUMENT]...: hands the listener of a filter over as an OCI runtime
 * does, then PROGRAM runs under that filter. In STATE, a text, each % is the process's id.
 *
 * The process with the filter is a child, because its own connect and sendmsg would wait for whoever
 * has the listener. The filter traps bind, connect and sendto.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "filter.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CALL offsetof(struct seccomp_data, nr)
#define JUDGED { RETURN, 0, 0, SECCOMP_RET_USER_NOTIF }
#define IF(number) { JUMP_IF_EQUAL, 0, 1, number }

static int install(void)
{
	struct sock_filter filter[] = {
		{ LOAD_WORD, 0, 0, CALL },
		IF(SYS_bind), JUDGED,
		IF(SYS_connect), JUDGED,
		IF(SYS_sendto), JUDGED,
		{ RETURN, 0, 0, SECCOMP_RET_ALLOW },
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(*filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
		       &program);
}

static void hand_over(int agent, const char *state, pid_t pid, int listener)
{
	static char text[1 << 16];
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = { text, 0 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *header;

	for (const char *at = state; *at != '\0'; at++) {
		if (*at == '%')
			iov.iov_len += sprintf(text + iov.iov_len, "%d", pid);
		else
			text[iov.iov_len++] = *at;
	}
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &listener, sizeof(int));
	if (sendmsg(agent, &message, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		die("sendmsg");
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int numbers[2], taken[2], status, number;
	pid_t child;

	if (argc < 4 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (connect(agent, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	if (pipe(numbers) != 0 || pipe(taken) != 0)
		die("pipe");
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		close(agent);
		close(taken[1]);
		number = install();
		if (write(numbers[1], &number, sizeof(number)) != sizeof(number))
			_exit(2);
		/* The program hasn't the listener, so it has to be taken first. */
		if (read(taken[0], &number, 1) != 0)
			_exit(2);
		close(taken[0]);
		close(numbers[0]);
		close(numbers[1]);
		execv(argv[3], argv + 3);
		_exit(127);
	}
	close(numbers[1]);
	if (child < 0 || read(numbers[0], &number, sizeof(number)) != sizeof(number) || number < 0)
		die("seccomp");
	{
		int process = syscall(SYS_pidfd_open, child, 0);
		int listener = syscall(SYS_pidfd_getfd, process, number, 0);

		if (listener < 0)
			die("pidfd_getfd");
		hand_over(agent, argv[2], child, listener);
		close(process);
		close(listener);
		close(agent);
		close(taken[1]);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
