"""What an installed library is for, with 127.0.0.2 assigned: prints the addresses that a server and
its client get, and what becomes of a bind to another address.

With an argument it does so once for each line that it reads, until its input ends."""

import socket
import sys


def main_job():
    server = socket.create_server(("0.0.0.0", 0))
    client = socket.create_connection(server.getsockname())
    with server, client:
        addresses = server.getsockname()[0], client.getsockname()[0]
    try:
        socket.create_server(("127.0.0.3", 0)).close()
        other = "allowed"
    except PermissionError:
        other = "refused"
    print(*addresses, other, flush=True)


if len(sys.argv) > 1:
    for line in sys.stdin:
        main_job()
else:
    main_job()
