/*
 * many_datagrams CASE: after many sends on one socket, a socket comes in some other way, and sends:
 * where from. Sockets are made, bound and passed on by raw system calls where the case is about one
 * that no library has seen.
 *
 * many_datagrams descriptors early|late name|clone|clone3: a child by clone(2) shares the
 * descriptors and not the memory, and opens a socket.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "pass.h"
#include "raw.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int receiver;
static struct sockaddr_storage to;
static socklen_t to_length;

static void send_from(int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char text[INET_ADDRSTRLEN], byte;

	if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, to_length) < 0) {
		printf("%s ", errno_name(errno));
		return;
	}
	if (recvfrom(receiver, &byte, 1, 0, (struct sockaddr *)&from, &length) < 0)
		die("recvfrom");
	printf("%s ", inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)));
}

static void send_many(int fd)
{
	char byte;

	for (int i = 0; i < 200; i++)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, to_length) < 0 ||
		    recv(receiver, &byte, 1, 0) < 0)
			die("many");
}

static int unseen_socket(void)
{
	return (int)raw_call(SYS_socket, AF_INET, SOCK_DGRAM, 0);
}

static int new_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static pthread_barrier_t barrier;

static void *own_descriptors(void *unused)
{
	int fd;

	(void)unused;
	if (unshare(CLONE_FILES) < 0)
		die("unshare");
	fd = new_socket();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	send_from(fd);
	return NULL;
}

/* A byte each way between two that share their descriptors or their memory. */
static int to_child[2], from_child[2];

static void tell(int pipe_end)
{
	char byte = 0;

	if (write(pipe_end, &byte, 1) != 1)
		_exit(2);
}

static void await(int pipe_end)
{
	char byte;

	if (read(pipe_end, &byte, 1) != 1)
		_exit(2);
}

static int shared_socket;

/*
 * Shares the descriptors and not the memory. It gives up what it knows itself, by a socket of both
 * families, so the next is not bound.
 */
static int child_with_descriptors(void *unused)
{
	(void)unused;
	await(to_child[0]);
	close(socket(AF_INET6, SOCK_DGRAM, 0));
	if (new_socket() < 0)
		_exit(2);
	tell(from_child[1]);
	await(to_child[0]);
	_exit(0);
}

/* Shares the memory and not the descriptors. */
static int child_with_memory(void *unused)
{
	(void)unused;
	shared_socket = new_socket();
	tell(from_child[1]);
	await(to_child[0]);
	send_from(shared_socket);
	tell(from_child[1]);
	await(to_child[0]);
	_exit(0);
}

static char stack[64 * 1024] __attribute__((aligned(16)));

static pid_t clone_by(const char *how, int (*child)(void *), int flags)
{
	struct {
		unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, others[3];
	} arguments = { .flags = (unsigned long long)flags, .exit_signal = SIGCHLD };
	pid_t pid;

	fflush(stdout);
	if (strcmp(how, "name") == 0)
		return clone(child, stack + sizeof(stack), flags | SIGCHLD, NULL);
	pid = (pid_t)(strcmp(how, "clone3") == 0 ?
			      syscall(SYS_clone3, &arguments, sizeof(arguments)) :
			      syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0));
	if (pid == 0)
		child(NULL);
	return pid;
}

/* WHEN descriptors HOW: a child by HOW, before or after the many sends, shares the descriptors. */
static void share_descriptors(const char *when, const char *how, int fd)
{
	int early = strcmp(when, "early") == 0, of_child;
	pid_t child = 0;

	if (early)
		child = clone_by(how, child_with_descriptors, CLONE_FILES);
	send_many(fd);
	if (!early)
		child = clone_by(how, child_with_descriptors, CLONE_FILES);
	if (child < 0)
		die("clone");
	/* The number that the child's socket will get. */
	of_child = dup(0);
	close(of_child);
	tell(to_child[1]);
	await(from_child[0]);
	send_from(of_child);
	tell(to_child[1]);
	waitpid(child, NULL, 0);
}

static void share_memory(int fd)
{
	pid_t child = clone_by("name", child_with_memory, CLONE_VM);

	if (child < 0)
		die("clone");
	await(from_child[0]);
	send_many(fd);
	tell(to_child[1]);
	await(from_child[0]);
	tell(to_child[1]);
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int fd, other, unseen = -1, inet6 = -1, only = 1;
	pid_t child;

	receiver = new_socket();
	to_length = sizeof(to);
	if (bind_to(receiver, "127.0.0.1", 0) < 0 ||
	    getsockname(receiver, (struct sockaddr *)&to, &to_length) < 0)
		die("receiver");
	fd = new_socket();
	if (strcmp(what, "inherited") == 0 || strcmp(what, "duplicated") == 0)
		unseen = unseen_socket();
	if (strcmp(what, "bound elsewhere") == 0) {
		struct sockaddr_in wildcard = { .sin_family = AF_INET };

		unseen = unseen_socket();
		raw_call(SYS_bind, unseen, (long)&wildcard, sizeof(wildcard));
	}
	if (strncmp(what, "inet6 only", 10) == 0) {
		inet6 = socket(AF_INET6, SOCK_DGRAM, 0);
		if (setsockopt(inet6, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
			die("IPV6_V6ONLY");
		if (strcmp(what, "inet6 only, not bound") != 0 && bind_to(inet6, "::", 0) < 0)
			die("bind to ::");
	}
	if (strcmp(what, "vfork") == 0) {
		child = vfork();
		if (child == 0) {
			send_many(fd);
			_exit(0);
		}
		waitpid(child, NULL, 0);
		send_from(new_socket());
		puts("");
		return 0;
	}
	if (pipe(to_child) < 0 || pipe(from_child) < 0)
		die("pipe");
	if (argc == 4) {
		share_descriptors(argv[2], argv[3], fd);
		puts("");
		return 0;
	}
	if (strcmp(what, "memory") == 0) {
		share_memory(fd);
		puts("");
		return 0;
	}
	if (strcmp(what, "unshare") == 0) {
		pthread_t thread;

		pthread_barrier_init(&barrier, NULL, 2);
		pthread_create(&thread, NULL, own_descriptors, NULL);
		pthread_barrier_wait(&barrier);
		send_many(fd);
		pthread_barrier_wait(&barrier);
		pthread_join(thread, NULL);
		puts("");
		return 0;
	}
	if (strcmp(what, "many descriptors") == 0)
		for (int i = 0; i < 300; i++)
			dup(0);
	send_many(fd);

	other = new_socket();
	printf("new:");
	print_local(other);
	printf(" from ");
	send_from(other);
	if (strcmp(what, "inherited") == 0 || strcmp(what, "bound elsewhere") == 0) {
		send_from(unseen);
	} else if (strcmp(what, "duplicated") == 0) {
		/* Onto a number that has sent before. */
		raw_call(SYS_dup3, unseen, fd, 0);
		send_from(fd);
	} else if (strncmp(what, "passed ", 7) == 0) {
		/* The number of one that has sent before, closed behind everybody's back. */
		int passed = unseen_socket();

		raw_call(SYS_close, fd, 0, 0);
		send_from(pass(passed, what + 7));
	} else if (strcmp(what, "closed") == 0) {
		raw_call(SYS_close, fd, 0, 0);
		send_from(fd);
		send_from(new_socket());
	} else if (strcmp(what, "getfd") == 0) {
		int pipes[2], pidfd;

		if (pipe(pipes) < 0)
			die("pipe");
		child = fork();
		if (child == 0) {
			unseen = unseen_socket();
			if (write(pipes[1], &unseen, sizeof(unseen)) < 0)
				_exit(1);
			pause();
		}
		if (read(pipes[0], &unseen, sizeof(unseen)) < 0)
			die("read");
		pidfd = (int)syscall(SYS_pidfd_open, child, 0);
		send_from((int)syscall(SYS_pidfd_getfd, pidfd, unseen, 0));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	} else if (strcmp(what, "inet6 only, then not") == 0) {
		/* No port was chosen, so dissolving gives it up, and without one it can change. */
		only = 0;
		if (connect_to(inet6, "::1", 9) < 0 || dissolve(inet6) < 0 ||
		    setsockopt(inet6, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
			die("IPV6_V6ONLY");
		send_from(inet6);
	} else if (strcmp(what, "inet6") == 0) {
		send_from(socket(AF_INET6, SOCK_DGRAM, 0));
		send_from(new_socket());
	} else if (strcmp(what, "refused") == 0) {
		/* No broadcasting without SO_BROADCAST. */
		printf("%s ", outcome(connect_to(other = new_socket(), "255.255.255.255", 9)));
		send_from(other);
	} else if (strcmp(what, "dissolved") == 0) {
		other = new_socket();
		if (connect_to(other, "127.0.0.1", 9) < 0 || dissolve(other) < 0)
			die("dissolve");
		send_from(other);
	} else if (strcmp(what, "bound") == 0) {
		for (int i = 0; i < 2; i++) {
			struct sockaddr_in local;
			socklen_t length = sizeof(local);

			other = new_socket();
			printf("%s ", outcome(bind_to(other, i ? "127.0.0.1" : "0.0.0.0", 0)));
			getsockname(other, (struct sockaddr *)&local, &length);
			printf("%s ", local.sin_port ? "port" : "no-port");
			send_from(other);
		}
	} else if (strcmp(what, "in use") == 0) {
		struct sockaddr_in local;
		socklen_t length = sizeof(local);

		/* The bind that fails takes the address away. */
		getsockname(fd, (struct sockaddr *)&local, &length);
		other = new_socket();
		printf("%s ", outcome(bind_to(other, "0.0.0.0", ntohs(local.sin_port))));
		send_from(other);
	} else if (strcmp(what, "fork") == 0) {
		fflush(stdout);
		child = fork();
		if (child == 0) {
			send_from(other);
			send_from(new_socket());
			fflush(stdout);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	puts("");
	return 0;
}
