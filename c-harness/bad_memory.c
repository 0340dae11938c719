/*
 * bad_memory PORT [accept]: the calls that take pointers, each with pointers to memory that can't be
 * read, or not as far as it has to be, or (accept: only those) can't be written; the outcome of each,
 * a line for each kind of memory. PORT of 127.0.0.1 takes datagrams.
 */
#include "harness.h"
#include "raw.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 65536 }; /* no machine has larger ones */

static struct sockaddr_storage to;
static socklen_t to_length;
static struct iovec data = { "x", 1 };
static int port;

/* musl reads a message before the kernel does, and dies. */
static int send_message(int fd, const struct msghdr *message)
{
#ifdef __GLIBC__
	return (int)sendmsg(fd, message, 0);
#else
	return (int)syscall(SYS_sendmsg, fd, message, 0);
#endif
}

static int send_messages(int fd, struct mmsghdr *messages, unsigned int count)
{
#ifdef __GLIBC__
	return sendmmsg(fd, messages, count, 0);
#else
	return (int)syscall(SYS_sendmmsg, fd, messages, count, 0);
#endif
}

static void say(const char *what, int result)
{
	printf(" %s:%s", what, outcome(result));
}

static struct msghdr message(void)
{
	return (struct msghdr){ .msg_name = &to, .msg_namelen = to_length, .msg_iov = &data,
				.msg_iovlen = 1 };
}

static void many(const char *what, int fd, struct mmsghdr second)
{
	struct mmsghdr two[2] = { { .msg_hdr = message() }, second };
	int result = send_messages(fd, two, 2);

	printf(" %s:%s,%d", what, outcome(result), result);
}

static void send_calls(int fd, void *at)
{
	struct mmsghdr bad = { .msg_hdr = message() };

	say("sendto", (int)sendto(fd, "x", 1, 0, at, to_length));
	say("number", (int)syscall(SYS_sendto, fd, "x", 1, 0, at, to_length));
	say("sendmsg", send_message(fd, at));
	say("sendmmsg", send_messages(fd, at, 2));
	bad.msg_hdr.msg_name = at;
	say("name", send_message(fd, &bad.msg_hdr));
	say("first", send_messages(fd, &bad, 1));
	many("second", fd, bad);
	for (size_t length = 16; length <= 1024; length *= 64) {
		bad.msg_hdr = message();
		bad.msg_hdr.msg_control = at;
		bad.msg_hdr.msg_controllen = length;
		say("control", send_message(fd, &bad.msg_hdr));
		say("first", send_messages(fd, &bad, 1));
		many("second", fd, bad);
	}
}

/* Calls with a pointer to a sockaddr, a message and so on; each on a socket of its own. */
static void calls(const char *kind, void *at)
{
	int tcp = open_socket("tcp4"), udp = open_socket("udp4"), six = open_socket("udp6");

	printf("%s", kind);
	say("bind", bind(tcp, at, to_length));
	say("number", (int)syscall(SYS_bind, tcp, at, to_length));
	say("connect", connect(tcp, at, to_length));
	say("dissolve", connect(udp, at, to_length));
	say("descriptor", bind(-1, at, to_length));
	say("file", connect(0, at, to_length));
	say("length", bind(tcp, at, 1));
	say("long", connect(tcp, at, 200));
	say("option", setsockopt(six, IPPROTO_IPV6, IPV6_PKTINFO, at, 20));
	send_calls(udp, at);
	puts("");
	fflush(stdout);
	close(tcp);
	close(udp);
	close(six);
}

static void *on_guard;

static void handler(int number)
{
	int fd = open_socket("udp4");

	(void)number;
	printf("signal");
	say("bind", bind(fd, on_guard, to_length));
	say("connect", connect(fd, on_guard, to_length));
	send_calls(fd, on_guard);
	puts("");
	close(fd);
}

static char *map(size_t length, int protection)
{
	char *pages = mmap(NULL, length, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		die("mmap");
	return pages;
}

/* A handler whose stack ends where memory ends: what is above a stack pointer need not be stack. */
static void on_signal_stack(void)
{
	char *pages = map(3 * PAGE, PROT_READ | PROT_WRITE);
	stack_t stack = { .ss_sp = pages, .ss_size = 2 * PAGE };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	on_guard = pages + 2 * PAGE;
	mprotect(on_guard, PAGE, PROT_NONE);
	if (sigaltstack(&stack, NULL) < 0 || sigaction(SIGUSR1, &action, NULL) < 0)
		die("sigaltstack");
	raise(SIGUSR1);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
}

/* A connection waits; what accept says of these pointers, and whether the program stays whole. */
static void accepts(const char *kind, void *address, socklen_t *length)
{
	char text[ENDPOINT_LENGTH];
	int own, fd = listener("127.0.0.1", 5, &own);
	struct sockaddr_storage there;
	socklen_t there_length = make_sockaddr(&there, "127.0.0.1", own);

	for (int i = 0; i < 3; i++) {
		int other = (int)raw_call(SYS_socket, AF_INET, SOCK_STREAM, 0), got;

		if (raw_call(SYS_connect, other, (long)&there, (long)there_length) < 0)
			die("connect");
		got = i == 0 ? accept(fd, address, length)
		    : i == 1 ? accept4(fd, address, length, 0)
			     : (int)syscall(SYS_accept, fd, address, length);
		printf(" %s:%s", kind, outcome(got));
		if (got >= 0)
			printf(",%s", strchr(peer_endpoint(text, got), ' ') ? "peer" : "-");
		close(got);
		close(other);
	}
	close(fd);
}

static void all_accepts(char *none, char *unmapped, char *read_only, char *end)
{
	static struct sockaddr_storage there;
	static socklen_t length = sizeof(there), nothing, negative = (socklen_t)-1;
	socklen_t here = sizeof(there);

	accepts("neither", NULL, NULL);
	accepts("no-address", NULL, &length);
	accepts("no-length", (void *)&there, NULL);
	accepts("both", (void *)&there, &length);
	printf(",%u", length);
	accepts("stack", (void *)&there, &here);
	for (int i = 0; i < 3; i++) {
		char *bad = i == 0 ? none : i == 1 ? unmapped : read_only;

		length = sizeof(there);
		accepts("address", (void *)bad, &length);
		accepts("length", (void *)&there, (void *)bad);
	}
	length = sizeof(there);
	accepts("straddles", (void *)(end - 8), &length);
	length = 8;
	accepts("cut", (void *)(end - 8), &length);
	accepts("nothing", (void *)none, &nothing);
	accepts("negative", (void *)&there, &negative);
	puts("");
}

int main(int argc, char **argv)
{
	char *pages = map(4 * PAGE, PROT_READ | PROT_WRITE), *end = pages + PAGE;
	char *none = pages + PAGE, *unmapped = pages + 2 * PAGE, *read_only = pages + 3 * PAGE;

	if (argc < 2)
		return 2;
	port = atoi(argv[1]);
	to_length = make_sockaddr(&to, "127.0.0.1", port);
	memcpy(read_only, &to, to_length);
	if (mprotect(none, PAGE, PROT_NONE) < 0 || munmap(unmapped, PAGE) < 0 ||
	    mprotect(read_only, PAGE, PROT_READ) < 0)
		die("mprotect");
	if (argc > 2) {
		all_accepts(none, unmapped, read_only, end);
		return 0;
	}
	calls("none", none);
	calls("within", none + 100);
	calls("unmapped", unmapped);
	calls("last", (void *)-1L);
	calls("lowest", (void *)8);
	/* On aarch64 the top byte is a tag: this is address 0. */
	calls("tagged", (void *)(1UL << 63));
	calls("tagged", (void *)(1UL << 55));
	memset(pages, 0, PAGE);
	for (int before = 1; before <= 15; before += 7) {
		memcpy(end - before, &to, (size_t)before);
		calls("straddles", end - before);
	}
	/* The last bytes that can be read are read. */
	memcpy(end - to_length, &to, to_length);
	printf("fits");
	for (int i = 0; i < 3; i++) {
		int fd = open_socket("udp4");
		struct mmsghdr one = { .msg_hdr = message() };

		one.msg_hdr.msg_name = i == 2 ? read_only : end - to_length;
		say("connect", connect(fd, one.msg_hdr.msg_name, to_length));
		say("sendto", (int)sendto(fd, "x", 1, 0, one.msg_hdr.msg_name, to_length));
		if (i == 1)
			say("sendmmsg", send_messages(fd, &one, 1));
		say("sendmsg", send_message(fd, &one.msg_hdr));
		close(fd);
	}
	puts("");
	fflush(stdout);
	on_signal_stack();
	return 0;
}
