"""Commands on who takes part in a case: add an agency, hand over the lead, endorse, leave. Each shows first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from adapters.commands.base import home_option, opened
from adapters.hub_client import HubRefused
from adapters.membership import (
    Change,
    plan_addition,
    plan_age_path,
    plan_departure,
    plan_endorsement,
    plan_hand_over,
    plan_stage,
)
from adapters.release.forms import listed
from adapters.runtime import Adapter, system_clock
from keys.statements import Statement
from policies.membership import Standing
from policies.model import AgencyId, Malformed, Member, MemberId, require_agency, require_id, require_term
from policies.vocabulary import AgencyKind, AgePath, AgeSource, CaseStage, Role

LEAVING_ATTEMPTS = 5
"""So often a departure is signed anew where the lead has changed the list meanwhile: it must not be outrun."""
MAX_DAYS = 366

dry_run_option = click.option("--dry-run", is_flag=True, help="Say in plain words what it would do, and send nothing.")


def parse_member(text: str, until: datetime) -> Member:
    """Read ``agency:member:role+role``. Raises ``Malformed``."""
    parts = text.split(":")
    if len(parts) != 3:
        raise Malformed("member: expected agency:member-id:role+role")
    return Member(
        agency=AgencyId(require_agency(parts[0])),
        member=MemberId(require_id(parts[1], "member")),
        roles=tuple(sorted(require_term(Role, role, "role") for role in parts[2].split("+"))),
        until=until,
    )


def parse_invited(text: str) -> tuple[AgencyId, AgencyKind]:
    """Read ``agency:kind``. Raises ``Malformed``."""
    name, _, kind = text.partition(":")
    return require_agency(name), require_term(AgencyKind, kind, "kind")


def until_in(days: int) -> datetime:
    """Return the end of an access of so many days from now."""
    return (system_clock() + timedelta(days=days)).replace(microsecond=0)


def describe(standing: Standing) -> dict[str, Any]:
    """Return who takes part and who waits to, JSON-ready."""
    membership = standing.effective
    return {
        "lead": membership.lead,
        "hand_over_to": standing.successor,
        "age_path": membership.age_path.value,
        "age_source": membership.age_source.value,
        "age_path_waiting": standing.listed.age_path.value if standing.is_age_waiting else None,
        "case_stage": membership.case_stage.value,
        "membership": standing.digest,
        "agencies": {agency: kind.value for agency, kind in membership.agencies},
        "waiting_for_endorsement": {agency: kind.value for agency, kind in standing.waiting},
        "may_endorse": sorted(standing.may_endorse),
        "members": [
            {**item.to_json(), "accepted": (item.agency, item.member) in standing.accepted}
            for item in standing.remaining.members
        ],
    }


def carry_out(case: str, plan: Callable[[Standing, str], Change], *, dry_run: bool) -> None:
    """Take in the newest state, say what a change will do, and send it unless it is a dry run."""
    with opened(home_option()) as adapter:
        standing = _standing(adapter, case)
        change = plan(standing, adapter.home.agency)
        _say(change)
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        sent = adapter.book.make(change)
        click.echo(f"recorded in case {case[:8]}: {change.kind.name.lower()} {sent.digest[:12]}")


def _standing(adapter: Adapter, case: str) -> Standing:
    adapter.follower.sync_cases()
    return adapter.book.load(case).standing


def _say(change: Change) -> None:
    for sentence in change.summary:
        click.echo(sentence)


@click.command(name="add-agency")
@click.argument("case")
@click.option(
    "--agency",
    "agencies",
    multiple=True,
    required=True,
    help=f"An agency to add, as id:kind; repeat. Kinds: {listed(AgencyKind)}.",
)
@click.option("--member", "members", multiple=True, help="A person of it, as agency:id:role+role; repeat.")
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(1, MAX_DAYS),
    help="How long the people added have access.",
)
@dry_run_option
def add_agency(case: str, agencies: tuple[str, ...], members: tuple[str, ...], days: int, dry_run: bool) -> None:
    """Add an agency to a case (lead agency only). It takes part once a second agency has endorsed it.

    \b
    Example: nrm-adapter --home care case add-agency 0f3a… --agency fern-housing:housing --dry-run
    """
    invited = [parse_invited(item) for item in agencies]
    people = [parse_member(item, until_in(days)) for item in members]
    carry_out(case, lambda standing, agency: plan_addition(standing, agency, invited, people), dry_run=dry_run)


@click.command(name="hand-over")
@click.argument("case")
@click.option("--to", "successor", required=True, help="The agency of the case that is to lead.")
@dry_run_option
def hand_over(case: str, successor: str, dry_run: bool) -> None:
    """Hand the lead of a case to another agency of it (lead agency only).

    The other agency, and a third one where there is one, endorse it; until then this agency leads.

    \b
    Example: nrm-adapter --home care case hand-over 0f3a… --to fern-health --dry-run
    """
    name = require_agency(successor)
    carry_out(case, lambda standing, agency: plan_hand_over(standing, agency, name), dry_run=dry_run)


@click.command(name="age-path")
@click.argument("case")
@click.argument("path", type=click.Choice([item.value for item in AgePath]))
@click.option(
    "--source",
    required=True,
    type=click.Choice([item.value for item in AgeSource]),
    help="What it rests on. A child's case becomes an adult's on records (of the birth date) or age_assessment only.",
)
@dry_run_option
def age_path(case: str, path: str, source: str, dry_run: bool) -> None:
    """Change which path of the NRM form a case follows (lead agency only): at 18, or after an age assessment.

    A child's case becomes an adult's once another agency of the case has endorsed it; in doubt it is a child's.

    \b
    Example: nrm-adapter --home care case age-path 0f3a… adult --source records --dry-run
    """
    chosen, rests_on = AgePath(path), AgeSource(source)
    carry_out(case, lambda standing, agency: plan_age_path(standing, agency, chosen, rests_on), dry_run=dry_run)


@click.command()
@click.argument("case")
@click.argument("reached", type=click.Choice([item.value for item in CaseStage]))
@dry_run_option
def stage(case: str, reached: str, dry_run: bool) -> None:
    """Say how far a case has come in the NRM (lead agency only): referred, decided, closed.

    \b
    Example: nrm-adapter --home care case stage 0f3a… referred --dry-run
    """
    carry_out(case, lambda standing, agency: plan_stage(standing, agency, CaseStage(reached)), dry_run=dry_run)


@click.command()
@click.argument("case")
@click.option(
    "--membership",
    "expected",
    help="The beginning of the digest that a dry run showed, 8 characters or more: no other list is endorsed.",
)
@dry_run_option
def endorse(case: str, expected: str | None, dry_run: bool) -> None:
    """Endorse what the lead agency has added to a case, its handing over, or that a child became an adult.

    \b
    Example: nrm-adapter --home police case endorse 0f3a… --dry-run
    Example: nrm-adapter --home police case endorse 0f3a… --membership 77d0c2f1
    """
    carry_out(case, lambda standing, agency: plan_endorsement(standing, agency, expected), dry_run=dry_run)


@click.command()
@click.argument("case")
@click.option("--member", "members", multiple=True, help="Only this person of this agency, by id; repeat.")
@dry_run_option
def leave(case: str, members: tuple[str, ...], dry_run: bool) -> None:
    """Leave a case with all of this agency's people; with --member, take only them out. Nobody is asked.

    \b
    Example: nrm-adapter --home charity case leave 0f3a… --dry-run
    Example: nrm-adapter --home police case leave 0f3a… --member 7d…
    """
    people = [require_id(member, "member") for member in members] or None
    with opened(home_option()) as adapter:
        change = plan_departure(_standing(adapter, case), adapter.home.agency, people)
        _say(change)
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        sent = _leave(adapter, case, people)
        click.echo(f"recorded in case {case[:8]}: departure {sent.digest[:12]}")


def _leave(adapter: Adapter, case: str, people: list[str] | None) -> Statement:
    for _ in range(LEAVING_ATTEMPTS - 1):
        try:
            return adapter.book.make(plan_departure(_standing(adapter, case), adapter.home.agency, people))
        except HubRefused as error:
            if error.code != "conflict":
                raise
    return adapter.book.make(plan_departure(_standing(adapter, case), adapter.home.agency, people))


COMMANDS: tuple[click.Command, ...] = (add_agency, hand_over, age_path, stage, endorse, leave)
"""Commands of the group ``case``."""
