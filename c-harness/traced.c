/*
 * traced KIND ADDRESS PORT CALL...: the calls one after the other on one socket, the last of them
 * between two calls of sched_yield(2), by which it is found in a trace. CALL is
 *
 *	bind=ADDRESS	with any port
 *	connect, sendto, sendmsg, sendmmsg	to ADDRESS PORT; sendmmsg two messages
 *	sendmsg=SOURCE	from a source that a control message chooses
 *	sendto*COUNT
 *	unspec		sendto to ADDRESS PORT, of family AF_UNSPEC
 *	dissolve, listen
 *	reach, accept	a connection from elsewhere to the listening socket, and to take it
 *	socket		a new socket of the kind, with which it goes on
 *	unix		a socket of AF_UNIX, with which it goes on
 *	name		bind to a name of that family
 *	first		comes first: before the others no option of a socket is set, as otherwise
 *	heap		from now on the address is in memory from malloc(3), not on the stack
 *	mptcp		a new MPTCP socket
 */
#include "harness.h"
#include "pktinfo.h"
#include "raw.h"
#include <sched.h>
#include <sys/syscall.h>
#include <sys/un.h>

static struct sockaddr_storage *to;
static socklen_t to_length;
static int pid;

static void send_by_message(int fd, int count, const char *source)
{
	struct iovec data = { "x", 1 };
	struct mmsghdr messages[2];
	union control control;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < 2; i++)
		address_message(&messages[i].msg_hdr, to, to_length, &data);
	choose_source(&messages[0].msg_hdr, &control, source);
	if (count == 1)
		sendmsg(fd, &messages[0].msg_hdr, 0);
	else
		sendmmsg(fd, messages, 2, 0);
}

static void send_times(int fd, int count)
{
	while (count-- > 0)
		sendto(fd, "x", 1, MSG_NOSIGNAL, (const struct sockaddr *)to, to_length);
}

static void send_unspec(int fd)
{
	struct sockaddr_storage unspec = *to;

	unspec.ss_family = AF_UNSPEC;
	sendto(fd, "x", 1, MSG_NOSIGNAL, (const struct sockaddr *)&unspec, to_length);
}

static void bind_name(int fd)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "ipaddr-traced-%d", pid);
	bind(fd, (const struct sockaddr *)&name, sizeof(name));
}

/* By raw system calls, which no library sees. */
static void reach(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int other = (int)raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0);

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0 ||
	    raw_call(SYS_connect, other, (long)&address, (long)length) < 0)
		exit(2);
}

static int call(int fd, const char *kind, char *what)
{
	if (strncmp(what, "bind=", 5) == 0)
		bind_to(fd, what + 5, 0);
	else if (strcmp(what, "connect") == 0)
		connect(fd, (const struct sockaddr *)to, to_length);
	else if (strcmp(what, "dissolve") == 0)
		dissolve(fd);
	else if (strcmp(what, "listen") == 0)
		listen(fd, 5);
	else if (strcmp(what, "reach") == 0)
		reach(fd);
	else if (strcmp(what, "accept") == 0)
		accept(fd, NULL, NULL);
	else if (strcmp(what, "sendmmsg") == 0)
		send_by_message(fd, 2, "-");
	else if (strncmp(what, "sendmsg", 7) == 0)
		send_by_message(fd, 1, what[7] == '=' ? what + 8 : "-");
	else if (strcmp(what, "unspec") == 0)
		send_unspec(fd);
	else if (strcmp(what, "name") == 0)
		bind_name(fd);
	else if (strcmp(what, "unix") == 0)
		return socket(AF_UNIX, SOCK_STREAM, 0);
	else if (strcmp(what, "socket") == 0)
		return open_socket(kind);
	else if (strcmp(what, "first") == 0)
		return fd;
	else if (strcmp(what, "heap") == 0)
		to = memcpy(malloc(sizeof(*to)), to, sizeof(*to));
	else if (strcmp(what, "mptcp") == 0)
		return socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	else if (strncmp(what, "sendto", 6) == 0)
		send_times(fd, what[6] == '*' ? atoi(what + 7) : 1);
	else
		exit(2);
	return fd;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage on_stack;
	int fd = open_socket(argv[1]);

	pid = (int)getpid();
	to = &on_stack;
	to_length = make_sockaddr(to, argv[2], atoi(argv[3]));
	/* By then the library knows that it may set one too. */
	if (argc > 4 && strcmp(argv[4], "first") != 0)
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	for (int i = 4; i < argc; i++) {
		int last = i == argc - 1;

		if (last)
			sched_yield();
		fd = call(fd, argv[1], argv[i]);
		if (last)
			sched_yield();
	}
	return 0;
}
