"""What records say was done about offences in which the child stands as alleged offender, question by question.

Each answer stands as the word of its agency, of its day. Of one agency the newest to a question counts; a question is
answered once every offence has an answer and no agency's newest one says otherwise. Where agencies differ both stand.
Sources: ``adapters.release.offence_answers``; nrm.md 7, section 11.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from adapters.picture.content import ReadValue, find_part
from adapters.picture.dates import parse_partial
from adapters.picture.followups import day_of, followed_by, newer_versions
from adapters.picture.provenance import Piece, Statement
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.picture.words import day_words
from adapters.release.offence_answers import CourtStanding
from policies.vocabulary import Category

OFFENDER_ROLES = ("defendant", "suspect")
YES, NO = "yes", "no"


class OffenceQuestion(StrEnum):
    """What is asked beside an offence."""

    REFERRAL = "referral"
    PROSECUTOR = "prosecutor"
    DEFENCE = "defence"
    COURT = "court"


FIELDS: Mapping[OffenceQuestion, str] = {
    OffenceQuestion.REFERRAL: "hub_ReferralConsidered",
    OffenceQuestion.PROSECUTOR: "hub_ProsecutorTold",
    OffenceQuestion.DEFENCE: "hub_DefenceTold",
    OffenceQuestion.COURT: "hub_CourtStanding",
}
LABELS: Mapping[OffenceQuestion, str] = {
    OffenceQuestion.REFERRAL: _("Referral to the National Referral Mechanism"),
    OffenceQuestion.PROSECUTOR: _("Prosecutor"),
    OffenceQuestion.DEFENCE: _("Defence"),
    OffenceQuestion.COURT: _("Court date"),
}
_SAID: Mapping[tuple[OffenceQuestion, str], str] = {
    (OffenceQuestion.REFERRAL, YES): _("considered"),
    (OffenceQuestion.REFERRAL, NO): _("not considered"),
    (OffenceQuestion.PROSECUTOR, YES): _("told of the exploitation"),
    (OffenceQuestion.PROSECUTOR, NO): _("not told of the exploitation"),
    (OffenceQuestion.DEFENCE, YES): _("told of the exploitation"),
    (OffenceQuestion.DEFENCE, NO): _("not told of the exploitation"),
    (OffenceQuestion.COURT, CourtStanding.DATE_SET.value): _("a date is set"),
    (OffenceQuestion.COURT, CourtStanding.NONE_SET.value): _("no date is set"),
    (OffenceQuestion.COURT, CourtStanding.OVER.value): _("the proceedings are over"),
}


@dataclass(frozen=True, slots=True)
class OffenceAnswer:
    """What one record answers: ``says`` its term, ``words`` with day and person, by which agency, on which day (ISO).

    ``offence`` is the fragment that it follows, in its newest version; ``about`` its short name on the page, empty
    where that was not opened. ``court_date`` is the day that it gives for the court, empty for none.
    """

    agency: str
    name: str
    said_on: str
    says: str
    words: str
    offence: str
    about: str
    court_date: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class QuestionStanding:
    """One question: every answer in the log's order, whether it is still open."""

    question: OffenceQuestion
    label: str
    answers: tuple[OffenceAnswer, ...]
    is_open: bool
    differs_on: tuple[str, ...]
    """The offences on which agencies' newest answers differ."""

    @property
    def differs(self) -> bool:
        """Whether agencies differ on an offence."""
        return bool(self.differs_on)


def is_offence_answer(piece: Piece) -> bool:
    """Whether a record says what was done about an offence, and is none itself."""
    if piece.category is not Category.OFFENCE or piece.content.parts("hub_Offence") or followed_by(piece) is None:
        return False
    return any(piece.content.text(field) for field in FIELDS.values())


def accused_in(pieces: Sequence[Piece]) -> frozenset[str]:
    """Return the offences (fragments) in which the child stands as alleged offender."""
    return frozenset(
        piece.fragment
        for piece in pieces
        if piece.category is Category.OFFENCE
        for group in piece.content.parts("hub_Offence")
        if (role := find_part(group, "role")) is not None and role.text in OFFENDER_ROLES
    )


def read_standings(view: CaseView, pieces: Sequence[Piece], offences: Collection[str]) -> tuple[QuestionStanding, ...]:
    """Return the four questions, of the offences (fragments) in which the child stands as alleged offender."""
    newer = newer_versions(view)
    refs = {piece.fragment: piece.ref for piece in pieces if not is_offence_answer(piece)}
    listed = sorted(filter(is_offence_answer, pieces), key=lambda piece: (piece.opened.log_index, piece.fragment))
    return tuple(
        _stand(view, question, tuple(_answers(view, question, listed, newer, refs)), offences)
        for question in OffenceQuestion
    )


def _answers(
    view: CaseView,
    question: OffenceQuestion,
    pieces: Sequence[Piece],
    newer: Mapping[str, str],
    refs: Mapping[str, str],
) -> Iterator[OffenceAnswer]:
    for piece in pieces:
        value = piece.content.find(FIELDS[question])
        if value is None:
            continue
        offence = followed_by(piece, newer) or ""
        yield OffenceAnswer(
            agency=piece.agency,
            name=view.name_of(piece.agency),
            said_on=day_of(piece),
            says=value.text,
            words=_words(question, value, piece),
            offence=offence,
            about=refs.get(offence, ""),
            court_date=piece.content.text("hub_NextCourtDate") if question is OffenceQuestion.COURT else "",
            statement=piece.state(LABELS[question], value),
        )


def _words(question: OffenceQuestion, value: ReadValue, piece: Piece) -> str:
    field, content = FIELDS[question], piece.content
    on = content.text("hub_NextCourtDate" if question is OffenceQuestion.COURT else f"{field}On")
    by_whom = content.text(f"{field}By")
    said = _SAID.get((question, value.text), value.text)
    return joined([said, day_words(on) if on else "", _("by: %(who)s", who=by_whom) if by_whom else ""], ", ")


def _stand(
    view: CaseView, question: OffenceQuestion, answers: tuple[OffenceAnswer, ...], offences: Collection[str]
) -> QuestionStanding:
    counted = {fragment: _newest(answers, fragment) for fragment in offences}
    is_settled = [bool(found) and all(_settles(view, question, item) for item in found) for found in counted.values()]
    return QuestionStanding(
        question,
        LABELS[question],
        answers,
        is_open=bool(offences) and not all(is_settled),
        differs_on=tuple(
            sorted(
                fragment
                for fragment, found in counted.items()
                if len({(item.says, item.court_date) for item in found}) > 1
            )
        ),
    )


def _newest(answers: Sequence[OffenceAnswer], offence: str) -> list[OffenceAnswer]:
    """Return each agency's newest answer about an offence."""
    return list({item.agency: item for item in answers if item.offence == offence}.values())


def _settles(view: CaseView, question: OffenceQuestion, item: OffenceAnswer) -> bool:
    if question is not OffenceQuestion.COURT:
        return item.says == YES
    if item.says == CourtStanding.DATE_SET.value:
        return is_ahead(item.court_date, view)
    return item.says in (CourtStanding.NONE_SET.value, CourtStanding.OVER.value)


def newest_answers(standing: QuestionStanding) -> list[OffenceAnswer]:
    """Return the answers to a question that count: of each agency the newest about each offence."""
    return list({(item.agency, item.offence): item for item in standing.answers}.values())


def is_ahead(day: str, view: CaseView) -> bool:
    """Whether a day, as precise as it is written, is today or still to come."""
    read = parse_partial(day)
    return read is not None and read.last >= view.today
