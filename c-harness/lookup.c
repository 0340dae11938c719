/*
 * lookup HOW: finds bind by dlsym(3) or dlvsym(3), on a handle or by RTLD_DEFAULT or RTLD_NEXT, and
 * binds a TCP socket to 0.0.0.0 with it. "foreign LIBRARY": what a library's own functions of such
 * names return, which have nothing to do with sockets. "deepbind LIBRARY [FLAG]": has a library that
 * is loaded with that flag bind. "namespace LIBRARY": the same in a namespace of its own.
 */
#include "harness.h"

#include <dlfcn.h>

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 8
#endif
#ifdef __aarch64__
#define FIRST "GLIBC_2.17"
#else
#define FIRST "GLIBC_2.2.5"
#endif

typedef int call(int, const struct sockaddr *, socklen_t);
typedef void *lookup(void *, const char *);

static void *open_library(const char *name, int flags)
{
	void *handle = dlopen(name, flags);

	if (!handle) {
		printf("dlopen: %s\n", dlerror());
		exit(2);
	}
	return handle;
}

static void *libc_handle(void)
{
	void *handle = dlopen("libc.so.6", RTLD_LAZY);

	return handle ? handle : open_library("libc.so", RTLD_LAZY);
}

static void bind_by(call *call)
{
	struct sockaddr_storage storage;
	socklen_t length = make_sockaddr(&storage, "0.0.0.0", 0);
	int fd = open_socket("tcp4");

	if (!call) {
		printf("not found: %s\n", dlerror());
		exit(2);
	}
	print_call(fd, call(fd, (struct sockaddr *)&storage, length));
	end_line();
}

int main(int count, char **arguments)
{
	const char *how = count > 1 ? arguments[1] : "";
	const char *library = count > 2 ? arguments[2] : "";

	if (strcmp(how, "dlsym") == 0) {
		bind_by((call *)dlsym(libc_handle(), "bind"));
	} else if (strcmp(how, "self") == 0) {
		bind_by((call *)dlsym(open_library(NULL, RTLD_LAZY), "bind"));
	} else if (strcmp(how, "default") == 0) {
		bind_by((call *)dlsym(RTLD_DEFAULT, "bind"));
	} else if (strcmp(how, "next") == 0) {
		bind_by((call *)dlsym(RTLD_NEXT, "bind"));
	} else if (strcmp(how, "indirect") == 0) {
		lookup *next = (lookup *)dlsym(libc_handle(), "dlsym");

		bind_by((call *)next(libc_handle(), "bind"));
	} else if (strcmp(how, "missing") == 0) {
		void *found = dlsym(libc_handle(), "no_such_function");
		const char *error = dlerror();

		printf("%s %s\n", found ? "found" : "null",
		       error && strstr(error, "no_such_function") ? "told" : "silent");
#ifdef __GLIBC__
	} else if (strcmp(how, "dlvsym") == 0) {
		bind_by((call *)dlvsym(libc_handle(), "bind", FIRST));
	} else if (strcmp(how, "namespace") == 0) {
		void *handle = dlmopen(LM_ID_NEWLM, library, RTLD_NOW);

		if (handle)
			((void (*)(void))dlsym(handle, "bind_in_library"))();
		else
			printf("null %s\n", dlerror());
	} else if (strcmp(how, "base") == 0) {
		void *handle = dlmopen(LM_ID_BASE, library, RTLD_NOW | RTLD_DEEPBIND);

		if (handle)
			((void (*)(void))dlsym(handle, "bind_in_library"))();
#endif
	} else if (strcmp(how, "foreign") == 0) {
		void *handle = open_library(library, RTLD_NOW);

		printf("%d %d\n", ((int (*)(void))dlsym(handle, "connect"))(),
		       ((int (*)(void))dlsym(handle, "listen"))());
	} else if (strcmp(how, "deepbind") == 0) {
		void *handle = open_library(library, RTLD_NOW | RTLD_DEEPBIND);

		((void (*)(void))dlsym(handle, "bind_in_library"))();
	} else if (strcmp(how, "all") == 0) {
		/* For each name: is what the handle of libc has what every caller gets? */
		for (int i = 2; i < count; i++) {
			void *by_handle = dlsym(libc_handle(), arguments[i]);

			if (by_handle && by_handle != dlsym(RTLD_DEFAULT, arguments[i]))
				printf("%s ", arguments[i]);
		}
		puts("compared");
	}
	return 0;
}
