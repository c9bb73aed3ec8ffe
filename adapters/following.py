"""Follow the log: verify heads, proofs and certificates before anything the hub says is believed. Act as a witness.

The hub is hostile here until proven otherwise (attacks group A). What is kept: the highest head ever seen, the newest
head that a quorum has cosigned with the right edge of its tree, every public entry below it, our cases' statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from adapters.case_sync import CaseSync
from adapters.entries import Edge, read_entries
from adapters.feed import CaseFeed
from adapters.heads import refuse_entries, require_continues, tell_back_dated
from adapters.home import Home, HubPin
from adapters.hub_client import MAX_BUNDLE_BYTES, HubClient, HubRefused
from adapters.issued import not_issued_here
from adapters.kept_leaves import keep_leaves
from adapters.log_keys import NOT_OF_THE_PIN, OF_BEFORE, describe_change, former_log_keys, head_fault, key_of_kept
from adapters.promises import require_kept
from adapters.reading_directory import DirectoryReading, read_directory
from adapters.refusal import LogRefused as LogRefused  # re-exported: whoever follows the log may refuse it
from adapters.stopping import MAX_QUORUM_AGE, require_unstopped, seen_at
from adapters.store.database import Session, Store
from adapters.store.monitor_rows import keep_head, keep_seen, raise_with_evidence
from adapters.store.rows import public_entries, public_entries_end, raise_alarm, read_setting, write_setting
from adapters.store.tables import PublicEntryRow
from adapters.watched_entries import BEGAN
from adapters.witness_keys import witness_pairs
from keys.bundle_changes import ActiveBundle
from keys.canonical import NotCanonical, parse_canonical
from keys.certificates import Certificate
from keys.cosigning import cosign
from keys.directory import Directory
from keys.jose import Signer
from keys.log_keys import unlinked
from keys.notes import NotSigned
from keys.statements import CheckpointRef
from keys.transparency import (
    Checkpoint,
    NoteInvalid,
    ProofInvalid,
    QuorumCheckpoint,
    VerifierKey,
    WitnessSet,
    parse_note,
    require_quorum,
    verify_checkpoint,
)
from keys.uses import KeyUse
from keys.witness_changes import witness_key_bytes as key_bytes
from keys.witnesses import QuorumMissing
from policies.model import render_time


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one hub's log for one adapter."""

    home: Home
    store: Store
    client: HubClient
    pin: HubPin
    clock: Callable[[], datetime]
    _read: dict[int, DirectoryReading] = field(default_factory=dict, repr=False, compare=False)
    """The newest reading of the directory by its last log position: entries are only ever added."""

    @property
    def log_key(self) -> VerifierKey:
        """The log's pinned verifier key."""
        return VerifierKey.parse(self.pin.log_vkey)

    @property
    def witnesses(self) -> WitnessSet:
        """The witnesses that count now: the pinned ones, or those that followed them by the old quorum's approval."""
        return self._read_directory().witnesses

    # --- heads ---

    def accept_head(self, note: str) -> Checkpoint:
        """Verify a head and that it continues the highest one seen; keep the higher. Raises ``LogRefused``.

        A rollback, a fork or a rewritten past ends here: consistency is proven against our own memory.
        """
        try:
            checkpoint = verify_checkpoint(note, self.log_key)
        except (NoteInvalid, ProofInvalid) as error:
            raise self._refuse_head("head_invalid", "the hub shows a head that does not verify", note, error) from error
        fault = head_fault(checkpoint, self.pin, self._read_directory().log_keys)
        if fault is not None:
            raise self._alarm(*fault)
        head = {"size": checkpoint.size, "root": checkpoint.root.hex(), "note": note}
        while True:
            with self.store.read() as session:
                seen = read_setting(session, "highest_head")
            if seen is not None:
                self._require_consistent(seen, checkpoint, note)
                if checkpoint.size <= seen["size"]:
                    return checkpoint
            with self.store.write() as session:
                # Another process of this adapter may have seen another head meanwhile: then prove against that one,
                # or two forks of one size could both be taken in.
                if read_setting(session, "highest_head") == seen:
                    write_setting(session, "highest_head", head)
                    keep_head(session, checkpoint.size, checkpoint.root.hex(), note)
                    if seen is None:
                        write_setting(session, BEGAN, {"size": checkpoint.size})
                    return checkpoint

    def _require_consistent(self, seen: Mapping[str, Any], checkpoint: Checkpoint, note: str) -> None:
        require_continues(self.client, self.store, seen, checkpoint, note, self.alarm)

    def kept_head(self, note: str) -> Checkpoint:
        """Verify again a head that was taken in before, by the key of then: never one that the hub shows now."""
        return verify_checkpoint(note, self._key_of_kept(note))

    def _key_of_kept(self, note: str) -> VerifierKey:
        return key_of_kept(note, self.log_key, self._read_directory().log_keys, self._former())

    def _former(self) -> tuple[VerifierKey, ...]:
        return former_log_keys(self.home.folder, self.pin.origin)

    def _refuse_head(self, code: str, what: str, note: str, error: ProofInvalid) -> LogRefused:
        """Refuse a head the hub shows. One of before the log's key was replaced is no lie, and no alarm."""
        if not isinstance(error, NotSigned):
            return self._alarm(code, f"{what}: {error}")
        try:
            self._key_of_kept(note)
        except NoteInvalid:
            return self._alarm(code, f"{what}: {error}. {NOT_OF_THE_PIN}")
        return LogRefused("log_key", OF_BEFORE)

    @property
    def notice(self) -> str | None:
        """What people have to do because the log's key was replaced; None: nothing."""
        return describe_change(self._read_directory().log_keys, self.log_key)

    def _alarm(self, code: str, message: str) -> LogRefused:
        return self.alarm(code, message, None)

    def alarm(self, code: str, message: str, evidence: Mapping[str, Any] | None) -> LogRefused:
        """Keep an alarm, with what it rests on where somebody else can check that; return what is to be raised."""
        with self.store.write() as session:
            raise_with_evidence(session, code, message, render_time(self.clock()), evidence)
        return LogRefused(code, message)

    # --- the public entries, proven in a quorum checkpoint ---

    def sync(self) -> QuorumCheckpoint:
        """Fetch the newest witnessed head and every entry of the log up to it. Raises ``LogRefused``.

        The entries are recomputed into the head's root, so none that is public can be kept back or put in.
        """
        with self.store.write() as session:
            # Before the hub is asked: what another process takes in meanwhile is newer than its answer, no rollback.
            held = read_setting(session, "witnessed")
        note = self.client.get_bytes("/log/checkpoint/witnessed").decode("utf-8", "replace")
        reading = self._read_directory()
        present = reading.witnesses_at(self._size_of(note))
        is_longer = held is None or self._size_of(note) > held["size"]
        quorum = self._require_quorum(note, present, may_change=is_longer)
        accepted = self.accept_head(note)
        if held is not None and held["size"] > accepted.size:
            self._require_not_shorter(held["size"])
            kept_by = self._key_of_kept(held["note"])
            return self._require_quorum(held["note"], reading.witnesses_at(held["size"]), log_key=kept_by)
        if held is not None and quorum is not None and held["note"] == note:
            return quorum
        edge, public = self.read_public(Edge() if held is None else Edge.from_json(held["edge"]), accepted)
        tell_back_dated(self.client, held, public, (accepted.size, note), self.alarm)
        after = self._require_followed(public, present)
        if quorum is None or after != present:
            quorum = self._require_quorum(note, after)
        newest = {
            "size": quorum.checkpoint.size,
            "root": quorum.checkpoint.root.hex(),
            "at": render_time(quorum.witnessed_at),
            "note": note,
            "edge": edge.to_json(),
        }
        with self.store.write() as session:
            other = read_setting(session, "witnessed")
            if other is None or (other["size"], other["at"]) < (newest["size"], newest["at"]):
                session.add_all(
                    PublicEntryRow(log_index=index, body=body)
                    for index, body in public
                    if session.get(PublicEntryRow, index) is None
                )
                write_setting(session, "witnessed", newest)
                keep_seen(session, quorum.checkpoint.size, render_time(quorum.witnessed_at), note)
        self._check_directory()
        require_kept(self)
        keep_leaves(self.client, self.store, quorum.checkpoint, note)
        return quorum

    def read_public(self, edge: Edge, checkpoint: Checkpoint) -> tuple[Edge, list[tuple[int, str]]]:
        """Return the edge of a witnessed head and its public entries since the edge before, those that can be read."""
        try:
            edge, public = read_entries(
                lambda path: self.client.get_bytes(f"/log/{path}", at_most=MAX_BUNDLE_BYTES),
                edge,
                checkpoint.size,
                checkpoint.root,
            )
        except (ProofInvalid, HubRefused) as error:
            if isinstance(error, HubRefused):
                raise refuse_entries(error, checkpoint, self.alarm) from error
            raise self._alarm(
                "directory", f"the hub shows entries that are not in the witnessed log; none was believed: {error}"
            ) from error
        readable = []
        for index, body in public:
            try:
                if not isinstance(parse_canonical(body), dict):
                    raise NotCanonical("not an object")
                readable.append((index, body.decode("utf-8")))
            except (NotCanonical, UnicodeDecodeError):
                # It stands in the log and says nothing that could be believed.
                self._alarm("directory", f"public entry {index} of the log is not of the agreed form")
        return edge, readable

    def _require_not_shorter(self, size: int) -> None:
        """Raise ``LogRefused`` where the log itself, not only what its witnesses have seen of it, is below ``size``.

        Cosignatures can be lost (a hub that ended as they came, a copy of it that collected them): the head we hold
        still has its quorum then, and ages as it would. Entries cannot.
        """
        newest = self.accept_head(self.client.get_bytes("/log/checkpoint").decode("utf-8", "replace"))
        if newest.size < size:
            raise self._alarm("rollback", f"the log went back from {size} entries to {newest.size}")

    def _size_of(self, note: str) -> int:
        try:
            return verify_checkpoint(note, self.log_key).size
        except (NoteInvalid, ProofInvalid) as error:
            raise self._refuse_head("quorum", _NO_QUORUM, note, error) from error

    def _require_followed(self, public: list[tuple[int, str]], present: WitnessSet) -> WitnessSet:
        """Return who counts once these entries are taken in: only a change that the present quorum approved.

        Raises ``LogRefused`` where the pinned log key took another one's place and no two officers say so in the log.
        """
        kinds = {parse_canonical(body.encode())["type"] for _, body in public}
        reading = self._read_directory()
        if kinds & {_WITNESSES, _LOG_KEY}:
            with self.store.write() as session:
                known = public_entries(session)
            fresh = [item for item in public if not known or item[0] > known[-1][0]]
            reading = read_directory([*known, *fresh], self.pin, self.home.agency)
        fault = unlinked(reading.log_keys, self.log_key, self._former())
        if fault is not None:
            raise self._alarm("log_key", f"{fault}; nothing of this log was taken in")
        return reading.witnesses if _WITNESSES in kinds else present

    @overload
    def _require_quorum(
        self, note: str, witnesses: WitnessSet, *, log_key: VerifierKey | None = None
    ) -> QuorumCheckpoint: ...

    @overload
    def _require_quorum(self, note: str, witnesses: WitnessSet, *, may_change: bool) -> QuorumCheckpoint | None: ...

    def _require_quorum(
        self, note: str, witnesses: WitnessSet, *, may_change: bool = False, log_key: VerifierKey | None = None
    ) -> QuorumCheckpoint | None:
        """Return the head that these witnesses' quorum has seen. ``log_key``: of a kept head. Raises ``LogRefused``.

        ``may_change``: None where the quorum is missing, for the entries below may bring other witnesses.
        """
        try:
            return require_quorum(note, log_key or self.log_key, witnesses)
        except (NoteInvalid, ProofInvalid) as error:
            if may_change and isinstance(error, QuorumMissing):
                return None
            raise self._alarm("quorum", f"{_NO_QUORUM}: {error}") from error

    # --- the directory ---

    def directory(self) -> Directory:
        """Return the certified keys of every agency whose pinned root vouches for them. Nothing else is believed."""
        return self._read_directory().directory

    def active_bundle(self) -> ActiveBundle | None:
        """Return which policy bundle decides, by the log as far as it was followed; None before it was."""
        return next(reversed(self._read_directory().bundles), None)

    def _read_directory(self) -> DirectoryReading:
        with self.store.read() as session:
            last = public_entries_end(session)
            # Entries are only ever added: with the same last one they are those that were read before.
            held = self._read.get(last)
            entries = [] if held is not None else public_entries(session)
        if held is None:
            held = read_directory(entries, self.pin, self.home.agency)
            self._read.clear()
            self._read[last] = held
        return held

    def _check_directory(self) -> None:
        reading = self._read_directory()
        directory = reading.directory
        with self.store.write() as session:
            for fault in (*reading.faults, *not_issued_here(self.home.folder, reading.ours)):
                raise_alarm(session, "directory", fault, render_time(self.clock()), is_lasting=True)
            for witness in reading.witnesses.witnesses:
                wanted = {witness.ed25519.public, witness.mldsa44.public}
                found = {
                    key_bytes(item.use, item.key)
                    for item in directory.certificates
                    if item.agency == witness.agency and _is_witness(item) and directory.revocation_of(item) is None
                }
                if witness.agency in directory.agencies and not wanted <= found:
                    raise_alarm(
                        session,
                        "witness",
                        f"the witness keys of {witness.agency} that count are not certified by its root, or were "
                        "revoked since; they go on counting until they are replaced: nrm-adapter witnesses approve, or "
                        "remove, by a quorum of the witnesses",
                        render_time(self.clock()),
                        is_lasting=True,
                    )

    def directory_for(self, case: str) -> Directory:
        """Return the directory with where each statement of a case stands in the log, as far as it was followed.

        What a key signed before it was revoked stays good: only with this can it be told.
        """
        return self.directory().knowing(self.feed(case).positions())

    # --- what we may rest on ---

    def newest_reference(self) -> CheckpointRef | None:
        """Return the highest head we verified, as statements name it: other agencies hold theirs against it."""
        with self.store.read() as session:
            return self.newest_reference_in(session)

    def newest_reference_in(self, session: Session) -> CheckpointRef | None:
        """The same within an open transaction."""
        held = read_setting(session, "highest_head")
        return None if held is None else CheckpointRef(held["size"], held["root"])

    def require_fresh_quorum(self, session: Session) -> None:
        """Raise ``LogRefused`` unless a quorum saw our head within ten minutes: widening acts need it.

        Nor is anything widened while an alarm says that the log cannot be trusted, until somebody has looked.
        """
        require_unstopped(session)
        held = read_setting(session, "witnessed")
        if held is None:
            raise LogRefused("quorum", "no witnessed head is here yet; run: nrm-adapter sync")
        if self.clock() - seen_at(held) > MAX_QUORUM_AGE:
            raise LogRefused(
                "freeze",
                f"the newest head a quorum has seen is from {held['at']}, older than ten minutes; nothing new is "
                "shared until the witnesses have seen a newer one. Where a child is in danger now, two people of this "
                "agency may release to keys that are proven already: nrm-adapter emergency ask --help",
            )

    # --- our cases ---

    @property
    def _cases(self) -> CaseSync:
        home = self.home
        return CaseSync(self.store, self.client, home.agency, home.kind, self.accept_head, self.clock, self.directory)

    def feed(self, case: str) -> CaseFeed:
        """Return the chain of entries of a case."""
        return self._cases.feed(case)

    def sync_cases(self) -> list[str]:
        """Fetch our cases and hold their statements against the log; return the case ids.

        Raises ``LogRefused``, or else ``HubRefused``, after every case was read. The statements are
        verified where they are used.
        """
        return self._cases.sync()

    def sync_case(self, case: str) -> None:
        """Fetch one of our cases as ``sync_cases`` does, and no other. Raises as ``sync_cases``."""
        self._cases.sync_one(case)

    def take_erasures(self, case: str) -> None:
        """Take in what the case's entries say was erased, as far as they were followed. Raises ``LogRefused``."""
        self._cases.take_erasures(case)

    def take_case(self, case: str, answer: object) -> None:
        """Keep the statements of a case that we know, as a pull brought and proved them. Raises ``LogRefused``."""
        self._cases.take(case, answer)

    # --- witness ---

    def witness_once(self, keys: Mapping[str, Signer]) -> int | None:
        """Cosign the newest published head if it continues the last one we cosigned; return its size, None if known.

        The cosigned head is remembered before the signature leaves, so that a crash can never make us sign a fork.
        Raises ``LogRefused``.
        """
        note = self.client.get_bytes("/log/checkpoint").decode("utf-8", "replace")
        checkpoint = self.accept_head(note)
        root = checkpoint.root.hex()
        name = f"{self.pin.origin}/witness/{self.home.agency}"
        # Our lines may never have arrived, or the hub may have lost them: then they are made again at once.
        has_arrived = sum(line.name == name for line in parse_note(note).signatures) >= LINES_PER_WITNESS
        with self.store.write() as session:
            cosigned = read_setting(session, "cosigned")
            # Every head of this size or above that we have seen or signed. Only the newest of one line is signed.
            known = [item for item in (read_setting(session, "highest_head"), cosigned) if item is not None]
            is_fork = any(item["size"] == checkpoint.size and item["root"] != root for item in known)
            if not is_fork:
                if any(item["size"] > checkpoint.size for item in known):
                    return None
                age = None if cosigned is None else self.clock().timestamp() - cosigned["at"]
                is_known = age is not None and cosigned["size"] == checkpoint.size and age < RECOSIGN_SECONDS
                if is_known and has_arrived:
                    return None
                write_setting(
                    session, "cosigned", {"size": checkpoint.size, "root": root, "at": int(self.clock().timestamp())}
                )
        if is_fork:
            raise self._alarm("fork", f"the hub shows two heads of {checkpoint.size} entries; this one is not signed")
        pairs = witness_pairs(keys, self.home.agency, self.witnesses)
        for number, pair in enumerate(pairs, start=1):
            at = self.clock()
            lines = [cosign(checkpoint, name, key, at=at) for key in pair]
            try:
                self.client.post("/log/cosignatures", {"size": checkpoint.size, "lines": lines})
                break
            except HubRefused as error:
                # The hub's set may be newer than the newest that we have proof of: then our newer keys count there.
                if error.code != "cosignature_refused" or number == len(pairs):
                    raise
        keep_leaves(self.client, self.store, checkpoint, note)
        return checkpoint.size


LINES_PER_WITNESS = 2
"""Ed25519 and ML-DSA-44 (C2SP tlog-cosignature)."""

RECOSIGN_SECONDS = 60
"""A quiet log's head is cosigned again after this long, so that "seen within ten minutes" stays true."""

_WITNESSES, _LOG_KEY = "witnesses", "log_key"
_NO_QUORUM = "the hub shows no head that a quorum has seen"


def _is_witness(certificate: Certificate) -> bool:
    return certificate.use in (KeyUse.WITNESS, KeyUse.WITNESS_PQ)
