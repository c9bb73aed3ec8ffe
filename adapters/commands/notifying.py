"""Commands on being told that there is something to do: how each person is told, and one round for cron."""

from __future__ import annotations

import click

from adapters.commands.base import echo_line, home_option, opened
from adapters.commands.signing_in import dry_run_option, member_option, people
from adapters.home import HomeRefused
from adapters.notifying.refusal import NotifyRefused
from adapters.notifying.settings import TABLE
from policies.model import require_id


@people.command(name="notify")
@member_option
@click.option("--address", help="Where they are told; as they want it, or as your gateway knows them.")
@click.option("--by", type=click.Choice(["email", "webhook"]), help="What carries the message.")
@click.option("--pace", type=click.Choice(["at_once", "hourly", "daily"]), help="How soon they are told.")
@click.option("--daily-at", help="The time of day in the UK at which they are told daily, such as 09:00.")
@click.option("--quiet", "quiet", help="Their quiet hours in the UK, such as 19:00-07:30; none: there are none.")
@click.option("--reads/--no-reads", default=None, help="Also when somebody reads what this agency shared.")
@click.option("--alarms/--no-alarms", default=None, help="Also when an alarm waits: for who runs nrm-hub.")
@click.option("--off", is_flag=True, help="Tell them no more; their address stays.")
@click.option("--forget", "is_forgotten", is_flag=True, help="Tell them no more, and forget their address.")
@dry_run_option
def notify_person(member: str, dry_run: bool, **wishes: object) -> None:
    """Say how a person is told that they have something to do: one message, the same words whatever it is.

    What is not given stays as it is. They can change it themselves: Your account, "How you are told".

    \b
    Example: nrm-adapter people notify --member 9c… --address a.person@fernshire.example --quiet 19:00-07:30
    """
    from adapters.notifying.chosen import chosen_of, forget, keep, parse_chosen
    from adapters.notifying.settings import read_settings

    require_id(member, "member")
    with opened(home_option()) as adapter:
        settings = read_settings(adapter.home)
        if settings is None:
            raise HomeRefused(f"adapter.toml has no [{TABLE}] table: nothing here carries messages")
        if wishes["is_forgotten"]:
            is_there = True if dry_run else forget(adapter.store, member)
            click.echo("Nothing was changed." if dry_run or not is_there else "Forgotten.")
            return
        held = chosen_of(adapter.store, member)
        form = _form({} if held is None else held.to_form(), wishes)
        try:
            chosen = parse_chosen(form, settings)
        except NotifyRefused as error:
            raise click.ClickException(f"{error.field.replace('_', ' ')}: {error}") from error
        said = "is told" if chosen.is_on else "is not told"
        quiet = "" if chosen.quiet is None else f", not from {chosen.quiet.begin:%H:%M} to {chosen.quiet.end:%H:%M}"
        at = f" at {chosen.daily_at:%H:%M}" if chosen.pace.value == "daily" else ""
        echo_line(f"Member {member} {said} by {chosen.by.value}, {chosen.pace.value.replace('_', ' ')}{at}{quiet}.")
        if dry_run:
            click.echo("Nothing was changed.")
            return
        keep(adapter.store, member, chosen)
        click.echo("Kept.")


def _form(held: dict[str, str], wishes: dict[str, object]) -> dict[str, str]:
    form = {**held, "is_on": "no" if wishes["off"] else "yes"}
    for name in ("address", "by", "pace", "daily_at"):
        if wishes[name] is not None:
            form[name] = str(wishes[name])
    for name in ("reads", "alarms"):
        if wishes[name] is not None:
            form[name] = "yes" if wishes[name] else ""
    quiet = wishes["quiet"]
    if isinstance(quiet, str):
        begin, dash, end = quiet.partition("-")
        if quiet != "none" and not dash:
            raise click.ClickException("quiet: expected two times of day, such as 19:00-07:30, or none")
        form["quiet_from"], form["quiet_to"] = ("", "") if quiet == "none" else (begin.strip(), end.strip())
    return form


@click.command()
@click.option("--once", is_flag=True, required=True, help="One round, then end: for cron.")
def notify(once: bool) -> None:  # noqa: ARG001 - said, so that nobody takes it for a service
    """Tell the people of this agency who have something to do and were not told yet. No message has content.

    nrm-adapter serve does this all the time. From what this adapter has followed: run sync first. Nobody is told twice,
    whatever runs beside.

    \b
    Example: nrm-adapter --home police notify --once
    """
    from adapters.notifying.rounds import Notifier
    from adapters.notifying.settings import read_settings

    with opened(home_option()) as adapter:
        settings = read_settings(adapter.home)
        if settings is None:
            raise HomeRefused(f"adapter.toml has no [{TABLE}] table: nothing here carries messages")
        done = Notifier(adapter, settings).run()
    click.echo(f"told {done.told}, to be told later {done.later}, could not be told {done.failed}")
    if done.failed:
        raise click.exceptions.Exit(1)


COMMANDS: tuple[click.Command, ...] = (notify,)
