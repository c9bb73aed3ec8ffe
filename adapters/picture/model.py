"""One picture of one child from one person's view of the case: pure, in the order a panel reads it (nrm.md 7).

``assemble`` takes what was opened and verified and returns sections in which every statement keeps its provenance.
Nothing is merged away, nothing is weighed, and what is missing has a section as long as what is there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.picture.changes import Changes, list_changes
from adapters.picture.chronology import ChronologyRow, build_chronology
from adapters.picture.clocks import Clock, list_clocks
from adapters.picture.content import find_part
from adapters.picture.context import Surroundings, read_surroundings
from adapters.picture.counts import Counts, count_fragments
from adapters.picture.deliberation import DeliberationRow, list_deliberation
from adapters.picture.disagreements import DisagreementItem, find_disagreements
from adapters.picture.elements import Elements, build_elements
from adapters.picture.future import Future, read_future
from adapters.picture.gaps import Gaps, find_gaps, since_words
from adapters.picture.identity import AgeReading, Identity, agree, collect_identity, read_ages
from adapters.picture.offences import VictimAndOffender, list_offences
from adapters.picture.provenance import Piece, Provenance, Statement, read_piece, render_json
from adapters.picture.referral import Scope, scope_words
from adapters.picture.situation import (
    ActionRow,
    Credibility,
    QuestionToDecide,
    Safety,
    assess_safety,
    frame_question,
    list_actions,
    list_explanations,
)
from adapters.picture.speech import joined
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.told import Told, read_told
from adapters.picture.use import Openers, list_openers
from adapters.picture.versions import Versions, sort_versions
from adapters.picture.view import (
    CaseView,
    NotGiven,
    OpenedFragment,
    PictureRefused,
    RefusedFragment,
    Unverified,
)
from adapters.picture.voice import Voice, hear_child, is_told_by_child
from adapters.picture.words import INFORMATION_GRADES, SOURCE_GRADES
from adapters.sources.subject import normalise_name
from adapters.uk_time import uk_day
from policies.vocabulary import AgencyKind, AgePath, Category, Purpose, Role

__all__ = [
    "CaseView",
    "NotGiven",
    "OpenedFragment",
    "Picture",
    "PictureRefused",
    "RefusedFragment",
    "Unverified",
    "assemble",
]

SCHEMA = "nrmhub-picture-1"
PSEUDONYM_CHARS = 8
QUORUM_WORDS = {
    "yes": _("met at the newest meeting, by the chair’s own statement"),
    "no": _("not met at the newest meeting, by the chair’s own statement"),
    "not_known": _("not stated for the newest meeting"),
}
CANNOT_SAY = _(
    "This page shows what agencies released to you, and nothing else. It cannot say that something did not happen. "
    "Silence is not absence: an empty place means that nothing was opened there, not that there is nothing. It does "
    "not weigh one account against another, and it gives no score. It was true at the time printed on it; a record "
    "released, corrected or withdrawn after that is not on it."
)


MARKING = _("OFFICIAL-SENSITIVE")
"""How what a case holds is to be handled, whatever its records say besides."""


@dataclass(frozen=True, slots=True)
class AgencyRow:
    """One agency of the case and what of it is in this picture.

    ``opened`` = ``shown`` + ``not_written``, and ``shown`` = ``fragments`` (those that count) + ``older_versions``.
    """

    agency: str
    kind: AgencyKind | None
    name: str
    is_lead: bool
    is_in_case: bool
    opened: int
    shown: int
    fragments: int
    older_versions: int
    not_written: int
    not_given: int
    refused: int
    not_said: int
    categories: tuple[Category, ...]


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Who and when: pseudonym, names as recorded, age by each recorded birth date, the scope of the pilot."""

    pseudonym: str
    names: tuple[str, ...]
    about: tuple[Statement, ...]
    ages: tuple[AgeReading, ...]
    age_today: str
    age_words: str
    days_to_18: str
    days_words: str
    in_scope: Scope
    scope_note: str
    age_path: AgePath
    case_opened_at: datetime
    days_open: int
    opened_words: str
    marking: str
    latest_meeting: Statement | None
    quorum: str
    quorum_words: str


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One fragment in the evidence list. ``older`` are its earlier versions, newest first.

    ``words`` are those of a note, which its summary does not hold.
    """

    ref: str
    summary: str
    is_childs_words: bool
    is_restricted: bool
    source_grade: str
    info_grade: str
    grade_words: str
    reliability: str
    derived_from: tuple[str, ...]
    findings: tuple[str, ...]
    provenance: Provenance
    older: tuple[Provenance, ...]
    words: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A rule of the agreement that the picture names, and what it says."""

    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RecordOfUse:
    """By whom, as what, what for and when this picture was opened, and which exact set of fragments it rests on.

    ``manifest_digest`` names everything opened, what is not written to this file included. ``rules`` are those named.
    """

    reader_agency: str
    reader_member: str | None
    reader_roles: tuple[Role, ...]
    purpose: Purpose
    assembled_at: datetime
    manifest_digest: str
    membership_digest: str
    checkpoint_size: int
    checkpoint_root: str
    fragments_opened: int
    counts: Counts
    newest_log_index: int | None
    rules: tuple[RuleWords, ...]
    openers: Openers
    unconfirmed: tuple[str, ...] = ()
    """Gateways and bases named on the page that nobody has checked against the law."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The assembled picture. Sections stand in the order in which a panel reads them."""

    schema: str
    case: str
    cannot_say: str
    agencies: tuple[AgencyRow, ...]
    header: PictureHeader
    clocks: tuple[Clock, ...]
    changes: Changes | None
    childs_voice: Voice
    safety: Safety
    question: QuestionToDecide
    identity: Identity
    chronology: tuple[ChronologyRow, ...]
    surroundings: Surroundings
    elements: Elements
    evidence: tuple[EvidenceRow, ...]
    disagreements: tuple[DisagreementItem, ...]
    gaps: Gaps
    credibility: Credibility
    victim_and_offender: VictimAndOffender
    future: Future
    plan: tuple[ActionRow, ...]
    told: Told
    deliberation: tuple[DeliberationRow, ...]
    record_of_use: RecordOfUse

    def to_json(self) -> dict[str, Any]:
        """Return ``picture.json``: objects, lists, text, whole numbers and booleans only."""
        result: dict[str, Any] = render_json(self)
        return result

    def ref_of(self, fragment: str) -> str:
        """Return the short name of a fragment on the page (``F3``), or the first characters of an id not opened."""
        for row in self.evidence:
            if fragment == row.provenance.fragment or any(fragment == old.fragment for old in row.older):
                return row.ref
        return fragment[:PSEUDONYM_CHARS]


def assemble(view: CaseView) -> Picture:
    """Make the picture. Raises ``PictureRefused`` where the view is not of one case or over a limit."""
    view.require_whole()
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    versions = sort_versions(
        [read_piece(item, view.kind_of(item.header.agency)) for item in ordered],
        frozenset(item.fragment for item in view.not_written),
    )
    pieces = versions.current
    identity = collect_identity(pieces)
    ages = read_ages(identity, view.today, view.case.membership.age_path, view.referral)
    elements = build_elements(pieces, view.case.membership.age_path)
    return Picture(
        schema=SCHEMA,
        case=view.case.membership.case,
        cannot_say=CANNOT_SAY,
        agencies=_agencies(view, versions),
        header=_header(view, pieces, ages),
        clocks=list_clocks(view, pieces, ages),
        changes=list_changes(view, versions),
        childs_voice=hear_child(view, pieces),
        safety=assess_safety(view, pieces),
        question=frame_question(view, pieces, elements.types),
        identity=identity,
        chronology=build_chronology(pieces),
        surroundings=read_surroundings(pieces, view),
        elements=elements,
        evidence=tuple(_evidence(piece, versions) for piece in pieces),
        disagreements=find_disagreements(view, pieces, identity),
        gaps=find_gaps(view, versions, identity.not_known),
        credibility=list_explanations(pieces),
        victim_and_offender=list_offences(view, pieces),
        future=read_future(view, pieces),
        plan=list_actions(view, pieces),
        told=read_told(view, pieces),
        deliberation=list_deliberation(view, pieces),
        record_of_use=_record_of_use(view, versions),
    )


def _agencies(view: CaseView, versions: Versions) -> tuple[AgencyRow, ...]:
    listed = [agency for agency, _ in view.case.membership.agencies]
    # An agency that has left the case stays visible through what it shared.
    speaking = {piece.agency for piece in versions.current} | {item.agency for item in view.not_given if item.count}
    speaking |= {item.agency for item in (*view.not_written, *view.refused)}
    left = sorted(speaking - set(listed))
    return tuple(_agency(view, versions, agency) for agency in (*listed, *left))


def _agency(view: CaseView, versions: Versions, agency: str) -> AgencyRow:
    own = [piece for piece in versions.current if piece.agency == agency]
    shown = sum(item.header.agency == agency for item in view.opened)
    not_written = sum(item.agency == agency for item in view.not_written)
    return AgencyRow(
        agency=agency,
        kind=view.kind_of(agency),
        name=view.name_of(agency),
        is_lead=agency == view.case.membership.lead,
        is_in_case=view.kind_of(agency) is not None,
        opened=shown + not_written,
        shown=shown,
        fragments=len(own),
        older_versions=shown - len(own),
        not_written=not_written,
        not_given=sum(item.count for item in view.not_given if item.agency == agency),
        refused=sum(item.agency == agency for item in view.refused),
        not_said=sum(item.fragments for item in view.awaited if item.agency == agency),
        categories=tuple(sorted({piece.category for piece in own})),
    )


def _header(view: CaseView, pieces: Sequence[Piece], ages: tuple[AgeReading, ...]) -> PictureHeader:
    meetings = [piece for piece in pieces if piece.category is Category.MEETING]
    latest = max(meetings, key=lambda piece: (piece.content.text("hub_HeldOn"), piece.opened.log_index), default=None)
    in_scope = Scope(agree(ages, lambda reading: reading.in_scope))
    quorum = latest.content.text("hub_Quorate") if latest is not None else "not_known"
    quorum = quorum if quorum in QUORUM_WORDS else "not_known"
    days_open = max((view.today - uk_day(view.opened_at)).days, 0)
    return PictureHeader(
        pseudonym=view.case.membership.case[:PSEUDONYM_CHARS],
        names=_names(pieces),
        about=tuple(
            piece.state("What the case is about", value)
            for piece in pieces
            if piece.category is Category.SUBJECT_CARD
            for value in piece.content.given("hub_CaseAbout")
        ),
        ages=ages,
        age_today=agree(ages, lambda reading: _span(reading.ages.youngest, reading.ages.oldest)),
        age_words=_each(ages, lambda reading: _span(reading.ages.youngest, reading.ages.oldest)),
        days_to_18=agree(ages, lambda reading: _span(reading.ages.days_least, reading.ages.days_most)),
        days_words=_each(ages, lambda reading: _span(reading.ages.days_least, reading.ages.days_most)),
        in_scope=in_scope,
        scope_note=scope_words(in_scope, view.case.membership.age_path, view.referral),
        age_path=view.case.membership.age_path,
        case_opened_at=view.opened_at,
        days_open=days_open,
        opened_words=since_words(days_open),
        marking=MARKING,
        latest_meeting=latest.summarise("Meeting") if latest is not None else None,
        quorum=quorum,
        quorum_words=QUORUM_WORDS[quorum] if latest is not None else _("no meeting was opened"),
    )


def _names(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """Return the names, subject cards first; other spellings of the same name are in the identity table."""
    names: dict[str, str] = {}
    cards = [piece for piece in pieces if piece.category is Category.SUBJECT_CARD]
    for piece in (*cards, *(piece for piece in pieces if piece.category is Category.IDENTITY)):
        parts = (piece.content.text(name) for name in ("prs_FirstName", "prs_MiddleName", "prs_SecondName"))
        name = " ".join(part for part in parts if part)
        if name:
            names.setdefault(normalise_name(name), name)
    return tuple(names.values())


def _each(readings: Sequence[AgeReading], pick: Callable[[AgeReading], str]) -> str:
    """Return every answer that the recorded birth dates give: nobody picks one here."""
    answers = list(dict.fromkeys(pick(reading) for reading in readings))
    if not answers:
        return _("not known")
    if len(answers) == 1:
        return answers[0]
    said = functools.reduce(lambda first, last: _("%(first)s or %(last)s", first=first, last=last), answers)
    return _("%(what)s: the records differ", what=said)


def _span(least: int, most: int) -> str:
    return str(least) if least == most else _("%(least)s to %(most)s", least=str(least), most=str(most))


def _evidence(piece: Piece, versions: Versions) -> EvidenceRow:
    provenance = piece.provenance()
    words = {value.name.rsplit(".", 1)[-1].casefold().replace("_", ""): value for value in piece.content.walk()}

    def grade(*names: str) -> str:
        return next((words[name].text for name in names if name in words and words[name].is_given), "")

    source_grade = grade("sourcegrade", "hubsourcegrade")
    info_grade = grade("infograde", "hubinfograde", "informationgrade")
    return EvidenceRow(
        ref=piece.ref,
        summary=piece.line,
        is_childs_words=is_told_by_child(piece),
        is_restricted=piece.content.is_restricted,
        source_grade=source_grade,
        info_grade=info_grade,
        grade_words=_grade_words(source_grade, info_grade),
        reliability=grade("reliability", "hubreliability"),
        derived_from=piece.content.derived_from,
        findings=piece.content.findings,
        provenance=provenance,
        older=tuple(old.provenance() for old in versions.older.get(piece.fragment, ())),
        words=tuple(_note_words(piece)),
    )


def _note_words(piece: Piece) -> Iterator[Statement]:
    if piece.category is Category.HEALTH_CONTACT:
        for reason in piece.content.given("hub_HealthContactReason"):
            yield piece.state(_("Reason for the contact"), reason)
    if piece.category is not Category.NARRATIVE:
        return
    parts = (find_part(group, "text") for group in piece.content.parts("hub_Narrative"))
    for value in (*piece.content.given("cco_CaseComment"), *parts):
        if value is not None:
            yield piece.state(_("Words of the note"), value)


def _grade_words(source: str, information: str) -> str:
    """Say both grades with their meaning, apart: they are never one score."""
    if not source and not information:
        return ""
    parts = (
        (_("source"), SOURCE_GRADES.get(source, source)),
        (_("information"), INFORMATION_GRADES.get(information, information)),
    )
    return joined([joined([what, words or _("not graded")], ": ") for what, words in parts], "; ")


def _record_of_use(view: CaseView, versions: Versions) -> RecordOfUse:
    counts = count_fragments(view, versions)
    named = {rule for opened in view.opened for rule in opened.rules}
    named |= {rule for item in (*view.refused, *view.not_written) for rule in item.rules}
    return RecordOfUse(
        reader_agency=view.reader.agency,
        reader_member=view.reader.member,
        reader_roles=view.reader_roles,
        purpose=view.purpose,
        assembled_at=view.at,
        manifest_digest=view.manifest_digest,
        membership_digest=view.case.membership_digest,
        checkpoint_size=view.checkpoint_size,
        checkpoint_root=view.checkpoint_root,
        fragments_opened=counts.opened,
        counts=counts,
        newest_log_index=max((item.log_index for item in view.opened), default=None),
        rules=tuple(RuleWords(rule, view.rule_words[rule]) for rule in sorted(named) if rule in view.rule_words),
        openers=list_openers(view),
        unconfirmed=tuple(sorted(view.unconfirmed & _named_bases(view))),
    )


def _named_bases(view: CaseView) -> set[str]:
    bases = [item.basis for item in view.opened]
    return {code.value for basis in bases for code in (basis.gateway, basis.article6, basis.condition)}
