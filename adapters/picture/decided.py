"""What was decided, by the records that were opened: the newest decision of each agency on each question.

Nothing is merged: where agencies record a decision differently each record stands. Sources: nrm.md 2.3, 3 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.dates import PartialDate, parse_partial
from adapters.picture.provenance import Piece
from adapters.picture.speech import joined, lowered
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import day_words, words_for
from adapters.release.writing import Outcome, Question
from policies.vocabulary import Category


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: on which question, with which outcome, on which day, by which record."""

    question: Question
    outcome: str
    on: PartialDate
    piece: Piece


def find_decided(pieces: Sequence[Piece], question: Question) -> tuple[Decided, ...]:
    """Return each agency's newest decision on a question (reasonable or conclusive grounds), the newest first.

    One that was adjourned, or that has no day, is none.
    """
    newest: dict[str, Decided] = {}
    for piece in sorted(pieces, key=lambda item: item.opened.log_index):
        said, on = piece.content.text("hub_Outcome"), held_on(piece)
        asked = piece.content.text("hub_Question")
        if piece.category is not Category.DECISION or asked not in (question, Question.RG_AND_CG) or on is None:
            continue
        if not said or said == Outcome.ADJOURN:
            continue
        before = newest.get(piece.agency)
        if before is None or before.on.first <= on.first:
            newest[piece.agency] = Decided(Question(asked), said, on, piece)
    return tuple(sorted(newest.values(), key=lambda item: (item.on.first, item.piece.opened.log_index), reverse=True))


def held_on(piece: Piece) -> PartialDate | None:
    """Return when a meeting or a decision was held, None where its record does not say."""
    return parse_partial(piece.content.text("hub_HeldOn") or piece.content.observed_from or "")


def outcome_words(piece: Piece) -> str:
    """Say an outcome with the question it answers: ``positive on reasonable grounds``."""
    outcome, question = piece.content.text("hub_Outcome"), piece.content.text("hub_Question")
    if not outcome:
        return ""
    words = _("adjourned") if outcome == Outcome.ADJOURN else words_for(outcome)
    if not question:
        return words
    return _("%(outcome)s on %(question)s", outcome=words, question=lowered(words_for(question)))


def decided_words(found: Sequence[Decided], due: str) -> str:
    """Say when what was decided, and whether that was after a day (ISO) by which it was to be; empty: none was set."""
    said = []
    for item in found:
        what, day = outcome_words(item.piece), day_words(item.on.text)
        is_late = bool(due) and item.on.first.isoformat() > due[:10]
        said.append(
            _("Decided on %(day)s, after its time: %(what)s.", day=day, what=what)
            if is_late
            else _("Decided on %(day)s: %(what)s.", day=day, what=what)
        )
    if len({item.outcome for item in found}) > 1:
        said.append(_("The records of different agencies differ."))
    return joined(list(dict.fromkeys(said)))
