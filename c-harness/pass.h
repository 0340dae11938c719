/*
 * A socket that comes from elsewhere, see SCM_RIGHTS in unix(7).
 */
#ifndef PASS_H
#define PASS_H

#include "harness.h"
#include "raw.h"
#include <sys/mman.h>
#include <sys/syscall.h>

/* Receives into a message that can't be written to: EFAULT, when the descriptors are there. */
static inline int receive_unwritable(int from, const struct msghdr *message)
{
	struct msghdr *copy = mmap(NULL, sizeof(*copy), PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*copy = *message;
	if (mprotect(copy, sizeof(*copy), PROT_READ) < 0)
		die("mprotect");
	return recvmsg(from, copy, 0) < 0 && errno == EFAULT ? 0 : -1;
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
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 ||
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
