/*
 * send_to_both ADDRESS PORT OTHER COUNT: a byte from one UDP socket to either port in turns, COUNT
 * times each: for each port the last outcome, and how often it was that.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), last[2] = { -1, -1 }, count[2] = { 0, 0 };
	struct sockaddr_storage to;
	socklen_t length;

	if (argc != 5)
		return 2;
	for (int i = 0; i < 2 * atoi(argv[4]); i++) {
		int which = i % 2, number;

		length = make_sockaddr(&to, argv[1], atoi(argv[2 + which]));
		number = sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&to, length) < 0 ? errno : 0;
		count[which] = number == last[which] ? count[which] + 1 : 1;
		last[which] = number;
	}
	printf("%s %d", errno_name(last[0]), count[0]);
	printf(" %s %d\n", errno_name(last[1]), count[1]);
	return 0;
}
