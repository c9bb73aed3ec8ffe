"""What the holder of a key can say about keys, for tests: revocations and new certificates, signed and posted."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

from adapters.home import certify
from adapters.issued import remember_issued
from keys.custody.keyfile import KeyFile
from keys.jose import Signer
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import Role
from tests.scene import Party, Scene, now

ALGORITHMS = {KeyUse.MEMBER_SIGNING: "Ed25519", KeyUse.MEMBER_HPKE: "HPKE-9-KE", KeyUse.SIGNING: "Ed25519"}
ROLES: dict[str, tuple[Role, ...]] = {
    "chair": (Role.PANEL_CHAIR, Role.PANEL_VOTING),
    "voter": (Role.PANEL_VOTING,),
    "lead": (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER),
}


def root_of(scene: Scene, agency: str) -> PrivateKey:
    """Open an agency's root key: it is offline, and only its administrators have it."""
    said = json.loads((scene.hub.home.parent / "scene.json").read_text())
    return scene[agency].home.root_key(said["environ"][agency])


def revocation(
    party: Party,
    kid: str,
    reason: str = "lost",
    *,
    signer: Signer | None = None,
    agency: str | None = None,
    valid_until: int | None = None,
) -> str:
    """Return a party's word against a key; signed by its signing key unless another is named."""
    token = make_statement(
        StatementType.REVOCATION,
        {"agency": agency or party.home.agency, "key": kid, "valid_until": valid_until, "reason": reason},
        issuer=party.home.agency,
        signer=signer or party.keys.keys[KeyUse.SIGNING.value],
        issued_at=party.clock(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    remember_issued(party.home.folder, [token])
    return token


def post(party: Party, certificates: list[str], revocations: list[str]) -> dict[str, Any]:
    """Bring certificates and revocations to the hub."""
    answer: dict[str, Any] = party.client.post("/v1/keys", {"certificates": certificates, "revocations": revocations})
    return answer


def kids_of(party: Party, label: str) -> list[str]:
    """Return the kids of a person's keys."""
    return [key.public.kid for key in party.member_keys[label].keys.values()]


def revoke_person(party: Party, label: str, reason: str = "lost") -> dict[str, Any]:
    """An officer of the agency revokes both keys of a person, with the agency's signing key alone."""
    return post(party, [], [revocation(party, kid, reason) for kid in kids_of(party, label)])


def fresh_keys(scene: Scene, agency: str, label: str) -> tuple[KeyFile, list[str]]:
    """Make new keys for a person; return them with their certificates."""
    party, root = scene[agency], root_of(scene, agency)
    made = {use: PrivateKey.generate(ALGORITHMS[use]) for use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE)}
    certificates = [
        certify(root, agency, use, key, at=now(), days=90, member=party.people[label], roles=ROLES[label])
        for use, key in made.items()
    ]
    remember_issued(party.home.folder, certificates)
    return KeyFile({use.value: key for use, key in made.items()}, os.urandom(32)), certificates


def later(moment: int = 0) -> Any:
    """Return a clock that is so many hours from now."""
    return lambda: now() + timedelta(hours=moment)
