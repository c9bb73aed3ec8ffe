"""Commands on a case: open it, accept it, change its members, record consent, record a refusal to share."""

from __future__ import annotations

import click

from adapters.commands.base import echo_json, home_option, opened
from adapters.commands.consent import COMMANDS as CONSENT_COMMANDS
from adapters.commands.membership import COMMANDS as MEMBERSHIP_COMMANDS
from adapters.commands.membership import (
    carry_out,
    describe,
    dry_run_option,
    parse_invited,
    parse_member,
    until_in,
)
from adapters.membership import plan_members
from adapters.release.forms import WRITER_ROLES, listed
from adapters.store.rows import list_case_rows
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    CaseStage,
    Category,
)

REFUSAL_CODES = (
    "policy",
    "not_relevant",
    "more_harm_than_good",
    "law_forbids",
    "not_held",
    "consent",
    "no_reason_given",
)
"""Why sharing was considered and refused: the hub takes these codes (docs/protocol.md)."""
_PERSON = "A person, as agency:id:role+role; repeat."


@click.group()
def case() -> None:
    """Open and run a case.

    \b
    Example: nrm-adapter --home police case list
    """


@case.command(name="open")
@click.option(
    "--agency", "agencies", multiple=True, help=f"An agency to invite, as id:kind; repeat. Kinds: {listed(AgencyKind)}."
)
@click.option("--member", "members", multiple=True, required=True, help=f"{_PERSON} Roles: {listed(WRITER_ROLES)}.")
@click.option(
    "--age-path",
    type=click.Choice([item.value for item in AgePath]),
    default="child",
    show_default=True,
    help="Which path of the NRM form the case follows; not_sure follows the child path.",
)
@click.option(
    "--stage",
    type=click.Choice([item.value for item in CaseStage]),
    default=CaseStage.BEFORE_REFERRAL.value,
    show_default=True,
    help="How far the case has come already. Of one that was referred elsewhere, the days count from its opening here.",
)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long people have access.")
def open_(agencies: tuple[str, ...], members: tuple[str, ...], age_path: str, stage: str, days: int) -> None:
    """Open a case that this agency leads; print its id.

    \b
    Example: nrm-adapter --home care case open --agency fern-police:police --member fern-care:3f…:lead_professional
    """
    invited = [parse_invited(item) for item in agencies]
    people = [parse_member(item, until_in(days)) for item in members]
    with opened(home_option()) as adapter:
        click.echo(adapter.book.open_case(invited, people, AgePath(age_path), CaseStage(stage)))


@case.command()
@click.argument("case")
def accept(case: str) -> None:
    """Accept this agency's people in a case, as the newest membership lists them.

    \b
    Example: nrm-adapter --home police case accept 0f3a…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        statement = adapter.book.accept(case)
        click.echo(f"accepted membership {statement.members['membership'][:12]} of case {case[:8]}")


@case.command(name="members")
@click.argument("case")
@click.option("--member", "members", multiple=True, help=f"The whole new list. {_PERSON}")
@click.option(
    "--days",
    default=90,
    show_default=True,
    type=click.IntRange(1, 366),
    help="With --member: how long the people of the new list have access.",
)
@dry_run_option
def members_(case: str, members: tuple[str, ...], days: int, dry_run: bool) -> None:
    """Show a case's members and what waits to be endorsed; with --member, replace the list (lead agency only).

    \b
    Example: nrm-adapter --home care case members 0f3a…
    """
    if dry_run and members:
        people = [parse_member(item, until_in(days)) for item in members]
        carry_out(case, lambda standing, agency: plan_members(standing, agency, people), dry_run=True)
        return
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        if members:
            adapter.book.change_members(case, [parse_member(item, until_in(days)) for item in members])
        echo_json(describe(adapter.book.load(case).standing))


@case.command(name="list")
def list_() -> None:
    """List the cases this agency takes part in.

    \b
    Example: nrm-adapter --home police case list
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        with adapter.store.write() as session:
            for row in list_case_rows(session):
                ended = "" if row.ended_at is None else f" ended {row.ended_at}"
                click.echo(f"{row.case} opened {row.opened_at}{ended}")


@case.command()
@click.argument("case")
@click.option(
    "--category",
    required=True,
    type=click.Choice([item.value for item in Category]),
    help="What the records that are not shared are about.",
)
@click.option("--code", required=True, type=click.Choice(REFUSAL_CODES), help="Why.")
@click.option("--reviewer", required=True, help="Member id of the person who reviewed the decision not to share.")
@click.option("--to", "recipient", help="The agency that asked; leave out for anyone.")
@click.option("--request", "request", help="Fragment id of the request that is answered with this refusal.")
def refuse(case: str, category: str, code: str, reviewer: str, recipient: str | None, request: str | None) -> None:
    """Record that sharing was considered and refused, and why: same weight as sharing.

    \b
    Example: nrm-adapter --home health case refuse 0f3a… --category health_contact --code not_relevant --reviewer 9c…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        statement = adapter.book.refuse(
            case,
            {
                "recipient_agency": recipient,
                "category": category,
                "request": request,
                "code": code,
                "reviewer": reviewer,
                "detail": None,
            },
        )
        click.echo(f"recorded: considered and not shared ({statement.digest[:12]})")


for _command in (*MEMBERSHIP_COMMANDS, *CONSENT_COMMANDS):
    case.add_command(_command)

COMMANDS: tuple[click.Command, ...] = (case,)
