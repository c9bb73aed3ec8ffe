"""``nrm-hub retention``: what is due, what is held, what was erased; erase what the leads' signed dates say."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from hub.config import Config
from hub.exchange import erasing, retention
from hub.exchange.acts import system_clock
from hub.exchange.standing import DirectoryCache
from hub.serving import nobody_serving
from hub.store import retention_rows
from hub.store.base import Session
from hub.store.database import Database
from policies.model import render_time


@dataclass(frozen=True, slots=True)
class Done:
    """What one run did: cases erased by their date, cases that a hold keeps, rows that had come back."""

    erased: tuple[retention.Due, ...]
    held: tuple[retention.Due, ...]
    again: int
    is_forgotten: bool
    """Whether SQLite's write-ahead log holds nothing of it any more."""


def run_retention(database: Database, at: datetime) -> Done:
    """Erase what is due and what has come back. Each case is a transaction of its own: a large one holds up nobody."""
    with database.read() as session:
        due = retention.find_due(session, at)
    erased = []
    for item in due:
        if item.held_by:
            continue
        with database.write() as session:
            if retention.erase_due(session, item, at):
                erased.append(item)
    again = erase_again(database)
    return Done(tuple(erased), tuple(item for item in due if item.held_by), again, database.forget_deleted())


def erase_again(database: Database) -> int:
    """Erase what stands there although the log says that it went; return how many rows that were."""
    with database.write() as session:
        directory = DirectoryCache().current(session)
        return erasing.erase_again(session, erasing.read_erased(session, directory))


@click.group(name="retention")
def retention_group() -> None:
    """What the hub keeps of each case, until when, and what forbids erasing it. See docs/retention.md.

    \b
    Example: nrm-hub --home hub-home retention list
    """


@retention_group.command(name="list")
@click.pass_obj
def list_(home: Path) -> None:
    """List each case: by when it is erased, who holds it, how far it was erased. Ids and dates only.

    \b
    Example: nrm-hub --home hub-home retention list
    """
    with closing(_open(home)) as database, database.read() as session:
        for row in retention_rows.all_cases(session):
            click.echo(_line(session, row.case, system_clock()))


def _line(session: Session, case: str, at: datetime) -> str:
    done = retention_rows.erasures_of(session, case)
    state = retention.load_retention(session, case)
    said = [f"erased: {', '.join(sorted(set(done)))}"] if done else []
    if state.term is not None:
        term = state.term
        said.append(f"content until {render_time(term.content_until)}, record until {render_time(term.record_until)}")
    elif "record" not in done:
        said.append("no date is set")
    said += [f"held by {item.agency} until {render_time(item.until)}" for item in state.held(at)]
    return f"{case}: {'; '.join(said)}"


@retention_group.command()
@click.option("--compact", is_flag=True, help="Write the SQLite file anew afterwards; the hub must not be running.")
@click.pass_obj
def run(home: Path, compact: bool) -> None:
    """Erase what the leads' signed dates say is due, and again what a restored copy brought back.

    Once a day, by a timer. Needs none of the hub's keys, and no restart. A legal hold stops it for that case.
    docs/postgresql.md says what PostgreSQL keeps besides.

    \b
    Example: nrm-hub --home hub-home retention run
    """
    with closing(_open(home)) as database:
        done = run_retention(database, system_clock())
        if compact:
            with nobody_serving(Config.load(home)):
                database.compact()
    for item in done.erased:
        click.echo(f"{item.case}: {item.scope.value} erased, by the date that {item.lead} set under rule {item.rule}")
    for item in done.held:
        click.echo(f"{item.case}: {item.scope.value} is due and held by {', '.join(item.held_by)}")
    if done.again:
        click.echo(f"{done.again} rows that were erased before had come back; they are erased again")
    if not done.is_forgotten and not compact:
        click.echo("somebody is reading an older state: what was erased leaves the write-ahead log at the next run")
    click.echo(f"{len(done.erased)} cases erased, {len(done.held)} held")


def _open(home: Path) -> Database:
    config = Config.load(home)
    database = Database(config.database_url, config.database_password)
    database.upgrade()
    return database
