"""A process killed while it writes a key file leaves the old file or the new one, whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keys.custody.keyfile import write_private_file

OLD, NEW = b"old" * 20_000, b"new" * 30_000
DYING = """
import os, signal, sys
from pathlib import Path
from keys.custody import keyfile

real = getattr(os, sys.argv[2])

def dying(*args):
    if sys.argv[3] == "after":
        real(*args)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(os, sys.argv[2], dying)
keyfile.write_private_file(Path(sys.argv[1]), b"new" * 30_000)
"""
ENDLESS = """
import sys
from pathlib import Path
from keys.custody.keyfile import write_private_file

print("writing", flush=True)
while True:
    write_private_file(Path(sys.argv[1]), b"new" * 30_000)
    write_private_file(Path(sys.argv[1]), b"old" * 20_000)
"""


@pytest.mark.parametrize(
    ("call", "when", "left"),
    [("fsync", "before", OLD), ("fsync", "after", OLD), ("replace", "before", OLD), ("replace", "after", NEW)],
)
def test_killed_at_each_step(call: str, when: str, left: bytes, tmp_path: Path) -> None:
    """kill -9 around flushing and moving."""
    path = tmp_path / "agency.key"
    write_private_file(path, OLD)
    done = subprocess.run([sys.executable, "-c", DYING, str(path), call, when], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == left
    for item in tmp_path.iterdir():
        assert item.stat().st_mode & 0o777 == 0o600


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Writing over and over, killed without warning."""
    path = tmp_path / "agency.key"
    write_private_file(path, OLD)
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE) as writing:
            assert writing.stdout is not None
            assert writing.stdout.readline() == b"writing\n"
            time.sleep(0.05)
            writing.kill()
        assert path.read_bytes() in (OLD, NEW)
