/*
 * torture SECONDS SEED ADDRESS [no-signals]: many threads bind, connect and send while others fork, exec, cancel
 * threads, and close all descriptors, and a signal handler connects. Every datagram and connection
 * has to come from ADDRESS. With no-signals there is no such handler. Prints how much was done, how many came from elsewhere, and how many
 * descriptors are left over. A watchdog ends a deadlock by SIGABRT, after each thread's stack.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif


enum { WORKERS = 4 };

static struct sockaddr_in udp_to, tcp_to, full_to;
static struct in_addr address;
static int udp_receiver, tcp_listener;
static atomic_int stop;
static atomic_long done, received, wrong, failed;
static char *self;

static void fill(struct sockaddr_in *to, int fd)
{
	socklen_t length = sizeof(*to);

	if (getsockname(fd, (struct sockaddr *)to, &length) < 0)
		die("getsockname");
}

static void expect(int ok)
{
	atomic_fetch_add(ok ? &done : &failed, 1);
}

static void see(const struct sockaddr_in *from)
{
	atomic_fetch_add(from->sin_addr.s_addr == address.s_addr ? &received : &wrong, 1);
}

/* Where a connected or bound socket of ours is: it never sends from elsewhere. */
static void see_local(int fd)
{
	struct sockaddr_in local;

	fill(&local, fd);
	see(&local);
}

static void udp_connect(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return;
	expect(connect(fd, (struct sockaddr *)&udp_to, sizeof(udp_to)) == 0);
	see_local(fd);
	if (send(fd, "c", 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
		expect(0);
	close(fd);
}

static void udp_send(unsigned int *seed)
{
	struct iovec data = { (char[]){ 's' }, 1 };
	struct mmsghdr messages[2] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int count = 1 + rand_r(seed) % 40;

	if (fd < 0)
		return;
	for (int i = 0; i < 2; i++) {
		messages[i].msg_hdr.msg_name = &udp_to;
		messages[i].msg_hdr.msg_namelen = sizeof(udp_to);
		messages[i].msg_hdr.msg_iov = &data;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (count-- > 0) {
		long sent;

		switch (rand_r(seed) % 3) {
		case 0:
			sent = sendto(fd, "s", 1, MSG_DONTWAIT, (struct sockaddr *)&udp_to, sizeof(udp_to));
			break;
		case 1:
			sent = sendmsg(fd, &messages[0].msg_hdr, MSG_DONTWAIT);
			break;
		default:
			sent = sendmmsg(fd, messages, 2, MSG_DONTWAIT);
		}
		expect(sent > 0 || errno == EAGAIN);
	}
	see_local(fd);
	close(fd);
}

static void tcp_connect(void)
{
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	expect(connect(fd, (struct sockaddr *)&tcp_to, sizeof(tcp_to)) == 0);
	close(fd);
}

static void bind_wildcard(unsigned int *seed)
{
	struct sockaddr_in wildcard = { .sin_family = AF_INET };
	int fd = socket(AF_INET, rand_r(seed) % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);

	if (fd < 0)
		return;
	expect(bind(fd, (struct sockaddr *)&wildcard, sizeof(wildcard)) == 0);
	see_local(fd);
	close(fd);
}

static void *work(void *argument)
{
	unsigned int seed = (unsigned int)(size_t)argument;

	while (!atomic_load(&stop)) {
		switch (rand_r(&seed) % 4) {
		case 0:
			udp_connect();
			break;
		case 1:
			udp_send(&seed);
			break;
		case 2:
			tcp_connect();
			break;
		default:
			bind_wildcard(&seed);
		}
	}
	return NULL;
}

/* Closes everything and goes on with what is left: the library keeps no descriptor. */
static void child(unsigned int seed)
{
	atomic_store(&wrong, 0);
	atomic_store(&failed, 0);
	if (seed % 3 == 0)
		for (int fd = 3; fd < 256; fd++)
			close(fd);
	udp_connect();
	udp_send(&seed);
	bind_wildcard(&seed);
	if (seed % 2 == 0) {
		char port[8];

		snprintf(port, sizeof(port), "%d", ntohs(udp_to.sin_port));
		execl(self, self, "child", port, inet_ntoa(address), NULL);
		_exit(99);
	}
	_exit(atomic_load(&wrong) || atomic_load(&failed));
}

static void *fork_children(void *argument)
{
	unsigned int seed = (unsigned int)(size_t)argument;

	while (!atomic_load(&stop)) {
		int status = 0;
		pid_t pid = fork();

		if (pid == 0)
			child(seed);
		if (pid > 0 && waitpid(pid, &status, 0) == pid)
			expect(status == 0);
		seed = seed * 1103515245 + 12345;
	}
	return NULL;
}

static void close_one(void *fd)
{
	close(*(int *)fd);
}

/* Blocked until it is cancelled: the listener's backlog is full. */
static void *connect_to_full(void *unused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	pthread_cleanup_push(close_one, &fd);
	if (fd >= 0)
		connect(fd, (struct sockaddr *)&full_to, sizeof(full_to));
	pthread_testcancel();
	pthread_cleanup_pop(1);
	return unused;
}

static void *cancel_threads(void *argument)
{
	unsigned int seed = (unsigned int)(size_t)argument;

	while (!atomic_load(&stop)) {
		pthread_t thread;
		void *result;

		if (pthread_create(&thread, NULL, connect_to_full, NULL) != 0)
			continue;
		usleep(rand_r(&seed) % 3000);
		pthread_cancel(thread);
		pthread_join(thread, &result);
		expect(1);
	}
	return NULL;
}

static void on_alarm(int unused)
{
	int saved = errno;

	(void)unused;
	udp_connect();
	errno = saved;
}

static void *receive(void *unused)
{
	struct pollfd both[2] = { { udp_receiver, POLLIN, 0 }, { tcp_listener, POLLIN, 0 } };

	(void)unused;
	while (poll(both, 2, atomic_load(&stop) ? 200 : 50) > 0 || !atomic_load(&stop)) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		char byte;
		int fd;

		while (recvfrom(udp_receiver, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length) > 0)
			see(&from);
		length = sizeof(from);
		while ((fd = accept4(tcp_listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC)) >= 0) {
			see(&from);
			close(fd);
			length = sizeof(from);
		}
	}
	return NULL;
}

static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* Where a thread is stuck. */
static void on_dump(int unused)
{
	(void)unused;
#ifdef __GLIBC__
	void *frames[64];

	dprintf(2, "thread %ld:\n", syscall(SYS_gettid));
	backtrace_symbols_fd(frames, backtrace(frames, 64), 2);
#endif
}

static void dump_stacks(void)
{
	DIR *directory = opendir("/proc/self/task");
	struct dirent *entry;

	while (directory && (entry = readdir(directory)) != NULL) {
		syscall(SYS_tgkill, getpid(), atoi(entry->d_name), SIGUSR1);
		usleep(100000);
	}
}

static void *watch(void *argument)
{
	long seconds = (long)argument;

	for (long i = 0; i < seconds * 10; i++) {
		usleep(100000);
		if (atomic_load(&stop) == 2)
			return NULL;
	}
	fprintf(stderr, "torture: deadlock after %ld done\n", atomic_load(&done));
	dump_stacks();
	abort();
}

/* After exec: the descriptors are new, the address has to be the same. */
static int after_exec(const char *port)
{
	unsigned int seed = 1;

	udp_to.sin_family = AF_INET;
	udp_to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	udp_to.sin_port = htons((in_port_t)atoi(port));
	udp_connect();
	bind_wildcard(&seed);
	return atomic_load(&wrong) || atomic_load(&failed);
}

int main(int argc, char **argv)
{
	pthread_t workers[WORKERS], forker, canceller, receiver, watchdog;
	struct itimerval timer = { { 0, 5000 }, { 0, 5000 } }, none = { 0 };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	long seconds;
	unsigned int seed;
	int before, port, full, fill_up[8];
	struct sigaction dump = { .sa_handler = on_dump };
	sigset_t alarms;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || inet_aton(argv[3], &address) == 0)
		return 2;
	if (strcmp(argv[1], "child") == 0)
		return after_exec(argv[2]);
	self = argv[0];
	seconds = atol(argv[1]);
	seed = (unsigned int)atol(argv[2]);

	udp_receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind_to(udp_receiver, "127.0.0.1", 0) < 0)
		die("receiver");
	fill(&udp_to, udp_receiver);
	tcp_listener = listener("127.0.0.1", 4096, &port);
	fcntl(tcp_listener, F_SETFL, O_NONBLOCK);
	fill(&tcp_to, tcp_listener);
	full = listener("127.0.0.1", 0, &port);
	fill(&full_to, full);
	for (int i = 0; i < 8; i++) {
		fill_up[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(fill_up[i], (struct sockaddr *)&full_to, sizeof(full_to));
	}
	before = count_descriptors();

	/* The handler interrupts the workers only: the rest counts on its own calls. */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGUSR1, &dump, NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, (void *)(size_t)(seed + (unsigned int)i));
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	pthread_create(&forker, NULL, fork_children, (void *)(size_t)(seed + 100));
	pthread_create(&canceller, NULL, cancel_threads, (void *)(size_t)(seed + 200));
	pthread_create(&receiver, NULL, receive, NULL);
	pthread_create(&watchdog, NULL, watch, (void *)(seconds + 60));
	if (argc < 5 || strcmp(argv[4], "no-signals") != 0)
		setitimer(ITIMER_REAL, &timer, NULL);
	sleep((unsigned int)seconds);
	setitimer(ITIMER_REAL, &none, NULL);
	atomic_store(&stop, 1);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	pthread_join(forker, NULL);
	pthread_join(canceller, NULL);
	pthread_join(receiver, NULL);
	atomic_store(&stop, 2);
	pthread_join(watchdog, NULL);
	printf("done %ld received %ld wrong %ld failed %ld descriptors %+d\n", atomic_load(&done),
	       atomic_load(&received), atomic_load(&wrong), atomic_load(&failed),
	       count_descriptors() - before);
	return 0;
}
