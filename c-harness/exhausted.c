/*
 * exhausted: for each line on standard input one on standard output. "descriptors", "memory": from now
 * on there are no more; "restore": as many as the hard limits allow. "bind", "connect", "listen" and
 * "send" do so to a new socket, opened before, and say what came of it.
 */
#include "harness.h"
#include "exhaust.h"
#include <sys/resource.h>

enum { SOCKETS = 64 };

static void restore(int resource)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		die("getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(resource, &limit))
		die("setrlimit");
}

int main(void)
{
	int streams[SOCKETS], datagrams[SOCKETS], next = 0;
	struct rlimit at_start;
	char call[16];

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* It may be exhausted from the beginning, and so it is again once there are sockets. */
	getrlimit(RLIMIT_NOFILE, &at_start);
	restore(RLIMIT_NOFILE);
	for (int i = 0; i < SOCKETS; i++) {
		streams[i] = socket(AF_INET, SOCK_STREAM, 0);
		datagrams[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (streams[i] < 0 || datagrams[i] < 0)
			die("socket");
	}
	if (at_start.rlim_cur < SOCKETS)
		exhaust_descriptors();
	puts("ready");
	while (scanf("%15s", call) == 1) {
		int fd = streams[next], result = 0;

		if (!strcmp(call, "descriptors")) {
			exhaust_descriptors();
			puts(call);
			continue;
		}
		if (!strcmp(call, "memory")) {
			exhaust_memory();
			puts(call);
			continue;
		}
		if (!strcmp(call, "restore")) {
			restore(RLIMIT_NOFILE);
			restore(RLIMIT_AS);
			puts(call);
			continue;
		}
		if (!strcmp(call, "bind")) {
			result = bind_to(fd, "0.0.0.0", 0);
		} else if (!strcmp(call, "listen")) {
			result = listen(fd, 1);
		} else {
			struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
						  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

			fd = datagrams[next];
			if (!strcmp(call, "connect"))
				result = connect(fd, (struct sockaddr *)&to, sizeof(to));
			else
				result = sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
		}
		print_call(fd, result);
		end_line();
		next = (next + 1) % SOCKETS;
	}
	return 0;
}
