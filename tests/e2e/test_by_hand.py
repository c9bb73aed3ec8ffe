"""The commands of README.md, section "By hand", run as they stand there: a page that people copy from must not rot."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.transcripts import FIRST, HAND, by_hand, run

MAX_SECONDS = 600
SECRET = re.compile(r"'(invented [a-z]+ words)'")


def test_the_transcript_shows_the_whole_way() -> None:
    """From making a hub to a referral draft, and the passphrases are long enough."""
    text = by_hand()
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
    code, shown = run(by_hand(), tmp_path, MAX_SECONDS)
    assert code == 0, shown[-3000:]
    assert "Traceback" not in shown
    assert "no alarm was raised" in shown
    assert "the log is whole" in shown
    assert "I do not want to be moved again" in (tmp_path / HAND / "picture.html").read_text(encoding="utf-8")
    draft = json.loads((tmp_path / HAND / "nrm.json").read_text(encoding="utf-8"))
    assert any(field["state"] == "filled" for field in draft["fields"])
    for name in ("care.log", "police.log"):
        assert "the status page is at http://127.0.0.1:" in (tmp_path / HAND / name).read_text(encoding="utf-8")
