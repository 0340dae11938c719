/*
 * Another library that interposes bind, and finds libc's by its handle, as socket_wrapper
 * does: says so on standard error, with the address as it sees it.
 */
#include "harness.h"

#include <dlfcn.h>

typedef int call(int, const struct sockaddr *, socklen_t);

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	static call *next;
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;

	if (!next) {
		void *libc = dlopen("libc.so.6", RTLD_LAZY);

		if (!libc)
			libc = dlopen("libc.so", RTLD_LAZY);
		next = (call *)dlsym(libc, "bind");
	}
	fprintf(stderr, "handle %s\n", inet_ntoa(in->sin_addr));
	return next(fd, address, length);
}
