"""Granting again after all reading keys were replaced: what an adapter does by itself, against bare primitives."""

from __future__ import annotations

import os
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from adapters.home import certify
from adapters.release.regranting import Regranter
from adapters.store.rows import own_fragments
from bench.federation import Adapter, Federation, make_drafts, take_lines
from bench.material import CERTIFICATE_DAYS, Person, new_id, now
from bench.measuring import Bench, Result
from bench.primitives import SealingShape
from bench.scale import Scale
from bench.sharing import DISCLOSURE_BYTES, ROUNDS_DIVISOR, TERMS
from keys.envelopes import IV_BYTES, SealedFragment
from keys.private import PrivateKey
from keys.sealing import KEY_BYTES
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.bundles import load_bundle


def measure_regranting(bench: Bench, scale: Scale, fed: Federation) -> list[Result]:
    """All that was granted in a case, again: channels to new keys, decisions of today, disclosures, one transaction."""
    originator = fed.originator
    count = max(1, bench.rounds // ROUNDS_DIVISOR) + 1
    cases = []
    with bench.step("cases for regrant.rotation", count) as advance:
        for _ in range(count):
            cases.append(fed.open_case())
            advance()
    fed.witness()
    lines = [_share(originator, case, scale) for case in cases]
    renewed = _replace_keys(fed)
    fed.witness()
    sealed = SealedFragment.parse(lines[0]["jwe"], lines[0]["jws"])
    shape = SealingShape.of(sealed, originator.agency.keys[KeyUse.SIGNING], renewed)
    bare = _Primitives(shape, scale)
    regranter, waiting = Regranter(originator.store, originator.book, load_bundle()), iter(cases)
    expected = (scale.fragments * scale.recipients, scale.recipients)

    def regrant() -> None:
        done = regranter.regrant(next(waiting))
        if (done.grants, done.disclosures) != expected:
            raise RuntimeError(
                f"expected {expected[0]} grants in {expected[1]} disclosures, got {done.grants} in {done.disclosures}"
            )

    return bench.compare(
        ("regrant.rotation.primitives",),
        regrant,
        (bare.regrant,),
        clock=time.perf_counter,
        divide_rounds_by=ROUNDS_DIVISOR,
    )


def _share(originator: Adapter, case: str, scale: Scale) -> dict[str, str]:
    """Release a case's fragments to everybody as if the hub had taken them; return one fragment's line."""
    originator.releaser.release(case, make_drafts(originator, case, scale.fragments, scale.content_bytes), TERMS)
    lines = take_lines(originator, case)
    with originator.store.write() as session:
        for row in own_fragments(session, case):
            row.is_accepted = True
    found: dict[str, str] = next(line for line in lines if line["type"] == "fragment")
    return found


def _replace_keys(fed: Federation) -> list[PrivateKey]:
    """Have every person's reading key replaced as planned; return the new ones."""
    made = []
    for adapter in fed.adapters.values():
        certificates, revocations = [], []
        for person in adapter.agency.people:
            key = PrivateKey.generate("HPKE-9-KE")
            certificates.append(_certificate(adapter, person, key))
            revocations.append(_revocation(adapter, person))
            made.append(key)
        if certificates:
            adapter.client.post("/v1/keys", {"certificates": certificates, "revocations": revocations})
    return made


def _certificate(adapter: Adapter, person: Person, key: PrivateKey) -> str:
    return certify(
        adapter.agency.root,
        person.agency,
        KeyUse.MEMBER_HPKE,
        key,
        at=now(),
        days=CERTIFICATE_DAYS,
        member=person.member,
        roles=person.roles,
    )


def _revocation(adapter: Adapter, person: Person) -> str:
    return make_statement(
        StatementType.REVOCATION,
        {"agency": person.agency, "key": person.hpke.public.kid, "valid_until": None, "reason": "superseded"},
        issuer=person.agency,
        signer=adapter.agency.keys[KeyUse.SIGNING],
        issued_at=now(),
        statement_id=new_id(),
        checkpoint=None,
    )


class _Primitives:
    """The bare cost: a content key opened for each fragment, wrapped for each reader; channels and signatures."""

    def __init__(self, shape: SealingShape, scale: Scale) -> None:
        """Seal as many content keys as there are fragments, as an adapter keeps them."""
        self._shape, self._scale = shape, scale
        self._storage, self._iv = AESGCM(os.urandom(KEY_BYTES)), os.urandom(IV_BYTES)
        self._kept = [self._storage.encrypt(self._iv, os.urandom(KEY_BYTES), None) for _ in range(scale.fragments)]

    def regrant(self) -> None:
        """Encapsulate to each new key, open each kept content key, wrap it for each, sign each disclosure."""
        wrapping_keys = self._shape.make_channels()
        for sealed in self._kept:
            key = self._storage.decrypt(self._iv, sealed, None)
            for wrapping_key in wrapping_keys:
                aes_key_wrap(wrapping_key, key)
        self._shape.disclose(self._scale.recipients, DISCLOSURE_BYTES, self._scale.fragments)
