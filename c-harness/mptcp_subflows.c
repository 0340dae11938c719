/*
 * mptcp_subflows ADDRESS SECONDS: an MPTCP connection to an MPTCP listener on ADDRESS, which no
 * library has seen. Prints the protocol of the connecting socket, and where the connection's
 * subflows come from: all within so many seconds, or the first two.
 */
#define _GNU_SOURCE
#include "harness.h"

enum { ESTABLISHED = 1 };

/* Prints where the established connections to the listener come from; returns how many there are. */
static int print_sources(const struct sockaddr_in *to, int print)
{
	FILE *table = fopen("/proc/self/net/tcp", "r");
	char line[256], text[INET_ADDRSTRLEN];
	int count = 0;

	if (!table)
		die("/proc/self/net/tcp");
	while (fgets(line, sizeof(line), table)) {
		unsigned int local, local_port, remote, remote_port, state;
		struct in_addr source;

		if (sscanf(line, " %*d: %x:%x %x:%x %x", &local, &local_port, &remote, &remote_port,
			   &state) != 5 ||
		    remote_port != ntohs(to->sin_port) || state != ESTABLISHED)
			continue;
		source.s_addr = local;
		count++;
		if (print)
			printf(" %s", inet_ntop(AF_INET, &source, text, sizeof(text)));
	}
	fclose(table);
	return count;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to;
	struct sockaddr_storage address;
	socklen_t length = sizeof(to), address_length;
	int listener, fd, accepted, protocol;
	char byte;

	if (argc != 3)
		return 2;
	listener = open_socket("mptcp4");
	address_length = make_sockaddr(&address, argv[1], 0);
	if (raw_call(SYS_bind, listener, (long)&address, (long)address_length) < 0 ||
	    raw_call(SYS_listen, listener, 1, 0) < 0 ||
	    getsockname(listener, (struct sockaddr *)&to, &length) < 0)
		die("listener");
	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect");
	accepted = accept(listener, NULL, NULL);
	if (write(fd, "x", 1) != 1 || read(accepted, &byte, 1) != 1 ||
	    write(accepted, "y", 1) != 1 || read(fd, &byte, 1) != 1)
		die("one byte each way");
	length = sizeof(protocol);
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0)
		die("SO_PROTOCOL");
	for (int i = 0; i < atoi(argv[2]) * 100 && print_sources(&to, 0) < 2; i++)
		usleep(10000);
	printf("%s", protocol == IPPROTO_MPTCP ? "MPTCP" : "TCP");
	print_sources(&to, 1);
	puts("");
	return 0;
}
