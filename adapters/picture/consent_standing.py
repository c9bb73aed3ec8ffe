"""Where consent stands now, by all that was said of it: the answer that decides, before the list of what was said.

Source: nrm.md 1.6; the rules are those of ``policies.consent_rules``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from policies.vocabulary import AgePath, ConsentState, ConsentSubject

SUBJECT_WORDS: Mapping[ConsentSubject, str] = {
    ConsentSubject.SHARING: _("Sharing what was told in confidence"),
    ConsentSubject.REFERRAL: _("Being referred to the National Referral Mechanism"),
    ConsentSubject.SUPPORT: _("Getting support"),
    ConsentSubject.INVESTIGATION: _("Helping an investigation"),
}
STATE_WORDS: Mapping[ConsentState, str] = {
    ConsentState.NONE_RECORDED: _("No agreement or refusal is recorded"),
    ConsentState.GIVEN: _("Agreed"),
    ConsentState.REFUSED: _("Said no"),
    ConsentState.WITHDRAWN: _("Taken back"),
    ConsentState.INVALID: _("Found not to have been a real agreement"),
    ConsentState.NOT_SOUGHT: _("Nobody was asked"),
    ConsentState.LACKS_CAPACITY: _("Cannot decide this now"),
    ConsentState.NOT_REQUIRED: _("Not needed"),
}


@dataclass(frozen=True, slots=True)
class ConsentStanding:
    """One subject: where consent on it stands now, in words, and why."""

    subject: ConsentSubject
    state: ConsentState
    sentence: str
    why: str


def subjects_of(path: AgePath) -> tuple[ConsentSubject, ...]:
    """Return what is asked: of a child one subject, of an adult four."""
    return tuple(ConsentSubject) if path is AgePath.ADULT else (ConsentSubject.SHARING,)


def read_consent_standing(view: CaseView) -> tuple[ConsentStanding, ...]:
    """Return where consent stands at the moment of a view, on each subject that is asked in this case."""
    path = view.case.membership.age_path
    found = []
    for subject in subjects_of(path):
        answer = view.case.consent.answer(subject, path, view.at)
        sentence = joined([SUBJECT_WORDS[subject], STATE_WORDS[answer.state]], ": ")
        found.append(ConsentStanding(subject, answer.state, sentence, _(answer.reason.why)))
    return tuple(found)
