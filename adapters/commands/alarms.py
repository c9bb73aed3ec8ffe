"""Commands around alarms: list them with what to do, acknowledge one."""

from __future__ import annotations

import click

from adapters.alarms import Alarm, acknowledge, meaning_of, read_alarms
from adapters.commands.base import Commands, echo_line, home_option, opened


@click.group(cls=Commands, invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also those that were acknowledged.")
@click.pass_context
def alarms(context: click.Context, everything: bool) -> None:
    """List the alarms that nobody has acknowledged: what each means and what to do now.

    \b
    Example: nrm-adapter --home police alarms
    Example: nrm-adapter --home police alarms --all
    """
    if context.invoked_subcommand is not None:
        return
    with opened(home_option()) as adapter:
        found = read_alarms(adapter.store)
    shown = [item for item in found if everything or item.seen_at is None]
    for item in shown:
        _print(item)
    rest = len(found) - len(shown)
    if not shown:
        click.echo("no alarm waits for anybody" if found else "no alarm was raised")
    if rest:
        click.echo(f"{rest} acknowledged; to see them: nrm-adapter alarms --all", err=True)


def _print(alarm: Alarm) -> None:
    meaning = meaning_of(alarm.code)
    echo_line(f"{alarm.number} {alarm.raised_at} {alarm.code}: {alarm.text}")
    echo_line(f"means: {meaning.means}")
    if alarm.seen_at is None:
        echo_line(f"do now: {meaning.to_do}")
    else:
        echo_line(f"acknowledged {alarm.seen_at} by {alarm.seen_by}: {alarm.reason}")


@alarms.command(name="acknowledge")
@click.argument("number", type=click.IntRange(1, 2**53))
@click.option("--by", required=True, help="Who has looked at it; kept sealed in this agency.")
@click.option("--reason", required=True, help="What they found; kept sealed in this agency.")
def acknowledge_(number: int, by: str, reason: str) -> None:
    """Keep that somebody has seen an alarm. It is never deleted; if the same thing happens again it is a new alarm.

    \b
    Example: nrm-adapter --home police alarms acknowledge 3 --by "Duty officer" --reason "Backup restored, see operator"
    """
    with opened(home_option()) as adapter:
        acknowledge(adapter.store, number, by=by, reason=reason, at=adapter.clock())
    click.echo(f"alarm {number} is acknowledged")


COMMANDS: tuple[click.Command, ...] = (alarms,)
