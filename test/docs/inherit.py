"""Run a command as a manager does: with a listening socket, opened here, on descriptor 3."""

import os
import socket
import sys

port, *command = sys.argv[1:]
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(port)))
listener.listen(128)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.execvp(command[0], command)
