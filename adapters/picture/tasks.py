"""What the records of a case ask of one agency: invitations to answer, actions that are due, a child to be asked again.

Pure: from what one person has opened. What waits for another agency is not listed, and what only a record that was not
opened could say is not known here. Sources: nrm.md 4.1, 7.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.picture.content import find_part
from adapters.picture.dates import parse_partial
from adapters.picture.offence_answers import OffenceQuestion
from adapters.picture.offences import VictimAndOffender
from adapters.picture.provenance import Piece, read_piece
from adapters.picture.situation import ActionRow
from adapters.picture.strategy import came_of, is_planned
from adapters.picture.versions import sort_versions
from adapters.picture.view import CaseView
from adapters.picture.voice import ABSENCE_SENTENCES
from adapters.release.writing import Coming
from policies.vocabulary import CaseStage, Category

AHEAD = timedelta(days=7)
"""An action is pointed out from so long before its day."""
_TIME = re.compile(r"[0-2][0-9]:[0-5][0-9]", re.ASCII)
_ACTIONS = frozenset({Category.SAFEGUARDING_ACTION, Category.SERVICE_REFERRAL})


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation to a strategy discussion that an agency has not answered: by whom, for when, why.

    ``day`` (ISO) and ``starts_at`` (such as 14:30) are empty where the record gives none that can be read.
    """

    fragment: str
    from_agency: str
    day: str
    starts_at: str
    why: str


@dataclass(frozen=True, slots=True)
class DueAction:
    """Something that an agency is to do: what, by which day (ISO), whether that is over, in which record."""

    fragment: str
    what: str
    due: str
    is_overdue: bool
    is_of_discussion: bool
    """Whether a strategy discussion agreed on it and the agency has recorded nothing of it since."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """A child who was not heard, and the day (ISO) on which somebody asks again, which has come: why, whom to ask."""

    fragment: str
    day: str
    is_overdue: bool
    sentence: str
    best_asked_by: str


def list_invitations(view: CaseView, agency: str) -> tuple[Invited, ...]:
    """Return the invitations to an agency that wait for its answer, the soonest first.

    One is answered by the agency's own answer to it, or by its own record of the discussion; it waits no more once the
    convener has recorded what came of it, or its day is over.
    """
    pieces = _of(view, {Category.STRATEGY_DISCUSSION, Category.ANSWER})
    found = []
    for piece in pieces:
        if not is_planned(piece) or piece.agency == agency:
            continue
        invited = {item.text for item in piece.content.given("hub_Invited")}
        on = parse_partial(piece.content.text("hub_PlannedFor"))
        is_over = on is not None and on.last < view.today
        if agency in invited and not is_over and not _is_answered(piece, pieces, agency):
            day, time = _day(piece.content.text("hub_PlannedFor")), piece.content.text("hub_StartsAt")
            time = time if _TIME.fullmatch(time) else ""
            found.append(Invited(piece.fragment, piece.agency, day, time, piece.content.text("hub_Reasons")))
    return tuple(sorted(found, key=lambda item: (item.day or "9999", item.starts_at, item.fragment)))


@dataclass(frozen=True, slots=True)
class Ahead:
    """A strategy discussion to come in which an agency takes part: on which day (ISO) and when, why; and whether that
    agency calls it together.
    """

    fragment: str
    day: str
    starts_at: str
    why: str
    is_ours: bool


def list_ahead(view: CaseView, agency: str) -> tuple[Ahead, ...]:
    """Return the discussions that are planned, the soonest first: that an agency calls together, or said it comes to.

    The newest of its answers counts. One is ahead until its day is over or its convener has said what came of it.
    """
    pieces = _of(view, {Category.STRATEGY_DISCUSSION, Category.ANSWER})
    found = []
    for plan in pieces:
        day = _day(plan.content.text("hub_PlannedFor")) if is_planned(plan) else ""
        if not day or day < view.today.isoformat() or any(came_of(plan, piece) for piece in pieces):
            continue
        if plan.agency == agency or _comes(plan, pieces, agency):
            time = plan.content.text("hub_StartsAt")
            time = time if _TIME.fullmatch(time) else ""
            found.append(Ahead(plan.fragment, day, time, plan.content.text("hub_Reasons"), plan.agency == agency))
    return tuple(sorted(found, key=lambda item: (item.day, item.starts_at, item.fragment)))


def _comes(plan: Piece, pieces: Sequence[Piece], agency: str) -> bool:
    said = [
        piece.content.text("hub_Coming")
        for piece in pieces
        if piece.category is Category.ANSWER
        and piece.agency == agency
        and piece.content.text("hub_AnswerTo") == plan.fragment
        and piece.content.text("hub_Coming")
    ]
    return bool(said) and said[-1] in (Coming.IN_PERSON.value, Coming.REMOTELY.value)


def _is_answered(plan: Piece, pieces: Sequence[Piece], agency: str) -> bool:
    for piece in pieces:
        if piece.category is Category.ANSWER:
            is_to_plan = piece.content.text("hub_AnswerTo") == plan.fragment and piece.content.text("hub_Coming")
            if piece.agency == agency and is_to_plan:
                return True
        elif came_of(plan, piece) or (piece.agency == agency and _records(piece, plan)):
            return True
    return False


def _records(piece: Piece, plan: Piece) -> bool:
    """Whether a record of a discussion that is no plan follows a plan or quotes it."""
    quoted = {*piece.content.derived_from, piece.content.text("hub_Follows")}
    return not is_planned(piece) and plan.fragment in quoted


def list_due_actions(view: CaseView, plan: Sequence[ActionRow], agency: str) -> tuple[DueAction, ...]:
    """Return what an agency is to do that is overdue or due within ``AHEAD``, the longest overdue first.

    ``plan`` is the picture's section. What a strategy discussion agreed on counts until the agency has written down an
    action or a referral that quotes the discussion.
    """
    today, latest = view.today.isoformat(), (view.today + AHEAD).isoformat()
    found = [
        DueAction(row.statement.provenance.fragment, row.what, day, day < today, is_of_discussion=False)
        for row in plan
        if row.kind in _ACTIONS and row.owner == agency and row.is_awaited and (day := _day(row.due)) and day <= latest
    ]
    found += [item for item in _agreed(view, agency) if item.due <= latest]
    return tuple(sorted(found, key=lambda item: (item.due, item.fragment, item.what)))


def _agreed(view: CaseView, agency: str) -> Iterator[DueAction]:
    pieces = _of(view, {Category.STRATEGY_DISCUSSION, *_ACTIONS})
    done = {
        name
        for piece in pieces
        if piece.category in _ACTIONS and piece.agency == agency
        for name in piece.content.derived_from
    }
    today = view.today.isoformat()
    for piece in pieces:
        if piece.category is not Category.STRATEGY_DISCUSSION or is_planned(piece) or piece.fragment in done:
            continue
        for part in piece.content.parts("hub_DiscussionAction"):
            owner, due, what = (find_part(part, *names) for names in (("owner",), ("due",), ("action", "value")))
            day = "" if due is None else _day(due.text)
            if owner is not None and owner.text == agency and day:
                words = piece.content.summary if what is None else what.text
                yield DueAction(piece.fragment, words, day, day < today, is_of_discussion=True)


def list_asking_again(view: CaseView, agency: str) -> tuple[AskAgain, ...]:
    """Return where the child is to be asked again and the day has come: for the agency that wrote it, and the lead.

    Nobody else is told to: a child is not asked the same by everybody. A newer record of the child's wishes, of
    whichever agency, ends it.
    """
    wishes = _of(view, {Category.WISHES_AND_FEELINGS})
    newest = max(wishes, key=lambda piece: (piece.opened.log_index, piece.fragment), default=None)
    if newest is None or agency not in (newest.agency, view.case.membership.lead):
        return ()
    content, today = newest.content, view.today.isoformat()
    day = _day(content.text("hub_AskAgainOn"))
    if content.text("hub_OwnWords") or not day or day > today:
        return ()
    sentence = ABSENCE_SENTENCES.get(content.text("hub_WishesState"), "")
    return (AskAgain(newest.fragment, day, day < today, sentence, content.text("hub_BestPlacedToAsk")),)


@dataclass(frozen=True, slots=True)
class OffenceQuestions:
    """What a case asks in which the child stands as alleged offender. ``next_court_date`` is an ISO day, empty where
    no record gives one to come. ``differs``: agencies differ on a question that is open.
    """

    is_referral_open: bool
    is_prosecutor_open: bool
    is_defence_open: bool
    is_court_date_open: bool
    next_court_date: str
    differs: bool


def ask_of_offences(view: CaseView, section: VictimAndOffender) -> OffenceQuestions | None:
    """Return which of the questions beside an offence no record answers; None where the child is no alleged offender,
    or the case is closed.
    """
    stage = view.case.membership.case_stage
    if not section.as_offender or stage is CaseStage.CLOSED:
        return None
    is_before = stage is CaseStage.BEFORE_REFERRAL
    is_open = {item.question: item.is_open for item in section.standings}
    return OffenceQuestions(
        is_referral_open=is_before and is_open[OffenceQuestion.REFERRAL],
        is_prosecutor_open=is_open[OffenceQuestion.PROSECUTOR],
        is_defence_open=is_open[OffenceQuestion.DEFENCE],
        is_court_date_open=is_open[OffenceQuestion.COURT],
        next_court_date=section.next_court_date,
        differs=any(item.differs for item in section.standings),
    )


def _of(view: CaseView, categories: Collection[Category]) -> Sequence[Piece]:
    """Read what was opened of some categories, without what a newer version replaces."""
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    pieces = [
        read_piece(item, view.kind_of(item.header.agency)) for item in ordered if item.header.category in categories
    ]
    return sort_versions(pieces).current


def _day(text: str) -> str:
    """Return a day as it is compared, an empty text where a record gives none or only its month."""
    read = parse_partial(text)
    return read.first.isoformat() if read is not None and read.first == read.last else ""
