"""Attack 28 against the limits: what a thief fills up with a stolen key is free again once the key is dated back."""

from __future__ import annotations

import os

import pytest

from adapters.hub_client import HubRefused
from hub.exchange import room
from keys.sealing import make_channel
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import ConsentState
from tests.attacks.key_acts import post, revocation, root_of
from tests.attacks.test_step2_keys import NOTE, summaries
from tests.attacks.test_step2_reaching_back import adapter_runs, state_at, with_another_key
from tests.consents import stands
from tests.hub.api.test_pull_refused import consent
from tests.rotation_acts import bring, change_of, heads, take_up
from tests.scene import CARE, CONTENTS, HEALTH, POLICE, Scene

FULL = (413, "too_many")


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def channel_line(scene: Scene, recipient: str, member: str | None, use: KeyUse) -> dict[str, object]:
    """What whoever has the signing key of the police can bring: a channel whose key they chose."""
    police, channel = scene[POLICE], os.urandom(16).hex()
    to = police.follower.directory().newest_key(use, recipient, police.clock(), member=member).key
    sealed, _ = make_channel(scene.main, POLICE, to, channel)
    members = {
        "case": scene.main,
        "channel": channel,
        "recipient": to.kid,
        "recipient_agency": recipient,
        "recipient_member": member,
        "use": use.value,
        "sha256": sealed.digest,
    }
    statement = make_statement(
        StatementType.CHANNEL,
        members,
        issuer=POLICE,
        signer=police.keys.keys[KeyUse.SIGNING.value],
        issued_at=police.clock(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    return {"type": "channel", "jwe": sealed.to_jwe(), "statement": statement}


def fill_channels(scene: Scene, recipient: str, member: str | None, use: KeyUse) -> None:
    """Begin channels to one key until the hub takes no more."""
    lines = [channel_line(scene, recipient, member, use) for _ in range(room.MAX_CHANNELS_TO_ONE_KEY + 1)]
    answers = scene[POLICE].client.post_lines(f"/v1/cases/{scene.main}/push", lines)
    assert [answers[0]["status"], answers[len(lines) - 1]["status"]] == ["accepted", "refused"]


def dated_back_to_all(scene: Scene, kind: str) -> None:
    """Date the signing key of the police back before every channel that it began of this use."""
    [(position,)] = scene.sql("SELECT min(log_index) FROM channel WHERE originator = ? AND use = ?", POLICE, kind)
    with_another_key(scene, position)


def test_attack_28_channels_that_nobody_believes_leave_room_for_others(scene: Scene) -> None:
    """A thief begins all that may lead to one person. Dated back, that person is granted again and gets what is new."""
    lead = scene[CARE].people["lead"]
    fill_channels(scene, CARE, lead, KeyUse.MEMBER_HPKE)
    heads(scene)
    dated_back_to_all(scene, "member-hpke")
    adapter_runs(scene)
    assert scene[POLICE].share(scene.main, NOTE).refused == 0
    heads(scene)
    view = scene[CARE].pull(scene.main, "lead").view
    assert {item.content["summary"] for item in view.opened} == {
        *(item["summary"] for item in CONTENTS),
        NOTE["summary"],
    }


def test_attack_28_nor_do_they_block_the_archive(scene: Scene) -> None:
    """Without a channel to its own archive key an agency could release nothing at all."""
    fill_channels(scene, POLICE, None, KeyUse.ARCHIVE)
    heads(scene)
    dated_back_to_all(scene, "archive")
    police = scene[POLICE]
    police.follower.sync()
    assert police.share(scene.main, NOTE).refused == 0
    heads(scene)
    assert NOTE["summary"] in summaries(scene[CARE].pull(scene.main, "lead"))


def test_attack_28_so_of_all_channels_of_an_agency_until_they_are_too_many_to_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody believes is read all the same: of it, too, there is an end."""
    lead = scene[CARE].people["lead"]
    [(held,)] = scene.sql('SELECT count(*) FROM channel WHERE originator = ? AND "case" = ?', POLICE, scene.main)
    monkeypatch.setattr(room, "MAX_CHANNELS_PER_CASE_AND_AGENCY", held)

    def tried() -> str:
        line = channel_line(scene, CARE, lead, KeyUse.MEMBER_HPKE)
        return str(scene[POLICE].client.post_lines(f"/v1/cases/{scene.main}/push", [line])[0]["status"])

    assert tried() == "refused"
    dated_back_to_all(scene, "archive")
    scene[POLICE].follower.sync()
    assert [tried(), tried()] == ["accepted", "accepted"]
    monkeypatch.setattr(room, "MAX_TIMES_WITH_DISOWNED", 1)
    assert tried() == "refused"


def test_attack_28_statements_of_a_key_dated_back_leave_room_for_others(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thief of a lead's key says all that the agency may say. Dated back, it leads its case again."""
    care, position = scene[CARE], len(scene.log_types())
    mine = 'SELECT count(*) FROM case_statement WHERE agency = ? AND "case" = ?'
    limit = scene.sql(mine, CARE, scene.main)[0][0] + 2
    monkeypatch.setattr(room, "MAX_STATEMENTS_PER_CASE_AND_AGENCY", limit)
    for _ in range(2):
        care.book.record_consent(scene.main, consent("refused"))

    def tried() -> tuple[int, str] | None:
        try:
            care.book.record_consent(scene.main, consent("given"))
        except HubRefused as error:
            return error.status, error.code
        return None

    assert tried() == FULL
    made = change_of(scene, CARE, [KeyUse.SIGNING], "compromised")
    assert bring(care, made) == "accepted"
    take_up(scene, CARE, made.keys)
    heads(scene)
    # Ended now it still said all of that; only what it is dated back behind is not its agency's.
    assert tried() == FULL
    ended = next(item.kid for item in care.follower.directory().revocations if item.agency == CARE)
    back = revocation(care, ended, "compromised", signer=root_of(scene, CARE), valid_until=position)
    post(scene[HEALTH], [], [back])
    heads(scene)
    assert tried() is None
    heads(scene)
    assert stands(state_at(scene, HEALTH)) is ConsentState.GIVEN
    monkeypatch.setattr(room, "MAX_TIMES_WITH_DISOWNED", 1)
    assert tried() == FULL
