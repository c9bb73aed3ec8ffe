"""One case's account for an officer of an agency that takes or took part in it: recorded first, then read and given.

The look is an entry of the case itself (``audited``), in the transaction that reads the case: DESIGN, "must never look
at a case without leaving a trace". Whoever else asks is answered as if there were no such case; that they asked is an
entry too (``denied``), the same one for a case that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.audit_agreements import Agreements
from hub.audit_counts import CaseAudit
from hub.audit_entries import add_entry, by_digest
from hub.audit_words import Names
from hub.console.sessions import Ended, SignedIn
from hub.console.standing import Guard, Officer
from hub.exchange.acts import CaseAct, record_caseless
from hub.exchange.erasing import read_erased
from hub.exchange.exclusions import excluded_cases
from hub.ledger.entries import EntryType
from hub.ledger.entry_checks import EntryChecks
from hub.ledger.report import Fault, Faults
from hub.services import Services
from hub.store import console_rows, exchange_rows, ledger_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from hub.store.tables import CasePartyRow
from policies.model import Malformed, require_id

MAX_ENTRIES = 20_000
"""A case on one page. The whole account of a longer one is written by whoever runs the hub."""


class CaseTooLong(Exception):
    """A case has more entries than a page shows. That somebody asked is recorded all the same."""


@dataclass(frozen=True, slots=True)
class CaseAccount:
    """One case as the page shows it. ``agreements`` are those it was decided under.

    ``faults`` is what the entries contradict each other in. ``left`` says that the agency has left: the entries end
    with the one by which it did.
    """

    case: CaseAudit
    agreements: Agreements
    faults: Sequence[Fault]
    entries: int
    witnessed: int
    left: bool


@dataclass(frozen=True, slots=True)
class _Read:
    rows: list[StoredEntry]
    leaves: dict[tuple[int, int], bytes]
    tokens: list[str]
    witnessed_size: int
    names: Names
    agreements: Agreements
    left: bool
    erased: frozenset[int]


def cases_for(store: Session, officer: Officer, at: datetime) -> list[console_rows.CaseCount]:
    """Return the cases that an officer sees: their agency's, without those they are excluded from."""
    listed = console_rows.cases_of(store, officer.agency)
    kept_from = excluded_cases(store, [item.case for item in listed], officer.agency, officer.member, at)
    return [item for item in listed if item.case not in kept_from]


def look_at_case(
    services: Services, guard: Guard, who: SignedIn, session: str, case: str, on_denied: Callable[[], None]
) -> CaseAccount | Ended | None:
    """Record that an officer looks at a case, and return its account; None: it is not for them, or not there.

    ``Ended``: since the request began they are let in no more. ``on_denied`` is called before a denied look is
    recorded; what it raises undoes that. Raises ``CaseTooLong``. What is no case id at all is not recorded.
    """
    try:
        require_id(case, "case")
    except Malformed:
        return None
    with services.database.write() as store:
        row, party = exchange_rows.lock_case(store, case), console_rows.find_party(store, case, who.agency)
        # All is asked always: how long a "no" takes says nothing about whether the case exists.
        officer = guard.judge_in(store, who, session)
        if isinstance(officer, Ended):
            return officer
        is_excluded = excluded_cases(store, [case], officer.agency, officer.member, services.clock())
        if row is None or party is None or is_excluded:
            on_denied()
            record_caseless(store, EntryType.DENIED.value, _denied(officer), services.clock())
            return None
        act = CaseAct(store, row, services.clock())
        last = act.next_seq if party.left_seq is None else party.left_seq
        act.record(EntryType.AUDITED.value, _said(officer, last))
        read = _read(services, store, party, case, last)
    if len(read.rows) > MAX_ENTRIES:
        raise CaseTooLong(
            f"It has more than {MAX_ENTRIES:,} entries. Whoever runs this hub can write its whole account for you: "
            "nrm-hub audit. That you asked is recorded in the case."
        )
    return _account(case, read)


def _said(officer: Officer, last: int) -> dict[str, object]:
    return {"agency": officer.agency, "member": officer.member, "access": officer.access, "entries": last}


def _denied(officer: Officer) -> dict[str, object]:
    """Neither whether there is such a case nor which one: the entry would tell what the page does not."""
    return {
        "agency": officer.agency,
        "member": officer.member,
        "act": "look",
        "statement": None,
        "code": "not_found",
        "rules": [],
        "lines": None,
    }


def _read(services: Services, store: Session, party: CasePartyRow, case: str, last: int) -> _Read:
    """Read what the page needs; what is made of it does not hold the database up."""
    rows = console_rows.case_entries(store, case, last, MAX_ENTRIES + 1)
    witnessed = ledger_rows.find_newest_checkpoint(store, witnessed=True)
    directory = services.directory.current(store)
    agencies, erased = directory.agencies, read_erased(store, directory)
    return _Read(
        rows,
        ledger_rows.read_nodes(store, [(0, row.position) for row in rows]),
        exchange_rows.case_tokens(store, case),
        0 if witnessed is None else witnessed.size,
        Names({str(name): record.name for name, record in agencies.items()}),
        Agreements(services.bundles.every(store)),
        party.left_seq is not None,
        frozenset(index for item in erased if item.case == case for index in item.positions),
    )


def _account(case: str, read: _Read) -> CaseAccount:
    faults = Faults()
    checks = EntryChecks(faults, erased=read.erased)
    for row in read.rows:
        checks.check(row.position, row, read.leaves.get((0, row.position)))
    wrong: dict[int, str] = {}
    for fault in faults.kept:
        if fault.index is not None:
            wrong.setdefault(fault.index, fault.message)
    account, statements = CaseAudit(case, read.names), by_digest(read.tokens)
    for row in read.rows:
        add_entry(account, row, statements, wrong.get(row.position, ""), read.agreements)
    return CaseAccount(
        account,
        read.agreements,
        tuple(faults.kept),
        entries=len(read.rows),
        witnessed=sum(row.position < read.witnessed_size for row in read.rows),
        left=read.left,
    )
