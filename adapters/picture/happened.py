"""What happened, by one record: the words that a row of the chronology needs, so that nobody has to open it for them.

Nothing is concluded and nothing is left out: a record's own line stands first, then what its writer put in words.
"""

from __future__ import annotations

from adapters.picture.content import Group, find_part
from adapters.picture.decided import outcome_words
from adapters.picture.elements import plain_term
from adapters.picture.provenance import Piece
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.strategy import was_held
from adapters.picture.words import standing_words, words_for
from policies.vocabulary import Category

TO_CONSIDER = "To consider, not concluded:"
"""Begins what a reading program adds to a record for people to think about."""
_EVENT_PARTS = ("type", "city", "country", "description")


def what_happened(piece: Piece) -> str:
    """Return what a record says, in words."""
    said = _SAID.get(piece.category, _line)(piece)
    return joined([text for text in said if text], ". ")


def event_words(group: Group) -> list[str]:
    """Return what a group of a trafficking event says: which, where, and the words of whoever recorded it."""
    parts = [(name, find_part(group, name)) for name in _EVENT_PARTS]
    return [plain_term(part.text) if name == "type" else part.text for name, part in parts if part is not None]


def _line(piece: Piece) -> list[str]:
    return [piece.line]


def _offence(piece: Piece) -> list[str]:
    """An offence by its wording, with its code beside it and never alone."""
    said: list[str] = []
    for group in piece.content.parts("hub_Offence"):
        wording, code, role, place = (find_part(group, name) for name in ("wording", "code", "role", "place"))
        if wording is None:
            return [piece.line]
        text: str = wording.text
        if code is not None:
            text = _("%(offence)s (offence code %(code)s)", offence=text, code=code.text)
        if place is not None:
            text = joined([text, place.text], ", ")
        if role is not None:
            text = _("%(offence)s; role of the child: %(role)s", offence=text, role=words_for(role.text))
        said.append(text)
    if not said:
        return [piece.line]
    hint = piece.line.partition(TO_CONSIDER)
    return [*said, f"{hint[1]}{hint[2]}" if hint[1] else ""]


def _event(piece: Piece) -> list[str]:
    said = event_words(piece.content.singles)
    return [joined([piece.line, *[text for text in said if text not in piece.line]], ". ")] if said else [piece.line]


def _contact(piece: Piece) -> list[str]:
    return [piece.line, *(value.text for value in piece.content.given("hub_HealthContactReason"))]


def _wishes(piece: Piece) -> list[str]:
    words = piece.content.text("hub_OwnWords") or piece.content.text("hub_AbsentReason")
    return [joined([piece.line, words], ": ")]


def _discussion(piece: Piece) -> list[str]:
    content = piece.content
    # The line of a plan, and of one that was not held, says so itself.
    line = joined([piece.line, _("took place")], ": ") if was_held(piece) else piece.line
    return [line, content.text("hub_DiscussionOutcome") or content.text("hub_Reasons")]


def _decision(piece: Piece) -> list[str]:
    return [
        joined([text for text in (piece.line, outcome_words(piece)) if text], ": "),
        piece.content.text("hub_Reasons"),
    ]


def _referral(piece: Piece) -> list[str]:
    content = piece.content
    said = (content.text("cas_ReferredOrganisation"), content.text("cas_OutgoingReferralDetails"))
    state = standing_words(content.text("hub_ActionState"), piece.category)
    return [joined([text for text in (piece.line, *said) if text], ": "), state]


def _action(piece: Piece) -> list[str]:
    said = piece.content.text("hub_Action")
    return [joined([piece.line, said], ": ") if said and said not in piece.line else piece.line]


_SAID = {
    Category.OFFENCE: _offence,
    Category.TRAFFICKING_EVENT: _event,
    Category.HEALTH_CONTACT: _contact,
    Category.WISHES_AND_FEELINGS: _wishes,
    Category.STRATEGY_DISCUSSION: _discussion,
    Category.DECISION: _decision,
    Category.SERVICE_REFERRAL: _referral,
    Category.SAFEGUARDING_ACTION: _action,
}
