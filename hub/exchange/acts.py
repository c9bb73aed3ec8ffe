"""One act of a case: lock the case, take its next number, record. Not recorded means not done."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.ledger import ledger
from hub.refusal import not_found
from hub.store import exchange_rows as rows
from hub.store.base import Session
from hub.store.tables import CaseRow
from keys.jose import b64u
from policies.model import Decision, Malformed, require_id

Clock = Callable[[], datetime]
Randomness = Callable[[int], bytes]


def system_clock() -> datetime:
    """Return the time now, UTC."""
    return datetime.now(UTC)


def render_instant(moment: datetime) -> str:
    """Write a log body's ``at``: UTC with milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What proves that an act is in the log, before its inclusion proof is computed.

    ``index`` is the entry's position, or its ticket until ``hub.exchange.placing`` has waited for one.
    """

    index: int
    body: str
    salt: bytes | None

    def to_json(self, inclusion: list[str]) -> dict[str, Any]:
        """Return the wire form (docs/protocol.md section 8.2)."""
        return {
            "index": self.index,
            "body": self.body,
            "salt": None if self.salt is None else b64u(self.salt),
            "inclusion": inclusion,
        }


@dataclass(slots=True)
class CaseAct:
    """A locked case within one transaction. ``record`` takes the case's next number.

    An act of many entries sets ``log`` to an appender that it flushes itself; otherwise each entry is stored at once.
    """

    session: Session
    row: CaseRow
    at: datetime
    randomness: Randomness = os.urandom
    log: ledger.Appender | None = None

    @property
    def next_seq(self) -> int:
        """The number the next recorded act will take."""
        return self.row.case_seq + 1

    def record(self, kind: str, members: Mapping[str, Any]) -> Receipt:
        """Append one entry of this case and advance its chain."""
        body = {
            **members,
            "type": kind,
            "at": render_instant(self.at),
            "case": self.row.case,
            "case_seq": self.next_seq,
            "previous": self.row.last_leaf,
        }
        if self.log is not None:
            appended = self.log.append(body, public=False, case=self.row.case)
        else:
            appended = ledger.append(self.session, body, public=False, case=self.row.case, randomness=self.randomness)
        self.row.case_seq = self.next_seq
        self.row.last_leaf = appended.leaf_hash.hex()
        return Receipt(appended.index, appended.body_text, appended.salt)


def require_case_id(case: str) -> None:
    """Raise ``Refused`` (not_found) for what is no case's id: no database is asked for just any characters."""
    try:
        require_id(case, "case")
    except Malformed:
        raise not_found() from None


def lock_case(session: Session, case: str, agency: str, at: datetime) -> CaseAct:
    """Lock a case for an agency that takes part in it. Raises ``Refused`` (not_found) for anybody else."""
    require_case_id(case)
    row = rows.lock_case(session, case)
    if row is None or not rows.takes_part(session, case, agency):
        raise not_found()
    return CaseAct(session, row, at)


def hold_claimed_case(session: Session, members: Mapping[str, Any]) -> None:
    """Lock the case that an unverified statement names, if there is one.

    Whether the same was accepted before is asked under the lock: of two at the same time the second is a repetition.
    """
    try:
        rows.lock_case(session, require_id(members.get("case"), "case"))
    except Malformed:
        return


def record_public(session: Session, kind: str, members: Mapping[str, Any], at: datetime) -> Receipt:
    """Append an entry that every agency reads: agencies, certificates, witnesses, bundles."""
    body = {**members, "type": kind, "at": render_instant(at)}
    appended = ledger.append(session, body, public=True, case=None, randomness=os.urandom)
    return Receipt(appended.index, appended.body_text, None)


def record_caseless(session: Session, kind: str, members: Mapping[str, Any], at: datetime) -> Receipt:
    """Append a salted entry of no case: what was asked of a case that is not there, or not for who asked."""
    body = {**members, "type": kind, "at": render_instant(at)}
    appended = ledger.append(session, body, public=False, case=None, randomness=os.urandom)
    return Receipt(appended.index, appended.body_text, appended.salt)


def outcomes(decisions: Iterable[Decision], bundle: str) -> dict[str, Any]:
    """Return the ``decision`` member of a log body: effect, bundle, and how often which rules determined it."""
    counted = Counter((decision.effect.value, decision.rules) for decision in decisions)
    effects = {effect for effect, _ in counted}
    return {
        "effect": "permit" if effects == {"permit"} else "mixed" if "permit" in effects else "refuse",
        "bundle": bundle,
        "outcomes": [{"rules": list(rules), "count": count} for (_, rules), count in sorted(counted.items(), key=str)],
    }


def dump(value: Any) -> str:
    """Return compact JSON text for a column."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
