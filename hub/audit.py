"""The audit page: who saw what, for which purpose, under which rule, and what was refused. Metadata only.

It rests on the log's bodies, and on signed statements only as far as a body names them by their digest. The page says
whether the log verifies and how far a quorum of witnesses has seen it; a damaged log still gives a page.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hub.audit_agreements import Agreements
from hub.audit_counts import CaseAudit
from hub.audit_entries import add_entry, by_digest, line_of, read_body
from hub.audit_lines import AuditLine
from hub.audit_words import ENTRIES, UNKNOWN_ENTRY, Names, count, say_moment
from hub.config import Config
from hub.exchange.acts import render_instant, system_clock
from hub.giving_out import Use, give_out
from hub.ledger.report import LogReport
from hub.refusal import Refused
from hub.services import open_services
from hub.setting_up import verify_hub
from hub.store import exchange_rows, ledger_rows
from hub.store.base import Session
from hub.store.ledger_rows import StoredEntry
from keys.certificates import verify_agency
from keys.jose import KeyRefused, SignatureRefused
from policies.model import Malformed
from policies.unusual import Deed, Unusual, counted, find_unusual

TEMPLATES = Path(__file__).parent / "templates"
ENTRIES_PER_BATCH = 500


@dataclass(slots=True)
class Audit:
    """Everything the page shows. ``report`` is None where the log could not be verified; ``unverified`` says why."""

    origin: str
    made_at: str
    report: LogReport | None
    unverified: str
    agreements: Agreements
    entries: int = 0
    cases: dict[str, CaseAudit] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    denied: list[tuple[str, AuditLine]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    deeds: Counter[tuple[str, str, Deed]] = field(default_factory=Counter)

    @property
    def unusual(self) -> list[Unusual]:
        """What an agency did more often in an hour than is usual, the newest first."""
        return find_unusual(self.deeds)

    @property
    def kind_counts(self) -> list[tuple[str, str, int]]:
        """Name, meaning and number of each kind of entry; they add up to all the entries there should be."""
        counted: Counter[tuple[str, str]] = Counter()
        for kind, number in self.kinds.items():
            counted[ENTRIES.get(kind, UNKNOWN_ENTRY)] += number
        missing = self.entries - counted.total()
        if missing > 0:
            counted["Missing", "The hub's database does not have the entry any more."] = missing
        order = [*ENTRIES.values(), UNKNOWN_ENTRY]
        return [
            (*named, number)
            for named, number in sorted(
                counted.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)
            )
        ]

    @property
    def witnessed(self) -> int:
        """Up to how many entries a quorum of witnesses has seen."""
        return 0 if self.report is None else self.report.witnessed_size


def write_audit(config: Config, passphrase: str, output: Path) -> int:
    """Write the audit page of a hub to a file (0600) and return how many log entries it covers.

    That it is written is recorded in the log, in every case of the page, before the file is there. Raises
    ``ConfigRefused`` or ``KeyFileRefused`` where the hub cannot be opened, ``Refused`` where the file cannot be written
    or the log cannot be appended to. A log that does not verify is no error here: the page says so.
    """
    audit = read_audit(config, passphrase)
    page = render_audit(audit).encode("utf-8", "replace")
    cases = {case: len(account.lines) for case, account in audit.cases.items()}
    with closing(open_services(config, passphrase)) as services:
        use = Use("page", None, None, None, audit.entries, audit.entries, cases)
        give_out(services, [(output, page)], use, b"")
    return audit.entries


def read_audit(config: Config, passphrase: str) -> Audit:
    """Verify the log and collect the page's content from it."""
    report, unverified = _verify(config, passphrase)
    services = open_services(config, passphrase, upgrade=False)
    try:
        with services.database.read() as session:
            agreements = Agreements(services.bundles.every(session))
            audit = Audit(config.origin, render_instant(system_clock()), report, unverified, agreements)
            _collect(audit, session)
        return audit
    finally:
        services.close()


def _verify(config: Config, passphrase: str) -> tuple[LogReport | None, str]:
    try:
        return verify_hub(config, passphrase).log, ""
    except Refused as refusal:
        return None, refusal.detail


def _collect(audit: Audit, session: Session) -> None:
    faults: dict[int, str] = {}
    for fault in () if audit.report is None else audit.report.faults:
        if fault.index is not None:
            faults.setdefault(fault.index, fault.message)
    # What was appended after the verification is left to the next page: this one shows nothing it did not verify.
    audit.entries = ledger_rows.count_entries(session) if audit.report is None else audit.report.entries
    statements: dict[str, dict[str, str]] = {}
    for row in _entries(session, audit.entries):
        body = read_body(row)
        wrong = faults.get(row.position, "")
        # Of an entry that was erased, as the log says, its kind is still known.
        unread = row.type if row.body is None and not wrong else ""
        audit.kinds[unread if body is None else str(body.get("type"))] += 1
        if body is not None and body.get("type") == "agency":
            _name_agency(audit, body)
        deed = None if body is None else counted(body)
        if deed is not None:
            audit.deeds[deed] += 1
        if row.type == "denied" and row.case is None:
            audit.denied.append(("", line_of(row, body, {}, wrong, audit.agreements, audit.names)))
        if row.case is None:
            continue
        if row.case not in statements:
            statements[row.case] = by_digest(exchange_rows.case_tokens(session, row.case))
        if row.case not in audit.cases:
            # The agencies' names are those of the whole log; roles are those of the case.
            audit.cases[row.case] = CaseAudit(row.case, Names(audit.names.agencies))
        line = add_entry(audit.cases[row.case], row, statements[row.case], wrong, audit.agreements)
        if row.type == "denied":
            audit.denied.append((row.case, line))


def _entries(session: Session, size: int) -> Iterator[StoredEntry]:
    for start in range(0, size, ENTRIES_PER_BATCH):
        yield from ledger_rows.read_entry_range(session, start, min(start + ENTRIES_PER_BATCH, size))


def _name_agency(audit: Audit, body: Mapping[str, Any]) -> None:
    try:
        record = verify_agency(body.get("statement"))
    except (SignatureRefused, Malformed, KeyRefused):
        return
    audit.names.agencies[record.agency] = record.name


def render_audit(audit: Audit) -> str:
    """Return the page as HTML text: no script, nothing from elsewhere, every value escaped."""
    return (
        _environment()
        .get_template("audit.html.j2")
        .render(
            audit=audit,
            style=Markup(_style()),  # noqa: S704 - our own file, no input in it
            policy=_policy(),
        )
    )


@functools.cache
def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _style() -> str:
    return (TEMPLATES / "audit.css").read_text(encoding="utf-8")


def _finalize(item: Any) -> Any:
    # A tampered database may hold anything: control characters and hidden direction marks become visible.
    if isinstance(item, str) and not isinstance(item, Markup):
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in item)
    return item


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["moment"] = say_moment
    environment.globals["count"] = count
    return environment
