"""A person's hands on the command line: runs ``nrm-adapter`` as they would, passphrases in the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from adapters.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]
SECRETS = {
    "NRM_ROOT_PASSPHRASE": "an invented root passphrase",
    "NRM_ADAPTER_PASSPHRASE": "an invented adapter passphrase",
    "NRM_MEMBER_PASSPHRASE": "an invented member passphrase",
}


@dataclass(frozen=True)
class Hands:
    """The command line of one agency's adapter, run inside the test."""

    home: Path
    environ: Mapping[str, str]

    def run(self, *args: str, form: Any = None, typed: str | None = None, expect: int | None = 0) -> Result:
        """Run a command; ``form`` goes in on standard input, or what is ``typed``.

        A traceback fails the test, so does another exit code.
        """
        result = CliRunner().invoke(
            main,
            ["--home", str(self.home), *args],
            env={**{name: None for name in os.environ if name.startswith("NRM_")}, **self.environ},
            input=typed if form is None else json.dumps(form),
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert expect is None or result.exit_code == expect, f"{args}: {result.output}"
        assert "Traceback" not in result.output
        return result

    def refused(self, *args: str, form: Any = None) -> str:
        """Run a command that must end with exit code 1 and one line that says why; return that line."""
        lines = self.run(*args, form=form, expect=1).stderr.strip().splitlines()
        assert lines[-1].startswith("Error: "), lines
        return lines[-1].removeprefix("Error: ")


def run_process(
    *args: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None, module: str = "adapters.cli"
) -> subprocess.CompletedProcess[str]:
    """Run the console entry in a process of its own, with no passphrase but those given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    command: Sequence[str] = [sys.executable, "-m", module, *args]
    return subprocess.run(
        command,
        env={**plain, "PYTHONPATH": str(REPOSITORY), **(environ or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
