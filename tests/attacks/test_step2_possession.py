"""A key that an agency certified and does not have: what somebody else signs with it, and what is sealed to it.

Certificates carry no proof of possession. What is signed names its agency and its person, and a key is one holder's for
good: that is enough for nobody's words to become another's. What is left is shown as well: the first to certify a key
that its owner has not certified yet makes the owner take another.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters.home import certify
from adapters.hub_client import HubRefused
from adapters.issued import remember_issued
from hub.exchange.acts import record_public
from hub.ledger.report import FaultCode
from hub.setting_up import verify_hub
from keys.canonical import canonical_bytes
from keys.certificates import NotCertified
from keys.envelopes import FRAGMENT_TYP, SealedChannel, SealedFragment
from keys.jose import SignatureRefused, Signer, b64u, b64u_decode, sign_compact
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import Role
from tests.attacks.key_acts import post, root_of
from tests.hub.api.test_push_refused import is_refused, make_lines
from tests.hub.api.test_push_refused import send as push
from tests.scene import CARE, HEALTH, POLICE, REVIEW, Scene, now

LEAD = (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)
NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def certified(
    scene: Scene, agency: str, use: KeyUse, key: Signer, *, member: str | None = None, roles: tuple[Role, ...] = ()
) -> str:
    """A certificate that an agency's own root signs, of any public key."""
    token = certify(root_of(scene, agency), agency, use, key, at=now(), days=90, member=member, roles=roles)
    remember_issued(scene[agency].home.folder, [token])
    return token


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(HubRefused) as found:
        act()
    return found.value.code


def refusal(scene: Scene, issuer: str, signer: Signer, **changed: Any) -> str:
    """An act of a case in one agency's name."""
    members: Mapping[str, Any] = {
        "case": scene.main,
        "recipient_agency": None,
        "category": "concern",
        "request": None,
        "code": "not_relevant",
        "reviewer": scene[POLICE].people["chair"],
        "detail": None,
    }
    return make_statement(
        StatementType.REFUSAL,
        {**members, **changed},
        issuer=issuer,
        signer=signer,
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def send(scene: Scene, agency: str, token: str) -> Any:
    return scene[agency].client.post("/v1/statements", {"statement": token})


def in_the_name_of(token: str, issuer: str) -> str:
    """The same signature under another issuer."""
    header, payload, signature = token.split(".")
    said = b64u_decode(payload).replace(f'"issuer":"{POLICE}"'.encode(), f'"issuer":"{issuer}"'.encode())
    assert b64u(said) != payload
    return f"{header}.{b64u(said)}.{signature}"


def pulled(scene: Scene, agency: str, label: str) -> set[str]:
    """To which keys the channels of a person's pull are."""
    party, case = scene[agency], scene.main
    token = make_statement(
        StatementType.PULL,
        {"case": case, "member": party.people[label], "purpose": REVIEW.value},
        issuer=agency,
        signer=party.member_keys[label].keys[KeyUse.MEMBER_SIGNING.value],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    answer = party.client.post_for_lines(f"/v1/cases/{case}/pull", {"statement": token}, party.signed_in(label))
    lines = [json.loads(line) for line in answer.splitlines()]
    return {SealedChannel.parse(line["jwe"]).recipient for line in lines if line["type"] == "channel"}


# --- a key that its owner has certified: nobody else can ---


def test_another_agencys_key_is_certified_by_nobody_else(scene: Scene) -> None:
    """The hub refuses it. Where the hub writes it all the same, readers ignore it with an alarm; its check names it."""
    lead = scene[CARE].people["lead"]
    tokens = [
        certified(scene, CARE, use, scene[POLICE].keys.keys[use.value])
        for use in (KeyUse.SIGNING, KeyUse.INTAKE, KeyUse.ARCHIVE, KeyUse.WITNESS, KeyUse.WITNESS_PQ)
    ]
    tokens += [
        certified(scene, CARE, use, scene[POLICE].member_keys["chair"].keys[use.value], member=lead, roles=LEAD)
        for use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE)
    ]
    tokens += [certified(scene, CARE, KeyUse.SIGNING, root_of(scene, POLICE))]
    assert [code_of(lambda token=token: post(scene[CARE], [token], [])) for token in tokens] == ["key_taken"] * 8
    before = scene[HEALTH].follower.directory()
    assert scene.database is not None
    with scene.database.write() as session:
        written = [record_public(session, "certificate", {"statement": token}, now()).index for token in tokens]
    scene.witness()
    after = scene[HEALTH].follower.directory()
    assert after.certificates == before.certificates
    assert len(after.ignored) == 8
    assert [text for _, text in scene.alarms(HEALTH) if f"{CARE} certifies a key that is somebody else's" in text]
    report = verify_hub(scene.hub.config, scene.hub.passphrase).log
    named = {fault.index: fault.message for fault in report.faults if fault.code is FaultCode.NOT_AUTHORISED}
    assert sorted(index for index in named if index is not None) == written
    assert all(text.startswith(f"entry {index} (certificate): {CARE}: ") for index, text in named.items())


# --- a key that its owner has not certified yet ---


def test_what_another_signs_with_a_key_does_not_become_its_certifiers_word(scene: Scene) -> None:
    """Care certifies the key that the police are about to use. The police's words under it are nobody's."""
    key = PrivateKey.generate("Ed25519")
    post(scene[CARE], [certified(scene, CARE, KeyUse.SIGNING, key)], [])
    scene.witness()
    token = refusal(scene, POLICE, key)
    for agency in (POLICE, CARE):
        assert code_of(lambda agency=agency: send(scene, agency, token)) in {"signature", "not_certified", "issuer"}
    replayed = in_the_name_of(token, CARE)
    assert code_of(lambda: send(scene, CARE, replayed)) == "signature"
    directory = scene[HEALTH].follower.directory()
    with pytest.raises(NotCertified):
        directory.verify(token, StatementType.REFUSAL, KeyUse.SIGNING, now())
    with pytest.raises(SignatureRefused):
        directory.verify(replayed, StatementType.REFUSAL, KeyUse.SIGNING, now())
    # The control: care's own word under a key of care's goes through.
    own = refusal(scene, CARE, scene[CARE].keys.keys["signing"], reviewer=scene[CARE].people["lead"])
    assert send(scene, CARE, own)


def test_a_fragment_under_such_a_key_is_its_sealers(scene: Scene) -> None:
    """A fragment's payload names no agency: its header does, and the signature is over the header."""
    key = PrivateKey.generate("Ed25519")
    post(scene[CARE], [certified(scene, CARE, KeyUse.SIGNING, key)], [])
    scene.witness()
    lines = make_lines(scene[POLICE], scene.main)
    line = next(item for item in lines if item["type"] == "fragment")
    sealed = SealedFragment.parse(line["jwe"], line["jws"])
    taken = {**line, "jws": sign_compact(canonical_bytes({"sha256": sealed.digest}), FRAGMENT_TYP, key)}
    is_refused(push(scene[CARE], scene.main, taken)[0], "issuer", 403)
    is_refused(push(scene[POLICE], scene.main, taken)[0], "signature", 422)
    # The control: under the police's own key it is taken, with the channel and all.
    assert {item["status"] for item in push(scene[POLICE], scene.main, *lines)} == {"accepted"}


def test_its_owner_takes_another_key(scene: Scene) -> None:
    """What is left of it: the key is refused to its owner, who makes another one, and the log says who was first."""
    taken, other = PrivateKey.generate("Ed25519"), PrivateKey.generate("Ed25519")
    post(scene[CARE], [certified(scene, CARE, KeyUse.SIGNING, taken)], [])
    assert code_of(lambda: post(scene[POLICE], [certified(scene, POLICE, KeyUse.SIGNING, taken)], [])) == "key_taken"
    post(scene[POLICE], [certified(scene, POLICE, KeyUse.SIGNING, other)], [])
    scene.witness()
    directory = scene[HEALTH].follower.directory()
    assert directory.holder_of(taken.public.kid) == (CARE, None)
    assert directory.holder_of(other.public.kid) == (POLICE, None)


def test_what_is_sealed_to_such_a_key_opens_for_nobody(scene: Scene) -> None:
    """Care certifies, as its lead's, the key that health's voter is about to use. Neither gains a word by it.

    Care cannot open what it is then given; health's voter could, and the hub gives them nothing that is care's.
    """
    key = PrivateKey.generate("HPKE-9-KE")
    lead, voter = scene[CARE].people["lead"], scene[HEALTH].people["voter"]
    post(scene[CARE], [certified(scene, CARE, KeyUse.MEMBER_HPKE, key, member=lead, roles=LEAD)], [])
    claimed = certified(scene, HEALTH, KeyUse.MEMBER_HPKE, key, member=voter, roles=(Role.PANEL_VOTING,))
    assert code_of(lambda: post(scene[HEALTH], [claimed], [])) == "key_taken"
    scene.witness()
    assert scene[POLICE].share(scene.main, NOTE).refused == 0
    scene.witness()
    reached = scene.sql("SELECT recipient_agency, recipient_member FROM channel WHERE recipient = ?", key.public.kid)
    assert reached == [(CARE, lead)]
    opened = {
        name: scene[name].pull(scene.main, label).view.opened for name, label in ((CARE, "lead"), (HEALTH, "voter"))
    }
    texts = {name: [item.content["summary"] for item in items] for name, items in opened.items()}
    assert NOTE["summary"] not in texts[CARE]
    assert NOTE["summary"] in texts[HEALTH]
    assert pulled(scene, HEALTH, "voter")
    assert key.public.kid not in pulled(scene, HEALTH, "voter")
    assert key.public.kid in pulled(scene, CARE, "lead")
