"""The commands of README.md, section "By hand", run as they stand there: a page that people copy from must not rot."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.hands import REPOSITORY
from tests.federation import free_port

MAX_SECONDS = 600
FIRST = 'export PATH="$PWD/.venv/bin:$PATH"\nmkdir -p var/hand && cd var/hand && files=../../demo/files\n'
SECRET = re.compile(r"'(invented [a-z]+ words)'")


def transcript() -> str:
    """The one shell block of the section."""
    page = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = page.partition("\n## By hand\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    return str(blocks[0])


def test_the_transcript_shows_the_whole_way() -> None:
    """From making a hub to a referral draft, and the passphrases are long enough."""
    text = transcript()
    assert text.startswith(FIRST)
    steps = (
        "nrm-hub --home hub init",
        "enrol ",
        " pin-hub ",
        " serve",
        "members add",
        "case open",
        "case list",
        "consent",
    )
    for step in (*steps, " read ", " release ", " push", " sync", " picture ", " nrm "):
        assert step in text, step
    assert len(SECRET.findall(text)) == 5
    assert all(len(word) >= 12 for word in SECRET.findall(text))


@pytest.mark.slow
def test_the_transcript_runs_as_it_stands(tmp_path: Path) -> None:
    """In an empty folder and on a free port; the files it promises are there, and no alarm is raised."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, module in (("nrm-hub", "hub.cli"), ("nrm-adapter", "adapters.cli")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (commands / name).chmod(0o700)
    place = f'export PATH="{commands}:$PATH"\nmkdir hand && cd hand && files="{REPOSITORY / "demo" / "files"}"\n'
    text = transcript().replace(FIRST, place).replace("127.0.0.1:8080", f"127.0.0.1:{free_port()}")
    script = tmp_path / "by-hand.sh"
    script.write_text("set -eu\n" + text, encoding="utf-8")
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
    assert "no alarm was raised" in shown
    assert "the log is whole" in shown
    assert "I do not want to be moved again" in (tmp_path / "hand" / "picture.html").read_text(encoding="utf-8")
    draft = json.loads((tmp_path / "hand" / "nrm.json").read_text(encoding="utf-8"))
    assert any(field["state"] == "filled" for field in draft["fields"])
    for name in ("care.log", "police.log"):
        assert "the status page is at http://127.0.0.1:" in (tmp_path / "hand" / name).read_text(encoding="utf-8")
