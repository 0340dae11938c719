/*
 * The measured loops, one run of one loop a process, on one processor:
 *
 *	bench_calls udp-bind|udp-connect|tcp-connect [NAME=VALUE...]
 *		The local address that the socket got and the nanoseconds of one socket + call +
 *		close, in that environment. The sockets that are connected to are made before an
 *		exec brings the environment, and with it the library under test, in: it sees only
 *		what is measured. With CHOSEN_SOURCE in the environment it first sees a socket
 *		that chooses its own source as nginx's proxy_bind does.
 *	bench_calls udp-send [NAME=VALUE...]
 *		The same for one sendto of 64 bytes on a socket that isn't connected. With BOUND in
 *		the environment the socket is bound to 127.0.0.2 first; with INET6 there is an
 *		AF_INET6 datagram socket too.
 *	bench_calls exec COMMAND [NAME=VALUE...]
 *		The minor page faults and nanoseconds of one posix_spawn + exec + wait of COMMAND
 *		in that environment.
 *	bench_calls about
 *		Which kernel, processors and libc these numbers belong to.
 *
 * The figure is the median of BATCHES, so an interrupt in one of them doesn't show.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

enum {
	BATCHES = 21,
	/* Within one listen backlog, for a batch of TCP connections is accepted after its time. */
	UDP_BATCH = 128,
	/* Until a library under test has settled on what it does for a process like this. */
	FIRST_SENDS = 256,
	TCP_BATCH = 32,
	BACKLOG = 64,
};

static void die(const char *what)
{
	fprintf(stderr, "bench_calls: %s: %s\n", what, strerror(errno));
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

static double median(double *values)
{
	qsort(values, BATCHES, sizeof(*values), ascending);
	return values[BATCHES / 2];
}

static struct sockaddr_in ipv4(in_addr_t host_order)
{
	struct sockaddr_in address = { .sin_family = AF_INET };

	address.sin_addr.s_addr = htonl(host_order);
	return address;
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
	struct sockaddr_in address = ipv4(INADDR_LOOPBACK);
	int fd = check(socket(AF_INET, type, 0), "socket");

	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind to 127.0.0.1");
	return fd;
}

typedef int (*call)(int, const struct sockaddr *, socklen_t);

struct loop {
	int type;
	call call;
	struct sockaddr_in address;
	int batch;
	int listener; /* or -1 */
};

static int open_called(const struct loop *loop)
{
	int fd = check(socket(AF_INET, loop->type, 0), "socket");

	if (loop->listener >= 0) {
		/* Closed by a reset: no TIME_WAIT, so no run of thousands uses up the ports. */
		struct linger reset = { .l_onoff = 1 };

		check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), "SO_LINGER");
	}
	check(loop->call(fd, (const struct sockaddr *)&loop->address, sizeof(loop->address)),
	      "the measured call");
	return fd;
}

static double one_batch(const struct loop *loop)
{
	double start = now(), end;

	for (int i = 0; i < loop->batch; i++)
		close(open_called(loop));
	end = now();
	for (int i = 0; loop->listener >= 0 && i < loop->batch; i++)
		close(check(accept(loop->listener, NULL, NULL), "accept"));
	return (end - start) / loop->batch;
}

static void measure_calls(const struct loop *loop)
{
	double batches[BATCHES];
	char text[INET_ADDRSTRLEN];
	struct sockaddr_in got;
	int fd = open_called(loop);

	got = local(fd);
	close(fd);
	if (loop->listener >= 0)
		close(check(accept(loop->listener, NULL, NULL), "accept"));
	one_batch(loop);
	for (int i = 0; i < BATCHES; i++)
		batches[i] = one_batch(loop);
	inet_ntop(AF_INET, &got.sin_addr, text, sizeof(text));
	printf("%s %.1f\n", text, median(batches));
}

static void send_batch(int fd, const struct sockaddr_in *to, int count)
{
	char data[64] = { 0 };

	while (count-- > 0)
		check((int)sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)to, sizeof(*to)),
		      "sendto");
}

static void drain(int receiver)
{
	char data[64];

	while (recv(receiver, data, sizeof(data), MSG_DONTWAIT) >= 0)
		;
}

static void measure_sends(int receiver)
{
	struct sockaddr_in to = local(receiver), own = ipv4(INADDR_LOOPBACK + 1), got;
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	double batches[BATCHES];
	char text[INET_ADDRSTRLEN];

	if (getenv("BOUND"))
		check(bind(fd, (struct sockaddr *)&own, sizeof(own)), "bind to 127.0.0.2");
	if (getenv("INET6"))
		check(socket(AF_INET6, SOCK_DGRAM, 0), "AF_INET6 socket");
	for (int i = 0; i < FIRST_SENDS; i += UDP_BATCH) {
		send_batch(fd, &to, UDP_BATCH);
		drain(receiver);
	}
	for (int i = 0; i < BATCHES; i++) {
		double start = now();

		send_batch(fd, &to, UDP_BATCH);
		batches[i] = (now() - start) / UDP_BATCH;
		drain(receiver);
	}
	got = local(fd);
	inet_ntop(AF_INET, &got.sin_addr, text, sizeof(text));
	printf("%s %.1f\n", text, median(batches));
}

/* A source with the port left to connect: the next bind would replace it without an error. */
static void choose_source(void)
{
	struct sockaddr_in address = ipv4(INADDR_LOOPBACK);
	int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket"), on = 1;

	check(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)),
	      "IP_BIND_ADDRESS_NO_PORT");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind to 127.0.0.1");
	close(fd);
}

/* The second half, with the library under test; `fd` is the target where there is one. */
static int measure(const char *name, int fd)
{
	struct loop loop = { SOCK_DGRAM, connect, { 0 }, UDP_BATCH, -1 };

	if (getenv("CHOSEN_SOURCE"))
		choose_source();
	if (strcmp(name, "udp-send") == 0) {
		measure_sends(fd);
		return 0;
	}
	if (strcmp(name, "udp-bind") == 0) {
		loop.call = bind;
		loop.address = ipv4(INADDR_ANY);
	} else {
		loop.address = local(fd);
	}
	if (strcmp(name, "tcp-connect") == 0) {
		loop.type = SOCK_STREAM;
		loop.batch = TCP_BATCH;
		loop.listener = fd;
	}
	measure_calls(&loop);
	return 0;
}

/* The first half, without it. */
static void prepare(char *name, char **environment)
{
	char fd[12] = "-1";
	char *arguments[] = { "bench_calls", "measure", name, fd, NULL };

	if (strcmp(name, "udp-connect") == 0 || strcmp(name, "udp-send") == 0)
		snprintf(fd, sizeof(fd), "%d", target(SOCK_DGRAM));
	if (strcmp(name, "tcp-connect") == 0) {
		int listener = target(SOCK_STREAM);

		check(listen(listener, BACKLOG), "listen");
		snprintf(fd, sizeof(fd), "%d", listener);
	}
	execve("/proc/self/exe", arguments, environment);
	die("/proc/self/exe");
}

static double one_exec(char **command, char **environment, long *faults)
{
	double start = now();
	struct rusage usage;
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, command[0], NULL, NULL, command, environment);
	if (errno != 0)
		die(command[0]);
	check(wait4(pid, &status, 0, &usage), "wait4");
	if (status != 0) {
		fprintf(stderr, "bench_calls: %s: wait status %#x\n", command[0], status);
		exit(1);
	}
	*faults = usage.ru_minflt;
	return now() - start;
}

static void measure_exec(char *path, char **environment)
{
	char *command[] = { path, NULL };
	double batches[BATCHES];
	long faults;

	one_exec(command, environment, &faults);
	for (int i = 0; i < BATCHES; i++)
		batches[i] = one_exec(command, environment, &faults);
	printf("%ld %.1f\n", faults, median(batches));
}

static void about(void)
{
	struct utsname kernel;

	check(uname(&kernel), "uname");
	/* Behind the version's dash is the name that somebody gave the build. */
	kernel.release[strcspn(kernel.release, "-")] = '\0';
	printf("%ld processors, %s, %s %s, ", sysconf(_SC_NPROCESSORS_ONLN), kernel.machine,
	       kernel.sysname, kernel.release);
#ifdef __GLIBC__
	printf("glibc %s\n", gnu_get_libc_version());
#else
	printf("a libc other than glibc\n");
#endif
}

/* On one processor, so that no run pays for moving, and a loopback's softirqs run where we do. */
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
	char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "measure") == 0 && argc == 4)
		return measure(argv[2], atoi(argv[3]));
	stay_on_one_processor();
	if (strncmp(what, "udp-", 4) == 0 || strncmp(what, "tcp-", 4) == 0)
		prepare(what, argv + 2);
	else if (strcmp(what, "exec") == 0 && argc > 2)
		measure_exec(argv[2], argv + 3);
	else if (strcmp(what, "about") == 0)
		about();
	else
		return 2;
	return 0;
}
