"""One line of time through what every agency recorded, by when things happened, never by when they were typed in.

Each row keeps its agency and its precision. Rows of different agencies that fall together in time are flagged as
overlapping accounts: two views of one event, or two events. What has no date of its own stands apart, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from adapters.picture.content import Group, find_part
from adapters.picture.dates import Period, parse_partial
from adapters.picture.happened import event_words, what_happened
from adapters.picture.provenance import Piece, Provenance
from adapters.picture.strategy import is_planned
from adapters.picture.words import PRECISION_WORDS, span_words
from policies.vocabulary import AgencyKind, Category

MAX_OVERLAP_DAYS = 31
"""Only accounts of an event, not of a state: a plan of two years overlaps everything and says nothing by it."""

MAX_OVERLAPS_SHOWN = 20
MAX_OPEN_ACCOUNTS = 500
"""Accounts compared with one another at any one time, so that the work grows with the number of rows only."""

LEFT_OUT = frozenset(
    {
        Category.SUBJECT_CARD,
        Category.IDENTITY,
        Category.RELATION,
        Category.REQUEST,
        Category.ANSWER,
        Category.VOTE,
        Category.STATISTICAL_RETURN,
        Category.STATEMENT_DETAIL,
        Category.DISAGREEMENT,
        Category.PROFESSIONAL_VIEW,
    }
)
"""What says who somebody is or what is asked and thought: it has its own section."""


@dataclass(frozen=True, slots=True)
class ChronologyRow:
    """One thing that happened, or was so for a time. ``start`` None: the source gives no date.

    ``when`` is that date as people write it, ``precision_words`` how exactly it is known, and ``as_written`` how the
    source writes it, where it writes it otherwise than the record sealed.
    """

    when: str
    precision_words: str
    as_written: str
    start: str | None
    end: str | None
    precision: str
    first_day: date | None
    last_day: date | None
    agency: str
    agency_kind: AgencyKind | None
    category: Category
    statement: str
    fragments: tuple[str, ...]
    overlaps: tuple[str, ...]
    provenance: Provenance


def build_chronology(pieces: Sequence[Piece]) -> tuple[ChronologyRow, ...]:
    """Return the rows in order of time, undated ones last."""
    rows = [row for piece in pieces if piece.category not in LEFT_OUT for row in _rows(piece)]
    rows.sort(key=lambda row: (row.first_day or date.max, row.last_day or date.max, row.provenance.log_index))
    return _flag_overlaps(rows)


def _rows(piece: Piece) -> Iterable[ChronologyRow]:
    # A repeated group of historic events in one record: one row for each that has a date of its own.
    for name in ("hub_TraffickingEvent", "hub_HistoricEvent", "hte"):
        groups = [group for group in piece.content.groups.get(name, ()) if find_part(group, "date")]
        if groups:
            return [_event_row(piece, group) for group in groups]
    return [_row(piece, what_happened(piece), _planned(piece) or piece.period)]


def _planned(piece: Piece) -> Period | None:
    """Return the day for which a strategy discussion was called together: its record has no other."""
    day = parse_partial(piece.content.text("hub_PlannedFor")) if is_planned(piece) else None
    return None if day is None else Period(day, None)


def _event_row(piece: Piece, group: Group) -> ChronologyRow:
    when = find_part(group, "date")
    start = parse_partial(when.text) if when is not None else None
    words = event_words(group)
    return _row(
        piece,
        ", ".join(words) or piece.line,
        Period(start, None) if start is not None else None,
    )


def _as_written(piece: Piece, period: Period | None) -> str:
    if period is None:
        return ""
    written = {
        value.text: value.as_written
        for value in piece.content.walk()
        if value.is_given and value.as_written and value.as_written != value.text
    }
    ends = [period.start.text, period.end.text if period.end is not None else ""]
    return " to ".join(dict.fromkeys(written[end] for end in ends if end in written))


def _row(piece: Piece, statement: str, period: Period | None) -> ChronologyRow:
    end = period.end if period is not None and period.end is not period.start else None
    precision = period.start.precision.value if period is not None else "none"
    return ChronologyRow(
        when=span_words(period.start.text if period is not None else None, end.text if end is not None else None),
        precision_words=PRECISION_WORDS[precision],
        as_written=_as_written(piece, period),
        start=period.start.text if period is not None else None,
        end=end.text if end is not None else None,
        precision=precision,
        first_day=period.first if period is not None else None,
        last_day=period.last if period is not None else None,
        agency=piece.agency,
        agency_kind=piece.kind,
        category=piece.category,
        statement=statement,
        fragments=(piece.fragment,),
        overlaps=(),
        provenance=piece.provenance(),
    )


def _flag_overlaps(rows: Sequence[ChronologyRow]) -> tuple[ChronologyRow, ...]:
    """Sweep through time once; only accounts of at most ``MAX_OVERLAP_DAYS`` are kept open."""
    found: dict[int, list[str]] = {}
    still_open: list[int] = []
    for index, row in enumerate(rows):
        if not is_event(row) or row.first_day is None:
            continue
        still_open = [other for other in still_open if _ends(rows[other]) >= row.first_day]
        for other in still_open:
            if rows[other].agency != row.agency:
                found.setdefault(index, []).extend(rows[other].fragments)
                found.setdefault(other, []).extend(row.fragments)
        still_open = [*still_open[-MAX_OPEN_ACCOUNTS + 1 :], index]
    return tuple(
        replace(row, overlaps=tuple(dict.fromkeys(found.get(index, ())))[:MAX_OVERLAPS_SHOWN])
        for index, row in enumerate(rows)
    )


def is_event(row: ChronologyRow) -> bool:
    """Whether an account is of an event, or of a time so short that another agency may have seen the same."""
    if row.first_day is None or row.last_day is None:
        return False
    return (row.last_day - row.first_day).days <= MAX_OVERLAP_DAYS


def _ends(row: ChronologyRow) -> date:
    return row.last_day or date.min
