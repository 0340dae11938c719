/*
 * secure: whether the kernel has set AT_SECURE. An argument "seteuid" has it execute itself with
 * another effective user ID first.
 */
#include "harness.h"

#include <sys/auxv.h>

int main(int count, char **arguments)
{
	if (count > 1 && strcmp(arguments[1], "seteuid") == 0) {
		if (seteuid(65534) < 0)
			die("seteuid");
		execl("/proc/self/exe", arguments[0], NULL);
		die("execl");
	}
	printf("secure %lu\n", getauxval(AT_SECURE));
	return 0;
}
