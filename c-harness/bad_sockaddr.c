/*
 * bad_sockaddr bind|connect KIND ADDRESS: the call with pointers and lengths that the kernel
 * refuses, and with some that it takes; the outcome of each.
 */
#include "harness.h"

typedef int call(int, const struct sockaddr *, socklen_t);

int main(int argc, char **argv)
{
	static const unsigned int lengths[] = { 0, 1, 2, 15, 16, 23, 24, 27, 28, 128, 129,
						0x7fffffff, 0x80000000, 0xffffffff };
	/* The highest bit belongs to the kernel's half of the address space. */
	const void *pointers[] = { NULL, (void *)-1L, (void *)(1UL << 63) };
	char buffer[256] = { 0 };
	call *call;

	if (argc != 4)
		return 2;
	call = strcmp(argv[1], "bind") == 0 ? bind : connect;
	make_sockaddr((struct sockaddr_storage *)buffer, argv[3], 9);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		int fd = open_socket(argv[2]);

		((struct sockaddr_in *)buffer)->sin_port = 0;
		printf("%u:%s ", lengths[i], outcome(call(fd, (void *)buffer, lengths[i])));
		close(fd);
	}
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		int fd = open_socket(argv[2]);

		printf("%p:%s ", pointers[i],
		       outcome(call(fd, pointers[i], sizeof(struct sockaddr_in))));
		close(fd);
	}
	puts("");
	return 0;
}
