/* undumpable: a process that nobody may trace binds a TCP socket to 0.0.0.0. */
#include "harness.h"

#include <sys/prctl.h>

int main(void)
{
	int fd = open_socket("tcp4");

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die("prctl");
	print_call(fd, bind_to(fd, "0.0.0.0", 0));
	end_line();
	return 0;
}
