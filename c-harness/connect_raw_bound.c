/*
 * connect_raw_bound KIND ADDRESS PORT LOCAL: the socket is bound by a raw system call, as one is
 * that was inherited or passed; then connect(2).
 */
#include "harness.h"

#include <sys/syscall.h>

/* Not syscall(2), which a preloaded library may interpose. */
static long raw_bind(int fd, const void *address, socklen_t length)
{
	long result;

#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_bind), "D"((long)fd), "S"(address), "d"((long)length)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x0 __asm__("x0") = fd;
	register const void *x1 __asm__("x1") = address;
	register long x2 __asm__("x2") = length;
	register long x8 __asm__("x8") = SYS_bind;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
	result = x0;
#endif
	return result;
}

int main(int argc, char **argv)
{
	struct sockaddr_storage storage;
	socklen_t length;
	int fd;

	if (argc != 5)
		return 2;
	fd = open_socket(argv[1]);
	length = make_sockaddr(&storage, argv[4], 0);
	if (raw_bind(fd, &storage, length) < 0)
		die("raw bind");
	printf("%s", outcome(connect_to(fd, argv[2], atoi(argv[3]))));
	print_local(fd);
	puts("");
	return 0;
}
