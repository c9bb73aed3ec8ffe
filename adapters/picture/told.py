"""What agencies and services told in answer: the words of answers beside their requests, of records beside referrals.

Nothing is concluded. A service record stands beside a referral only where both name the same service; the others stand
by themselves. An answer to what the reader has not opened stands by itself too: none is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adapters.picture.provenance import Piece, Provenance, Statement
from adapters.picture.requests import AnswerLine, RequestLine, RequestState, read_answer, read_requests
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.view import CaseView
from adapters.sources.subject import normalise_name
from policies.vocabulary import Category

LABELS: Mapping[str, str] = {
    "cas_IncomingReferralDetails": _("What the referral to it said"),
    "cas_OutgoingReferralDetails": _("What its own referral said"),
    "spl_Objectives": _("What the support is for"),
    "spl_ActionPlan": _("What is planned"),
}
"""The words of a service record: its free texts (HTCDS 2.0), and what each is."""


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One record of a service: its line, its own words, the services it names, made comparable."""

    line: str
    words: tuple[Statement, ...]
    provenance: Provenance
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Requests that were answered, answers to what was not opened, records of services by themselves.

    ``beside`` gives by the fragment of a referral the records that name its service.
    """

    answered: tuple[RequestLine, ...]
    other_answers: tuple[AnswerLine, ...]
    beside: Mapping[str, tuple[ServiceRecord, ...]]
    services: tuple[ServiceRecord, ...]


def read_told(view: CaseView, pieces: Sequence[Piece]) -> Told:
    """Lay the words of answers and service records where they belong, in the order in which they were shared."""
    requests = read_requests(view, pieces)
    placed = {answer.fragment for item in requests for answer in item.answers}
    others = [
        read_answer(piece)
        for piece in pieces
        if piece.category is Category.ANSWER
        and piece.fragment not in placed
        and not piece.content.text("hub_Coming")  # an answer to an invitation stands with its discussion
    ]
    records = [_record(view, piece) for piece in pieces if piece.category is Category.SERVICE]
    beside = dict(_beside(pieces, records))
    named = {record.provenance.fragment for listed in beside.values() for record in listed}
    return Told(
        answered=tuple(item for item in requests if item.state is RequestState.ANSWERED),
        other_answers=tuple(others),
        beside=beside,
        services=tuple(record for record in records if record.provenance.fragment not in named),
    )


def _beside(
    pieces: Sequence[Piece], records: Sequence[ServiceRecord]
) -> Iterator[tuple[str, tuple[ServiceRecord, ...]]]:
    for piece in pieces:
        service = normalise_name(piece.content.text("cas_ReferredOrganisation"))
        if piece.category is not Category.SERVICE_REFERRAL or not service:
            continue
        found = tuple(record for record in records if service in record.services)
        if found:
            yield piece.fragment, found


def _record(view: CaseView, piece: Piece) -> ServiceRecord:
    words = [piece.state(label, value) for name, label in LABELS.items() for value in piece.content.given(name)]
    named = (view.name_of(piece.agency), piece.content.text("cas_ReferredOrganisation"))
    services = tuple(dict.fromkeys(found for name in named if (found := normalise_name(name))))
    return ServiceRecord(piece.line, tuple(words), piece.provenance(), services)
