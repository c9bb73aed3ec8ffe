"""Commands on a case: open it, accept it, change its members, record consent, record a refusal to share."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from adapters.commands.base import echo_json, home_option, opened, read_form
from adapters.commands.form_guide import example_option
from adapters.commands.form_meanings import CONSENT
from adapters.commands.forms import WRITER_ROLES, author_of, listed, require_fields
from adapters.commands.membership import COMMANDS as MEMBERSHIP_COMMANDS
from adapters.commands.membership import (
    carry_out,
    describe,
    dry_run_option,
    parse_invited,
    parse_member,
    until_in,
)
from adapters.following import LogRefused
from adapters.membership import plan_members
from adapters.release.authored import SourceKind, statement_detail
from adapters.release.drafts import DraftRefused, DraftState, keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.store.rows import list_case_rows, own_fragments
from policies.case import parse_consent
from policies.model import (
    ConsentScope,
    require_term,
)
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    Category,
    ConsentReason,
    ConsentState,
    Purpose,
    WishesState,
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
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 366), help="How long people have access.")
def open_(agencies: tuple[str, ...], members: tuple[str, ...], age_path: str, days: int) -> None:
    """Open a case that this agency leads; print its id.

    \b
    Example: nrm-adapter --home care case open --agency fern-police:police --member fern-care:3f…:lead_professional
    """
    invited = [parse_invited(item) for item in agencies]
    people = [parse_member(item, until_in(days)) for item in members]
    with opened(home_option()) as adapter:
        click.echo(adapter.book.open_case(invited, people, AgePath(age_path)))


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
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@example_option("consent")
def consent(case: str, form: Path) -> None:
    """Record a consent (given, refused, withdrawn, not sought because …). The words travel sealed.

    FORM is a JSON file, or - for standard input: state, reason, given_by, wishes, and for a given consent
    scope {categories, recipients, purposes}; recipients are kinds of agencies (police, social_care, …), never names.
    Optional: expires_at; words with role, job_title and competence: sealed and sent as statement_detail. Every field
    and its terms: docs/forms.md, or --example.

    \b
    Example: nrm-adapter case consent --example
    Example: nrm-adapter --home care case consent 0f3a… consent.json
    """
    said = read_form(form)
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        # The statement is checked whole before its words are sealed: a typing error must not send them off alone.
        require_fields("a consent", said, {name for name, item in CONSENT.items() if item.is_required}, set(CONSENT))
        members = _consent_members(said)
        words = _detail_content(said, adapter.clock()) if "words" in said else None
        purpose = require_term(Purpose, said.get("purpose", Purpose.PANEL_REVIEW.value), "purpose")
        if words is not None:
            members["detail"] = _send_detail(adapter, case, words, purpose, members["state"])
        statement = adapter.book.record_consent(case, members)
        click.echo(f"recorded consent {statement.members['state']} ({statement.digest[:12]})")


def _consent_members(said: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a consent statement without its place in the chain. Raises ``Malformed``."""
    scope = ConsentScope.from_json(said.get("scope") or {"categories": [], "recipients": [], "purposes": []})
    members = {
        "state": require_term(ConsentState, said.get("state"), "state").value,
        "reason": require_term(ConsentReason, said.get("reason", "none"), "reason").value,
        "given_by": str(said.get("given_by", "nobody")),
        "scope": scope.to_json(),
        "wishes": require_term(WishesState, said.get("wishes"), "wishes").value,
        "expires_at": said.get("expires_at"),
        "detail": None,
    }
    parse_consent("0" * 64, members)
    return members


def _detail_content(said: dict[str, Any], at: datetime) -> dict[str, Any]:
    by = author_of(dict(said), at)
    return statement_detail(
        by,
        statement_kind=said.get("statement_kind", "consent"),
        words=said["words"],
        source_kind=require_term(SourceKind, said.get("source_kind", SourceKind.CHILD_ACCOUNT.value), "source_kind"),
        given_by_role=said.get("given_by"),
        competence=said.get("competence"),
    )


def _send_detail(
    adapter: Adapter, case: str, content: dict[str, Any], purpose: Purpose, state: str
) -> dict[str, str] | None:
    """Seal and push the words of a statement and return what names them.

    Without a fresh quorum nothing may be shared: a consent that is not given is recorded all the same, because it only
    narrows, and its words wait as a draft (None).
    """
    draft = keep_authored(adapter.store, case, Category.STATEMENT_DETAIL, content, adapter.clock())
    drafts = [item for item in list_drafts(adapter.store, case, [DraftState.DRAFT]) if item.draft == draft]
    try:
        adapter.releaser.release(case, drafts, ReleaseTerms(purpose))
    except LogRefused:
        if state == ConsentState.GIVEN.value:
            raise
        click.echo(f"the words wait as draft {draft}: nothing is shared until a quorum has seen the log", err=True)
        return None
    report = adapter.outbox.push_all()
    with adapter.store.write() as session:
        for row in own_fragments(session, case):
            if row.draft == draft and row.is_accepted:
                return {"fragment": row.fragment, "sha256": row.digest}
    reason = report.problems[0].get("detail", "no reason given") if report.problems else "no reason given"
    raise DraftRefused(f"the hub did not take the words of this statement, so it was not recorded: {reason}")


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


for _command in MEMBERSHIP_COMMANDS:
    case.add_command(_command)

COMMANDS: tuple[click.Command, ...] = (case,)
