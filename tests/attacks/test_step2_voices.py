"""Attack 32 against whose word ends a root: agencies that a hub's operator invents, with the keys of two officers."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from adapters.home import certify
from adapters.reading_directory import read_directory
from adapters.store.rows import public_entries
from keys.canonical import canonical_bytes
from keys.ceremony import EnrolmentClaim
from keys.certificates import verify_agency
from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from tests.attacks.key_acts import root_of
from tests.officers import FIRST, SECOND
from tests.scene import HEALTH, POLICE, Scene, now


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def invented(scene: Scene, first: int, victim: str) -> list[tuple[int, str]]:
    """Entries of four agencies that two officers enrolled and nobody pinned, each with a word against a root."""
    origin, entries = scene[HEALTH].home.pin().origin, []
    for number in range(4):
        name = f"invented-{number}"
        root, signer = PrivateKey.generate("Ed25519"), PrivateKey.generate("Ed25519")
        said: dict[str, object] = {"agency": name, "kind": "charity", "name": name, "root": dict(root.public.jwk)}
        agency = stated(StatementType.AGENCY, said, name, root)
        claim = EnrolmentClaim.of(origin, verify_agency(agency), "0" * 64)
        officers = [claim.sign(item.id, item.signer, now()) for item in (FIRST, SECOND)]
        word = {"agency": POLICE, "key": victim, "valid_until": None, "reason": "compromised"}
        entries += [
            {"type": "agency", "statement": agency, "request": "0" * 64, "officers": officers},
            {"type": "certificate", "statement": certify(root, name, KeyUse.SIGNING, signer, at=now(), days=90)},
            {"type": "revocation", "statement": stated(StatementType.REVOCATION, word, name, signer)},
        ]
    at = {"at": "2026-01-31T12:00:00.123Z"}
    return [(first + index, canonical_bytes({**entry, **at}).decode()) for index, entry in enumerate(entries)]


def stated(kind: StatementType, members: dict[str, object], issuer: str, signer: PrivateKey) -> str:
    return make_statement(
        kind, members, issuer=issuer, signer=signer, issued_at=now(), statement_id=os.urandom(16).hex(), checkpoint=None
    )


def test_attack_32_agencies_that_nobody_pinned_end_no_root(scene: Scene) -> None:
    """A hub's operator with the keys of two officers enrols as many as it takes: readers hear none, and name them."""
    health, police = scene[HEALTH], scene[POLICE]
    with health.store.write() as session:
        entries = public_entries(session)
    root, kid = root_of(scene, POLICE).public.kid, police.keys.keys[KeyUse.SIGNING.value].public.kid
    planted = invented(scene, entries[-1][0] + 1, root)
    found = read_directory([*entries, *planted], health.home.pin(), HEALTH)
    assert found.directory.require_key(kid, KeyUse.SIGNING, POLICE, now(), log_index=20)
    assert found.directory.newest_key(KeyUse.SIGNING, POLICE, now()).key.kid == kid
    assert found.directory.revocations == ()
    # Of eight agencies four others are needed now: those who are pinned are not enough by themselves.
    assert found.directory.root_quorum(POLICE) == 4
    for number in range(4):
        assert sum(f"agency that is not in your pin, invented-{number}, says" in item for item in found.faults) == 1
        assert sum(f"not in your pin: invented-{number}." in item for item in found.faults) == 1
    assert len(found.faults) == 8
    # With the four of them in the pin the same words end it, from the last that was needed on.
    pinned = {f"invented-{number}": print_of(planted, number) for number in range(4)}
    pin = replace(health.home.pin(), roots={**health.home.pin().roots, **pinned})
    heard = read_directory([*entries, *planted], pin, HEALTH)
    assert heard.faults == ()
    assert [item.valid_until for item in heard.directory.revocations] == [planted[-1][0]]


def print_of(entries: list[tuple[int, str]], number: int) -> str:
    """The fingerprint of an invented agency's root, as a pin has it."""
    return normalise_fingerprint(fingerprint(verify_agency(json.loads(entries[number * 3][1])["statement"]).root))
