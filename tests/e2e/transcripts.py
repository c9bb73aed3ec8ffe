"""Pages with commands that people copy, run as they stand there: their shell blocks, and a shell that runs them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.adapters.hands import REPOSITORY
from tests.federation import free_port

FIRST = 'export PATH="$PWD/.venv/bin:$PATH"\nmkdir -p var/hand && cd var/hand && files=../../demo/files\n'
"""How the README's commands begin; a test begins elsewhere."""
ADDRESS = "127.0.0.1:8080"
HAND = "hand"
_COMMANDS = (("nrm-hub", "hub.cli"), ("nrm-adapter", "adapters.cli"))


def blocks_of(page: str, section: str) -> list[str]:
    """Return the shell blocks of a page's section, in order."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    found = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", found, re.DOTALL | re.MULTILINE)


def by_hand() -> str:
    """Return the one block of README.md, section "By hand"."""
    (block,) = blocks_of("README.md", "By hand")
    return block


def run(text: str, folder: Path, max_seconds: float) -> tuple[int, str]:
    """Run what begins like the README's commands in an empty folder, on a free port; return the exit code and words.

    What it makes is in ``folder / HAND``. The servers that it starts are ended with it.
    """
    commands = folder / "commands"
    commands.mkdir()
    for name, module in _COMMANDS:
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (commands / name).chmod(0o700)
    place = f'export PATH="{commands}:$PATH"\nmkdir {HAND} && cd {HAND} && files="{REPOSITORY / "demo" / "files"}"\n'
    assert text.startswith(FIRST)
    script = folder / "commands.sh"
    text = text.replace(FIRST, place).replace(ADDRESS, f"127.0.0.1:{free_port()}")
    script.write_text("set -eu\n" + text, encoding="utf-8")
    bash = shutil.which("bash")
    assert bash is not None, "bash is not installed"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    with (folder / "said").open("w+b") as said:
        process = subprocess.Popen(
            [bash, str(script)],
            cwd=folder,
            env={**plain, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(max_seconds)
        finally:
            # The three servers are in the script's own session.
            os.killpg(process.pid, signal.SIGTERM)
        said.seek(0)
        return code, said.read().decode("utf-8", "replace")
