"""Erase, in the transaction of the entry that says so; hold what was erased against what the log says of it.

docs/adr/0019-retention.md. The ``erased`` entry carries the signed statements that allow it and names each entry whose
body and salt go, so that whoever reads the log needs nobody's word for either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hub.exchange.acts import CaseAct, Receipt
from hub.refusal import Refused
from hub.store import exchange_rows as rows
from hub.store import ledger_rows, retention_rows
from hub.store.base import Session
from keys.canonical import NotCanonical, parse_canonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.erasures import MAX_ERASED_PER_ENTRY, read_allowed
from keys.jose import SignatureRefused, statement_digest
from policies.model import Malformed
from policies.retention import Authority, Scope

ERASED = "erased"
WORD = "retention"
"""The type of the entry of every word on keeping a case."""


def require_content(session: Session, case: str) -> None:
    """Raise ``Refused`` where a case's content was erased: nothing is brought to it or read from it any more."""
    if {Scope.CONTENT.value, Scope.RECORD.value} & set(retention_rows.erasures_of(session, case)):
        raise Refused(
            410, "erased", "the content of this case was erased; its log says when, by whom and by which rule"
        )


def erase(
    act: CaseAct, scope: Scope, agency: str, statements: Sequence[str], entries: Sequence[retention_rows.CaseEntry]
) -> list[Receipt]:
    """Record an erasure in a locked case and carry it out; return the receipts of its entries.

    ``statements`` are those that allow it, as received. What is more than one entry holds is said in several.
    """
    done = []
    for some in _portions(entries):
        members = {
            "agency": agency,
            "scope": scope.value,
            "entries": [[item.case_seq, item.position] for item in some],
            "statements": list(statements),
        }
        receipt = act.record(ERASED, members)
        retention_rows.note_erasure(act.session, receipt.index, act.row.case, scope.value)
        done.append(receipt)
    act.session.flush()
    if scope is not Scope.FRAGMENTS:
        retention_rows.erase_channel_keys(act.session, act.row.case)
    retention_rows.erase(act.session, [item.position for item in entries])
    return done


def _portions(entries: Sequence[retention_rows.CaseEntry]) -> Iterator[Sequence[retention_rows.CaseEntry]]:
    rest = iter(entries)
    first = list(islice(rest, MAX_ERASED_PER_ENTRY))
    yield first
    while some := list(islice(rest, MAX_ERASED_PER_ENTRY)):
        yield some


def entries_of(session: Session, case: str, scope: Scope, statements: Sequence[str]) -> list[retention_rows.CaseEntry]:
    """Return what an erasure of a whole case by these statements takes: its fragments' entries; of its record all but
    the erasures' own entries and those of the words they carry.

    Where a word stands says whether the key that signed it counted there; it tells nothing that the erasure does not.
    """
    if scope is Scope.CONTENT:
        return retention_rows.case_entries(session, case, "fragment")
    found = retention_rows.case_entries(session, case)
    carried = {statement_digest(token) for token in statements}
    for text in ledger_rows.read_case_bodies(session, case, ERASED):
        carried |= _carried(text)
    named = (rows.find_statement(session, digest) for digest in carried)
    proving = {row.log_index for row in named if row is not None}
    return [item for item in found if item.type != ERASED and item.position not in proving]


def _carried(text: str) -> set[str]:
    """Return the digests of the statements in an ``erased`` entry; of one that was damaged none."""
    try:
        return {statement_digest(token) for token in parse_canonical(text.encode("utf-8"))["statements"]}
    except (NotCanonical, SignatureRefused, AttributeError, KeyError, TypeError, ValueError):
        return set()


# --- what the log says was erased ---


@dataclass(frozen=True, slots=True)
class Erased:
    """One ``erased`` entry whose statements allow what it says: where it stands, and what it took."""

    index: int
    case: str
    authority: Authority
    positions: tuple[int, ...]


def read_erased(session: Session, directory: Directory) -> list[Erased]:
    """Return the erasures that the log has and that somebody who may has signed for.

    Another ``erased`` entry erases nothing: what is missing for its sake is missing.
    """
    found: list[Erased] = []
    entries = ledger_rows.read_bodies(session, ERASED)
    if not entries:
        return found
    directory = directory.knowing(_words(session))
    for index, text in entries:
        try:
            found.append(_read(session, directory, index, parse_canonical(text.encode("utf-8"))))
        except (Malformed, NotCanonical, NotCertified, SignatureRefused, KeyError, TypeError, ValueError):
            continue
    return found


def _words(session: Session) -> dict[str, int]:
    """Return where each word on keeping a case stands in the log, by its digest."""
    found = {}
    for index, text in ledger_rows.read_bodies(session, WORD):
        try:
            found[str(parse_canonical(text.encode("utf-8"))["statement"])] = index
        except (NotCanonical, KeyError, TypeError, UnicodeEncodeError):
            continue
    return found


def _read(session: Session, directory: Directory, index: int, body: Any) -> Erased:
    allowed = read_allowed(body, directory, index)
    positions = [position for _, position in allowed.pairs]
    stored = retention_rows.entries_at(session, positions)
    for number, position in allowed.pairs:
        case, case_seq, _ = stored.get(position, (None, None, False))
        if (case, case_seq) != (allowed.case, number) or position >= index:
            raise Malformed("erased: an entry of another case, or a later one, is named")
    return Erased(index, allowed.case, allowed.authority, tuple(positions))


def erase_again(session: Session, erased: Sequence[Erased]) -> int:
    """Erase what stands there again although the log says that it went; return how many rows that were.

    A restored copy of the content beside a log that is newer, or rows that somebody put back.
    """
    count = 0
    for item in erased:
        if item.authority.scope is not Scope.FRAGMENTS:
            count += retention_rows.erase_channel_keys(session, item.case)
        count += retention_rows.erase(session, item.positions)
    return count
