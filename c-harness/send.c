/*
 * send KIND HOW ADDRESS PORT [SOURCE...]: one byte (by sendmmsg: one for each SOURCE, at least one)
 * to ADDRESS PORT, and the local address of the socket afterwards. HOW is sendto, sendmsg, sendmmsg,
 * or one of them after "fastopen:", with MSG_FASTOPEN, after "unspec:", with AF_UNSPEC for the
 * family, or after "number:", by syscall(2). A SOURCE is chosen by a control message; "-" means
 * none.
 */
#include "harness.h"
#include "pktinfo.h"
#include <sys/syscall.h>

int main(int argc, char **argv)
{
	int fd = open_socket(argv[1]), flags = MSG_NOSIGNAL, number = 0;
	struct sockaddr_storage to, before;
	socklen_t length = make_sockaddr(&to, argv[3], atoi(argv[4]));
	struct mmsghdr messages[8];
	union control controls[8];
	/* A raw socket takes no less than the beginning of an ICMP message. */
	size_t size = strncmp(argv[1], "raw", 3) == 0 ? 8 : 1;
	struct iovec data = { "x\0\0\0\0\0\0", size };
	const char *how = argv[2];
	int count = argc > 5 ? argc - 5 : 1;
	long result;

	if (strncmp(how, "fastopen:", 9) == 0) {
		how += 9;
		flags |= MSG_FASTOPEN;
	}
	if (strncmp(how, "unspec:", 7) == 0) {
		how += 7;
		to.ss_family = AF_UNSPEC;
	}
	if (strncmp(how, "number:", 7) == 0) {
		how += 7;
		number = 1;
	}
	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < count; i++) {
		address_message(&messages[i].msg_hdr, &to, length, &data);
		choose_source(&messages[i].msg_hdr, &controls[i], argc > 5 ? argv[5 + i] : "-");
	}
	memcpy(&before, &to, sizeof(to));
	if (strcmp(how, "sendto") == 0)
		result = number ? syscall(SYS_sendto, fd, data.iov_base, size, flags, &to, length) :
				  sendto(fd, data.iov_base, size, flags, (struct sockaddr *)&to, length);
	else if (strcmp(how, "sendmsg") == 0)
		result = number ? syscall(SYS_sendmsg, fd, &messages[0].msg_hdr, flags) :
				  sendmsg(fd, &messages[0].msg_hdr, flags);
	else
		result = number ? syscall(SYS_sendmmsg, fd, messages, count, flags) :
				  sendmmsg(fd, messages, (unsigned int)count, flags);
	printf("%s", result < 0 ? errno_name(errno) : "0");
	if (strcmp(how, "sendmmsg") == 0)
		printf(" %ld", result);
	print_local(fd);
	puts(memcmp(&before, &to, sizeof(to)) == 0 ? "" : " changed");
	return 0;
}
