/*
 * random_calls SEED COUNT UDP-PORT TCP-PORT ADDRESS...: so many random calls on a few sockets; the
 * datagrams and connections go to 127.0.0.9. After each call no socket may be bound to an IPv4
 * address other than an ADDRESS or 127.0.0.1, nor, if ::1 is an ADDRESS, to another one of IPv6.
 * Prints how many calls succeeded, or the last calls before a socket was bound elsewhere.
 */
#define _GNU_SOURCE
#include "harness.h"
#include "pass.h"
#include "pktinfo.h"
#include "raw.h"
#include <netinet/tcp.h>
#include <stdarg.h>
#include <sys/syscall.h>

enum { SLOTS = 6, LOG = 4096 };

static unsigned int seed;
static int udp_port, tcp_port;
static int slots[SLOTS];
static char history[LOG][96];
static int lines, succeeded;
static char **allowed;

static int pick(int count)
{
	return rand_r(&seed) % count;
}

__attribute__((format(printf, 2, 3))) static void done(long result, const char *format, ...)
{
	char call[64];
	va_list arguments;
	int number = errno;

	va_start(arguments, format);
	vsnprintf(call, sizeof(call), format, arguments);
	va_end(arguments);
	snprintf(history[lines++ % LOG], sizeof(*history), "%s: %s", call,
		 errno_name(result < 0 ? number : 0));
	succeeded += result >= 0;
}

static int option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	getsockopt(fd, SOL_SOCKET, name, &value, &length);
	return value;
}

static int is_stream(int fd)
{
	return option(fd, SO_TYPE) == SOCK_STREAM;
}

/* Not a pure IPv6 one for an AF_INET socket: the kernel refuses it, but binds the socket first. */
static socklen_t destination(struct sockaddr_storage *to, int fd)
{
	static const char *names[] = { "127.0.0.9", "127.0.0.9", "::ffff:127.0.0.9", "0.0.0.0", "::1" };
	int count = option(fd, SO_DOMAIN) == AF_INET6 ? 5 : 4;

	return make_sockaddr(to, names[pick(count)], is_stream(fd) ? tcp_port : udp_port);
}

static const char *some_address(void)
{
	static const char *names[] = { "0.0.0.0", "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4",
				       "::", "::1", "::ffff:0.0.0.0", "::ffff:127.0.0.2",
				       "::ffff:127.0.0.4" };

	return names[pick(10)];
}

static void send_message(int slot, int many)
{
	union control controls[3];
	struct sockaddr_storage to;
	struct iovec data = { "m", 1 };
	struct mmsghdr messages[3];
	const char *source = pick(2) ? some_address() : "-";
	int count = many ? 1 + pick(3) : 1;
	socklen_t length = destination(&to, slots[slot]);
	long result;

	memset(messages, 0, sizeof(messages));
	for (int i = 0; i < count; i++) {
		address_message(&messages[i].msg_hdr, &to, length, &data);
		choose_source(&messages[i].msg_hdr, &controls[i], source);
	}
	result = many ? sendmmsg(slots[slot], messages, (unsigned int)count, MSG_NOSIGNAL | MSG_DONTWAIT) :
			sendmsg(slots[slot], &messages[0].msg_hdr, MSG_NOSIGNAL | MSG_DONTWAIT);
	done(result, "%d %s family %d source %s", slot, many ? "sendmmsg" : "sendmsg", to.ss_family, source);
}

/* One that no library has seen. */
static void receive_socket(int slot)
{
	close(slots[slot]);
	slots[slot] = pass((int)raw_call(SYS_socket, AF_INET, SOCK_DGRAM, 0), "recvmsg");
	done(0, "%d received", slot);
}

static void one_call(int slot)
{
	struct sockaddr_storage to;
	int fd = slots[slot], on = pick(2), other;
	socklen_t length;
	const char *name;

	switch (pick(16)) {
	case 0:
	case 1:
		close(fd);
		other = pick(2) ? AF_INET : AF_INET6;
		/* Of both families only in every other run, or none ever takes the fast path. */
		if (seed % 2)
			other = AF_INET;
		on = pick(2) ? SOCK_DGRAM : SOCK_STREAM;
		slots[slot] = socket(other, on | SOCK_NONBLOCK, 0);
		done(slots[slot], "%d socket %d %d", slot, other, on);
		break;
	case 2:
	case 3:
		name = some_address();
		done(bind_to(fd, name, 0), "%d bind %s", slot, name);
		break;
	case 4:
	case 5:
		length = destination(&to, fd);
		done(connect(fd, (struct sockaddr *)&to, length), "%d connect family %d", slot,
		     to.ss_family);
		break;
	case 6:
		length = destination(&to, fd);
		done(sendto(fd, "s", 1, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, length),
		     "%d sendto family %d", slot, to.ss_family);
		break;
	case 7:
		length = destination(&to, fd);
		for (int i = 0; i < 70; i++)
			on = (int)sendto(fd, "b", 1, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to,
					 length);
		done(on, "%d sendto family %d, 70 times", slot, to.ss_family);
		break;
	case 8:
		send_message(slot, 0);
		break;
	case 9:
		send_message(slot, 1);
		break;
	case 10:
		done(listen(fd, 1), "%d listen", slot);
		break;
	case 11:
		done(dissolve(fd), "%d dissolve", slot);
		break;
	case 12:
		done(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)),
		     "%d IP_BIND_ADDRESS_NO_PORT %d", slot, on);
		break;
	case 13:
		done(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), "%d IPV6_V6ONLY %d",
		     slot, on);
		break;
	case 14:
		other = pick(SLOTS);
		done(pick(2) ? dup2(slots[other], fd) : (int)raw_call(SYS_dup3, slots[other], fd, 0),
		     "%d is now %d", slot, other);
		break;
	default:
		if (pick(8) == 0) {
			receive_socket(slot);
		} else if (is_stream(fd)) {
			length = destination(&to, fd);
			done(sendto(fd, "f", 1, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT,
				    (struct sockaddr *)&to, length),
			     "%d fast open family %d", slot, to.ss_family);
		}
	}
}

static int is_allowed(const char *address)
{
	for (char **one = allowed; *one; one++)
		if (strcmp(*one, address) == 0)
			return 1;
	return strcmp(address, "127.0.0.1") == 0;
}

/* What a socket is bound to, or NULL; of pure IPv6 only where ::1 is an ADDRESS. */
static const char *bound_to(int fd, char *text)
{
	struct sockaddr_storage local;
	struct sockaddr_in *in = (struct sockaddr_in *)&local;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&local;
	socklen_t length = sizeof(local);

	if (raw_call(SYS_getsockname, fd, (long)&local, (long)&length) < 0)
		return NULL;
	if (local.ss_family == AF_INET && (in->sin_addr.s_addr || in->sin_port))
		return inet_ntop(AF_INET, &in->sin_addr, text, INET6_ADDRSTRLEN);
	if (local.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, INET6_ADDRSTRLEN);
	if (local.ss_family == AF_INET6 && is_allowed("::1") &&
	    (in6->sin6_port || !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)))
		return inet_ntop(AF_INET6, &in6->sin6_addr, text, INET6_ADDRSTRLEN);
	return NULL;
}

int main(int argc, char **argv)
{
	char text[INET6_ADDRSTRLEN];
	int count;

	if (argc < 6)
		return 2;
	seed = (unsigned int)atoi(argv[1]);
	count = atoi(argv[2]);
	udp_port = atoi(argv[3]);
	tcp_port = atoi(argv[4]);
	allowed = argv + 5;
	for (int slot = 0; slot < SLOTS; slot++)
		slots[slot] = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < count; i++) {
		one_call(pick(SLOTS));
		for (int slot = 0; slot < SLOTS; slot++) {
			const char *address = bound_to(slots[slot], text);

			if (!address || is_allowed(address))
				continue;
			printf("socket %d is bound to %s\n", slot, address);
			for (int line = lines > 40 ? lines - 40 : 0; line < lines; line++)
				puts(history[line % LOG]);
			return 1;
		}
	}
	printf("calls %d succeeded %d\n", count, succeeded);
	return 0;
}
