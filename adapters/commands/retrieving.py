"""Command that fetches an agency's own things back from the hub after its adapter's database was lost."""

from __future__ import annotations

import click

from adapters.cases import CaseRefused
from adapters.commands.base import echo_line, home_option, opened, progress
from adapters.following import LogRefused
from adapters.hub_client import HubRefused
from adapters.release.retrieval import NOT_COMING_BACK, describe, describe_look


@click.command(name="fetch-own")
@click.argument("case", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what is missing here; the hub is asked for the log alone.")
def fetch_own(case: str | None, dry_run: bool) -> None:
    """Fetch what this agency itself brought to its cases back from the hub, where this database has lost it.

    For after a restore from the key backup: the archive key opens the agency's own fragments, and its own disclosures
    say to whom they were given. Without a case: every one. Each retrieval stands in the log. Safe to repeat, and to
    stop: one case is put back whole or not at all. Shares nothing; nrm-adapter serve then goes on as before.

    \b
    Example: nrm-adapter --home care fetch-own --dry-run
    Example: nrm-adapter --home care fetch-own
    """
    failed = fetched = False
    with opened(home_option()) as adapter, progress("verifying the log") as said:
        adapter.follower.sync()
        listed = adapter.follower.sync_cases()
        for name in listed if case is None else [case]:
            try:
                if dry_run:
                    lines = describe_look(adapter.retriever.look(name, said))
                else:
                    outcome = adapter.retriever.fetch(name, said)
                    lines, failed = describe(outcome), failed or not outcome.is_whole
                    fetched |= outcome.restored is not None
            except (CaseRefused, HubRefused, LogRefused) as error:
                # One case that cannot be believed keeps no other from coming back.
                lines, failed = [f"case {name[:8]}: nothing was put back: {error}"], True
            for line in lines:
                echo_line(line)
        if not listed and case is None:
            click.echo("This agency takes part in no case; there is nothing to fetch.")
    if fetched:
        echo_line(NOT_COMING_BACK)
    if failed:
        raise SystemExit(1)


COMMANDS: tuple[click.Command, ...] = (fetch_own,)
