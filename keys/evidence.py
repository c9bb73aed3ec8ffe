"""Evidence against a log, checked with keys alone: no hub, no network, no adapter's database.

A file holds signed heads, what a signed tree says of its own beginning (``keys.splits``), and perhaps one entry. What
several files say is taken together: two agencies that were shown two logs each have a part of the proof. Proven is what
follows from signatures of the log's own key and its witnesses; who wrote the file does not matter. docs/monitor.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Any

from keys.broken_promises import SeenSpan, ShownEntry, find_broken
from keys.canonical import NotCanonical, parse_canonical
from keys.jose import KeyRefused, b64u_decode
from keys.merkle import ProofInvalid, parse_proof
from keys.promises import Promise, verify_promise
from keys.refusal import KeysRefusal
from keys.spans import Span, first_difference
from keys.splits import root_at
from keys.transparency import (
    Checkpoint,
    VerifierKey,
    WitnessSet,
    entry_bytes,
    leaf_hash,
    require_quorum,
    verify_checkpoint,
    verify_inclusion,
)

FORM = "nrmhub-evidence"
VERSION = 2
MAX_EVIDENCE_BYTES = 16 * 1024 * 1024
MAX_HEADS = 1_100
MAX_SPLITS = 200
MAX_FILES = 20
TOLERANCE = timedelta(minutes=5)
"""How far clocks of hub and witnesses may differ."""
_FIRST = frozenset(
    {"form", "version", "kind", "origin", "agency", "at", "text", "heads", "splits", "entry", "statement"}
)
_MEMBERS: Mapping[object, frozenset[str]] = {1: _FIRST, VERSION: _FIRST | {"promise", "span"}}
"""What a file of each version has."""


class EvidenceRefused(KeysRefusal):
    """A file is not evidence of the agreed form, or a part of it is not signed by the keys it is held against."""


class Proof(StrEnum):
    """What files prove together."""

    FORK = "fork"
    ROLLBACK = "rollback"
    BACK_DATING = "back-dating"
    OMISSION = "omission"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was proven, and in words: what is signed, and what that means."""

    proof: Proof
    lines: tuple[str, ...]


@dataclass(slots=True)
class _Facts:
    """What the signatures say, of all files together."""

    roots: dict[int, dict[bytes, str]] = field(default_factory=dict)
    """By size the roots of a log's first entries, and how each is known."""
    beginnings: dict[tuple[int, bytes], dict[int, bytes]] = field(default_factory=dict)
    """By signed head, by size the roots that the tree of that head has for its first entries."""
    seen: list[tuple[int, datetime]] = field(default_factory=list)
    """Sizes of heads with a quorum, and when it saw them."""
    dated: list[tuple[int, str, datetime]] = field(default_factory=list)
    """Positions of entries, their types, and when they say they are from."""
    shown: list[ShownEntry] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    spans: list[SeenSpan] = field(default_factory=list)


def judge(files: Sequence[bytes], log_vkey: VerifierKey, witnesses: WitnessSet) -> Finding:
    """Check files of evidence together against the pinned key of a log and its witnesses. Raises ``EvidenceRefused``.

    Everything in them must verify: a file with a part that does not is evidence of nothing.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise EvidenceRefused(f"evidence: expected 1 to {MAX_FILES} files, got {len(files)}")
    facts = _Facts()
    for number, data in enumerate(files, start=1):
        name = f"file {number}"
        try:
            _read(facts, _parse(data), log_vkey, witnesses)
        except EvidenceRefused as error:
            raise EvidenceRefused(f"{name}: {error}") from error
        except (ProofInvalid, KeyRefused) as error:
            raise EvidenceRefused(f"{name}: {error}; nothing of it is taken for proof") from error
        except (NotCanonical, AttributeError, KeyError, TypeError, ValueError) as error:
            raise EvidenceRefused(f"{name}: not of the agreed form") from error
    # What came later than promised says by that that it is from before, too: the promise says more.
    return _fork(facts) or _omission(facts) or _back_dating(facts) or _rollback(facts) or _nothing(facts)


def _parse(data: bytes) -> Mapping[str, Any]:
    if len(data) > MAX_EVIDENCE_BYTES:
        raise EvidenceRefused(f"evidence: more than {MAX_EVIDENCE_BYTES:,} bytes")
    said = parse_canonical(data.rstrip(b"\n"))
    version = said.get("version") if isinstance(said, dict) else None
    wanted = _MEMBERS.get(version) if type(version) is int else None
    if not isinstance(said, dict) or wanted is None or set(said) != wanted or said["form"] != FORM:
        raise EvidenceRefused(f"evidence: expected an object of form {FORM}, version 1 or {VERSION}")
    if len(said["heads"]) > MAX_HEADS or len(said["splits"]) > MAX_SPLITS:
        raise EvidenceRefused(f"evidence: expected at most {MAX_HEADS} heads and {MAX_SPLITS} splits")
    return said


def _read(facts: _Facts, said: Mapping[str, Any], log_vkey: VerifierKey, witnesses: WitnessSet) -> None:
    if said["origin"] != log_vkey.name:
        raise EvidenceRefused("evidence: of another log than the one whose key is pinned")
    for note in said["heads"]:
        head = verify_checkpoint(note, log_vkey)
        _add_head(facts, head)
        _add_seen(facts, note, log_vkey, witnesses)
    for split in said["splits"]:
        head = verify_checkpoint(split["note"], log_vkey)
        found = root_at(split["size"], head.size, parse_proof(split["proof"]), head.root)
        how = f"the first {split['size']} entries of the tree of {head.size} entries, whose head the log's key signed"
        _add_root(facts, split["size"], found, how)
        _add_head(facts, head)[split["size"]] = found
    entry = said["entry"]
    if entry is not None and entry["note"] is not None:
        _add_entry(facts, entry["receipt"], verify_checkpoint(entry["note"], log_vkey))
    if said.get("promise") is not None:
        _add_promise(facts, verify_promise(said["promise"], log_vkey))
    if said.get("span") is not None:
        _add_span(facts, Span.from_json(said["span"]), said["heads"], log_vkey, witnesses)


def _add_root(facts: _Facts, size: int, root: bytes, how: str) -> None:
    if size > 0:
        facts.roots.setdefault(size, {}).setdefault(root, how)


def _add_head(facts: _Facts, head: Checkpoint) -> dict[int, bytes]:
    """Add a signed head; return what is known of its tree's beginning, for more to be put in."""
    _add_root(facts, head.size, head.root, f"a head of {head.size} entries, signed by the log's key")
    return facts.beginnings.setdefault((head.size, head.root), {0: b"", head.size: head.root})


def _add_seen(facts: _Facts, note: str, log_vkey: VerifierKey, witnesses: WitnessSet) -> None:
    at = _quorum_of(note, log_vkey, witnesses)
    if at is not None:
        facts.seen.append((verify_checkpoint(note, log_vkey).size, at))


def _quorum_of(note: str, log_vkey: VerifierKey, witnesses: WitnessSet) -> datetime | None:
    """Return when a quorum saw a head of the log's own, None where none did."""
    try:
        return require_quorum(note, log_vkey, witnesses).witnessed_at
    except ProofInvalid:
        # The head is the log's own, which is verified. Cosignatures that a hub made up must not spoil the proof.
        return None


def _add_entry(facts: _Facts, receipt: Mapping[str, Any], head: Checkpoint) -> None:
    body, salt = str(receipt["body"]).encode("utf-8"), receipt["salt"]
    leaf = leaf_hash(entry_bytes(body, None if salt is None else b64u_decode(salt)))
    verify_inclusion(leaf, receipt["index"], head.size, parse_proof(receipt["inclusion"]), head.root)
    entry = parse_canonical(body)
    at = datetime.strptime(entry["at"][:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    facts.dated.append((receipt["index"], str(entry["type"]), at))
    case, number = entry.get("case"), entry.get("case_seq")
    is_numbered = isinstance(case, str) and type(number) is int
    facts.shown.append(ShownEntry(receipt["index"], leaf, *((case, number) if is_numbered else (None, None))))


def _add_promise(facts: _Facts, promise: Promise) -> None:
    facts.promises.append(promise)
    named = promise.checkpoint
    if named is not None:
        how = f"a head of {named.size} entries, which a promise names that the log's key signed"
        _add_root(facts, named.size, bytes.fromhex(named.root), how)


def _add_span(facts: _Facts, span: Span, heads: Sequence[str], log_vkey: VerifierKey, witnesses: WitnessSet) -> None:
    """Add all leaves of a file's first head from some place on. Raises ``ProofInvalid`` where they are not that."""
    if not heads:
        raise EvidenceRefused("evidence: expected the head whose leaves it shows")
    head = verify_checkpoint(heads[0], log_vkey)
    span.require(head.size, head.root)
    facts.spans.append(SeenSpan(span, head.size, _quorum_of(heads[0], log_vkey, witnesses)))


def _fork(facts: _Facts) -> Finding | None:
    for size, roots in sorted(facts.roots.items()):
        if len(roots) > 1:
            (one, how_one), (two, how_two) = list(roots.items())[:2]
            return Finding(
                Proof.FORK,
                (
                    f"The log's key signed two logs that contradict each other in their first {size} entries:",
                    f"one with root {one.hex()}: {how_one};",
                    f"one with root {two.hex()}: {how_two}.",
                    *(list(_where(facts.spans)) or _beside(facts.beginnings.values())),
                    "Whoever holds that key showed two histories. No honest log can do so, and nobody else could sign.",
                ),
            )
    return None


def _where(spans: Sequence[SeenSpan]) -> Iterator[str]:
    """Say which is the first entry in which two logs differ, where their leaves are shown."""
    for one, two in combinations([item.span for item in spans], 2):
        index = first_difference(one, two)
        if index is not None:
            left, right = (span.leaves[index - span.start].hex() for span in (one, two))
            yield (
                f"The first entry that differs is entry {index}: one log has the leaf {left} there, the other {right}; "
                "every leaf of both up to their signed heads is shown, and all before it are the same."
            )
            return


def _beside(beginnings: Iterable[Mapping[int, bytes]]) -> list[str]:
    """Say which is the first entry in which two logs differ, where the roots before it and up to it are known of both.

    They have one root of their first entries, and with the next entry two.
    """
    next_roots: dict[tuple[int, bytes], set[bytes]] = {}
    for roots in beginnings:
        for size, root in roots.items():
            if size + 1 in roots:
                next_roots.setdefault((size, root), set()).add(roots[size + 1])
    parted = [size for (size, _), following in next_roots.items() if len(following) > 1]
    return [
        f"The first entry that differs is entry {size}: the first {size} entries of both are the same, and with the "
        "next one they are not."
        for size in sorted(parted)[:1]
    ]


def _back_dating(facts: _Facts) -> Finding | None:
    for index, kind, at in facts.dated:
        for size, seen in facts.seen:
            if size <= index and at < seen - TOLERANCE:
                return Finding(
                    Proof.BACK_DATING,
                    (
                        f"Entry {index} ({kind}) says it is from {at:%Y-%m-%d %H:%M:%S} UTC.",
                        f"A quorum of witnesses saw the log with {size} entries, so without it, at "
                        f"{seen:%Y-%m-%d %H:%M:%S} UTC.",
                        "It was put there later than it says.",
                    ),
                )
    return None


def _omission(facts: _Facts) -> Finding | None:
    for promise in facts.promises:
        found = find_broken(promise, facts.seen, facts.spans, facts.shown)
        if found is not None:
            entry, why = found
            what = f"the entry with leaf hash {entry.leaf.hex()}"
            number = "" if entry.case_seq is None else f", number {entry.case_seq} of case {promise.case}"
            until = f"{promise.until:%Y-%m-%d %H:%M:%S} UTC"
            return Finding(
                Proof.OMISSION,
                (
                    f"The log's key signed, at {promise.given_at:%Y-%m-%d %H:%M:%S} UTC, that by {until} "
                    f"{what}{number}, stands in the log, behind its first {promise.size} entries.",
                    why,
                    "Whoever holds that key broke the promise.",
                ),
            )
    return None


def _rollback(facts: _Facts) -> Finding | None:
    for size, seen in facts.seen:
        for longer, before in facts.seen:
            if longer > size and seen > before + TOLERANCE:
                return Finding(
                    Proof.ROLLBACK,
                    (
                        f"A quorum of witnesses saw the log with {longer} entries at {before:%Y-%m-%d %H:%M:%S} UTC,",
                        f"and with {size} entries at {seen:%Y-%m-%d %H:%M:%S} UTC: it went back.",
                    ),
                )
    return None


def _nothing(facts: _Facts) -> Finding:
    return Finding(
        Proof.NOTHING,
        (
            f"Every signature holds ({len(facts.roots)} sizes of the log, {len(facts.dated)} entries), and nothing in "
            "it contradicts anything else.",
            "It proves no fork by itself. Take the file of another agency to it: what two were shown differently only "
            "both together prove.",
        ),
    )
