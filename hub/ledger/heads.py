"""Heads of the log: when one is signed and published, and how witnesses' cosignatures gather under it.

Witnesses poll and post (docs/protocol.md section 10.3). A head is published when the log grew and the head before it
has its quorum or is two seconds old: so witnesses meet on the same head, and a missing witness delays nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.ledger import tree
from hub.ledger.entries import EntryType
from hub.ledger.errors import CosignatureRefused, LedgerDamaged, ProofUnavailable
from hub.ledger.state import load
from hub.store import ledger_rows as rows
from hub.store.base import Session
from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.cosigning import sign_checkpoint
from keys.jose import Signer
from keys.transparency import (
    Checkpoint,
    ProofInvalid,
    SignatureLine,
    SignatureType,
    UnverifiedNote,
    WitnessSet,
    parse_note,
    quorum_time,
    verify_consistency,
    verify_cosignature,
)
from keys.witnesses import MAX_WITNESSES

PUBLISH_INTERVAL = timedelta(seconds=2)
MAX_CLOCK_SKEW = timedelta(minutes=5)
MAX_LINES_PER_POST = 2 * MAX_WITNESSES


@dataclass(frozen=True, slots=True)
class Published:
    """A published head. ``note`` carries the log's signature and every cosignature it has so far."""

    size: int
    root: bytes
    note: str
    published_at: datetime
    witnessed_at: datetime | None


def sign_head(session: Session, *, origin: str, signers: Sequence[Signer]) -> str:
    """Return a signed note of the log as it is now, without publishing it. Raises ``LedgerDamaged``.

    For receipts: an act just committed need not wait for the next published head. The caller has committed before.
    """
    # The head is read before the state: another worker may publish a longer one in between, never a shorter one.
    newest = rows.find_newest_checkpoint(session)
    frontier = load(session)
    _require_sound(session, frontier, newest)
    return sign_checkpoint(origin, frontier.size, frontier.root(), *signers)


def publish(session: Session, *, now: datetime, origin: str, signers: Sequence[Signer]) -> Published | None:
    """Publish a new head if it is time, and return the newest one; None while the log is empty.

    Time is when the log grew and the newest head has its quorum or was published two seconds ago. Before it signs, the
    hub checks what it is about to say against its stored tree and the head before: a log that contradicts itself stops
    loudly with ``LedgerDamaged`` (attacks 5, 73). The caller commits before it hands the note to anybody.
    """
    newest = rows.find_newest_checkpoint(session)
    if not _is_due(newest, load(session).size, now):
        return None if newest is None else _published(session, newest)
    frontier = load(session, lock=True)
    newest = rows.find_newest_checkpoint(session)
    if not _is_due(newest, frontier.size, now):
        return None if newest is None else _published(session, newest)
    _require_sound(session, frontier, newest)
    note = sign_checkpoint(origin, frontier.size, frontier.root(), *signers)
    row = rows.StoredCheckpoint(frontier.size, frontier.root(), note, now, None)
    rows.insert_checkpoint(session, row)
    return _published(session, row)


def _is_due(newest: rows.StoredCheckpoint | None, size: int, now: datetime) -> bool:
    if newest is None:
        return size > 0
    if size == newest.size:
        return False
    # A clock that was set back must not keep the log silent until it has caught up.
    is_recent = timedelta() <= now - newest.published_at < PUBLISH_INTERVAL
    return newest.witnessed_at is not None or not is_recent


def _require_sound(session: Session, frontier: tree.Frontier, newest: rows.StoredCheckpoint | None) -> None:
    size, root = frontier.size, frontier.root()
    if newest is not None and newest.size > size:
        raise LedgerDamaged(f"the log has {size} entries, but a head of {newest.size} was published: entries are gone")
    ranges = [] if newest is None else tree.consistency_ranges(newest.size, size)
    whole = tree.nodes_of_range(0, size)
    wanted = [*whole, *(node for start, end in ranges for node in tree.nodes_of_range(start, end))]
    stored = rows.read_nodes(session, wanted)
    try:
        if tuple(stored.get(node) for node in whole) != frontier.hashes:
            raise LedgerDamaged(f"the stored tree of {size} entries is not the one the log's state describes")
        if newest is not None:
            verify_consistency(newest.size, size, newest.root, root, tree.resolve(ranges, stored))
    except (ProofInvalid, ProofUnavailable) as error:
        raise LedgerDamaged(f"the log does not continue its newest published head: {error}") from error


def published(session: Session, size: int | None = None) -> Published | None:
    """Return the newest published head, or the one of this size; None if there is none."""
    row = rows.find_newest_checkpoint(session) if size is None else rows.find_checkpoint(session, size)
    return None if row is None else _published(session, row)


def witnessed(session: Session) -> Published | None:
    """Return the largest published head that a quorum has cosigned, or None."""
    row = rows.find_newest_checkpoint(session, witnessed=True)
    return None if row is None else _published(session, row)


def _published(session: Session, row: rows.StoredCheckpoint) -> Published:
    lines = rows.read_cosignatures(session, row.size - 1, row.size).get(row.size, [])
    # A head that two witness sets have cosigned could outgrow what a note may carry: the newest lines are kept.
    kept = sorted(lines, key=lambda item: item.signed_at)[-MAX_LINES_PER_POST:]
    text = "".join(item.line + "\n" for item in lines if item in kept)
    return Published(row.size, row.root, row.note + text, row.published_at, row.witnessed_at)


def add_cosignatures(session: Session, size: int, lines: Sequence[str], *, now: datetime) -> Published:
    """Store a witness's lines under the published head of ``size`` entries and return the head with all it has.

    All or nothing: a malformed line, an unknown key, a signature that does not verify, a time more than five minutes
    ahead of ``now`` refuses the whole post with ``CosignatureRefused``. Of two lines of one key the newer stays; the
    same line again changes nothing. Raises ``ProofUnavailable`` where no head of this size was published.
    """
    if not 1 <= len(lines) <= MAX_LINES_PER_POST:
        raise CosignatureRefused(f"expected 1 to {MAX_LINES_PER_POST} signature lines, got {len(lines)}")
    witnesses = current_witnesses(session)
    if witnesses is None:
        raise CosignatureRefused("no witness set is recorded yet")
    row = rows.find_checkpoint(session, size, lock=True)
    if row is None:
        raise ProofUnavailable(f"no head of {size} entries was published")
    known = {(item.name, item.key_id): item for item in _cosignatures(session, size)}
    for line in lines:
        new = _verified(row, line, witnesses, now)
        old = known.get((new.name, new.key_id))
        if old is None:
            rows.insert_cosignature(session, new)
        elif new.signed_at > old.signed_at:
            rows.replace_cosignature(session, new)
        else:
            continue
        known[(new.name, new.key_id)] = new
    # A head that had a quorum keeps it, also when the witness set has changed since.
    witnessed_at = _quorum_time(list(known.values()), witnesses) or row.witnessed_at
    rows.set_witnessed(session, size, witnessed_at)
    return _published(session, replace(row, witnessed_at=witnessed_at))


def _verified(row: rows.StoredCheckpoint, text: str, witnesses: WitnessSet, now: datetime) -> rows.StoredCosignature:
    try:
        line = SignatureLine.parse(text)
        key = witnesses.find(line)
        if key is None:
            raise CosignatureRefused("a line is of no pinned witness key")
        signed_at = verify_cosignature(_own_checkpoint(row), line, key)
    except ProofInvalid as error:
        raise CosignatureRefused(str(error)) from error
    if signed_at - now > MAX_CLOCK_SKEW:
        raise CosignatureRefused(f"a line's time is more than {MAX_CLOCK_SKEW} ahead of the hub's clock")
    return rows.StoredCosignature(row.size, line.name, line.key_id.hex(), int(key.kind), signed_at, line.render())


def _own_checkpoint(row: rows.StoredCheckpoint) -> Checkpoint:
    # The hub's own note is not verified again here: were its row changed, no witness's line over the true one would
    # verify under it, and ``verify_log`` names it.
    note: UnverifiedNote = parse_note(row.note)
    return Checkpoint(note.text.split("\n", 1)[0], row.size, row.root, note.text, note.signatures)


def _cosignatures(session: Session, size: int) -> list[rows.StoredCosignature]:
    return rows.read_cosignatures(session, size - 1, size).get(size, [])


def _quorum_time(stored: Sequence[rows.StoredCosignature], witnesses: WitnessSet) -> datetime | None:
    pinned = {(item.name, item.mldsa44.key_id.hex()) for item in witnesses.witnesses}
    times = {
        item.name: item.signed_at
        for item in stored
        if item.kind == SignatureType.COSIGNATURE_MLDSA44 and (item.name, item.key_id) in pinned
    }
    return quorum_time(times, witnesses)


def current_witnesses(session: Session) -> WitnessSet | None:
    """Return the newest recorded witness set, or None. Raises ``LedgerDamaged`` where the row cannot be one."""
    members = rows.find_newest_witness_set(session)
    return None if members is None else read_witness_set(members)


def read_witness_set(members: str) -> WitnessSet:
    """Read a kept witness set. Raises ``LedgerDamaged``."""
    try:
        return WitnessSet.from_json(parse_canonical(members.encode("utf-8")))
    except (NotCanonical, ProofInvalid) as error:
        raise LedgerDamaged("the kept witness set is not one that can hold") from error


def set_witnesses(session: Session, witnesses: WitnessSet, log_index: int) -> None:
    """Keep the witness set that the public ``witnesses`` entry at ``log_index`` announced. Raises ``LedgerDamaged``.

    Whether a change is allowed (it needs the old quorum) is the caller's decision; that the entry says the same is
    checked here.
    """
    entry = rows.read_entries(session, [log_index]).get(log_index)
    if entry is None or entry.type != EntryType.WITNESSES or entry.body is None:
        raise LedgerDamaged(f"entry {log_index} announces no witness set")
    if WitnessSet.from_json(parse_canonical(entry.body.encode("utf-8"))) != witnesses:
        raise LedgerDamaged(f"entry {log_index} announces another witness set")
    rows.insert_witness_set(session, log_index, canonical_bytes(witnesses.to_json()).decode("utf-8"))
