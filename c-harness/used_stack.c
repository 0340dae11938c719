/*
 * used_stack name|number: pidfd_getfd of a descriptor of its own, by its name or by syscall(2), where
 * earlier calls have left something on the stack. Prints how many descriptors it has got; nothing
 * where the libc has no such function.
 */
#include "harness.h"

#include <fcntl.h>

#pragma weak pidfd_getfd
int pidfd_getfd(int pidfd, int fd, unsigned flags);

static void use_stack(void)
{
	char used[16384];

	memset(used, 0x41, sizeof(used));
	__asm__ volatile("" : : "r"(used) : "memory");
}

static int descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

int main(int argc, char **argv)
{
	int by_number = argc > 1 && strcmp(argv[1], "number") == 0;
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int before = descriptors();

	if (!by_number && !pidfd_getfd)
		return 0;
	use_stack();
	if (by_number)
		syscall(SYS_pidfd_getfd, pidfd, 0, 0);
	else
		pidfd_getfd(pidfd, 0, 0);
	printf("%d", descriptors() - before);
	return 0;
}
