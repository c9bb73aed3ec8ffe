"""What a form is about: the request or invitation that it answers, or the earlier record of which it says what came.

From the opened case in memory. What is named and is not there, or is not this agency's to answer, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import gettext as _
from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from adapters.picture.content import read_content
from adapters.picture.disagreements import DisagreementItem, DisagreementKind
from adapters.picture.missing import list_episodes, newest_of
from adapters.picture.neutral import neutral_text
from adapters.picture.offence_answers import OFFENDER_ROLES
from adapters.picture.offences import VICTIM, OffenceRow
from adapters.picture.provenance import Piece
from adapters.picture.requests import list_requests
from adapters.picture.situation import ActionRow
from adapters.picture.speech import shown
from adapters.picture.words import day_words
from adapters.workspace.app import workspace
from adapters.workspace.opened import OpenCase
from adapters.workspace.typed_forms import ReadForm, Typed, fill_dates, prefill
from adapters.workspace.written_kinds import FORMS
from adapters.workspace.written_offence import OFFENCE_ANSWER
from adapters.workspace.written_terms import STANDING_WORDS, WrittenKind
from adapters.workspace.written_work import ANSWER, INVITATION_ANSWER, REFUSAL
from policies.vocabulary import Category

FOLLOWED = (Category.SAFEGUARDING_ACTION, Category.SERVICE_REFERRAL)
"""Kinds of which a later record of the same kind says what came, in their own form; a disagreement is one more."""
ANSWERS = (ANSWER.slug, REFUSAL.slug, INVITATION_ANSWER.slug)
_SAID_ANEW = ("state", "outcome", "derived_from", "account", "return_interview", "interview_on", "source_kind")
"""What a later record says anew; the rest stands in its form as it was written."""


_OF_RECORDS: Mapping[Category, tuple[str, str]] = {
    Category.MISSING_EPISODE: ("missing_from", "found_on"),
    Category.PLACEMENT: ("placed_on", "placed_until"),
    Category.RELATION: ("known_from", "known_until"),
}
"""Kinds of which any record may be followed, of a file too: the questions of their days."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Words of somebody that the form is about, shown above it."""

    heading: str
    """Words of ours; what others wrote in them is isolated."""
    text: str


@dataclass(frozen=True, slots=True)
class RequestChoice:
    """A request that may be answered or refused: its fragment, its short name on the pages, what is asked."""

    fragment: str
    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class Matter:
    """Something on record of which somebody may say what came: in words, where it stands, and in which form."""

    fragment: str
    text: str
    state: str
    form: str


def to_answer(held: OpenCase) -> list[RequestChoice]:
    """Return the requests to this agency. An answer may be added to, and a refusal taken back by an answer."""
    own = workspace().adapter.home.agency
    return [
        RequestChoice(item.fragment, item.ref, item.what) for item in list_requests(held.view) if item.to_agency == own
    ]


def invitations(held: OpenCase) -> list[ActionRow]:
    """Return the discussions that another agency plans and invites this one to, and of which it said nothing since."""
    own = workspace().adapter.home.agency
    return [
        row
        for row in held.picture.plan
        if row.discussion is not None and not row.discussion.is_ours and row.discussion.invites(own)
    ]


def disagreements(held: OpenCase | None) -> list[DisagreementItem]:
    """Return the disagreements that somebody wrote down."""
    listed = () if held is None else held.picture.disagreements
    return [item for item in listed if item.kind is DisagreementKind.WRITTEN and item.fragment is not None]


def matters(held: OpenCase | None, may: frozenset[Category]) -> list[Matter]:
    """Return actions and referrals on record of kinds that somebody may write, each by its newest record."""
    return [
        Matter(
            _newest(row),
            row.what,
            str(STANDING_WORDS.get(row.state, _("where it stands is not recorded"))),
            FORMS[row.kind.value].slug,
        )
        for row in (() if held is None else held.picture.plan)
        if row.kind in FOLLOWED and row.kind in may
    ]


def episodes(held: OpenCase | None, may: frozenset[Category]) -> list[Matter]:
    """Return the times of missing on record, each by its newest record, where somebody may write of one."""
    if held is None or Category.MISSING_EPISODE not in may:
        return []
    return [
        Matter(
            item.standing.newest.fragment,
            item.standing.first.line,
            _("no end on record") if item.is_open and not item.is_said_over else _("an end is on record"),
            FORMS[Category.MISSING_EPISODE.value].slug,
        )
        for item in list_episodes(held.view)
    ]


def stays(held: OpenCase | None, may: frozenset[Category]) -> list[Matter]:
    """Return the placements on record, each by its newest record, where somebody may write of one."""
    if held is None or Category.PLACEMENT not in may:
        return []
    return [
        Matter(
            piece.fragment,
            piece.line,
            _("no end on record") if piece.period is None or piece.period.end is None else _("an end is on record"),
            FORMS[Category.PLACEMENT.value].slug,
        )
        for piece in newest_of(held.view, Category.PLACEMENT)
    ]


def people_around(held: OpenCase | None, may: frozenset[Category]) -> list[Matter]:
    """Return who is on record around the child, each by the newest record, where somebody may write of one."""
    if held is None or Category.RELATION not in may:
        return []
    return [
        Matter(piece.fragment, piece.line, held.view.name_of(piece.agency), FORMS[Category.RELATION.value].slug)
        for piece in _relations(held)
    ]


def _relations(held: OpenCase) -> list[Piece]:
    """Return the newest records of people; of an agency's workers somebody else writes."""
    return [
        piece for piece in newest_of(held.view, Category.RELATION) if not piece.content.groups.get("hub_Professional")
    ]


def offences(held: OpenCase | None, may: frozenset[Category]) -> list[Matter]:
    """Return the offences on record, but not where the child is the victim, where somebody may write of one."""
    if held is None or Category.OFFENCE not in may:
        return []
    rows = [row for row in held.picture.victim_and_offender.offences if row.role != VICTIM]
    return [
        Matter(
            row.statement.provenance.fragment,
            row.wording,
            _offence_role(row),
            OFFENCE_ANSWER.slug,
        )
        for row in {row.statement.provenance.fragment: row for row in reversed(rows)}.values()
    ][::-1]


def _offence_role(row: OffenceRow) -> str:
    if row.role in OFFENDER_ROLES:
        return str(_("the child stands as alleged offender"))
    return shown(row.role_words) or str(_("role not recorded"))


def _newest(row: ActionRow) -> str:
    return row.history[-1].fragment if row.history else row.statement.provenance.fragment


def _named_by(row: ActionRow) -> set[str]:
    return {row.statement.provenance.fragment, *(step.fragment for step in row.history)}


def begin(form: WrittenKind, typed: Typed, held: OpenCase | None) -> None:
    """Fill a form from what its address names. Raises ``NotFound`` where that is nothing of the opened case for it.

    ``held`` may be None only where nothing is named and the form answers nothing.
    """
    if form.slug in ANSWERS:
        named = typed.get("to_request")
        if held is None or (named is None and form is INVITATION_ANSWER):
            raise NotFound
        if named is not None and named not in _answerable(form, held):
            raise NotFound
        if form.question("derived_from") is not None:
            typed.setlist("derived_from", typed.getlist("to_request"))
    if form is OFFENCE_ANSWER and "follows" not in typed:
        # Nobody could tell about which offence it is.
        raise NotFound
    if held is None or "follows" not in typed:
        return
    if form.category is Category.DISAGREEMENT:
        found = next((item for item in disagreements(held) if item.fragment == typed["follows"]), None)
        if found is None:
            raise NotFound
        _fill_from_earlier(typed, found)
    elif typed["follows"] not in _followable(form, held):
        raise NotFound
    else:
        _fill_as_written(form, typed, held)


def _answerable(form: WrittenKind, held: OpenCase) -> set[str]:
    if form is INVITATION_ANSWER:
        return {row.statement.provenance.fragment for row in invitations(held)}
    return {item.fragment for item in to_answer(held)}


def _followable(form: WrittenKind, held: OpenCase) -> set[str]:
    if form.category is Category.DISAGREEMENT:
        return {str(item.fragment) for item in disagreements(held)}
    if form is OFFENCE_ANSWER:
        return {item.fragment for item in offences(held, frozenset({Category.OFFENCE}))}
    if form.category in _OF_RECORDS:
        return {piece.fragment for piece in _records(form, held)}
    return {name for row in held.picture.plan if row.kind is form.category for name in _named_by(row)}


def _records(form: WrittenKind, held: OpenCase) -> list[Piece]:
    if form.category is Category.PLACEMENT:
        return newest_of(held.view, Category.PLACEMENT)
    if form.category is Category.RELATION:
        return _relations(held)
    return [piece for item in list_episodes(held.view) for piece in item.records]


def _fill_from_earlier(typed: Typed, earlier: DisagreementItem) -> None:
    """Say the point and the positions as they were written: what came of it is for the writer to say."""
    typed["point"], typed["owner"] = earlier.point, earlier.owner or ""
    typed["positions-count"] = str(max(2, len(earlier.positions)))
    for number, position in enumerate(earlier.positions):
        typed[f"positions-{number}-agency"] = position.agency
        typed[f"positions-{number}-position"] = position.text
        typed.setlist(f"positions-{number}-evidence", list(position.evidence))


def _fill_as_written(form: WrittenKind, typed: Typed, held: OpenCase) -> None:
    """Say what was done, why and by whom as the earlier record has it: where it stands now is for the writer to say."""
    follows = typed["follows"]
    earlier = next(item for item in held.view.opened if item.header.fragment == follows)
    if form.category in _OF_RECORDS:
        # What came of a file has no answers of this form, but it has its days.
        observed = read_content(earlier.content, form.category)
        begins, ends = _OF_RECORDS[form.category]
        fill_dates(typed, begins, observed.observed_from)
        fill_dates(typed, ends, observed.observed_to)
    before = prefill(form, earlier.content)
    for name in list(before):
        if name not in (*_SAID_ANEW, "follows"):
            typed.setlist(name, before.getlist(name))


def check_about(form: WrittenKind, read: ReadForm, held: OpenCase | None) -> None:
    """Note as wrong what a form names and what is not there for it any more."""
    named = read.fields.get("to_request")
    if named is not None and (held is None or named not in _answerable(form, held)):
        words = _("Choose a request to your agency")
        if form is INVITATION_ANSWER:
            words = _("This invitation is not open to you any more, or somebody has said what came of it")
        read.errors["to_request"] = words
    named = read.fields.get("follows")
    if named is not None and (held is None or named not in _followable(form, held)):
        read.errors["follows"] = _("The record that this is about is not open to you any more")


def request_choices(form: WrittenKind, held: OpenCase | None, typed: Mapping[str, str]) -> list[RequestChoice]:
    """Return the requests that a form offers. One that the address named stands above the form instead."""
    if form not in (ANSWER, REFUSAL) or held is None:
        return []
    named, found = typed.get("to_request"), to_answer(held)
    return [] if any(item.fragment == named for item in found) else found


def quoted(form: WrittenKind, held: OpenCase | None, typed: Mapping[str, str]) -> list[Quoted]:
    """Return the words of others that a form is about."""
    if held is None:
        return []
    if form in (ANSWER, REFUSAL):
        named = next((item for item in list_requests(held.view) if item.fragment == typed.get("to_request")), None)
        if named is not None:
            asker = held.view.name_of(named.from_agency)
            return [
                Quoted(_heading(_("%(agency)s asks (%(ref)s):"), agency=asker, ref=named.ref), named.what),
                Quoted(_("Why they need it:"), named.why),
            ]
    if form is INVITATION_ANSWER:
        return _quote_invitation(held, typed)
    if typed.get("follows"):
        return _quote_earlier(form, held, typed["follows"])
    return []


def _heading(text: str, **said: str) -> Markup:
    """Return a text of the catalogue with what others wrote in it, each isolated in its direction (attack 68)."""
    return escape(text) % {name: Markup("<bdi>{}</bdi>").format(neutral_text(value)) for name, value in said.items()}


def _quote_invitation(held: OpenCase, typed: Mapping[str, str]) -> list[Quoted]:
    named = typed.get("to_request")
    for row in invitations(held):
        talk, provenance = row.discussion, row.statement.provenance
        if talk is not None and provenance.fragment == named:
            heading = _heading(
                _("%(agency)s invites you for %(day)s:"),
                agency=held.view.name_of(provenance.agency),
                day=" ".join(part for part in (shown(day_words(talk.day)), talk.time_words) if part),
            )
            parts = [Quoted(heading, talk.reasons)]
            return [*parts, Quoted(_("Where, or how to take part"), talk.how_to_join)] if talk.how_to_join else parts
    return []


def _quote_earlier(form: WrittenKind, held: OpenCase, follows: str) -> list[Quoted]:
    text = None
    if form.category is Category.DISAGREEMENT:
        text = next((item.point for item in disagreements(held) if item.fragment == follows), None)
    elif form is OFFENCE_ANSWER:
        listed = offences(held, frozenset({Category.OFFENCE}))
        text = next((item.text for item in listed if item.fragment == follows), None)
    elif form.category in _OF_RECORDS:
        text = next((piece.line for piece in _records(form, held) if piece.fragment == follows), None)
    else:
        rows = [row for row in held.picture.plan if row.kind is form.category]
        text = next((row.what for row in rows if follows in _named_by(row)), None)
    if text is None:
        return []
    ref = held.picture.ref_of(follows)
    if form is OFFENCE_ANSWER:
        return [Quoted(_("You say what was done about %(ref)s. It stays as it was written:", ref=ref), text)]
    return [Quoted(_("You say what came of %(ref)s. It stays as it was written:", ref=ref), text)]
