"""Commands around who witnesses the log: witnesses list, approve, remove."""

from __future__ import annotations

from collections.abc import Callable

import click

from adapters.commands.base import home_option, opened
from adapters.runtime import Adapter
from adapters.witness_changes import Approval, approve, describe, plan_approval, plan_removal

dry_run_option = click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and do nothing.")


@click.group()
def witnesses() -> None:
    """Who watches over the log: list them, approve a change of one of them. It counts by a quorum of the present ones.

    \b
    Example: nrm-adapter --home police witnesses list
    """


@witnesses.command(name="list")
def list_() -> None:
    """List the witnesses that count, their key ids, and which change waits for approval.

    \b
    Example: nrm-adapter --home police witnesses list
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        for line in describe(adapter):
            click.echo(line)


@witnesses.command(name="approve")
@click.argument("agency")
@dry_run_option
def approve_(agency: str, dry_run: bool) -> None:
    """Approve an agency's newest certified witness keys in the place of its old ones, or the agency as a new witness.

    \b
    Example: nrm-adapter --home police witnesses approve fern-care --dry-run
    """
    _approve(lambda adapter: plan_approval(adapter, agency), dry_run=dry_run)


@witnesses.command(name="remove")
@click.argument("agency")
@dry_run_option
def remove(agency: str, dry_run: bool) -> None:
    """Approve that an agency is a witness no longer: its keys are in foreign hands, or it has fallen silent.

    \b
    Example: nrm-adapter --home police witnesses remove fern-care --dry-run
    """
    _approve(lambda adapter: plan_removal(adapter, agency), dry_run=dry_run)


def _approve(plan: Callable[[Adapter], Approval], *, dry_run: bool) -> None:
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        approval = plan(adapter)
        for line in (*approval.summary, *(() if dry_run else approve(adapter, approval))):
            click.echo(line)


COMMANDS: tuple[click.Command, ...] = (witnesses,)
