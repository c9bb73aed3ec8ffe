"""The invented keys, ids and times that the example vectors are made of. Everything is derived from fixed text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from keys.private import PrivateKey
from keys.statements import CheckpointRef, StatementType, make_statement
from policies.model import (
    AgencyId,
    Basis,
    CaseId,
    CaseState,
    Enabled,
    FragmentId,
    Handling,
    Header,
    MemberId,
    Membership,
    Recipient,
    facts_for,
)
from policies.vocabulary import (
    Article6,
    Category,
    Condition,
    Gateway,
    HandlingCode,
    HandlingInstruction,
    Purpose,
    Stage,
)

LABEL = "nrm-hub example vectors 1: "
ISSUED_AT = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
VALID = {"not_before": "2026-01-01T00:00:00Z", "not_after": "2028-01-01T00:00:00Z"}
CHECKPOINT = CheckpointRef(7, hashlib.sha256((LABEL + "checkpoint").encode()).hexdigest())
KEY_ALGORITHMS = {
    "police root": "Ed25519",
    "police signing": "Ed25519",
    "police intake": "HPKE-9-KE",
    "police archive": "HPKE-9-KE",
    "police witness": "Ed25519",
    "police witness-pq": "ML-DSA-44",
    "council root": "Ed25519",
    "council signing": "Ed25519",
    "council member-signing": "Ed25519",
    "council member-hpke": "HPKE-9-KE",
    "health signing": "ES256",
    "charity signing": "ES384",
    "officer one": "Ed25519",
    "officer two": "Ed25519",
    "officer three": "Ed25519",
}


def stream(label: str) -> Callable[[int], bytes]:
    """Return a source of bytes that gives the same bytes every time: for ``randomness`` arguments, here only."""
    calls = 0

    def read(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{LABEL}{label} {calls}".encode()).digest(count)

    return read


def id_of(label: str) -> str:
    """Return a fixed 128-bit id."""
    return hashlib.sha256(f"{LABEL}id {label}".encode()).hexdigest()[:32]


def digest_of(label: str) -> str:
    """Return a fixed digest, standing for something that has no vector here."""
    return hashlib.sha256(f"{LABEL}digest {label}".encode()).hexdigest()


def key_of(name: str) -> PrivateKey:
    """Return the private key of that name."""
    alg = KEY_ALGORITHMS[name]
    return PrivateKey(alg, stream(f"key {name}")(48 if alg == "ES384" else 32))


CASE, OTHER_CASE = id_of("case"), id_of("other case")
MEMBER, CHANNEL = id_of("council member"), id_of("channel")


def statement(kind: StatementType, members: dict[str, Any], key: str, label: str = "") -> str:
    """Sign a statement of the story; the issuer is the key's agency."""
    return make_statement(
        kind,
        members,
        issuer="example-" + key.split()[0],
        signer=key_of(key),
        issued_at=ISSUED_AT,
        statement_id=id_of(f"statement {kind.value} {label}"),
        checkpoint=CHECKPOINT,
    )


def header(label: str, *, case: str = CASE, version: int = 1, supersedes: str | None = None) -> Header:
    """Return the header of a fragment of the police; the commitment is filled in on sealing."""
    return Header(
        fragment=FragmentId(id_of(f"fragment {label}")),
        case=CaseId(case),
        agency=AgencyId("example-police"),
        category=Category.MISSING_EPISODE,
        handling=Handling(HandlingCode.C, (HandlingInstruction.NOT_TO_FAMILY, HandlingInstruction.RECIPIENTS_ONLY)),
        version=version,
        supersedes=None if supersedes is None else FragmentId(supersedes),
        sealed_at=ISSUED_AT,
        commitment="0" * 64,
    )


def content(summary: str) -> dict[str, Any]:
    """Return a small content of an invented record, with letters outside ASCII."""
    return {
        "kind": "missing_episode",
        "summary": summary,
        "fields": {"hub_MissingFrom": {"locator": "/row/2", "state": "given", "value": "2026-01-28"}},
        "source": {
            "system": "invented",
            "format": "example",
            "format_version": "1",
            "file_sha256": digest_of("source file"),
            "locator": "row 2",
            "reader": "vectors/1",
        },
        "restricted": False,
        "findings": [],
        "observed": {"from": "2026-01-28", "to": "2026-01-29"},
    }


CONTENTS = {
    "first": content("Reported missing from Łąka House; returned next day, said “a friend” drove."),
    "second version": content("As before; the car’s keeper is now known. " + "Détail. " * 120),
    "other case": content("Another case altogether."),
}


def membership_members() -> dict[str, Any]:
    """Return the members of the case's first membership statement."""
    return {
        "case": CASE,
        "sequence": 0,
        "previous": None,
        "lead": "example-council",
        "age_path": "child",
        "age_source": "stated",
        "case_stage": "before_referral",
        "agencies": [
            {"agency": "example-council", "kind": "social_care"},
            {"agency": "example-police", "kind": "police"},
        ],
        "members": [
            {
                "agency": "example-council",
                "member": MEMBER,
                "roles": ["practitioner"],
                "until": "2026-12-31T00:00:00Z",
            }
        ],
    }


BASIS = Basis(
    purpose=Purpose.SAFEGUARDING,
    gateway=Gateway.CA1989_S47,
    article6=Article6.A6_E,
    condition=Condition.A9_G_SCH1_P18,
    consent=None,
    originator_release=True,
    expires_at=None,
)


def push_facts(membership_digest: str) -> dict[str, Any]:
    """Return the facts at stage ``push`` of the first fragment for the council's member."""
    case = CaseState(
        membership=Membership.from_json(membership_members()),
        membership_digest=membership_digest,
        accepted=frozenset({("example-council", MEMBER)}),
    )
    recipient = Recipient(AgencyId("example-council"), MemberId(MEMBER))
    enabled = Enabled(frozenset({Gateway.CA1989_S47}), frozenset({BASIS.article6}), frozenset({BASIS.condition}))
    return facts_for(header("first"), recipient, BASIS, case, stage=Stage.PUSH, at=ISSUED_AT, enabled=enabled).to_json()
