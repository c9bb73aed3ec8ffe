"""Runs one use of ``nrm-hub audit`` in an officer's name: judge them, read, record, and only then show or release."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from hub.audit_uses import Filters, Office, Table, matrix, one_case, person, require_officer, search
from hub.config import Config
from hub.exchange.acts import record_caseless, render_instant
from hub.giving_out import Use, give_out
from hub.ledger.entries import EntryType
from hub.refusal import Refused, not_found
from hub.services import Services, open_services
from hub.store.base import Session
from hub.tables import render_csv, render_json, render_text

Reading = Callable[[Office], Table]


def run_search(
    config: Config,
    unlocking: str,
    kinds: tuple[str, ...],
    by: str | None,
    since: datetime | None,
    until: datetime | None,
    text: str | None,
    **named: Any,
) -> None:
    """Run ``audit search``. Raises ``Refused``."""
    unknown = sorted(set(kinds) - {kind.value for kind in EntryType})
    if unknown:
        raise Refused(422, "malformed", f"--kind: expected entry types of docs/log.md; {len(unknown)} given are none")
    filters = Filters(kinds, by, since, until, text)
    _run(config, unlocking, "search", lambda office: search(office, filters), **named)


def run_case(config: Config, unlocking: str, case: str, **named: Any) -> None:
    """Run ``audit case``. Raises ``Refused``; that one asked for a case that is not theirs is recorded first."""

    def read(office: Office) -> Table:
        table = one_case(office, case)
        if table is None:
            raise _NotTheirs
        return table

    _run(config, unlocking, "case", read, **named)


def run_person(config: Config, unlocking: str, of: str, member: str, **named: Any) -> None:
    """Run ``audit person``. Raises ``Refused``."""
    _run(config, unlocking, "person", lambda office: person(office, of, member), **named)


def run_matrix(config: Config, unlocking: str, **named: Any) -> None:
    """Run ``audit matrix``. Raises ``Refused``."""
    _run(config, unlocking, "matrix", matrix, **named)


class _NotTheirs(Exception):
    """The case is not this officer's to see, or not there: the same answer, and the same entry."""


def _run(
    config: Config,
    unlocking: str,
    what: str,
    read: Reading,
    *,
    agency: str,
    officer: str,
    csv_path: Path | None,
    json_path: Path | None,
) -> None:
    with closing(open_services(config, unlocking)) as services:
        at = services.clock()
        with services.database.read() as session:
            admitted = require_officer(services, session, agency, officer, at)
            office = Office(services, session, admitted, at)
            try:
                table = read(office)
            except _NotTheirs:
                table = None
        if table is None:
            _record_denied(services, agency, officer)
            raise not_found()
        whose = {"what": what, "agency": agency, "officer": officer, "read_at": render_instant(at)}
        outputs = [] if csv_path is None else [(csv_path, render_csv(table.columns, table.rows))]
        outputs += [] if json_path is None else [(json_path, render_json(whose, table.columns, table.rows))]
        shown = "" if outputs else render_text(table.columns, table.rows)
        entries = table.cases.total()
        use = Use(what, agency, officer, admitted.access, entries, entries, table.cases)

        def still(session: Session) -> None:
            """Refuse where the officer lost their right while this was read: to be let in, or to one of the cases."""
            now = services.clock()
            again = require_officer(services, session, agency, officer, now)
            if not set(table.cases) <= set(Office(services, session, again, now).cases):
                raise Refused(409, "conflict", "what this officer may see has changed; run it again")

        position = give_out(services, outputs, use, shown.encode("utf-8"), still)
    if shown:
        click.echo(shown + "\n")
    for path, _ in outputs:
        click.echo(f"written to {path}", err=True)
    cases = f"{len(table.cases)} case{'' if len(table.cases) == 1 else 's'}"
    click.echo(f"{len(table.rows):,} lines of {cases}; recorded at position {position} and in each case", err=True)


def _record_denied(services: Services, agency: str, member: str) -> None:
    """As the console does: neither whether there is such a case nor which one."""
    said: dict[str, Any] = {"act": "look", "statement": None, "code": "not_found", "rules": [], "lines": None}
    with services.database.write() as session:
        said |= {"agency": agency, "member": member}
        record_caseless(session, EntryType.DENIED.value, said, services.clock())
