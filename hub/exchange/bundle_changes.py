"""The agreement that decides, and its change: officers approve another bundle, and with a quorum it is active.

docs/protocol.md section 10.4. The hub gathers approvals and keeps the files; every adapter verifies the approvals and
the digest again. Every act is decided by the bundle that is active in the transaction in which it is recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.exchange.acts import Receipt, record_public
from hub.exchange.cases import MAX_OUTBOX_AGE, require_fresh
from hub.ledger import ledger
from hub.ledger.entries import EntryType
from hub.ledger.errors import EntryRefused
from hub.ledger.state import load
from hub.refusal import Refused
from hub.store import bundle_rows
from hub.store.base import Session
from hub.store.exchange_rows import add
from hub.store.tables import BundleApprovalRow, BundleRow
from keys.bundle_changes import ActiveBundle, BundleChange
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused
from keys.statements import Statement, peek
from keys.transparency import ProofInvalid, WitnessSet
from policies.bundle_files import as_bytes, load_files, parse_files, render_files, require_texts
from policies.bundles import Bundle, BundleRefused, parse_bundle
from policies.model import Malformed
from policies.testing import run_table

MAX_BROUGHT = 10
"""So many bundles of one agency wait for approvals at a time."""
MAX_NAMED_FAILURES = 5


class BundleCache:
    """The bundles as parsed from the hub's database, each once. Shared by the process's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsed: dict[str, Bundle] = {}

    def active(self, session: Session) -> Bundle:
        """Return the bundle that decides in this transaction. Raises ``Refused`` (503) where there is none to read."""
        digest = bundle_rows.newest_digest(session)
        if digest is None:
            raise Refused(503, "no_bundle", "this hub's database holds no agreement; nothing is decided without one")
        return self._get(session, digest)

    def every(self, session: Session) -> dict[str, Bundle]:
        """Return every bundle that was ever active and can be read, by digest, the newest last."""
        found = {}
        for row in bundle_rows.agreed(session):
            try:
                found[row.digest] = self._get(session, row.digest)
            except Refused:
                continue
        return found

    def _get(self, session: Session, digest: str) -> Bundle:
        with self._lock:
            if digest not in self._parsed:
                row = bundle_rows.find(session, digest)
                if row is None:
                    raise Refused(503, "no_bundle", "the agreement that was agreed is not in this hub's database")
                self._parsed[digest] = _parsed(row)
            return self._parsed[digest]


def _parsed(row: BundleRow) -> Bundle:
    try:
        bundle = parse_bundle(parse_files(row.files))
    except BundleRefused as error:
        raise Refused(503, "bundle_unusable", f"this version cannot read the active agreement: {error}") from error
    if bundle.digest != row.digest:
        raise Refused(503, "bundle_unusable", "the active agreement in this hub's database was changed")
    return bundle


@dataclass(frozen=True, slots=True)
class Brought:
    """A bundle that an agency brings, read and tested, with the bytes of its files."""

    bundle: Bundle
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Approved:
    """Who has approved a bundle so far and how many are missing. ``receipt``: of the entry, once it is written."""

    agencies: tuple[str, ...]
    missing: int
    receipt: Receipt | int | None


def begin(session: Session, origin: str, at: datetime) -> None:
    """Write the log's first entry, with the agreement that this version ships, and keep its files."""
    files = load_files()
    bundle = parse_bundle(files)
    members = {"origin": origin, "bundle": bundle.digest, "version": bundle.version}
    receipt = record_public(session, EntryType.GENESIS.value, members, at)
    row = BundleRow(
        digest=bundle.digest,
        version=bundle.version,
        replaces=None,
        agency=None,
        files=render_files(files),
        log_index=receipt.index,
    )
    add(session, row)


def check(files: object) -> Brought:
    """Read a bundle that somebody brings and run its own rows; before the database is asked. Raises ``Refused``."""
    try:
        contents = as_bytes(require_texts(files))
        bundle = parse_bundle(contents)
    except BundleRefused as error:
        raise Refused(422, "bundle", f"the agreement is not one of this version: {error}") from error
    report = run_table(bundle)
    if not report.is_passed:
        first = "; ".join(str(item) for item in report.failures[:MAX_NAMED_FAILURES])
        raise Refused(422, "bundle_tests", f"{len(report.failures)} of {report.rows} rows of its tests fail: {first}")
    return Brought(bundle, contents)


def approve(
    session: Session,
    directory: Directory,
    caller: str,
    token: object,
    brought: Brought | None,
    at: datetime,
) -> Approved:
    """Take an officer's approval of another bundle; with a quorum it is active from here on. Raises ``Refused``.

    ``brought``: the bundle as ``check`` read it, with its files; needed once. The bundle that is active already answers
    with its position. An agency's later approval replaces its earlier one.
    """
    # Of two last approvals one writes the change and the other finds it written.
    load(session, lock=True)
    old = _active(session)
    wanted = _claimed(token)
    if wanted["bundle"] == old.digest:
        return Approved((), 0, old.log_index)
    witnesses = ledger.current_witnesses(session)
    if witnesses is None:
        raise Refused(409, "no_witnesses", "no witnesses are recorded yet: nrm-hub witnesses")
    if wanted["replaces"] != old.digest:
        raise Refused(409, "bundle_changed", "another agreement is active since; look at the change from that one")
    change = _change(old, wanted)
    said = _verify(change, witnesses, directory, token, at)
    if said.issuer != caller:
        raise Refused(403, "issuer", "an approval is brought by the agency of the officer who signed it")
    require_fresh(said.issued_at, at, MAX_OUTBOX_AGE)
    _require_files(session, change, brought, caller)
    row = BundleApprovalRow(replaces=old.digest, agency=caller, bundle=change.bundle, statement=said.token)
    bundle_rows.replace_approval(session, row)
    # A key that was revoked since it approved, and an agency that is no witness any more, approve no longer.
    voices = {
        row.agency: row.statement
        for row in bundle_rows.approvals(session, old.digest)
        if row.bundle == change.bundle and _still_counts(change, witnesses, directory, row.statement, at)
    }
    missing = witnesses.quorum - len(voices)
    if missing > 0:
        return Approved(tuple(sorted(voices)), missing, None)
    receipt = _write(session, change, [voices[agency] for agency in sorted(voices)], at)
    return Approved(tuple(sorted(voices)), 0, receipt)


def describe(session: Session) -> list[dict[str, object]]:
    """Return the bundles that wait, each with the agencies that approve it."""
    old = _active(session)
    approvals = bundle_rows.approvals(session, old.digest)
    return [
        {
            "bundle": row.digest,
            "version": row.version,
            "brought_by": row.agency,
            "approvals": [item.statement for item in approvals if item.bundle == row.digest],
        }
        for row in bundle_rows.waiting(session, old.digest)
    ]


def files_of(session: Session, digest: str) -> BundleRow:
    """Return a bundle with its files, active, past or waiting. Raises ``Refused`` (404)."""
    row = bundle_rows.find(session, digest)
    if row is None:
        raise Refused(404, "not_found", "no such agreement")
    return row


def _active(session: Session) -> ActiveBundle:
    digest = bundle_rows.newest_digest(session)
    row = None if digest is None else bundle_rows.find(session, digest)
    if row is None or row.log_index is None:
        raise Refused(503, "no_bundle", "this hub's database holds no agreement; nothing is decided without one")
    return ActiveBundle(row.digest, row.version, row.log_index)


def _claimed(token: object) -> Mapping[str, object]:
    try:
        claimed = peek(token).members
    except (SignatureRefused, Malformed) as error:
        raise Refused(422, "malformed", str(error)) from error
    if not {"bundle", "version", "replaces"} <= set(claimed):
        raise Refused(422, "malformed", "expected an approval of a bundle")
    return claimed


def _change(old: ActiveBundle, wanted: Mapping[str, object]) -> BundleChange:
    try:
        return BundleChange.after(old, wanted["bundle"], wanted["version"])
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    except ProofInvalid as error:
        raise Refused(409, "bundle_older", str(error)) from error


def _verify(
    change: BundleChange, witnesses: WitnessSet, directory: Directory, token: object, at: datetime
) -> Statement:
    try:
        return change.verify_approval(token, witnesses, directory, at)
    except NotCertified as error:
        raise Refused(422, "not_certified", str(error)) from error
    except SignatureRefused as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    except ProofInvalid as error:
        raise Refused(422, "bundle_change", str(error)) from error


def _still_counts(change: BundleChange, witnesses: WitnessSet, directory: Directory, token: str, at: datetime) -> bool:
    try:
        change.verify_approval(token, witnesses, directory, at)
    except (NotCertified, SignatureRefused, Malformed, ProofInvalid):
        return False
    return True


def _require_files(session: Session, change: BundleChange, brought: Brought | None, agency: str) -> None:
    """Keep the files of a bundle that is new here. Raises ``Refused`` where they are missing or another bundle's."""
    known = bundle_rows.find(session, change.bundle)
    if known is not None:
        if known.log_index is not None or known.version != change.version:
            raise Refused(409, "bundle_older", "this agreement was active before, or is approved as another version")
        return
    if brought is None:
        raise Refused(422, "bundle_missing", "the hub does not have this agreement; bring its files with the approval")
    bundle = brought.bundle
    if (bundle.digest, bundle.version) != (change.bundle, change.version):
        raise Refused(422, "bundle", "the files are of another agreement or version than the approval")
    if bundle_rows.count_brought(session, change.replaces, agency) >= MAX_BROUGHT:
        raise Refused(413, "too_many", f"at most {MAX_BROUGHT} agreements of one agency wait for approvals")
    add(
        session,
        BundleRow(
            digest=bundle.digest,
            version=bundle.version,
            replaces=change.replaces,
            agency=agency,
            files=render_files(brought.contents),
            log_index=None,
        ),
    )


def _write(session: Session, change: BundleChange, approvals: list[str], at: datetime) -> Receipt:
    members = {
        "bundle": change.bundle,
        "version": change.version,
        "replaces": change.replaces,
        "approvals": approvals,
    }
    try:
        receipt = record_public(session, EntryType.BUNDLE.value, members, at)
    except EntryRefused as error:
        raise Refused(413, "too_large", str(error)) from error
    row = files_of(session, change.bundle)
    row.log_index = receipt.index
    session.flush()
    bundle_rows.forget_waiting(session)
    return receipt
