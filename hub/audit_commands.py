"""``nrm-hub audit``: the whole account as a page, and an officer's searches. Each use is an entry before it is shown.

Nobody signs in at a command line: whoever runs the hub runs these. They are bound to an officer who is let into the
console, they say in whose name they were run, and every agency of a case can see that they were.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from hub.config import Config, read_unlocking
from hub.log_commands import Moment

_OUT = click.Path(dir_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """Read who shared what with whom, why, and what was refused. Metadata only; every use is recorded in the log.

    \b
    Example: nrm-hub --home hub-home audit page audit.html
    """


@audit.command()
@click.argument("output", type=_OUT)
@click.pass_obj
def page(home: Path, output: Path) -> None:
    """Write the whole account as a page: every case, for whoever runs the hub. Recorded in each of them.

    \b
    Example: nrm-hub --home hub-home audit page audit.html
    """
    from hub.audit import write_audit

    console = Console(stderr=True)
    with console.status("reading the log") if console.is_terminal else nullcontext():
        entries = write_audit(Config.load(home), read_unlocking(home), output)
    click.echo(f"{entries} entries written to {output}")


def _for_officer(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all uses in an officer's name share."""
    for option in (
        click.option("--json", "json_path", type=_OUT, help="Write it as JSON instead of showing it."),
        click.option("--csv", "csv_path", type=_OUT, help="Write it as CSV instead of showing it."),
        click.option("--officer", required=True, help="Their member id, whom their agency lets into the console."),
        click.option("--agency", required=True, help="The officer's agency."),
    ):
        command = option(command)
    return command


@audit.command()
@_for_officer
@click.option("--kind", "kinds", multiple=True, help="An entry type, as viewed or disclosure; repeat for more.")
@click.option("--by", help="An agency that acted, or was given something.")
@click.option("--from", "since", type=Moment(), help="Nothing before this time, as 2026-01-31T12:00:00Z.")
@click.option("--to", "until", type=Moment(), help="Nothing after this time.")
@click.option("--text", help="Words that the line holds.")
@click.pass_obj
def search(
    home: Path,
    /,
    kinds: tuple[str, ...],
    by: str | None,
    since: datetime | None,
    until: datetime | None,
    text: str | None,
    **named: Any,
) -> None:
    """Look through an officer's cases for what fits all that is given.

    \b
    Example: nrm-hub --home hub-home audit search --agency fern-health --officer 9be2… --kind viewed --csv reads.csv
    """
    from hub.audit_running import run_search

    run_search(Config.load(home), read_unlocking(home), kinds, by, since, until, text, **named)


@audit.command()
@_for_officer
@click.argument("case")
@click.pass_obj
def case(home: Path, /, case: str, **named: Any) -> None:
    """Show the account of one case, as the console does. What is not the officer's to see is answered as not there.

    \b
    Example: nrm-hub --home hub-home audit case 5a17… --agency fern-health --officer 9be2…
    """
    from hub.audit_running import run_case

    run_case(Config.load(home), read_unlocking(home), case, **named)


@audit.command()
@_for_officer
@click.argument("person_agency", metavar="AGENCY")
@click.argument("member")
@click.pass_obj
def person(home: Path, /, person_agency: str, member: str, **named: Any) -> None:
    """Show what one person did and was given in an officer's cases. MEMBER: their id, or its shown beginning.

    \b
    Example: nrm-hub --home hub-home audit person fern-police 8be0… --agency fern-health --officer 9be2…
    """
    from hub.audit_running import run_person

    run_person(Config.load(home), read_unlocking(home), person_agency, member, **named)


@audit.command()
@_for_officer
@click.pass_obj
def matrix(home: Path, /, **named: Any) -> None:
    """Show who was given and shown how much of whom, case by case, and who looked at the accounts how often.

    \b
    Example: nrm-hub --home hub-home audit matrix --agency fern-health --officer 9be2… --csv matrix.csv
    """
    from hub.audit_running import run_matrix

    run_matrix(Config.load(home), read_unlocking(home), **named)
