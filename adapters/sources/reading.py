"""Read a file: size, kind by content (never by name), guard, the reader that takes it, a report of every record.

Formats without a reader are refused by name, so that a person knows what they have and what to export instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import ReadReport
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file
from adapters.sources.guards import MAX_FILE_BYTES, require_size
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The bytes of one delivery part, as found. ``today`` is the day of reading; readers take no clock of their own.

    ``siblings`` are the other files of the same delivery by name (SSDA903 comes as one CSV per table).
    ``chosen_year`` is a person's answer to ``wrong_year``. ``is_test_hub`` permits NHS numbers of the test range.
    """

    name: str
    data: bytes
    today: date
    siblings: Mapping[str, bytes]
    chosen_year: int | None = None
    is_test_hub: bool = False

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


Reader = Callable[[SourceFile, Subject | None], ReadReport]


@dataclass(frozen=True, slots=True)
class Format:
    """A format this version reads: its id, the words for a person, the kind of agency it belongs to, its reader."""

    format_id: str
    title: str
    kind: AgencyKind
    read: Reader


def read_file(
    path: Path,
    *,
    today: date,
    subject: Subject | None = None,
    chosen_year: int | None = None,
    is_test_hub: bool = False,
    siblings: tuple[Path, ...] = (),
    limit_bytes: int = MAX_FILE_BYTES,
) -> ReadReport:
    """Read one file into a report with draft fragments. A refused file gives a report with the reason, never a raise.

    Raises only ``OSError`` where the file cannot be opened.
    """
    try:
        data = _read_bytes(path, limit_bytes)
        others = {sibling.name: _read_bytes(sibling, limit_bytes) for sibling in siblings}
    except SourceRefused as refusal:
        return _refused_report("unknown", "", "", refusal)
    source = SourceFile(
        name=path.name,
        data=data,
        today=today,
        siblings=others,
        chosen_year=chosen_year,
        is_test_hub=is_test_hub,
    )
    return read_source(source, subject, limit_bytes=limit_bytes)


def _read_bytes(path: Path, limit_bytes: int) -> bytes:
    """Read a whole file, its size checked before a byte is read. Raises ``SourceRefused``."""
    require_size(path.stat().st_size, limit_bytes)
    with path.open("rb") as file:
        # A pipe or device has no size to check, and a file may grow: never more than the limit is taken in.
        data = file.read(limit_bytes + 1)
    require_size(len(data), limit_bytes)
    return data


def read_source(source: SourceFile, subject: Subject | None = None, *, limit_bytes: int = MAX_FILE_BYTES) -> ReadReport:
    """Read bytes already in memory (an upload); otherwise as ``read_file``, with the same limit on size."""
    from adapters.sources.formats import identify  # the list of formats imports every reader

    format_id = "unknown"
    try:
        for data in (source.data, *source.siblings.values()):
            require_size(len(data), limit_bytes)
        if not source.data.strip():
            raise refuse_file(FindingCode.NOT_THIS_FORMAT, lazy_gettext("the file is empty"))
        chosen = identify(source)
        format_id = chosen.format_id
        report = chosen.read(source, subject)
    except SourceRefused as refusal:
        return _refused_report(format_id, "", source.sha256, refusal)
    report.file_sha256 = source.sha256
    report.check()
    return report


def _refused_report(format_id: str, version: str, sha256: str, refusal: SourceRefused) -> ReadReport:
    report = ReadReport(format=format_id, version=version, file_sha256=sha256)
    report.findings.extend(refusal.findings)
    return report
