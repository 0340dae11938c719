/*
 * Messages, and a control message that chooses the source of a packet, see ip(7) and ipv6(7).
 */
#ifndef PKTINFO_H
#define PKTINFO_H

#include "harness.h"

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* A message of one buffer to a destination; `to` may be NULL. */
static inline void address_message(struct msghdr *message, void *to, socklen_t length,
				   struct iovec *data)
{
	memset(message, 0, sizeof(*message));
	message->msg_name = to;
	message->msg_namelen = length;
	message->msg_iov = data;
	message->msg_iovlen = 1;
}

/* "-" means no source. */
static inline void choose_source(struct msghdr *message, union control *control, const char *source)
{
	struct sockaddr_storage storage;
	struct cmsghdr *header = &control->header;

	if (strcmp(source, "-") == 0)
		return;
	make_sockaddr(&storage, source, 0);
	memset(control, 0, sizeof(*control));
	message->msg_control = control;
	if (storage.ss_family == AF_INET) {
		struct in_pktinfo info = {
			.ipi_spec_dst = ((struct sockaddr_in *)&storage)->sin_addr,
		};

		message->msg_controllen = CMSG_SPACE(sizeof(info));
		header->cmsg_level = IPPROTO_IP;
		header->cmsg_type = IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {
			.ipi6_addr = ((struct sockaddr_in6 *)&storage)->sin6_addr,
		};

		message->msg_controllen = CMSG_SPACE(sizeof(info));
		header->cmsg_level = IPPROTO_IPV6;
		header->cmsg_type = IPV6_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	}
}

#endif
