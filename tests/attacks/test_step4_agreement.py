"""Attack 34: an older, laxer agreement is brought back, by the hub or by somebody who still decides under it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.agreements import Agreements
from adapters.picture.receiving import Receiver
from tests.bundle_acts import TRIAL_RULE, approve, certify_officer, trial_bundle, trial_files
from tests.scene import CARE, HEALTH, POLICE, REVIEW, Party, Scene, bundle


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A federation in which the trial agreement forbids what the chair could read before."""
    made = make_scene().embed()
    made.witness()
    officers = [certify_officer(made, agency) for agency in (CARE, HEALTH, POLICE)]
    made.witness()
    for officer in officers:
        approve(made, officer, trial_files())
    made.witness()
    return made


def receiver(party: Party) -> Receiver:
    """What an adapter reads with: by the agreement that the witnessed log names."""
    return Receiver(party.store, party.book, Agreements(party.home, party.client, party.follower).active())


def test_attack_34_a_hub_that_decides_by_the_old_agreement_deceives_no_reader(scene: Scene) -> None:
    """The operator takes the new one back in the database: it serves by the old, and the reader opens nothing of it."""
    scene.sql("UPDATE bundle SET log_index = NULL WHERE digest = ?", trial_bundle().digest)
    police = scene[POLICE]
    assert police.client.get("/v1/policy")["bundle"] == bundle().digest
    keys, signed_in = police.member_keys["chair"], police.signed_in("chair")
    view = receiver(police).pull(scene.main, police.people["chair"], keys, REVIEW, signed_in).view
    assert view.opened == ()
    assert {rule for item in view.refused for rule in item.rules} == {TRIAL_RULE}


def test_attack_34_nothing_decided_under_the_old_agreement_is_taken(scene: Scene) -> None:
    """An adapter that was not told, or was told a lie, decides under the old one: the hub takes none of it."""
    scene[CARE].write(scene.main, {"kind": "concern", "summary": "Seen again (invented)", "fields": {}})
    scene[CARE].release(scene.main)
    before = scene.log_types()
    report = scene[CARE].outbox.push_all()
    assert {item["type"] for item in report.problems} == {"urn:nrmhub:problem:stale_bundle"}
    assert "disclosure" not in scene.log_types()[len(before) :]
