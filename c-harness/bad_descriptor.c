/*
 * bad_descriptor ADDRESS: bind and connect on a closed descriptor, on a file, and on an AF_UNIX
 * socket.
 */
#include "harness.h"

#include <fcntl.h>

int main(int argc, char **argv)
{
	int fds[3];

	if (argc != 2)
		return 2;
	fds[0] = -1;
	fds[1] = open("/dev/null", O_RDONLY);
	fds[2] = socket(AF_UNIX, SOCK_STREAM, 0);
	for (int i = 0; i < 3; i++) {
		printf("%s ", outcome(bind_to(fds[i], argv[1], 0)));
		printf("%s ", outcome(connect_to(fds[i], argv[1], 9)));
	}
	puts("");
	return 0;
}
