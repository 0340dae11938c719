/*
 * differential FILE young|old SINK-PORT: interprets the programs of socket calls in FILE,
 * each in a process of its own, and prints for each call what it returned, or the errno's name, and
 * the socket's own address afterwards, and an empty line after each program. With "old" those
 * processes come from one that has sent many datagrams.
 *
 * A line of FILE is a call on one of a few sockets, which are numbered from 0; "fork" before it has
 * a child do it; an empty line ends a program. A socket address is written as FAMILY ADDRESS PORT
 * LENGTH, "-" means none.
 *
 *	socket N FAMILY TYPE PROTOCOL		close N			dup N NEW
 *	setsockopt N LEVEL OPTION VALUE		listen N		connect N TO
 *	bind N TO				sendto|sendmsg|sendmmsg|fastopen N TO SOURCE
 *	burst N TO				(70 times sendto)
 *
 * What is sent to the peer is the number of the program and that of the call. A connection is told
 * by a write of both, which no library and no hook sees.
 */
#include "harness.h"
#include "pktinfo.h"
#include "raw.h"
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { SLOTS = 4, BURST = 70 };

/* Longer than any sockaddr that the kernel takes. */
union name {
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	char bytes[192];
};

static int slots[SLOTS] = { -1, -1, -1, -1 };
static struct {
	uint32_t program, call;
} tag;

static int number(void)
{
	const char *word = strtok(NULL, " ");

	return word ? atoi(word) : 0;
}

/* Reads FAMILY ADDRESS PORT LENGTH, or "-". Returns the length, or -1 for none. */
static int read_name(union name *name)
{
	const char *word = strtok(NULL, " "), *address;
	struct sockaddr_storage storage;

	memset(name, 0, sizeof(*name));
	if (!word || strcmp(word, "-") == 0)
		return -1;
	address = strtok(NULL, " ");
	make_sockaddr(&storage, address, number());
	memcpy(name, &storage, sizeof(storage));
	name->in.sin_family = (sa_family_t)atoi(word);
	return number();
}

static long send_message(const char *how, int fd, union name *to, int length)
{
	struct iovec data = { &tag, sizeof(tag) };
	const char *source = strtok(NULL, " ");
	struct mmsghdr message;
	union control control;

	memset(&message, 0, sizeof(message));
	if (length >= 0)
		address_message(&message.msg_hdr, to, (socklen_t)length, &data);
	else
		address_message(&message.msg_hdr, NULL, 0, &data);
	choose_source(&message.msg_hdr, &control, source ? source : "-");
	if (strcmp(how, "sendmmsg") == 0)
		return sendmmsg(fd, &message, 1, MSG_NOSIGNAL);
	return sendmsg(fd, &message.msg_hdr, MSG_NOSIGNAL);
}

static long send_burst(int fd, union name *to, int length)
{
	long result = 0;

	for (int i = 0; i < BURST && result >= 0; i++)
		result = sendto(fd, &tag, sizeof(tag), MSG_NOSIGNAL, (struct sockaddr *)to,
				(socklen_t)length);
	return result;
}

static long open_slot(int slot)
{
	int family = number(), type = number(), protocol = number();
	struct linger at_once = { .l_onoff = 1 };

	close(slots[slot]);
	slots[slot] = socket(family, type, protocol);
	if (slots[slot] >= 0 && type == SOCK_STREAM)
		setsockopt(slots[slot], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	return slots[slot] < 0 ? -1 : 0;
}

static long connect_slot(int fd, const union name *to, int length)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int result = connect(fd, (const struct sockaddr *)to, (socklen_t)length), number = errno;
	int type = 0;
	socklen_t type_size = sizeof(type);

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size);
	if (result == 0 && type == SOCK_STREAM && getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
		raw_call(SYS_write, fd, (long)&tag, sizeof(tag));
	errno = number;
	return result;
}

static long do_call(const char *call, int slot)
{
	int fd = slots[slot], level, option, value, length;
	union name name;

	if (strcmp(call, "socket") == 0)
		return open_slot(slot);
	if (strcmp(call, "close") == 0) {
		slots[slot] = -1;
		return close(fd);
	}
	if (strcmp(call, "dup") == 0) {
		slot = number();
		close(slots[slot]);
		slots[slot] = dup(fd);
		return slots[slot] < 0 ? -1 : 0;
	}
	if (strcmp(call, "setsockopt") == 0) {
		level = number();
		option = number();
		value = number();
		return setsockopt(fd, level, option, &value, sizeof(value));
	}
	if (strcmp(call, "listen") == 0)
		return listen(fd, 8);
	length = read_name(&name);
	if (strcmp(call, "bind") == 0)
		return bind(fd, (struct sockaddr *)&name, (socklen_t)length);
	if (strcmp(call, "connect") == 0)
		return connect_slot(fd, &name, length);
	if (strcmp(call, "burst") == 0)
		return send_burst(fd, &name, length);
	if (strcmp(call, "sendto") == 0 && length < 0)
		return send(fd, &tag, sizeof(tag), MSG_NOSIGNAL);
	if (strcmp(call, "sendto") == 0)
		return sendto(fd, &tag, sizeof(tag), MSG_NOSIGNAL, (struct sockaddr *)&name,
			      (socklen_t)length);
	if (strcmp(call, "fastopen") == 0)
		return sendto(fd, &tag, sizeof(tag), MSG_NOSIGNAL | MSG_FASTOPEN,
			      (struct sockaddr *)&name, (socklen_t)length);
	return send_message(call, fd, &name, length);
}

static void one_call(char *line)
{
	const char *call = strtok(line, " ");
	int slot = number();
	long result = do_call(call, slot);

	if (result < 0)
		printf("%s", errno_name(errno));
	else
		printf("%ld", result);
	if (slots[slot] < 0)
		puts(" -");
	else
		print_local(slots[slot]), puts("");
}

static void in_child(void (*what)(char *), char *text)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		/* No call takes so long; what it prints is missing then. */
		alarm(5);
		what(text);
		fflush(stdout);
		_exit(0);
	}
	if (waitpid(child, NULL, 0) < 0)
		die("child");
}

/* The lines up to an empty one. */
static void one_program(char *text)
{
	char *end;

	for (tag.call = 0; *text != '\n' && (end = strchr(text, '\n')); text = end + 1, tag.call++) {
		*end = '\0';
		if (strncmp(text, "fork ", 5) == 0)
			in_child(one_call, text + 5);
		else
			one_call(text);
	}
}

static void grow_old(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < BURST; i++)
		if (sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			die("old");
	close(fd);
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text;
	long size;

	if (!file || fseek(file, 0, SEEK_END) < 0)
		die(path);
	size = ftell(file);
	rewind(file);
	text = calloc((size_t)size + 1, 1);
	if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
		die(path);
	fclose(file);
	return text;
}

int main(int argc, char **argv)
{
	char *text, *end;

	if (argc < 4)
		return 2;
	text = read_file(argv[1]);
	if (strcmp(argv[2], "old") == 0)
		grow_old(atoi(argv[3]));
	for (; (end = strstr(text, "\n\n")); text = end + 2, tag.program++) {
		in_child(one_program, text);
		puts("");
	}
	return 0;
}
