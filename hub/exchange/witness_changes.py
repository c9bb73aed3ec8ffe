"""Change the witnesses: agencies of the present set approve, and with its quorum the new set is written.

docs/protocol.md section 10.3. The hub only gathers: every adapter verifies the approvals again where it reads the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.exchange.acts import Receipt, record_public
from hub.ledger import ledger
from hub.ledger.entries import EntryType
from hub.ledger.errors import EntryRefused
from hub.ledger.state import load
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.tables import WitnessApprovalRow
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import SignatureRefused
from keys.transparency import ProofInvalid, WitnessSet
from keys.witness_changes import WitnessChange, witness_set_digest
from policies.model import Malformed


@dataclass(frozen=True, slots=True)
class Approved:
    """Who has approved a change so far and how many are missing. ``receipt``: of the entry, once it is written."""

    agencies: tuple[str, ...]
    missing: int
    receipt: Receipt | int | None


def lock(session: Session) -> None:
    """Hold the log's state: of two last approvals one writes the set, the other finds it written. Read after this."""
    load(session, lock=True)


def approve(
    session: Session, directory: Directory, caller: str, token: object, wanted: Mapping[str, Any], at: datetime
) -> Approved:
    """Take an agency's approval of a new set; with the old set's quorum write it. Raises ``Refused``.

    A set that counts already answers with its position. An agency's later approval replaces its earlier one.
    """
    try:
        new = WitnessSet.from_json(wanted)
    except ProofInvalid as error:
        raise Refused(422, "malformed", str(error)) from error
    old = ledger.current_witnesses(session)
    if old is None:
        raise Refused(409, "no_witnesses", "no witnesses are recorded yet: nrm-hub witnesses")
    announced = _announced(session)
    if new == old:
        return Approved((), 0, max(announced.values()))
    change = _verify(directory, old, new, caller, token, at)
    if witness_set_digest(new) in announced:
        raise Refused(409, "witnesses_set", "this set of witnesses stood in the log before; it needs new keys")
    members = change.members()
    rows.replace_witness_approval(
        session,
        WitnessApprovalRow(
            previous=members["previous"], agency=caller, witnesses=members["witnesses"], statement=str(token)
        ),
    )
    # A key that was revoked since it approved approves no longer.
    voices = {
        row.agency: row.statement
        for row in rows.witness_approvals(session, members["previous"])
        if row.witnesses == members["witnesses"] and _still_counts(change, row.statement, directory, at)
    }
    missing = old.quorum - len(voices)
    if missing > 0:
        return Approved(tuple(sorted(voices)), missing, None)
    receipt = _write(session, new, [voices[agency] for agency in sorted(voices)], at)
    rows.forget_witness_approvals(session)
    return Approved(tuple(sorted(voices)), 0, receipt)


def waiting(session: Session) -> list[dict[str, str]]:
    """Return the approvals of changes of the present set that still miss others."""
    old = ledger.current_witnesses(session)
    found = [] if old is None else rows.witness_approvals(session, witness_set_digest(old))
    return [{"agency": row.agency, "witnesses": row.witnesses, "statement": row.statement} for row in found]


def _verify(
    directory: Directory, old: WitnessSet, new: WitnessSet, caller: str, token: object, at: datetime
) -> WitnessChange:
    try:
        change = WitnessChange.between(old, new)
        change.require_certified(directory, at)
        issuer = change.verify_approval(token, directory, at)
    except NotCertified as error:
        raise Refused(422, "not_certified", str(error)) from error
    except SignatureRefused as error:
        raise Refused(422, "signature", str(error)) from error
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    except ProofInvalid as error:
        raise Refused(422, "witness_change", str(error)) from error
    if issuer != caller:
        raise Refused(403, "issuer", "an approval is brought by the agency that signed it")
    return change


def _still_counts(change: WitnessChange, token: str, directory: Directory, at: datetime) -> bool:
    try:
        change.verify_approval(token, directory, at)
    except (NotCertified, SignatureRefused, Malformed, ProofInvalid):
        return False
    return True


def _announced(session: Session) -> dict[str, int]:
    return {
        witness_set_digest(WitnessSet.from_json(json.loads(members))): index
        for index, members in ledger_rows.read_witness_sets(session).items()
    }


def _write(session: Session, new: WitnessSet, approvals: list[str], at: datetime) -> Receipt:
    try:
        receipt = record_public(session, EntryType.WITNESSES.value, {**new.to_json(), "approvals": approvals}, at)
    except EntryRefused as error:
        raise Refused(413, "too_large", str(error)) from error
    ledger.set_witnesses(session, new, receipt.index)
    return receipt
