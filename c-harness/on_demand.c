/*
 * on_demand: for each line on standard input, "KIND bind ADDRESS PORT" or "KIND connect ADDRESS
 * PORT", one line of what came of it.
 */
#include "harness.h"

int main(void)
{
	char kind[16], call[16], address[64];
	int port;

	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (scanf("%15s %15s %63s %d", kind, call, address, &port) == 4) {
		int fd = open_socket(kind);
		int binds = strcmp(call, "bind") == 0;
		int result = binds ? bind_to(fd, address, port) : connect_to(fd, address, port);

		print_call(fd, result);
		end_line();
		close(fd);
	}
	return 0;
}
