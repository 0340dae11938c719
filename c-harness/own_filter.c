/*
 * own_filter STEP...: one step after the other on the newest socket; from a filter on, any system
 * call that no later step is for kills the process. Prints the outcome of each. STEP is
 *
 *	filter=prctl, filter=seccomp, filter=number	a seccomp filter, installed in this way
 *	filter=exec	one that allows what loading a program takes too; an exec goes on with the rest
 *	filter=fails	one that the kernel refuses
 *	vfork		a child by vfork(2), which installs one for itself and ends
 *	also=bind	nothing, but a filter allows it
 *	socket=KIND	as open_socket; tcp6 and udp6 as the kernel makes them
 *	bind=ADDRESS, foreign=ADDRESS	with any port; foreign by an instruction of its own
 *	connect=ADDRESS:PORT, sendto=ADDRESS:PORT, sendto*COUNT=ADDRESS:PORT
 *	sendmsg=ADDRESS:PORT	with a control message that leaves the source to the kernel
 *	option, dissolve, listen
 *	no-port		whether IP_BIND_ADDRESS_NO_PORT is set; not with a filter that is its own
 *	local		the socket's own end, by a getsockname that only this program's pointer is for
 */
#include "harness.h"
#include "filter.h"
#include "pktinfo.h"
#include "raw.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct sockaddr_storage own_end;
static int own_value = 1;

static char said[1024];
static size_t said_length;

static void say(const char *text)
{
	said_length += (size_t)snprintf(said + said_length, sizeof(said) - said_length, "%s%s",
					said_length ? " " : "", text);
}

static void say_and_exit(int status)
{
	said[said_length++] = '\n';
	if (write(1, said, said_length) < 0)
		status = 3;
	syscall(SYS_exit_group, status);
}

static struct sock_filter code[256];
static unsigned short code_length;

static void add(unsigned short operation, unsigned int value, unsigned char yes, unsigned char no)
{
	code[code_length++] = (struct sock_filter){ operation, yes, no, value };
}

static void allow(long number)
{
	add(JUMP_IF_EQUAL, (unsigned int)number, 0, 1);
	add(RETURN, SECCOMP_RET_ALLOW, 0, 0);
}

/* Only with this pointer as an argument: the library has others. */
static void allow_own(long number, unsigned int argument, const void *pointer)
{
	unsigned int at = (unsigned int)(offsetof(struct seccomp_data, args) + 8 * argument);
	unsigned long value = (unsigned long)pointer;

	add(JUMP_IF_EQUAL, (unsigned int)number, 0, 5);
	add(LOAD_WORD, at, 0, 0);
	add(JUMP_IF_EQUAL, (unsigned int)value, 0, 3);
	add(LOAD_WORD, at + 4, 0, 0);
	add(JUMP_IF_EQUAL, (unsigned int)(value >> 32), 0, 1);
	add(RETURN, SECCOMP_RET_ALLOW, 0, 0);
}

static int is(const char *step, const char *name)
{
	size_t length = strlen(name);

	return strncmp(step, name, length) == 0 && strchr("=*", step[length]);
}

static void allow_step(const char *how, const char *step)
{
	if (is(step, "socket"))
		allow(SYS_socket);
	else if (is(step, "bind") || is(step, "also"))
		allow(SYS_bind);
	else if (is(step, "connect") || is(step, "dissolve"))
		allow(SYS_connect);
	else if (is(step, "sendto"))
		allow(SYS_sendto);
	else if (is(step, "sendmsg"))
		allow(SYS_sendmsg);
	else if (is(step, "listen"))
		allow(SYS_listen);
	else if (is(step, "option") && strcmp(how, "exec") == 0)
		allow(SYS_setsockopt);
}

static void allow_loading(void)
{
	static const long calls[] = {
		SYS_execve, SYS_brk, SYS_openat, SYS_read, SYS_pread64, SYS_fstat, SYS_newfstatat,
		SYS_mmap, SYS_mprotect, SYS_munmap, SYS_close, SYS_set_tid_address,
		SYS_set_robust_list, SYS_rseq, SYS_prlimit64, SYS_getrandom, SYS_readlinkat,
#ifdef SYS_open
		SYS_open, SYS_stat, SYS_access, SYS_arch_prctl, SYS_readlink,
#else
		SYS_faccessat,
#endif
		/* Beside what loading takes: how a file is read, and a socket queried. */
		SYS_fcntl, SYS_getsockname, SYS_getsockopt,
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		allow(calls[i]);
}

static int install(const char *how, char **steps)
{
	struct sock_fprog program = { 0, code };

	code_length = 0;
	add(LOAD_WORD, offsetof(struct seccomp_data, nr), 0, 0);
	allow(SYS_write);
	allow(SYS_exit_group);
	for (; *steps; steps++)
		allow_step(how, *steps);
	if (strcmp(how, "exec") == 0)
		allow_loading();
	else
		allow_own(SYS_getsockname, 1, &own_end);
	/* What allow_own has loaded is another word. */
	add(LOAD_WORD, offsetof(struct seccomp_data, nr), 0, 0);
	if (strcmp(how, "exec") != 0)
		allow_own(SYS_setsockopt, 3, &own_value);
	add(RETURN, SECCOMP_RET_KILL_PROCESS, 0, 0);
	program.len = strcmp(how, "fails") == 0 ? 0 : code_length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("PR_SET_NO_NEW_PRIVS");
	if (strcmp(how, "seccomp") == 0)
		return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	if (strcmp(how, "number") == 0)
		return (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	/* By an instruction of its own: what this library doesn't see. */
	if (strcmp(how, "exec") == 0)
		return (int)raw_call(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int filter_of_child(void)
{
	static char *none[] = { NULL };
	int status = -1;
	pid_t child = vfork();

	if (child == 0)
		syscall(SYS_exit_group, install("prctl", none) < 0);
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static socklen_t remote(struct sockaddr_storage *storage, const char *step)
{
	char address[64] = "";
	const char *begin = strchr(step, '=') + 1, *end = strrchr(begin, ':');

	memcpy(address, begin, (size_t)(end - begin));
	return make_sockaddr(storage, address, atoi(end + 1));
}

static int send_to(int fd, const char *step)
{
	struct sockaddr_storage to;
	socklen_t length = remote(&to, step);
	int count = step[6] == '*' ? atoi(step + 7) : 1, result = 0;

	while (count-- > 0)
		result = (int)sendto(fd, "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&to, length);
	return result;
}

static int send_message(int fd, const char *step)
{
	struct sockaddr_storage to;
	struct iovec data = { "x", 1 };
	union control control;
	struct msghdr message;

	address_message(&message, &to, remote(&to, step), &data);
	choose_source(&message, &control, "0.0.0.0");
	return (int)sendmsg(fd, &message, 0);
}

static int step_on(int fd, char *step)
{
	struct sockaddr_storage storage;
	socklen_t length = sizeof(own_end);
	char text[ENDPOINT_LENGTH];

	if (is(step, "connect")) {
		length = remote(&storage, step);
		return connect(fd, (struct sockaddr *)&storage, length);
	}
	if (is(step, "vfork"))
		return filter_of_child();
	if (is(step, "bind"))
		return bind_to(fd, step + 5, 0);
	if (is(step, "foreign")) {
		length = make_sockaddr(&storage, step + 8, 0);
		return (int)raw_call(SYS_bind, fd, (long)&storage, (long)length);
	}
	if (is(step, "sendto"))
		return send_to(fd, step);
	if (is(step, "sendmsg"))
		return send_message(fd, step);
	if (is(step, "dissolve"))
		return dissolve(fd);
	if (is(step, "listen"))
		return listen(fd, 5);
	if (is(step, "option"))
		return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &own_value, sizeof(own_value));
	if (is(step, "no-port")) {
		int on = 0;

		length = sizeof(on);
		if (getsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, &length) < 0)
			return -1;
		say(on ? "port-by-connect" : "port-by-bind");
		return 0;
	}
	if (!is(step, "local"))
		return 0;
	if (getsockname(fd, (struct sockaddr *)&own_end, &length) < 0)
		return -1;
	endpoint(text, &own_end);
	*strchr(text, ' ') = '\0';
	say(text);
	return 0;
}

/* Without the option that open_socket sets. */
static int new_socket(const char *kind)
{
	if (strchr(kind, '6'))
		return socket(AF_INET6, *kind == 't' ? SOCK_STREAM : SOCK_DGRAM, 0);
	return open_socket(kind);
}

int main(int argc, char **argv)
{
	int fd = -1;

	for (int i = 1; i < argc; i++) {
		char *step = argv[i];

		if (is(step, "socket")) {
			fd = new_socket(step + 7);
		} else if (is(step, "filter")) {
			say(outcome(install(step + 7, argv + i + 1)));
			if (strcmp(step + 7, "exec") == 0) {
				argv[i] = argv[0];
				execve(argv[0], argv + i, environ);
				die("execve");
			}
		} else {
			int result = step_on(fd, step);

			if (!is(step, "local") && !is(step, "also") && !is(step, "no-port"))
				say(outcome(result));
		}
	}
	say_and_exit(0);
	return argc;
}
