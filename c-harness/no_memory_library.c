/*
 * A library whose constructor leaves no memory to be mapped, to be preloaded behind ours: its
 * constructor runs before ours does.
 */
#include "harness.h"
#include <sys/resource.h>

__attribute__((constructor)) static void take_all(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) < 0)
		die("getrlimit");
	limit.rlim_cur = 0;
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		die("setrlimit");
}
