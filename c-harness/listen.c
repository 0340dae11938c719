/*
 * listen KIND [number|twice|wildcard]: listen on a socket that isn't bound, and what it is bound to
 * then; by syscall(2), twice, or after a bind to the wildcard by a raw system call.
 */
#include "harness.h"

int main(int argc, char **argv)
{
	int fd = open_socket(argv[1]);
	const char *how = argc > 2 ? argv[2] : "";
	struct sockaddr_storage storage;
	socklen_t length;

	if (strcmp(how, "wildcard") == 0) {
		length = make_sockaddr(&storage, strchr(argv[1], '6') ? "::" : "0.0.0.0", 0);
		if (raw_call(SYS_bind, fd, (long)&storage, (long)length) < 0)
			die("bind");
	}
	print_outcome(strcmp(how, "number") == 0 ? (int)syscall(SYS_listen, fd, 5) : listen(fd, 5));
	if (strcmp(how, "twice") == 0)
		print_outcome(listen(fd, 6));
	print_local(fd);
	end_line();
	return 0;
}
