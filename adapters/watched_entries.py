"""What an adapter looks for in the entries of its cases: reads of its fragments, its own name, and impossible times.

Who pulled the case, whoever shared what they were given: a case's entries go to all its parties. Told when read: each
pull that gave somebody fragments of this agency, whoever pulled. Its own name: an entry that says this agency brought
something it did not make, or that somebody was given what it did not disclose to them. Times: an entry that says it is
older than what came before it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.store.database import Session
from adapters.store.monitor_rows import (
    keep_own_entries,
    keep_pulls,
    keep_reads,
    never_granted,
    own_fragment_ids,
    raise_with_evidence,
    seen_heads,
    seen_note,
    unlogged_lines,
)
from adapters.store.monitor_tables import OwnEntryRow, PullRow, ReadRow
from adapters.store.rows import known_lines, read_setting
from policies.model import render_time

TOLERANCE = timedelta(minutes=5)
"""How far clocks of hub and witnesses may differ (docs/log.md)."""
DEADLINE = timedelta(minutes=10)
"""Until when an acknowledged line must stand among its case's entries."""
BEGAN = "began"
"""Setting: the log's size when this database was made. What the agency brought before, it does not know."""
SUBJECTS = {
    "channel": "channel",
    "fragment": "fragment",
    "emergency": "statement",
    "disclosure": "statement",
    "void": "statement",
}
"""Types of entries that an originator brings, and the member that names what was brought."""
_SECONDS = slice(0, 19)


def begin(session: Session) -> dict[str, Any]:
    """Return what entries are watched with: when a quorum saw the log how long."""
    return {"seen": seen_heads(session), "reads": [], "own": [], "dated": []}


def watch(fresh: dict[str, Any], held: Mapping[str, Any], entry: Mapping[str, Any], item: Any, note: str) -> None:
    """Note what is to be told of one proven entry. ``held`` is the case as followed up to the entry before."""
    kind, index = entry["type"], item["index"]
    if kind == "viewed":
        fresh["reads"].append((entry, index, item, note))
    elif kind in SUBJECTS:
        fresh["own"].append((entry, index, item, note))
    without = _seen_without(fresh["seen"], index)
    fault = _fault_of_time(without, held.get("newest_at"), entry["at"])
    if fault is not None:
        fresh["dated"].append((entry, index, item, note, fault, without))


def _seen_without(seen: Sequence[tuple[int, str]], index: int) -> tuple[int, str] | None:
    """Return the longest log that a quorum saw without the entry at a position, and when; None where none is kept."""
    number = bisect_right(seen, index, key=lambda item: item[0])
    return seen[number - 1] if number else None


def _fault_of_time(without: tuple[int, str] | None, before: str | None, said: str) -> str | None:
    """Return why an entry cannot be from when it says, None where it can (attack 7)."""
    at = read_time(said)
    if without is not None and at < read_time(without[1]) - TOLERANCE:
        return f"a quorum saw the log without it at {without[1]}"
    if before is not None and at < read_time(before) - TOLERANCE:
        return f"the entry before it in its case is from {before}"
    return None


def read_time(text: str) -> datetime:
    """Return the time of an entry or head, to the second. Raises ``ValueError``."""
    return datetime.strptime(text[_SECONDS], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


def settle(session: Session, case: str, agency: str, fresh: Mapping[str, Any]) -> None:
    """Keep what was noted: reads of ours, our entries, alarms."""
    ours = [item for item in fresh["own"] if item[0]["agency"] == agency]
    keep_own_entries(session, (_own_row(case, entry, index) for entry, index, _, _ in ours))
    mine = own_fragment_ids(session, case)
    keep_reads(session, (row for entry, index, _, _ in fresh["reads"] for row in _read_rows(case, entry, index, mine)))
    keep_pulls(session, (_pull_row(case, entry) for entry, _, _, _ in fresh["reads"]))
    _tell_ungiven(session, case, agency, fresh["reads"])
    known = known_lines(session, case) if ours else set()
    began = (read_setting(session, BEGAN) or {"size": 0})["size"]
    for entry, index, item, note in ours:
        if index >= began and entry[SUBJECTS[entry["type"]]] not in known:
            text = (
                f"case {case[:8]}: the log says that this agency brought a {entry['type']} (entry {index}) that was "
                "not made here"
            )
            evidence = {"kind": "not_ours", "heads": [note], "entry": {"receipt": item, "note": note}}
            raise_with_evidence(session, "not_ours", text, _alarm_time(entry), evidence)
    for entry, index, item, note, fault, without in fresh["dated"]:
        text = f"case {case[:8]}: entry {index} ({entry['type']}) says it is from {entry['at']}, but {fault}"
        seen = None if without is None else seen_note(session, without[0])
        evidence = {
            "kind": "back_dating",
            "heads": [note, *([] if seen is None else [seen])],
            "entry": {"receipt": item, "note": note},
        }
        raise_with_evidence(session, "back_dating", text, _alarm_time(entry), evidence)


def _tell_ungiven(session: Session, case: str, agency: str, reads: Sequence[tuple[Any, int, Any, str]]) -> None:
    """Keep an alarm for each read of ours by another agency that no disclosure made here allows.

    Of fragments only that were sealed here, or came back: of others it is not known here whom they were given.
    """
    for entry, index, item, note in reads:
        if entry["agency"] == agency:
            continue
        given = [one["fragment"] for one in entry["fragments"]]
        never = never_granted(session, case, (entry["agency"], entry["member"]), entry["purpose"], given)
        if never:
            text = (
                f"case {case[:8]}: the log says that {entry['agency']} was given fragments of this agency "
                f"({len(never)}) for {entry['purpose']} (entry {index}) that no disclosure made here gives them"
            )
            evidence = {"kind": "not_ours", "heads": [note], "entry": {"receipt": item, "note": note}}
            raise_with_evidence(session, "not_ours", text, _alarm_time(entry), evidence)


def require_logged(session: Session, case: str, followed: int, at: datetime) -> None:
    """Raise an alarm for lines of a case that the hub acknowledged and its entries do not have (attack 6).

    ``followed`` is the number of the last entry that was followed. A line that is due later has until ``DEADLINE``.
    """
    erased = (read_setting(session, f"feed:{case}") or {}).get("missing", {})
    for row in unlogged_lines(session, case):
        if row.receipt is None:
            continue
        receipt = json.loads(row.receipt)
        entry = json.loads(receipt["body"])
        if str(entry["case_seq"]) in erased:
            continue  # it stood there, and its words were erased before they were followed here
        is_passed = entry["case_seq"] <= followed
        if is_passed and read_setting(session, BEGAN) is None:
            continue  # followed by an earlier version, which kept nothing of it
        if is_passed or at - read_time(entry["at"]) > DEADLINE:
            text = (
                f"case {case[:8]}: the hub acknowledged a {row.kind} of ours as entry {receipt['index']}, and the "
                "case's entries do not have it"
            )
            evidence = {"kind": "omission", "heads": [], "entry": {"receipt": receipt, "note": None}}
            raise_with_evidence(session, "omission", text, render_time(at), evidence)


def back_dated(witnessed: Mapping[str, Any] | None, entries: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return position and fault of public entries that say they are older than they can be (attack 7)."""
    found = []
    for index, body in entries:
        entry = json.loads(body)
        try:
            without = None if witnessed is None else (witnessed["size"], witnessed["at"])
            fault = _fault_of_time(without, None, str(entry["at"]))
        except (KeyError, TypeError, ValueError):
            continue  # what is not of the agreed form says no time, and is named where it is read
        if fault is not None:
            found.append((index, f"public entry {index} ({entry['type']}) says it is from {entry['at']}, but {fault}"))
    return found


def _own_row(case: str, entry: Mapping[str, Any], index: int) -> OwnEntryRow:
    kind = entry["type"]
    return OwnEntryRow(
        subject=str(entry[SUBJECTS[kind]]), case=case, kind=kind, case_seq=entry["case_seq"], log_index=index
    )


def _read_rows(case: str, entry: Mapping[str, Any], index: int, mine: set[str]) -> list[ReadRow]:
    given = [item["fragment"] for item in entry["fragments"] if item["fragment"] in mine]
    if not given:
        return []
    return [
        ReadRow(
            case=case,
            case_seq=entry["case_seq"],
            agency=entry["agency"],
            member=entry["member"],
            purpose=entry["purpose"],
            at=entry["at"],
            log_index=index,
            fragments=json.dumps(given),
        )
    ]


def _pull_row(case: str, entry: Mapping[str, Any]) -> PullRow:
    return PullRow(
        case=case,
        case_seq=entry["case_seq"],
        agency=entry["agency"],
        member=entry["member"],
        purpose=entry["purpose"],
        at=entry["at"],
        fragments=len(entry["fragments"]),
    )


def _alarm_time(entry: Mapping[str, Any]) -> str:
    return f"{str(entry['at'])[_SECONDS]}Z"
