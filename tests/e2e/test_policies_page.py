"""The commands of docs/policies.md, section "An officer's walk-through", run as they stand there after the README's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.transcripts import HAND, blocks_of, by_hand, run

MAX_SECONDS = 900


def walk_through() -> list[str]:
    """The shell blocks of the section, in order."""
    return blocks_of("docs/policies.md", "An officer's walk-through")


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
    steps = "".join(f"echo '=== {number}'\n{block}" for number, block in enumerate(walk_through()))
    code, shown = run(by_hand() + steps, tmp_path, MAX_SECONDS)
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
    was, now = (opened(tmp_path / HAND / name) for name in ("before.html", "after.html"))
    assert now < was, "what the panel is given no more was taken from the picture"


def opened(path: Path) -> int:
    """How many fragments a picture rests on."""
    return len(re.findall(r'<article class="evidence"', path.read_text(encoding="utf-8")))
