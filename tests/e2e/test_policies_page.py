"""The commands of docs/policies.md, section "An officer's walk-through", run as they stand there after the README's."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.hands import REPOSITORY
from tests.e2e.test_by_hand import FIRST, transcript
from tests.federation import free_port

MAX_SECONDS = 900
SECTION = "An officer's walk-through"


def walk_through() -> list[str]:
    """The shell blocks of the section, in order."""
    page = (REPOSITORY / "docs" / "policies.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {SECTION}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def test_the_walk_through_shows_the_whole_way() -> None:
    """Read, test, change one rule, see the difference, have it approved, see it act: in this order."""
    blocks = walk_through()
    assert len(blocks) == 9
    steps = ("policy test", "policy matrix", "policy explain", "policy show", "policy fetch", "picture", "sed -i")
    text, place = "\n".join(blocks), 0
    for step in (*steps, "--mutate", "policy diff", "policy check", "policy approve", "policy waiting", "after.html"):
        assert step in text[place:], step
        place = text.index(step, place)


@pytest.mark.slow
def test_the_walk_through_runs_as_it_stands(tmp_path: Path) -> None:
    """In an empty folder; each step says what the page promises, and the chair is refused what they read before."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, module in (("nrm-hub", "hub.cli"), ("nrm-adapter", "adapters.cli")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (commands / name).chmod(0o700)
    place = f'export PATH="{commands}:$PATH"\nmkdir hand && cd hand && files="{REPOSITORY / "demo" / "files"}"\n'
    before = transcript().replace(FIRST, place).replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    steps = "".join(f"echo '=== {number}'\n{block}" for number, block in enumerate(walk_through()))
    script = tmp_path / "walk.sh"
    script.write_text("set -eu\n" + before + steps, encoding="utf-8")
    bash = shutil.which("bash")
    assert bash is not None, "bash is not installed"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("NRM_")}
    with (tmp_path / "said").open("w+b") as said:
        process = subprocess.Popen(
            [bash, str(script)],
            cwd=tmp_path,
            env={**plain, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(MAX_SECONDS)
        finally:
            # The three servers are in the script's own session.
            os.killpg(process.pid, signal.SIGTERM)
        said.seek(0)
        shown = said.read().decode("utf-8", "replace")
    assert code == 0, shown[-3000:]
    assert "Traceback" not in shown
    told = re.split(r"(?m)^=== \d+$", shown)[1:]
    assert len(told) == 9
    assert "gateways and bases are relied on that nobody has checked against the law" in told[0]
    assert "(unconfirmed)" in told[0]
    assert "expected permit by panel-reads-evidence, got refuse by none" in told[4]
    assert "as expected: these answers were agreed otherwise" in told[4]
    assert ", 0 wrong" in told[5]
    assert ", 0 unnoticed" in told[5]
    assert "loses `assessment` of any agency kind" in told[6]
    assert "Version 2 of" in told[6]
    assert "approved; officers of 1 more of the agencies must approve it" in told[7]
    assert "it decides from log position" in told[7]
    assert "version 2, active since log position" in told[8]
    assert "the log is whole" in told[8]
    was, now = (opened(tmp_path / "hand" / name) for name in ("before.html", "after.html"))
    assert now < was, "what the panel is given no more was taken from the picture"


def opened(path: Path) -> int:
    """How many fragments a picture rests on."""
    return len(re.findall(r'<article class="evidence"', path.read_text(encoding="utf-8")))
