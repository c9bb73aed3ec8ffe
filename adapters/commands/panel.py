"""Commands of a panel: freeze what is read, vote on exactly that, decide, verify a decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from adapters.commands.base import count, home_option, opened, read_form
from adapters.commands.form_guide import example_option
from adapters.commands.form_meanings import DECISION, VOTE, Meant
from adapters.commands.reading import open_case
from adapters.panel.deciding import (
    collect_votes,
    count_votes,
    require_majority,
    sign_vote,
    tally,
    turnout_of,
    verify_decision,
    with_proofs,
    with_turnout,
)
from adapters.panel.exporting import require_export
from adapters.panel.freezing import (
    Frozen,
    compare_with_view,
    find_frozen,
    require_standing,
    sign_manifest,
    with_manifest,
)
from adapters.picture.turnout import QUORUM_SENTENCE, Turnout, panel_agencies, turnout_sentence
from adapters.picture.view import CaseView
from adapters.picture.words import count_words, join_words, words_for
from adapters.release import authored
from adapters.release.drafts import keep_authored
from adapters.release.forms import author_of, build_content, require_fields, require_one_of, text_list
from adapters.release.quoting import inherited_handling
from keys.custody.keyfile import write_private_file
from policies.vocabulary import Category, Purpose, Role

MAX_DECISION_BYTES = 4 * 1024 * 1024


@click.group()
def panel() -> None:
    """Meetings, votes and decisions.

    \b
    Example: nrm-adapter --home police panel verify decision.json
    """


@panel.command()
@click.argument("case")
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--member", required=True, help="The chair's id; their passphrase is NRM_MEMBER_PASSPHRASE.")
@example_option("freeze")
def freeze(case: str, form: Path, member: str) -> None:
    """Freeze what the chair reads now as the meeting's manifest; a draft to be released to the panel.

    FORM is the meeting (JSON): role, job_title, held_on, question, agencies, is_quorate, minutes (docs/forms.md).

    \b
    Example: nrm-adapter panel freeze --example
    Example: nrm-adapter --home police panel freeze 0f3a… meeting.json --member 7d…
    """
    fields = read_form(form)
    with opened(home_option()) as adapter:
        found = open_case(adapter, case, member, Purpose.PANEL_REVIEW, kept=False)
        meeting = build_content(Category.MEETING, author_of(fields, adapter.clock()), fields)
        statement = sign_manifest(
            found,
            str(meeting["fields"]["hub_Question"]["value"]),
            members=adapter.book.load(case).members,
            agency=adapter.home.agency,
            member=member,
            keys=adapter.member_keys(member),
            at=adapter.clock(),
            checkpoint=adapter.follower.newest_reference(),
        )
        content = with_manifest(meeting, found, statement)
        draft = keep_authored(adapter.store, case, Category.MEETING, content, adapter.clock())
        click.echo(draft)
        click.echo(f"manifest {found.view.manifest_digest} of {count(len(found.view.opened), 'fragment')}", err=True)
        _say_who_is_absent(found.view, text_list("agencies", fields["agencies"]), is_quorate=bool(fields["is_quorate"]))
        _say_next(case, draft, "then each voting member votes: nrm-adapter panel vote")


def _say_who_is_absent(view: CaseView, present: list[str], *, is_quorate: bool) -> None:
    """Say which agencies with a voting member the chair does not list as present, before a quorum is relied on."""
    absent = [name for name in panel_agencies(view.case.membership, view.at) if name not in present]
    if absent:
        stated = "you state that the quorum is met" if is_quorate else "you state that the quorum is not met"
        click.echo(f"not listed as present, with a voting member: {join_words(absent)}; {stated}", err=True)


def _say_next(case: str, draft: str, then: str) -> None:
    """Say what is to do with a draft: until it is released and sent nobody else has it."""
    click.echo(
        f"nobody else has it yet. Next: nrm-adapter release {case} --purpose panel_review --draft {draft}, "
        f"then nrm-adapter push; {then}",
        err=True,
    )


def _say_others(frozen: Frozen) -> None:
    """Say that more than one manifest came: what is voted on must be no surprise."""
    if frozen.older:
        click.echo(f"the chair froze {frozen.older} manifests before this one; the newest counts", err=True)
    if frozen.ignored:
        click.echo(f"{frozen.ignored} manifests that no chair of this case signed are ignored", err=True)


@panel.command()
@click.argument("case")
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--member", required=True, help="Who votes, by id; their passphrase is NRM_MEMBER_PASSPHRASE.")
@example_option("vote")
def vote(case: str, form: Path, member: str) -> None:
    """Vote on the frozen manifest with your own key; a draft to be released to the chair.

    FORM (JSON): role, job_title, outcome, reasons, optional dissent (docs/forms.md).

    \b
    Example: nrm-adapter panel vote --example
    Example: nrm-adapter --home health panel vote 0f3a… vote.json --member 9c…
    """
    fields = read_form(form)
    _require(Category.VOTE, fields, VOTE)
    outcome = require_one_of("outcome", authored.Outcome, fields["outcome"])
    with opened(home_option()) as adapter:
        found = open_case(adapter, case, member, Purpose.PANEL_REVIEW, kept=False)
        members = adapter.book.load(case).members
        frozen = find_frozen(found.view, members, adapter.follower.directory_for(case))
        _say_others(frozen)
        compared = compare_with_view(frozen, found.view)
        by = author_of(fields, adapter.clock())
        token = sign_vote(
            members=members,
            agency=adapter.home.agency,
            member=member,
            role=Role.PANEL_CHAIR if by.role is Role.PANEL_CHAIR else Role.PANEL_VOTING,
            frozen=frozen,
            outcome=outcome.value,
            keys=adapter.member_keys(member),
            at=adapter.clock(),
            checkpoint=adapter.follower.newest_reference(),
        )
        content = authored.vote(
            by,
            question=authored.Question(frozen.question),
            outcome=outcome,
            reasons=fields["reasons"],
            vote_jws=token,
            dissent=fields.get("dissent"),
        )
        draft = keep_authored(adapter.store, case, Category.VOTE, content, adapter.clock())
        click.echo(draft)
        click.echo(
            f"voted on {frozen.digest[:12]}: {count(compared.read, 'fragment')} opened, "
            f"{len(compared.absent)} not given, {len(compared.left_out)} opened here that the manifest leaves out",
            err=True,
        )
        for fragment in compared.left_out:
            click.echo(f"not in the manifest: {fragment}", err=True)
        _say_next(case, draft, "the chair decides when the votes are there: nrm-adapter panel decide")


@panel.command()
@click.argument("case")
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--member", required=True, help="The chair's id; their passphrase is NRM_MEMBER_PASSPHRASE.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the decision here (content).")
@example_option("decide")
def decide(case: str, form: Path, member: str, out: Path | None) -> None:
    """Collect the votes on the frozen manifest and write the decision; a draft to be released.

    FORM (JSON): role, job_title, reasons_by_element, evidence_relied_on (list; empty: all of the manifest),
    less_weight, dissent, actions (list), letter_owner (docs/forms.md).

    \b
    Example: nrm-adapter panel decide --example
    Example: nrm-adapter --home police panel decide 0f3a… decision.json --member 7d…
    """
    fields = read_form(form)
    _require(Category.DECISION, fields, DECISION)
    actions = text_list("actions", fields.get("actions", []))
    named = text_list("evidence_relied_on", fields.get("evidence_relied_on", []))
    with opened(home_option()) as adapter:
        found = open_case(adapter, case, member, Purpose.PANEL_REVIEW, kept=False)
        directory, members = adapter.follower.directory_for(case), adapter.book.load(case).members
        require_standing(members.state, adapter.home.agency, member, Role.PANEL_CHAIR, adapter.clock())
        frozen = find_frozen(found.view, members, directory)
        _say_others(frozen)
        ballots = collect_votes(found.view, frozen, members, directory)
        for reason in ballots.ignored:
            click.echo(f"not counted: {reason}", err=True)
        votes = [statement for _, statement in ballots.counted]
        counted = tally(votes)
        outcome = require_majority(counted)
        relied = named or [item["fragment"] for item in frozen.manifest["fragments"]]
        content = authored.decision(
            author_of(fields, adapter.clock()),
            question=authored.Question(frozen.question),
            outcome=authored.Outcome(outcome),
            reasons_by_element=fields["reasons_by_element"],
            evidence_relied_on=relied,
            less_weight=fields.get("less_weight"),
            dissent=fields.get("dissent"),
            actions=actions,
            letter_owner=fields["letter_owner"],
            manifest=frozen.manifest,
            votes=[token for token, _ in ballots.counted],
        )
        content = with_proofs(with_turnout(content, votes, members), frozen, members)
        verify_decision(content, directory)
        handling = inherited_handling(adapter.store, case, content.get("derived_from", []))
        content["handling"] = handling.to_json()
        if out is not None:
            require_export(found.view, adapter.receiver.bundle, adapter.home.kind, content, handling)
        draft = keep_authored(adapter.store, case, Category.DECISION, content, adapter.clock())
        click.echo(draft)
        if out is not None:
            text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
            write_private_file(out, text.encode("utf-8"))
        click.echo(f"{outcome}: {count_votes(counted)} over manifest {frozen.digest[:12]}", err=True)
        _say_turnout(turnout_of(votes, members), err=True)
        _say_next(case, draft, "then the panel can read it")


def _require(category: Category, form: Mapping[str, Any], meant: Mapping[str, Meant]) -> None:
    needed = {name for name, item in meant.items() if item.is_required}
    require_fields(category.value, form, needed, set(meant))


def _say_turnout(turnout: Turnout, *, err: bool) -> None:
    """Say which agencies voted, which of the panel did not, and what to know of it."""
    click.echo(turnout_sentence(turnout), err=err)
    for warning in turnout.warnings:
        click.echo(f"warning: {warning}", err=err)
    click.echo(QUORUM_SENTENCE, err=err)


@panel.command()
@click.argument("decision", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def verify(decision: Path) -> None:
    """Verify a decision file offline: who was a member, the chair's manifest, every vote over exactly that.

    The votes sign question, outcome and set of fragments; the reasons are proven by the sealed decision only.

    \b
    Example: nrm-adapter --home police panel verify decision.json
    """
    content = read_form(decision, MAX_DECISION_BYTES)
    with opened(home_option()) as adapter:
        found = verify_decision(content, adapter.follower.directory())
        click.echo(
            f"the decision holds: {words_for(found.question).lower()}, {found.outcome} ({count_votes(found.votes)}), "
            f"on the {count_words(found.fragments, 'fragment')} that the chair had opened, manifest {found.manifest}"
        )
        _say_turnout(found.turnout, err=False)


COMMANDS: tuple[click.Command, ...] = (panel,)
