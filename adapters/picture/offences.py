"""Victim and alleged offender on one page: the child's role in each offence, what was done, what is still open.

What was done stands in records of its own (``adapters.picture.offence_answers``). Sources: nrm.md 2.4, 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from adapters.picture.content import Group, find_part
from adapters.picture.dates import parse_partial
from adapters.picture.offence_answers import (
    OFFENDER_ROLES,
    OffenceQuestion,
    QuestionStanding,
    accused_in,
    is_ahead,
    is_offence_answer,
    newest_answers,
    read_standings,
)
from adapters.picture.provenance import Piece, Statement
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.speech import lazy_ngettext
from adapters.picture.view import CaseView
from adapters.picture.words import day_words, words_for
from policies.vocabulary import CaseStage, Category

VICTIM = "victim"
SECTION_45 = _(
    "A child may have a defence under section 45 of the Modern Slavery Act 2015: the child did something as a direct "
    "consequence of being exploited, and a reasonable person in the same situation might have done it. For a child it "
    "does not depend on compulsion. It does not cover the offences listed in Schedule 4 of the Act. This page does not "
    "decide whether it applies; ask a lawyer."
)


@dataclass(frozen=True, slots=True)
class OffenceRow:
    """One offence on record and the child's role in it, as recorded and in words."""

    role: str
    role_words: str
    wording: str
    code: str
    when: str
    next_hearing: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class VictimAndOffender:
    """The section. ``prompts``: what is still to ask where a child stands as alleged offender; empty where none does.

    ``standings``: what records say was done, by question; ``next_court_date`` the next one to come on record, or empty.
    """

    offences: tuple[OffenceRow, ...]
    as_offender: int
    as_victim: int
    sentence: str
    prompts: tuple[str, ...]
    section_45: str
    standings: tuple[QuestionStanding, ...] = ()
    next_court_date: str = ""
    notes: tuple[Statement, ...] = ()
    """What else those who recorded what was done wrote."""

    @property
    def is_answered(self) -> bool:
        """Whether a record says anything of what was done."""
        return any(item.answers for item in self.standings)


def list_offences(view: CaseView, pieces: Sequence[Piece]) -> VictimAndOffender:
    """List offences on record with the child's role, victim and alleged offender on one page."""
    rows = [
        _offence(piece, group)
        for piece in pieces
        if piece.category is Category.OFFENCE and not is_offence_answer(piece)
        for group in (piece.content.parts("hub_Offence") or ({},))
    ]
    as_offender = sum(row.role in OFFENDER_ROLES for row in rows)
    as_victim = sum(row.role == VICTIM for row in rows)
    standings = read_standings(view, pieces, accused_in(pieces))
    court = standings[list(OffenceQuestion).index(OffenceQuestion.COURT)]
    ahead = _next_court_date(view, rows, court)
    standings = tuple(
        replace(item, is_open=item.is_open and not ahead) if item is court else item for item in standings
    )
    return VictimAndOffender(
        tuple(rows),
        as_offender,
        as_victim,
        _roles_sentence(as_offender, as_victim),
        tuple(_prompts(view, standings, ahead)) if as_offender else (),
        SECTION_45,
        standings,
        ahead,
        tuple(
            piece.state("What else is to be known", value)
            for piece in pieces
            if is_offence_answer(piece)
            for value in piece.content.given("hub_OffenceNote")
        ),
    )


def _next_court_date(view: CaseView, rows: Sequence[OffenceRow], court: QuestionStanding) -> str:
    """Return the first day in court to come that a record gives; one at which the child is the victim is not theirs."""
    said = [row.next_hearing for row in rows if row.role != VICTIM]
    said += [item.court_date for item in newest_answers(court)]
    read = [found for day in said if is_ahead(day, view) and (found := parse_partial(day)) is not None]
    newest = min(read, key=lambda item: item.first, default=None)
    return "" if newest is None else newest.text


def _prompts(view: CaseView, standings: Sequence[QuestionStanding], ahead: str) -> Iterator[str]:
    """Yield what no record answers yet, and where agencies differ; what is recorded stands above it."""
    referral, prosecutor, defence, court = standings
    is_before = view.case.membership.case_stage is CaseStage.BEFORE_REFERRAL
    if is_before and referral.is_open:
        yield _("Has a referral to the National Referral Mechanism been considered? This case has not been referred.")
    elif not is_before and prosecutor.is_open:
        yield _("This case has been referred to the National Referral Mechanism. Do police and prosecutor know it?")
    if prosecutor.is_open and defence.is_open and not (prosecutor.answers or defence.answers):
        yield _(
            "Have the prosecutor and the defence been told of the exploitation? "
            "No record that you opened says so: ask the police."
        )
    else:
        yield from _told(prosecutor, _("Has the prosecutor been told of the exploitation, about every offence?"))
        yield from _told(defence, _("Has the defence been told of the exploitation, about every offence?"))
    if ahead:
        yield _("The next court date on record is %(day)s.", day=day_words(ahead))
    elif court.is_open:
        yield _("No record that you opened gives a court date to come: ask the police.")
    for item in standings:
        if item.differs:
            yield _("Agencies differ here: %(question)s. Both stand; ask those who say it.", question=item.label)


def _told(standing: QuestionStanding, question: str) -> Iterator[str]:
    if standing.is_open and not standing.differs:
        yield question


def _roles_sentence(as_offender: int, as_victim: int) -> str:
    """Say in which roles offence records have the child. That there is no record as victim says nothing by itself."""
    if not as_offender and not as_victim:
        return _("No offence record that you opened names the child as alleged offender or as victim.")
    offender = lazy_ngettext(
        "as alleged offender in %(num)s offence", "as alleged offender in %(num)s offences", as_offender
    )
    victim = lazy_ngettext("as victim in %(num)s offence", "as victim in %(num)s offences", as_victim)
    if as_offender and as_victim:
        return _(
            "The records that you opened have the child %(offender)s and %(victim)s.", offender=offender, victim=victim
        )
    if as_victim:
        return _(
            "The records that you opened have the child %(victim)s, and in none as alleged offender.", victim=victim
        )
    return _(
        "The records that you opened have the child %(offender)s. No offence record that you opened has the child as "
        "victim; that is not evidence that the child is none.",
        offender=offender,
    )


def _offence(piece: Piece, group: Group) -> OffenceRow:
    def said(*names: str) -> str:
        found = find_part(group, *names)
        return found.text if found is not None else ""

    wording = find_part(group, "wording", "description", "value")
    return OffenceRow(
        role=said("role"),
        role_words=words_for(said("role")),
        wording=wording.text if wording is not None else piece.line,
        code=said("code"),
        when=piece.content.observed_from or said("start_date"),
        next_hearing=said("next_hearing", "hearing_date", "date_of_hearing") or piece.content.text("hub_NextHearing"),
        statement=piece.state("Offence", wording) if wording is not None else piece.summarise("Offence"),
    )
