/*
 * fork_threads PORT ROUNDS: threads connect without pause while the main thread forks, and each
 * child connects too. Prints how many connections had another source than the first.
 */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

static atomic_int stop, odd, made;
static int port;
static in_addr_t expected;

static int connect_once(void)
{
	struct sockaddr_in local;
	socklen_t length = sizeof(local);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int failed = connect_to(fd, "127.0.0.1", port) < 0 ||
		     getsockname(fd, (struct sockaddr *)&local, &length) < 0 ||
		     (expected && local.sin_addr.s_addr != expected);

	if (!expected)
		expected = local.sin_addr.s_addr;
	close(fd);
	return failed;
}

static void *busy(void *unused)
{
	while (!stop) {
		odd += connect_once();
		made++;
	}
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t threads[4];
	int children = 0;

	if (argc != 3)
		return 2;
	port = atoi(argv[1]);
	connect_once();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, busy, NULL);
	for (int i = 0; i < atoi(argv[2]); i++) {
		pid_t child = fork();
		int status;

		if (child == 0)
			_exit(connect_once());
		if (waitpid(child, &status, 0) == child && status == 0)
			children++;
	}
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("children %d odd %d %s\n", children, odd, made > 0 ? "busy" : "idle");
	return 0;
}
