"""The child's voice: what the child says, in their own words, before anything a professional says; or why it is absent.

Sources: nrm.md 7 section 2; the requirement to hear the child [S39][S40]. For a child consent is never a condition of
referral, so where consent stands is shown as told and heard, not as a permission.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.picture.consent_standing import ConsentStanding, read_consent_standing
from adapters.picture.provenance import Piece, Provenance, Statement
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.picture.words import category_words
from adapters.release.writing import SourceKind
from policies.vocabulary import Category, WishesState

ABSENCE_SENTENCES: Mapping[str, str] = {
    WishesState.NOT_ASKED_YET.value: _("Nobody has asked the child yet."),
    WishesState.CHILD_NOT_READY.value: _("The child is not ready to talk."),
    WishesState.CHILD_MISSING.value: _("The child is missing."),
    WishesState.NO_INTERPRETER.value: _("There was no interpreter."),
    WishesState.UNSAFE_TO_ASK.value: _("It was not safe to ask."),
}
NOT_RECORDED = _("Nothing you opened records what the child wishes and feels, and nobody has recorded why.")
CONSENT_SENTENCES: Mapping[str, str] = {
    "none_recorded": _("No consent statement is recorded."),
    "given": _("The child, or somebody for the child, agreed to sharing."),
    "refused": _("Sharing was refused."),
    "withdrawn": _("Agreement to sharing was withdrawn."),
    "invalid": _("An agreement was recorded and found not to be valid."),
    "not_sought": _("Agreement was not sought."),
    "lacks_capacity": _("The child was found not to be able to decide about sharing."),
    "not_required": _("Agreement is not required."),
}
_WORDS_ARE = {
    "as_said": _("in the child's own words"),
    "interpreted": _("through an interpreter"),
    "in_other_words": _("as the writer understood it"),
}


@dataclass(frozen=True, slots=True)
class VoiceEntry:
    """What the child said once: the words and how they were asked."""

    own_words: str
    words_are: str
    asked_on: str
    asked_by_role: str
    how: str
    interpreter: str
    told_about_nrm: str
    wants_people_to_know: str
    provenance: Provenance
    trusts: str = ""
    """Whom the child trusts, in words; and who is best placed to ask."""
    best_asked_by: str = ""


@dataclass(frozen=True, slots=True)
class VoiceAbsence:
    """Why the child was not heard, and when somebody asks again. Provenance None: it is from a consent statement."""

    state: str
    sentence: str
    reason: str
    ask_again_on: str
    provenance: Provenance | None
    trusts: str = ""
    best_asked_by: str = ""


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One consent statement: its codes, and the words behind it where the reader opened them."""

    subject: str
    state: str
    sentence: str
    reason: str
    given_by: str
    told: str
    issuer: str
    issued_at: str
    words: Statement | None


@dataclass(frozen=True, slots=True)
class Voice:
    """The section. ``sentence`` says in plain words whether the child was heard."""

    is_heard: bool
    sentence: str
    entries: tuple[VoiceEntry, ...]
    absences: tuple[VoiceAbsence, ...]
    other_accounts: tuple[Statement, ...]
    consents: tuple[ConsentRow, ...]
    standing: tuple[ConsentStanding, ...] = ()
    """Where consent stands now, by all of these."""


_NO_ACCOUNTS = (Category.WISHES_AND_FEELINGS, Category.STATEMENT_DETAIL)
_ACCOUNTS = frozenset(
    {
        "hub_ContextSeen",
        "hub_MissingAccount",
        "hub_MovementAccount",
        "hub_OffenceNote",
        "hub_PlacementAccount",
        "hub_RelationAccount",
        "seen",
    }
)
"""The fields of forms in which somebody writes down what was told."""


def hear_child(view: CaseView, pieces: Sequence[Piece]) -> Voice:
    """Collect what the child said, newest first, and what was recorded where the child said nothing."""
    wishes = [piece for piece in pieces if piece.category is Category.WISHES_AND_FEELINGS]
    heard = [piece for piece in wishes if piece.content.text("hub_OwnWords")]
    heard.sort(key=lambda piece: (piece.content.text("hub_AskedOn"), piece.opened.log_index), reverse=True)
    entries = tuple(_entry(piece) for piece in heard)
    absences = [_absence(piece) for piece in wishes if piece not in heard]
    if not entries and not absences:
        absences.extend(_from_consents(view.consents))
    others = tuple(statement for piece in pieces for statement in _account(piece))
    if entries:
        sentence: str = _("The child was asked, and these are the words recorded.")
    elif absences:
        sentence = _("The child's wishes and feelings are not recorded. The reason given is below.")
    else:
        sentence = NOT_RECORDED
    consents, standing = _consents(view, pieces), read_consent_standing(view)
    return Voice(bool(entries), sentence, entries, tuple(absences), others, consents, standing)


def is_told_by_child(piece: Piece) -> bool:
    """Whether a record holds what the child said: one that says why they were not heard holds none of it."""
    if piece.category is Category.WISHES_AND_FEELINGS:
        return bool(piece.content.text("hub_OwnWords"))
    return piece.content.source_kind is SourceKind.CHILD_ACCOUNT


def _account(piece: Piece) -> Iterator[Statement]:
    """Go through what a child told in a record of something else, under what the record is of.

    A record that people wrote in a form has one account; its grades, days, ids and choices are nobody's words.
    """
    if piece.content.source_kind is not SourceKind.CHILD_ACCOUNT or piece.category in _NO_ACCOUNTS:
        return
    label = category_words(piece.category)
    for value in piece.content.walk():
        is_told = not piece.content.is_authored or value.name.rsplit(".", 1)[-1] in _ACCOUNTS
        if is_told and value.is_verbatim:
            yield piece.state(label, value)


def _entry(piece: Piece) -> VoiceEntry:
    content = piece.content
    words = content.find("hub_OwnWords")
    return VoiceEntry(
        own_words="" if words is None else words.text,
        words_are=_WORDS_ARE.get(content.text("hub_WordsAre"), _("not said whether these are the child's own words")),
        asked_on=content.text("hub_AskedOn") or content.observed_from or "",
        asked_by_role=content.text("hub_AskedByRole"),
        how=content.text("hub_HowAsked"),
        interpreter=content.text("hub_Interpreter"),
        told_about_nrm=content.text("hub_ToldAboutNRM"),
        wants_people_to_know=content.text("hub_WantsPeopleToKnow"),
        provenance=piece.provenance(words),
        trusts=content.text("hub_TrustedPerson"),
        best_asked_by=content.text("hub_BestPlacedToAsk"),
    )


def _absence(piece: Piece) -> VoiceAbsence:
    state = piece.content.text("hub_WishesState")
    return VoiceAbsence(
        state=state or "not_recorded",
        sentence=ABSENCE_SENTENCES.get(state, _("The record holds no words of the child.")),
        reason=piece.content.text("hub_AbsentReason"),
        ask_again_on=piece.content.text("hub_AskAgainOn"),
        provenance=piece.provenance(),
        trusts=piece.content.text("hub_TrustedPerson"),
        best_asked_by=piece.content.text("hub_BestPlacedToAsk"),
    )


def _from_consents(consents: Sequence[Mapping[str, Any]]) -> list[VoiceAbsence]:
    state = str(consents[-1].get("wishes")) if consents else ""
    if state == WishesState.RECORDED.value:
        sentence = _("A consent statement says that the child's wishes were recorded; you have not opened the record.")
        return [VoiceAbsence("recorded_elsewhere", sentence, "", "", None)]
    return [VoiceAbsence(state, ABSENCE_SENTENCES[state], "", "", None)] if state in ABSENCE_SENTENCES else []


def _consents(view: CaseView, pieces: Sequence[Piece]) -> tuple[ConsentRow, ...]:
    details = {piece.fragment: piece for piece in pieces if piece.category is Category.STATEMENT_DETAIL}
    return tuple(_consent_row(item, details) for item in reversed(view.consents))


def _consent_row(item: Mapping[str, Any], details: Mapping[str, Piece]) -> ConsentRow:
    state, detail = str(item.get("state", "")), item.get("detail")
    piece = details.get(str(detail.get("fragment"))) if isinstance(detail, Mapping) else None
    # Where nobody said anything, how it was found that they cannot decide.
    named = ("hub_StatementWords", "hub_Competence") if piece is not None else ()
    words = next((found for name in named if piece is not None and (found := piece.content.find(name))), None)
    return ConsentRow(
        subject=str(item.get("subject", "")),
        state=state,
        sentence=CONSENT_SENTENCES.get(state, _("A consent statement of a kind this version does not know.")),
        reason=str(item.get("reason", "")),
        given_by=str(item.get("given_by", "")),
        told=str(item.get("told", "")),
        issuer=str(item.get("issuer", "")),
        issued_at=str(item.get("issued_at", "")),
        words=piece.state("Words of the statement", words) if piece is not None and words is not None else None,
    )
