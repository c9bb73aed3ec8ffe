"""Where agencies differ: the disagreements people wrote down, and those that lie in the records themselves.

A computed difference is a question to people, with both sides' records; it is never settled here and neither side is
preferred. Two accounts that differ may both be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from adapters.nrm.typology import CONCERN_TYPES, INDICATORS, UNTYPED_CONCERNS, Presence
from adapters.picture.content import Group, find_part
from adapters.picture.dates import Precision
from adapters.picture.elements import concern_groups, recorded_status
from adapters.picture.identity import Identity, IdentityField, more_exact
from adapters.picture.offence_answers import (
    OffenceAnswer,
    accused_in,
    is_offence_answer,
    newest_answers,
    read_standings,
)
from adapters.picture.provenance import Piece, Statement
from adapters.picture.speech import joined, lazy_ngettext
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.picture.words import day_words, join_words, span_words
from adapters.release.writing import DisagreementStatus
from policies.vocabulary import AgencyKind, Category

MAX_PRESENCES_SHOWN = 10
PRESENCE_CATEGORIES = frozenset({Category.HEALTH_CONTACT, Category.OFFENCE})
"""Events at which somebody met the child, or says so. An address or a referral on paper shows no meeting."""


class DisagreementKind(StrEnum):
    """What a disagreement is about, and whether a person wrote it down (``written``) or the records show it."""

    WRITTEN = "written"
    IDENTITY = "identity"
    OFFENDER_OR_VICTIM = "offender_or_victim"
    STATUS = "status"
    SEEN_OR_NOT = "seen_or_not"
    MISSING_OR_PRESENT = "missing_or_present"
    OFFENCE_ANSWERED = "offence_answered"


@dataclass(frozen=True, slots=True)
class DisagreementPosition:
    """What one agency holds. ``evidence`` are fragment ids; those not opened by the reader stay ids."""

    agency: str
    agency_kind: AgencyKind | None
    text: str
    evidence: tuple[str, ...]
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class DisagreementItem:
    """One point. Status, owner and due day are those people wrote; a computed one is ``open`` and has no owner yet."""

    kind: DisagreementKind
    point: str
    positions: tuple[DisagreementPosition, ...]
    status: str
    owner: str | None
    due: str | None
    days_overdue: int | None
    explanation: str
    fragment: str | None
    follows: str | None = None
    """The fragment of the earlier record of the same point of which this one says what came."""
    followed_by: tuple[str, ...] = ()
    """The fragments that say what came of this one, in the log's order. Its own words and status stay as written."""


def find_disagreements(view: CaseView, pieces: Sequence[Piece], identity: Identity) -> tuple[DisagreementItem, ...]:
    """Return written disagreements first, then those found in the records."""
    written = [piece for piece in pieces if piece.category is Category.DISAGREEMENT]
    return (
        *(_written(view, piece, [item for item in written if _follows(item) == piece.fragment]) for piece in written),
        *_in_identity(view, identity),
        *_offender_or_victim(view, pieces),
        *_status(view, pieces),
        *_seen_or_not(view, pieces),
        *_missing_or_present(view, pieces),
        *_offence_answered(view, pieces),
    )


def _follows(piece: Piece) -> str | None:
    """Return the earlier record of which this one says what came; none is its own."""
    named = piece.content.text("hub_Follows")
    return named if named and named != piece.fragment else None


def _written(view: CaseView, piece: Piece, later: Sequence[Piece]) -> DisagreementItem:
    content = piece.content
    status = content.text("hub_DisagreementStatus")
    due = content.text("hub_Due")
    later = sorted(later, key=lambda item: item.opened.log_index)
    # Who brought a point up, or is to take it forward, says the next day, or that it is settled, in the later record.
    is_taken_up = any(item.agency in (piece.agency, content.text("hub_Owner")) for item in later)
    is_open = status in (DisagreementStatus.OPEN, DisagreementStatus.ESCALATED) and not is_taken_up
    return DisagreementItem(
        kind=DisagreementKind.WRITTEN,
        point=content.text("hub_DisagreementPoint") or content.summary,
        positions=tuple(_position(view, piece, group) for group in content.groups.get("hub_Position", ())),
        status=status or DisagreementStatus.OPEN.value,
        owner=content.text("hub_Owner") or None,
        due=due or None,
        days_overdue=_overdue(due, view) if is_open else None,
        explanation=content.text("hub_PossibleExplanation"),
        fragment=piece.fragment,
        follows=_follows(piece),
        followed_by=tuple(item.fragment for item in later),
    )


def _position(view: CaseView, piece: Piece, group: Group) -> DisagreementPosition:
    agency, words = find_part(group, "agency"), find_part(group, "position")
    name = agency.text if agency is not None else piece.agency
    return DisagreementPosition(
        agency=name,
        agency_kind=view.kind_of(name),
        text=words.text if words is not None else "",
        evidence=tuple(value.text for value in group.get("evidence", ()) if value.is_given),
        statements=(piece.state("Position", words),) if words is not None else (),
    )


def _overdue(due: str, view: CaseView) -> int | None:
    try:
        days = (view.today - date.fromisoformat(due)).days
    except ValueError:
        return None
    return days if days > 0 else None


def _computed(
    view: CaseView, kind: DisagreementKind, point: str, sides: Sequence[tuple[str, Sequence[Statement]]]
) -> DisagreementItem:
    positions = []
    for text, statements in sides:
        by_agency: dict[str, list[Statement]] = {}
        for statement in statements:
            by_agency.setdefault(statement.provenance.agency, []).append(statement)
        for agency, said in by_agency.items():
            evidence = tuple(dict.fromkeys(item.provenance.fragment for item in said))
            positions.append(DisagreementPosition(agency, view.kind_of(agency), text, evidence, tuple(said)))
    return DisagreementItem(
        kind, point, tuple(positions), DisagreementStatus.OPEN.value, None, None, None, explanation="", fragment=None
    )


def _agencies(statements: Sequence[Statement]) -> set[str]:
    return {statement.provenance.agency for statement in statements}


def _differ(left: Sequence[Statement], right: Sequence[Statement]) -> bool:
    """Whether both sides are there and more than one agency speaks."""
    return bool(left and right) and len(_agencies([*left, *right])) > 1


def _in_identity(view: CaseView, identity: Identity) -> Iterator[DisagreementItem]:
    for field in identity.fields:
        if field.conflict:
            sides = [
                (joined([field.label, _shown(field, value.text)], ": "), value.statements) for value in field.values
            ]
            yield _computed(
                view, DisagreementKind.IDENTITY, _("%(field)s differs between records", field=field.label), sides
            )


def _shown(field: IdentityField, text: str) -> str:
    if field.field != "prs_Birthdate":
        return text
    fits = [day_words(item) for item in more_exact(field, text)]
    day = day_words(text)
    return _("%(day)s, which agrees with %(days)s", day=day, days=join_words(fits)) if fits else day


def _offender_or_victim(view: CaseView, pieces: Sequence[Piece]) -> Iterator[DisagreementItem]:
    offender = [
        piece.state("Role in an offence", role)
        for piece in pieces
        if piece.category is Category.OFFENCE
        for group in piece.content.parts("hub_Offence")
        if (role := find_part(group, "role")) is not None and role.says("defendant", "suspect") is not None
    ]
    exploited = _exploited(pieces)
    if _differ(offender, exploited):
        sides = [
            (_("A record has the child as an alleged offender."), offender),
            (_("A record holds signs that the child was exploited."), exploited),
        ]
        point = _("One agency's record treats the child as an alleged offender, another's holds signs of exploitation")
        yield _computed(view, DisagreementKind.OFFENDER_OR_VICTIM, point, sides)


def _exploited(pieces: Sequence[Piece]) -> list[Statement]:
    found: list[Statement] = []
    for piece in pieces:
        found.extend(piece.state("Status", value) for value, _, is_victim in recorded_status(piece) if is_victim)
        found.extend(
            piece.state("Concern", value)
            for value, is_present in concern_groups(piece)
            if is_present and _is_exploitation(value.code or value.text)
        )
        found.extend(
            piece.state("Type of exploitation", value)
            for name in ("hub_ExploitationType", "vic_TypeOfExploitation")
            for group in piece.content.parts(name)
            if (value := find_part(group, "type", "value")) is not None
        )
        if piece.category is Category.TRAFFICKING_EVENT and not any(recorded_status(piece)):
            found.append(piece.summarise("Trafficking event"))
    return found


def _is_exploitation(code: str) -> bool:
    indicator = INDICATORS.get(code)
    return (
        code in CONCERN_TYPES or code in UNTYPED_CONCERNS or (indicator is not None and indicator.element is not None)
    )


def _status(view: CaseView, pieces: Sequence[Piece]) -> Iterator[DisagreementItem]:
    yes: list[Statement] = []
    no: list[Statement] = []
    for piece in pieces:
        for value, _words, is_victim in recorded_status(piece):
            (yes if is_victim else no).append(piece.state("Status", value))
    if _differ(yes, no):
        sides = [(_("Recorded as a possible or actual victim."), yes), (_("Recorded as not a victim."), no)]
        yield _computed(view, DisagreementKind.STATUS, _("Agencies record the child's status differently"), sides)


def _seen_or_not(view: CaseView, pieces: Sequence[Piece]) -> Iterator[DisagreementItem]:
    not_seen = [
        piece.state(Presence.LOOKED_FOR_NOT_SEEN.value, value)
        for piece in pieces
        for value, is_present in concern_groups(piece)
        if not is_present
    ]
    seen = [
        piece.state("Concern", value)
        for piece in pieces
        for value, is_present in concern_groups(piece)
        if is_present and _is_exploitation(value.code or value.text)
    ]
    seen = [item for item in seen if _agencies(not_seen) - {item.provenance.agency}]
    if _differ(seen, not_seen):
        sides = [(_("Recorded a concern about exploitation."), seen), (_("Looked and recorded no concern."), not_seen)]
        yield _computed(
            view, DisagreementKind.SEEN_OR_NOT, _("One agency saw a concern, another looked and saw none"), sides
        )


def _offence_answered(view: CaseView, pieces: Sequence[Piece]) -> Iterator[DisagreementItem]:
    """What agencies say was done about an offence, where their newest words differ."""
    for standing in read_standings(view, pieces, accused_in(pieces)):
        said: dict[tuple[str, str], list[OffenceAnswer]] = {}
        for item in newest_answers(standing):
            if item.offence in standing.differs_on:
                said.setdefault((item.says, item.court_date), []).append(item)
        sides = [
            (joined([standing.label, answers[0].words], ": "), [item.statement for item in answers])
            for answers in said.values()
        ]
        if len(sides) > 1:
            point = _("Agencies say differently what was done about an offence: %(question)s", question=standing.label)
            yield _computed(view, DisagreementKind.OFFENCE_ANSWERED, point, sides)


def _missing_or_present(view: CaseView, pieces: Sequence[Piece]) -> Iterator[DisagreementItem]:
    """Somebody else met the child strictly inside a missing episode; on its first and last day both can be."""
    present = [
        piece
        for piece in pieces
        if piece.category in PRESENCE_CATEGORIES and _has_day(piece) and not is_offence_answer(piece)
    ]
    for episode in pieces:
        period = episode.period
        if episode.category is not Category.MISSING_EPISODE or period is None or period.end is None:
            continue
        met = [
            piece.summarise("Event with the child")
            for piece in present
            if piece.agency != episode.agency
            and piece.period is not None
            and period.start.last < piece.period.start.first < period.end.first
        ]
        if met:
            shown = met[:MAX_PRESENCES_SHOWN]
            sides = [
                (
                    _("Recorded as missing: %(days)s.", days=span_words(period.start.text, period.end.text)),
                    [episode.summarise("Missing")],
                ),
                (
                    lazy_ngettext(
                        "Recorded %(num)s event with the child in that time.",
                        "Recorded %(num)s events with the child in that time.",
                        len(met),
                    ),
                    shown,
                ),
            ]
            point = _("The child is recorded as missing at a time when another agency records an event")
            yield _computed(view, DisagreementKind.MISSING_OR_PRESENT, point, sides)


def _has_day(piece: Piece) -> bool:
    return piece.period is not None and piece.period.start.precision in (Precision.DAY, Precision.MINUTE)
