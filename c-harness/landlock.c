/*
 * landlock ADDRESS files|network: forbids itself, by Landlock, to execute files or to bind TCP ports,
 * and binds a TCP socket to ADDRESS, and another to 0.0.0.0.
 */
#include "harness.h"

#include <stdint.h>
#include <sys/prctl.h>

/* See linux/landlock.h, which not all have; the numbers are the same on all architectures. */
#define CREATE_RULESET 444
#define RESTRICT_SELF 446
#define EXECUTE 1
#define BIND_TCP 1

int main(int argc, char **argv)
{
	struct {
		uint64_t handled_access_fs, handled_access_net;
	} attributes = { 0, 0 };
	int fd, rules;

	if (argc != 3)
		return 2;
	if (strcmp(argv[2], "network") == 0)
		attributes.handled_access_net = BIND_TCP;
	else
		attributes.handled_access_fs = EXECUTE;
	rules = (int)syscall(CREATE_RULESET, &attributes, sizeof(attributes), 0);
	if (rules < 0)
		die("landlock");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(RESTRICT_SELF, rules, 0) < 0)
		die("landlock_restrict_self");
	fd = open_socket("tcp4");
	print_call(fd, bind_to(fd, argv[1], 0));
	fd = open_socket("tcp4");
	print_call(fd, bind_to(fd, "0.0.0.0", 0));
	end_line();
	return 0;
}
