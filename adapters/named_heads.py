"""Compare heads with other agencies, inside the statements they sign: each names the newest head its signer verified.

Agencies have no other way to each other than the hub; what it shows one of them and not another comes out where their
statements meet (attack 3). A head that is not of the log shown here is a fork. One that is longer than what is shown
here may be on its way for ten minutes; after that the hub keeps this adapter on an older state (attack 85), and nothing
new is shared until a person has looked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from adapters.cases import VerifiedCase
from adapters.following import Follower
from adapters.heads import is_beginning, span_behind, splits
from adapters.store.monitor_rows import agreed_size, find_head, find_named, keep_named, named_ahead
from adapters.store.monitor_tables import NamedHeadRow
from adapters.store.rows import read_setting
from keys.statements import Statement
from policies.model import parse_time, render_time

AHEAD = timedelta(minutes=10)
MAX_COMPARED = 100
"""In one look; the rest is for the next."""


def said_in(case: VerifiedCase) -> tuple[Statement, ...]:
    """Return every verified statement of a case."""
    return (
        *case.membership,
        *case.acceptances,
        *case.endorsements,
        *case.departures,
        *case.consents,
        *case.refusals,
        *case.exclusions,
        *case.break_glass,
        *case.emergencies,
        *case.emergency_reviews,
        *case.retention,
    )


def compare_heads(follower: Follower, statements: Iterable[Statement]) -> int:
    """Hold the heads that verified statements name against the highest one seen; return how many were compared.

    Raises ``LogRefused`` (with an alarm) for one that is not of this log, ``HubRefused`` or ``HubUnreachable``.
    """
    fresh: dict[tuple[int, str], Statement] = {}
    with follower.store.read() as session:
        for item in statements:
            named = item.checkpoint
            if named is None or named.size == 0:
                continue
            kept = find_head(session, named.size)
            is_ours = kept is not None and kept.root == named.root
            if not is_ours and find_named(session, named.size, named.root) is None:
                fresh.setdefault((named.size, named.root), item)
        waiting = [(row.size, row.root, row.agency, row.statement, row.at, row.state) for row in named_ahead(session)]
    chosen = sorted(fresh.items(), key=lambda pair: pair[0], reverse=True)[:MAX_COMPARED]
    now = render_time(follower.clock())
    for (size, root), item in chosen:
        _compare(follower, NamedHeadRow(size=size, root=root, agency=item.issuer, statement=item.token, at=now))
    for size, root, agency, statement, at, state in waiting:
        row = NamedHeadRow(size=size, root=root, agency=agency, statement=statement, at=at)
        _compare(follower, row, was_told=state == "late")
    return len(chosen) + len(waiting)


def _compare(follower: Follower, row: NamedHeadRow, *, was_told: bool = False) -> None:
    """Compare one head. ``was_told``: that it is not shown here was an alarm already, which a person may have seen."""
    with follower.store.write() as session:
        highest = read_setting(session, "highest_head")
    if highest is None or row.size > highest["size"]:
        is_late = follower.clock() - parse_time(row.at) > AHEAD
        row.state = "late" if is_late else "ahead"
    else:
        is_late = False
        agrees = is_beginning(follower.client, row.size, bytes.fromhex(row.root), highest)
        row.state = "agrees" if agrees else "differs"
    size, state, agency, statement = row.size, row.state, row.agency, row.statement
    with follower.store.write() as session:
        keep_named(session, row)
    if state == "differs":
        _refuse(follower, size, agency, statement)
    if is_late and not was_told:
        shown = 0 if highest is None else highest["size"]
        raise follower.alarm(
            "behind",
            f"{agency} has verified a log of {size} entries more than ten minutes ago; the hub shows {shown} here",
            {"kind": "freeze", "heads": [] if highest is None else [highest["note"]], "statement": statement},
        )


def _refuse(follower: Follower, size: int, agency: str, statement: str) -> None:
    """Raise an alarm with the highest head and what its tree has in place of the head that was named.

    And with its leaves behind what was agreed before: with the other agency's file they show the first that differs.
    """
    with follower.store.write() as session:
        note = str(read_setting(session, "highest_head")["note"])
        agreed = agreed_size(session, size)
    head = follower.kept_head(note)
    raise follower.alarm(
        "fork",
        f"{agency} signed that the log has another past than the one shown here (in its first {size} entries): the hub "
        "shows two logs",
        {
            "kind": "fork",
            "heads": [note],
            "splits": splits(follower.client, {size}, head, note),
            "span": span_behind(follower.client, agreed, head),
            "statement": statement,
        },
    )
