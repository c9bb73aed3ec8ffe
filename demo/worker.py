"""One process that runs one program's commands, one after the other, with its own home and secrets.

It reads a JSON object a line (``args``, ``stdin``, ``env``) and answers one (``code``, ``out``, ``err``). The
commands are exactly those of the command line; only what is slow is paid once instead of a hundred times: the start of
Python, and making a key of a passphrase (Argon2id), which is slow on purpose. In one chapter their clock is set ahead
(``demo.clock``).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import traceback
from functools import cache
from pathlib import Path

from click.testing import CliRunner

from demo.clock import go_by
from keys.custody import keyfile


def main() -> None:
    """Serve commands of the module named on the command line until standard input ends."""
    module, clock = sys.argv[1:]
    program = importlib.import_module(module).main
    go_by(Path(clock))
    vars(keyfile)["_derive"] = cache(vars(keyfile)["_derive"])
    runner = CliRunner()
    for line in sys.stdin:
        wanted = json.loads(line)
        result = runner.invoke(program, wanted["args"], input=wanted.get("stdin"), env=wanted.get("env"))
        err = result.stderr
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            err += "".join(traceback.format_exception(result.exception))
        answer = {"code": result.exit_code, "out": result.stdout, "err": err}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # the demo was stopped; there is nothing to say
        main()
