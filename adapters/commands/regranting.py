"""Command that grants again: to new keys and new readers, what policy gives them of what was shared before."""

from __future__ import annotations

import click

from adapters.commands.base import echo_line, home_option, opened, progress
from adapters.release.regranting import describe


@click.command()
@click.argument("case")
@click.option("--dry-run", is_flag=True, help="Only say what would be granted to whom, and what waits for you.")
def regrant(case: str, dry_run: bool) -> None:
    """Grant what this agency shared before to people whose key changed, and to new people of the case; then push.

    A running nrm-adapter serve does this by itself when a key or a case changes. Policy decides on every fragment anew.
    What is marked handling C, no onward, recipients only or consult the originator reaches nobody new without your
    own release; it is listed.

    \b
    Example: nrm-adapter --home care regrant 0f3a… --dry-run
    Example: nrm-adapter --home care regrant 0f3a…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        adapter.follower.sync_cases()
        if dry_run:
            done = adapter.regranter.plan(case)
        else:
            with progress("granting again"):
                done = adapter.regranter.regrant(case)
        for line in describe(done, is_planned=dry_run):
            echo_line(line)
        if dry_run:
            return
        with progress("pushing"):
            report = adapter.outbox.push_case(case)
    click.echo(f"{report.accepted} accepted, {report.repeated} known already, {report.refused} refused")
    for problem in report.problems:
        echo_line(f"refused: {problem.get('detail', 'no reason given')}")
    if report.refused:
        raise SystemExit(1)
