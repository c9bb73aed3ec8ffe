"""The witnesses change one at a time, by the quorum of the set before, and no adapter believes anything less."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from adapters.following import Follower, LogRefused
from adapters.home import certify
from adapters.hub_client import HubRefused
from adapters.issued import remember_issued
from adapters.reading_directory import read_directory
from adapters.store.rows import public_entries
from adapters.store.tables import PublicEntryRow, SettingRow
from hub.exchange.acts import record_public
from hub.ledger import ledger
from keys.cosigning import cosign
from keys.custody.keyfile import KeyFile
from keys.jose import Signer
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.transparency import QuorumMissing, WitnessSet, require_quorum, verify_checkpoint
from keys.uses import KeyUse
from keys.witness_changes import WitnessChange, certified_witness, with_witness, without_witness
from tests.adapters.hands import Hands
from tests.adapters.test_key_changes import file_of, hands, reopen, settle
from tests.attacks.hostile import lie
from tests.hub.exchange.test_revoking import root_of, word
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

WITNESSES = ("witness", "witness-pq")
OTHERS = (CARE, HEALTH, CHARITY)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A federation of four witnesses, of which three make a quorum."""
    settle(embedded)
    return embedded


def certify_new(scene: Scene, agency: str) -> None:
    """New witness keys in custody, the old ones kept under a number, and their certificates in the log."""
    party = scene[agency]
    new = {KeyUse.WITNESS: PrivateKey.generate("Ed25519"), KeyUse.WITNESS_PQ: PrivateKey.generate("ML-DSA-44")}
    root = root_of(scene, agency)
    tokens = [certify(root, agency, use, key, at=now(), days=365) for use, key in new.items()]
    remember_issued(party.home.folder, tokens)
    party.client.post("/v1/keys", {"certificates": tokens})
    kept = {f"{use.value}@1": party.keys.keys[use.value] for use in new}
    fresh = {use.value: key for use, key in new.items()}
    party.keys = KeyFile({**party.keys.keys, **kept, **fresh}, party.keys.storage)
    settle(scene)


def changed(scene: Scene, agency: str, reader: str = CARE) -> WitnessChange:
    """The change to an agency's newest certified keys, as a reader sees it."""
    follower = scene[reader].follower
    witness = certified_witness(follower.pin.origin, agency, follower.directory(), now())
    return WitnessChange.between(follower.witnesses, with_witness(follower.witnesses, witness))


def approval(scene: Scene, agency: str, members: dict[str, Any], *, signer: Signer | None = None) -> str:
    """One agency's word for a change."""
    return make_statement(
        StatementType.WITNESS_CHANGE,
        members,
        issuer=agency,
        signer=signer or scene[agency].keys.keys[KeyUse.SIGNING.value],
        issued_at=now(),
        statement_id="ab" * 16,
        checkpoint=None,
    )


def bring(scene: Scene, agency: str, change: WitnessChange, **different: Any) -> dict[str, Any]:
    """Bring an agency's approval to the hub."""
    payload = {"statement": approval(scene, agency, change.members()), "witnesses": change.new.to_json(), **different}
    answer: dict[str, Any] = scene[agency].client.post("/v1/witness-changes", payload)
    return answer


def carry(scene: Scene, change: WitnessChange, *agencies: str) -> dict[str, Any]:
    """Let agencies approve one after the other; return the last answer."""
    return [bring(scene, agency, change) for agency in agencies][-1]


def write_set(scene: Scene, new: WitnessSet, approvals: list[str]) -> None:
    """What only a hub that lies does: write a set on its own."""
    assert scene.database is not None
    with scene.database.write() as session:
        receipt = record_public(session, "witnesses", {**new.to_json(), "approvals": approvals}, now())
        ledger.set_witnesses(session, new, receipt.index)


def refused(act: Callable[[], object]) -> str:
    """The code of the hub's refusal."""
    with pytest.raises(HubRefused) as found:
        act()
    return found.value.code


def fresh_reader(scene: Scene, agency: str) -> Follower:
    """An adapter that has followed nothing yet, with the pin of the beginning."""
    party = scene[agency]
    scene.use(scene.transport, agency)
    with party.store.write() as session:
        for kind in (PublicEntryRow, SettingRow):
            session.query(kind).delete()
    return party.follower


# --- a change ---


def test_one_witness_is_replaced_and_every_reader_follows(scene: Scene) -> None:
    """The quorum is never lost: a head gets one with each approval, and after the change at once."""
    pinned = scene[CARE].follower.witnesses
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    for number, agency in enumerate((POLICE, CARE, HEALTH), start=1):
        answer = bring(scene, agency, change)
        assert answer["missing"] == 3 - number
        before = scene[CHARITY].follower.sync().checkpoint.size
        settle(scene)
        assert scene[CHARITY].follower.sync().checkpoint.size >= before
    assert answer["index"] is not None
    for party in scene.parties.values():
        assert party.follower.witnesses == change.new
        assert party.home.pin().witnesses == pinned.to_json()
    assert [text for name in scene.parties for _, text in scene.alarms(name)] == []
    # Whoever begins now, with the pin of before, comes to the same set.
    reader = fresh_reader(scene, CHARITY)
    reader.sync()
    assert reader.witnesses == change.new
    assert bring(scene, CARE, change)["index"] == answer["index"]
    assert scene[CARE].client.get("/v1/witness-changes") == {"approvals": []}


def test_without_the_fourth_witness_the_replaced_one_signs_with_its_new_keys(scene: Scene) -> None:
    """Two unchanged and the new keys: the replaced witness has no proof of the new set yet, and signs all the same."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    carry(scene, change, POLICE, CARE, HEALTH)
    size = scene.sql("SELECT count(*) FROM log_entry")[0][0]
    for agency in (CARE, HEALTH, POLICE):
        scene[agency].witness()
    note = scene[CHARITY].client.get_bytes("/log/checkpoint/witnessed").decode()
    assert require_quorum(note, scene[CHARITY].follower.log_key, change.new).checkpoint.size == size
    # The quorum of before has not seen it; a reader of before finds the change in the entries below.
    with pytest.raises(QuorumMissing):
        require_quorum(note, scene[CHARITY].follower.log_key, change.old)
    assert scene[CHARITY].follower.sync().checkpoint.size == size
    assert scene[CHARITY].follower.witnesses == change.new
    assert scene.alarms(CHARITY) == []


def test_a_revoked_key_is_replaced_and_counts_no_more(scene: Scene) -> None:
    """Its cosignature is refused by the hub, and of a note it counts for nobody."""
    old_keys = dict(scene[POLICE].keys.keys)
    certify_new(scene, POLICE)
    kid = old_keys["witness-pq"].public.kid
    scene[CARE].client.post("/v1/keys", {"revocations": [word(POLICE, kid, root_of(scene, POLICE))]})
    settle(scene)
    assert any(code == "witness" for code, _ in scene.alarms(CARE))
    change = changed(scene, POLICE)
    carry(scene, change, CARE, HEALTH, CHARITY)
    settle(scene)
    # A head above the change, so that there is something to sign.
    scene[CARE].client.post("/v1/keys", {"certificates": [fresh_certificate(scene)]})
    stolen = {use: old_keys[use] for use in WITNESSES}
    assert refused(lambda: scene[POLICE].follower.witness_once(stolen)) == "cosignature_refused"
    # A hub that lies shows the stolen key's line and those of two others: that is no quorum any more.
    checkpoint = scene[CARE].follower.accept_head(scene[CARE].client.get_bytes("/log/checkpoint").decode())
    note = scene[CARE].client.get_bytes("/log/checkpoint").decode()
    lines = [
        cosign(checkpoint, f"{scene[CARE].home.pin().origin}/witness/{agency}", keys["witness-pq"], at=now())
        for agency, keys in ((POLICE, old_keys), (CARE, scene[CARE].keys.keys), (HEALTH, scene[HEALTH].keys.keys))
    ]
    shown = note + "".join(line + "\n" for line in lines)
    log_key = scene[CHARITY].follower.log_key
    assert require_quorum(shown, log_key, change.old).checkpoint == verify_checkpoint(shown, log_key)
    lie(scene, lambda path, answer: shown if path == "/log/checkpoint/witnessed" else answer, CHARITY)
    with pytest.raises(LogRefused) as found:
        scene[CHARITY].follower.sync()
    assert found.value.code == "quorum"


def fresh_certificate(scene: Scene) -> str:
    """A certificate of one more key of social care's."""
    token = certify(root_of(scene, CARE), CARE, KeyUse.INTAKE, PrivateKey.generate("HPKE-9-KE"), at=now(), days=9)
    remember_issued(scene[CARE].home.folder, [token])
    return token


def test_one_is_taken_out_and_added_again(scene: Scene) -> None:
    """Three witnesses of which two make a quorum; back only with new keys."""
    follower = scene[CARE].follower
    before = follower.witnesses
    removal = WitnessChange.between(before, without_witness(before, CHARITY))
    carry(scene, removal, CARE, HEALTH, POLICE)
    for agency in (CARE, HEALTH, POLICE):
        scene[agency].witness()
    for party in scene.parties.values():
        party.sync()
        assert (party.follower.witnesses.quorum, len(party.follower.witnesses.witnesses)) == (2, 3)
    again = WitnessChange.between(removal.new, before)
    assert refused(lambda: bring(scene, CARE, again)) == "witnesses_set"


# --- what does not count ---


def test_fewer_than_a_quorum_change_nothing(scene: Scene) -> None:
    """One agency twice is one; a key that was revoked since it approved is none."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    assert bring(scene, CARE, change)["missing"] == 2
    assert bring(scene, CARE, change) == {"agencies": [CARE], "missing": 2, "index": None}
    assert bring(scene, HEALTH, change)["missing"] == 1
    kid = scene[HEALTH].keys.keys["signing"].public.kid
    scene[CARE].client.post("/v1/keys", {"revocations": [word(HEALTH, kid, root_of(scene, HEALTH))]})
    assert bring(scene, CHARITY, change) == {"agencies": [CARE, CHARITY], "missing": 1, "index": None}
    assert scene.log_types().count("witnesses") == 1


def test_the_hub_refuses_what_is_not_one_approved_change(scene: Scene) -> None:
    """Two at once, uncertified keys, another's approval, another set, none at all."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    certify_new(scene, HEALTH)
    both = with_witness(change.new, changed(scene, HEALTH).after)  # type: ignore[arg-type]
    assert refused(lambda: bring(scene, CARE, change, witnesses=both.to_json())) == "witness_change"
    assert refused(lambda: bring(scene, CARE, change, witnesses=changed(scene, HEALTH).new.to_json())) == (
        "witness_change"
    )
    for members in ({"previous": "0" * 64}, {"witnesses": "0" * 64}):
        token = approval(scene, CARE, {**change.members(), **members})
        assert refused(lambda token=token: bring(scene, CARE, change, statement=token)) == "witness_change"
    others = approval(scene, HEALTH, change.members())
    assert refused(lambda: bring(scene, CARE, change, statement=others)) == "issuer"
    wrong = approval(scene, CARE, change.members(), signer=scene[CARE].keys.keys["witness"])
    assert refused(lambda: bring(scene, CARE, change, statement=wrong)) == "not_certified"
    for use in WITNESSES:
        kid = scene[POLICE].keys.keys[use].public.kid
        scene[CARE].client.post("/v1/keys", {"revocations": [word(POLICE, kid, root_of(scene, POLICE))]})
    assert refused(lambda: bring(scene, CARE, change)) == "not_certified"
    assert refused(lambda: bring(scene, CARE, change, witnesses={"quorum": 1, "witnesses": []})) != ""
    assert scene.log_types().count("witnesses") == 1


@pytest.mark.parametrize("case", ["none", "few", "twice", "no_witness", "other_set", "two_at_once", "uncertified"])
def test_a_set_that_the_quorum_did_not_approve_is_not_believed(scene: Scene, case: str) -> None:
    """A hub that writes it anyhow: an alarm, and the old set goes on counting."""
    old = scene[CARE].follower.witnesses
    if case == "no_witness":
        # First CHARITY goes, properly: then its approval is one of nobody.
        removal = WitnessChange.between(old, without_witness(old, CHARITY))
        carry(scene, removal, CARE, HEALTH, POLICE)
        settle_three(scene)
        old = removal.new
    certify_new_of(scene, POLICE, is_three=case == "no_witness")
    change = changed(scene, POLICE)
    new = change.new
    if case == "two_at_once":
        certify_new(scene, HEALTH)
        new = with_witness(new, changed(scene, HEALTH).after)  # type: ignore[arg-type]
    if case == "uncertified":
        for use in WITNESSES:
            kid = scene[POLICE].keys.keys[use].public.kid
            scene[CARE].client.post("/v1/keys", {"revocations": [word(POLICE, kid, root_of(scene, POLICE))]})
        scene[POLICE].keys = KeyFile(
            {**scene[POLICE].keys.keys, **{use: scene[POLICE].keys.keys[f"{use}@1"] for use in WITNESSES}},
            scene[POLICE].keys.storage,
        )
    members = change.members()
    said = {name: approval(scene, name, members) for name in scene.parties}
    tokens = {
        "none": [],
        "few": [said[CARE], said[HEALTH]],
        "twice": [said[CARE], said[HEALTH], said[HEALTH]],
        "no_witness": [said[CARE], said[CHARITY]],
        "other_set": [approval(scene, name, {**members, "previous": "0" * 64}) for name in OTHERS],
        "two_at_once": [said[name] for name in OTHERS],
        "uncertified": [said[name] for name in OTHERS],
    }[case]
    # The public entry alone: the hub goes on gathering for the set of before, so heads go on as well.
    assert scene.database is not None
    with scene.database.write() as session:
        record_public(session, "witnesses", {**new.to_json(), "approvals": tokens}, now())
    (settle_three if case == "no_witness" else settle)(scene)
    for party in (scene[CARE], scene[HEALTH]):
        assert party.follower.witnesses == old
        assert any("the witnesses before go on counting" in text for _, text in scene.alarms(party.home.agency))


def settle_three(scene: Scene) -> None:
    """Let the witnesses without the charity see the whole log."""
    for _ in range(2):
        for agency in (CARE, HEALTH, POLICE):
            scene[agency].witness()
        for party in scene.parties.values():
            party.sync()


def certify_new_of(scene: Scene, agency: str, *, is_three: bool) -> None:
    """``certify_new``; of three witnesses the charity signs no more."""
    if not is_three:
        certify_new(scene, agency)
        return
    party = scene[CHARITY]
    scene.parties = {name: item for name, item in scene.parties.items() if name != CHARITY}
    try:
        certify_new(scene, agency)
    finally:
        scene.parties[CHARITY] = party


def test_a_hub_whose_heads_only_the_false_set_signed_is_refused(scene: Scene) -> None:
    """It writes a set with keys of its own making and lets that cosign: no head counts."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    write_set(scene, change.new, [])
    for agency in (CARE, HEALTH, CHARITY):
        scene[agency].witness()
    for party in scene.parties.values():
        party.sync()
        assert party.follower.witnesses == change.old


def test_an_approval_is_not_replayed(scene: Scene) -> None:
    """The set of before stands in the log again with approvals of then: it counts once."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    carry(scene, change, CARE, HEALTH, CHARITY)
    settle(scene)
    entries = entries_of(scene, CARE)
    index, body = next(item for item in reversed(entries) if '"type":"witnesses"' in item[1])
    back = json.dumps({**json.loads(body), **change.old.to_json()}, sort_keys=True, separators=(",", ":"))
    again = [*entries, (index + 50, body), (index + 51, back)]
    reading = read_directory(again, scene[CARE].home.pin(), CARE)
    assert reading.witnesses == change.new
    assert sum("the witnesses before go on counting" in fault for fault in reading.faults) == 2


def entries_of(scene: Scene, agency: str) -> list[tuple[int, str]]:
    """The public entries an adapter has followed."""
    with scene[agency].store.write() as session:
        return public_entries(session)


def test_which_quorum_a_head_needs(scene: Scene) -> None:
    """Of the set newest below it: a head of before stays good, one of after needs the new set."""
    certify_new(scene, POLICE)
    change = changed(scene, POLICE)
    index = carry(scene, change, CARE, HEALTH, CHARITY)["index"]
    settle(scene)
    reading = read_directory(entries_of(scene, CARE), scene[CARE].home.pin(), CARE)
    assert reading.witnesses_at(index) == change.old
    assert reading.witnesses_at(index + 1) == change.new
    assert now() - scene[CARE].follower.sync().witnessed_at < timedelta(minutes=1)


# --- by hand ---


def say(at: Hands, *args: str) -> str:
    """Run a command and return what it says."""
    return at.run(*args).output


def test_by_hand(make_scene: Callable[[], Scene]) -> None:
    """``keys rotate witness``, then the others approve; afterwards the key file signs with the new keys."""
    scene = make_scene().start()
    settle(scene)
    police, care, health = (hands(scene, name) for name in (POLICE, CARE, HEALTH))
    old = file_of(scene, POLICE)
    said = say(police, "keys", "rotate", "witness", "--wait", "0", "--dry-run")
    assert "Makes two new witness keys" in said
    assert file_of(scene, POLICE).keys.keys() == old.keys.keys()
    assert "2 more of the present witnesses" in say(police, "keys", "rotate", "witness", "--wait", "0")
    assert "wait for approval" in say(police, "keys", "rotate", "witness-pq", "--wait", "0")
    reopen(scene, POLICE)
    assert file_of(scene, POLICE).keys["witness@1"].public == old.keys["witness"].public
    settle(scene)
    assert f"waiting: new keys of {POLICE}, approved by {POLICE}" in say(care, "witnesses", "list")
    said = say(care, "witnesses", "approve", POLICE, "--dry-run")
    assert f"Replaces both witness keys of {POLICE}." in said
    assert "Old keys: Ed25519 " in said
    assert "1 more" in say(care, "witnesses", "approve", POLICE)
    assert "approved by a quorum" in say(health, "witnesses", "approve", POLICE)
    settle(scene)
    assert scene[CHARITY].follower.witnesses != WitnessSet.from_json(scene[CHARITY].home.pin().witnesses)
    assert "those that count already" in care.refused("witnesses", "approve", POLICE)
    assert f"Takes {CHARITY} out" in say(care, "witnesses", "remove", CHARITY, "--dry-run")
    assert "is not a witness" in care.refused("witnesses", "remove", "fern-nobody")
