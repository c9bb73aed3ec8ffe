"""Commands from a source file to the hub: read, write, drafts, hold, release, push, regrant."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from adapters.commands.base import count, echo_json, echo_line, home_option, opened, progress, read_form
from adapters.commands.form_guide import example_option
from adapters.commands.form_meanings import NECESSITY
from adapters.commands.regranting import regrant
from adapters.home import CONFIG_NAME, Home
from adapters.release.disowned import disown
from adapters.release.drafts import (
    Draft,
    DraftRefused,
    DraftState,
    hold,
    is_of_its_command,
    keep_authored,
    keep_records,
    list_drafts,
    take_hold_off,
)
from adapters.release.forms import BUILDERS, author_of, content_for, keep_why, listed, require_fields
from adapters.release.releasing import Planned, ReleaseTerms
from adapters.runtime import Adapter, system_clock
from adapters.sources.draft import ReadReport
from adapters.sources.formats import warn_of_origin
from adapters.sources.reading import read_file
from adapters.sources.subject import IDENTIFIER_KEYS, Subject
from policies.model import Recipient
from policies.vocabulary import Category, Gateway, OverrideReason, Purpose

EXIT_REFUSED = 2
MAX_CHILD_BYTES = 10_000
MAX_NAMED = 20
MAX_NAMED_CHARS = 100
_PERSON_KEYS = ("first_name", "family_name", "birth_date")


def parse_subject(given: Sequence[str]) -> Subject | None:
    """Read whose records are asked for: ``key=value`` each, a JSON object, or ``@FILE`` that holds one.

    Keys are identifiers, or first_name, family_name and birth_date. Raises ``click.UsageError``.
    """
    if not given:
        return None
    said: dict[str, str] = {}
    for item in given:
        said |= _child_object(item) if item[:1] in ("{", "@") else dict([item.partition("=")[::2]])
    unknown = set(said) - IDENTIFIER_KEYS - set(_PERSON_KEYS)
    if unknown:
        keys = listed(sorted(IDENTIFIER_KEYS))
        raise click.UsageError(f"--child: unknown identifier; expected one of {keys}, or {listed(_PERSON_KEYS)}")
    person = {name: said.pop(name, None) for name in _PERSON_KEYS}
    if person["birth_date"] is not None and not _is_day(person["birth_date"]):
        raise click.UsageError("--child: birth_date: expected a date such as 2012-05-17")
    try:
        return Subject(said, **person)
    except ValueError as error:
        raise click.UsageError("--child: a child needs an identifier, or family_name and birth_date") from error


def _child_object(item: str) -> dict[str, str]:
    """Return the members of a JSON object given as it is or, with ``@``, in a file."""
    try:
        if item.startswith("@"):
            found: object = read_form(Path(item[1:]), MAX_CHILD_BYTES)
        else:
            found = json.loads(item[: MAX_CHILD_BYTES + 1])
    except (ValueError, RecursionError) as error:
        raise click.UsageError("--child: the text is not a JSON object") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise click.UsageError("--child: expected a JSON object whose values are texts")
    return found


def _is_day(text: str) -> bool:
    try:
        return len(text) == len("2012-05-17") and bool(date.fromisoformat(text))
    except ValueError:
        return False


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--report",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the report is printed.",
)
@click.option(
    "--child",
    "child",
    multiple=True,
    help=f"Whose records, as key=value; repeat. An identifier ({listed(sorted(IDENTIFIER_KEYS))}), or family_name=… "
    "with birth_date=2012-05-17 and, where known, first_name=…. Or @FILE with all of it as a JSON object: "
    '{"first_name": "Juniper", "family_name": "Madeup", "birth_date": "2012-05-17"}; then '
    "no name stands on a command line.",
)
@click.option(
    "--with",
    "siblings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another file of the same delivery that FILE refers to (SSDA903: header, episodes); repeat.",
)
@click.option("--year", type=int, help="Your answer where a file contradicts itself about its year.")
@click.option("--case", "case", help="Keep the records as drafts of this case (needs --child and a home).")
def read(
    file: Path, report: str, child: tuple[str, ...], siblings: tuple[Path, ...], year: int | None, case: str | None
) -> None:
    """Read an export of an agency's system and report what became of every record. Releases nothing.

    Exit 0 when the file was read, 2 when it was refused. With --case the records become drafts.

    \b
    Example: nrm-adapter read census.xml --report json
    Example: nrm-adapter --home care read census.xml --case 0f3a… --child la_child_id=DEMO0001
    """
    subject = parse_subject(child)
    if case is not None and subject is None:
        raise click.UsageError("--case needs --child: drafts are about one child")
    with progress(f"reading {file.name}"):
        found = read_file(
            file,
            today=system_clock().date(),
            subject=subject,
            chosen_year=year,
            is_test_hub=_is_demo(),
            siblings=siblings,
        )
    if report == "json":
        echo_json(found.to_json())
    else:
        _print_report(found)
    if found.is_refused:
        sys.exit(EXIT_REFUSED)
    if case is not None:
        with opened(home_option()) as adapter:
            new, known = keep_records(adapter.store, case, found.drafts, adapter.clock())
            origin = warn_of_origin(found.format, adapter.home.kind)
        if origin:
            click.echo(f"warning: {origin}", err=True)
        click.echo(f"{count(new, 'draft')} kept, {known} {'was' if known == 1 else 'were'} here already", err=True)


def _is_demo() -> bool:
    folder = home_option()
    return (folder / CONFIG_NAME).exists() and Home.load(folder).environment == "demo"


def _print_report(report: ReadReport) -> None:
    data = report.to_json()
    click.echo(f"format {data['format']} {data['version']}".rstrip())
    click.echo(
        f"{count(data['records_in'], 'record')} in = {count(data['fragments'], 'fragment')} "
        f"+ {data['refused']} refused + {data['not_about']} not about the child asked for"
    )
    for finding in data["findings"]:
        echo_line(f"{finding['severity']}: {finding['code']}: {finding['message']} [{finding['locator']}]")


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(sorted(item.value for item in BUILDERS)))
@click.argument("form", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--case", "case", required=True, help="The case's id, as case list shows it.")
@example_option()
def write(kind: str, form: Path, case: str) -> None:
    """Write a fragment yourself (the child's wishes, a view, a request …) as a draft. Prints the draft's id.

    KIND is one of answer, context, disagreement, meeting, missing_episode, movement, offence (what was done about one),
    placement, professional_view, relation, request, safeguarding_action, service_referral, strategy_discussion,
    subject_card, wishes_and_feelings. Everything else comes from records: nrm-adapter read.

    FORM is a JSON file, or - for standard input, with role, job_title and the fields of the kind: docs/forms.md lists
    them with their terms, and --example prints one that is filled in.

    \b
    Example: nrm-adapter write wishes_and_feelings --example
    Example: nrm-adapter --home charity write wishes_and_feelings wishes.json --case 0f3a…
    """
    fields = read_form(form)
    with opened(home_option()) as adapter:
        by = author_of(fields, adapter.clock())
        content = content_for(adapter.store, case, Category(kind), by, fields)
        click.echo(keep_authored(adapter.store, case, Category(kind), content, adapter.clock()))


@click.command()
@click.argument("case")
@click.option("--all", "everything", is_flag=True, help="Also what was released or held.")
def drafts(case: str, everything: bool) -> None:
    """List a case's drafts for review.

    \b
    Example: nrm-adapter --home care drafts 0f3a…
    """
    states = list(DraftState) if everything else [DraftState.DRAFT]
    with opened(home_option()) as adapter:
        disown(adapter.book, case)
        for draft in list_drafts(adapter.store, case, states):
            marks = " restricted" if draft.restricted else ""
            echo_line(f"{draft.draft} {draft.state.value} {draft.category.value}{marks}: {draft.summary}")
            if draft.why_again is not None:
                echo_line(f"  {draft.why_again}")


@click.command(name="hold")
@click.argument("draft")
@click.option("--off", is_flag=True, help="Take the hold off again.")
def hold_(draft: str, off: bool) -> None:
    """Keep a draft back from release.

    \b
    Example: nrm-adapter --home care hold 77ab…
    """
    with opened(home_option()) as adapter:
        if off:
            take_hold_off(adapter.store, draft)
        else:
            hold(adapter.store, draft)
    click.echo("the hold is off" if off else "held")


@click.command()
@click.argument("case")
@click.option(
    "--purpose",
    "purposes",
    multiple=True,
    required=True,
    type=click.Choice([p.value for p in Purpose]),
    help="What it is shared for; repeat for several.",
)
@click.option(
    "--draft",
    "chosen",
    multiple=True,
    help="A draft id; repeat. Leave out for every draft that is not held and was not released with a disowned key.",
)
@click.option("--gateway", type=click.Choice([item.value for item in Gateway]), help="Another power or duty to share.")
@click.option("--originator-release", is_flag=True, help="Release what is marked C to these recipients, explicitly.")
@click.option("--only", multiple=True, help="Limit to these agencies or members; repeat.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day of this sharing.")
@click.option(
    "--without-consent",
    type=click.Choice([item.value for item in OverrideReason if item is not OverrideReason.NONE]),
    help="Share against an objection that stands, for this reason; needs --necessity.",
)
@click.option(
    "--necessity",
    type=click.Path(path_type=Path, allow_dash=True),
    help="With --without-consent: a form that says why; sealed, for the lead professional and the panel.",
)
@click.option("--dry-run", is_flag=True, help="Only show what the policy says for each recipient.")
def release(
    case: str,
    purposes: tuple[str, ...],
    chosen: tuple[str, ...],
    gateway: str | None,
    originator_release: bool,
    only: tuple[str, ...],
    until: datetime | None,
    without_consent: str | None,
    necessity: Path | None,
    dry_run: bool,
) -> None:
    """Decide, seal and sign drafts for everybody the policy permits; they leave with the next push.

    \b
    Example: nrm-adapter --home care release 0f3a… --purpose panel_review --dry-run
    Example: nrm-adapter --home care release 0f3a… --purpose panel_review --purpose nrm_referral
    """
    if (without_consent is None) != (necessity is None):
        raise click.UsageError("--without-consent and --necessity belong together")
    override = OverrideReason.NONE if without_consent is None else OverrideReason(without_consent)
    with opened(home_option()) as adapter:
        adapter.follower.sync()
        adapter.follower.sync_cases()
        disown(adapter.book, case)
        listed = _chosen_drafts(list_drafts(adapter.store, case), chosen)
        why = None
        if necessity is not None and not dry_run:
            why = keep_necessity(adapter, case, read_form(necessity), "override")
        for purpose in purposes:
            terms = ReleaseTerms(
                purpose=Purpose(purpose),
                gateway=None if gateway is None else Gateway(gateway),
                originator_release=originator_release,
                # The day named is the last one: sharing ends when it does.
                expires_at=None if until is None else until.replace(tzinfo=UTC) + timedelta(days=1),
                override=override,
                only=frozenset(only) if only else None,
            )
            if dry_run:
                _print_plan(adapter.releaser.plan(case, listed, terms), purpose)
                continue
            with progress(f"sealing {count(len(listed), 'fragment')}"):
                # The lead professional and the panel are told why, in the same push.
                released = adapter.releaser.release(case, listed, terms, why)
            click.echo(
                f"{purpose}: {count(len(released.fragments), 'fragment')}, {count(released.grants, 'grant')} in "
                f"{count(released.disclosures, 'disclosure')}; {len(released.refused)} not given by policy"
                + (f"; {released.told} others told that there is more" if released.told else "")
                + "".join(map(_keyless, released.keyless))
            )


def keep_necessity(adapter: Adapter, case: str, form: dict[str, Any], kind: str) -> Draft:
    """Keep the words that say why, as a draft of a statement detail of a kind (``STATEMENT_KINDS``)."""
    require_fields("a necessity", form, {name for name, item in NECESSITY.items() if item.is_required}, set(NECESSITY))
    return keep_why(adapter.store, case, author_of(dict(form), adapter.clock()), form["necessity"], kind)


def _chosen_drafts(listed: Sequence[Draft], chosen: Sequence[str]) -> list[Draft]:
    if not chosen:
        listed = [draft for draft in listed if not is_of_its_command(draft.content)]
        again = [draft for draft in listed if draft.why_again is not None]
        if again:
            click.echo(
                f"drafts left out: {len(again)}. They were released before with a key that was dated back; look at "
                "each (nrm-adapter drafts CASE) and name it: --draft ID",
                err=True,
            )
        return [draft for draft in listed if draft.state is not DraftState.HELD and draft.why_again is None]
    by_id = {draft.draft: draft for draft in listed}
    missing = [name for name in chosen if name not in by_id]
    if missing:
        raise DraftRefused(f"draft {missing[0][:12]} is not one of this case")
    if any(by_id[name].state is DraftState.HELD for name in chosen):
        raise DraftRefused("a chosen draft is held; take the hold off first: nrm-adapter hold DRAFT --off")
    return [by_id[name] for name in chosen]


def _print_plan(planned: Sequence[Planned], purpose: str) -> None:
    for item in planned:
        who = f"{item.recipient.agency}:{(item.recipient.member or 'intake')[:8]}"
        why = ", ".join(item.decision.rules) or "no rule permits it"
        click.echo(f"{purpose} {item.draft.draft[:12]} {item.draft.category.value} -> {who}: ", nl=False)
        click.echo(f"{item.decision.effect.value} ({why}); on {item.on}")


@click.command()
@click.option(
    "--promise",
    "takes_promises",
    is_flag=True,
    help="Do not wait for a place in the log: take the hub's signed promise with a deadline; the next syncs settle it.",
)
def push(takes_promises: bool) -> None:
    """Send what was released; safe to repeat at any time.

    Each disclosure is decided once more before it leaves; what is not permitted any more is stopped here.

    \b
    Example: nrm-adapter --home care push
    Example: nrm-adapter --home care push --promise
    """
    with opened(home_option()) as adapter, progress("pushing"):
        adapter.follower.sync_cases()
        report = replace(adapter.outbox, takes_promises=takes_promises).push_all()
    click.echo(f"{report.accepted} accepted, {report.repeated} known already, {report.refused} refused")
    if report.promised:
        click.echo(f"{report.promised} promised, not yet in the log; nrm-adapter sync looks, nrm-adapter status shows")
    for problem in report.problems:
        echo_line(f"refused: {problem.get('detail', 'no reason given')}{_named(problem)}")
    if report.refused:
        sys.exit(1)


def _named(problem: Mapping[str, Any]) -> str:
    """Return which fragment, rules or facts a problem names, in words; nothing where it names none."""
    said = []
    for name in ("fragment", "rules", "facts", "missing"):
        value = problem.get(name)
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        texts = [text[:MAX_NAMED_CHARS] for text in texts if isinstance(text, str) and text]
        if texts:
            said.append(f"{name}: {listed(texts[:MAX_NAMED])}")
    return f" ({'; '.join(said)})" if said else ""


def _keyless(recipient: Recipient) -> str:
    whom = f"{recipient.agency}'s intake"
    if recipient.member is not None:
        whom = f"{recipient.member[:8]} of {recipient.agency}"
    return f"; nothing to {whom}, who has no certified key now"


COMMANDS: tuple[click.Command, ...] = (read, write, drafts, hold_, release, push, regrant)
