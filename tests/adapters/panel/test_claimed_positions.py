"""Where a decision's own statements say they were made: taken for keys replaced as planned, and for no others.

A directory of one invented agency, its signing key and one voter's key; no hub and no log.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.home import certify
from adapters.panel.deciding import PROOFS, claimed_positions
from keys.certificates import NotCertified, verify_agency, verify_certificate
from keys.directory import Directory
from keys.jose import statement_digest
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.statements import CheckpointRef, StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import Role

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
AGENCY, MEMBER, CASE = "fern-health", "1" * 32, "c" * 32
REPLACED_AT = 40
"""Log position of the revocation."""
ROOT, SIGNING, VOTER = (PrivateKey.generate("Ed25519") for _ in range(3))
VOTE = {
    "case": CASE,
    "member": MEMBER,
    "manifest": "0" * 64,
    "question": "rg",
    "outcome": "positive",
    "role": Role.PANEL_VOTING.value,
}


def said(
    kind: StatementType, members: dict[str, Any], signer: PrivateKey, size: int | None = None, number: int = 0
) -> str:
    """A statement made when its signer had seen a log of ``size`` entries."""
    return make_statement(
        kind,
        members,
        issuer=AGENCY,
        signer=signer,
        issued_at=AT,
        statement_id=f"{number:032x}",
        checkpoint=None if size is None else CheckpointRef(size, "0" * 64),
    )


def vote(size: int | None, number: int = 0) -> str:
    return said(StatementType.VOTE, VOTE, VOTER, size, number)


def departure(size: int | None) -> str:
    return said(StatementType.DEPARTURE, {"case": CASE, "membership": "0" * 64, "members": None}, SIGNING, size)


def directory(reason: RevocationReason | None, *, of_root: RevocationReason | None = None) -> Directory:
    """The agency's directory after both keys ended for this reason; None: neither did."""
    members = {"agency": AGENCY, "kind": "health", "name": "Fern health (invented)", "root": dict(ROOT.public.jwk)}
    record = verify_agency(said(StatementType.AGENCY, members, ROOT), 1)
    tokens = [
        certify(ROOT, AGENCY, KeyUse.SIGNING, SIGNING, at=AT, days=90),
        certify(ROOT, AGENCY, KeyUse.MEMBER_SIGNING, VOTER, at=AT, days=90, member=MEMBER, roles=(Role.PANEL_VOTING,)),
    ]
    made = Directory([record], [verify_certificate(token, record, 2 + at) for at, token in enumerate(tokens)])
    ended = {} if reason is None else {SIGNING: reason, VOTER: reason}
    for at, (key, why) in enumerate({**ended, **({} if of_root is None else {ROOT: of_root})}.items()):
        word = {"agency": AGENCY, "key": key.public.kid, "valid_until": None, "reason": why.value}
        token = said(StatementType.REVOCATION, word, ROOT)
        made.add_revocation(made.verify_revocation(token, REPLACED_AT + at))
    return made


REPLACED = directory(RevocationReason.SUPERSEDED)


def counts(content: dict[str, Any], token: str, known: Directory = REPLACED) -> bool:
    """Whether a vote verifies with what the decision claims."""
    known = known.knowing(claimed_positions(content, known))
    try:
        known.verify(token, StatementType.VOTE, KeyUse.MEMBER_SIGNING, AT + timedelta(minutes=1))
    except NotCertified:
        return False
    return True


def test_a_vote_under_a_key_that_was_replaced_says_when_it_was_cast() -> None:
    token = vote(17)
    assert claimed_positions({"votes": [token]}, REPLACED) == {statement_digest(token): 17}
    assert counts({"votes": [token]}, token)


def test_without_the_claim_it_would_not_count() -> None:
    """The control, and the case of a vote that names no checkpoint: nothing says that it was cast in time."""
    assert not counts({}, vote(17))
    silent = vote(None)
    assert claimed_positions({"votes": [silent]}, REPLACED) == {}
    assert not counts({"votes": [silent]}, silent)


@pytest.mark.parametrize("size", [REPLACED_AT + 1, REPLACED_AT + 2, 10**9])
def test_a_claim_from_after_the_key_was_replaced_is_against_the_vote(size: int) -> None:
    token = vote(size)
    assert not counts({"votes": [token]}, token)


@pytest.mark.parametrize("reason", [item for item in RevocationReason if item is not RevocationReason.SUPERSEDED])
def test_whoever_found_a_key_is_not_asked_when(reason: RevocationReason) -> None:
    """Lost, compromised, left: the claim would be the finder's own."""
    known, token = directory(reason), vote(17)
    assert claimed_positions({"votes": [token]}, known) == {}
    assert not counts({"votes": [token]}, token, known)


def test_a_replaced_key_under_a_root_that_was_taken_is_not_asked() -> None:
    known, token = directory(RevocationReason.SUPERSEDED, of_root=RevocationReason.COMPROMISED), vote(17)
    assert claimed_positions({"votes": [token]}, known) == {}


def test_a_key_that_is_valid_needs_no_claim() -> None:
    known, token = directory(None), vote(17)
    assert claimed_positions({"votes": [token]}, known) == {}
    assert counts({"votes": [token]}, token, known)


def test_what_is_proven_is_not_claimed_anew() -> None:
    """An own-made claim of an earlier place against the place that the log has: the log's stands."""
    token = vote(3)
    proven = REPLACED.knowing_one(token, REPLACED_AT + 5)
    assert claimed_positions({"votes": [token]}, proven) == {}
    assert not counts({"votes": [token]}, token, proven)
    assert counts({"votes": [token]}, token, REPLACED.knowing_one(token, 30))


def test_the_file_around_the_statements_claims_nothing() -> None:
    """Whoever hands the decision on adds where a vote was logged: only what its signer signed is read."""
    token = vote(None)
    told = {"positions": {statement_digest(token): 3}, "log_index": 3, "checkpoint": {"size": 3, "root": "0" * 64}}
    assert claimed_positions({"votes": [token], **told}, REPLACED) == {}
    assert claimed_positions({"votes": [{"token": token, "log_index": 3}]}, REPLACED) == {}


def test_the_order_of_votes_says_nothing() -> None:
    """Each has its own place, whichever comes first, and one place may be that of several."""
    tokens = {vote(size, number): size for number, size in enumerate((31, 4, 17, 4))}
    expected = {statement_digest(token): size for token, size in tokens.items()}
    assert len(expected) == 4
    for listed in (list(tokens), list(reversed(tokens))):
        assert claimed_positions({"votes": listed}, REPLACED) == expected


def test_one_vote_twice_is_one_claim() -> None:
    token = vote(17)
    assert claimed_positions({"votes": [token, token], "manifest_statement": token}, REPLACED) == {
        statement_digest(token): 17
    }


@pytest.mark.parametrize("name", ["votes", *PROOFS])
def test_every_list_of_a_decision_is_read(name: str) -> None:
    """A departure under a signing key that was replaced since is believed as an acceptance is."""
    token = departure(17)
    assert claimed_positions({name: [token]}, REPLACED) == {statement_digest(token): 17}
    assert claimed_positions({"manifest_statement": token}, REPLACED) == {statement_digest(token): 17}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"votes": None, "membership": "all"},
        {"votes": {}, "manifest_statement": []},
        {"votes": [None, 7, "", "a.b.c", "é", [], {}]},
        {"votes": [vote(17)[:-2]], "departures": [vote(17).replace(".", "..")]},
    ],
)
def test_what_is_missing_or_no_statement_claims_nothing(content: dict[str, Any]) -> None:
    """It is refused where it is read; here it is passed over."""
    assert all(size == 17 for size in claimed_positions(content, REPLACED).values())
    assert not counts(content, vote(17))


def test_a_key_of_nobody_claims_nothing() -> None:
    token = said(StatementType.VOTE, VOTE, PrivateKey.generate("Ed25519"), 17)
    assert claimed_positions({"votes": [token]}, REPLACED) == {}
