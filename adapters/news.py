"""What is new in a case for one person, as far as its entries were followed here: counts, without asking anybody.

Nothing is pulled for it and nothing opened, so that looking at it is no entry in the log. The entries are proven and
none is left out (``adapters.feed``).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.store.database import Session
from adapters.store.rows import read_setting


@dataclass(frozen=True, slots=True)
class News:
    """What came after an entry of a case.

    ``new``: records of other agencies that this person was given. ``erased``: records that were erased, whoever had
    them. ``words``: statements of consent, of a refusal, of who takes part. ``up_to``: the number of the last entry.
    """

    new: int
    erased: int
    words: int
    up_to: int
    newest: int = 0
    """The number of the newest entry that counts in ``new``; 0: none."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything."""
        return bool(self.new or self.erased or self.words)


def news_since(session: Session, case: str, agency: str, member: str, after: int) -> News:
    """Return what is new in a case for one of this agency's people after the entry of a number (0: all of it).

    How many of another agency's records are new to them is what it brought since and what it gave them since, whichever
    is less; where it brought none since, what it gave them of its older ones.
    """
    held: Mapping[str, Any] = read_setting(session, f"feed:{case}") or {}
    given: dict[str, list[tuple[int, int]]] = {}
    for channel in held.get("channels", {}).values():
        if channel["member"] == member and channel["agency"] != agency:
            since = [(seq, count) for seq, count in channel["disclosed"] if seq > after]
            given.setdefault(channel["agency"], []).extend(since)
    new = newest = 0
    for other, acts in given.items():
        items = sum(count for _, count in acts)
        brought = sum(seq > after for seq in held["agencies"].get(other, {"fragments": []})["fragments"])
        new += min(items, brought) if brought else items
        newest = max([newest, *(seq for seq, _ in acts)])
    return News(new, _erased(held, after), _words(held, after), int(held.get("seq", 0)), newest)


def _erased(held: Mapping[str, Any], after: int) -> int:
    brought = {seq for seen in held.get("agencies", {}).values() for seq in seen["fragments"]}
    entries = [entry for _, entry in held.get("erased", ()) if entry["case_seq"] > after]
    return len({number for entry in entries for number, _ in entry["entries"] if number in brought})


def _words(held: Mapping[str, Any], after: int) -> int:
    lists = held.get("statements", {})
    return sum(seq > after for name in ("consents", "refusals", "membership") for seq, _, _ in lists.get(name, ()))


def newest_pull(session: Session, case: str) -> int:
    """Return the number in the case of this agency's newest pull that was followed; 0: none."""
    held = read_setting(session, f"feed:{case}") or {}
    return max((int(seq) for seq in held.get("pulls", {})), default=0)


def waits_for_new_key(
    session: Session, case: str, agency: str, member: str, readable: Collection[str]
) -> tuple[str, ...]:
    """Return the agencies that gave this person something under an earlier key and nothing yet under these.

    ``readable``: the keys that they read with now. Until those grant again, nothing of theirs opens.
    """
    held = read_setting(session, f"feed:{case}") or {}
    said: dict[str, set[str]] = {}
    for channel in held.get("channels", {}).values():
        if channel["member"] == member and channel["disclosed"] and channel["agency"] != agency:
            said.setdefault(channel["agency"], set()).add(channel["recipient"])
    return tuple(sorted(other for other, kids in said.items() if kids.isdisjoint(readable)))
