"""A draft of the referral from what one person opened: every field of its path, filled or with its reason.

The draft never invents and never guesses: silence in the records is ``not_known``, never "no". Sources that differ
leave the field open with both. A fragment that may not enter a referral is not used, and a field that only such a
fragment could fill is ``withheld``. What a person enters is marked as theirs. Source: nrm.md 1.1, 1.4, 1.5.

Two paths are drafted: the child's (also for people whose age is not sure), and that of an adult who agrees, whose three
consents come from the case's own consent statements. Without consent to the referral none is drafted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from adapters.nrm.adult import require_path
from adapters.nrm.building import Builder
from adapters.nrm.collecting import Collector, NrmProvenance, third_party_names
from adapters.nrm.fields import AnswerRefused, Field, adult_path_fields, child_path_fields
from adapters.nrm.from_events import collect_event_fields
from adapters.nrm.from_identity import collect_identity_fields
from adapters.nrm.from_people import collect_people_fields
from adapters.nrm.model import (
    PATH,
    SCHEMA,
    Answer,
    Candidate,
    DraftRefused,
    FieldState,
    NrmDraft,
    NrmField,
    SaidByAdult,
    UsedFragment,
)
from adapters.nrm.reasons import DISCLOSURE_WARNING, HEALTH_WARNING, VOICE_NOTE
from adapters.picture.model import Picture
from adapters.picture.provenance import Piece, read_piece
from adapters.picture.view import OpenedFragment
from policies.model import Malformed, require_agency, require_id
from policies.vocabulary import AgencyKind, HandlingCode, HandlingInstruction

__all__ = ["Answer", "Candidate", "DraftRefused", "FieldState", "NrmDraft", "NrmField", "draft_referral"]

NO_CONSENTS: Mapping[str, SaidByAdult] = MappingProxyType({})
_NO_ONWARD = frozenset(
    {
        HandlingInstruction.NO_ONWARD,
        HandlingInstruction.RECIPIENTS_ONLY,
        HandlingInstruction.CONSULT_ORIGINATOR,
    }
)


def draft_referral(
    picture: Picture,
    opened: Sequence[OpenedFragment],
    *,
    submittable: Collection[str],
    answers: Sequence[Answer] = (),
    consents: Mapping[str, SaidByAdult] = NO_CONSENTS,
) -> NrmDraft:
    """Draft the referral.

    ``opened`` are the fragments the picture was made of. ``submittable`` are the ids of those for which the caller
    has a permit at stage ``submit``; any other is not used. ``answers`` are a person's own, and count over records.
    ``consents`` are an adult's (``adult.read_consents``). Raises ``DraftRefused`` for an adult who has not agreed, for
    fragments the picture was not made of, and for an answer the form
    would not take.
    """
    path = require_path(picture.header.age_path, consents)
    asked = child_path_fields() if path == PATH else adult_path_fields()
    pieces = _current_pieces(picture, opened)
    usable = [piece for piece in pieces if piece.fragment in submittable and _may_enter(piece)]
    usable_ids = {piece.fragment for piece in usable}
    barred = [piece for piece in pieces if piece.fragment not in usable_ids]
    offers = _collect(picture, usable, pieces).offers
    held = _collect(picture, barred, pieces).offers
    entered = _require_answers(answers, asked, consents)
    builder = Builder(picture, offers, held, entered, path, consents)
    fields = tuple(builder.build(field) for field in asked.values())
    used_ids = {source.fragment_id for field in fields for source in _sources(field)}
    return NrmDraft(
        schema=SCHEMA,
        case=picture.case,
        path=path,
        made_at=picture.record_of_use.assembled_at,
        manifest_digest=picture.record_of_use.manifest_digest,
        fields=fields,
        evidence_documents=tuple(builder.documents),
        used=tuple(_used(piece) for piece in usable if piece.fragment in used_ids),
        not_used=tuple(piece.fragment for piece in usable if piece.fragment not in used_ids),
        not_permitted=tuple(piece.fragment for piece in barred),
        warnings=_warnings(picture),
    )


def _current_pieces(picture: Picture, opened: Sequence[OpenedFragment]) -> list[Piece]:
    kinds = {row.agency: row.kind for row in picture.agencies}
    current = {row.provenance.fragment for row in picture.evidence}
    older = {old.fragment for row in picture.evidence for old in row.older}
    found: dict[str, OpenedFragment] = {item.header.fragment: item for item in opened}
    if set(found) - older != current or any(item.header.case != picture.case for item in opened):
        raise DraftRefused("opened fragments: expected exactly those the picture was made of")
    ordered = sorted(current, key=lambda fragment: (found[fragment].log_index, fragment))
    return [read_piece(found[item], kinds.get(found[item].header.agency)) for item in ordered]


def _may_enter(piece: Piece) -> bool:
    """Whether its marking lets it enter a referral. The originator's explicit release lifts marking and restriction."""
    handling, basis = piece.opened.header.handling, piece.opened.basis
    if basis.originator_release:
        return True
    is_open = handling.code is HandlingCode.P and not _NO_ONWARD & set(handling.instructions)
    return is_open and not piece.content.is_restricted


def _collect(picture: Picture, pieces: Sequence[Piece], everything: Sequence[Piece]) -> Collector:
    # Names of other people are known from every fragment opened, also from those that may not enter.
    names = {row.agency: row.name for row in picture.agencies}
    into = Collector(names, third_party_names(everything))
    collect_identity_fields(pieces, into, picture.record_of_use.assembled_at.date())
    collect_event_fields(pieces, into)
    collect_people_fields(pieces, into)
    return into


def _require_answers(
    answers: Sequence[Answer], fields: Mapping[str, Field], consents: Collection[str]
) -> dict[str, Answer]:
    kept: dict[str, Answer] = {}
    for answer in answers:
        field = fields.get(answer.field)
        if field is None or answer.field in kept:
            raise DraftRefused("answers: expected each field of the path at most once")
        if field.is_automatic or answer.field == "pv-under-age" or answer.field in consents:
            raise DraftRefused(f"{answer.field}: follows from the signed facts of the case and is not answered by hand")
        try:
            require_agency(answer.agency)
            require_id(answer.member, "member")
            if answer.value is not None:
                field.require(answer.value)
        except (AnswerRefused, Malformed) as error:
            raise DraftRefused(str(error)) from error
        if (answer.value is None) != (answer.state is not FieldState.FILLED):
            raise DraftRefused(f"{answer.field}: a value is filled, and an open field has another state")
        if answer.value is None and not answer.reason.strip():
            raise DraftRefused(f"{answer.field}: an open field needs its reason")
        kept[answer.field] = answer
    return kept


def _sources(field: NrmField) -> Iterable[NrmProvenance]:
    yield from field.provenance
    for candidate in field.candidates:
        yield from candidate.provenance


def _used(piece: Piece) -> UsedFragment:
    handling = piece.opened.header.handling
    instructions = tuple(item.value for item in handling.instructions)
    return UsedFragment(piece.fragment, piece.agency, handling.code.value, instructions)


def _warnings(picture: Picture) -> tuple[str, ...]:
    reader = next((row for row in picture.agencies if row.agency == picture.record_of_use.reader_agency), None)
    is_health = reader is not None and reader.kind is AgencyKind.HEALTH
    return (DISCLOSURE_WARNING, VOICE_NOTE, *((HEALTH_WARNING,) if is_health else ()))
