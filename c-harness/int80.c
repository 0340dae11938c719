/*
 * int80: binds a TCP socket to 0.0.0.0 by the system call of 32-bit programs, which 64-bit ones can
 * make too. What it returned, and where the socket is bound then.
 */
#include "harness.h"

#include <sys/mman.h>

#if defined(__x86_64__)
/* bind of arch/x86/entry/syscalls/syscall_32.tbl */
static long bind_as_32_bit(int fd, const void *address, socklen_t length)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result)
			 : "a"(361L), "b"((long)fd), "c"(address), "d"((long)length)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

int main(void)
{
	int fd = open_socket("tcp4");
	/* Where a pointer of 32 bits reaches. */
	void *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
			 -1, 0);

	if (low == MAP_FAILED)
		die("mmap");
	printf("%s", errno_name((int)-bind_as_32_bit(fd, low, make_sockaddr(low, "0.0.0.0", 0))));
	print_local(fd);
	end_line();
	return 0;
}
#else
int main(void)
{
	puts("another architecture");
	return 0;
}
#endif
