"""Commands on conflicts of interest: keep somebody out of a case, confirm it, list, renew, lift. Each shows first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from adapters.cases import CaseRefused
from adapters.commands.base import echo_line, home_option, opened, progress, read_form
from adapters.commands.membership import dry_run_option
from adapters.commands.reading import open_case
from adapters.excluding import (
    MAX_DAYS,
    Known,
    Saying,
    describe,
    find_known,
    known_to,
    plan_add,
    plan_confirmation,
    plan_lifting,
    plan_renewal,
    require_leads,
    words_of_exclusion,
)
from adapters.following import LogRefused
from adapters.release.drafts import DraftRefused, DraftState, keep_authored, list_drafts
from adapters.release.forms import author_of, require_fields
from adapters.release.releasing import ReleaseTerms
from adapters.runtime import Adapter
from adapters.store.rows import own_fragments
from adapters.working_keys import working_key
from keys.uses import KeyUse
from policies.exclusions import Exclusion, Person
from policies.model import Malformed, require_agency, require_id
from policies.vocabulary import Category, Purpose

READ_FOR = Purpose.PANEL_REVIEW
"""For what the words are sealed and read: every role that may sign is given statement details for it."""
_ME = "Who says it, by id; their passphrase is NRM_MEMBER_PASSPHRASE."
_LEAD = "A safeguarding lead of the case the words are sealed to, by id; repeat."
_member = click.option("--member", required=True, help=_ME)
_days = click.option(
    "--days",
    default=MAX_DAYS,
    show_default=True,
    type=click.IntRange(1, MAX_DAYS),
    help="How long; it ends by itself unless two people renew it, one of them new.",
)


@click.group()
def exclusions() -> None:
    """Keep somebody out of a case for a conflict of interest: two people say it, and it ends by itself.

    \b
    Example: nrm-adapter --home care exclusions list 0f3a… --member 3f…
    """


def parse_person(text: str) -> Person:
    """Read ``agency:id``. Raises ``Malformed``."""
    agency, colon, member = text.partition(":")
    if not colon:
        raise Malformed("person: expected agency:id")
    return require_agency(agency), require_id(member, "person")


@exclusions.command(name="add")
@click.argument("case")
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@_member
@click.option("--person", "person", required=True, help="Whom to keep out, as agency:id.")
@click.option("--lead", "leads", multiple=True, required=True, help=_LEAD)
@click.option("--same-as", "same_as", help="The exclusion of the same person under another id; you may open its words.")
@_days
@dry_run_option
def add(
    case: str,
    form: Path,
    member: str,
    person: str,
    leads: tuple[str, ...],
    same_as: str | None,
    days: int,
    dry_run: bool,
) -> None:
    """Say that somebody is to be kept out of a case. It counts when a second person has confirmed it.

    FORM (JSON, or - for standard input): role, job_title and words: who it is, and why. They travel sealed, to the
    leads named alone. Name at least two: whoever renews it must be somebody new.

    \b
    Example: nrm-adapter --home care exclusions add 0f3a… why.json --member 3f… --person fern-police:7d… --lead 9c…
    """
    excluded = parse_person(person)
    fields = read_form(form)
    require_fields("an exclusion", fields, {"role", "job_title", "words"}, {"role", "job_title", "words"})
    with opened(home_option()) as adapter:
        known = _known(adapter, case, member)
        verified, me, at = adapter.book.load(case), (adapter.home.agency, member), adapter.clock()
        also = None if same_as is None else find_known(known, same_as).exclusion
        readers = require_leads(verified, leads, me, excluded)
        words = str(fields.pop("words"))
        content = words_of_exclusion(author_of(fields, at), words, excluded=excluded, same_as=also)
        _say(plan_add(verified, me, excluded, days=days, at=at, detail=None))
        if dry_run:
            click.echo("Nothing was sent: this was a dry run.")
            return
        detail = _send_words(adapter, case, content, readers)
        _send(adapter, member, plan_add(adapter.book.load(case), me, excluded, days=days, at=at, detail=detail))


@exclusions.command(name="confirm")
@click.argument("case")
@click.argument("proposal")
@_member
@dry_run_option
def confirm(case: str, proposal: str, member: str, dry_run: bool) -> None:
    """Confirm, as a second person, what somebody has said of an exclusion. PROPOSAL: its digest's beginning.

    \b
    Example: nrm-adapter --home health exclusions confirm 0f3a… 77d0c2f1 --member 9c… --dry-run
    """
    with opened(home_option()) as adapter:
        known = _known(adapter, case, member)
        verified, me, at = adapter.book.load(case), (adapter.home.agency, member), adapter.clock()
        words = {item.exclusion: item.words for item in known}
        found = [
            item
            for item in verified.members.kept_out.proposals
            if item.is_waiting(at)
            and len(proposal) >= 8
            and item.digest.startswith(proposal)
            # Without its words it is confirmed only by whoever was told of it otherwise: then they were never sent.
            and (item.exclusion in words or item.detail is None)
        ]
        if len(found) != 1:
            raise CaseRefused("expected the beginning of the digest of one word that waits; see: exclusions list")
        saying = plan_confirmation(verified, me, found[0], words.get(found[0].exclusion), at=at)
        _carry_out(adapter, member, saying, dry_run=dry_run)


@exclusions.command(name="list")
@click.argument("case")
@_member
def list_(case: str, member: str) -> None:
    """List the exclusions of a case whose words you may open, and what waits for a second person. Shows content.

    \b
    Example: nrm-adapter --home care exclusions list 0f3a… --member 3f…
    """
    with opened(home_option()) as adapter:
        known, at = _known(adapter, case, member), adapter.clock()
        for item in known:
            for line in describe(item, at):
                echo_line(line)
        if not known:
            click.echo("There is no exclusion in this case whose words you may open.")


@exclusions.command(name="renew")
@click.argument("case")
@click.argument("exclusion")
@_member
@click.option("--lead", "leads", multiple=True, help=f"{_LEAD} Then its words are sealed to them, too.")
@_days
@dry_run_option
def renew(case: str, exclusion: str, member: str, leads: tuple[str, ...], days: int, dry_run: bool) -> None:
    """Say that an exclusion is to last longer. Two people say it, one of them new to it: that is its review.

    \b
    Example: nrm-adapter --home care exclusions renew 0f3a… 5b1e90aa --member 3f… --lead 9c…
    """
    with opened(home_option()) as adapter:
        item = find_known(_known(adapter, case, member), exclusion)
        verified, me, at = adapter.book.load(case), (adapter.home.agency, member), adapter.clock()
        held = _standing(item)
        readers = require_leads(verified, leads, me, held.excluded) if leads else frozenset()
        saying = plan_renewal(verified, me, held, days=days, at=at, detail=None)
        if readers and not dry_run:
            form = {"role": _role(verified.state.membership.find_member(*me)), "job_title": "safeguarding lead"}
            content = words_of_exclusion(author_of(form, at), item.words, excluded=held.excluded)
            detail = _send_words(adapter, case, content, readers)
            saying = plan_renewal(adapter.book.load(case), me, held, days=days, at=at, detail=detail)
        _carry_out(adapter, member, saying, dry_run=dry_run)


@exclusions.command(name="lift")
@click.argument("case")
@click.argument("exclusion")
@_member
@dry_run_option
def lift(case: str, exclusion: str, member: str, dry_run: bool) -> None:
    """Say that an exclusion is to end. It does when a second person has confirmed it.

    \b
    Example: nrm-adapter --home care exclusions lift 0f3a… 5b1e90aa --member 3f…
    """
    with opened(home_option()) as adapter:
        item = find_known(_known(adapter, case, member), exclusion)
        verified, me, at = adapter.book.load(case), (adapter.home.agency, member), adapter.clock()
        _carry_out(adapter, member, plan_lifting(verified, me, _standing(item), at=at), dry_run=dry_run)


def _known(adapter: Adapter, case: str, member: str) -> list[Known]:
    """Pull for whoever asks and return the exclusions whose words they may open."""
    with progress("pulling and verifying"):
        found = open_case(adapter, case, member, READ_FOR, kept=False)
    return known_to(adapter.book.load(case), found.view.opened, adapter.clock())


def _standing(item: Known) -> Exclusion:
    if item.held is None:
        raise CaseRefused("this exclusion does not count yet: a second person has to confirm it")
    return item.held


def _role(entry: Any) -> str:
    return "practitioner" if entry is None else str(entry.roles[0].value)


def _send_words(adapter: Adapter, case: str, content: dict[str, Any], readers: frozenset[str]) -> dict[str, str] | None:
    """Seal and push the words to these people alone; return what names them, None where nothing may be shared now.

    Keeping somebody out only narrows: it does not wait for a quorum of witnesses, and its words follow as a draft.
    """
    draft = keep_authored(adapter.store, case, Category.STATEMENT_DETAIL, content, adapter.clock())
    drafts = [item for item in list_drafts(adapter.store, case, [DraftState.DRAFT]) if item.draft == draft]
    try:
        adapter.releaser.release(case, drafts, ReleaseTerms(READ_FOR, originator_release=True, only=readers))
    except LogRefused:
        click.echo(f"the words wait as draft {draft}: nothing is shared until a quorum has seen the log", err=True)
        return None
    report = adapter.outbox.push_case(case)
    with adapter.store.write() as session:
        for row in own_fragments(session, case):
            if row.draft == draft and row.is_accepted:
                return {"fragment": row.fragment, "sha256": row.digest}
    reason = report.problems[0].get("detail", "no reason given") if report.problems else "no reason given"
    raise DraftRefused(f"the hub did not take the words, so nothing was said: {reason}")


def _carry_out(adapter: Adapter, member: str, saying: Saying, *, dry_run: bool) -> None:
    _say(saying)
    if dry_run:
        click.echo("Nothing was sent: this was a dry run.")
        return
    _send(adapter, member, saying)


def _say(saying: Saying) -> None:
    for sentence in saying.summary:
        echo_line(sentence)


def _send(adapter: Adapter, member: str, saying: Saying) -> None:
    signer = working_key(adapter.member_keys(member).keys, KeyUse.MEMBER_SIGNING)
    sent = adapter.book.send(saying.kind, saying.members, signer)
    adapter.receiver.drop_refused(str(saying.members["case"]))
    click.echo(f"recorded: {sent.digest}")


COMMANDS: tuple[click.Command, ...] = (exclusions,)
