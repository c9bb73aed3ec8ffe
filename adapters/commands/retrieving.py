"""Commands that fetch an agency's own things back from the hub after its adapter's database was lost."""

from __future__ import annotations

import click

from adapters.cases import CaseRefused
from adapters.commands.base import echo_line, home_option, opened, progress
from adapters.following import LogRefused
from adapters.hub_client import HubRefused
from adapters.release.offers_again import OfferingAgain, describe_confirmed, describe_found
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


@click.command()
@click.argument("case")
@click.option("--draft", "drafts", multiple=True, help="Confirm this one; repeat.")
@click.option("--all", "everything", is_flag=True, help="Confirm every one that is listed.")
@click.option("--dry-run", is_flag=True, help="Only say what would be confirmed.")
def offers(case: str, drafts: tuple[str, ...], everything: bool, dry_run: bool) -> None:
    """List what came back with fetch-own and looks as if it had been released to everybody; confirm that it was.

    Without an option: only the list, with what it rests on. The hub does not know whether you released to everybody or
    to named people. Until you confirm, nobody who joins later is given anything of it. What you confirm, newcomers are
    given by nrm-adapter serve or regrant where policy permits; never what is marked handling C, no onward, recipients
    only or consult the originator.

    \b
    Example: nrm-adapter --home care offers 0f3a…
    Example: nrm-adapter --home care offers 0f3a… --draft 77ab… --dry-run
    Example: nrm-adapter --home care offers 0f3a… --all
    """
    if drafts and everything:
        raise click.UsageError("--draft names single drafts, --all every one that is listed; give one of the two")
    chosen = drafts or None
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        adapter.follower.sync_cases()
        offering = OfferingAgain(adapter.store, adapter.book)
        if not drafts and not everything:
            lines = describe_found(case, offering.look(case))
        elif dry_run:
            lines = describe_confirmed(case, offering.look(case, chosen), is_planned=True)
        else:
            lines = describe_confirmed(case, offering.confirm(case, chosen), is_planned=False)
        for line in lines:
            echo_line(line)


COMMANDS: tuple[click.Command, ...] = (fetch_own, offers)
