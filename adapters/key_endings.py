"""End keys: plan a revocation in plain words, sign it, bring it to the hub or write it to a file for the hub.

Ending is narrower than anything else: it needs no quorum, no witness, no case and no root key, and where the hub cannot
be asked a file does as well. DESIGN section 4.1; attacks 22, 25, 32; docs/keys.md.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from adapters.carried_words import CarriedWords, forget_aside, keep_aside
from adapters.entries import Edge, read_entries
from adapters.following import Follower, LogRefused
from adapters.held_keys import KeyChangeRefused
from adapters.hub_client import MAX_BUNDLE_BYTES, HubRefused, HubUnreachable
from adapters.issued import remember_issued
from adapters.key_states import KeyLine
from adapters.reading_directory import read_directory
from adapters.receipts import prove_entry
from adapters.store.rows import public_entries, read_setting
from adapters.store.workspace_rows import keep_ended_keys
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.jose import Signer
from keys.revocation import RevocationReason, strictest
from keys.statements import StatementType, make_statement, peek
from keys.transparency import ProofInvalid
from policies.model import render_time

WHY = {
    RevocationReason.SUPERSEDED: "it is replaced as planned",
    RevocationReason.LOST: "it is lost",
    RevocationReason.COMPROMISED: "somebody else may have it",
    RevocationReason.LEFT: "its holder has left",
}


_SERVER_ERROR = 500
_CARRY = (
    "for whoever brings it: give it to the hub's operator (nrm-hub revoke FILE) or to another agency (nrm-adapter keys "
    "carry FILE)"
)


class EndingUnproven(KeyChangeRefused):
    """The hub said yes, and takes no request to prove it by: as it must where the key that asks has just ended."""


@dataclass(frozen=True, slots=True)
class EndTerms:
    """Why a key ends, and from which log position on; None: from the position of the revocation itself."""

    reason: RevocationReason
    valid_until: int | None = None

    def __post_init__(self) -> None:
        if self.valid_until is not None and self.reason is RevocationReason.SUPERSEDED:
            raise KeyChangeRefused("a key that is replaced as planned counts up to its revocation; leave --valid-until")

    def summary(self) -> tuple[str, ...]:
        """Say what ending a key on these terms does."""
        since = (
            "What it signed before stays good."
            if self.valid_until is None
            else f"What it signed counts only if it stands in the log below position {self.valid_until}."
        )
        reading = (
            "What was granted to it before is still given to its holder."
            if self.reason is RevocationReason.SUPERSEDED
            else "Nothing that was granted to it is given to anybody any more."
        )
        return (f"{since} {reading}", "This binds the hub with its next request. It cannot be taken back.")


@dataclass(frozen=True, slots=True)
class Ending:
    """Keys of one agency that end on the same terms. ``summary`` is what will happen, a sentence a line."""

    agency: str
    kids: tuple[str, ...]
    terms: EndTerms
    summary: tuple[str, ...]


def plan_ending(agency: str, lines: Sequence[KeyLine], terms: EndTerms, notes: Sequence[str] = ()) -> Ending:
    """Return the end of these keys of this agency. Raises ``KeyChangeRefused`` where there is nothing to end."""
    if not lines:
        raise KeyChangeRefused("there is no such key that counts: nothing to revoke; look: nrm-adapter keys list")
    named = tuple(f"Revokes the key {line.kid[:12]} for {line.use.value}: {WHY[terms.reason]}." for line in lines)
    return Ending(agency, tuple(line.kid for line in lines), terms, (*named, *terms.summary(), *notes))


def plan_own_root_ending(directory: Directory, agency: str, terms: EndTerms) -> Ending:
    """Return the end of this agency's own root. Raises ``KeyChangeRefused`` or ``NotCertified``."""
    root = directory.get_agency(agency).root
    if any(item.kid == root.kid for item in directory.revocations):
        raise KeyChangeRefused("this agency's root is revoked already; next: nrm-adapter keys enrol-again")
    return Ending(
        agency,
        (root.kid,),
        terms,
        (
            f"Revokes the root key {root.kid[:12]} of {agency}, and with it EVERY key it certified: the agency can "
            "sign, read and ask for nothing until it has enrolled again.",
            *terms.summary(),
            "Next: nrm-adapter keys enrol-again, then the ceremony with two officers and a new pin for everybody.",
        ),
    )


def plan_root_ending(directory: Directory, agency: str, other: str, terms: EndTerms) -> Ending:
    """Return this agency's word against another's root: with enough of them it ends. Raises ``KeyChangeRefused``."""
    if other == agency:
        raise KeyChangeRefused("this is our own root: nrm-adapter keys revoke root")
    try:
        root = directory.get_agency(other).root
    except NotCertified as error:
        raise KeyChangeRefused(str(error)) from error
    if any(item.kid == root.kid for item in directory.revocations):
        raise KeyChangeRefused(f"the root of {other} is revoked already")
    voices = {item.issuer for item in directory.voices_against(root.kid)}
    missing = max(0, directory.root_quorum(other) - len(voices | {agency}))
    after = f"{missing} more agencies must say the same" if missing else "with it the root is revoked"
    return Ending(
        other,
        (root.kid,),
        terms,
        (
            f"Says as {agency} that the root key {root.kid[:12]} of {other} must not count any more: "
            f"{WHY[terms.reason]}. {len(voices - {agency})} other agencies have said so; {after}.",
            f"Once it is revoked every key of {other} ends with it, and {other} enrols again with another root.",
            "Our word stands in the log for everybody to see, and cannot be taken back.",
        ),
    )


def sign_ending(ending: Ending, *, issuer: str, signer: Signer, at: datetime) -> list[str]:
    """Return the signed revocations, one a key. The key that signs ends last: until then its word counts."""
    kids = sorted(ending.kids, key=lambda kid: kid == signer.public.kid)
    return [
        make_statement(
            StatementType.REVOCATION,
            {
                "agency": ending.agency,
                "key": kid,
                "valid_until": ending.terms.valid_until,
                "reason": ending.terms.reason.value,
            },
            issuer=issuer,
            signer=signer,
            issued_at=at,
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        )
        for kid in kids
    ]


def send_endings(follower: Follower, agency: str, tokens: Sequence[str]) -> list[int]:
    """Bring revocations to the hub; return where they are proven to stand. Raises ``KeyChangeRefused``.

    Where the hub does not answer, says no or proves nothing, they lie in a file for whoever can carry them there: what
    was signed counts whoever brings it, and a hub that says no may be wrong. Raises ``EndingUnproven`` where the hub
    said yes and then takes no request to prove it by.
    """
    folder = follower.home.folder
    remember_issued(folder, tokens)
    mark_ended(follower, tokens)
    positions = _deliver(follower, tokens, lambda: keep_aside(folder, agency, tokens))
    forget_aside(folder, tokens)
    return positions


def mark_ended(follower: Follower, tokens: Sequence[str]) -> None:
    """Let the keys that this agency ends count no more here at once: whoever is signed in with one is signed out.

    The witnessed log has it a little later; or, where the hub does not answer and a file carries it, much later.
    """
    said = [peek(token).members for token in tokens]
    kids = [str(item["key"]) for item in said if item["agency"] == follower.home.agency]
    with follower.store.write() as session:
        keep_ended_keys(session, kids, render_time(follower.clock()))


def carry_endings(follower: Follower, words: CarriedWords) -> list[int]:
    """Bring another agency's revocations to the hub, as ``send_endings`` does ours; their file stays where it is."""
    return _deliver(follower, words.tokens, lambda: words.path)


def _deliver(follower: Follower, tokens: Sequence[str], keep: Callable[[], Path]) -> list[int]:
    try:
        answer = follower.client.post("/v1/keys", {"revocations": list(tokens)})
    except (HubUnreachable, HubRefused) as error:
        is_answered = isinstance(error, HubRefused) and error.code != "token" and error.status < _SERVER_ERROR
        if is_answered:
            raise KeyChangeRefused(
                f"NOT REVOKED: {error}. Where the hub is wrong, the signed revocation in {keep()} counts {_CARRY}"
            ) from error
        raise KeyChangeRefused(
            f"NOT REVOKED YET: {error}. Repeat this command; or the signed revocation in {keep()} counts {_CARRY}"
        ) from error
    # Kept until the log is seen to have it: a yes of the hub is no proof.
    aside = keep()
    try:
        if not isinstance(answer, dict):
            raise LogRefused("receipt", "the hub accepted a revocation without a receipt")
        return require_proven(follower, proven(follower, answer), (), tokens)
    except LogRefused as error:
        raise KeyChangeRefused(
            f"NOT PROVEN: {error}. Take the key as not revoked. The signed revocation is in {aside}; it counts "
            f"{_CARRY}, and tell the other agencies"
        ) from error
    except (HubUnreachable, HubRefused) as error:
        raise EndingUnproven(
            f"NOT PROVEN: the hub said that it has recorded it, and then: {error}. The signed revocation stays in "
            f"{aside}; it counts {_CARRY}"
        ) from error


# --- proof ---

CERTIFIED, REVOKED = "certificate", "revocation"
"""Types of the log's entries."""


def proven(follower: Follower, answer: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Return what the hub's answer proves to stand in the log for everybody to read: position by type and statement.

    Raises ``LogRefused``.
    """
    head = follower.accept_head(str(answer.get("checkpoint")))
    receipts = answer.get("receipts")
    found = {}
    for receipt in receipts if isinstance(receipts, list) else []:
        said = prove_entry(receipt, head.size, head.root)
        # Of a salted entry nobody else learns what it says, and by its type alone an entry is taken in.
        if receipt["salt"] is None:
            found[str(said.get("type")), str(said.get("statement"))] = int(receipt["index"])
    return found


def require_proven(
    follower: Follower, found: Mapping[tuple[str, str], int], certificates: Sequence[str], revocations: Sequence[str]
) -> list[int]:
    """Return where each statement stands; of a key that ended as much before, where that is. Raises ``LogRefused``.

    That a key ended before is read from the log itself, with every signature verified: not from the hub's choice of
    receipts.
    """
    positions = [found.get((CERTIFIED, token)) for token in certificates]
    directory: Directory | None = None
    for token in revocations:
        position = found.get((REVOKED, token))
        if position is None or not _counts_at(token, position):
            directory = directory or newest_directory(follower).directory
            position = standing_end(directory, token)
        positions.append(position)
    known = [item for item in positions if item is not None]
    if len(known) != len(positions):
        raise LogRefused("receipt", "the hub said yes and did not prove that it stands in the log; repeat the command")
    return known


def _counts_at(token: str, position: int) -> bool:
    until = peek(token).members["valid_until"]
    return until is None or until <= position


def positions_of(directory: Directory, certificates: Sequence[str]) -> list[int]:
    """Return where those of these certificates stand that the directory has."""
    known = {item.statement.token: item.log_index for item in directory.certificates}
    return [known[token] for token in certificates if token in known]


def standing_end(directory: Directory, token: str) -> int | None:
    """Return where the end of a key stands that this revocation would not add to, None where it adds something.

    It adds nothing where the key ended as early already, for a reason that ends as much (``strictest``); of another
    agency's root, where its issuer has said so.
    """
    claimed = peek(token)
    kid, until = str(claimed.members["key"]), claimed.members["valid_until"]
    if claimed.issuer == claimed.members["agency"]:
        known = [item for item in directory.revocations if item.kid == kid]
    else:
        known = [item for item in directory.voices_against(kid) if item.issuer == claimed.issuer]
    for before in known:
        # Without a position it would end where it came to stand, which is later than whatever stands already.
        ends = before.valid_until if until is None else until
        ours = replace(before, reason=RevocationReason(claimed.members["reason"]), valid_until=ends)
        if strictest(before, ours) == before:
            return before.log_index
    return None


@dataclass(frozen=True, slots=True)
class Newest:
    """The directory for taking away: nobody is given anything by it.

    ``in_the_way`` is what kept us from the hub's newest head; then the directory is that of the witnessed log.
    ``is_shut_out``: the hub takes no request that our signing key makes.
    """

    directory: Directory
    in_the_way: str | None = None
    is_shut_out: bool = False


def newest_directory(follower: Follower) -> Newest:
    """Return the directory up to the hub's newest head, witnessed or not; without the hub that of the witnessed log."""
    try:
        follower.accept_head(follower.client.get_bytes("/log/checkpoint").decode("utf-8", "replace"))
        with follower.store.write() as session:
            # A receipt of ours may have shown a newer one than the hub has published yet.
            head, held = read_setting(session, "highest_head"), read_setting(session, "witnessed")
            entries = public_entries(session)
        edge = Edge() if held is None else Edge.from_json(held["edge"])
        if head["size"] > edge.size:
            _, fresh = read_entries(
                lambda path: follower.client.get_bytes(f"/log/{path}", at_most=MAX_BUNDLE_BYTES),
                edge,
                head["size"],
                bytes.fromhex(head["root"]),
            )
            entries += [(index, body.decode("utf-8", "replace")) for index, body in fresh]
    except (HubUnreachable, HubRefused, LogRefused, ProofInvalid) as error:
        is_shut_out = isinstance(error, HubRefused) and error.code == "token"
        said = f"this is as far as the witnessed log was followed here: {error}"
        return Newest(follower.directory(), said, is_shut_out)
    return Newest(read_directory(entries, follower.pin, follower.home.agency).directory)


def parse_terms(reason: str, valid_until: int | None) -> EndTerms:
    """Read the terms of an end as typed. Raises ``KeyChangeRefused``."""
    try:
        named = RevocationReason(reason)
    except ValueError as error:
        raise KeyChangeRefused(f"reason: expected one of {', '.join(RevocationReason)}") from error
    return EndTerms(named, valid_until)
