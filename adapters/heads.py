"""Hold a signed head against another one of the same log, and keep what a contradiction is proven with.

docs/monitor.md; attacks 3, 4, 5. What the hub cannot prove to continue is a fork, or, where it denies entries that it
had shown, a rollback. Its own proof is kept: from it anybody with the log's key sees the contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from adapters.entries import Edge, prove_entry_after
from adapters.hub_client import MAX_BUNDLE_BYTES, HubClient, HubRefused, HubUnreachable
from adapters.kept_leaves import first_changed
from adapters.refusal import LogRefused
from adapters.store.database import Store
from adapters.store.monitor_rows import add_first_changed, find_evidence_of
from adapters.watched_entries import back_dated
from keys.merkle import ProofInvalid, parse_proof, render_proof, verify_consistency
from keys.spans import MAX_SPAN_LEAVES, Span, TileTree
from keys.splits import first_node, root_at
from keys.transparency import Checkpoint

Alarm = Callable[[str, str, Mapping[str, Any]], LogRefused]
"""Keeps an alarm (code, text, evidence) and returns what is raised."""
_NOT_THERE = 404
"""What a hub answers that denies a size of the log which it has shown."""


def require_continues(
    client: HubClient, store: Store, seen: Mapping[str, Any], shown: Checkpoint, note: str, alarm: Alarm
) -> None:
    """Raise ``LogRefused`` unless a head is of the same log as the highest one seen, whichever is longer.

    A fork's first entry that differs from those kept here is named, where the hub shows the tree of its other head.

    ``seen`` has ``size``, ``root`` and ``note``. Raises ``HubRefused`` or ``HubUnreachable`` where the hub gives no
    proof because it cannot answer: that is no lie, and the head is not taken in.
    """
    fault = _fault(client, (seen["size"], bytes.fromhex(seen["root"])), (shown.size, shown.root))
    if fault is None:
        return
    evidence: dict[str, Any] = {
        "kind": fault,
        "heads": [seen["note"], note],
        "splits": splits(client, {seen["size"]}, shown, note),
    }
    if fault == "rollback":
        text = (
            f"the hub shows a log of {shown.size} entries and denies the one of {seen['size']} that it had shown: it "
            "went back"
        )
        raise alarm("rollback", text, evidence)
    text = (
        f"the hub's log at {shown.size} entries does not continue the one seen at {seen['size']}: "
        "its past was changed, cut off, or is shown differently to others"
    )
    refused = alarm("fork", text, evidence)
    # The alarm is kept by now: which entry it is takes more questions to the hub, which may not answer them.
    with store.read() as session:
        known = find_evidence_of(session, "fork", text)
    changed = None if known is None or "first" in known else first_changed(client, store, shown, note)
    if changed is not None:
        with store.write() as session:
            add_first_changed(session, "fork", text, changed.index, changed.note, changed.splits)
    raise refused


def _fault(client: HubClient, seen: tuple[int, bytes], shown: tuple[int, bytes]) -> str | None:
    small, large = sorted([seen, shown], key=lambda item: item[0])
    if small[0] == 0:
        return None
    try:
        proof: tuple[bytes, ...] = ()
        if small[0] != large[0]:
            proof = _ask(client, small[0], large[0])
        verify_consistency(small[0], large[0], small[1], large[1], proof)
    except HubRefused as error:
        if error.status != _NOT_THERE:
            raise
        return "rollback" if shown[0] < seen[0] else "fork"
    except ProofInvalid:
        return "fork"
    return None


def is_beginning(client: HubClient, size: int, root: bytes, head: Mapping[str, Any]) -> bool:
    """Whether the first entries of a log with a head (``size``, ``root``) have a root. Raises as above."""
    return _fault(client, (size, root), (head["size"], bytes.fromhex(head["root"]))) is None


def splits(client: HubClient, sizes: set[int], head: Checkpoint, note: str) -> list[dict[str, Any]]:
    """Return, for sizes below a signed head's, what its tree says of its own beginning, as evidence has it.

    A size for which the hub gives no proof that holds is left out.
    """
    found = []
    for size in sorted(sizes):
        if not 0 < size < head.size:
            continue
        try:
            proof = _ask(client, size, head.size)
            if size & (size - 1) == 0:
                # A tree that is one complete subtree is left out of the proof: its node is in a tile.
                node = first_node(lambda path: client.get_bytes(f"/log/{path}"), size, head.size)
                proof = (node, *proof)
            root_at(size, head.size, proof, head.root)
        except (ProofInvalid, HubRefused, HubUnreachable):
            continue
        found.append({"size": size, "note": note, "proof": render_proof(proof)})
    return found


def span_behind(client: HubClient, start: int, head: Checkpoint) -> dict[str, Any] | None:
    """Return all leaves of a signed head from a place on, as evidence has them; None where the hub does not show them.

    No more than evidence may have: of a longer log the last ones.
    """
    start = max(start, head.size - MAX_SPAN_LEAVES)
    tree = TileTree(lambda path: client.get_bytes(f"/log/{path}"), head.size)
    try:
        span = Span(start, tree.peaks(start), tuple(tree.leaves(start)))
        span.require(head.size, head.root)
    except (ProofInvalid, HubRefused, HubUnreachable):
        return None
    return span.to_json()


def _ask(client: HubClient, small: int, large: int) -> tuple[bytes, ...]:
    answer = client.get("/log/consistency", **{"from": small, "to": large})
    return parse_proof(answer.get("proof") if isinstance(answer, dict) else None)


def refuse_entries(error: HubRefused, head: Checkpoint, alarm: Alarm) -> HubRefused | LogRefused:
    """Return what is raised where the hub does not give entries of a log whose head it signed (attack 5)."""
    if error.status != _NOT_THERE:
        return error
    return alarm(
        "truncation",
        f"the hub signed a log of {head.size} entries and denies some of them: its end was cut off",
        {"kind": "truncation", "heads": []},
    )


def tell_back_dated(
    client: HubClient,
    held: Mapping[str, Any] | None,
    public: list[tuple[int, str]],
    head: tuple[int, str],
    alarm: Alarm,
) -> None:
    """Keep an alarm for each public entry that a quorum saw the log without, later than it says it is from (attack 7).

    ``held`` is the newest witnessed head from before these entries, ``head`` size and note of the one that they are in.
    An entry is taken in all the same: that it stands there is proven, only not when it came.
    """
    bodies = dict(public)
    for index, text in back_dated(held, public):
        if held is None:
            continue
        edge = Edge.from_json(held["edge"])
        proof = prove_entry_after(
            lambda path: client.get_bytes(f"/log/{path}", at_most=MAX_BUNDLE_BYTES), edge, head[0], index
        )
        receipt = {"index": index, "body": bodies[index], "salt": None, "inclusion": render_proof(proof)}
        evidence = {"kind": "back_dating", "heads": [held["note"]], "entry": {"receipt": receipt, "note": head[1]}}
        alarm("back_dating", text, evidence)
