/* vfork_connect PORT: a vfork child, which shares its parent's memory, connects. */
#include "harness.h"

#include <sys/wait.h>

/* Of its own, so that nothing but its arguments is on the shared stack. */
static int __attribute__((noinline)) connect_in_child(int fd, int port)
{
	volatile int result = -1;
	pid_t child = vfork();

	if (child == 0) {
		result = connect_to(fd, "127.0.0.1", port);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return result;
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2)
		return 2;
	fd = open_socket("udp4");
	printf("%d", connect_in_child(fd, atoi(argv[1])));
	print_local(fd);
	puts("");
	return 0;
}
