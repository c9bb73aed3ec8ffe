"""Commands about consent: say where it stands, record it with its effect shown before, list who had read what ended."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from adapters.cases import VerifiedCase
from adapters.commands.base import home_option, opened, read_form
from adapters.commands.form_guide import example_option
from adapters.commands.form_meanings import CONSENT
from adapters.commands.membership import dry_run_option
from adapters.release.consent_effect import describe
from adapters.release.consent_events import describe_receipt
from adapters.release.consenting import consent_members, detail_content, plan_consent, record_consent, unless_it_narrows
from adapters.release.forms import author_of, require_fields
from policies.model import Malformed, render_time, require_term
from policies.vocabulary import AgePath, ConsentSubject, Purpose

_WORDS = frozenset({"words", "told_words", "competence_words", "interpreter_words"})


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
        # The statement is checked whole before its words are sealed: a typing error must not send them off alone.
        require_fields("a consent", said, {name for name, item in CONSENT.items() if item.is_required}, set(CONSENT))
        members = consent_members(said)
        at = adapter.clock()
        words = detail_content(said, author_of(dict(said), at)) if _WORDS & set(said) else None
        purpose = require_term(Purpose, said.get("purpose", Purpose.PANEL_REVIEW.value), "purpose")
        with unless_it_narrows(adapter, case, members):
            adapter.follower.sync_cases()
        planned = plan_consent(adapter, case, members)
        for line in describe(planned.effect, planned.verified):
            click.echo(line, err=not dry_run)
        if dry_run:
            return
        recorded = record_consent(adapter, case, members, words, purpose, at)
        if recorded.waiting is not None:
            text = (
                f"the words wait here (draft {recorded.waiting}): the hub has not taken them, or nothing is shared "
                "until a quorum has seen the log"
            )
            click.echo(text, err=True)
        click.echo(f"recorded consent {recorded.statement.members['state']} ({recorded.statement.digest[:12]})")


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
