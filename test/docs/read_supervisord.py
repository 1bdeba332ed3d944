"""Read a supervisord.conf with Supervisor's own reader: unknown values and missing sections are errors there."""

import sys
import tempfile

from supervisor.options import ServerOptions

with tempfile.NamedTemporaryFile("w", suffix=".conf") as whole:
    text = open(sys.argv[1]).read()
    whole.write(text if "[supervisord]" in text else "[supervisord]\n" + text)
    whole.flush()
    options = ServerOptions()
    options.realize(["-c", whole.name])
    if not options.process_group_configs:
        sys.exit("no program")
