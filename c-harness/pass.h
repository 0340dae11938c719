/*
 * A socket that comes from elsewhere, see SCM_RIGHTS in unix(7).
 */
#ifndef PASS_H
#define PASS_H

#include "harness.h"
#include "raw.h"
#include <sys/syscall.h>

/* Receives with no room for the sender's name: EFAULT, when the descriptors are there. */
static inline int receive_unwritable(int from, struct msghdr *message)
{
	message->msg_name = (void *)8;
	message->msg_namelen = sizeof(struct sockaddr_storage);
	return recvmsg(from, message, 0) < 0 && errno == EFAULT ? 0 : -1;
}

/* Through a socket pair; received by recvmsg, recvmmsg or syscall(2). */
static inline int pass(int fd, const char *how)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { (char[]){ 'x' }, 1 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &data,
						.msg_iovlen = 1,
						.msg_control = &control,
						.msg_controllen = sizeof(control) } };
	int pair[2], result, received;

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	/* A name of the kernel's choice, see "Autobind feature" in unix(7). */
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ||
	    raw_call(SYS_bind, pair[0], (long)&(sa_family_t){ AF_UNIX }, sizeof(sa_family_t)) < 0 ||
	    raw_call(SYS_sendmsg, pair[0], (long)&message.msg_hdr, 0) < 0)
		die("pass");
	raw_call(SYS_close, fd, 0, 0);
	message.msg_hdr.msg_controllen = sizeof(control);
	if (strcmp(how, "recvmmsg") == 0)
		result = recvmmsg(pair[1], &message, 1, 0, NULL);
	else if (strcmp(how, "number") == 0)
		result = (int)syscall(SYS_recvmsg, pair[1], &message.msg_hdr, 0);
	else if (strcmp(how, "unwritable") == 0)
		result = receive_unwritable(pair[1], &message.msg_hdr);
	else
		result = (int)recvmsg(pair[1], &message.msg_hdr, 0);
	if (result < 0)
		die("receive");
	memcpy(&received, CMSG_DATA(&control.header), sizeof(received));
	close(pair[0]);
	close(pair[1]);
	return received;
}

#endif
