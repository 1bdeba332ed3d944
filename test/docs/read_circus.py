"""Read a circus.ini as Circus does: every socket that a command names must be a section, and handed over."""

import configparser
import re
import sys

parser = configparser.RawConfigParser(strict=True)
parser.read_file(open(sys.argv[1]))
for section in parser.sections():
    if not section.startswith("watcher:"):
        continue
    for name in re.findall(r"circus\.sockets\.(\w+)", parser.get(section, "cmd")):
        if not parser.has_section("socket:" + name):
            sys.exit(f"{section} names the socket {name}, which has no section")
        if not parser.getboolean(section, "use_sockets", fallback=False):
            sys.exit(f"{section} does not set use_sockets")
