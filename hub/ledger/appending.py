"""How an act's entries get into the log: at once with their positions, or with tickets that are given places later.

Which of the two is the transaction's: an act of a case on PostgreSQL (``Database.act``) takes tickets; every other
takes positions, and before it began all that waited was placed (docs/adr/0018). Both hash, chain and check alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hub.ledger import sequencing as sequencing  # before an act with the whole order, it places what waits
from hub.ledger import tree
from hub.ledger.entries import PUBLIC_TYPES, render_body
from hub.ledger.errors import EntryRefused
from hub.ledger.state import load, store_frontier
from hub.store import ledger_rows as rows
from hub.store import pending_rows
from hub.store.base import Session
from hub.store.placing import Order, order_of
from keys.transparency import SALT_BYTES, entry_bytes, leaf_hash

Randomness = Callable[[int], bytes]
End = tuple[int, str | None]
MAX_TICKETS_AT_A_TIME = 256
_TAKEN = "tickets taken"


@dataclass(frozen=True, slots=True)
class Appended:
    """One entry as it was logged: what a receipt is made of. ``salt`` is None for public entries.

    ``index`` is its position, or its ticket where it waits for one.
    """

    index: int
    leaf_hash: bytes
    body_text: str
    salt: bytes | None


class Appender(ABC):
    """Appends entries within one transaction and writes them together: the same entries and tree, fewer statements.

    Nothing is stored before ``flush``. ``appending`` flushes at the end of its block.
    """

    __slots__ = ("_ends", "_entries", "_randomness", "_session")

    def __init__(self, session: Session, randomness: Randomness) -> None:
        """``randomness`` returns that many random bytes, for salts."""
        self._session, self._randomness = session, randomness
        self._ends: dict[str, End] = {}
        self._entries: list[pending_rows.NewPending] = []

    def append(self, body: Mapping[str, Any], *, public: bool, case: str | None) -> Appended:
        """Take one entry and return its place. Raises ``EntryRefused``; then this entry left no trace.

        Steps: (1) check the body; (2) make ready, and check that the entry continues its case's chain; (3) salt and
        hash; (4) give it its position or ticket.
        """
        kind, text = render_body(body)
        if public is not (kind in PUBLIC_TYPES):
            raise EntryRefused(f"{kind} entry: expected {'a public' if kind in PUBLIC_TYPES else 'a salted'} entry")
        if body.get("case") != case:
            raise EntryRefused(f"{kind} entry: its case is not the one it is appended to")
        self._make_ready(public=public)
        if case is not None:
            self._require_next(case, body)
        salt = None if public else self._randomness(SALT_BYTES)
        if salt is not None and len(salt) != SALT_BYTES:
            raise EntryRefused(f"{kind} entry: expected {SALT_BYTES} random bytes as salt, got {len(salt)}")
        entry = entry_bytes(text.encode("utf-8"), salt)
        leaf = leaf_hash(entry)
        index = self._give(leaf)
        stored = rows.StoredEntry(index, kind.value, case, body.get("case_seq"), entry, text, salt)
        previous = body.get("previous")
        self._entries.append(
            pending_rows.NewPending(stored, None if case is None or previous is None else bytes.fromhex(previous), leaf)
        )
        if case is not None:
            self._ends[case] = (body["case_seq"], leaf.hex())
        return Appended(index, leaf, text, salt)

    def flush(self) -> None:
        """Store what was appended. Raises ``LedgerDamaged`` if somebody else moved the log on."""
        if self._entries:
            self._store()
        self._ends, self._entries = {}, []

    def _require_next(self, case: str, body: Mapping[str, Any]) -> None:
        if case not in self._ends:
            end = self._find_end(case)
            self._ends[case] = (0, None) if end is None else (end[0], end[1].hex())
        number, previous = self._ends[case]
        if body["case_seq"] != number + 1:
            raise EntryRefused(f"entry: expected case_seq {number + 1} in this case, got {body['case_seq']}")
        if body["previous"] != previous:
            raise EntryRefused("entry: previous is not the leaf hash of the case's newest entry")

    @abstractmethod
    def _make_ready(self, *, public: bool) -> None: ...

    @abstractmethod
    def _find_end(self, case: str) -> tuple[int, bytes] | None: ...

    @abstractmethod
    def _give(self, leaf: bytes) -> int: ...

    @abstractmethod
    def _store(self) -> None: ...


class _Placing(Appender):
    """Gives each entry its position at once. The log is locked from the first entry on.

    Should anybody else append in between, ``flush`` finds the log moved on, so that nothing of the act is recorded.
    """

    __slots__ = ("_frontier", "_nodes", "_old_size")

    def __init__(self, session: Session, randomness: Randomness) -> None:
        super().__init__(session, randomness)
        self._frontier: tree.Frontier | None = None
        self._old_size = 0
        self._nodes: dict[tree.NodeId, bytes] = {}

    def _make_ready(self, *, public: bool) -> None:  # noqa: ARG002
        if self._frontier is None:
            self._frontier = load(self._session, lock=True)
            self._old_size = self._frontier.size

    def _find_end(self, case: str) -> tuple[int, bytes] | None:
        return rows.find_case_end(self._session, case)

    def _give(self, leaf: bytes) -> int:
        assert self._frontier is not None
        position = self._frontier.size
        self._frontier, nodes = self._frontier.append(leaf)
        self._nodes.update(nodes)
        return position

    def _store(self) -> None:
        assert self._frontier is not None
        store_frontier(self._session, self._old_size, self._frontier)
        rows.insert_entries(self._session, [item.stored for item in self._entries])
        rows.insert_nodes(self._session, self._nodes)

    def flush(self) -> None:
        """Store entries, nodes and state. Raises ``LedgerDamaged`` if somebody else moved the log on."""
        super().flush()
        self._frontier, self._nodes = None, {}


class _Waiting(Appender):
    """Gives each entry a ticket. The case must be locked: tickets of one case are taken in its order."""

    __slots__ = ("_taken", "_tickets")

    def __init__(self, session: Session, randomness: Randomness) -> None:
        super().__init__(session, randomness)
        self._tickets: list[int] = []
        self._taken = 8

    def _make_ready(self, *, public: bool) -> None:
        if public:
            raise EntryRefused("entry: a public one needs the order of the whole federation, and this act has a case's")

    def _find_end(self, case: str) -> tuple[int, bytes] | None:
        end, ticket = pending_rows.find_end_and_take_ticket(self._session, case)
        self._tickets.append(ticket)
        return end

    def _give(self, leaf: bytes) -> int:  # noqa: ARG002
        if not self._tickets:
            self._tickets = pending_rows.take_tickets(self._session, self._taken)
            self._taken = min(self._taken * 8, MAX_TICKETS_AT_A_TIME)
        return self._tickets.pop(0)

    def _store(self) -> None:
        pending_rows.insert(self._session, self._entries)
        taken: list[int] = self._session.info.setdefault(_TAKEN, [])
        taken.extend(item.stored.position for item in self._entries)


def tickets_of(session: Session) -> tuple[int, ...]:
    """Return the tickets that a session's act took, to be waited for once it has ended."""
    return tuple(session.info.get(_TAKEN, ()))


def make_appender(session: Session, randomness: Randomness) -> Appender:
    """Return an appender for the acts of a session. Whoever makes it flushes it."""
    return (_Waiting if order_of(session) is Order.CASES else _Placing)(session, randomness)


@contextmanager
def appending(session: Session, randomness: Randomness) -> Iterator[Appender]:
    """An appender for one act of many entries; what it took is stored when the block ends without an exception."""
    appender = make_appender(session, randomness)
    yield appender
    appender.flush()


def append(
    session: Session, body: Mapping[str, Any], *, public: bool, case: str | None, randomness: Randomness
) -> Appended:
    """Append one entry to the log and return its place. Raises ``EntryRefused`` before anything is written.

    ``body`` is the whole body of docs/protocol.md section 10.2, its ``at``, ``case_seq`` and ``previous`` included;
    ``public`` and ``case`` say what the caller means, and a body that says otherwise is refused. ``randomness`` returns
    that many random bytes. The cost does not grow with the log: five statements, two tree nodes on average.
    """
    with appending(session, randomness) as appender:
        return appender.append(body, public=public, case=case)
