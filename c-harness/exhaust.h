/*
 * To have no descriptor or no memory left.
 */
#ifndef EXHAUST_H
#define EXHAUST_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* From now on no descriptor can be opened: EMFILE. */
static inline void exhaust_descriptors(void)
{
	struct rlimit limit;
	int lowest = dup(0);

	if (lowest < 0 || close(lowest) || getrlimit(RLIMIT_NOFILE, &limit))
		abort();
	limit.rlim_cur = lowest;
	if (setrlimit(RLIMIT_NOFILE, &limit) || dup(0) >= 0)
		abort();
}

/* From now on no memory can be mapped: ENOMEM. */
static inline void exhaust_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit))
		abort();
	limit.rlim_cur = 4096;
	if (setrlimit(RLIMIT_AS, &limit))
		abort();
}

#endif
