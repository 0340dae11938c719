/*
 * A library to be loaded by dlopen: binds when its function is called.
 */
#include "harness.h"

void bind_in_library(void);

void bind_in_library(void)
{
	int fd = open_socket("tcp4");

	print_call(fd, bind_to(fd, "0.0.0.0", 0));
	end_line();
	fflush(stdout);
}
