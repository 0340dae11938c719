/* rings: the three system calls of io_uring(7), with arguments that are wrong. */
#include "harness.h"

int main(void)
{
	/* io_uring_setup, io_uring_enter, io_uring_register; the same numbers on all architectures. */
	for (int number = 425; number <= 427; number++)
		print_outcome((int)syscall(number, -1, NULL, 0, 0, NULL, 0));
	end_line();
	return 0;
}
