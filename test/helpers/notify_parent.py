"""Stands in for systemd's service manager in the tests: starts a command with NOTIFY_SOCKET and WATCHDOG_USEC in its
environment, prints what it is told, and, once a line comes on standard input, ends the command with SIGABRT when
WATCHDOG=1 does not come in time. Until then it only counts: a busy machine is late as well.

    notify_parent.py SETUP COMMAND…

SETUP is JSON: {"address": "/path" or "@name", "watchdog_usec": N or null, "watchdog_pid": true, false or null}: whether
WATCHDOG_PID is that of the command, of somebody else, or not set.
Events on standard output, a JSON object each: started, message, watchdog, ended.
"""

import json
import os
import select
import signal
import socket
import sys
import time


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def start(setup, command):
    pid = os.fork()
    if pid:
        return pid
    environment = {**os.environ, "NOTIFY_SOCKET": setup["address"]}
    if setup["watchdog_usec"] is not None:
        environment["WATCHDOG_USEC"] = str(setup["watchdog_usec"])
    if setup["watchdog_pid"] is not None:
        environment["WATCHDOG_PID"] = str(os.getpid() if setup["watchdog_pid"] else 1)
    os.execve(command[0], command, environment)


def main():
    setup, command = json.loads(sys.argv[1]), sys.argv[2:]
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(setup["address"].replace("@", "\0", 1) if setup["address"][0] == "@" else setup["address"])
    pid = start(setup, command)
    tell("started", pid=pid)
    signal.signal(signal.SIGTERM, lambda *_: (os.kill(pid, signal.SIGKILL), sys.exit(143)))
    deadline = None
    inputs = [inbox, sys.stdin]
    while True:
        readable, _, _ = select.select(inputs, [], [], 0.05)
        if sys.stdin in readable:
            inputs.remove(sys.stdin)
            if sys.stdin.readline():
                deadline = time.monotonic() + setup["watchdog_usec"] / 1e6
        if inbox in readable:
            lines = inbox.recv(4096).decode().split("\n")
            tell("message", lines=lines)
            if deadline is not None and "WATCHDOG=1" in lines:
                deadline = time.monotonic() + setup["watchdog_usec"] / 1e6
            continue
        if pid is None:
            continue  # systemd-notify(1), which the command has started, may be later than its end.
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            tell("ended", status=os.waitstatus_to_exitcode(status))
            pid = None
        elif deadline is not None and time.monotonic() > deadline:
            tell("watchdog")
            deadline = None
            os.kill(pid, signal.SIGABRT)


main()
