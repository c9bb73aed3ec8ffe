"""A federation in mid-work that can be put back as it was, and the process that works on it with a disk that fails."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from tests.disk.faults import Disk
from tests.scene import CARE, Scene

HUB, STORE = "/hub/hub.db", f"/{CARE}/store.db"
NOTE = {"kind": "concern", "summary": "Said before the disk failed", "fields": {}}


class Office:
    """Orders to the worker. ``reset`` puts every file back to where it was when the office was made."""

    def __init__(self, folder: Path, keys: Path, disk: Disk, process: subprocess.Popen[str]) -> None:
        self.folder, self.disk = folder, disk
        self.keys, self._process = keys, process
        self.first = folder.with_name(f"{folder.name}-first")
        shutil.copytree(folder, self.first)

    @property
    def database(self) -> Path:
        """The hub's database."""
        return Path(f"{self.folder}{HUB}")

    def do(self, name: str, **order: Any) -> Any:
        """Give one order; return what it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": name, **order}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the worker has ended"
        return json.loads(line)

    def reset(self) -> None:
        """Put every file back, and forget what was noted."""
        self.disk.calm()
        shutil.rmtree(self.folder)
        shutil.copytree(self.first, self.folder)
        # The worker goes on writing at its end.
        self.disk.trace.write_bytes(b"")

    def open(self, *, starts: bool = False) -> None:
        """Let the worker open the files that are there, as a process that has just begun."""
        self.do("open", folder=str(self.folder), keys=str(self.keys), starts=starts)

    def kill(self) -> None:
        """Leave the files as a killed process leaves them: what it holds open is of no consequence any more."""
        copied = self.folder.with_name(f"{self.folder.name}-left")
        shutil.copytree(self.folder, copied, ignore=shutil.ignore_patterns("*-shm"))
        shutil.rmtree(self.folder)
        copied.rename(self.folder)


@contextmanager
def office(scene: Scene, keys: Path, folder: Path, *match: str) -> Iterator[Office]:
    """An office on a scene that nobody works on any more; its agency has a note in its outbox, not yet pushed."""
    scene.embed().witness()
    scene[CARE].write(scene.main, NOTE)
    scene[CARE].release(scene.main)
    scene.stop()
    disk = Disk(folder, *match)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.disk.worker"],
        cwd=REPOSITORY,
        env={**os.environ, **disk.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Office(scene.hub.home.parent, keys, disk, process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()
