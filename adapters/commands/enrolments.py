"""The command that shows who enrolled whom: enrolments."""

from __future__ import annotations

import click

from adapters.commands.base import echo_line, home_option, opened
from adapters.enrolments import list_enrolments
from adapters.store.rows import public_entries


@click.command()
def enrolments() -> None:
    """Show every enrolment in the log that this adapter has taken in: which agency, when, signed by which two officers.

    Ids only; who an officer is, is on paper (docs/enrolment.md). Exit 1 where one is not signed as it must be.

    \b
    Example: nrm-adapter --home police enrolments
    """
    with opened(home_option()) as adapter, adapter.store.write() as session:
        bodies = [body for _, body in public_entries(session)]
        pin = adapter.home.pin()
    is_whole = True
    for item in list_enrolments(bodies, pin.origin, pin.officers):
        if item.fault:
            is_whole = False
            echo_line(f"FAULT {item.agency}: {item.fault}")
            continue
        said = " and ".join(f"{it.officer} ({it.signed_at:%Y-%m-%d %H:%M} UTC)" for it in item.signatures)
        echo_line(f"{item.agency}: signed by officers {said}")
    if not is_whole:
        raise click.exceptions.Exit(1)


COMMANDS: tuple[click.Command, ...] = (enrolments,)
