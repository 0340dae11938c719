/*
 * accept HOW COUNT: listens on the wildcard and prints the port; then, once it has read a line,
 * accepts COUNT times, each time from one of what waits there: OUTCOME, and the peer's address and
 * port, as far as there is room. HOW is accept or accept4, after "number:" by syscall(2), with
 * ":nonblock" on a non-blocking socket, with ":null" without querying the peer, with ":short" with
 * room for its family only, with ":bad" for a length at NULL, with ":negative" for one below zero.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/syscall.h>

static int accept_one(const char *how, int fd, struct sockaddr_storage *peer, socklen_t *length)
{
	int number = strncmp(how, "number:", 7) == 0, four = strstr(how, "accept4") != NULL;
	struct sockaddr *address = (struct sockaddr *)peer;

	if (strstr(how, ":null")) {
		address = NULL;
		length = NULL;
	}
	if (strstr(how, ":bad"))
		length = NULL;
	if (number)
		return (int)(four ? syscall(SYS_accept4, fd, address, length, SOCK_CLOEXEC) :
				    syscall(SYS_accept, fd, address, length));
	return four ? accept4(fd, address, length, SOCK_CLOEXEC) : accept(fd, address, length);
}

int main(int argc, char **argv)
{
	struct sockaddr_storage peer;
	socklen_t length;
	char line[16], text[INET6_ADDRSTRLEN];
	int fd, one, port;

	if (argc != 3)
		return 2;
	fd = listener("0.0.0.0", 64, &port);
	if (strstr(argv[1], ":nonblock"))
		fcntl(fd, F_SETFL, O_NONBLOCK);
	printf("%d\n", port);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 2;
	for (int i = 0; i < atoi(argv[2]); i++) {
		memset(&peer, 0x55, sizeof(peer));
		length = strstr(argv[1], ":short") ? sizeof(sa_family_t) : sizeof(peer);
		if (strstr(argv[1], ":negative"))
			length = (socklen_t)-1;
		errno = EDOM;
		one = accept_one(argv[1], fd, &peer, &length);
		printf("%s", outcome(one));
		if (one >= 0 && errno != EDOM)
			printf(" errno");
		if (one >= 0 && strstr(argv[1], "accept4") && fcntl(one, F_GETFD) != FD_CLOEXEC)
			printf(" no-flags");
		if (one >= 0 && strstr(argv[1], ":short"))
			printf(" %s %d", peer.ss_family == AF_INET ? "inet" : "?", (int)length);
		if (one >= 0 && strstr(argv[1], ":short") && ((unsigned char *)&peer)[2] != 0x55)
			printf(" overrun");
		if (one >= 0 && !strchr(strstr(argv[1], "accept"), ':'))
			printf(" %s %d %d",
			       inet_ntop(AF_INET, &((struct sockaddr_in *)&peer)->sin_addr, text,
					 sizeof(text)),
			       ntohs(((struct sockaddr_in *)&peer)->sin_port), (int)length);
		puts("");
		fflush(stdout);
	}
	return 0;
}
