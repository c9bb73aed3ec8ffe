"""Follow the log: verify heads, proofs and certificates before anything the hub says is believed. Act as a witness.

The hub is hostile here until proven otherwise (attacks group A). What is kept: the highest head ever seen, the newest
head that a quorum has cosigned, every public entry whose inclusion was proven, the statements of our cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.home import Home, HubPin
from adapters.hub_client import HubClient, HubRefused
from adapters.store import (
    CaseRow,
    PublicEntryRow,
    Session,
    Store,
    public_entries,
    raise_alarm,
    read_setting,
    write_setting,
)
from keys.canonical import NotCanonical, parse_canonical
from keys.cosigning import cosign
from keys.directory import (
    AgencyRecord,
    Certificate,
    Directory,
    KeyUse,
    fingerprint,
    normalise_fingerprint,
    verify_agency,
    verify_certificate,
)
from keys.jose import KeyRefused, SignatureRefused
from keys.private import PrivateKey
from keys.statements import CheckpointRef, peek
from keys.transparency import (
    Checkpoint,
    NoteInvalid,
    ProofInvalid,
    QuorumCheckpoint,
    VerifierKey,
    WitnessSet,
    entry_bytes,
    leaf_hash,
    parse_proof,
    require_quorum,
    verify_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from policies.model import Malformed, parse_time, render_time, require_id

MAX_QUORUM_AGE = timedelta(minutes=10)
PAGE = 1000


class LogRefused(Exception):
    """The log, or what the hub says of it, does not hold. Nothing that rests on it is done; an alarm is kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class _DirectoryReading:
    """The directory as the proven entries give it, and what of them was not believed."""

    directory: Directory
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Follower:
    """Follows one hub's log for one adapter."""

    home: Home
    store: Store
    client: HubClient
    pin: HubPin
    clock: Callable[[], datetime]
    _read: dict[int, _DirectoryReading] = field(default_factory=dict, repr=False, compare=False)
    """The newest reading of the directory by its last log position: entries are only ever added."""

    @property
    def log_key(self) -> VerifierKey:
        """The log's pinned verifier key."""
        return VerifierKey.parse(self.pin.log_vkey)

    @property
    def witnesses(self) -> WitnessSet:
        """The pinned witness set."""
        return WitnessSet.from_json(self.pin.witnesses)

    # --- heads ---

    def accept_head(self, note: str) -> Checkpoint:
        """Verify a head and that it continues the highest one seen; keep the higher. Raises ``LogRefused``.

        A rollback, a fork or a rewritten past ends here: consistency is proven against our own memory.
        """
        try:
            checkpoint = verify_checkpoint(note, self.log_key)
        except (NoteInvalid, ProofInvalid) as error:
            raise self._alarm("head_invalid", f"the hub shows a head that does not verify: {error}") from error
        if checkpoint.origin != self.pin.origin:
            raise self._alarm("head_invalid", "the hub shows the head of another log")
        head = {"size": checkpoint.size, "root": checkpoint.root.hex(), "note": note}
        while True:
            with self.store.write() as session:
                seen = read_setting(session, "highest_head")
            if seen is not None:
                self._require_consistent(seen, checkpoint)
                if checkpoint.size <= seen["size"]:
                    return checkpoint
            with self.store.write() as session:
                # Another process of this adapter may have seen another head meanwhile: then prove against that one,
                # or two forks of one size could both be taken in.
                if read_setting(session, "highest_head") == seen:
                    write_setting(session, "highest_head", head)
                    return checkpoint

    def _require_consistent(self, seen: Mapping[str, Any], checkpoint: Checkpoint) -> None:
        small, large = sorted(
            [(seen["size"], bytes.fromhex(seen["root"])), (checkpoint.size, checkpoint.root)], key=lambda item: item[0]
        )
        if small[0] == 0:
            return
        try:
            proof: tuple[bytes, ...] = ()
            if small[0] != large[0]:
                answer = self.client.get("/log/consistency", **{"from": small[0], "to": large[0]})
                proof = parse_proof(answer.get("proof") if isinstance(answer, dict) else None)
            verify_consistency(small[0], large[0], small[1], large[1], proof)
        except (ProofInvalid, HubRefused) as error:
            raise self._alarm(
                "fork",
                f"the hub's log at {checkpoint.size} entries does not continue the one seen at {seen['size']}: "
                "its past was changed, cut off, or is shown differently to others",
            ) from error

    def _alarm(self, code: str, message: str) -> LogRefused:
        with self.store.write() as session:
            raise_alarm(session, code, message, render_time(self.clock()))
        return LogRefused(code, message)

    # --- the public entries, proven in a quorum checkpoint ---

    def sync(self) -> QuorumCheckpoint:
        """Fetch the newest witnessed head and every public entry up to it, each proven. Raises ``LogRefused``."""
        note = self.client.get_bytes("/log/checkpoint/witnessed").decode("utf-8", "replace")
        with self.store.write() as session:
            known = public_entries(session)
            held = read_setting(session, "witnessed")
        quorum = self._take_witnessed(note, held)
        cursor = known[-1][0] if known else -1
        if held is not None and held["note"] == note:
            return quorum
        while True:
            page = self.client.get("/v1/directory", after=cursor, limit=PAGE)
            if isinstance(page, dict) and page.get("checkpoint") != note:
                # The witnesses went on between two requests: a page is proven in the head it brings.
                note = str(page.get("checkpoint"))
                quorum = self._take_witnessed(note, held)
            entries = self._verify_page(page, quorum.checkpoint, cursor)
            with self.store.write() as session:
                # Another process of this adapter may have proven the same entries meanwhile.
                fresh = [(index, body) for index, body in entries if session.get(PublicEntryRow, index) is None]
                session.add_all(PublicEntryRow(log_index=index, body=body) for index, body in fresh)
            if len(entries) < PAGE:
                break
            cursor = entries[-1][0]
        with self.store.write() as session:
            write_setting(
                session,
                "witnessed",
                {
                    "size": quorum.checkpoint.size,
                    "root": quorum.checkpoint.root.hex(),
                    "at": render_time(quorum.witnessed_at),
                    "note": note,
                },
            )
        self._check_directory()
        return quorum

    def _take_witnessed(self, note: str, held: Mapping[str, Any] | None) -> QuorumCheckpoint:
        """Verify a head with its quorum, that it continues what we saw, and that it is not an older one."""
        quorum = self._require_quorum(note)
        self.accept_head(note)
        if held is not None and held["size"] > quorum.checkpoint.size:
            raise self._alarm(
                "rollback", f"the witnessed head went back from {held['size']} to {quorum.checkpoint.size}"
            )
        return quorum

    def _require_quorum(self, note: str) -> QuorumCheckpoint:
        try:
            return require_quorum(note, self.log_key, self.witnesses)
        except (NoteInvalid, ProofInvalid) as error:
            raise self._alarm("quorum", f"the hub shows no head that a quorum has seen: {error}") from error

    def _verify_page(self, page: Any, checkpoint: Checkpoint, cursor: int) -> list[tuple[int, str]]:
        entries: list[tuple[int, str]] = []
        try:
            if page["size"] != checkpoint.size:
                raise ProofInvalid("the directory is proven in another head")
            for item in page["entries"]:
                index, body = int(item["index"]), str(item["body"])
                if index <= cursor:
                    raise ProofInvalid("the directory repeats an entry")
                leaf = leaf_hash(entry_bytes(body.encode("utf-8"), None))
                proof = parse_proof(item["inclusion"])
                verify_inclusion(leaf, index, checkpoint.size, proof, checkpoint.root)
                entries.append((index, body))
                cursor = index
        except (ProofInvalid, KeyError, TypeError, ValueError) as error:
            raise self._alarm(
                "directory", "the hub offers a directory entry that is not in the witnessed log; it was not believed"
            ) from error
        return entries

    # --- the directory ---

    def directory(self) -> Directory:
        """Return the certified keys of every agency whose pinned root vouches for them. Nothing else is believed."""
        return self._read_directory().directory

    def _read_directory(self) -> _DirectoryReading:
        with self.store.write() as session:
            entries = public_entries(session)
        last = entries[-1][0] if entries else -1
        if last not in self._read:
            self._read.clear()
            self._read[last] = self._verify_entries([body for _, body in entries])
        return self._read[last]

    def _verify_entries(self, bodies: Sequence[str]) -> _DirectoryReading:
        agencies: dict[str, AgencyRecord] = {}
        certificates: list[Certificate] = []
        faults: list[str] = []
        for body in bodies:
            try:
                entry = parse_canonical(body.encode("utf-8"))
                if entry["type"] == "agency":
                    record = verify_agency(entry["statement"])
                    pinned = self.pin.roots.get(record.agency)
                    if pinned is None or pinned != normalise_fingerprint(fingerprint(record.root)):
                        faults.append(f"agency {record.agency} stands in the log with another root than the pinned one")
                        continue
                    agencies[record.agency] = record
                elif entry["type"] == "certificate":
                    certificates.append(self._verify_listed(entry["statement"], agencies))
            except (NotCanonical, Malformed, SignatureRefused, KeyRefused, KeyError) as error:
                faults.append(f"a directory entry was not believed: {error}")
        return _DirectoryReading(Directory(agencies.values(), certificates), tuple(faults))

    @staticmethod
    def _verify_listed(token: object, agencies: Mapping[str, AgencyRecord]) -> Certificate:
        record = agencies.get(peek(token).issuer)
        if record is None:
            raise SignatureRefused("a certificate of an agency whose root is not pinned")
        return verify_certificate(token, record)

    def _check_directory(self) -> None:
        reading = self._read_directory()
        directory = reading.directory
        with self.store.write() as session:
            for fault in reading.faults:
                raise_alarm(session, "directory", fault, render_time(self.clock()))
            for witness in self.witnesses.witnesses:
                wanted = {witness.ed25519.public, witness.mldsa44.public}
                found = {
                    bytes_of(item)
                    for item in directory.certificates
                    if item.agency == witness.agency and _is_witness(item)
                }
                if witness.agency in directory.agencies and not wanted <= found:
                    raise_alarm(
                        session,
                        "witness",
                        f"the pinned witness keys of {witness.agency} are not certified by its root",
                        render_time(self.clock()),
                    )

    # --- what we may rest on ---

    def newest_reference(self) -> CheckpointRef | None:
        """Return the newest witnessed head we verified, as statements name it."""
        with self.store.write() as session:
            return self.newest_reference_in(session)

    def newest_reference_in(self, session: Session) -> CheckpointRef | None:
        """The same within an open transaction."""
        held = read_setting(session, "witnessed")
        return None if held is None else CheckpointRef(held["size"], held["root"])

    def require_fresh_quorum(self, session: Session) -> None:
        """Raise ``LogRefused`` unless a quorum saw our head within ten minutes: widening acts need it."""
        held = read_setting(session, "witnessed")
        if held is None:
            raise LogRefused("quorum", "no witnessed head is here yet; run: nrm-adapter sync")
        seen = datetime.strptime(held["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=self.clock().tzinfo)
        if self.clock() - seen > MAX_QUORUM_AGE:
            raise LogRefused(
                "freeze",
                f"the newest head a quorum has seen is from {held['at']}, older than ten minutes; nothing new is "
                "shared until the witnesses have seen a newer one",
            )

    # --- our cases ---

    def sync_cases(self) -> list[str]:
        """Fetch the statements of our cases. They are verified where they are used. Return the case ids."""
        listed = _case_list(self.client.get("/v1/cases"))
        for case, opened_at in listed:
            self.take_case(case, self.client.get(f"/v1/cases/{case}"), opened_at)
        return [case for case, _ in listed]

    def take_case(self, case: str, answer: object, opened_at: str | None = None) -> None:
        """Keep a case's statements as they came: never fewer than before.

        ``opened_at`` makes a case known that was not; without it an unknown case stays unknown. Raises ``LogRefused``.
        """
        statements = _case_statements(answer)
        with self.store.write() as session:
            row = session.get(CaseRow, case)
            if row is None and opened_at is None:
                return
            if row is None:
                row = CaseRow(case=case, opened_at=opened_at, statements="{}", sealed_label=None)
                session.add(row)
            fault = _shortened(json.loads(row.statements), statements)
            if fault is not None:
                raise_alarm(session, "case_rollback", f"case {case[:8]}: {fault}", render_time(self.clock()))
            else:
                row.statements = json.dumps(statements, sort_keys=True)
        if fault is not None:
            raise LogRefused("case_rollback", fault)

    # --- witness ---

    def witness_once(self, keys: Mapping[str, PrivateKey]) -> int | None:
        """Cosign the newest published head if it continues the last one we cosigned; return its size, None if known.

        The cosigned head is remembered before the signature leaves, so that a crash can never make us sign a fork.
        Raises ``LogRefused``.
        """
        note = self.client.get_bytes("/log/checkpoint").decode("utf-8", "replace")
        checkpoint = self.accept_head(note)
        root = checkpoint.root.hex()
        with self.store.write() as session:
            cosigned = read_setting(session, "cosigned")
            # Every head of this size or above that we have seen or signed. Only the newest of one line is signed.
            known = [item for item in (read_setting(session, "highest_head"), cosigned) if item is not None]
            is_fork = any(item["size"] == checkpoint.size and item["root"] != root for item in known)
            if not is_fork:
                if any(item["size"] > checkpoint.size for item in known):
                    return None
                age = None if cosigned is None else self.clock().timestamp() - cosigned["at"]
                if age is not None and cosigned["size"] == checkpoint.size and age < RECOSIGN_SECONDS:
                    return None
                write_setting(
                    session, "cosigned", {"size": checkpoint.size, "root": root, "at": int(self.clock().timestamp())}
                )
        if is_fork:
            raise self._alarm("fork", f"the hub shows two heads of {checkpoint.size} entries; this one is not signed")
        name = f"{self.pin.origin}/witness/{self.home.agency}"
        at = self.clock()
        lines = [
            cosign(checkpoint, name, keys[KeyUse.WITNESS.value].ed25519(), at=at),
            cosign(checkpoint, name, keys[KeyUse.WITNESS_PQ.value].mldsa44(), at=at),
        ]
        self.client.post("/log/cosignatures", {"size": checkpoint.size, "lines": lines})
        return checkpoint.size


RECOSIGN_SECONDS = 60
"""A quiet log's head is cosigned again after this long, so that "seen within ten minutes" stays true."""


def _is_witness(certificate: Certificate) -> bool:
    return certificate.use in (KeyUse.WITNESS, KeyUse.WITNESS_PQ)


def bytes_of(certificate: Certificate) -> bytes:
    """Return the raw public key of a witness certificate."""
    key = certificate.key
    raw = key.ed25519().public_bytes_raw() if certificate.use is KeyUse.WITNESS else key.mldsa44().public_bytes_raw()
    return bytes(raw)


def _case_list(answer: object) -> list[tuple[str, str]]:
    """Return id and opening time of each case the hub lists. Raises ``LogRefused`` where that is not what came."""
    try:
        if not isinstance(answer, dict) or not isinstance(answer["cases"], list):
            raise Malformed("cases: expected a list")
        return [
            (require_id(item["case"], "case"), render_time(parse_time(item["opened_at"]))) for item in answer["cases"]
        ]
    except (Malformed, KeyError, TypeError) as error:
        raise LogRefused("answer", "the hub's list of cases is not of the agreed form") from error


def _case_statements(answer: object) -> dict[str, Any]:
    lists = ("membership", "acceptances", "consents", "refusals")
    if not isinstance(answer, dict) or not all(isinstance(answer.get(name), list) for name in lists):
        raise LogRefused("answer", "the hub's statements of a case are not of the agreed form")
    return {name: answer.get(name) for name in (*lists, "opened_at")}


def _shortened(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return what is missing where the hub shows a case without statements that it showed before (attacks 2, 4)."""
    for name in ("membership", "acceptances", "consents", "refusals"):
        before, now = old.get(name, []), new.get(name, [])
        if now[: len(before)] != before:
            return f"the hub shows a case without {name} that it showed before"
    return None
