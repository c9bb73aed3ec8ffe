"""A disk that fails when told, for processes that tests start: its orders, and what it is left with after a death.

``faulty.c`` is compiled once and preloaded into a process. It strikes the n-th call by which the process writes, and
notes every call: from the notes follows what the disk holds where the process or the power died after any of them.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import cache
from pathlib import Path

from tests.conftest import absent

SOURCE = Path(__file__).with_name("faulty.c")
_NUMBERS = struct.Struct("=9q")
_HEAD = struct.Struct("=5q")


class Kind(IntFlag):
    """The calls that write."""

    WRITE = 1
    SYNC = 2
    CUT = 4


EVERY = Kind.WRITE | Kind.SYNC | Kind.CUT


class How(IntEnum):
    """What becomes of a call that is struck."""

    FAIL = 0
    KILL = 1
    LIE = 2


@cache
def library() -> Path:
    """Compile the library; return its path."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        absent("a C compiler (Debian package gcc)")
        raise AssertionError
    made = Path(tempfile.mkdtemp(prefix="nrm-disk-")) / "faulty.so"
    # A database server runs as another user.
    made.parent.chmod(0o755)
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-O1",
        "-Wall",
        "-Werror",
        "-o",
        str(made),
        str(SOURCE),
        "-ldl",
        "-lpthread",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return made


class Disk:
    """Orders to the processes that were started with ``environ``."""

    def __init__(self, folder: Path, *match: str) -> None:
        """``match``: what the path of a file contains that is meant."""
        self._control, self.trace = folder / "disk-control", folder / "disk-trace"
        self._control.write_bytes(bytes(_NUMBERS.size))
        self._control.chmod(0o666)
        with self._control.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _NUMBERS.size)
        self.environ = {
            "LD_PRELOAD": str(library()),
            "NRM_FAULTY_CONTROL": str(self._control),
            "NRM_FAULTY_MATCH": ":".join(match),
            "NRM_FAULTY_TRACE": str(self.trace),
        }

    def strike(
        self,
        at: int,
        kinds: Kind,
        *,
        how: How = How.FAIL,
        error: int = 0,
        lasting: bool = False,
        half: bool = False,
        parts: int = 0,
    ) -> None:
        """Strike the call of this number from now on (0: none, they are only counted), or all from it on.

        ``parts``: of which of the matches, as bits; 0 of all.
        """
        self._shared[:] = _NUMBERS.pack(kinds, at, lasting, how, error, half, 0, 0, parts)

    def calm(self) -> tuple[int, int]:
        """Strike nothing more; return how many calls were counted and how many struck."""
        numbers = _NUMBERS.unpack(self._shared[:])
        self._shared[:] = bytes(_NUMBERS.size)
        return numbers[6], numbers[7]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that wrote, or that was struck: ``is_done`` says which."""

    kind: Kind
    is_done: bool
    offset: int
    path: str
    data: bytes


def read_trace(path: Path) -> list[Call]:
    """Return the calls in their order."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        kind, result, offset, path_length, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name = data[at : at + path_length].decode()
        at += path_length
        found.append(Call(Kind(kind), result >= 0, offset, name, data[at : at + length]))
        at += length
    return found


@dataclass(slots=True)
class Held:
    """A file as the system shows it, and as the disk has it."""

    shown: bytearray
    kept: bytearray
    waiting: list[Call] = field(default_factory=list)


def play(before: Mapping[str, bytes], calls: Iterable[Call]) -> Iterator[tuple[dict[str, bytes], dict[str, bytes]]]:
    """After each call: what is left where the process is killed then, and where the power goes.

    Killed, all that was written is there. Without power only what an fsync covered that said it was done: what a failed
    one covered is lost unless it is written again, because the system holds it for clean (see ``hub.store.sqlite``).
    """
    files = {path: Held(bytearray(data), bytearray(data)) for path, data in before.items()}
    for call in calls:
        held = files.setdefault(call.path, Held(bytearray(), bytearray()))
        if call.kind is Kind.SYNC:
            for waiting in held.waiting if call.is_done else ():
                _apply(held.kept, waiting)
            held.waiting.clear()
        elif call.is_done:
            _apply(held.shown, call)
            held.waiting.append(call)
        yield (
            {path: bytes(item.shown) for path, item in files.items()},
            {path: bytes(item.kept) for path, item in files.items()},
        )


def _apply(data: bytearray, call: Call) -> None:
    if call.kind is Kind.CUT:
        del data[call.offset :]
        return
    data.extend(bytes(max(0, call.offset - len(data))))
    data[call.offset : call.offset + len(call.data)] = call.data
