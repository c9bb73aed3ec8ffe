"""What the codes of a strategy discussion are called, in its form, on its page and in the picture alike."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.picture.speech import capital_first
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import words_for
from adapters.release.strategy import Attendance, InvitationAnswer, PlacementReason

PLACE_REASON_WORDS: Mapping[str, str] = {
    PlacementReason.SAFE_FROM_EXPLOITERS.value: _("Safe from the people who exploit the child"),
    PlacementReason.CHILD_WISHES.value: _("What the child wants"),
    PlacementReason.TRUSTED_PEOPLE.value: _("Near people whom the child trusts"),
    PlacementReason.FAMILY.value: _("Brothers, sisters, family"),
    PlacementReason.HEALTH.value: _("Health"),
    PlacementReason.EDUCATION.value: _("School or college"),
    PlacementReason.CULTURE_AND_LANGUAGE.value: _("Language, faith, culture"),
    PlacementReason.SPECIALIST_CARE.value: _("Carers who know about exploitation"),
    PlacementReason.AVAILABLE_NOW.value: _("Has a place now"),
    PlacementReason.AGE.value: _("Age"),
    PlacementReason.COST.value: _("Cost"),
}
INVITED_ANSWER_WORDS: Mapping[str, str] = {
    InvitationAnswer.WILL_COME.value: _("Said they would come"),
    InvitationAnswer.SENDS_VIEWS.value: _("Sent their views"),
    InvitationAnswer.CANNOT_COME.value: _("Said they could not come"),
    InvitationAnswer.NO_ANSWER.value: _("Did not answer"),
    InvitationAnswer.NOT_INVITED.value: _("Was not invited"),
}
ATTENDANCE_WORDS: Mapping[str, str] = {
    Attendance.IN_THE_ROOM.value: _("In the room"),
    Attendance.REMOTELY.value: _("Remotely"),
    Attendance.NOT_THERE.value: _("Not there"),
}
DISCUSSION_WORDS: Mapping[str, str] = {**PLACE_REASON_WORDS, **INVITED_ANSWER_WORDS, **ATTENDANCE_WORDS}


def discussion_words(code: str) -> str:
    """Return what a code of a strategy discussion is called; one that is not known in words of its own."""
    return DISCUSSION_WORDS.get(code) or capital_first(words_for(code))
