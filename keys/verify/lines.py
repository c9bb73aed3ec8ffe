"""The lines of an export file (docs/protocol.md section 14.1): limits, forms, and their reading. Nothing is verified.

A file is canonical JSON, an object a line: one ``export``, then ``entry``, ``head`` and ``link`` lines in the order of
the log, then one ``end``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from keys.canonical import NotCanonical, parse_canonical
from keys.jose import b64u_decode
from keys.merkle import MAX_TREE_SIZE, ProofInvalid, parse_proof
from keys.notes import MAX_NOTE_BYTES, MAX_VKEY_BYTES
from keys.transparency import SALT_BYTES, entry_bytes
from keys.verify.faults import ExportFault, ExportRefused

FORMAT = "nrmhub-log-export-1"
MAX_FILE_BYTES = 64 * 1024**3
MAX_LINE_BYTES = 4 * 1024 * 1024
"""A body of 1 MiB, in which every character may have to be escaped, and its proof."""
MAX_ENTRIES = 50_000_000
MAX_HEADS = 200_000
MAX_LINKS = 100
MAX_CASES = 200_000
SCOPES = ("log", "case", "agency")
EXPORT_MEMBERS = frozenset({"kind", "format", "origin", "made_at", "scope", "size", "head", "log_key"})
SCOPE_MEMBERS = frozenset({"kind", "case", "agency", "first", "last"})
ENTRY_MEMBERS = frozenset({"kind", "index", "body", "salt", "digest", "case", "case_seq", "inclusion"})
HEAD_MEMBERS = frozenset({"kind", "size", "note", "consistency"})
LINK_MEMBERS = frozenset({"kind", "size", "consistency"})
END_MEMBERS = frozenset({"kind", "entries", "heads", "links"})
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_AGENCY = re.compile(r"[a-z][a-z0-9-]{1,39}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a file is of. ``first`` and ``last`` are the log positions it was limited to, both included."""

    kind: str
    case: str | None
    agency: str | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ExportLine:
    """The first line. ``size`` and ``head`` are the state of the log it ends with; ``log_key`` signed its first one."""

    origin: str
    made_at: str
    scope: Scope
    size: int
    head: str
    log_key: str

    @property
    def is_whole(self) -> bool:
        """Whether every entry of the log stands in the file, so that no proof is needed."""
        return self.scope.kind == "log" and self.scope.first == 0 and self.scope.last == self.size - 1


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry. ``entry`` is what the tree hashes; ``body`` None: not given, or erased (then ``case`` is set)."""

    index: int
    entry: bytes
    body: str | None
    is_public: bool
    case: str | None
    case_seq: int | None
    inclusion: tuple[bytes, ...] | None


@dataclass(frozen=True, slots=True)
class HeadLine:
    """A state of the log, with its signatures. ``consistency`` leads to the last one; None in a whole file."""

    size: int
    note: str
    consistency: tuple[bytes, ...] | None


@dataclass(frozen=True, slots=True)
class LinkLine:
    """A proof alone, for whoever kept the state of this size."""

    size: int
    consistency: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class EndLine:
    """The last line: how many lines of each kind there were."""

    entries: int
    heads: int
    links: int


Line = ExportLine | EntryLine | HeadLine | LinkLine | EndLine


class LineSource(Protocol):
    """Where lines come from: a binary file, or something that reads as one."""

    def readline(self, limit: int, /) -> bytes:
        """Return the next line with its line feed, or as much of it as the limit lets through."""
        ...


def read_lines(file: LineSource) -> Iterator[Line]:
    """Read a file line by line. Raises ``ExportRefused``: too large, cut off, or a line that is not of its form."""
    read = 0
    for number in range(1, MAX_ENTRIES + MAX_HEADS + MAX_LINKS + 3):
        data = file.readline(MAX_LINE_BYTES + 1)
        if not data:
            return
        read += len(data)
        if len(data) > MAX_LINE_BYTES:
            raise ExportRefused(ExportFault.TOO_LARGE, f"line {number} has more than {MAX_LINE_BYTES:,} bytes")
        if read > MAX_FILE_BYTES:
            raise ExportRefused(ExportFault.TOO_LARGE, f"the file has more than {MAX_FILE_BYTES:,} bytes")
        if not data.endswith(b"\n"):
            raise ExportRefused(ExportFault.TRUNCATED, f"line {number} has no end: the file was cut off there")
        yield read_line(data[:-1], number)
    raise ExportRefused(ExportFault.TOO_LARGE, "the file has more lines than a verifier reads")


def read_line(data: bytes, number: int) -> Line:
    """Read one line, without its line feed. Raises ``ExportRefused``."""
    try:
        got = parse_canonical(data)
        if not isinstance(got, dict) or got.get("kind") not in _READERS:
            raise ValueError("expected an object of a kind that the format knows")
        members, read = _READERS[got["kind"]]
        if set(got) != members:
            raise ValueError(f"expected exactly the members {', '.join(sorted(members))}")
        return read(got)
    except NotCanonical as error:
        raise ExportRefused(ExportFault.MALFORMED, f"line {number}: {error}") from error
    except (ValueError, TypeError) as error:
        raise ExportRefused(ExportFault.MALFORMED, f"line {number}: {error}") from error


def _export(got: dict[str, Any]) -> ExportLine:
    scope, size = got["scope"], _number(got["size"], 1)
    if got["format"] != FORMAT:
        raise ValueError(f"expected the format {FORMAT}")
    _matching(got["made_at"], _AT, "made_at")
    for name, limit in (("origin", 255), ("head", MAX_NOTE_BYTES), ("log_key", MAX_VKEY_BYTES)):
        if not isinstance(got[name], str) or not 0 < len(got[name]) <= limit:
            raise ValueError(f"{name}: expected text of at most {limit} characters")
    if not isinstance(scope, dict) or set(scope) != SCOPE_MEMBERS or scope["kind"] not in SCOPES:
        raise ValueError("scope: not of the agreed form")
    first, last = _number(scope["first"]), _number(scope["last"])
    if not first <= last < size:
        raise ValueError("scope: expected first, not above last, below size")
    _matching_or_none(scope["case"], _ID, "case", is_wanted=scope["kind"] == "case")
    _matching_or_none(scope["agency"], _AGENCY, "agency", is_wanted=scope["kind"] == "agency")
    found = Scope(scope["kind"], scope["case"], scope["agency"], first, last)
    return ExportLine(got["origin"], got["made_at"], found, size, got["head"], got["log_key"])


def _entry(got: dict[str, Any]) -> EntryLine:
    index, body, salt, digest = _number(got["index"]), got["body"], got["salt"], got["digest"]
    case, case_seq = got["case"], got["case_seq"]
    inclusion = None if got["inclusion"] is None else _proof(got["inclusion"])
    if (case is None) is not (case_seq is None) or (case is not None and body is not None):
        raise ValueError("case and case_seq stand together, and only where the body is gone")
    if body is None:
        _matching(digest, _HASH, "digest")
        if salt is not None:
            raise ValueError("a salt without its body")
        if case is not None:
            _matching(case, _ID, "case")
            _number(case_seq, 1)
        return EntryLine(index, b"\x02" + bytes.fromhex(digest), None, False, case, case_seq, inclusion)
    if not isinstance(body, str) or digest is not None:
        raise ValueError("expected a body, or a digest, and not both")
    salted = None if salt is None else _salt(salt)
    return EntryLine(index, entry_bytes(_utf8(body), salted), body, salted is None, None, None, inclusion)


def _head(got: dict[str, Any]) -> HeadLine:
    if not isinstance(got["note"], str) or len(got["note"]) > MAX_NOTE_BYTES:
        raise ValueError(f"note: expected text of at most {MAX_NOTE_BYTES:,} characters")
    proof = None if got["consistency"] is None else _proof(got["consistency"])
    return HeadLine(_number(got["size"], 1), got["note"], proof)


def _link(got: dict[str, Any]) -> LinkLine:
    return LinkLine(_number(got["size"], 1), _proof(got["consistency"]))


def _end(got: dict[str, Any]) -> EndLine:
    return EndLine(_number(got["entries"]), _number(got["heads"]), _number(got["links"]))


_READERS: Mapping[str, tuple[frozenset[str], Callable[[dict[str, Any]], Line]]] = {
    "export": (EXPORT_MEMBERS, _export),
    "entry": (ENTRY_MEMBERS, _entry),
    "head": (HEAD_MEMBERS, _head),
    "link": (LINK_MEMBERS, _link),
    "end": (END_MEMBERS, _end),
}


def _number(value: object, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= MAX_TREE_SIZE:
        raise ValueError(f"expected a whole number from {least}")
    return value


def _matching(value: object, form: re.Pattern[str], name: str) -> None:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{name}: not of the agreed form")


def _matching_or_none(value: object, form: re.Pattern[str], name: str, *, is_wanted: bool) -> None:
    if is_wanted:
        _matching(value, form, name)
    elif value is not None:
        raise ValueError(f"{name}: expected none in a file of this scope")


def _proof(value: object) -> tuple[bytes, ...]:
    try:
        return parse_proof(value)
    except ProofInvalid as error:
        raise ValueError(str(error)) from error


def _salt(value: object) -> bytes:
    data = b64u_decode(value) if isinstance(value, str) and len(value) == 43 else b""
    if len(data) != SALT_BYTES:
        raise ValueError(f"salt: expected {SALT_BYTES} bytes in base64url")
    return data


def _utf8(text: str) -> bytes:
    return text.encode("utf-8")
