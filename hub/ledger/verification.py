"""The check of the whole log, from its rows alone: what an auditor runs, and what names an edited entry.

Everything is recomputed: each entry from body and salt, each tree node, each head; nothing that is stored is believed
because it is stored. Two things must come from outside, or a hub could rewrite all of it: the log's key with the pinned
witnesses, and heads the auditor remembers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from hub.ledger.entries import EntryType
from hub.ledger.entry_checks import EntryChecks, Judge, Leaves
from hub.ledger.errors import LedgerDamaged
from hub.ledger.head_checks import HeadChecks
from hub.ledger.heads import read_witness_set
from hub.ledger.log_keys import read_log_key_changes
from hub.ledger.report import FaultCode, Faults, LogReport
from hub.ledger.state import load
from hub.ledger.tree import Frontier, NodeId
from hub.store import ledger_rows as rows
from hub.store.base import Session
from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.log_keys import LogKeyChange, key_at
from keys.transparency import Checkpoint, VerifierKey, WitnessSet

ENTRIES_PER_BATCH = 500
ACTS_PER_BATCH = 500


@dataclass(frozen=True, slots=True)
class ActRow:
    """What a row outside the log says about the act logged at ``index``: each member must equal the body's."""

    index: int
    body_members: Mapping[str, object]


def verify_log(
    session: Session,
    log_vkey: VerifierKey,
    witness_set: WitnessSet,
    *,
    acts: Iterable[ActRow] = (),
    acted_types: Collection[EntryType] = (),
    remembered: Iterable[Checkpoint] = (),
    erased: Collection[int] = (),
    judge: Judge | None = None,
) -> LogReport:
    """Check the whole stored log and report what differs; a fault is reported, never raised.

    ``log_vkey``: the log's present key. Heads from before it took another one's place must carry that one's line.
    ``acts``: rows outside the log. ``acted_types``: types of which every entry must have such a row, so that a deleted
    row is named too. ``remembered``: verified heads the auditor kept; a log that does not contain them was rewritten or
    cut off. ``erased``: indexes whose erasure is on record. ``judge``: says what is wrong with what a public entry says
    (``keys.public_log``); without it the log is only held against itself.

    Steps: (1) how far the rows, the tree and the state reach; (2) entry by entry: bytes, leaf, body, columns, chain,
    time; (3) with each batch its nodes and the heads it reaches; (4) what lies beyond the last entry; (5) rows outside
    the log. Memory grows with the number of cases and of certified keys, not of entries.
    """
    check = _LogCheck(session, log_vkey, witness_set, remembered, erased, judge)
    check.run_entries()
    check.run_beyond()
    acts_seen = check.run_acts(acts, frozenset(acted_types))
    heads, entries = check.heads, check.entries
    return LogReport(
        entries=check.size,
        cases=entries.cases,
        checkpoints=heads.checkpoints,
        cosignatures=heads.cosignatures,
        witnessed_size=heads.witnessed_size,
        acts=acts_seen,
        erased=entries.erased,
        root=check.by_rows.root(),
        faults=tuple(check.faults.kept),
        faults_found=check.faults.found,
    )


class _LogCheck:
    """One run. Two frontiers are kept: of what the rows give and of what the stored leaves give.

    They are the same until a fault; after it, a node or head that agrees with either is no second fault.
    """

    def __init__(
        self,
        session: Session,
        log_vkey: VerifierKey,
        witness_set: WitnessSet,
        remembered: Iterable[Checkpoint],
        erased: Collection[int],
        judge: Judge | None,
    ) -> None:
        self.session = session
        self.faults = Faults()
        self.entries = EntryChecks(self.faults, erased, judge)
        self._erased = frozenset(erased)
        self._announced = self._read_announced()
        changes = self._read_log_keys(log_vkey)
        self.heads = HeadChecks(
            self.faults,
            lambda size: key_at(changes, size, log_vkey),
            witness_set,
            list(self._announced.values()),
            self.entries,
        )
        self.size = rows.count_entries(session)
        self.by_rows = self.by_leaves = Frontier(0, ())
        self._nodes: tuple[dict[NodeId, bytes], dict[NodeId, bytes]] = ({}, {})
        self._lost_at: int | None = None
        self._remembered: dict[int, list[Checkpoint]] = {}
        for head in remembered:
            self._remembered.setdefault(head.size, []).append(head)

    def run_entries(self) -> None:
        """Steps 2 and 3."""
        for start in range(0, self.size, ENTRIES_PER_BATCH):
            end = min(start + ENTRIES_PER_BATCH, self.size)
            found = {row.position: row for row in rows.read_entry_range(self.session, start, end)}
            leaves = rows.read_node_range(self.session, 0, start, end)
            heads = {head.size: head for head in rows.read_checkpoints(self.session, start, end)}
            lines = rows.read_cosignatures(self.session, start, end)
            self._nodes = ({}, {})
            for index in range(start, end):
                self._grow(index, self.entries.check(index, found.get(index), leaves.get(index)))
                if index + 1 in heads:
                    self._head(heads[index + 1], lines.get(index + 1, []))
                self._remember(index + 1)
            self._compare_nodes(start, end)

    def _grow(self, index: int, leaves: Leaves | None) -> None:
        if self._lost_at is not None:
            return
        if leaves is None:
            self._lost_at = index
            self.faults.add(
                FaultCode.NODE_DIFFERS, "neither row nor leaf hash is left: no later head can be recomputed", index
            )
            return
        same = self.by_rows is self.by_leaves and leaves.computed == leaves.stored
        self.by_rows, nodes = self.by_rows.append(leaves.computed)
        self._nodes[0].update(nodes)
        self.by_leaves, nodes = (self.by_rows, nodes) if same else self.by_leaves.append(leaves.stored)
        self._nodes[1].update(nodes)

    def _head(self, head: rows.StoredCheckpoint, lines: list[rows.StoredCosignature]) -> None:
        if self._lost_at is None:
            self.heads.check(head, lines, (self.by_rows.root(), self.by_leaves.root()))

    def _remember(self, size: int) -> None:
        for head in self._remembered.pop(size, []) if self._lost_at is None else []:
            roots = (self.by_rows.root(), self.by_leaves.root())
            self.heads.check_root(head.size, head.root, roots, "the remembered head")

    def _compare_nodes(self, start: int, end: int) -> None:
        """Compare the inner nodes that this batch completed; leaves were compared with their entries."""
        level = 1
        while end >> level and self._lost_at is None:
            stored = rows.read_node_range(self.session, level, start >> level, end >> level)
            for position in range(start >> level, end >> level):
                node = (level, position)
                if stored.get(position) not in (self._nodes[0][node], self._nodes[1][node]):
                    self.faults.add(
                        FaultCode.NODE_DIFFERS,
                        f"the tree node of level {level}, position {position} is not the hash of what is beneath it",
                        position << level,
                    )
            level += 1

    def run_beyond(self) -> None:
        """Steps 1 and 4: whether state, tree, published and remembered heads end where the entries end."""
        self._compare_state()
        for level, count in sorted(rows.count_nodes(self.session).items()):
            if count > self.size >> level:
                self._tail(f"the tree holds {count} nodes of level {level}")
                break
        newest = rows.find_newest_checkpoint(self.session)
        if newest is not None and newest.size > self.size:
            self._tail(f"a head of {newest.size} entries was published")
        beyond = [size for size in self._remembered if size > self.size]
        if beyond:
            self._tail(f"a head of {max(beyond)} entries is remembered")

    def _compare_state(self) -> None:
        try:
            state = load(self.session)
        except LedgerDamaged as error:
            self.faults.add(FaultCode.STATE_DIFFERS, error.detail)
            return
        if state.size > self.size:
            self._tail(f"the log's state says {state.size}")
        elif state.size < self.size:
            self.faults.add(
                FaultCode.STATE_DIFFERS, f"the log's state says {state.size} entries, there are {self.size}", state.size
            )
        elif self._lost_at is None and state not in (self.by_rows, self.by_leaves):
            self.faults.add(FaultCode.STATE_DIFFERS, "the log's state does not hold the right edge of this tree")

    def _tail(self, evidence: str) -> None:
        self.faults.add(
            FaultCode.TAIL_MISSING, f"the log ends before this entry, but {evidence}: its end was cut off", self.size
        )

    def run_acts(self, acts: Iterable[ActRow], acted_types: frozenset[EntryType]) -> int:
        """Step 5: compare rows outside the log with the bodies they stand for; return how many there were."""
        claimed: set[int] = set()
        count = 0
        for batch in _batches(chain(self._witness_acts(), acts)):
            bodies = self._bodies([act.index for act in batch])
            for act in batch:
                count += 1
                claimed.add(act.index)
                self._compare_act(act, bodies.get(act.index))
        if acted_types:
            self._require_acts(claimed, acted_types)
        return count

    def _read_announced(self) -> dict[int, WitnessSet]:
        """Return the kept witness sets; ``run_acts`` holds them against their entries."""
        sets: dict[int, WitnessSet] = {}
        for log_index, members in rows.read_witness_sets(self.session).items():
            try:
                sets[log_index] = read_witness_set(members)
            except LedgerDamaged as error:
                self.faults.add(FaultCode.ACT_DIFFERS, error.detail, log_index, EntryType.WITNESSES)
        return sets

    def _read_log_keys(self, present: VerifierKey) -> list[LogKeyChange]:
        """Return the changes of the log's key; who signed them is for the judge. The last is to the present key."""
        changes = read_log_key_changes(self.session, present.name)
        if changes and changes[-1].key != present:
            self.faults.add(
                FaultCode.HEAD_UNSIGNED,
                "the newest log key that the log names is not the one it is checked with",
                changes[-1].index,
                EntryType.LOG_KEY,
            )
        return changes

    def _witness_acts(self) -> Iterator[ActRow]:
        for log_index, witnesses in self._announced.items():
            yield ActRow(log_index, {"type": EntryType.WITNESSES.value, **witnesses.to_json()})

    def _bodies(self, indexes: list[int]) -> dict[int, tuple[str, Mapping[str, object] | None]]:
        """Return type and parsed body by index; the body is None where it cannot be read or is erased."""
        found: dict[int, tuple[str, Mapping[str, object] | None]] = {}
        for index, row in rows.read_entries(self.session, indexes).items():
            try:
                body = None if row.body is None else parse_canonical(row.body.encode("utf-8"))
            except (NotCanonical, UnicodeEncodeError):
                body = None
            found[index] = (row.type, body if isinstance(body, dict) else None)
        return found

    def _compare_act(self, act: ActRow, logged: tuple[str, Mapping[str, object] | None] | None) -> None:
        if logged is None:
            self.faults.add(FaultCode.ACT_DIFFERS, "a stored act names this entry, but there is none", act.index)
            return
        kind, body = logged
        if act.index in self._erased:
            self.faults.add(
                FaultCode.ERASURE_UNDONE, "the log says that it was erased, and its act is there again", act.index, kind
            )
            return
        if body is None:
            return  # Already named: as erased by nobody, or as changed.
        different = sorted(name for name, value in act.body_members.items() if not _is_same(body, name, value))
        if different:
            self.faults.add(
                FaultCode.ACT_DIFFERS,
                f"the stored act differs from the logged body in {', '.join(different)}",
                act.index,
                kind,
            )

    def _require_acts(self, claimed: set[int], acted_types: frozenset[EntryType]) -> None:
        for start in range(0, self.size, ENTRIES_PER_BATCH):
            for row in rows.read_entry_range(self.session, start, start + ENTRIES_PER_BATCH):
                if row.type in acted_types and row.position not in claimed | self._erased:
                    self.faults.add(
                        FaultCode.ACT_MISSING, "the act it records is stored nowhere", row.position, row.type
                    )


def _is_same(body: Mapping[str, object], name: str, value: object) -> bool:
    try:
        return name in body and canonical_bytes(body[name]) == canonical_bytes(value)
    except NotCanonical:
        return False


def _batches(acts: Iterable[ActRow]) -> Iterator[list[ActRow]]:
    iterator = iter(acts)
    while batch := list(islice(iterator, ACTS_PER_BATCH)):
        yield batch
