"""Two SO_REUSEPORT sockets on one port: one for a command, on descriptor 3, and its sibling here.

reuse_port.py let-go|keep command [argument ...]

When the command has printed a line, 20 clients connect; then the command is killed, and with it goes its socket, unless
`keep` has this process hold it as well. Prints where the clients were found: {"own": 0, "sibling": 20}.
"""

import json
import os
import select
import socket
import subprocess
import sys

CLIENTS = 20
SECONDS_MAX = 20


def listener(port):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen(CLIENTS)
    return made


def main():
    keep, command = sys.argv[1] == "keep", sys.argv[2:]
    own = listener(0)
    sibling = listener(own.getsockname()[1])
    os.dup2(own.fileno(), 3)  # May be the same; dup2 makes the other case inheritable only.
    os.set_inheritable(3, True)
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[3])
    if own.fileno() != 3:
        os.close(3)
    if not keep:
        own.close()
    child.stdout.readline()
    clients = [socket.socket() for _ in range(CLIENTS)]
    for client in clients:
        client.setblocking(False)
        client.connect_ex(sibling.getsockname())
    child.kill()
    child.wait()
    found = {"own": 0, "sibling": 0}
    listening = {sibling: "sibling", **({own: "own"} if keep else {})}
    while sum(found.values()) < CLIENTS:
        ready, _, _ = select.select(list(listening), [], [], SECONDS_MAX)
        if not ready:
            break
        for each in ready:
            each.accept()
            found[listening[each]] += 1
    print(json.dumps(found))


main()
