"""The requests of a case with their answers: to an agency and from it, open, answered, refused or overdue.

Pure: from what one person has opened. Only the agency asked answers a request; what others write of it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from adapters.picture.followups import day_of
from adapters.picture.provenance import Piece, Provenance, read_piece
from adapters.picture.versions import sort_versions
from adapters.picture.view import CaseView
from policies.vocabulary import Category


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    ANSWERED = "answered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One answer: which fragment, by which agency, the words, on which day (ISO), and where they come from."""

    fragment: str
    ref: str
    agency: str
    text: str
    day: str
    provenance: Provenance
    because: str = ""
    """Why the agency refuses, as a code; empty where this is an answer."""


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One request and what came of it. ``due`` is an ISO day or empty; ``days_left`` is negative when it is overdue.

    ``days_left`` is None where nothing is awaited any more, or where no day was written. ``answers`` are all that the
    agency asked said, refusals too, in the log's order: the last one decides where it stands. ``because`` is the code
    of a refusal on record without words.
    """

    fragment: str
    ref: str
    from_agency: str
    to_agency: str
    what: str
    why: str
    asked_on: str
    due: str
    days_left: int | None
    state: RequestState
    answers: tuple[AnswerLine, ...]
    because: str = ""

    @property
    def is_overdue(self) -> bool:
        """Whether it is still open after its last day."""
        return self.days_left is not None and self.days_left < 0


def list_requests(view: CaseView) -> tuple[RequestLine, ...]:
    """Return every request that the reader has opened: open ones first, the one due first before the others."""
    return read_requests(view, _pieces(view))


def read_requests(view: CaseView, pieces: Sequence[Piece]) -> tuple[RequestLine, ...]:
    """Return the requests among pieces as ``list_requests`` does."""
    answers = [piece for piece in pieces if piece.category is Category.ANSWER]
    found = [_line(view, piece, answers) for piece in pieces if piece.category is Category.REQUEST]
    return tuple(sorted(found, key=lambda item: (item.state is not RequestState.OPEN, item.due or "9999", item.ref)))


def count_waiting(view: CaseView, agency: str) -> tuple[int, int]:
    """Return how many requests wait for an agency's answer, and how many of these are overdue."""
    waiting = [item for item in list_requests(view) if item.to_agency == agency and item.state is RequestState.OPEN]
    return len(waiting), sum(item.is_overdue for item in waiting)


def _pieces(view: CaseView) -> Sequence[Piece]:
    ordered = sorted(view.opened, key=lambda item: (item.log_index, item.header.fragment))
    pieces = [read_piece(item, view.kind_of(item.header.agency)) for item in ordered]
    return sort_versions(pieces).current


def _line(view: CaseView, piece: Piece, answers: Sequence[Piece]) -> RequestLine:
    content, to_agency = piece.content, piece.content.text("hub_RequestTo")
    given = tuple(
        read_answer(item)
        for item in sorted(answers, key=lambda item: (item.opened.log_index, item.fragment))
        if item.content.text("hub_AnswerTo") == piece.fragment and item.agency == to_agency
    )
    on_record = [
        str(item.get("code", ""))
        for item in view.refusals
        if item.get("request") == piece.fragment and item.get("issuer") == to_agency
    ]
    if given:
        state = RequestState.REFUSED if given[-1].because else RequestState.ANSWERED
    else:
        state = RequestState.REFUSED if on_record else RequestState.OPEN
    due = content.text("hub_Due")
    return RequestLine(
        fragment=piece.fragment,
        ref=piece.ref,
        from_agency=piece.agency,
        to_agency=to_agency,
        what=content.text("hub_RequestWhat") or content.summary,
        why=content.text("hub_RequestWhy"),
        asked_on=day_of(piece),
        due=due,
        days_left=_days_left(due, view.today) if state is RequestState.OPEN else None,
        state=state,
        answers=given,
        because=on_record[-1] if on_record else "",
    )


def read_answer(piece: Piece) -> AnswerLine:
    """Return an answer with its own words; its line where it has none."""
    said = piece.content.find("hub_AnswerText")
    words = piece.content.summary if said is None else said.text
    because = piece.content.text("hub_RefusedBecause")
    return AnswerLine(piece.fragment, piece.ref, piece.agency, words, day_of(piece), piece.provenance(said), because)


def _days_left(due: str, today: date) -> int | None:
    try:
        return (date.fromisoformat(due) - today).days
    except ValueError:
        return None
