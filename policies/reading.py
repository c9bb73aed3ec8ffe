"""How a value of a statement, header or bundle is read: one exact form each, else ``Malformed``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NewType, TypeVar

AgencyId = NewType("AgencyId", str)

_HEX_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_AGENCY = re.compile(r"[a-z][a-z0-9-]{1,39}")
# Newer Pythons read 24:00 as midnight of the day after: that would be a second spelling.
_ONE_TIME = re.compile(r"[1-9]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\dZ", re.ASCII)
_TIME = "%Y-%m-%dT%H:%M:%SZ"

E = TypeVar("E", bound=StrEnum)


class Malformed(ValueError):
    """A statement, header or bundle is not of the agreed form. The text says what, expected and got; never content."""


def parse_time(text: object, name: str = "time") -> datetime:
    """Read a time as every statement writes it: ``2026-01-31T12:00:00Z``. Raises ``Malformed``."""
    # One spelling per time: blanks for zeros and full-width digits mean the same to a parser, not to a digest.
    if not isinstance(text, str) or _ONE_TIME.fullmatch(text) is None:
        raise Malformed(f"{name}: expected the form 2026-01-31T12:00:00Z")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{name}: expected the form 2026-01-31T12:00:00Z") from error


def render_time(moment: datetime) -> str:
    """Write a time in UTC, whole seconds."""
    return moment.astimezone(UTC).strftime(_TIME)


def require_number(value: object, name: str) -> int:
    """Return a whole number from 0 (a truth value is none) or raise ``Malformed``."""
    if type(value) is not int or value < 0:
        raise Malformed(f"{name}: expected a whole number from 0")
    return value


def require_id(text: object, name: str) -> str:
    """Return a 128-bit id (32 lower-case hex characters) or raise ``Malformed``."""
    if not isinstance(text, str) or not _HEX_ID.fullmatch(text):
        raise Malformed(f"{name}: expected 32 lower-case hexadecimal characters")
    return text


def require_digest(text: object, name: str) -> str:
    """Return a SHA-256 digest (64 lower-case hex characters) or raise ``Malformed``."""
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise Malformed(f"{name}: expected 64 lower-case hexadecimal characters")
    return text


def require_agency(text: object, name: str = "agency") -> AgencyId:
    """Return an agency id (2 to 40 of a-z, 0-9, hyphen, starting with a letter) or raise ``Malformed``."""
    if not isinstance(text, str) or not _AGENCY.fullmatch(text):
        raise Malformed(f"{name}: expected 2 to 40 lower-case letters, digits or hyphens")
    return AgencyId(text)


def require_term(kind: type[E], text: object, name: str, *, shown: bool = False) -> E:
    """Return the term of a closed list or raise ``Malformed``; the message names every term of the list.

    It repeats the value only where that is ``shown``: in files that whoever reads the message wrote.
    """
    try:
        if not isinstance(text, str):
            raise ValueError
        return kind(text)
    except ValueError as error:
        what = f"'{_printable(text)[:40]}' is" if shown else "the value is"
        raise Malformed(f"{name}: {what} not a term of {kind.__name__}; expected one of: {term_list(kind)}") from error


def term_list(terms: Iterable[object]) -> str:
    """Return terms as a message names them: in plain words with commas, ``none`` where there are none."""
    return ", ".join(_printable(term) for term in terms) or "none"


def _printable(value: object) -> str:
    # A newline or an escape sequence in a name must not become a line of its own, or a command, where messages go.
    return "".join(char if char.isprintable() else "?" for char in str(value))


def require_members(payload: object, names: Sequence[str], what: str) -> Mapping[str, Any]:
    """Return the object if it has exactly these members, else raise ``Malformed``: unknown members are refused."""
    if not isinstance(payload, Mapping):
        raise Malformed(f"{what}: expected an object")
    unknown, missing = sorted(set(payload) - set(names)), sorted(set(names) - set(payload))
    if unknown or missing:
        raise Malformed(f"{what}: {len(unknown)} unknown members, missing members: {term_list(missing[:5])}")
    return payload
