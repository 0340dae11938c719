/* exited_leader: a thread binds a TCP socket to 0.0.0.0 when the first thread has ended. */
#include "harness.h"

#include <pthread.h>

static void *in_thread(void *leader)
{
	int fd = open_socket("tcp4");

	pthread_join(*(pthread_t *)leader, NULL);
	/* The kernel may still be at it. */
	usleep(100 * 1000);
	print_call(fd, bind_to(fd, "0.0.0.0", 0));
	end_line();
	exit(0);
}

int main(void)
{
	static pthread_t leader;
	pthread_t thread;

	leader = pthread_self();
	if (pthread_create(&thread, NULL, in_thread, &leader) != 0)
		die("thread");
	pthread_exit(NULL);
}
