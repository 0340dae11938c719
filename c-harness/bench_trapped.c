/*
 * What calls take that the guard's filter traps, and some that it lets through:
 *
 *	bench_trapped getppid|read-write|udp-bind|udp-connect|tcp-connect|tcp-nonblocking|
 *	              sendto|sendmsg|unix-sendmsg
 *		The local address that the socket got, or "-", and the nanoseconds of one call,
 *		without the socket and the close that other programs have around it; all of it on
 *		one processor. The median of calls that are timed one by one: in the middle of a
 *		trapped call the processor may go to another program, and a busy machine would
 *		decide what a mean is. Those that aren't trapped take little longer than a look at
 *		the clock, so BATCH of them are timed together.
 *	bench_trapped threads COUNT MILLISECONDS
 *		How many sendto each of so many threads made in that time, on all processors.
 *	bench_trapped hold COUNT
 *		Makes so many connections to itself, one after the other, says "ready", and stays
 *		until its input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	BATCHES = 21,
	/* So many calls, and sockets that are open at once. */
	BATCH = 128,
	/* Within one listen backlog, for they are accepted after the time of their batch. */
	TCP_BATCH = 32,
	BACKLOG = 64,
	MOST_THREADS = 64,
};

static void die(const char *what)
{
	fprintf(stderr, "bench_trapped: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int check(int result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static struct sockaddr_in local(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	return address;
}

/* A socket on 127.0.0.1, which every policy allows, at a free port. */
static int target(int type)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = check(socket(AF_INET, type, 0), "socket");

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind to 127.0.0.1");
	if (type == SOCK_STREAM)
		check(listen(fd, BACKLOG), "listen");
	return fd;
}

/* What a loop calls, what it calls it on, and what has come of it. */
struct loop {
	const char *name;
	/* A new socket for each call, or -1: all are made on `fd`. */
	int type;
	int fd;
	/* What takes in what is sent, or the listener; or -1. */
	int peer;
	struct sockaddr_in to;
	/* How many calls are timed together. */
	int together;
	void (*call)(const struct loop *loop, int fd);
};

static void call_getppid(const struct loop *loop, int fd)
{
	(void)loop, (void)fd;
	syscall(SYS_getppid);
}

static void call_read_write(const struct loop *loop, int fd)
{
	char data[64] = { 0 };

	check((int)write(loop->peer, data, sizeof(data)), "write");
	check((int)read(fd, data, sizeof(data)), "read");
}

static void call_bind(const struct loop *loop, int fd)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	(void)loop;
	check(bind(fd, (struct sockaddr *)&any, sizeof(any)), "bind");
}

static void call_connect(const struct loop *loop, int fd)
{
	int result = connect(fd, (const struct sockaddr *)&loop->to, sizeof(loop->to));

	if (result < 0 && errno != EINPROGRESS)
		die("connect");
}

static void call_sendto(const struct loop *loop, int fd)
{
	char data[64] = { 0 };

	check((int)sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)&loop->to,
			  sizeof(loop->to)),
	      "sendto");
}

static void send_message(int fd, void *name, socklen_t length)
{
	char data[64] = { 0 };
	struct iovec part = { data, sizeof(data) };
	struct msghdr message = {
		.msg_name = name, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1
	};

	check((int)sendmsg(fd, &message, 0), "sendmsg");
}

static void call_sendmsg(const struct loop *loop, int fd)
{
	send_message(fd, (void *)&loop->to, sizeof(loop->to));
}

static void call_unix_sendmsg(const struct loop *loop, int fd)
{
	char data[64];

	send_message(fd, NULL, 0);
	check((int)recv(loop->peer, data, sizeof(data), 0), "recv");
}

static void drain(int receiver)
{
	char data[64];

	while (recv(receiver, data, sizeof(data), MSG_DONTWAIT) >= 0)
		;
}

static int open_socket(int type)
{
	int fd = check(socket(AF_INET, type, 0), "socket");

	if ((type & ~SOCK_NONBLOCK) == SOCK_STREAM) {
		/* Closed by a reset: no TIME_WAIT, so no run of thousands uses up the ports. */
		struct linger reset = { .l_onoff = 1 };

		check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "SO_LINGER");
	}
	return fd;
}

/* A batch. Puts the nanoseconds of its calls behind `times`, and the local address of the last socket
 * in `got`; returns how many times there are. */
static int one_batch(const struct loop *loop, double *times, struct sockaddr_in *got)
{
	int is_stream = loop->type >= 0 && (loop->type & ~SOCK_NONBLOCK) == SOCK_STREAM;
	int calls = is_stream ? TCP_BATCH : BATCH, count = 0, fds[BATCH];

	for (int i = 0; i < calls; i++)
		fds[i] = loop->type < 0 ? loop->fd : open_socket(loop->type);
	for (int i = 0; i < calls; i += loop->together) {
		double start = now();

		for (int j = i; j < i + loop->together; j++)
			loop->call(loop, fds[j]);
		times[count++] = (now() - start) / loop->together;
	}
	if (got != NULL)
		*got = local(fds[calls - 1]);
	for (int i = 0; loop->type >= 0 && i < calls; i++)
		close(fds[i]);
	for (int i = 0; is_stream && i < calls; i++)
		close(check(accept(loop->peer, NULL, NULL), "accept"));
	if (loop->call == call_sendto || loop->call == call_sendmsg)
		drain(loop->peer);
	return count;
}

static void measure(const struct loop *loop)
{
	static double times[BATCHES * BATCH];
	int has_address = loop->type >= 0 || loop->to.sin_family == AF_INET, count = 0;
	char text[INET_ADDRSTRLEN] = "-";
	struct sockaddr_in got;

	/* Until a library under test has settled on what it does for a process like this. */
	for (int i = 0; i < 4; i++)
		one_batch(loop, times, NULL);
	for (int i = 0; i < BATCHES; i++)
		count += one_batch(loop, times + count, has_address ? &got : NULL);
	qsort(times, (size_t)count, sizeof(*times), ascending);
	if (has_address)
		inet_ntop(AF_INET, &got.sin_addr, text, sizeof(text));
	printf("%s %.1f\n", text, times[count / 2]);
}

static int measure_named(const char *name)
{
	struct loop loops[] = {
		{ .name = "getppid", .type = -1, .call = call_getppid },
		{ .name = "read-write", .type = -1, .call = call_read_write },
		{ .name = "udp-bind", .type = SOCK_DGRAM, .call = call_bind },
		{ .name = "udp-connect", .type = SOCK_DGRAM, .call = call_connect },
		{ .name = "tcp-connect", .type = SOCK_STREAM, .call = call_connect },
		{ .name = "tcp-nonblocking", .type = SOCK_STREAM | SOCK_NONBLOCK,
		  .call = call_connect },
		{ .name = "sendto", .type = -1, .call = call_sendto },
		{ .name = "sendmsg", .type = -1, .call = call_sendmsg },
		{ .name = "unix-sendmsg", .type = -1, .call = call_unix_sendmsg },
	};
	struct loop *loop = loops, *end = loops + sizeof(loops) / sizeof(*loops);
	int pair[2];

	while (loop < end && strcmp(loop->name, name) != 0)
		loop++;
	if (loop == end)
		return 2;
	loop->together = loop->call == call_getppid || loop->call == call_read_write ? BATCH : 1;
	if (loop->call == call_connect) {
		loop->peer = target(loop->type & ~SOCK_NONBLOCK);
		loop->to = local(loop->peer);
	} else if (loop->call == call_sendto || loop->call == call_sendmsg) {
		loop->peer = target(SOCK_DGRAM);
		loop->to = local(loop->peer);
		loop->fd = open_socket(SOCK_DGRAM);
	} else if (loop->call == call_unix_sendmsg) {
		check(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), "socketpair");
		loop->fd = pair[0];
		loop->peer = pair[1];
	} else if (loop->call == call_read_write) {
		check(pipe(pair), "pipe");
		loop->fd = pair[0];
		loop->peer = pair[1];
	}
	measure(loop);
	return 0;
}

static struct sockaddr_in receiver;
static atomic_bool ended;

/* Returns how many it has sent. */
static void *send_until_the_end(void *count)
{
	struct loop loop = { .to = receiver };
	int fd = open_socket(SOCK_DGRAM);

	while (!atomic_load(&ended)) {
		call_sendto(&loop, fd);
		++*(long *)count;
	}
	return NULL;
}

static int measure_threads(int threads, int milliseconds)
{
	struct { _Alignas(64) long sent; } counts[MOST_THREADS] = { 0 };
	pthread_t ids[MOST_THREADS];

	if (threads < 1 || threads > MOST_THREADS)
		return 2;
	/* Nobody reads: what doesn't fit in is dropped, and sendto doesn't wait for that. */
	receiver = local(target(SOCK_DGRAM));
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, send_until_the_end, &counts[i].sent) != 0)
			die("pthread_create");
	usleep((useconds_t)milliseconds * 1000);
	atomic_store(&ended, 1);
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		printf("%ld ", counts[i].sent);
	}
	printf("\n");
	return 0;
}

static int hold(int count)
{
	int listener = target(SOCK_STREAM);
	struct loop loop = { .to = local(listener) };

	while (count-- > 0) {
		int fd = open_socket(SOCK_STREAM);

		call_connect(&loop, fd);
		close(fd);
		close(check(accept(listener, NULL, NULL), "accept"));
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}

/* So no run pays for moving, and a loopback's softirqs run where we do. */
static void stay_on_one_processor(void)
{
	cpu_set_t allowed, one;
	int last = CPU_SETSIZE - 1;

	check(sched_getaffinity(0, sizeof(allowed), &allowed), "sched_getaffinity");
	while (!CPU_ISSET(last, &allowed))
		last--;
	CPU_ZERO(&one);
	CPU_SET(last, &one);
	check(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "threads") == 0)
		return measure_threads(atoi(argv[2]), atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "hold") == 0)
		return hold(atoi(argv[2]));
	if (argc != 2)
		return 2;
	stay_on_one_processor();
	return measure_named(argv[1]);
}
