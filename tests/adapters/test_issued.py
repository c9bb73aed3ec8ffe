"""What this agency issued is kept whole, whoever else writes at the same moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adapters.issued import ISSUED_NAME, IssuedDamaged, issued_here, remember_issued
from keys.jose import statement_digest

WRITER = """
import sys
from pathlib import Path
from adapters.issued import remember_issued
for number in range(20):
    remember_issued(Path(sys.argv[1]), [f"{sys.argv[2]}.{number}"])
"""


def test_of_two_processes_neither_loses_what_the_other_issued(tmp_path: Path) -> None:
    """A digest that is lost is an alarm for good: "not made here"."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("one", "other")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    expected = {statement_digest(f"{name}.{number}") for name in ("one", "other") for number in range(20)}
    assert issued_here(tmp_path) == expected


def test_a_repeat_changes_nothing(tmp_path: Path) -> None:
    """The file of before stays as it is."""
    remember_issued(tmp_path, ["a.b.c"])
    before = (tmp_path / ISSUED_NAME).read_bytes()
    remember_issued(tmp_path, ["a.b.c"])
    assert (tmp_path / ISSUED_NAME).read_bytes() == before


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"no", b"[" * 9000])
def test_a_damaged_list_is_said_and_not_written_over(tmp_path: Path, content: bytes) -> None:
    """Written over, every earlier certificate of ours would be an alarm."""
    (tmp_path / ISSUED_NAME).write_bytes(content)
    with pytest.raises(IssuedDamaged):
        remember_issued(tmp_path, ["a.b.c"])
    assert (tmp_path / ISSUED_NAME).read_bytes() == content
