"""Commands about consent: say where it stands, record it with its effect shown before, list who had read what ended."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from adapters.cases import VerifiedCase
from adapters.commands.base import home_option, opened, read_form
from adapters.commands.form_guide import example_option
from adapters.commands.form_meanings import CONSENT
from adapters.commands.forms import author_of, require_fields
from adapters.commands.membership import dry_run_option
from adapters.following import LogRefused
from adapters.release.authored import SourceKind, statement_detail
from adapters.release.consent_effect import describe
from adapters.release.consent_events import describe_receipt
from adapters.release.drafts import DraftRefused, DraftState, keep_authored, list_drafts
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.store.rows import own_fragments
from policies.consent import NO_SCOPE
from policies.model import Malformed, render_time, require_term
from policies.vocabulary import AgePath, Category, ConsentState, ConsentSubject, Purpose

DEFAULTS: dict[str, Any] = {
    "subject": "sharing",
    "reason": "none",
    "given_by": "nobody",
    "giver": None,
    "competence": "not_assessed",
    "assessed_by": "nobody",
    "scope": NO_SCOPE.to_json(),
    "expires_at": None,
    "about": None,
}
"""What a form that leaves a field out says. Whether the person was told and heard is never taken for granted."""
CODES = (*DEFAULTS, "state", "interpreter", "told", "wishes")


@click.command()
@click.argument("case")
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@dry_run_option
@example_option("consent")
def consent(case: str, form: Path, dry_run: bool) -> None:
    """Record a consent (given, refused, withdrawn, not sought because …). The words travel sealed.

    FORM is a JSON file, or - for standard input: state, wishes, told, interpreter, whose consent it is (given_by) and
    on what (subject); for a given consent scope {categories, recipients, purposes}; recipients are kinds of agencies
    (police, social_care, …), never names. The words, sealed and sent as statement_detail: words, told_words,
    competence_words, interpreter_words, with role and job_title. Every field and its terms: docs/forms.md, or
    --example. What it does to each of your agency's grants is shown before it is recorded; with --dry-run only that.

    \b
    Example: nrm-adapter case consent --example
    Example: nrm-adapter --home care case consent 0f3a… consent.json --dry-run
    """
    said = read_form(form)
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        # The statement is checked whole before its words are sealed: a typing error must not send them off alone.
        require_fields("a consent", said, {name for name, item in CONSENT.items() if item.is_required}, set(CONSENT))
        members = consent_members(said)
        words = _detail_content(said, adapter.clock()) if "words" in said else None
        purpose = require_term(Purpose, said.get("purpose", Purpose.PANEL_REVIEW.value), "purpose")
        verified, effect = adapter.consents.plan(case, members)
        for line in describe(effect, verified):
            click.echo(line, err=not dry_run)
        if dry_run:
            return
        if words is not None:
            members["detail"] = _send_detail(adapter, case, words, purpose, members["state"])
        statement, _ = adapter.consents.record(case, members)
        click.echo(f"recorded consent {statement.members['state']} ({statement.digest[:12]})")


def consent_members(said: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a consent statement without its place in the chain: the codes of a form."""
    members = {**DEFAULTS, **{name: said[name] for name in CODES if name in said}, "effect": None, "detail": None}
    if not members["scope"]:
        members["scope"] = NO_SCOPE.to_json()
    return members


def _detail_content(said: dict[str, Any], at: datetime) -> dict[str, Any]:
    by = author_of(dict(said), at)
    return statement_detail(
        by,
        statement_kind=said.get("statement_kind", "consent"),
        words=said["words"],
        source_kind=require_term(SourceKind, said.get("source_kind", SourceKind.CHILD_ACCOUNT.value), "source_kind"),
        given_by_role=said.get("given_by"),
        competence=said.get("competence_words"),
        told=said.get("told_words"),
        interpreter=said.get("interpreter_words"),
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


@click.command()
@click.argument("case")
def consents(case: str) -> None:
    """Say where consent stands in a case, on what rule, what can be done next; list the statements.

    \b
    Example: nrm-adapter --home care case consents 0f3a…
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        verified = adapter.book.load(case)
        adapter.consents.note(case)
        for line in describe_standing(verified, adapter.clock()):
            click.echo(line)
        noted = adapter.consents.noted(case)
        for statement in verified.consents:
            said, effect = statement.members, noted.get(statement.digest)
            counted = "" if effect is None else f"; of your grants {effect['ends']} ended, {effect['stays']} stayed"
            click.echo(
                f"{statement.digest[:12]} {render_time(statement.issued_at)} {statement.issuer}: {said['subject']} "
                f"{said['state']} by {said['given_by']}{counted}"
            )


def describe_standing(verified: VerifiedCase, at: datetime) -> list[str]:
    """Say in plain lines where each consent of a case stands, why, and what can be done next."""
    path = verified.state.membership.age_path
    subjects = tuple(ConsentSubject) if path is AgePath.ADULT else (ConsentSubject.SHARING,)
    lines = []
    for subject in subjects:
        answer = verified.state.consent.answer(subject, path, at)
        lines.append(f"{subject.value}: {answer.state.value} (rule {answer.rule.value})")
        lines.append(f"  {answer.reason.why}")
        lines.append(f"  source: {answer.reason.source}; confirmed by: {answer.reason.confirmed_by}")
        lines.append(f"  next: {answer.reason.next_act}")
    return lines


@click.command()
@click.argument("case")
@click.argument("statement")
def receipt(case: str, statement: str) -> None:
    """List who had read, before a consent statement, what of yours it ended; from the log's own entries.

    STATEMENT is its digest, or the beginning of it, as `case consents` shows it.

    \b
    Example: nrm-adapter --home charity case receipt 0f3a… 7be2c1d09a3f
    """
    with opened(home_option()) as adapter:
        adapter.follower.sync_cases()
        found = [item.digest for item in adapter.book.load(case).consents if item.digest.startswith(statement)]
        if len(found) != 1:
            raise Malformed(f"statement: expected the beginning of one consent statement's digest, got {len(found)}")
        for line in describe_receipt(adapter.consents.receipt(case, found[0])):
            click.echo(line)


COMMANDS: tuple[click.Command, ...] = (consent, consents, receipt)
