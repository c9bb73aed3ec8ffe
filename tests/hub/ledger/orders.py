"""What may happen between acts, whoever gives positions, whoever publishes, and deaths: a model, without a database.

It says which moves there are from each state and what everybody sees after each: so which states there are, and how
many. The log on a real server is held against it move by move (``tests/attacks/test_step5_every_order.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

Observed = tuple[tuple[tuple[str, int, bool], ...], tuple[str, ...], tuple[int, ...], tuple[str, ...]]
"""What waits (case, number in it, whether it may be placed), what is placed, sizes of heads, what is committed."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What somebody does, one after the other; an act does it in a case."""

    names: tuple[str, ...]
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What waits: the act, its number in its case, and the transaction that wrote it. In the order of its ticket."""

    act: str
    case: str
    number: int
    transaction: int
    ticket: int


@dataclass(frozen=True, slots=True)
class Inside:
    """A transaction that is open: its number once it has written, what it holds, and what its commit will do."""

    transaction: int | None = None
    may_place: bool = False
    holds_state: bool = False
    row: Row | None = None
    places: tuple[Row, ...] = ()
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One state. ``play`` returns the next."""

    steps: Mapping[str, Steps]
    at: Mapping[str, int]
    inside: Mapping[str, Inside] = field(default_factory=dict)
    waiting: tuple[Row, ...] = ()
    placed: tuple[Row, ...] = ()
    heads: tuple[int, ...] = ()
    committed: tuple[str, ...] = ()
    clock: int = 0

    @classmethod
    def begin(cls, steps: Mapping[str, Steps]) -> Model:
        """Nobody has done anything."""
        return cls(steps, dict.fromkeys(steps, 0))

    def next(self, name: str) -> str | None:
        """What somebody does next."""
        names = self.steps[name].names
        return names[self.at[name]] if self.at[name] < len(names) else None

    def moves(self) -> list[str]:
        """Who can make a step without having to wait for somebody."""
        return [name for name in self.steps if self.next(name) is not None and not self._waits(name)]

    def _waits(self, name: str) -> bool:
        step, others = self.next(name), [item for other, item in self.inside.items() if other != name]
        is_state_held = any(item.holds_state for item in others)
        is_whole = any(self.steps[other].names[0] == "whole" for other in self.inside if other != name)
        if step == "write":
            case = self.steps[name].case
            is_busy = any(self.steps[other].case == case for other in self.inside)
            return is_whole or is_busy or self._comes_after(name)
        if step == "place":
            return self.inside[name].may_place and bool(self.waiting) and is_state_held
        if step == "look":
            return is_whole or (self._is_due() and is_state_held)
        if step == "whole":
            is_shared = any(self.steps[other].names[0] in ("write", "look") for other in self.inside)
            return is_shared or is_whole or (bool(self.waiting) and is_state_held)
        return False

    def _comes_after(self, name: str) -> bool:
        """Of acts that are the same but for their names one comes first: the others are the same game."""
        mine = self.steps[name]
        return any(before < name and self.steps[before] == mine and self.at[before] == 0 for before in self.steps)

    def _is_due(self) -> bool:
        return len(self.placed) > max(self.heads, default=0)

    def _is_past(self, row: Row) -> bool:
        return all(item.transaction is None or row.transaction < item.transaction for item in self.inside.values())

    def play(self, name: str) -> Model:
        """Return the state after somebody's next step."""
        step, clock = self.next(name), self.clock + 1
        at = {**self.at, name: self.at[name] + 1}
        if step in ("commit", "die"):
            inside = {other: item for other, item in self.inside.items() if other != name}
            ended = replace(self, at=at, inside=inside, clock=clock)
            return ended._with(name, self.inside[name]) if step == "commit" else ended
        return replace(self, at=at, inside={**self.inside, name: self._does(name, step, clock)}, clock=clock)

    def _does(self, name: str, step: str | None, clock: int) -> Inside:
        if step == "write":
            case = self.steps[name].case
            assert case is not None
            known = sum(row.case == case for row in (*self.waiting, *self.placed))
            return Inside(clock, row=Row(name, case, known + 1, clock, clock))
        if step == "begin":
            return Inside(may_place=not any(item.may_place for item in self.inside.values()))
        if step == "look":
            return Inside(clock, holds_state=True, head=len(self.placed)) if self._is_due() else Inside()
        mine = self.inside.get(name, Inside())
        if not self.waiting or (step == "place" and not mine.may_place):
            return mine
        chosen = tuple(row for row in self.waiting if step == "whole" or self._is_past(row))
        return replace(mine, transaction=clock, holds_state=True, places=chosen)

    def _with(self, name: str, done: Inside) -> Model:
        waiting, committed = self.waiting, self.committed
        if done.row is not None:
            waiting = tuple(sorted((*waiting, done.row), key=lambda row: row.ticket))
            committed = (*committed, name)
        heads = self.heads if done.head is None else (*self.heads, done.head)
        left = tuple(row for row in waiting if row not in done.places)
        return replace(self, waiting=left, placed=(*self.placed, *done.places), heads=heads, committed=committed)

    def observed(self) -> Observed:
        """What whoever reads sees."""
        return (
            tuple((row.case, row.number, self._is_past(row)) for row in self.waiting),
            tuple(row.act for row in self.placed),
            self.heads,
            self.committed,
        )

    def key(self) -> tuple[object, ...]:
        """All that decides what can follow. Of the transactions' numbers that is their order."""
        numbers = sorted(
            {row.transaction for row in self.waiting}
            | {item.transaction for item in self.inside.values() if item.transaction is not None}
        )
        order = {number: rank for rank, number in enumerate(numbers)}
        inside = tuple(
            (
                name,
                None if item.transaction is None else order[item.transaction],
                item.may_place,
                item.head,
                tuple(row.act for row in item.places),
            )
            for name, item in sorted(self.inside.items())
        )
        waiting = tuple((row.act, row.number, order[row.transaction]) for row in self.waiting)
        return tuple(self.at.values()), inside, waiting, self.observed()


def explore(steps: Mapping[str, Steps]) -> tuple[int, int]:
    """Return how many states there are, and how many steps from one of them to the next."""
    began = Model.begin(steps)
    seen, left, ways = {began.key()}, [began], 0
    while left:
        model = left.pop()
        for name in model.moves():
            ways += 1
            after = model.play(name)
            if after.key() not in seen:
                seen.add(after.key())
                left.append(after)
    return len(seen), ways


def every_way(steps: Mapping[str, Steps]) -> Iterator[list[str]]:
    """Yield ways from the beginning that together make every step of every state; the next one begins anew."""
    seen: set[tuple[object, ...]] = {Model.begin(steps).key()}
    ways: list[tuple[str, ...]] = [()]
    while ways:
        way = list(ways.pop())
        model = Model.begin(steps)
        for name in way:
            model = model.play(name)
        if way:
            is_known = model.key() in seen
            seen.add(model.key())
        else:
            is_known = False
        while not is_known and (moves := model.moves()):
            ways += [(*way, name) for name in moves[1:]]
            way.append(moves[0])
            model = model.play(moves[0])
            is_known = model.key() in seen
            seen.add(model.key())
        yield way
