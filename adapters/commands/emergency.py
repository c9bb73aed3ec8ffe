"""Commands on emergency releases: ask, release as the second person, list, review. Each shows first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from adapters.commands.base import count, echo_line, home_option, opened, progress, read_form
from adapters.commands.membership import dry_run_option
from adapters.commands.sharing import keep_necessity
from adapters.emergencies import describe, is_witnessed, look_for_own, plan_review
from adapters.release.disowned import disown
from adapters.release.emergency import EmergencyReleaser, Waiting, Wanted
from adapters.runtime import Adapter
from adapters.store.rows import list_case_rows
from adapters.working_keys import working_key
from keys.custody.interface import Custody
from keys.statements import StatementType
from keys.uses import KeyUse
from policies.break_glass import ReviewOutcome
from policies.model import render_time
from policies.vocabulary import Gateway, Purpose

_member = click.option("--member", required=True, help="Who signs, by id; passphrase in NRM_MEMBER_PASSPHRASE.")


@click.group()
def emergency() -> None:
    """Release while the witnesses are away and a child is in danger now: two people sign, everybody is told.

    \b
    Example: nrm-adapter --home police emergency list
    """


@emergency.command(name="ask")
@click.argument("case")
@_member
@click.option(
    "--purpose", required=True, type=click.Choice([item.value for item in Purpose]), help="What it is shared for."
)
@click.option("--draft", "chosen", multiple=True, required=True, help="A draft to release, by id; repeat.")
@click.option(
    "--necessity",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="A form that says why it cannot wait; it travels sealed.",
)
@click.option("--gateway", type=click.Choice([item.value for item in Gateway]), help="Another power or duty to share.")
@click.option("--originator-release", is_flag=True, help="Release what is marked C to these recipients, explicitly.")
@click.option("--only", multiple=True, help="Limit to these agencies or members; repeat.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day of this sharing.")
def ask(
    case: str,
    member: str,
    purpose: str,
    chosen: tuple[str, ...],
    necessity: Path,
    gateway: str | None,
    originator_release: bool,
    only: tuple[str, ...],
    until: datetime | None,
) -> None:
    """Ask for an emergency release, as the first person. Nothing is given to anybody by this alone.

    Only while no quorum of witnesses is there, and while no alarm says that the hub's word cannot be trusted. A second
    person of this agency has 15 minutes: nrm-adapter emergency release.

    \b
    Example: nrm-adapter emergency ask 0f3a… --member 3f… --purpose safeguarding --draft 77ab… --necessity why.json
    """
    form = read_form(necessity)
    with opened(home_option()) as adapter:
        _follow(adapter)
        disown(adapter.book, case)
        why = keep_necessity(adapter, case, form, "emergency")
        wanted = Wanted(
            drafts=chosen,
            why=why.draft,
            purpose=Purpose(purpose),
            gateway=None if gateway is None else Gateway(gateway),
            originator_release=originator_release,
            only=only,
            expires_at=None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1),
        )
        keys = adapter.member_keys(member)
        waiting = _releaser(adapter).ask(
            case, wanted, (adapter.home.agency, member), working_key(keys.keys, KeyUse.MEMBER_SIGNING)
        )
        _show(waiting)
        click.echo(
            f"asked: {waiting.asked.digest}\nNobody is given anything yet. Until {render_time(waiting.asked.until)} a "
            f"second person of this agency may sign: nrm-adapter emergency release {case} {waiting.asked.digest[:12]} "
            "--member ID"
        )


@emergency.command(name="release")
@click.argument("case")
@click.argument("digest")
@_member
@dry_run_option
def release(case: str, digest: str, member: str, dry_run: bool) -> None:
    """Sign as the second person, and release at once. DIGEST: its beginning, as ask and list show it.

    \b
    Example: nrm-adapter --home police emergency release 0f3a… 77d0c2f1 --member 9c… --dry-run
    """
    with opened(home_option()) as adapter:
        _follow(adapter)
        releaser = _releaser(adapter)
        waiting = releaser.find(case, digest)
        _show(waiting)
        for line in releaser.words_of(waiting):
            echo_line(line)
        if dry_run:
            click.echo("Nothing was signed: this was a dry run.")
            return
        keys: Custody = adapter.member_keys(member)
        signer = working_key(keys.keys, KeyUse.MEMBER_SIGNING)
        with progress("releasing"):
            named, report = releaser.release(waiting, (adapter.home.agency, member), signer)
        click.echo(
            f"released in an emergency: {named}; {count(report.accepted, 'line')} recorded, {report.refused} refused"
        )
        for problem in report.problems:
            echo_line(f"  {problem.get('detail', 'refused by the hub')}")
        if report.refused:
            raise click.ClickException("not everything left; what is refused was given to nobody")
        click.echo("It is unwitnessed, told to every agency of the case, and listed until an officer has reviewed it.")


@emergency.command(name="list")
@click.argument("case", required=False)
@click.option("--all", "everything", is_flag=True, help="Those that were reviewed, too.")
def list_(case: str | None, everything: bool) -> None:
    """List emergency releases of this agency's cases, or of one, that nobody has reviewed. Ids only.

    \b
    Example: nrm-adapter --home care emergency list
    """
    with opened(home_option()) as adapter:
        known = set(adapter.follower.sync_cases())
        with adapter.store.write() as session:
            cases = [row.case for row in list_case_rows(session) if row.case in known and case in (None, row.case)]
            look_for_own(session, cases, adapter.clock())
        lines = [line for name in cases for line in _lines(adapter, name, everything=everything)]
        for line in lines:
            echo_line(line)
        if not lines:
            click.echo("Nothing was released in an emergency that nobody has reviewed, and nothing waits.")


@emergency.command(name="review")
@click.argument("case")
@click.argument("digest")
@_member
@click.option(
    "--outcome", required=True, type=click.Choice([item.value for item in ReviewOutcome]), help="What it was."
)
@dry_run_option
def review(case: str, digest: str, member: str, outcome: str, dry_run: bool) -> None:
    """Review, as an information governance officer of another agency, an emergency release. DIGEST: its beginning.

    \b
    Example: nrm-adapter --home care emergency review 0f3a… 77d0c2f1 --member 3f… --outcome justified
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified, me = adapter.book.load(case), (adapter.home.agency, member)
        found = verified.in_emergency.find(digest)
        word = plan_review(verified, me, found, ReviewOutcome(outcome), at=adapter.clock())
        echo_line(word.summary)
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        signer = working_key(adapter.member_keys(member).keys, KeyUse.MEMBER_SIGNING)
        click.echo(f"recorded: {adapter.book.send(StatementType.EMERGENCY_REVIEW, word.members, signer).digest}")


def _follow(adapter: Adapter) -> None:
    adapter.follower.sync()
    adapter.follower.sync_cases()


def _releaser(adapter: Adapter) -> EmergencyReleaser:
    return EmergencyReleaser(adapter.releaser, adapter.outbox)


def _show(waiting: Waiting) -> None:
    asked = waiting.asked
    echo_line(
        f"{asked.digest[:12]} asked by {asked.person[0]} {asked.person[1][:8]}, good until {render_time(asked.until)}: "
        f"{count(len(waiting.wanted.drafts), 'draft')} for {waiting.wanted.purpose.value}, and the words that say why"
    )
    for item in asked.releases:
        to = "its intake" if item.member is None else item.member[:8]
        echo_line(f"  to {item.agency} {to}: {count(item.items, 'fragment')}")


def _lines(adapter: Adapter, case: str, *, everything: bool) -> Sequence[str]:
    verified, positions, at = adapter.book.load(case), adapter.follower.feed(case).positions(), adapter.clock()
    with adapter.store.write() as session:
        found = [
            f"case {case[:8]}: " + describe(item, at, is_witnessed=is_witnessed(session, positions.get(item.digest)))
            for item in verified.in_emergency.released
            if everything or item.review is None
        ]
    found += [
        f"case {case[:8]}: {digest[:12]} NOT PROVEN: no two people signed it who might"
        for digest in verified.in_emergency.unproven
    ]
    return found + [
        f"case {case[:8]}: {item.asked.digest[:12]} waits for a second person until {render_time(item.asked.until)}"
        for item in _releaser(adapter).waiting(case)
    ]


COMMANDS: tuple[click.Command, ...] = (emergency,)
