"""The public entries as an officer reads them: who enrolled, which keys were certified or revoked, who is let in here.

Every agency can read them all, in its own adapter. Here they are told, not proven: the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.audit_entries import read_body
from hub.audit_lines import UNREADABLE, claims_of
from hub.audit_words import ENTRIES, UNKNOWN_ENTRY, Names, listing, say_day, say_roles, short, words
from hub.ledger.entries import PUBLIC_TYPES
from hub.store import console_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from keys.directory import Directory

ENTRIES_PER_PAGE = 50
MAX_PAGE = 100_000
_KEYS: Mapping[str, str] = {
    "signing": "what it signs with",
    "intake": "its intake: the post box for what opens a case and for requests",
    "archive": "its archive",
    "witness": "what it signs with as a witness",
    "witness-pq": "what it signs with as a witness, safe against quantum computers",
    "member-signing": "what a person signs with",
    "member-hpke": "what is sealed to a person",
}
_REASONS: Mapping[str, str] = {
    "superseded": "it was replaced as planned",
    "lost": "it was lost",
    "compromised": "somebody else may have it",
    "left": "its holder has left",
}


@dataclass(frozen=True, slots=True)
class PublicLine:
    """One public entry. ``who`` is the agency it speaks of, or empty."""

    index: int
    at: str
    kind: str
    who: str
    told: str


@dataclass(frozen=True, slots=True)
class PublicPage:
    """A page of them, the newest first."""

    lines: tuple[PublicLine, ...]
    number: int
    pages: int
    entries: int


def read_public_log(store: Session, directory: Directory, number: int) -> PublicPage | None:
    """Return a page by its number from 1; None where there is none."""
    types = sorted(kind.value for kind in PUBLIC_TYPES)
    entries = console_rows.count_entries(store, types)
    pages = max(1, -(-entries // ENTRIES_PER_PAGE))
    if number > pages:
        return None
    names = Names({str(name): record.name for name, record in directory.agencies.items()})
    rows = console_rows.public_entries(store, types, (number - 1) * ENTRIES_PER_PAGE, ENTRIES_PER_PAGE)
    return PublicPage(tuple(make_public_line(row, names) for row in rows), number, pages, entries)


def make_public_line(row: StoredEntry, names: Names) -> PublicLine:
    """Return the line of one public entry. Never raises: the log may be damaged."""
    body = read_body(row)
    if body is None:
        return PublicLine(row.position, "", UNKNOWN_ENTRY[0], "", UNREADABLE)
    kind, said = str(body.get("type")), claims_of(str(body.get("statement"))) or {}
    name = ENTRIES.get(kind, UNKNOWN_ENTRY)[0]
    try:
        told = _TOLD[kind](body, said, names)
    except (KeyError, TypeError, ValueError, AttributeError):
        return PublicLine(row.position, str(body.get("at", "")), name, "", UNREADABLE)
    who = names.agency(said["agency"]) if "agency" in said else ""
    return PublicLine(row.position, str(body["at"]), name, who, told)


_Said = Mapping[str, Any]


def _genesis(body: _Said, _said: _Said, _names: Names) -> str:
    return f"The log {body['origin']} begins."


def _officers(body: _Said, _said: _Said, _names: Names) -> str:
    return f"{len(body['officers'])} people at the hub may enrol agencies, two of them together."


def _agency(_body: _Said, said: _Said, _names: Names) -> str:
    return f"{said['name']} joined as {said['agency']} ({words(said['kind'])})."


def _certificate(_body: _Said, said: _Said, _names: Names) -> str:
    use = _KEYS.get(str(said["use"]), words(said["use"]))
    person = "" if said["member"] is None else f", member {short(said['member'])} as {say_roles(said['roles'])}"
    return f"A key: {use}{person}. It counts until {say_day(said['not_after'])}."


def _revocation(_body: _Said, said: _Said, _names: Names) -> str:
    return (
        f"The key {str(said['key'])[:12]} counts no more: {_REASONS.get(str(said['reason']), words(said['reason']))}."
    )


def _console_access(body: _Said, said: _Said, _names: Names) -> str:
    who, where = f"member {short(said['member'])}", f"by their account at {said['provider']}"
    if str(said["not_after"]) <= f"{str(body['at'])[:19]}Z":
        return f"Ended what {who} may look at here {where}."
    return f"Let {who} look at this console {where}, until {say_day(said['not_after'])}."


def _witnesses(body: _Said, _said: _Said, names: Names) -> str:
    agencies = listing(names.agency(item["agency"]) for item in body["witnesses"])
    return f"{agencies}; {int(body['quorum'])} of them together are a quorum."


def _log_key(body: _Said, _said: _Said, _names: Names) -> str:
    why = _REASONS.get(str(body["reason"]), words(body["reason"]))
    return f"Another key signs this log: {why}. Every agency pins the new one, with two people."


def _bundle(body: _Said, _said: _Said, _names: Names) -> str:
    return f"Version {body['version']}; its fingerprint begins {str(body['bundle'])[:16]}."


_TOLD: Mapping[str, Callable[[_Said, _Said, Names], str]] = {
    "genesis": _genesis,
    "officers": _officers,
    "agency": _agency,
    "certificate": _certificate,
    "revocation": _revocation,
    "console_access": _console_access,
    "witnesses": _witnesses,
    "log_key": _log_key,
    "bundle": _bundle,
}
