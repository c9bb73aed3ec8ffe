"""Vote on exactly what was frozen, decide, and verify a decision years later without a hub.

docs/protocol.md section 9. Each voting member signs a vote over the manifest's digest with their own key; the decision
carries the manifest, the chair's statement over it, the votes, and the statements by which everybody who signed was a
member of the case, so it verifies offline.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.cases import CaseRefused, VerifiedMembers, verify_members
from adapters.panel.freezing import (
    QUESTIONS,
    Frozen,
    PanelRefused,
    check_manifest,
    require_standing,
    value_of,
    verify_manifest,
)
from adapters.picture.deliberation import VOTED_FIELD
from adapters.picture.turnout import VOTING_ROLES, Turnout, read_turnout
from adapters.picture.view import CaseView
from adapters.picture.words import count_words, join_words, words_for
from adapters.release.writing import given
from adapters.working_keys import working_key
from keys.canonical import NotCanonical, parse_canonical
from keys.certificates import NotCertified
from keys.custody.interface import Custody
from keys.directory import Directory
from keys.jose import SignatureRefused, UnverifiedJws, statement_digest
from keys.statements import CheckpointRef, Statement, StatementType, make_statement
from keys.uses import KeyUse
from policies.model import Malformed, parse_time
from policies.vocabulary import Category, Role

OUTCOMES = frozenset({"positive", "negative", "adjourn"})
MAX_VOTES = 200
MAX_STATEMENTS = 1_000
"""Memberships, and acceptances, that a decision may carry."""
NOT_VOTED_FIELD = "hub_NotVotedAgency"
"""In a decision: each agency with a voting member on the panel of which no vote was counted."""

VOTE_WARNING_FIELD = "hub_VoteWarning"
"""In a decision: what to know before relying on so many votes, in sentences."""

NO_VOTES = (
    "no vote on the newest frozen manifest was opened. Each voting member votes (nrm-adapter panel vote); their agency "
    "then releases the draft that it prints (nrm-adapter release CASE --purpose panel_review --draft ID) and sends it "
    "(nrm-adapter push). A vote on an earlier manifest does not count for a newer one"
)


@dataclass(frozen=True, slots=True)
class Ballots:
    """The votes that count, one a member (the newest), as (compact JWS, statement); and why others do not."""

    counted: tuple[tuple[str, Statement], ...]
    ignored: tuple[str, ...]


def sign_vote(
    *,
    members: VerifiedMembers,
    agency: str,
    member: str,
    role: Role,
    frozen: Frozen,
    outcome: str,
    keys: Custody,
    at: datetime,
    checkpoint: CheckpointRef | None,
) -> str:
    """Return a member's vote on exactly this manifest, signed with their own key. Raises ``PanelRefused``.

    The member must be in the case in this role, accepted and not ended, and the manifest one of this case.
    """
    case = members.state.membership.case
    if outcome not in OUTCOMES:
        raise PanelRefused(f"outcome: expected one of {', '.join(sorted(OUTCOMES))}")
    if role not in VOTING_ROLES:
        raise PanelRefused(f"only voting members vote; this role is {role.value} ({words_for(role)})")
    if frozen.manifest["case"] != case:
        raise PanelRefused("the frozen manifest is of another case")
    require_standing(members.state_at(at), agency, member, role, at)
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
        signer=working_key(keys.keys, KeyUse.MEMBER_SIGNING),
        issued_at=at,
        statement_id=os.urandom(16).hex(),
        checkpoint=checkpoint,
    )


def collect_votes(view: CaseView, frozen: Frozen, members: VerifiedMembers, directory: Directory) -> Ballots:
    """Return the votes on a manifest. One that does not count stops no other: it is named and left aside."""
    votes: dict[tuple[str, str], tuple[str, Statement]] = {}
    ignored: list[str] = []
    for item in sorted(view.opened, key=lambda item: item.log_index):
        token = item.content.get("vote")
        if item.header.category is not Category.VOTE or not isinstance(token, str):
            continue
        try:
            # A vote stands where the fragment that carries it stands: a key that was revoked later cast it validly.
            statement = verify_vote(token, members, directory.knowing_one(token, item.log_index))
            if statement.issuer != item.header.agency:
                raise PanelRefused("a vote is brought by another agency than its member's")
        except PanelRefused as error:
            ignored.append(str(error))
            continue
        if (statement.members["manifest"], statement.members["question"]) != (frozen.digest, frozen.question):
            continue  # on another meeting's manifest
        voter = (statement.issuer, statement.members["member"])
        # An agency could bring a member's earlier vote once more: what counts is when the member cast it.
        if voter not in votes or votes[voter][1].issued_at <= statement.issued_at:
            votes[voter] = (token, statement)
    return Ballots(tuple(votes.values()), tuple(ignored))


def verify_vote(token: object, members: VerifiedMembers, directory: Directory) -> Statement:
    """Verify a vote. Raises ``PanelRefused``.

    (1) Signed by the key that the member's agency certified when it was cast; (2) in a role that votes and that the
    certificate and the case both give the member; (3) accepted in the case, not ended, and of this case.
    """
    try:
        cast_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
        statement = directory.verify(token, StatementType.VOTE, KeyUse.MEMBER_SIGNING, cast_at)
        said = statement.members
        role = Role(said["role"])
        certificate = directory.require_key(
            statement.kid,
            KeyUse.MEMBER_SIGNING,
            statement.issuer,
            cast_at,
            member=said["member"],
            log_index=directory.position_of(token),
        )
        is_of_lists = said["outcome"] in OUTCOMES and said["question"] in QUESTIONS
    except (SignatureRefused, NotCertified, Malformed) as error:
        raise PanelRefused(f"a vote does not verify: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PanelRefused("a vote does not verify: it is not of the agreed form") from error
    if role not in VOTING_ROLES or role not in certificate.roles:
        raise PanelRefused("a vote is of a role that does not vote, or that the agency did not certify")
    if not is_of_lists:
        raise PanelRefused("a vote names no question or outcome of the agreed lists")
    if said["case"] != members.state.membership.case:
        raise PanelRefused("a vote is of another case")
    require_standing(members.state_at(cast_at), statement.issuer, str(said["member"]), role, cast_at)
    return statement


def tally(votes: Sequence[Statement]) -> Counter[str]:
    """Count outcomes."""
    return Counter(str(vote.members["outcome"]) for vote in votes)


def with_proofs(decision: Mapping[str, Any], frozen: Frozen, members: VerifiedMembers) -> dict[str, Any]:
    """Return a decision's content with what verifying it needs: the chair's statement, and who took part."""
    return {
        **decision,
        "manifest_statement": frozen.statement,
        **{name: [item.token for item in getattr(members, name)] for name in PROOFS},
    }


def turnout_of(votes: Sequence[Statement], members: VerifiedMembers) -> Turnout:
    """Return which agencies of the panel voted and which did not, as the case stood at the newest vote."""
    newest = max(vote.issued_at for vote in votes)
    return read_turnout(members.state.membership, [vote.issuer for vote in votes], newest)


def require_majority(counted: Counter[str]) -> str:
    """Return the outcome with more than half of the votes. Raises ``PanelRefused`` where there is none."""
    if not counted:
        raise PanelRefused(NO_VOTES)
    outcome, most = counted.most_common(1)[0]
    if most * 2 <= counted.total():
        raise PanelRefused(f"{count_votes(counted)}: no outcome has more than half of the votes; the panel votes again")
    return outcome


def count_votes(votes: Mapping[str, int]) -> str:
    """Return votes by outcome in words: ``2 votes positive and 1 vote negative``."""
    return join_words([f"{count_words(count, 'vote')} {outcome}" for outcome, count in sorted(votes.items())])


def with_turnout(decision: Mapping[str, Any], votes: Sequence[Statement], members: VerifiedMembers) -> dict[str, Any]:
    """Return a decision's content that names who voted, who of the panel did not, and what to know of it."""
    turnout = turnout_of(votes, members)
    return {**decision, "fields": {**decision["fields"], **_turnout_fields(turnout, votes)}}


def _turnout_fields(turnout: Turnout, votes: Sequence[Statement]) -> dict[str, Any]:
    said = {
        VOTED_FIELD: sorted(vote.issuer for vote in votes),
        NOT_VOTED_FIELD: turnout.not_voted,
        VOTE_WARNING_FIELD: turnout.warnings,
    }
    return {name: [given(name, item) for item in items] for name, items in said.items() if items}


@dataclass(frozen=True, slots=True)
class VerifiedDecision:
    """A decision that holds: its outcome, the votes for each, who voted, the manifest it rests on."""

    outcome: str
    question: str
    manifest: str
    fragments: int
    votes: Mapping[str, int]
    turnout: Turnout


def verify_decision(content: Mapping[str, Any], directory: Directory) -> VerifiedDecision:
    """Verify a decision offline. Raises ``PanelRefused``.

    (1) Who takes part, by the statements it carries; (2) the manifest, signed by the chair of that case; (3)
    each vote, by a voting member of that case, over this manifest and question, each member once; (4) a majority for
    the outcome. Which votes were cast and not brought, only the case's log tells. The reasons are the chair's words:
    who wrote them is proven by the sealed fragment that carried them, not by this file.
    """
    manifest, tokens, fields = content.get("manifest"), content.get("votes"), content.get("fields")
    if not isinstance(manifest, Mapping) or not isinstance(tokens, list) or not tokens:
        raise PanelRefused("this is not a decision with a manifest and votes")
    if len(tokens) > MAX_VOTES:
        raise PanelRefused(f"a decision has at most {MAX_VOTES} votes, got {len(tokens)}")
    digest, fragments = check_manifest(manifest)
    directory = directory.knowing(claimed_positions(content, directory))
    members = _members_in(content, manifest["case"], directory)
    frozen = verify_manifest(content.get("manifest_statement"), manifest, members, directory)
    votes = [verify_vote(token, members, directory) for token in tokens]
    people = {(vote.issuer, vote.members["member"]) for vote in votes}
    if len(people) != len(votes):
        raise PanelRefused("a member's vote is counted twice")
    if any(vote.members["manifest"] != digest for vote in votes):
        raise PanelRefused("a vote is over another set of fragments than the decision names")
    outcome, question = (value_of(fields, name) for name in ("hub_Outcome", "hub_Question"))
    if any(signed.members["question"] != question for signed in (frozen, *votes)):
        raise PanelRefused("a vote, or the chair's manifest, is on another question than the decision")
    counted = tally(votes)
    if counted[outcome] * 2 <= len(votes):
        raise PanelRefused("the outcome that the decision names has no majority of the votes")
    turnout = turnout_of(votes, members)
    _require_turnout(fields, turnout, votes)
    return VerifiedDecision(outcome, question, digest, fragments, dict(counted), turnout)


def claimed_positions(content: Mapping[str, Any], directory: Directory) -> dict[str, int]:
    """Return where statements say they were made that a replaced key signed and whose place nobody here has proven.

    A decision is verified years later, when keys have been replaced as planned. Only then is the signer's own word for
    the log's size taken; under a key that was lost or compromised, or certified by such a root, it would be whoever
    found the key that speaks.
    """
    ends = ((item.key.kid, directory.revocation_of(item)) for item in directory.certificates)
    replaced = {kid for kid, ended in ends if ended is not None and ended.may_still_read}
    tokens = [content.get("manifest_statement")]
    for name in ("votes", *PROOFS):
        tokens += listed if isinstance(listed := content.get(name), list) else []
    found = {}
    for token in tokens:
        try:
            jws = UnverifiedJws.parse(token)
            size = parse_canonical(jws.payload)["checkpoint"]["size"]
        except (SignatureRefused, NotCanonical, KeyError, TypeError):
            continue  # it is refused where it is read
        if jws.kid in replaced and type(size) is int and directory.position_of(token) is None:
            found[statement_digest(str(token))] = size
    return found


def _require_turnout(fields: object, turnout: Turnout, votes: Sequence[Statement]) -> None:
    """Raise ``PanelRefused`` where a decision names others as having voted, or not, than its votes show.

    A decision that names nobody says nothing wrong; who voted is then read from its votes alone.
    """
    if not isinstance(fields, Mapping) or VOTED_FIELD not in fields:
        return
    expected = _turnout_fields(turnout, votes)
    if any(fields.get(name) != expected.get(name) for name in (VOTED_FIELD, NOT_VOTED_FIELD, VOTE_WARNING_FIELD)):
        raise PanelRefused("the decision names other agencies as having voted, or not, than its votes show")


PROOFS = {
    "membership": "memberships",
    "acceptances": "acceptances",
    "endorsements": "endorsements",
    "departures": "departures",
}
"""The lists of a decision that say who takes part, and what stands in each."""


def _members_in(content: Mapping[str, Any], case: object, directory: Directory) -> VerifiedMembers:
    for name, what in PROOFS.items():
        listed = content.get(name)
        if not isinstance(listed, list) or len(listed) > MAX_STATEMENTS:
            raise PanelRefused(f"a decision carries the case's {what}, as a list of at most {MAX_STATEMENTS:,}")
    try:
        return verify_members(str(case), content, directory)
    except CaseRefused as error:
        raise PanelRefused(f"who was a member of the case does not verify: {error}") from error
