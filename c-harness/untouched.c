/*
 * untouched PORT: errno and the program's sockaddr are as they were after a bind and a connect that
 * succeed; the sockaddr lies in read-only memory.
 */
#include "harness.h"

#include <sys/mman.h>

int main(int argc, char **argv)
{
	struct sockaddr_in *wildcard, *remote, before[2];
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2 || page == MAP_FAILED)
		return 2;
	wildcard = (struct sockaddr_in *)page;
	remote = wildcard + 1;
	make_sockaddr((struct sockaddr_storage *)(page + 1024), "127.0.0.1", atoi(argv[1]));
	memcpy(remote, page + 1024, sizeof(*remote));
	wildcard->sin_family = AF_INET;
	memcpy(before, wildcard, sizeof(before));
	mprotect(page, size, PROT_READ);

	errno = ENOTTY;
	if (bind(server, (struct sockaddr *)wildcard, sizeof(*wildcard)) < 0)
		die("bind");
	printf("%s", errno == ENOTTY ? "kept" : "changed");
	errno = ENOTTY;
	if (connect(client, (struct sockaddr *)remote, sizeof(*remote)) < 0)
		die("connect");
	printf(" %s", errno == ENOTTY ? "kept" : "changed");
	puts(memcmp(before, wildcard, sizeof(before)) == 0 ? " same" : " different");
	return 0;
}
