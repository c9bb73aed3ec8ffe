"""Change people's keys in a scene: certified by their agency's root, the old ones revoked in the same request."""

from __future__ import annotations

import json
import os

from adapters.home import certify
from adapters.issued import remember_issued
from keys.custody.keyfile import KeyFile, read_key_file
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import Role
from tests.scene import PEOPLE, Party, Scene

HPKE = KeyUse.MEMBER_HPKE.value


def root_key(scene: Scene, agency: str) -> PrivateKey:
    """Return an agency's root key, opened once a process."""
    folder = scene[agency].home.folder
    key = (str(scene.hub.home), agency)
    if key not in _ROOTS:
        said = json.loads((folder.parent / "scene.json").read_text())
        contents = read_key_file(folder / "root.key", said["environ"][agency]["NRM_ROOT_PASSPHRASE"])
        _ROOTS[key] = contents.private("root")
    return _ROOTS[key]


_ROOTS: dict[tuple[str, str], PrivateKey] = {}


def revocation(party: Party, kid: str, reason: str) -> str:
    """Return the agency's word that a key of its own, or of a person of its own, counts no more."""
    return make_statement(
        StatementType.REVOCATION,
        {"agency": party.home.agency, "key": kid, "valid_until": None, "reason": reason},
        issuer=party.home.agency,
        signer=party.keys.keys[KeyUse.SIGNING.value],
        issued_at=party.clock(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def change_keys(party: Party, certificates: list[str], revocations: list[str]) -> None:
    """Publish a change of keys."""
    remember_issued(party.home.folder, [*certificates, *revocations])
    party.client.post("/v1/keys", {"certificates": certificates, "revocations": revocations})


def rekey_reading(scene: Scene, agency: str, label: str, reason: str = "superseded") -> None:
    """Give a person a new key to read with. A superseded one stays in their custody, any other is gone."""
    party = scene[agency]
    held, new = party.member_keys[label], PrivateKey.generate("HPKE-9-KE")
    old = held.private(HPKE)
    roles: tuple[Role, ...] = PEOPLE[agency][label]
    certificate = certify(
        root_key(scene, agency),
        agency,
        KeyUse.MEMBER_HPKE,
        new,
        at=party.clock(),
        days=30,
        member=party.people[label],
        roles=roles,
    )
    change_keys(party, [certificate], [revocation(party, old.public.kid, reason)])
    kept = {f"{HPKE}@{len(held.keys)}": old} if reason == "superseded" else {}
    party.member_keys[label] = KeyFile({**held.keys, HPKE: new, **kept}, held.storage)
    scene.witness()


def certify_roles(scene: Scene, agency: str, label: str, *roles: Role) -> None:
    """Have a person's keys certified for other roles; the keys stay."""
    party = scene[agency]
    certificates = [
        certify(
            root_key(scene, agency),
            agency,
            use,
            party.member_keys[label].private(use.value),
            at=party.clock(),
            days=30,
            member=party.people[label],
            roles=roles,
        )
        for use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE)
    ]
    change_keys(party, certificates, [])
    scene.witness()


def rekey_intake(scene: Scene, agency: str, reason: str = "lost") -> None:
    """Give an agency a new intake key."""
    party = scene[agency]
    use, new = KeyUse.INTAKE, PrivateKey.generate("HPKE-9-KE")
    certificate = certify(root_key(scene, agency), agency, use, new, at=party.clock(), days=30)
    old = party.keys.private(use.value)
    change_keys(party, [certificate], [revocation(party, old.public.kid, reason)])
    party.keys = KeyFile({**party.keys.keys, use.value: new}, party.keys.storage)
    scene.witness()
