"""What people made of it: views, meetings, votes and decisions; who of the panel voted.

Sources: nrm.md 3 (quorum, dissent in its own words) and 7 (section 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.decided import outcome_words
from adapters.picture.provenance import Piece, Statement
from adapters.picture.situation import newest_first
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.turnout import QUORUM_SENTENCE, Turnout, read_turnout, turnout_sentence
from adapters.picture.view import CaseView
from policies.vocabulary import Category

VOTED_FIELD = "hub_VotedAgency"
"""In a decision, one entry a vote counted: the agency of the member who cast it."""


@dataclass(frozen=True, slots=True)
class DeliberationRow:
    """One view, meeting, vote or decision. ``outcome_words`` says a vote's or a decision's outcome.

    ``turnout`` is of a decision that names who voted: which agencies did and which of the panel did not; ``notes`` are
    what to know before relying on it, and what a meeting's statement of its quorum is. ``relied_on`` are the fragments
    on which a decision rests, ``actions`` what it asks for, ``letter_owner`` who writes to the child.
    """

    kind: Category
    outcome: str
    outcome_words: str
    turnout: Turnout | None
    turnout_words: str
    notes: tuple[str, ...]
    words: str
    dissent: str
    held_on: str
    statement: Statement
    relied_on: tuple[str, ...] = ()
    less_weight: str = ""
    actions: tuple[str, ...] = ()
    letter_owner: str = ""


def list_deliberation(view: CaseView, pieces: Sequence[Piece]) -> tuple[DeliberationRow, ...]:
    """List views, meetings, votes and decisions, newest first, dissent in its own words."""
    kinds = (Category.PROFESSIONAL_VIEW, Category.MEETING, Category.VOTE, Category.DECISION)
    rows = []
    for piece in newest_first([piece for piece in pieces if piece.category in kinds]):
        content = piece.content
        words = content.find("hub_View") or content.find("hub_Reasons") or content.find("hub_Minutes")
        turnout = _turnout(view, piece) if piece.category is Category.DECISION else None
        rows.append(
            DeliberationRow(
                kind=piece.category,
                outcome=content.text("hub_Outcome"),
                outcome_words=outcome_words(piece),
                turnout=turnout,
                turnout_words=turnout_sentence(turnout, view.name_of) if turnout is not None else "",
                notes=_deliberation_notes(piece, turnout),
                words=words.text if words is not None else content.summary,
                dissent=content.text("hub_Dissent"),
                held_on=content.text("hub_HeldOn") or content.observed_from or "",
                statement=piece.state("Words", words) if words is not None else piece.summarise("Words"),
                relied_on=tuple(value.text for value in content.given("hub_EvidenceReliedOn")),
                less_weight=content.text("hub_LessWeight"),
                actions=tuple(value.text for value in content.given("hub_DecisionAction")),
                letter_owner=content.text("hub_LetterOwner"),
            )
        )
    return tuple(rows)


def _turnout(view: CaseView, piece: Piece) -> Turnout | None:
    """Return who voted by a decision's own words, beside the panel of the case; None where it does not say."""
    votes = [value.text for value in piece.content.given(VOTED_FIELD)]
    if not votes:
        return None
    return read_turnout(view.case.membership, votes, piece.opened.header.sealed_at, view.name_of)


def _deliberation_notes(piece: Piece, turnout: Turnout | None) -> tuple[str, ...]:
    if piece.category is Category.MEETING:
        said = {
            "yes": _("The chair states that the quorum was met."),
            "no": _("The chair states that it was not met."),
        }
        stated = said.get(piece.content.text("hub_Quorate"), _("The chair has not stated whether the quorum was met."))
        return (joined([stated, QUORUM_SENTENCE]),)
    if piece.category is not Category.DECISION:
        return ()
    if turnout is None:
        return (_("This decision does not name which agencies voted; its votes do: verify the decision file."),)
    return turnout.warnings
