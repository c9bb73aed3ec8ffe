"""What somebody typed into a form about consent, as the codes of a statement and its sealed words."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from flask_babel import gettext as _

from adapters.cases import VerifiedCase
from adapters.release.authored import SourceKind
from adapters.uk_time import uk_day_end
from adapters.workspace.consent_words import GROUPS, KINDS, PURPOSES
from adapters.workspace.form_reading import MAX_LINE, MAX_SHORT, FormReader
from policies.consent import Consent
from policies.model import Malformed, render_time, require_id
from policies.vocabulary import (
    AgePath,
    Assessor,
    Competence,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    InterpreterUse,
    ToldState,
    WishesState,
)

PERSON, COURT, NEW_HOLDER, HOLDER = "person", "court", "holder", "holder-"


class Kind(StrEnum):
    """Which form: each asks only what it needs."""

    WITHDRAWN = "taken-back"
    GIVEN = "agreed"
    REFUSED = "said-no"
    NOT_ASKED = "not-asked"
    CANNOT_DECIDE = "cannot-decide"
    INVALID = "not-real"


STATES: Mapping[Kind, ConsentState] = {
    Kind.WITHDRAWN: ConsentState.WITHDRAWN,
    Kind.GIVEN: ConsentState.GIVEN,
    Kind.REFUSED: ConsentState.REFUSED,
    Kind.CANNOT_DECIDE: ConsentState.LACKS_CAPACITY,
    Kind.INVALID: ConsentState.INVALID,
}
"""``NOT_ASKED`` says itself whether nobody was asked or nobody needs to be."""
ABOUT_AN_EARLIER = frozenset({Kind.WITHDRAWN, Kind.INVALID})
SOURCES: Mapping[GivenBy, SourceKind] = {
    GivenBy.PARENTAL_RESPONSIBILITY: SourceKind.CARER_ACCOUNT,
    GivenBy.COURT: SourceKind.DOCUMENT,
    GivenBy.NOBODY: SourceKind.PROFESSIONAL_OBSERVATION,
}
"""Whose account the words are; the person's own otherwise."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form offers for a case as it is now: agreements that can be taken back or were none, who can speak."""

    kind: Kind
    is_adult: bool
    agreements: tuple[Consent, ...]
    holders: tuple[str, ...]

    @property
    def subjects(self) -> tuple[ConsentSubject, ...]:
        """What it can be about."""
        return tuple(ConsentSubject) if self.is_adult else (ConsentSubject.SHARING,)


@dataclass(frozen=True, slots=True)
class Said:
    """A form that says everything: codes and words as ``consent_members`` and ``detail_content`` take them."""

    codes: Mapping[str, Any]
    words: Mapping[str, str] = field(repr=False)
    job_title: str = field(default="", repr=False)


def asked_of(kind: Kind, verified: VerifiedCase) -> Asked:
    """Return what a form of a kind offers in a case."""
    consents = verified.state.consent
    source = consents.in_force if kind is Kind.WITHDRAWN else consents.statements
    agreements = tuple(item for item in source if item.state is ConsentState.GIVEN) if kind in ABOUT_AN_EARLIER else ()
    is_adult = verified.state.membership.age_path is AgePath.ADULT
    return Asked(kind, is_adult, agreements, holders_of(consents.statements))


def holders_of(statements: Sequence[Consent]) -> tuple[str, ...]:
    """Return the opaque ids of those with parental responsibility who spoke, in the order in which they first did."""
    return tuple(dict.fromkeys(item.giver for item in statements if item.giver is not None))


def read_consent(asked: Asked, read: FormReader, today: date) -> Said | None:
    """Return what a form says, or None with its problems noted in ``read``."""
    codes: dict[str, Any] = {}
    if asked.kind in ABOUT_AN_EARLIER:
        _read_earlier(asked, read, codes)
    else:
        _read_whose(asked, read, codes)
    if asked.kind is Kind.NOT_ASKED:
        codes["state"] = _read_not_asked(read, codes)
    else:
        codes["state"] = STATES[asked.kind].value
    _read_competence(asked, read, codes)
    if asked.kind is Kind.GIVEN:
        _read_scope(read, codes, today)
    told = read.term("told", ToldState, _("Say whether they were told what is shared and why"))
    used = read.term("interpreter", InterpreterUse, _("Say whether there was an interpreter"))
    wishes = read.term("wishes", WishesState, _("Say whether the child’s wishes and feelings were heard"))
    codes |= {
        "told": None if told is None else told.value,
        "interpreter": None if used is None else used.value,
        "wishes": None if wishes is None else wishes.value,
    }
    _require_understood(asked, read, codes)
    words, job = _read_words(asked, read, codes)
    return None if read.problems else Said(codes, words, job)


def _read_earlier(asked: Asked, read: FormReader, codes: dict[str, Any]) -> None:
    """Whose agreement, and on what: it is that of the statement chosen."""
    digests = [item.digest for item in asked.agreements]
    chosen = read.choice("agreement", digests, _("Choose the agreement"))
    found = next((item for item in asked.agreements if item.digest == chosen), None)
    if found is None:
        return
    codes |= {"subject": found.subject.value, "given_by": found.given_by.value, "giver": found.giver}
    if asked.kind is Kind.INVALID:
        codes["about"] = found.digest
    elif asked.is_adult and found.given_by is GivenBy.CHILD:
        codes["given_by"] = GivenBy.ADULT.value


def _read_whose(asked: Asked, read: FormReader, codes: dict[str, Any]) -> None:
    subject = ConsentSubject.SHARING.value
    if asked.is_adult:
        subject = read.choice("subject", asked.subjects, _("Choose what it is about")) or ""
    codes["subject"] = subject
    person = (GivenBy.ADULT if asked.is_adult else GivenBy.CHILD).value
    if asked.kind is Kind.NOT_ASKED:
        codes["given_by"] = GivenBy.NOBODY.value
        return
    if asked.kind is Kind.CANNOT_DECIDE:
        codes["given_by"] = person
        return
    who = read.raw("who")
    if who == PERSON:
        codes["given_by"] = person
    elif who == COURT:
        codes["given_by"] = GivenBy.COURT.value
    elif not asked.is_adult and (who == NEW_HOLDER or who.startswith(HOLDER)):
        codes["given_by"] = GivenBy.PARENTAL_RESPONSIBILITY.value
        codes["giver"] = _holder(read, who)
    else:
        read.note("who", _("Choose whose word this is"))


def _holder(read: FormReader, who: str) -> str | None:
    """Return the opaque id; somebody new gets one that says nothing, and keeps it on the way to being recorded."""
    giver = os.urandom(16).hex() if who == NEW_HOLDER else who.removeprefix(HOLDER)
    try:
        require_id(giver, "giver")
    except Malformed:
        read.note("who", _("Choose whose word this is"))
        return None
    read.form["who"] = f"{HOLDER}{giver}"
    return giver


def _read_not_asked(read: FormReader, codes: dict[str, Any]) -> str | None:
    states = (ConsentState.NOT_SOUGHT, ConsentState.NOT_REQUIRED)
    state = read.choice("state", states, _("Say whether nobody was asked, or nobody needs to be"))
    reasons = [item for item in ConsentReason if item is not ConsentReason.NONE]
    codes["reason"] = read.choice("reason", reasons, _("Choose the reason"))
    return state


def _read_competence(asked: Asked, read: FormReader, codes: dict[str, Any]) -> None:
    is_person = codes.get("given_by") in (GivenBy.CHILD.value, GivenBy.ADULT.value)
    if asked.kind is Kind.CANNOT_DECIDE:
        codes["competence"] = Competence.NOT_COMPETENT.value
    elif asked.kind is Kind.GIVEN and is_person:
        problem = _("Say whether they understand what they agree to")
        codes["competence"] = read.choice("competence", Competence, problem)
    else:
        return
    if codes["competence"] == Competence.NOT_ASSESSED.value:
        return
    assessors = [item for item in Assessor if item is not Assessor.NOBODY]
    codes["assessed_by"] = read.choice("assessed_by", assessors, _("Choose who assessed whether they understand"))


def _read_scope(read: FormReader, codes: dict[str, Any], today: date) -> None:
    groups = read.choices("groups", tuple(GROUPS), _("Tick what may be shared"))
    recipients = read.choices("recipients", tuple(KINDS), _("Tick who may have it"))
    purposes = read.choices("purposes", tuple(PURPOSES), _("Tick what for"))
    codes["scope"] = {
        "categories": sorted({item.value for name in groups for item in GROUPS[name][1]}),
        "recipients": sorted(str(item) for item in recipients),
        "purposes": sorted(str(item) for item in purposes),
    }
    last = read.day("ends", not_before=today)
    if last is not None:
        codes["expires_at"] = render_time(uk_day_end(last))


def _require_understood(asked: Asked, read: FormReader, codes: Mapping[str, Any]) -> None:
    """Note what no agreement can do without: a language that is understood, and being told."""
    if asked.kind is not Kind.GIVEN:
        return
    if codes["interpreter"] == InterpreterUse.NEEDED_NOT_THERE.value:
        read.note("interpreter", _("Nobody agrees in a language they do not understand. Ask again with an interpreter"))
    is_person = codes.get("given_by") in (GivenBy.CHILD.value, GivenBy.ADULT.value)
    if is_person and codes["told"] not in (None, ToldState.YES.value):
        read.note("told", _("Nobody agrees to what they were not told. Tell them, then ask again"))


def _read_words(asked: Asked, read: FormReader, codes: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    words = {
        "words": read.text("words"),
        "told_words": read.text("told_words", limit=MAX_SHORT),
        "competence_words": read.text("competence_words", limit=MAX_SHORT),
        "interpreter_words": read.line("interpreter_words"),
    }
    found = {name: text for name, text in words.items() if text is not None}
    if not any(read.raw(name) for name in words):
        return {}, ""
    # How it was found that somebody cannot decide is said also where they said nothing.
    is_found = asked.kind is Kind.CANNOT_DECIDE and "competence_words" in found
    if not read.raw("words") and not is_found:
        read.note("words", _("Write what was said as well, or leave the other words out"))
    job = read.line("job_title", _("Write your job: the words travel with it, not with your name"), MAX_LINE)
    try:
        giver = GivenBy(codes.get("given_by", ""))
    except ValueError:
        giver = GivenBy.NOBODY
    said_by = SOURCES.get(giver, SourceKind.CHILD_ACCOUNT) if "words" in found else SourceKind.PROFESSIONAL_OBSERVATION
    found["source_kind"] = said_by.value
    found["given_by"] = giver.value
    return found, job or ""
