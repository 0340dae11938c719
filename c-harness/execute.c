/*
 * execute HOW FILE: executes FILE in one of libc's ways, in a vfork child, with nine arguments and an
 * environment of one variable besides those that say what is preloaded and assigned. "execute shown"
 * is what FILE may be: it prints its arguments and that variable. Says the errno where FILE could not
 * be executed, and whether errno was kept by what went before.
 */
#include "harness.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

#define ARGUMENTS "shown", "b", "c", "d", "e", "f", "g", "h", "i"

static void execute(const char *how, const char *file)
{
	char *arguments[] = { (char *)file, ARGUMENTS, NULL };
	const char *volatile unreadable = (const char *)8;

	if (strcmp(how, "execve") == 0)
		execve(file, arguments, environ);
	else if (strcmp(how, "execv") == 0)
		execv(file, arguments);
	else if (strcmp(how, "execvp") == 0)
		execvp(file, arguments);
	else if (strcmp(how, "execvpe") == 0)
		execvpe(file, arguments, environ);
	else if (strcmp(how, "execl") == 0)
		execl(file, file, ARGUMENTS, (char *)NULL);
	else if (strcmp(how, "execle") == 0)
		execle(file, file, ARGUMENTS, (char *)NULL, environ);
	else if (strcmp(how, "execlp") == 0)
		execlp(file, file, ARGUMENTS, (char *)NULL);
	else if (strcmp(how, "fexecve") == 0)
		fexecve(open(file, O_RDONLY), arguments, environ);
	else if (strcmp(how, "fexecve-path") == 0)
		fexecve(open(file, O_PATH), arguments, environ);
#ifdef __GLIBC__
	else if (strcmp(how, "execveat") == 0)
		execveat(AT_FDCWD, file, arguments, environ, 0);
	else if (strcmp(how, "execveat-empty") == 0)
		execveat(open(file, O_RDONLY), "", arguments, environ, AT_EMPTY_PATH);
#endif
	else if (strcmp(how, "number-execve") == 0)
		syscall(SYS_execve, file, arguments, environ);
	else if (strcmp(how, "number-execveat") == 0)
		syscall(SYS_execveat, AT_FDCWD, file, arguments, environ, 0);
	else if (strcmp(how, "bad") == 0)
		execve(unreadable, arguments, environ);
}

int main(int count, char **arguments)
{
	const char *how = count > 1 ? arguments[1] : "";
	const char *file = count > 2 ? arguments[2] : "";
	int status = 0;
	pid_t child;

	if (strcmp(how, "shown") == 0) {
		for (int i = 1; i < count; i++)
			printf("%s ", arguments[i]);
		printf("%s\n", getenv("SHOWN") ? getenv("SHOWN") : "-");
		return 0;
	}
	setenv("SHOWN", "yes", 1);
	errno = 0;
	if (strcmp(how, "posix_spawn") == 0 || strcmp(how, "posix_spawnp") == 0) {
		char *list[] = { (char *)file, ARGUMENTS, NULL };
		int failed = how[11] ? posix_spawnp(&child, file, NULL, NULL, list, environ)
				     : posix_spawn(&child, file, NULL, NULL, list, environ);

		if (failed) {
			printf("%s\n", errno_name(failed));
			return 0;
		}
	} else {
		child = vfork();
		if (child == 0) {
			execute(how, file);
			_exit(errno);
		}
	}
	waitpid(child, &status, 0);
	if (WEXITSTATUS(status))
		printf("%s\n", errno_name(WEXITSTATUS(status)));
	return 0;
}
