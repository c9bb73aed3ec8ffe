"""Commands around alarms: list them with what to do, acknowledge one, write and check what one rests on."""

from __future__ import annotations

from pathlib import Path

import click

from adapters.alarms import Alarm, acknowledge, attack_of, meaning_of, read_alarms
from adapters.commands.base import Commands, echo_line, home_option, opened
from adapters.evidence import check_evidence, render_evidence
from adapters.home import Home
from keys.custody.keyfile import write_private_file
from keys.evidence import Proof

_NOT_PROVEN = 3


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
    named = attack_of(alarm.code)
    code = alarm.code if named in (None, alarm.code) else f"{alarm.code} ({named})"
    echo_line(f"{alarm.number} {alarm.raised_at} {code}: {alarm.text}")
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


@alarms.command()
@click.argument("number", type=click.IntRange(1, 2**53))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def evidence(number: int, out: Path) -> None:
    """Write what an alarm rests on: signed heads, proofs, an entry. Ids and digests only; give it to whoever must see.

    \b
    Example: nrm-adapter --home police alarms evidence 3 --out fork-police.json
    """
    with opened(home_option()) as adapter:
        written = render_evidence(adapter.store, adapter.home, number)
    write_private_file(out, written)
    click.echo(f"wrote {out.name}; check it anywhere: nrm-adapter alarms check {out.name}")


@alarms.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Check files of evidence, one or of several agencies together, with the pinned keys alone: no hub, no passphrase.

    Exits with 0 where they prove something, with 3 where every signature holds and nothing is proven.

    \b
    Example: nrm-adapter --home health alarms check fork-police.json fork-care.json
    """
    found = check_evidence(Home.load(home_option()), list(files))
    echo_line(f"PROVEN: {found.proof.value}" if found.proof is not Proof.NOTHING else "NOT PROVEN")
    for line in found.lines:
        echo_line(line)
    if found.proof is Proof.NOTHING:
        raise click.exceptions.Exit(_NOT_PROVEN)


COMMANDS: tuple[click.Command, ...] = (alarms,)
