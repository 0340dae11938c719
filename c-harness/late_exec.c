/*
 * late_exec PROGRAM ARGUMENT...: for each line on standard input, "bind" or "exec": a bind to the
 * wildcard and what came of it, or the program.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	char line[16];

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s", line) == 1) {
		int fd;

		if (strcmp(line, "exec") == 0) {
			execv(argv[1], argv + 1);
			die("exec");
		}
		fd = open_socket("tcp4");
		print_call(fd, bind_to(fd, "0.0.0.0", 0));
		end_line();
		close(fd);
	}
	return 0;
}
