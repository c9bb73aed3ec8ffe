"""What an information governance officer's cases say, for the command line: search, one case, one person, who saw what.

Bound by what the officer may see in the console: the cases their agency takes or took part in, up to where it left, and
none they are excluded from. Which entry is shown is counted by case, for the record that precedes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.audit_agreements import Agreements
from hub.audit_counts import CaseAudit
from hub.audit_emergencies import first_signer
from hub.audit_entries import add_entry, by_digest, read_body
from hub.audit_lines import AuditLine, claims_of
from hub.audit_words import SHORT_ID, Names, words
from hub.exchange.console_access import Admitted, find_admitted
from hub.exchange.erasing import read_erased
from hub.exchange.exclusions import excluded_cases
from hub.ledger.entry_checks import EntryChecks
from hub.ledger.report import Faults
from hub.refusal import Refused
from hub.services import Services
from hub.store import console_rows, exchange_rows, export_rows, ledger_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from policies.model import Malformed, require_agency, require_id

MAX_ENTRIES = 200_000
"""Of an officer's cases together, that one use reads."""
LINE_COLUMNS = (
    *("position", "time", "case", "number", "kind", "agency", "person", "act", "to"),
    *("purpose", "power", "basis", "records", "rules", "not_given", "refused", "fault"),
)
MATRIX_COLUMNS = ("case", "reader", "of", "given", "shown", "refused", "not_asked", "looks", "categories", "rests_on")


@dataclass(slots=True)
class Table:
    """What a use shows: rows of text, and of how many entries of each case they tell."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    cases: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search looks for; each that is given must fit. ``kinds`` are entry types."""

    kinds: tuple[str, ...] = ()
    agency: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def fits(self, found: Found) -> bool:
        """Whether an entry is one of those looked for."""
        body, line = found.body, found.line
        if self.kinds and body.get("type") not in self.kinds:
            return False
        if self.agency is not None and self.agency not in (body.get("agency"), body.get("recipient_agency")):
            return False
        if self.since is not None and line.at < self.since.strftime("%Y-%m-%dT%H:%M:%S"):
            return False
        if self.until is not None and line.at[:19] > self.until.strftime("%Y-%m-%dT%H:%M:%S"):
            return False
        return self.text is None or self.text.casefold() in " ".join(line_cells(found)).casefold()


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a case: what it says, the statement it names, and its line."""

    case: str
    number: int
    body: Mapping[str, Any]
    said: Mapping[str, Any]
    line: AuditLine


def require_officer(services: Services, session: Session, agency: str, member: str, at: datetime) -> Admitted:
    """Return by which word an agency lets this officer into the console now. Raises ``Refused``."""
    try:
        require_agency(agency)
        require_id(member, "member")
    except Malformed as error:
        raise Refused(422, "malformed", str(error)) from error
    directory = services.directory.current(session)
    for provider, account in export_rows.accounts_of(session, agency):
        admitted = find_admitted(session, directory, agency, provider, account, at)
        if admitted is not None and admitted.member == member:
            return admitted
    raise Refused(
        403, "not_let_in", f"{agency} lets no such officer into the console now; nrm-adapter members console-access"
    )


class Office:
    """An officer's cases as they are now, read once."""

    def __init__(self, services: Services, session: Session, officer: Admitted, at: datetime) -> None:
        self._services, self._session, self.officer = services, session, officer
        listed = console_rows.cases_of(session, officer.agency)
        excluded = excluded_cases(session, [item.case for item in listed], officer.agency, officer.member, at)
        self.cases = {item.case: item.left_seq for item in listed if item.case not in excluded}
        directory = services.directory.current(session)
        self._names = {str(name): record.name for name, record in directory.agencies.items()}
        self._erased = frozenset(index for item in read_erased(session, directory) for index in item.positions)
        self._agreements = Agreements(services.bundles.every(session))
        self._read = 0

    def accounts(self) -> Iterator[tuple[CaseAudit, list[Found]]]:
        """Give the account of each case. Raises ``Refused`` beyond MAX_ENTRIES."""
        for case in self.cases:
            yield self.account(case)

    def account(self, case: str) -> tuple[CaseAudit, list[Found]]:
        """Return one case's account. Raises ``Refused`` beyond MAX_ENTRIES."""
        last = self.cases[case]
        until = MAX_ENTRIES + 1 if last is None else last
        rows = console_rows.case_entries(self._session, case, until, MAX_ENTRIES + 1 - self._read)
        self._read += len(rows)
        if self._read > MAX_ENTRIES:
            raise Refused(413, "too_large", f"these cases have more than {MAX_ENTRIES:,} entries; look at one case")
        wrong = _faults(self._session, rows, self._erased)
        audit = CaseAudit(case, Names(self._names))
        statements = by_digest(exchange_rows.case_tokens(self._session, case))
        found = []
        for row in rows:
            line = add_entry(audit, row, statements, wrong.get(row.position, ""), self._agreements)
            body = read_body(row) or {}
            said = claims_of(statements.get(str(body.get("statement")), "")) or {}
            found.append(Found(case, row.case_seq or 0, body, said, line))
        return audit, found


def _faults(session: Session, rows: Sequence[StoredEntry], erased: Collection[int]) -> dict[int, str]:
    """Return what is wrong with entries by position: they are computed anew and held against the tree."""
    faults = Faults()
    checks = EntryChecks(faults, erased)
    leaves = ledger_rows.read_nodes(session, [(0, row.position) for row in rows])
    for row in rows:
        checks.check(row.position, row, leaves.get((0, row.position)))
    wrong: dict[int, str] = {}
    for fault in faults.kept:
        if fault.index is not None:
            wrong.setdefault(fault.index, fault.message)
    return wrong


def search(office: Office, filters: Filters) -> Table:
    """Return the lines of all an officer's cases that fit."""
    return _lines(office, lambda found: filters.fits(found))


def one_case(office: Office, case: str) -> Table | None:
    """Return all lines of a case; None where it is not for this officer, or not there."""
    if case not in office.cases:
        return None
    table = Table(LINE_COLUMNS)
    for found in office.account(case)[1]:
        _add(table, found)
    return table


def person(office: Office, agency: str, member: str) -> Table:
    """Return what one person did, and what they were given. ``member``: their id, or at least its shown beginning.

    Raises ``Refused`` for a shorter one.
    """
    if len(member) < SHORT_ID:
        raise Refused(422, "malformed", f"a person is named by at least the first {SHORT_ID} characters of their id")

    def fits(found: Found) -> bool:
        body, said = found.body, found.said
        named = (body.get("member") or said.get("member"), first_signer(body, said))
        acted = body.get("agency") == agency and any(_begins(item, member) for item in named)
        given = body.get("recipient_agency") == agency and _begins(body.get("recipient_member"), member)
        return acted or given

    return _lines(office, fits)


def matrix(office: Office) -> Table:
    """Return who was given and shown how much of whom in each case, and who looked at its account how often."""
    table = Table(MATRIX_COLUMNS)
    for audit, found in office.accounts():
        table.cases[audit.case] = len(found)
        for reader in audit.readers:
            for originator in audit.originators:
                cell = audit.cell(reader, originator)
                if cell.given:
                    numbers = (cell.given, cell.shown, cell.refused, cell.not_asked)
                    known = (audit.case, audit.name(reader), audit.names.agency(originator))
                    rests = _rests_on(found, reader, originator)
                    table.rows.append((*known, *map(str, numbers), "", ", ".join(cell.categories), rests))
        table.rows += _emergencies(audit, found)
        for who, looks in sorted(_looks(audit, found).items()):
            table.rows.append((audit.case, who, "the account of the case", "", "", "", "", str(looks), "", ""))
    return table


def _emergencies(audit: CaseAudit, found: Sequence[Found]) -> list[tuple[str, ...]]:
    """Count each agency's emergency releases in a case, and how many of them an officer has reviewed."""
    reviewed = {item.said.get("emergency") for item in found if item.body.get("type") == "emergency_review"}
    made: dict[str, list[bool]] = {}
    for item in found:
        if item.body.get("type") == "emergency":
            made.setdefault(str(item.body["agency"]), []).append(item.body["statement"] in reviewed)
    return [
        (
            *(audit.case, f"{audit.names.agency(agency)}, emergency releases", "made; looks: reviewed"),
            *(str(len(seen)), "", "", "", str(sum(seen)), "", ""),
        )
        for agency, seen in sorted(made.items())
    ]


def _rests_on(found: Sequence[Found], reader: tuple[str, str], originator: str) -> str:
    """Return the powers, duties and bases on which an agency gave a reader records, each once."""
    said = set()
    for item in found:
        body = item.body
        given = (str(body.get("recipient_agency")), str(body.get("recipient_member") or ""), body.get("agency"))
        if body.get("type") == "disclosure" and given == (*reader, originator):
            said |= {part for text in (item.line.power, item.line.basis) for part in text.split("; ") if part}
    return "; ".join(sorted(said))


def _looks(audit: CaseAudit, found: Sequence[Found]) -> Counter[str]:
    """Count who looked at a case's account, in the console or by the command line (attack 53)."""
    counted: Counter[str] = Counter()
    for item in found:
        body = item.body
        if body.get("type") == "audited" or (body.get("type") == "exported" and body.get("member") is not None):
            counted[f"{audit.names.agency(body['agency'])}, {audit.names.person(body['agency'], body['member'])}"] += 1
        elif body.get("type") == "exported":
            counted["whoever runs the hub"] += 1
    return counted


def _lines(office: Office, fits: Callable[[Found], bool]) -> Table:
    table = Table(LINE_COLUMNS)
    for _, account in office.accounts():
        for found in account:
            if fits(found):
                _add(table, found)
    return table


def _add(table: Table, found: Found) -> None:
    table.rows.append(line_cells(found))
    table.cases[found.case] += 1


def line_cells(found: Found) -> tuple[str, ...]:
    """Return a line as the cells of ``LINE_COLUMNS``."""
    line = found.line
    return (
        *(str(line.index), line.at, found.case, str(found.number), words(line.kind)),
        *(line.agency, line.person, line.act, line.to, line.purpose, line.power, line.basis),
        str(line.amount) if line.amount else "",
        "; ".join(f"{rule.sentence} ({rule.count})" for rule in line.rules),
        "; ".join(f"{item.reader}: {item.reason} ({item.count})" for item in line.withheld),
        "; ".join(line.refused),
        line.fault,
    )


def _begins(value: object, beginning: str) -> bool:
    return isinstance(value, str) and value.startswith(beginning)
