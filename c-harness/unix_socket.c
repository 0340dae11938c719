/* unix_socket PATH: a family that is none of the rules' business. */
#include "harness.h"

#include <sys/un.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", argv[1]);
	printf("%s", outcome(bind(server, (struct sockaddr *)&address, sizeof(address))));
	listen(server, 1);
	printf(" %s\n", outcome(connect(client, (struct sockaddr *)&address, sizeof(address))));
	unlink(argv[1]);
	return 0;
}
