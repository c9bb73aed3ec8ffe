"""Change the witnesses: say what changes in plain words, sign this agency's approval, bring it to the hub.

Nothing is taken from the hub's word: the change is made here from the set that counts and the newest certified keys.
docs/protocol.md section 10.3; docs/keys.md.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from adapters.held_keys import KeyChangeRefused
from adapters.hub_client import HubRefused
from adapters.key_endings import newest_directory
from adapters.runtime import Adapter
from adapters.witness_keys import holds_witness
from adapters.working_keys import working_key
from keys.certificates import NotCertified
from keys.statements import StatementType, make_statement
from keys.transparency import ProofInvalid, Witness, WitnessSet
from keys.uses import KeyUse
from keys.witness_changes import WitnessChange, certified_witness, with_witness, without_witness, witness_set_digest

ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Approval:
    """A change that this agency may approve. ``summary`` is what it does, a sentence a line."""

    change: WitnessChange
    summary: tuple[str, ...]


def plan_approval(adapter: Adapter, agency: str) -> Approval:
    """Return the change to an agency's newest certified keys: replaced, or the agency added.

    Raises ``KeyChangeRefused``.
    """
    old = adapter.follower.witnesses
    directory = newest_directory(adapter.follower).directory
    try:
        witness = certified_witness(adapter.pin.origin, agency, directory, adapter.clock())
    except NotCertified as error:
        raise KeyChangeRefused(f"{agency} has no two witness keys that are certified and not revoked") from error
    if witness in old.witnesses:
        raise KeyChangeRefused(f"the newest certified witness keys of {agency} are those that count already")
    return _plan(adapter, old, lambda: with_witness(old, witness))


def plan_removal(adapter: Adapter, agency: str) -> Approval:
    """Return the change to a set without an agency. Raises ``KeyChangeRefused``."""
    old = adapter.follower.witnesses
    return _plan(adapter, old, lambda: without_witness(old, agency))


def _plan(adapter: Adapter, old: WitnessSet, make: Any) -> Approval:
    try:
        change = WitnessChange.between(old, make())
    except ProofInvalid as error:
        raise KeyChangeRefused(str(error)) from error
    if adapter.home.agency not in {item.agency for item in old.witnesses}:
        raise KeyChangeRefused("only a witness approves a change of the witnesses; this agency is none")
    return Approval(change, _summary(change))


def _summary(change: WitnessChange) -> tuple[str, ...]:
    agency, before, after = change.agency, change.before, change.after
    said = {
        (True, True): f"Replaces both witness keys of {agency}.",
        (False, True): f"Makes {agency} a witness.",
        (True, False): f"Takes {agency} out of the witnesses.",
    }[before is not None, after is not None]
    ids = [
        f"{what} {key_ids(item)}" for what, item in (("Old keys:", before), ("New keys:", after)) if item is not None
    ]
    return (
        said,
        *ids,
        f"Witnesses: {len(change.old.witnesses)}, of which {change.old.quorum} make a quorum; "
        f"then {len(change.new.witnesses)}, of which {change.new.quorum}.",
        f"It counts once {change.old.quorum} of the present witnesses have approved it. Ask {agency} on a second "
        "channel whether it is theirs.",
    )


def key_ids(witness: Witness) -> str:
    """Return how a witness's two keys are named to people: their C2SP key ids."""
    return f"Ed25519 {witness.ed25519.key_id.hex()}, ML-DSA-44 {witness.mldsa44.key_id.hex()}"


def approve(adapter: Adapter, approval: Approval) -> tuple[str, ...]:
    """Sign and send this agency's approval; return what is still missing, in words. Raises ``HubRefused``."""
    token = make_statement(
        StatementType.WITNESS_CHANGE,
        approval.change.members(),
        issuer=adapter.home.agency,
        signer=working_key(adapter.keys.keys, KeyUse.SIGNING),
        issued_at=adapter.clock(),
        statement_id=secrets.token_hex(ID_BYTES),
        checkpoint=adapter.follower.newest_reference(),
    )
    answer = adapter.client.post(
        "/v1/witness-changes", {"statement": token, "witnesses": approval.change.new.to_json()}
    )
    missing, index = _read(answer)
    if index is None:
        return (f"approved; {missing} more of the present witnesses must approve it",)
    return (
        f"approved by a quorum: the new witnesses stand in the log at position {index}. Each adapter takes them up as "
        "it follows the log: nrm-adapter sync",
    )


def _read(answer: object) -> tuple[int, int | None]:
    if isinstance(answer, dict):
        missing, index = answer.get("missing"), answer.get("index")
        if type(missing) is int and (index is None or type(index) is int):
            return missing, index
    raise KeyChangeRefused(
        "the hub's answer to an approval is not of the agreed form; look: nrm-adapter witnesses list"
    )


def is_waiting(adapter: Adapter) -> bool:
    """Whether this agency is a witness whose newest certified keys are held here and are not those that count.

    Certified keys that are not here were refused by the hub once, or were made at another copy: approved, they would
    leave the witnesses without this agency.
    """
    agency = adapter.home.agency
    ours = next((item for item in adapter.follower.witnesses.witnesses if item.agency == agency), None)
    try:
        newest = certified_witness(
            adapter.pin.origin, agency, newest_directory(adapter.follower).directory, adapter.clock()
        )
    except NotCertified:
        return False
    return ours is not None and newest != ours and holds_witness(adapter.keys.keys, newest)


def describe(adapter: Adapter) -> tuple[str, ...]:
    """Return the witnesses that count, and who the hub says has approved a change that waits."""
    now = adapter.follower.witnesses
    lines = [f"{len(now.witnesses)} witnesses, of which {now.quorum} make a quorum"]
    lines += [f"{item.agency}  {key_ids(item)}" for item in now.witnesses]
    try:
        answer = adapter.client.get("/v1/witness-changes")
    except HubRefused as error:
        return (*lines, f"the hub does not say what waits: {error.code}")
    listed = answer.get("approvals") if isinstance(answer, dict) else None
    waiting: dict[str, list[str]] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict) and item.get("agency") in {one.agency for one in now.witnesses}:
            waiting.setdefault(str(item.get("witnesses"))[:64], []).append(str(item["agency"]))
    return (
        *lines,
        *(f"waiting: {_named(adapter, digest)}, approved by {', '.join(who)}" for digest, who in waiting.items()),
    )


def _named(adapter: Adapter, digest: str) -> str:
    """Return which change a digest is of, found among those that could be made here."""
    directory = adapter.follower.directory()
    for agency in directory.agencies:
        for plan, what in ((plan_approval, "new keys of"), (plan_removal, "removal of")):
            try:
                if witness_set_digest(plan(adapter, agency).change.new) == digest:
                    return f"{what} {agency}"
            except KeyChangeRefused:
                continue
    return "a change that cannot be told here; nrm-adapter sync"
