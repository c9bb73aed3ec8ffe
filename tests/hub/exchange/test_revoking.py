"""Revoking at the hub: nothing broken stands in its way, it binds the next request, and a request is all or nothing."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.home import HubPin, certify
from adapters.hub_client import HubRefused
from adapters.key_endings import Ending, EndTerms, sign_ending
from adapters.reading_directory import read_directory
from adapters.store.rows import public_entries
from hub.key_files import take_certificates, take_revocations
from hub.refusal import Refused
from hub.setting_up import verify_hub, write_pin
from keys.ceremony import request_fingerprint
from keys.custody.keyfile import KeyFile
from keys.jose import Signer
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.statements import StatementType, make_statement
from keys.uses import AGENCY_USES, KeyUse
from tests.hub.exchange.test_enrolment import environ_of
from tests.officers import enrol
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now, opened_keys

LOST = EndTerms(RevocationReason.LOST)
SUPERSEDED = EndTerms(RevocationReason.SUPERSEDED)


def word(agency: str, kid: str, signer: Signer, terms: EndTerms = LOST, *, issuer: str = "") -> str:
    """A signed revocation."""
    [token] = sign_ending(Ending(agency, (kid,), terms, ()), issuer=issuer or agency, signer=signer, at=now())
    return token


def root_of(scene: Scene, agency: str) -> PrivateKey:
    """Open an agency's root key, once."""
    path = scene[agency].home.folder / "root.key"
    return opened_keys(path, environ_of(scene, agency)["NRM_ROOT_PASSPHRASE"]).private("root")


def key_of(scene: Scene, agency: str, use: KeyUse = KeyUse.SIGNING) -> PrivateKey:
    """An agency's working key."""
    return scene[agency].keys.private(use.value)


def is_refused(scene: Scene, agency: str) -> bool:
    """Whether the hub takes no request of an agency now."""
    try:
        scene[agency].client.get("/v1/cases")
    except HubRefused as error:
        return error.code == "token"
    return False


def test_a_held_access_token_is_refused_on_the_next_request(embedded: Scene) -> None:
    """Attack 62: by another key, while the revoked one has a token in its hand; well under a second."""
    police = embedded[POLICE]
    assert police.client.get("/v1/cases")["cases"]
    kid = key_of(embedded, POLICE).public.kid
    # Opening a root key takes a good part of a second on purpose, and the hub has no part in it.
    revoked = word(POLICE, kid, root_of(embedded, POLICE))
    began = time.monotonic()
    embedded[CARE].client.post("/v1/keys", {"revocations": [revoked]})
    assert is_refused(embedded, POLICE)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("use", sorted(AGENCY_USES))
def test_every_key_is_revoked_by_signing_key_and_by_root(embedded: Scene, use: KeyUse) -> None:
    """Brought by anybody; a repeat changes nothing and gives the same position."""
    kid = key_of(embedded, POLICE, use).public.kid
    by_root = word(POLICE, kid, root_of(embedded, POLICE))
    by_agency = word(POLICE, kid, key_of(embedded, POLICE))
    answer = embedded[CHARITY].client.post("/v1/keys", {"revocations": [by_agency]})
    assert answer["status"] == "accepted"
    again = embedded[CHARITY].client.post("/v1/keys", {"revocations": [by_agency]})
    assert (again["status"], again["receipts"][0]["index"]) == ("repeated", answer["receipts"][0]["index"])
    by_both = embedded[CHARITY].client.post("/v1/keys", {"revocations": [by_root]})
    assert by_both["status"] == "repeated"
    assert embedded.log_types().count("revocation") == 1


def test_without_witnesses_and_without_a_quorum_it_counts(embedded: Scene) -> None:
    """Attack 25: nobody cosigns, the witnessed head is hours old, its recipient is out of the case."""
    later = now() + timedelta(hours=9)
    embedded.embed(clock=lambda: later)
    member = embedded[POLICE].people["chair"]
    before = embedded.log_types()
    for use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE):
        kid = embedded[POLICE].member_keys["chair"].keys[use.value].public.kid
        embedded[POLICE].client.post("/v1/keys", {"revocations": [word(POLICE, kid, key_of(embedded, POLICE))]})
    assert embedded.log_types() == [*before, "revocation", "revocation"]
    with pytest.raises(HubRefused) as refusal:
        embedded[POLICE].pull(embedded.main, "chair")
    assert (refusal.value.status, refusal.value.code) == (403, "key_revoked")
    body = json.loads(embedded.sql("SELECT body FROM log_entry ORDER BY position DESC LIMIT 1")[0][0])
    assert (body["type"], body["code"], body["member"]) == ("denied", "key_revoked", member)


def test_somebody_out_of_the_case_and_expired_is_revoked_all_the_same(embedded: Scene) -> None:
    """Attack 25 crossed: the certificate has run out, and no case lists them."""
    constable = embedded[POLICE].member_keys["constable"].keys[KeyUse.MEMBER_HPKE.value].public.kid
    later = now() + timedelta(days=900)
    embedded.embed(clock=lambda: later)
    token = word(POLICE, constable, key_of(embedded, POLICE))
    assert embedded[POLICE].client.post("/v1/keys", {"revocations": [token]})["status"] == "accepted"


def test_a_request_is_all_or_nothing(embedded: Scene) -> None:
    """One bad revocation, or one bad certificate, and nothing of the request stands."""
    own, root = key_of(embedded, POLICE), root_of(embedded, POLICE)
    intake, new = key_of(embedded, POLICE, KeyUse.INTAKE).public.kid, PrivateKey.generate("HPKE-9-KE")
    certificate = certify(root, POLICE, KeyUse.INTAKE, new, at=now(), days=9)
    good = word(POLICE, intake, root, SUPERSEDED)
    stranger = PrivateKey.generate("Ed25519")
    bad = {
        "another agency's key": word(CARE, key_of(embedded, CARE).public.kid, own, issuer=POLICE),
        "nobody's key": word(POLICE, stranger.public.kid, own),
        "a stranger's word": word(POLICE, intake, stranger),
        "a position to come": word(POLICE, intake, root, EndTerms(RevocationReason.LOST, 10**6)),
        "no statement": "x.y.z",
    }
    before = embedded.log_types()
    for what, token in bad.items():
        payload = {"certificates": [certificate], "revocations": [good, token]}
        with pytest.raises(HubRefused) as refusal:
            embedded[POLICE].client.post("/v1/keys", payload)
        assert refusal.value.status in (400, 422), what
        assert embedded.log_types() == before, what
    foreign = certify(root_of(embedded, CARE), POLICE, KeyUse.INTAKE, new, at=now(), days=9)
    with pytest.raises(HubRefused):
        embedded[POLICE].client.post("/v1/keys", {"certificates": [foreign], "revocations": [good]})
    assert embedded.log_types() == before
    done = embedded[POLICE].client.post("/v1/keys", {"certificates": [certificate], "revocations": [good]})
    assert done["status"] == "accepted"
    assert verify_hub(embedded.hub.config, embedded.hub.passphrase).ok


def test_of_rotations_at_the_same_moment_one_wins(embedded: Scene) -> None:
    """Attack 27: six at once, one certificate and one revocation stand; the others are told and leave nothing."""
    root, old = root_of(embedded, POLICE), key_of(embedded, POLICE, KeyUse.INTAKE).public.kid
    embedded[POLICE].client.get("/v1/cases")
    payloads = [
        {
            "certificates": [certify(root, POLICE, KeyUse.INTAKE, PrivateKey.generate("HPKE-9-KE"), at=now(), days=9)],
            "revocations": [word(POLICE, old, root, SUPERSEDED)],
        }
        for _ in range(6)
    ]
    before, said = embedded.log_types(), []

    def rotate(payload: dict[str, list[str]]) -> None:
        try:
            said.append(embedded[POLICE].client.post("/v1/keys", payload)["status"])
        except HubRefused as error:
            said.append(error.code)

    threads = [threading.Thread(target=rotate, args=(payload,)) for payload in payloads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["accepted", *["key_revoked"] * 5]
    assert embedded.log_types() == [*before, "certificate", "revocation"]


def test_a_repeated_rotation_stays_the_same_act_when_the_old_key_was_ended_more_strictly_since(
    embedded: Scene,
) -> None:
    """Its answer was lost; meanwhile somebody said that the old key is compromised. The new key is not thrown away."""
    root, old = root_of(embedded, POLICE), key_of(embedded, POLICE, KeyUse.INTAKE).public.kid
    new = PrivateKey.generate("HPKE-9-KE")
    payload = {
        "certificates": [certify(root, POLICE, KeyUse.INTAKE, new, at=now(), days=9)],
        "revocations": [word(POLICE, old, root, SUPERSEDED)],
    }
    first = embedded[POLICE].client.post("/v1/keys", payload)
    stricter = word(POLICE, old, root, EndTerms(RevocationReason.COMPROMISED, 1))
    assert embedded[POLICE].client.post("/v1/keys", {"revocations": [stricter]})["status"] == "accepted"
    again = embedded[POLICE].client.post("/v1/keys", payload)
    assert again["status"] == "repeated"
    assert [item["index"] for item in again["receipts"]] == [item["index"] for item in first["receipts"]]


# --- files, without the hub's keys ---


def write(path: Path, **members: object) -> Path:
    """A file of keys."""
    path.write_text(json.dumps({"agency": POLICE, "certificates": [], "revocations": [], **members}))
    return path


def test_a_file_counts_for_whoever_brings_it(embedded: Scene, tmp_path: Path) -> None:
    """The running hub refuses the key's next request, without a restart."""
    assert not is_refused(embedded, POLICE)
    token = word(POLICE, key_of(embedded, POLICE).public.kid, root_of(embedded, POLICE))
    path = write(tmp_path / "stolen.json", revocations=[token])
    [position] = take_revocations(embedded.hub.config, path)
    assert embedded.log_types()[position] == "revocation"
    assert is_refused(embedded, POLICE)
    assert take_revocations(embedded.hub.config, path) == [position]
    by_itself = word(CARE, key_of(embedded, CARE).public.kid, key_of(embedded, CARE))
    path = write(tmp_path / "own.json", agency=CARE, revocations=[by_itself])
    assert take_revocations(embedded.hub.config, path) == take_revocations(embedded.hub.config, path)


def test_a_wrong_file_is_refused_whole(embedded: Scene, tmp_path: Path) -> None:
    """Each in plain words, and nothing of it stands."""
    path, before = tmp_path / "wrong.json", embedded.log_types()
    for text in ("", "{", "[]", "[" * 100_000, json.dumps({"agency": "X", "certificates": [], "revocations": []})):
        path.write_text(text)
        with pytest.raises(Refused):
            take_revocations(embedded.hub.config, path)
    for wrong in ({"revocations": [1]}, {"revocations": "x"}, {"certificates": ["x.y.z"]}, {"more": 1}, {}):
        with pytest.raises(Refused):
            take_revocations(embedded.hub.config, write(path, **wrong))
    with pytest.raises(Refused, match="is not enrolled"):
        take_certificates(embedded.hub.config, write(path, agency="fern-nobody", certificates=["x.y.z"]))
    path.write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(Refused, match="more than 4,194,304 bytes"):
        take_revocations(embedded.hub.config, path)
    with pytest.raises(Refused, match="cannot be read"):
        take_revocations(embedded.hub.config, tmp_path / "none.json")
    assert embedded.log_types() == before


# --- enrol again ---


def request_with(scene: Scene, agency: str, root: PrivateKey, keys: KeyFile, path: Path, **changed: str) -> str:
    """Write an enrolment request for working keys that an agency has; return its fingerprint."""
    home = scene[agency].home
    members = {"agency": agency, "kind": home.kind.value, "name": home.name, "root": dict(root.public.jwk), **changed}
    request = {
        "agency": make_statement(
            StatementType.AGENCY,
            members,
            issuer=agency,
            signer=root,
            issued_at=now(),
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        ),
        "certificates": [certify(root, agency, use, keys.keys[use.value], at=now(), days=9) for use in AGENCY_USES],
    }
    path.write_text(json.dumps(request))
    return request_fingerprint(request)


def test_an_agency_whose_root_was_revoked_enrols_again(embedded: Scene, tmp_path: Path) -> None:
    """Its old acts are verified by the old root, its new ones by the new; the pin has both."""
    config, keys, root = embedded.hub.config, embedded[HEALTH].keys, PrivateKey.generate("Ed25519")
    path = tmp_path / "again.json"
    said = request_with(embedded, HEALTH, root, keys, path)
    with pytest.raises(Refused, match="once its old root is revoked"):
        enrol(config, path, said)
    old = root_of(embedded, HEALTH)
    embedded[HEALTH].client.post("/v1/keys", {"revocations": [word(HEALTH, old.public.kid, old)]})
    assert is_refused(embedded, HEALTH)
    for wrong in (old, root_of(embedded, CARE)):
        said = request_with(embedded, HEALTH, wrong, keys, path)
        with pytest.raises(Refused) as refusal:
            enrol(config, path, said)
        assert refusal.value.code == "already_enrolled"
    said = request_with(embedded, HEALTH, root, keys, path, kind="charity")
    with pytest.raises(Refused, match="is listed as charity, before as health"):
        enrol(config, path, said)
    said = request_with(embedded, HEALTH, root, keys, path)
    assert enrol(config, path, said).root.kid == root.public.kid
    assert not is_refused(embedded, HEALTH)
    assert verify_hub(config, embedded.hub.passphrase).ok
    # Everybody pins anew: both roots, the older first.
    pin_path = tmp_path / "pin.json"
    write_pin(config, embedded.hub.passphrase, pin_path)
    pin = HubPin.from_json(json.loads(pin_path.read_text()))
    assert len(pin.roots_of(HEALTH)) == 2
    assert len(pin.roots_of(POLICE)) == 1
    for party in embedded.parties.values():
        party.witness()
    for name in (POLICE, HEALTH):
        embedded[name].sync()
        with embedded[name].store.write() as session:
            entries = public_entries(session)
        reading = read_directory(entries, pin, name)
        assert reading.faults == ()
        assert reading.directory.get_agency(HEALTH).root.kid == root.public.kid
        newest = reading.directory.newest_key(KeyUse.SIGNING, HEALTH, now())
        assert (newest.key.kid, newest.statement.kid) == (keys.keys["signing"].public.kid, root.public.kid)
    assert any("enrolled again with another root than the pinned one" in text for _, text in embedded.alarms(POLICE))
    with pytest.raises(Refused, match="is enrolled already"):
        enrol(config, path, said)


def test_the_old_root_certifies_nothing_any_more(embedded: Scene, tmp_path: Path) -> None:
    """Attack 32: whoever has it gets no key in, by any way."""
    old = root_of(embedded, POLICE)
    embedded[CARE].client.post("/v1/keys", {"revocations": [word(POLICE, old.public.kid, old)]})
    token = certify(old, POLICE, KeyUse.SIGNING, PrivateKey.generate("Ed25519"), at=now(), days=9)
    path, before = write(tmp_path / "thief.json", certificates=[token]), embedded.log_types()
    with pytest.raises(Refused, match="the root of fern-police is revoked; it enrols again first"):
        take_certificates(embedded.hub.config, path)
    assert embedded.log_types() == before
