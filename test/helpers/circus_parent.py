"""Stands in for circusd in the tests: reads a circus.ini and hands its workers what Circus 0.19 hands them.

    circus_parent.py FILE.ini [--set SECTION.KEY=VALUE ...]

What it does as Circus does (seen with circus 0.19):
  - every [socket:NAME] is bound and listening, backlog 2048, O_NONBLOCK unless `blocking = True`;
  - a worker with `use_sockets = True` inherits all of them, without it none;
  - the environment is empty unless `copy_env = True`; standard input is /dev/null;
  - `$(circus.sockets.NAME)` and `((circus.sockets.NAME))` become the descriptor; what is unknown stays as it is;
  - `so_reuseport = True` gives each worker a listening socket of its own, which the parent lets go after the fork; the
    parent itself does not listen then (here it holds the port, so that the tests can ask for any);
  - `reload` starts as many new workers and stops the old ones at once, `reload --sequential` stops one, waits for its
    end, and starts the next, and with `send_hup = True` both send SIGHUP instead;
  - stop is SIGTERM (`stop_signal`), SIGKILL after `graceful_timeout` (30 s);
  - a worker that ends is started again, at most one start a second for each.

Commands on standard input, a line each: `reload`, `reload-sequential`, `restart`, `incr`, `decr`, `quit`.
Events on standard output, a JSON object each: listening, spawned, exited, done.
"""

import configparser
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time

RESPAWN_SECONDS = 1.0


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def truth(section, key):
    return section.get(key, "").strip().lower() in ("true", "1", "yes", "on")


def open_socket(section, listen=True):
    """Bind and listen as circus.sockets does. Every descriptor is inheritable."""
    if "path" in section:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(section["path"])
    else:
        host = section.get("host", "localhost")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if truth(section, "so_reuseport"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, int(section.get("port", "0"))))
    sock.setblocking(truth(section, "blocking"))
    if listen:
        sock.listen(int(section.get("backlog", "2048")))
    sock.set_inheritable(True)
    return sock


def address_of(sock):
    name = sock.getsockname()
    return {"path": name} if isinstance(name, str) else {"host": name[0], "port": name[1]}


class Worker:
    def __init__(self, process):
        self.process = process
        self.kill_at = None


class Watcher:
    def __init__(self, name, section, sockets, socket_sections):
        self.name = name
        self.section = section
        self.sockets = sockets
        self.socket_sections = socket_sections
        self.wanted = int(section.get("numprocesses", "1"))
        self.stop_signal = self.signal_number(section.get("stop_signal", "TERM"))
        self.graceful_seconds = float(section.get("graceful_timeout", "30"))
        self.workers = []
        self.not_before = 0.0

    @staticmethod
    def signal_number(name):
        return int(name) if name.isdigit() else getattr(signal, "SIG" + name.upper().removeprefix("SIG"))

    def expand(self, text, sockets):
        def replace(match):
            sock = sockets.get(match.group(1).lower())
            return match.group(0) if sock is None else str(sock.fileno())

        for pattern in (r"\$\(circus\.sockets\.(\w+)\)", r"\(\(circus\.sockets\.(\w+)\)\)"):
            text = re.sub(pattern, replace, text)
        return text

    def spawn(self):
        sockets, own = dict(self.sockets), []
        for name, section in self.socket_sections.items():
            if truth(section, "so_reuseport"):
                sockets[name] = open_socket({**section, "port": str(self.sockets[name].getsockname()[1])})
                own.append(sockets[name])
        command = " ".join([self.section["cmd"], self.section.get("args", "")])
        environment = dict(os.environ) if truth(self.section, "copy_env") else {}
        for pair in filter(None, self.section.get("env", "").split(",")):
            key, value = pair.split("=", 1)
            environment[key.strip()] = value.strip()
        process = subprocess.Popen(
            shlex.split(self.expand(command, sockets)),
            cwd=self.section.get("working_dir") or None,
            env=environment,
            close_fds=not truth(self.section, "use_sockets"),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
        )
        for sock in own:
            sock.close()
        self.workers.append(Worker(process))
        tell("spawned", watcher=self.name, pid=process.pid)

    def stop(self, worker):
        if worker.kill_at is None:
            worker.kill_at = time.monotonic() + self.graceful_seconds
            worker.process.send_signal(self.stop_signal)

    def reap(self):
        for worker in list(self.workers):
            status = worker.process.poll()
            if status is None:
                if worker.kill_at is not None and time.monotonic() > worker.kill_at:
                    worker.process.kill()
                continue
            self.workers.remove(worker)
            tell("exited", watcher=self.name, pid=worker.process.pid, status=status)

    def running(self):
        return [worker for worker in self.workers if worker.kill_at is None]

    def keep(self):
        """Start what is missing; after a start that follows an unexpected end, wait a second."""
        missing = self.wanted - len(self.running())
        if missing > 0 and time.monotonic() >= self.not_before:
            self.not_before = time.monotonic() + RESPAWN_SECONDS
            for _ in range(missing):
                self.spawn()


class Parent:
    def __init__(self, config):
        named = lambda kind: {n.split(":", 1)[1]: dict(config[n]) for n in config.sections() if n.startswith(kind + ":")}
        sections = {name.lower(): section for name, section in named("socket").items()}
        self.sockets = {n: open_socket(s, not truth(s, "so_reuseport")) for n, s in sections.items()}
        for name, sock in self.sockets.items():
            tell("listening", socket=name, fd=sock.fileno(), **address_of(sock))
        self.watchers = [Watcher(n, s, self.sockets, sections) for n, s in named("watcher").items()]
        self.quitting = False

    def wait(self, done):
        """Reap, and kill what is late, until `done()`."""
        while not done():
            self.step(0.02)

    def step(self, seconds):
        time.sleep(seconds)
        for watcher in self.watchers:
            watcher.reap()

    def command(self, line):
        for watcher in self.watchers:
            old = watcher.running()
            if line.startswith("reload") and truth(watcher.section, "send_hup"):
                for worker in old:
                    worker.process.send_signal(signal.SIGHUP)
            elif line == "reload":  # All new ones first, then all old ones at once, before the new have booted.
                for _ in old:
                    watcher.spawn()
                for worker in old:
                    watcher.stop(worker)
            elif line == "reload-sequential":
                for worker in old:
                    watcher.stop(worker)
                    self.wait(lambda: worker not in watcher.workers)
                    watcher.spawn()
            elif line == "restart":
                for worker in old:
                    watcher.stop(worker)
                self.wait(lambda: not watcher.workers)
                watcher.not_before = 0.0
            elif line == "incr":
                watcher.wanted += 1
                watcher.not_before = 0.0
            elif line == "decr":
                watcher.wanted -= 1
                watcher.stop(old[0])
            elif line == "quit":
                watcher.wanted = 0
                for worker in old:
                    watcher.stop(worker)
                self.quitting = True
            else:
                raise SystemExit(f"circus_parent: unknown command {line!r}")
        if line == "reload":
            self.wait(lambda: all(len(w.workers) <= w.wanted for w in self.watchers))
        tell("done", command=line)

    def run(self):
        pending = b""
        while not (self.quitting and not any(watcher.workers for watcher in self.watchers)):
            for watcher in self.watchers:
                watcher.keep()
            readable, _, _ = select.select([] if self.quitting else [0], [], [], 0.05)
            if readable:
                data = os.read(0, 4096)
                pending += data or b"quit\n"
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    self.command(line.decode().strip())
            self.step(0)


def main():
    config = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    arguments = sys.argv[1:]
    with open(arguments[0], encoding="utf-8") as file:
        config.read_file(file)
    for flag, setting in zip(arguments[1::2], arguments[2::2]):
        assert flag == "--set", flag
        name, value = setting.split("=", 1)
        section, key = name.rsplit(".", 1)
        config[section][key] = value
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parent = Parent(config)
    try:
        parent.run()
    finally:
        for watcher in parent.watchers:
            for worker in watcher.workers:
                worker.process.kill()
                worker.process.wait()


main()
