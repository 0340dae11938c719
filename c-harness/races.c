/*
 * races CASE SECONDS ADDRESS REFUSED-TCP-PORT: two threads that use one socket at the same time.
 * Prints how often they did, and how often the socket used another address than ADDRESS.
 *
 *	listen		a connect that fails, against listen
 *	dissolve	a UDP connect and send, against a dissolve
 *	in-use		a send, against a bind whose port is in use, in a process that sends many
 *	bind6, listen6	a bind to ::, a listen, where IPV6_V6ONLY is set, against its being cleared: what
 *			takes IPv4 is wrong, whatever the call says
 *	reach-tcp, reach-udp	a connect to IPv4 against the same; what comes from elsewhere is wrong
 */
#define _GNU_SOURCE
#include "harness.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static atomic_int fd = -1, in_use, stop;
static int refused_port;
static struct in_addr assigned;
static long tried, wrong;

/* For the other thread: the socket, which isn't closed until it is given back; -1 at the end. */
static int take(void)
{
	for (;;) {
		int one;

		while (atomic_load(&fd) < 0 && !atomic_load(&stop))
			sched_yield();
		atomic_store(&in_use, 1);
		one = atomic_load(&fd);
		if (one >= 0 || atomic_load(&stop))
			return one;
		atomic_store(&in_use, 0);
	}
}

static void give_back(void)
{
	atomic_store(&in_use, 0);
}

/* From now on the other thread has no socket. */
static void take_away(void)
{
	atomic_store(&fd, -1);
	while (atomic_load(&in_use))
		sched_yield();
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct sockaddr_in local(int socket)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);

	if (getsockname(socket, (struct sockaddr *)&in, &length) < 0)
		die("getsockname");
	return in;
}

static void *listen_always(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		listen(take(), 1);
		give_back();
	}
	return NULL;
}

static void connect_and_listen(double end)
{
	pthread_t other;

	pthread_create(&other, NULL, listen_always, NULL);
	while (now() < end) {
		int one = socket(AF_INET, SOCK_STREAM, 0), listens = 0;
		socklen_t length = sizeof(listens);

		atomic_store(&fd, one);
		for (int i = 0; i < 4; i++)
			connect_to(one, "127.0.0.1", refused_port);
		take_away();
		tried++;
		getsockopt(one, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
		wrong += listens && local(one).sin_addr.s_addr != assigned.s_addr;
		close(one);
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
}

static void *dissolve_always(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop))
		dissolve(atomic_load(&fd));
	return NULL;
}

static void connect_and_dissolve(double end)
{
	int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in from;
	socklen_t length;
	pthread_t other;
	char byte;
	int port;

	if (bind_to(receiver, "127.0.0.1", 0) < 0)
		die("receiver");
	port = ntohs(local(receiver).sin_port);
	atomic_store(&fd, socket(AF_INET, SOCK_DGRAM, 0));
	pthread_create(&other, NULL, dissolve_always, NULL);
	while (now() < end) {
		if (connect_to(atomic_load(&fd), "127.0.0.1", port) < 0)
			continue;
		send(atomic_load(&fd), "x", 1, MSG_NOSIGNAL);
		length = sizeof(from);
		while (recvfrom(receiver, &byte, 1, 0, (struct sockaddr *)&from, &length) == 1) {
			tried++;
			wrong += from.sin_addr.s_addr != assigned.s_addr;
		}
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
}

static struct sockaddr_in receiver_at;

static void *send_always(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		sendto(take(), "x", 1, MSG_NOSIGNAL, (struct sockaddr *)&receiver_at,
		       sizeof(receiver_at));
		give_back();
	}
	return NULL;
}

static void bind_and_send(double end)
{
	int receiver = socket(AF_INET, SOCK_DGRAM, 0), first = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in from;
	socklen_t length;
	pthread_t other;
	char byte;
	int port;

	if (bind_to(receiver, "127.0.0.1", 0) < 0 || bind_to(first, "0.0.0.0", 0) < 0)
		die("bind");
	receiver_at = local(receiver);
	port = ntohs(local(first).sin_port);
	for (int i = 0; i < 200; i++) {
		sendto(first, "x", 1, 0, (struct sockaddr *)&receiver_at, sizeof(receiver_at));
		recv(receiver, &byte, 1, 0);
	}
	pthread_create(&other, NULL, send_always, NULL);
	while (now() < end) {
		int one = socket(AF_INET, SOCK_DGRAM, 0);

		atomic_store(&fd, one);
		for (int i = 0; i < 4; i++)
			bind_to(one, "0.0.0.0", port);
		take_away();
		tried++;
		length = sizeof(from);
		while (recvfrom(receiver, &byte, 1, MSG_DONTWAIT, (struct sockaddr *)&from, &length) == 1)
			wrong += from.sin_addr.s_addr != assigned.s_addr;
		close(one);
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
}

static void set_ipv6_only(int socket, int on)
{
	setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

static void *clear_ipv6_only(void *unused)
{
	(void)unused;
	while (!atomic_load(&stop)) {
		int one = take();

		set_ipv6_only(one, 0);
		set_ipv6_only(one, 1);
		give_back();
	}
	return NULL;
}

/* Whether a socket takes IPv4 on an address that isn't assigned. */
static int takes_ipv4(int socket6, int stream)
{
	struct sockaddr_in6 in6;
	socklen_t length = sizeof(in6);
	int other = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0), taken;
	struct sockaddr_storage to;
	char byte;

	if (getsockname(socket6, (struct sockaddr *)&in6, &length) < 0)
		die("getsockname");
	if (in6.sin6_port == 0) {
		close(other);
		return 0;
	}
	length = make_sockaddr(&to, "127.0.0.9", ntohs(in6.sin6_port));
	taken = connect(other, (struct sockaddr *)&to, length) == 0;
	if (!stream) {
		send(other, "x", 1, MSG_NOSIGNAL);
		taken = recv(socket6, &byte, 1, MSG_DONTWAIT) >= 0;
	}
	close(other);
	return taken;
}

static void take_ipv6_only(double end, int stream)
{
	pthread_t other;

	pthread_create(&other, NULL, clear_ipv6_only, NULL);
	while (now() < end) {
		int one = socket(AF_INET6, stream ? SOCK_STREAM : SOCK_DGRAM, 0);

		set_ipv6_only(one, 1);
		atomic_store(&fd, one);
		if (stream)
			listen(one, 1);
		else
			bind_to(one, "::", 0);
		take_away();
		tried++;
		wrong += takes_ipv4(one, stream);
		close(one);
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
}

static void reach_ipv4(double end, int stream)
{
	int type = stream ? SOCK_STREAM : SOCK_DGRAM;
	int receiver = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	pthread_t other;
	int port;

	if (bind_to(receiver, "127.0.0.1", 0) < 0 || (stream && listen(receiver, 100) < 0))
		die("receiver");
	port = ntohs(local(receiver).sin_port);
	pthread_create(&other, NULL, clear_ipv6_only, NULL);
	while (now() < end) {
		int one = socket(AF_INET6, type, 0), taken;
		struct sockaddr_in6 in6;
		socklen_t length = sizeof(in6);

		set_ipv6_only(one, 1);
		atomic_store(&fd, one);
		tried++;
		if (connect_to(one, "::ffff:127.0.0.1", port) == 0) {
			if (getsockname(one, (struct sockaddr *)&in6, &length) < 0)
				die("getsockname");
			wrong += memcmp(&in6.sin6_addr.s6_addr[12], &assigned, 4) != 0;
		}
		take_away();
		taken = stream ? accept(receiver, NULL, NULL) : -1;
		close(taken);
		close(one);
	}
	atomic_store(&stop, 1);
	pthread_join(other, NULL);
}

int main(int argc, char **argv)
{
	double end;

	if (argc < 5 || inet_aton(argv[3], &assigned) == 0)
		return 2;
	refused_port = atoi(argv[4]);
	end = now() + atof(argv[2]);
	if (strcmp(argv[1], "listen") == 0)
		connect_and_listen(end);
	else if (strcmp(argv[1], "dissolve") == 0)
		connect_and_dissolve(end);
	else if (strcmp(argv[1], "in-use") == 0)
		bind_and_send(end);
	else if (strcmp(argv[1], "bind6") == 0 || strcmp(argv[1], "listen6") == 0)
		take_ipv6_only(end, strcmp(argv[1], "listen6") == 0);
	else if (strncmp(argv[1], "reach-", 6) == 0)
		reach_ipv4(end, strcmp(argv[1], "reach-tcp") == 0);
	else
		return 2;
	printf("tried %ld wrong %ld\n", tried, wrong);
	return 0;
}
