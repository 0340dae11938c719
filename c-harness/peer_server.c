/*
 * peer_server ADDRESS PORT: prints where it listens, then tells each client who it is: its address
 * as accept sees it and the server's own end of the connection. Ends with its standard input.
 */
#include "harness.h"
#include <poll.h>

static void tell(int fd, const struct sockaddr_storage *peer)
{
	char from[ENDPOINT_LENGTH], to[ENDPOINT_LENGTH];

	dprintf(fd, "%s %s\n", endpoint(from, peer), local_endpoint(to, fd));
	close(fd);
}

int main(int argc, char **argv)
{
	struct pollfd polled[] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };
	char text[ENDPOINT_LENGTH];
	int fd, on = 1;

	if (argc != 3)
		return 2;
	fd = open_socket(strchr(argv[1], ':') ? "tcp6" : "tcp4");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind_to(fd, argv[1], atoi(argv[2])) < 0 || listen(fd, SOMAXCONN) < 0)
		die("listen");
	printf("%s\n", local_endpoint(text, fd));
	fflush(stdout);
	polled[1].fd = fd;
	while (poll(polled, 2, -1) > 0 && !polled[0].revents) {
		struct sockaddr_storage peer;
		socklen_t length = sizeof(peer);
		int client = accept(fd, (struct sockaddr *)&peer, &length);

		if (client < 0)
			die("accept");
		tell(client, &peer);
	}
	return 0;
}
