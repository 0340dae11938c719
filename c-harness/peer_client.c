/*
 * peer_client PORT ADDRESS...: connects to one peer_server after the other; for each a line with
 * its own end and the peer's as it sees them, and then as the server sees them.
 */
#include "harness.h"

static void connect_and_print(const char *address, int port)
{
	char own[ENDPOINT_LENGTH], peer[ENDPOINT_LENGTH], said[2 * ENDPOINT_LENGTH];
	int fd = open_socket(strchr(address, ':') ? "tcp6" : "tcp4");
	FILE *stream;

	if (connect_to(fd, address, port) < 0)
		die("connect");
	stream = fdopen(fd, "r");
	if (!stream || !fgets(said, sizeof(said), stream))
		die("read");
	printf("%s %s %s", local_endpoint(own, fd), peer_endpoint(peer, fd), said);
	fclose(stream);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	for (int i = 2; i < argc; i++)
		connect_and_print(argv[i], atoi(argv[1]));
	return 0;
}
