"""What leaves the hub at the command line: written aside, recorded in the log, and only then put where it was wanted.

The record (``exported``) names the digest of exactly what is given out. It is one entry for the use itself, and one in
each case of which something is told, so that every agency of a case can see it. Who sat at the command line nobody
knows: it asks for the hub's passphrase, not for a person. The entry says so by its type, and in whose name it was.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hub.exchange.acts import CaseAct, record_caseless
from hub.ledger.entries import EntryType
from hub.refusal import Refused
from hub.services import Services
from hub.store import exchange_rows
from hub.store.base import Session

MAX_CASES = 5_000
"""Of which one use may tell: each gets an entry in the same step."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is given out (``what``: a name of docs/protocol.md 10.2), and in whose name: None where in nobody's.

    ``cases``: of how many entries of each case it tells. ``bodies``: how many entries can be read in it.
    """

    what: str
    agency: str | None
    member: str | None
    access: str | None
    entries: int
    bodies: int
    cases: Mapping[str, int]


def record_use(services: Services, use: Use, sha256: str, check: Callable[[Session], None] = lambda _: None) -> int:
    """Record a use and return the log position of its own entry. ``check`` may refuse in the same step.

    Raises ``Refused``: more cases than one use may tell of, or what ``check`` raises. Then nothing is recorded.
    """
    if len(use.cases) > MAX_CASES:
        raise Refused(413, "too_many", f"it tells of {len(use.cases):,} cases, at most {MAX_CASES:,} at a time")
    at = services.clock()
    with services.database.write() as session:
        check(session)
        whose = {"what": use.what, "agency": use.agency, "member": use.member, "access": use.access, "sha256": sha256}
        for case in sorted(use.cases):
            row = exchange_rows.lock_case(session, case)
            if row is None:
                # Of a damaged log's case nothing can be continued; the use itself is recorded all the same.
                continue
            count = use.cases[case]
            said = {**whose, "entries": count, "bodies": count if use.bodies else 0}
            CaseAct(session, row, at).record(EntryType.EXPORTED.value, said)
        said = {**whose, "entries": use.entries, "bodies": use.bodies}
        return record_caseless(session, EntryType.EXPORTED.value, said, at).index


class Aside:
    """A private file beside the one that is wanted. Nobody else can read it, and it is gone unless it is released."""

    def __init__(self, output: Path) -> None:
        """Raises ``Refused`` where there is a file of that name already, or the folder cannot be written to."""
        self.output = output
        if output.exists():
            raise Refused(409, "conflict", f"{output.name} exists already; give another name")
        try:
            descriptor, name = tempfile.mkstemp(dir=output.resolve().parent, prefix=f".{output.name}.")
        except OSError as error:
            raise Refused(422, "malformed", f"{output.name} cannot be written there") from error
        self._path, self._digest = Path(name), hashlib.sha256()
        self._file = os.fdopen(descriptor, "wb")

    def write(self, data: bytes) -> None:
        """Write on. Raises ``OSError``."""
        self._digest.update(data)
        self._file.write(data)

    def finish(self) -> str:
        """Flush to disk and return the SHA-256, in hex. Raises ``OSError``."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()

    def release(self) -> None:
        """Put it where it was wanted. Raises ``Refused`` where somebody put a file there in between."""
        try:
            self._put()
        except OSError as error:
            raise Refused(
                409,
                "conflict",
                f"{self.output.name} could not be put there; that it was made is recorded: run it again",
            ) from error

    def _put(self) -> None:
        try:
            os.link(self._path, self.output)
        except FileExistsError:
            raise
        except OSError:
            # A memory stick's file system knows no links: there a file of that name is looked for and then moved over.
            if self.output.exists():
                raise
            self._path.rename(self.output)

    def discard(self) -> None:
        """Remove it, if it was not released."""
        with suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def give_out(
    services: Services,
    outputs: Iterable[tuple[Path, bytes]],
    use: Use,
    shown: bytes,
    check: Callable[[Session], None] = lambda _: None,
) -> int:
    """Record a use and then release its files; return the log position. ``shown`` goes to the terminal, if anything.

    The digest recorded is that of the only file, or of what is shown where there is none; of several outputs it is
    that of their digests (hex) one after the other. Raises ``Refused``.
    """
    made: list[Aside] = []
    try:
        digests = []
        for path, data in outputs:
            made.append(Aside(path))
            made[-1].write(data)
            digests.append(made[-1].finish())
        if shown or not digests:
            digests.append(hashlib.sha256(shown).hexdigest())
        whole = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        position = record_use(services, use, whole, check)
        for file in made:
            file.release()
        return position
    finally:
        for file in made:
            file.discard()
