"""Told when read: who read fragments of this agency, when, for which purpose; one line for each person and case.

From the entries of its cases, which are proven and complete, within seconds of the read (``adapters.watched_entries``).
Who somebody is the log does not say, and nor does this: agency, member id, and their roles as the case lists them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import itemgetter

from adapters.cases import CaseBook, CaseRefused
from adapters.feed import pulls_known
from adapters.picture.view import CaseView, Reading, ReadingsKnown
from adapters.store.database import Store
from adapters.store.monitor_rows import pulls, reads
from adapters.store.monitor_tables import PullRow, ReadRow
from policies.model import Malformed, MemberId, parse_time, render_time

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reader:
    """One person's (or, member None, an agency's intake's) reads of this agency's fragments in a case for a purpose."""

    case: str
    agency: str
    member: str | None
    roles: tuple[str, ...]
    """As the case lists them; empty: it does not list them any more."""
    purpose: str
    times: tuple[datetime, ...]
    """When, the newest first."""
    fragments: int
    """How many different ones of ours they were given."""

    @property
    def who(self) -> str:
        """Agency, and member id or intake."""
        named = "its intake" if self.member is None else f"member {self.member}"
        return f"{self.agency}, {named}"


def parse_since(text: str) -> datetime:
    """Read a day (``2026-01-31``: from its beginning, UTC) or a time (``2026-01-31T12:00:00Z``).

    Raises ``Malformed``.
    """
    return parse_time(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text, "--since")


def list_readers(
    store: Store, book: CaseBook, *, cases: Collection[str] | None = None, since: datetime | None = None
) -> list[Reader]:
    """Return who read what is ours since a time, of these cases or of all; who read last comes first.

    Raises ``StoreRefused``.
    """
    after = "" if since is None else render_time(since)[:19]
    with store.read() as session:
        rows = reads(session, cases, after)
        grouped: dict[tuple[str, str, str | None, str], list[ReadRow]] = {}
        for row in rows:
            grouped.setdefault((row.case, row.agency, row.member, row.purpose), []).append(row)
        found = [
            (key, [(_time(row.at), json.loads(row.fragments)) for row in listed]) for key, listed in grouped.items()
        ]
    roles = _Roles(book)
    return [
        Reader(
            case=case,
            agency=agency,
            member=member,
            roles=roles.of(case, agency, member),
            purpose=purpose,
            times=tuple(at for at, _ in listed),
            fragments=len({name for _, names in listed for name in names}),
        )
        for (case, agency, member, purpose), listed in found
    ]


def with_readings(view: CaseView, store: Store) -> CaseView:
    """Return a view that knows who opened the case, as far as its entries were followed here, and how far that is.

    Before pulls of all records were kept (``adapters.feed.pulls_known``), those of this agency's own records are all
    that is known. Whom the reader is shown is decided where the picture is made (``adapters.picture.use``). Raises
    ``StoreRefused``.
    """
    case = str(view.case.membership.case)
    grouped: dict[tuple[str, str | None, str], list[tuple[datetime, int]]] = {}
    with store.read() as session:
        known = pulls_known(session, case)
        told: dict[int, tuple[ReadRow | PullRow, int]] = {
            row.case_seq: (row, len(json.loads(row.fragments))) for row in reads(session, [case], "")
        }
        told |= {row.case_seq: (row, row.fragments) for row in pulls(session, case)}
        for _, (row, count) in sorted(told.items(), key=itemgetter(0), reverse=True):
            grouped.setdefault((row.agency, row.member, row.purpose), []).append((_time(row.at), count))
    found = [
        Reading(agency, member, purpose, listed[0][0], len(listed), max(count for _, count in listed))
        for (agency, member, purpose), listed in grouped.items()
    ]
    if known is None:
        return replace(view, readings=tuple(found))
    since, erased = known
    how_far = ReadingsKnown(None if since is None else _time(since), erased)
    return replace(view, readings=tuple(found), readings_known=how_far)


class _Roles:
    """Looks people up in cases as the lists have them, whoever was excluded since: nobody learns of that here."""

    def __init__(self, book: CaseBook) -> None:
        self._book = book
        self._known: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {}

    def of(self, case: str, agency: str, member: str | None) -> tuple[str, ...]:
        if member is None:
            return ()
        if case not in self._known:
            self._known[case] = self._read(case)
        return self._known[case].get((agency, MemberId(member)), ())

    def _read(self, case: str) -> dict[tuple[str, str], tuple[str, ...]]:
        try:
            listed = self._book.load(case).members.state.membership.members
        except (CaseRefused, Malformed):
            return {}
        return {(item.agency, item.member): tuple(role.value for role in item.roles) for item in listed}


def _time(text: str) -> datetime:
    return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
