"""Freeze what a panel reads, vote on exactly that, decide, and verify a decision years later without a hub.

docs/protocol.md section 9. The chair freezes a manifest and shares it with the meeting; each voting member signs a vote
over its digest with their own key; the decision carries manifest and votes, so it verifies offline.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.picture.receiving import Opened
from adapters.picture.view import CaseView, OpenedFragment
from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.custody.keyfile import KeyFile
from keys.directory import Directory, KeyUse, NotCertified
from keys.jose import SignatureRefused, UnverifiedJws
from keys.statements import CheckpointRef, Statement, StatementType, make_statement
from policies.model import Malformed, parse_time, require_members
from policies.vocabulary import Category, Role

QUESTIONS = frozenset({"rg", "cg", "rg_and_cg"})
OUTCOMES = frozenset({"positive", "negative", "adjourn"})
MAX_VOTES = 200
VOTING_ROLES = frozenset({Role.PANEL_VOTING, Role.PANEL_CHAIR})


class PanelRefused(Exception):
    """A vote or decision cannot be made or does not hold. The text says what, expected and got; no content."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A manifest that a chair shared with a meeting."""

    manifest: Mapping[str, Any]
    digest: str
    question: str
    meeting: str
    """Fragment id of the meeting."""


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest by which votes and decisions name a manifest."""
    return hashlib.sha256(canonical_bytes(dict(manifest))).hexdigest()


def with_manifest(meeting: Mapping[str, Any], opened: Opened) -> dict[str, Any]:
    """Return a meeting's content with the frozen manifest of what the chair has opened."""
    return {**meeting, "manifest": parse_canonical(opened.manifest)}


def find_frozen(view: CaseView) -> Frozen:
    """Return the newest frozen manifest that this reader was given. Raises ``PanelRefused``."""
    meetings = [
        item
        for item in view.opened
        if item.header.category is Category.MEETING and isinstance(item.content.get("manifest"), Mapping)
    ]
    if not meetings:
        raise PanelRefused("no meeting with a frozen manifest was opened; the chair freezes one first")
    newest = max(meetings, key=lambda item: item.log_index)
    manifest = newest.content["manifest"]
    question = _field(newest, "hub_Question")
    digest, _ = _checked_manifest(manifest)
    if manifest["case"] != view.case.membership.case or question not in QUESTIONS:
        raise PanelRefused("the frozen manifest is of another case, or the meeting names no question")
    return Frozen(manifest, digest, question, newest.header.fragment)


def _field(fragment: OpenedFragment, name: str) -> str:
    return _value_of(fragment.content.get("fields"), name)


def compare_with_view(frozen: Frozen, view: CaseView) -> tuple[int, list[str]]:
    """Return how many fragments of a manifest this reader has opened, and the ids of those they have not.

    Raises ``PanelRefused`` where a fragment they opened stands in the manifest with another digest: two people would
    vote on different things under one name (attack 88).
    """
    ours = {item.header.fragment: item.digest for item in view.opened}
    absent = []
    for item in frozen.manifest["fragments"]:
        digest = ours.get(item["fragment"])
        if digest is None:
            absent.append(str(item["fragment"]))
        elif digest != item["sha256"]:
            raise PanelRefused(f"fragment {item['fragment'][:8]} in the manifest is not the one opened here")
    return len(frozen.manifest["fragments"]) - len(absent), absent


def sign_vote(
    *,
    case: str,
    agency: str,
    member: str,
    role: Role,
    frozen: Frozen,
    outcome: str,
    keys: KeyFile,
    at: datetime,
    checkpoint: CheckpointRef | None,
) -> str:
    """Return a member's vote on exactly this manifest, signed with their own key. Raises ``PanelRefused``."""
    if outcome not in OUTCOMES:
        raise PanelRefused(f"outcome: expected one of {sorted(OUTCOMES)}")
    if role not in VOTING_ROLES:
        raise PanelRefused(f"only voting members vote; this role is {role.value}")
    return make_statement(
        StatementType.VOTE,
        {
            "case": case,
            "member": member,
            "manifest": frozen.digest,
            "question": frozen.question,
            "outcome": outcome,
            "role": role.value,
        },
        issuer=agency,
        signer=keys.keys[KeyUse.MEMBER_SIGNING.value],
        issued_at=at,
        statement_id=os.urandom(16).hex(),
        checkpoint=checkpoint,
    )


def collect_votes(view: CaseView, frozen: Frozen, directory: Directory) -> list[tuple[str, Statement]]:
    """Return the valid votes on a manifest, one a member (the newest), as (compact JWS, statement)."""
    votes: dict[tuple[str, str], tuple[str, Statement]] = {}
    fragments = sorted(view.opened, key=lambda item: item.log_index)
    for item in fragments:
        token = item.content.get("vote")
        if item.header.category is not Category.VOTE or not isinstance(token, str):
            continue
        statement = verify_vote(token, directory)
        if statement.issuer == item.header.agency and statement.members["manifest"] == frozen.digest:
            votes[(statement.issuer, statement.members["member"])] = (token, statement)
    return list(votes.values())


def verify_vote(token: object, directory: Directory) -> Statement:
    """Verify a vote by the key that the member's agency certified when it was cast. Raises ``PanelRefused``."""
    try:
        cast_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        statement = directory.verify(token, StatementType.VOTE, KeyUse.MEMBER_SIGNING, cast_at)
        role = Role(statement.members["role"])
        certificate = directory.require_key(
            statement.kid, KeyUse.MEMBER_SIGNING, statement.issuer, cast_at, member=statement.members["member"]
        )
        is_of_lists = statement.members["outcome"] in OUTCOMES and statement.members["question"] in QUESTIONS
    except (SignatureRefused, NotCertified, Malformed) as error:
        raise PanelRefused(f"a vote does not verify: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PanelRefused("a vote does not verify: it is not of the agreed form") from error
    if role not in VOTING_ROLES or role not in certificate.roles:
        raise PanelRefused("a vote is of a role that does not vote, or that the agency did not certify")
    if not is_of_lists:
        raise PanelRefused("a vote names no question or outcome of the agreed lists")
    return statement


def tally(votes: Sequence[Statement]) -> Counter[str]:
    """Count outcomes."""
    return Counter(str(vote.members["outcome"]) for vote in votes)


@dataclass(frozen=True, slots=True)
class VerifiedDecision:
    """A decision that holds: its outcome, the votes for each, the manifest it rests on."""

    outcome: str
    question: str
    manifest: str
    fragments: int
    votes: Mapping[str, int]


def verify_decision(content: Mapping[str, Any], directory: Directory) -> VerifiedDecision:
    """Verify a decision offline: each vote by its member's key, over the manifest it carries, with a majority.

    Raises ``PanelRefused``. Whether the fragments still exist is another question: the manifest names them by digest.
    The votes sign question, outcome and set of fragments. The reasons are the chair's words: who wrote them is proven
    by the sealed fragment that carried them, not by this file.
    """
    manifest, tokens, fields = content.get("manifest"), content.get("votes"), content.get("fields")
    if not isinstance(manifest, Mapping) or not isinstance(tokens, list) or not tokens:
        raise PanelRefused("this is not a decision with a manifest and votes")
    if len(tokens) > MAX_VOTES:
        raise PanelRefused(f"a decision has at most {MAX_VOTES} votes, got {len(tokens)}")
    digest, fragments = _checked_manifest(manifest)
    votes = [verify_vote(token, directory) for token in tokens]
    people = {(vote.issuer, vote.members["member"]) for vote in votes}
    if len(people) != len(votes):
        raise PanelRefused("a member's vote is counted twice")
    if any(vote.members["manifest"] != digest or vote.members["case"] != manifest["case"] for vote in votes):
        raise PanelRefused("a vote is over another set of fragments than the decision names")
    outcome, question = (_value_of(fields, name) for name in ("hub_Outcome", "hub_Question"))
    counted = tally(votes)
    if any(vote.members["question"] != question for vote in votes):
        raise PanelRefused("a vote answers another question than the decision")
    if counted[outcome] * 2 <= len(votes):
        raise PanelRefused("the outcome that the decision names has no majority of the votes")
    return VerifiedDecision(outcome, question, digest, fragments, dict(counted))


def _checked_manifest(manifest: Mapping[str, Any]) -> tuple[str, int]:
    """Return a manifest's digest and its number of fragments. Raises ``PanelRefused`` where it is not one."""
    try:
        got = require_members(manifest, ("case", "checkpoint", "fragments"), "manifest")
        listed = [require_members(item, ("fragment", "sha256", "version"), "manifest") for item in got["fragments"]]
        return manifest_digest(manifest), len(listed)
    except (Malformed, NotCanonical, TypeError) as error:
        raise PanelRefused("the decision's manifest is not of the agreed form") from error


def _value_of(fields: object, name: str) -> str:
    field = fields.get(name) if isinstance(fields, Mapping) else None
    return str(field.get("value", "")) if isinstance(field, Mapping) else ""
