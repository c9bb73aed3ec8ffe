"""The command that lists who read what this agency shared."""

from __future__ import annotations

import click

from adapters.commands.base import echo_line, home_option, opened
from adapters.reads import Reader, list_readers, parse_since


@click.command()
@click.option("--case", help="Only of this case.")
@click.option("--since", help="A day (2026-01-31) or a time (2026-01-31T12:00:00Z), UTC.")
def reads(case: str | None, since: str | None) -> None:
    """List who read fragments of this agency: one line for each person, case and purpose, who read last first.

    From what this adapter has followed; one that serves follows within seconds, else run sync first.

    \b
    Example: nrm-adapter --home police reads --since 2026-01-31
    """
    with opened(home_option()) as adapter:
        after = None if since is None else parse_since(since)
        found = list_readers(adapter.store, adapter.book, cases=None if case is None else [case], since=after)
    for item in found:
        echo_line(describe(item))
    if not found:
        click.echo("nobody has read anything of this agency" if since is None else "nobody has since")


def describe(item: Reader) -> str:
    """Return one reader's line."""
    roles = f" ({', '.join(item.roles)})" if item.roles else ""
    times = len(item.times)
    often = "once" if times == 1 else f"{times} times, first {item.times[-1]:%Y-%m-%d %H:%M:%S}"
    return (
        f"{item.times[0]:%Y-%m-%d %H:%M:%S} UTC case {item.case}: {item.who}{roles} read {item.fragments} of ours for "
        f"{item.purpose}, {often}"
    )


COMMANDS: tuple[click.Command, ...] = (reads,)
