"""Freeze what a panel reads: a manifest that the chair signs, found again and compared by everybody who votes.

docs/protocol.md section 9. Only the chair of the case freezes: an accepted member in the role ``panel_chair``, with
their own key. Any other manifest in a meeting counts for nothing and is said.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.cases import VerifiedMembers
from adapters.picture.receiving import Opened
from adapters.picture.view import CaseView, OpenedFragment
from adapters.picture.words import words_for
from adapters.working_keys import working_key
from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.certificates import NotCertified
from keys.custody.interface import Custody
from keys.directory import Directory
from keys.jose import SignatureRefused, UnverifiedJws
from keys.statements import CheckpointRef, Statement, StatementType, make_statement
from keys.uses import KeyUse
from policies.model import CaseState, Malformed, parse_time, require_digest, require_members
from policies.vocabulary import Category, Role

QUESTIONS = frozenset({"rg", "cg", "rg_and_cg"})
NOTHING_FROZEN = (
    "no meeting with a frozen manifest was opened; the chair freezes one first (nrm-adapter panel freeze). Where that "
    "is done, the chair's agency has still to release the draft that it printed (nrm-adapter release CASE --purpose "
    "panel_review --draft ID) and to send it (nrm-adapter push); then vote"
)
OF_THE_PANEL_ITSELF = frozenset({Category.MEETING, Category.VOTE, Category.DECISION})


class PanelRefused(Exception):
    """A vote or decision cannot be made or does not hold. The text says what, expected and got; no content."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """A manifest that the chair of a case shared with a meeting.

    ``statement`` is the chair's signature over it, ``meeting`` the fragment that brought it. ``older`` counts the
    chair's earlier manifests, ``ignored`` those that no chair of the case signed.
    """

    manifest: Mapping[str, Any]
    digest: str
    question: str
    meeting: str
    statement: str
    older: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A manifest beside what one reader opened: how many of it they read, which not, and what it leaves out."""

    read: int
    absent: tuple[str, ...]
    left_out: tuple[str, ...]


def require_standing(state: CaseState, agency: str, member: str, role: Role, at: datetime) -> None:
    """Raise ``PanelRefused`` unless somebody is an accepted member of the case in this role at this time."""
    listed = state.membership.find_member(agency, member)
    if listed is None or (agency, member) not in state.accepted:
        raise PanelRefused(f"a person of {agency} is not a member of this case whom their agency has accepted")
    if at >= listed.until:
        raise PanelRefused(f"the membership of a person of {agency} had ended by then")
    if role not in listed.roles:
        raise PanelRefused(f"the case does not list a person of {agency} in the role {role.value} ({words_for(role)})")


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the digest by which votes and decisions name a manifest."""
    return hashlib.sha256(canonical_bytes(dict(manifest))).hexdigest()


def sign_manifest(
    opened: Opened,
    question: str,
    *,
    members: VerifiedMembers,
    agency: str,
    member: str,
    keys: Custody,
    at: datetime,
    checkpoint: CheckpointRef | None,
) -> str:
    """Return the chair's statement that exactly this was frozen, for this question. Raises ``PanelRefused``."""
    if question not in QUESTIONS:
        raise PanelRefused(f"question: expected one of {', '.join(sorted(QUESTIONS))}")
    require_standing(members.state_at(at), agency, member, Role.PANEL_CHAIR, at)
    return make_statement(
        StatementType.MANIFEST,
        {
            "case": members.state.membership.case,
            "member": member,
            "manifest": hashlib.sha256(opened.manifest).hexdigest(),
            "membership": members.state.membership_digest,
            "question": question,
        },
        issuer=agency,
        signer=working_key(keys.keys, KeyUse.MEMBER_SIGNING),
        issued_at=at,
        statement_id=os.urandom(16).hex(),
        checkpoint=checkpoint,
    )


def with_manifest(meeting: Mapping[str, Any], opened: Opened, statement: str) -> dict[str, Any]:
    """Return a meeting's content with the frozen manifest of what the chair has opened, and their signature over it."""
    return {**meeting, "manifest": parse_canonical(opened.manifest), "manifest_statement": statement}


def verify_manifest(token: object, manifest: object, members: VerifiedMembers, directory: Directory) -> Statement:
    """Verify the chair's statement over a manifest of this case. Raises ``PanelRefused``.

    (1) Signed by the key that the chair's agency certified when it was made; (2) the chair is one, in the case as these
    statements make it and by that certificate; (3) over this manifest; (4) made under a membership of this chain.
    """
    digest, _ = check_manifest(manifest)
    try:
        made_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        statement = directory.verify(token, StatementType.MANIFEST, KeyUse.MEMBER_SIGNING, made_at)
        said = statement.members
        certificate = directory.require_key(
            statement.kid,
            KeyUse.MEMBER_SIGNING,
            statement.issuer,
            made_at,
            member=said["member"],
            log_index=directory.position_of(token),
        )
        known = {item.digest for item in members.membership}
        is_known = require_digest(said["membership"], "membership") in known
    except (SignatureRefused, NotCertified, Malformed) as error:
        raise PanelRefused(f"a manifest is not signed by a chair: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PanelRefused("a manifest is not signed by a chair: its statement is not of the agreed form") from error
    if Role.PANEL_CHAIR not in certificate.roles:
        raise PanelRefused("a manifest is signed by somebody whom their agency did not certify as chair")
    require_standing(members.state_at(made_at), statement.issuer, str(said["member"]), Role.PANEL_CHAIR, made_at)
    if (said["case"], said["manifest"]) != (members.state.membership.case, digest):
        raise PanelRefused("the chair's statement is over another manifest or of another case")
    if not isinstance(said["question"], str) or said["question"] not in QUESTIONS:
        raise PanelRefused("the chair's statement names no question of the agreed list")
    if not is_known:
        raise PanelRefused("the chair's statement was made under a membership that is not in the chain given")
    return statement


def find_frozen(view: CaseView, members: VerifiedMembers, directory: Directory) -> Frozen:
    """Return the chair's newest frozen manifest that this reader was given. Raises ``PanelRefused``.

    A meeting counts only where it came from the agency of the chair who signed its manifest.
    """
    found: list[Frozen] = []
    reasons: list[str] = []
    for item in sorted(view.opened, key=lambda item: item.log_index):
        if item.header.category is Category.MEETING and item.content.get("manifest") is not None:
            try:
                found.append(_frozen_in(item, members, directory))
            except PanelRefused as error:
                reasons.append(str(error))
    if not found:
        why = f"; {len(reasons)} that no chair signed are ignored: {reasons[-1]}" if reasons else ""
        raise PanelRefused(f"{NOTHING_FROZEN}{why}")
    newest = found[-1]
    return Frozen(
        newest.manifest,
        newest.digest,
        newest.question,
        newest.meeting,
        newest.statement,
        older=len(found) - 1,
        ignored=len(reasons),
    )


def _frozen_in(meeting: OpenedFragment, members: VerifiedMembers, directory: Directory) -> Frozen:
    manifest, token = meeting.content["manifest"], meeting.content.get("manifest_statement")
    statement = verify_manifest(token, manifest, members, directory.knowing_one(token, meeting.log_index))
    if statement.issuer != meeting.header.agency:
        raise PanelRefused("a manifest is brought by another agency than its chair's")
    digest, _ = check_manifest(manifest)
    question = value_of(meeting.content.get("fields"), "hub_Question")
    if manifest["case"] != members.state.membership.case or question != statement.members["question"]:
        raise PanelRefused("the frozen manifest is of another case, or its meeting asks another question")
    return Frozen(manifest, digest, question, meeting.header.fragment, str(token))


def compare_with_view(frozen: Frozen, view: CaseView) -> Comparison:
    """Compare a manifest with what this reader has opened.

    Raises ``PanelRefused`` where a fragment they opened stands in the manifest with another digest: two people would
    vote on different things under one name (attack 88). Left out is what they opened and the manifest does not have,
    besides the panel's own meetings, votes and decisions.
    """
    ours = {str(item.header.fragment): item for item in view.opened}
    listed = {str(item["fragment"]): item["sha256"] for item in frozen.manifest["fragments"]}
    for fragment, digest in listed.items():
        if fragment in ours and ours[fragment].digest != digest:
            raise PanelRefused(f"fragment {fragment[:8]} in the manifest is not the one opened here")
    absent = tuple(fragment for fragment in listed if fragment not in ours)
    left_out = tuple(
        fragment
        for fragment, item in ours.items()
        if fragment not in listed and item.header.category not in OF_THE_PANEL_ITSELF
    )
    return Comparison(len(listed) - len(absent), absent, left_out)


def check_manifest(manifest: object) -> tuple[str, int]:
    """Return a manifest's digest and its number of fragments. Raises ``PanelRefused`` where it is not one."""
    try:
        got = require_members(manifest, ("case", "checkpoint", "fragments"), "manifest")
        listed = [require_members(item, ("fragment", "sha256", "version"), "manifest") for item in got["fragments"]]
        return manifest_digest(got), len(listed)
    except (Malformed, NotCanonical, TypeError) as error:
        raise PanelRefused("the manifest is not of the agreed form") from error


def value_of(fields: object, name: str) -> str:
    """Return the value of one field of a content, or nothing where there is none."""
    field = fields.get(name) if isinstance(fields, Mapping) else None
    return str(field.get("value", "")) if isinstance(field, Mapping) else ""
