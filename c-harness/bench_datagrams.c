/*
 * Requests and answers by UDP, 64 bytes each:
 *
 *	bench_datagrams serve
 *		Listens on the wildcard, prints the port, and answers each datagram with the address
 *		that it came from; until it is killed.
 *	bench_datagrams request ADDRESS PORT MILLISECONDS
 *		Keeps WINDOW requests under way. Prints the address that the requests came from, as
 *		the server saw it, and how many datagrams a second both sides sent.
 */
#include "harness.h"
#include <sys/time.h>
#include <time.h>

enum {
	LENGTH = 64,
	/* Few enough that no socket buffer overflows: none is lost. */
	WINDOW = 32,
	/* Between two readings of the clock. */
	BATCH = 64,
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void serve(void)
{
	int fd = open_socket("udp4");
	char data[LENGTH];

	if (bind_to(fd, "0.0.0.0", 0) < 0)
		die("bind");
	print_local(fd);
	printf("\n");
	fflush(stdout);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);

		if (recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length) < 0)
			die("recvfrom");
		memcpy(data, &from.sin_addr, sizeof(from.sin_addr));
		if (sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&from, length) < 0)
			die("sendto");
	}
}

static void request(int fd, const struct sockaddr_storage *to, socklen_t length)
{
	char data[LENGTH] = { 0 };

	if (sendto(fd, data, sizeof(data), 0, (const struct sockaddr *)to, length) < 0)
		die("sendto");
}

static void send_requests(const char *address, int port, double seconds)
{
	struct timeval patience = { .tv_sec = 5 };
	char text[INET_ADDRSTRLEN], data[LENGTH];
	struct sockaddr_storage to;
	socklen_t length = make_sockaddr(&to, address, port);
	int fd = open_socket("udp4");
	double start, end;
	long answers = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	start = now();
	for (int i = 0; i < WINDOW; i++)
		request(fd, &to, length);
	do {
		for (int i = 0; i < BATCH; i++) {
			if (recv(fd, data, sizeof(data), 0) < 0)
				die("recv");
			request(fd, &to, length);
		}
		answers += BATCH;
		end = now();
	} while (end - start < seconds);
	printf("%s %.0f\n", inet_ntop(AF_INET, data, text, sizeof(text)),
	       2 * (double)answers / (end - start));
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "serve") == 0)
		serve();
	else if (argc == 5 && strcmp(argv[1], "request") == 0)
		send_requests(argv[2], atoi(argv[3]), atof(argv[4]) / 1e3);
	else
		return 2;
	return 0;
}
