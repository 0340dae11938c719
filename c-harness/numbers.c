/*
 * numbers: syscall(2) with numbers that aren't hooked: all six arguments, the result and errno.
 */
#include "harness.h"
#include <sys/mman.h>
#include <sys/syscall.h>

int main(void)
{
	FILE *file = tmpfile();
	long size = sysconf(_SC_PAGESIZE);
	char *page;

	if (!file || fseek(file, size, SEEK_SET) != 0 || fputs("sixth", file) < 0 || fflush(file) != 0)
		die("tmpfile");
	errno = ENOTSOCK;
	printf("%d", syscall(SYS_getpid) == getpid());
	printf(" %s", errno_name(errno));
	page = (char *)syscall(SYS_mmap, NULL, size, PROT_READ, MAP_PRIVATE, fileno(file), size);
	printf(" %s", page == MAP_FAILED ? "failed" : page);
	printf(" %s", outcome((int)syscall(SYS_close, -1)));
	printf(" %ld", syscall(100000));
	printf(" %s\n", errno == ENOSYS ? "ENOSYS" : errno_name(errno));
	return 0;
}
