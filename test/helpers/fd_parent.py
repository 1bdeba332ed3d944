"""A parent that hands descriptors to a command, as a process manager does.

fd_parent.py '{"pass": [{"fd": 7, "kind": "tcp"}], "names": "web"}' command [argument ...]

It prints one line of JSON when the command was started ({"pid", "ports"}), and one when that has ended ({"status",
"sockets": [{"nonblocking", "backlog", "path_exists"}]}). It keeps its own copy of each descriptor.
"""

import fcntl
import json
import os
import socket
import struct
import sys

BACKLOG = 77


def make(spec):
    kind = spec["kind"]
    if kind == "closed":
        return None
    if kind == "file":
        return os.open(spec["path"], os.O_RDWR | os.O_CREAT)
    if kind == "directory":
        return os.open(spec["path"], os.O_RDONLY)
    if kind == "pipe":
        return os.pipe()[0]
    if kind.startswith("unix"):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM if kind == "unix-dgram" else socket.SOCK_STREAM)
        made.bind(spec["path"])
        if kind == "unix":
            made.listen(BACKLOG)
        return made
    family, host = (socket.AF_INET6, "::1") if "6" in kind else (socket.AF_INET, "127.0.0.1")
    made = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    if kind == "tcp-unbound":
        return made
    made.bind((host, 0))
    if kind == "tcp-connected":
        other = socket.create_server(("127.0.0.1", 0))
        made.connect(other.getsockname())
    elif kind in ("tcp", "tcp6"):
        made.listen(BACKLOG)
    return made


def number(made):
    return made.fileno() if isinstance(made, socket.socket) else made


def port(made):
    internet = isinstance(made, socket.socket) and made.family != socket.AF_UNIX
    return made.getsockname()[1] if internet else 0


def child(specs, made, names, command):
    # Out of the way first: a number that is wanted may be one that is there.
    high = [None if each is None else fcntl.fcntl(number(each), fcntl.F_DUPFD, 100) for each in made]
    for spec, fd in zip(specs, high):
        if fd is None:
            os.closerange(spec["fd"], spec["fd"] + 1)  # Which does not mind when it is closed.
        else:
            os.dup2(fd, spec["fd"], inheritable=True)
    for fd in high:
        if fd is not None:
            os.close(fd)
    if names is not None:
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.environ["LISTEN_FDS"] = str(len(specs))
        os.environ["LISTEN_FDNAMES"] = names
    os.execvp(command[0], command)


def state(spec, made):
    if not isinstance(made, socket.socket):
        return {}
    seen = {"nonblocking": bool(fcntl.fcntl(made, fcntl.F_GETFL) & os.O_NONBLOCK)}
    if made.family != socket.AF_UNIX and made.type == socket.SOCK_STREAM:
        # tcpi_sacked of a listening socket is its backlog (net/ipv4/tcp.c, tcp_get_info).
        seen["backlog"] = struct.unpack_from("I", made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 28)[0]
    if "path" in spec:
        seen["path_exists"] = os.path.exists(spec["path"])
    return seen


def main():
    setup, command = json.loads(sys.argv[1]), sys.argv[2:]
    specs = setup["pass"]
    made = [make(spec) for spec in specs]
    pid = os.fork()
    if pid == 0:
        child(specs, made, setup.get("names"), command)
    print(json.dumps({"pid": pid, "ports": [port(each) for each in made]}), flush=True)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    sockets = [state(spec, each) for spec, each in zip(specs, made)]
    print(json.dumps({"status": status, "sockets": sockets}), flush=True)


main()
