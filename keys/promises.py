"""The hub's signed promise: what it has recorded stands in the log by a deadline (docs/protocol.md section 8.5).

A note (C2SP signed-note) under the log's name, by whatever signs its heads, so that who pinned a replaced key can check
it too. Its first line is no log's origin and its second no tree size: a promise is never a head, nor a head a promise.
It names leaf hashes, no words: whoever is to be shown that one was broken learns nothing else of a case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.cosigning import log_vkey
from keys.jose import Signer
from keys.merkle import MAX_TREE_SIZE
from keys.notes import (
    NoteInvalid,
    SignatureLine,
    UnverifiedNote,
    VerifierKey,
    parse_note,
    require_name,
    require_signed,
)
from keys.statements import CheckpointRef
from policies.model import Malformed, parse_time, render_time, require_digest, require_id, require_members

FIRST_LINE = "nrmhub-promise-v1"
MAX_MERGE_DELAY = timedelta(minutes=10)
"""From when something is recorded until it must stand in the log.

Places are given within milliseconds, by another process within seconds where one dies, after at most some more where a
transaction of somebody else holds everything up (docs/adr/0018); the rest is for a machine that has to be started.
"""
MAX_PROMISED = 1_000
"""Entries that one promise names: as many as a push has lines."""
CLOCKS_APART = timedelta(minutes=5)
"""How far the clocks of hub, witnesses and agencies may differ (docs/log.md)."""
_MEMBERS = ("log", "case", "given_at", "until", "checkpoint", "entries")


@dataclass(frozen=True, slots=True)
class PromisedEntry:
    """One entry that will stand in the log: its leaf hash, and its number in its case (None without a case)."""

    case_seq: int | None
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Promise:
    """What a hub promises: these entries stand in its log, in every head that witnesses see after ``until``.

    ``checkpoint`` is a head of the log without them (None: the empty log): they stand behind it.
    """

    origin: str
    case: str | None
    given_at: datetime
    until: datetime
    checkpoint: CheckpointRef | None
    entries: tuple[PromisedEntry, ...]

    @property
    def size(self) -> int:
        """How many entries stand before all that are promised."""
        return 0 if self.checkpoint is None else self.checkpoint.size

    def names(self, case_seq: int | None, leaf: bytes) -> bool:
        """Whether an entry with this number and leaf hash is promised."""
        return PromisedEntry(case_seq, leaf) in self.entries


def sign_promise(promise: Promise, *signers: Signer) -> str:
    """Return the note of a promise with a line of each log key. Raises ``NoteInvalid`` for what could be none."""
    said = {
        "log": require_name(promise.origin),
        "case": promise.case,
        "given_at": render_time(promise.given_at),
        "until": render_time(promise.until),
        "checkpoint": None if promise.checkpoint is None else promise.checkpoint.to_json(),
        "entries": [{"case_seq": item.case_seq, "leaf": item.leaf.hex()} for item in promise.entries],
    }
    _read(said)
    text = f"{FIRST_LINE}\n{canonical_bytes(said).decode('utf-8')}\n"
    signed = text.encode("utf-8")
    lines = (SignatureLine(promise.origin, log_vkey(promise.origin, key).key_id, key.sign(signed)) for key in signers)
    return UnverifiedNote(text, tuple(lines)).render()


def verify_promise(note: object, key: VerifierKey) -> Promise:
    """Verify that a log's key signed this promise, and return it. Raises ``NoteInvalid``.

    Steps: (1) limits and form of the note; (2) a line of the key is there, and every line that claims to be of it
    verifies over the received text; (3) the text is a promise of exactly this form, of the log that the key names.
    """
    unverified = parse_note(note)
    require_signed(unverified, key, "promise")
    lines = unverified.text[:-1].split("\n")
    if len(lines) != 2 or lines[0] != FIRST_LINE:
        raise NoteInvalid(f"promise: expected the line {FIRST_LINE} and one line of JSON")
    try:
        promise = _read(parse_canonical(lines[1].encode("utf-8")))
    except NotCanonical as error:
        raise NoteInvalid("promise: its second line is not canonical JSON") from error
    if promise.origin != key.name:
        raise NoteInvalid("promise: it is of another log than the one whose key is pinned")
    return promise


def _read(said: object) -> Promise:
    try:
        got = require_members(said, _MEMBERS, "promise")
        given_at, until = parse_time(got["given_at"], "given_at"), parse_time(got["until"], "until")
        if not timedelta() < until - given_at <= MAX_MERGE_DELAY:
            raise Malformed(f"promise: its deadline is not within {MAX_MERGE_DELAY} after it was given")
        case = None if got["case"] is None else require_id(got["case"], "case")
        entries = tuple(_read_entry(item, case) for item in _some(got["entries"]))
        if len(set(entries)) != len(entries):
            raise Malformed("promise: an entry is named twice")
        return Promise(
            origin=str(got["log"]),
            case=case,
            given_at=given_at,
            until=until,
            checkpoint=_read_checkpoint(got["checkpoint"]),
            entries=entries,
        )
    except Malformed as error:
        raise NoteInvalid(str(error)) from error


def _some(value: object) -> Sequence[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PROMISED:
        raise Malformed(f"promise: expected 1 to {MAX_PROMISED} entries")
    return value


def _read_entry(value: object, case: str | None) -> PromisedEntry:
    got = require_members(value, ("case_seq", "leaf"), "promised entry")
    number = got["case_seq"]
    is_number = type(number) is int and 1 <= number <= MAX_TREE_SIZE
    if not (is_number if case is not None else number is None):
        raise Malformed("promised entry: expected its number in its case, and null without one")
    return PromisedEntry(number, bytes.fromhex(require_digest(got["leaf"], "leaf")))


def _read_checkpoint(value: object) -> CheckpointRef | None:
    if value is None:
        return None
    got: Mapping[str, Any] = require_members(value, ("size", "root"), "checkpoint")
    if type(got["size"]) is not int or not 1 <= got["size"] <= MAX_TREE_SIZE:
        raise Malformed("checkpoint size: expected a whole number from 1")
    return CheckpointRef(got["size"], require_digest(got["root"], "checkpoint root"))
