"""Attacks 25, 28, 32 by revocations themselves: filling up a key's words, dating back, stopping everybody's case."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from adapters.release.drafts import DraftState, list_drafts
from adapters.release.regranting import Regranter
from adapters.release.releasing import ReleaseTerms
from adapters.store.database import Store
from keys.statements import peek
from keys.storage import Vault
from keys.uses import KeyUse
from policies.model import CaseState
from policies.vocabulary import ConsentState
from tests.adapters.release.test_outbox import wired
from tests.attacks.key_acts import post, revocation, revoke_person, root_of
from tests.attacks.test_step2_keys import NOTE, bodies, refusal, summaries
from tests.consents import stands
from tests.hub.api.test_pull_refused import consent
from tests.rotation_acts import bring, change_of, heads, take_up
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, REVIEW, Scene, bundle

OTHERS = (CARE, HEALTH, CHARITY)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A fresh copy, its hub inside the test, seen by a quorum just now."""
    embedded.witness()
    return embedded


def see(scene: Scene) -> None:
    """A quorum of the others sees the log, and each follows it."""
    for name in OTHERS:
        scene[name].witness()
    for name in OTHERS:
        scene[name].sync()


def reach_back(scene: Scene, position: int) -> None:
    """The root of the police says from which position on somebody else may have had the signing key."""
    kid = scene[POLICE].keys.keys[KeyUse.SIGNING.value].public.kid
    signer = root_of(scene, POLICE)
    post(scene[CARE], [], [revocation(scene[POLICE], kid, "compromised", signer=signer, valid_until=position)])
    see(scene)


def state_at(scene: Scene, agency: str) -> CaseState:
    return scene[agency].book.load(scene.main).state


@pytest.mark.parametrize("what", ["channel", "disclosure"])
def test_attack_32_a_compromise_that_reaches_back_does_not_take_the_case_from_everybody(
    scene: Scene, what: str
) -> None:
    """What the taken key disclosed is named as not verified; what others shared opens as before."""
    [(position,)] = scene.sql(
        f"SELECT min(d.log_index) FROM {what} d JOIN channel c USING (channel) "
        "WHERE c.originator = ? AND c.use != 'archive'",
        POLICE,
    )
    assert len(summaries(scene[CARE].pull(scene.main, "lead"))) == 2
    reach_back(scene, position)
    view = scene[CARE].pull(scene.main, "lead").view
    assert [item.content["summary"] for item in view.opened] == [CONTENTS[0]["summary"]]
    assert [item.reason for item in view.unverified] == [
        "the fragment was disclosed with a key that may have been somebody else's by then"
    ]
    assert view.withheld_by_hub == ()
    # What was pulled before opens by the same rule.
    kept = scene[CARE].receiver.reopen(
        scene.main, scene[CARE].people["lead"], scene[CARE].member_keys["lead"], view.purpose
    )
    assert summaries(kept) == [CONTENTS[0]["summary"]]


def test_attack_32_an_acceptance_that_is_reached_back_behind_lets_nobody_in(scene: Scene) -> None:
    """The case stands for the others; the agency's people wait until it accepts them again with another key."""
    [(position,)] = scene.sql(
        "SELECT min(position) FROM log_entry WHERE type = 'acceptance' AND json_extract(body, '$.agency') = ?", POLICE
    )
    assert POLICE in {agency for agency, _ in state_at(scene, CARE).accepted}
    reach_back(scene, position)
    assert {agency for agency, _ in state_at(scene, CARE).accepted} == {CARE, HEALTH}
    assert summaries(scene[CARE].pull(scene.main, "lead")) == [CONTENTS[0]["summary"]]


def test_attack_32_a_given_consent_that_is_reached_back_behind_counts_no_more(scene: Scene) -> None:
    """Only what is given: nothing that took consent away is undone. It is recorded again with another key."""
    care = scene[CARE]
    kid, root = care.keys.keys[KeyUse.SIGNING.value].public.kid, root_of(scene, CARE)
    care.book.record_consent(scene.main, consent("given"))
    scene[HEALTH].sync()
    found = scene.sql("SELECT min(position) FROM log_entry WHERE type = 'consent'")
    assert stands(state_at(scene, HEALTH)) is ConsentState.GIVEN
    post(scene[HEALTH], [], [revocation(care, kid, "compromised", signer=root, valid_until=found[0][0])])
    for name in (POLICE, HEALTH, CHARITY):
        scene[name].witness()
    for name in (POLICE, HEALTH):
        scene[name].sync()
    assert stands(state_at(scene, HEALTH)) is not ConsentState.GIVEN


def test_attack_28_a_stolen_signing_key_does_not_undo_what_its_agency_said(scene: Scene) -> None:
    """Ending keys is narrow; dating a signing key's end back would make all it ever signed void for good."""
    police, kid = scene[POLICE], scene[POLICE].keys.keys[KeyUse.SIGNING.value].public.kid
    answer = refusal(lambda: post(scene[CARE], [], [revocation(police, kid, "compromised", valid_until=1)]))
    assert (answer.status, answer.code) == (422, "not_certified")
    assert "root" in str(answer)
    post(scene[CARE], [], [revocation(police, kid, "compromised")])
    # The root's own word still reaches further back.
    reach_back(scene, 30)
    assert len(bodies(scene, "revocation")) == 2


def test_attack_32_no_majority_of_others_undoes_an_agencys_past(scene: Scene) -> None:
    """Two stolen keys of other agencies would be enough: they end its root now, and what it said before stays."""
    police, kid = scene[POLICE], root_of(scene, POLICE).public.kid
    for name in (CARE, HEALTH):
        early = revocation(scene[name], kid, "compromised", agency=POLICE, valid_until=1)
        answer = refusal(partial(post, scene[name], [], [early]))
        assert (answer.status, answer.code) == (422, "not_certified")
        assert "other agencies end a root from their word on" in str(answer)
    assert police.client.get("/v1/cases")["cases"]
    for name in (CARE, HEALTH):
        post(scene[name], [], [revocation(scene[name], kid, "compromised", agency=POLICE)])
    see(scene)
    assert len(summaries(scene[CARE].pull(scene.main, "lead"))) == 2


def test_attack_32_one_peer_does_not_fill_up_the_words_against_a_root(scene: Scene) -> None:
    """The same word again is the same; other words have a limit of their own, and others say theirs."""
    police, health, root = scene[POLICE], scene[HEALTH], root_of(scene, POLICE)
    kid = root.public.kid
    same = [revocation(health, kid, "lost", agency=POLICE) for _ in range(100)]
    assert len({item["index"] for item in post(health, [], same)["receipts"]}) == 1
    many = [revocation(health, kid, reason, agency=POLICE) for reason in ("compromised", "left") * 30]
    answer = refusal(lambda: [post(health, [], [token]) for token in many])
    assert (answer.status, answer.code) == (413, "too_many")
    post(police, [], [revocation(police, kid, "compromised", signer=root)])
    assert refusal(lambda: police.client.get("/v1/cases")).code == "token"


def test_attack_25_planned_ends_do_not_fill_up_the_place_of_a_loss(scene: Scene) -> None:
    """Under superseded the holder reads on: whoever has the key must not be able to keep it so."""
    police = scene[POLICE]
    kid = police.member_keys["chair"].keys[KeyUse.MEMBER_HPKE.value].public.kid
    post(police, [], [revocation(police, kid, "superseded") for _ in range(100)])
    assert len(bodies(scene, "revocation")) == 1
    post(police, [], [revocation(police, kid, "compromised")])
    assert len(bodies(scene, "revocation")) == 2


def test_attack_22_a_pull_by_a_key_that_never_counted_leaves_an_entry(scene: Scene) -> None:
    """Dated back to the very first position: the attempt is in the log all the same."""
    police = scene[POLICE]
    kid = police.member_keys["chair"].keys[KeyUse.MEMBER_SIGNING.value].public.kid
    root = root_of(scene, POLICE)
    post(police, [], [revocation(police, kid, "compromised", signer=root, valid_until=0)])
    answer = refusal(lambda: police.pull(scene.main, "chair"))
    assert (answer.status, answer.code) == (403, "key_revoked")
    assert bodies(scene, "denied")[-1]["code"] == "key_revoked"


def test_attack_89_what_waits_for_a_revoked_key_does_not_leave(scene: Scene) -> None:
    """Revoked between release and push: the hub, which may be the thief's friend, is not even shown the grant."""
    health, police = scene[HEALTH], scene[POLICE]
    health.write(scene.main, NOTE)
    assert health.release(scene.main).grants > 0
    revoked = police.member_keys["chair"].keys[KeyUse.MEMBER_HPKE.value].public.kid
    revoke_person(police, "chair", "compromised")
    see(scene)
    wire = wired(scene, HEALTH)
    report = health.outbox.push_all()
    assert report.refused > 0
    assert wire.count("disclosure") > 0
    sent = [json.loads(line) for line in wire.pushed.decode().splitlines()]
    shown = [peek(line["statement"]).members["recipient"] for line in sent if line["type"] == "disclosure"]
    assert revoked not in shown
    voids = [peek(line["statement"]).members["code"] for line in sent if line["type"] == "void"]
    assert set(voids) == {"recipient_key"}


# --- the agency goes on ---


def with_another_key(scene: Scene, position: int) -> None:
    """The root of the police dates its signing key back and certifies another; everybody has seen it."""
    made = change_of(scene, POLICE, [KeyUse.SIGNING], "compromised", valid_until=position)
    assert bring(scene[POLICE], made) == "accepted"
    take_up(scene, POLICE, made.keys)
    heads(scene)


def adapter_runs(scene: Scene) -> None:
    """What every look of the police's adapter does, twice."""
    police = scene[POLICE]
    for _ in range(2):
        police.follower.sync()
        assert Regranter(police.store, police.book, bundle()).run(police.follower.sync_cases()).refused == 0
    heads(scene)


def by_name(scene: Scene, draft: str) -> None:
    """A person of the police releases one draft that they have looked at."""
    police = scene[POLICE]
    chosen = [item for item in list_drafts(police.store, scene.main) if item.draft == draft]
    police.releaser.release(scene.main, chosen, ReleaseTerms(REVIEW))
    assert police.outbox.push_all().refused == 0
    heads(scene)


@pytest.mark.parametrize("kind", ["fragment", "channel", "disclosure"])
def test_attack_32_the_agency_goes_on_in_its_cases_with_another_key(scene: Scene, kind: str) -> None:
    """Dated back behind everything, behind the channels, behind what was disclosed: what it shares next is read."""
    where = "c.agency = ?" if kind == "fragment" else "c.originator = ? AND c.use != 'archive'"
    table = "fragment c" if kind == "fragment" else f"{kind} x JOIN channel c USING (channel)"
    of = "c" if kind == "fragment" else "x"
    [(position,)] = scene.sql(f"SELECT min({of}.log_index) FROM {table} WHERE {where}", POLICE)
    with_another_key(scene, position)
    assert scene[POLICE].share(scene.main, NOTE).refused == 0
    heads(scene)
    view = scene[CARE].pull(scene.main, "lead").view
    assert {CONTENTS[0]["summary"], NOTE["summary"]} <= {item.content["summary"] for item in view.opened}
    adapter_runs(scene)
    # What was sealed before the position is granted again by itself; what was not is for a person to look at.
    back = list_drafts(scene[POLICE].store, scene.main, [DraftState.DRAFT])
    assert len(back) == (kind == "fragment")
    for draft in back:
        by_name(scene, draft.draft)
    for agency, label in ((CARE, "lead"), (HEALTH, "voter")):
        view = scene[agency].pull(scene.main, label).view
        assert {item.content["summary"] for item in view.opened} == {
            CONTENTS[0]["summary"],
            CONTENTS[1]["summary"],
            NOTE["summary"],
        }
        assert len(view.unverified) == (kind == "fragment")
        assert (view.withheld_by_hub, view.refused, view.not_given, view.awaited) == ((), (), (), ())


def test_attack_32_what_a_thief_released_is_released_by_nobody_again(scene: Scene) -> None:
    """Made by the adapter itself, by somebody at its keyboard: it lies among the drafts and says why it is there."""
    police = scene[POLICE]
    forged = {"kind": "concern", "summary": "A lie in the agency's name (invented)", "fields": {}}
    ours = {"kind": "concern", "summary": "What the agency saw meanwhile (invented)", "fields": {}}
    position = len(scene.log_types())
    for content in (forged, ours):
        assert police.share(scene.main, content).refused == 0
    heads(scene)
    assert len(summaries(scene[CARE].pull(scene.main, "lead"))) == 4
    with_another_key(scene, position)
    adapter_runs(scene)
    view = scene[CARE].pull(scene.main, "lead").view
    assert {item.content["summary"] for item in view.opened} == {item["summary"] for item in CONTENTS}
    assert len(view.unverified) == 2
    back = {item.summary: item for item in list_drafts(police.store, scene.main, [DraftState.DRAFT])}
    assert set(back) == {forged["summary"], ours["summary"]}
    assert {item.disowned_from for item in back.values()} == {position}
    by_name(scene, back[ours["summary"]].draft)
    adapter_runs(scene)
    assert forged["summary"] not in summaries(scene[CARE].pull(scene.main, "lead"))
    assert ours["summary"] in summaries(scene[CARE].pull(scene.main, "lead"))


def test_attack_32_a_taken_key_takes_nothing_back_that_was_given_before(scene: Scene, tmp_path: Path) -> None:
    """With a copy of the adapter the thief discloses an old fragment anew, in a channel of their own: once the key is
    dated back, readers have it as they had it before."""
    scene.witness()
    police = scene[POLICE]
    assert len(summaries(scene[CARE].pull(scene.main, "lead"))) == 2
    position = len(scene.log_types())
    police.store.forget_deleted()
    path = Path(shutil.copy(police.home.store_path, tmp_path / "copied.db"))
    kept, police.store = police.store, Store(path, Vault(police.keys.storage))
    with police.store.write() as session:
        for table in ("own_channel", "granted"):
            session.connection().exec_driver_sql(f"DELETE FROM {table}")
    (draft,) = list_drafts(police.store, scene.main)
    by_name(scene, draft.draft)
    police.store.close()
    police.store = kept
    assert len(scene.log_types()) > position
    with_another_key(scene, position)
    adapter_runs(scene)
    view = scene[CARE].pull(scene.main, "lead").view
    assert len(view.opened) == 2
    assert (view.unverified, view.withheld_by_hub) == ((), ())
