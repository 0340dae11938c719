"""Two listeners that take every connection and keep it, while a command runs.

The command's last argument but one is the kind of socket; the listeners' addresses and ports are
added to it.
"""

import os
import resource
import socket
import subprocess
import sys
import threading

command = sys.argv[1:]
mapped = "::ffff:" if command[-2].endswith("6") else ""

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
kept = []


def keep(listener):
    while True:
        kept.append(listener.accept())


for address in ("127.0.1.1", "127.0.1.2"):
    listener = socket.socket()
    # The namespace is the test's own, and this lies outside its ephemeral ports.
    listener.bind((address, 8080))
    listener.listen(4096)
    command += [mapped + address, "8080"]
    threading.Thread(target=keep, args=(listener,), daemon=True).start()

status = subprocess.run(command).returncode
sys.stdout.flush()
os._exit(status)
