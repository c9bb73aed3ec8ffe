"""Another agreement: what the hub takes of officers, what it refuses, and from when it decides by it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from adapters.agreements import Agreements
from adapters.hub_client import HubRefused
from adapters.picture.receiving import Receiver
from hub.exchange import bundle_changes
from hub.setting_up import verify_hub
from policies.bundle_files import as_texts, load_files
from policies.bundles import Bundle, parse_bundle
from policies.vocabulary import Role
from tests.attacks.key_acts import revocation
from tests.bundle_acts import (
    TRIAL_RULE,
    Officer,
    approval,
    approve,
    certify_officer,
    trial_bundle,
    trial_files,
)
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Scene, bundle

QUORUM = 3


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A copy of the federation, its hub inside the test."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def officers(scene: Scene) -> dict[str, Officer]:
    """An officer of each agency, certified and seen by the witnesses."""
    found = {agency: certify_officer(scene, agency) for agency in (CARE, CHARITY, HEALTH, POLICE)}
    scene.witness()
    return found


def refused(act: Callable[[], object]) -> tuple[int, str]:
    """Status and code with which the hub refuses."""
    with pytest.raises(HubRefused) as found:
        act()
    return found.value.status, found.value.code


def active(scene: Scene) -> tuple[str, int]:
    """Digest and version of what the hub says it decides by."""
    answer = scene[CARE].client.get("/v1/policy")
    return answer["bundle"], answer["version"]


def change_to(scene: Scene, officers: dict[str, Officer], files: dict[str, bytes], after: Bundle | None = None) -> int:
    """Have a quorum approve; return the log position."""
    answers = [approve(scene, officers[agency], files, after=after) for agency in (CARE, HEALTH, POLICE)]
    assert [item["missing"] for item in answers] == [2, 1, 0]
    assert [item["index"] for item in answers[:2]] == [None, None]
    index: int = answers[2]["index"]
    return index


def test_it_decides_from_the_approval_that_makes_the_quorum(scene: Scene, officers: dict[str, Officer]) -> None:
    """The same pull before and after: what the new agreement forbids is named as refused by its rule."""
    assert active(scene) == (bundle().digest, 1)
    assert len(scene[POLICE].pull(scene.main, "chair").view.opened) == 2
    index = change_to(scene, officers, trial_files())
    assert active(scene) == (trial_bundle().digest, 2)
    body = json.loads(scene.sql("SELECT body FROM log_entry WHERE position = ?", index)[0][0])
    assert (body["type"], body["bundle"], body["version"]) == ("bundle", trial_bundle().digest, 2)
    assert body["replaces"] == bundle().digest
    assert len(body["approvals"]) == QUORUM
    scene.witness()
    police = scene[POLICE]
    active_now = Agreements(police.home, police.client, police.follower).active()
    assert active_now.digest == trial_bundle().digest
    receiver = Receiver(police.store, police.book, active_now)
    keys, signed_in = police.member_keys["chair"], police.signed_in("chair")
    view = receiver.pull(scene.main, police.people["chair"], keys, REVIEW, signed_in).view
    assert (view.opened, view.withheld_by_hub) == ((), ())
    assert {rule for item in view.refused for rule in item.rules} == {TRIAL_RULE}
    assert verify_hub(scene.hub.config, scene.hub.passphrase).log.ok


def test_nothing_shared_under_the_old_one_is_taken_afterwards(scene: Scene, officers: dict[str, Officer]) -> None:
    """A disclosure that names the bundle before is refused by name."""
    change_to(scene, officers, trial_files())
    scene.witness()
    scene[CARE].write(scene.main, {"kind": "concern", "summary": "Seen again (invented)", "fields": {}})
    scene[CARE].release(scene.main)
    report = scene[CARE].outbox.push_all()
    assert report.refused == 3
    assert {item["type"] for item in report.problems} == {"urn:nrmhub:problem:stale_bundle"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"bundle": "0" * 64}, (422, "bundle")),
        ({"version": 3}, (422, "bundle")),
        ({"version": 1}, (409, "bundle_older")),
        ({"version": "2"}, (422, "malformed")),
        ({"version": True}, (422, "malformed")),
        ({"replaces": "0" * 64}, (409, "bundle_changed")),
    ],
)
def test_an_approval_of_something_else_is_refused(
    scene: Scene, officers: dict[str, Officer], changed: dict[str, object], expected: tuple[int, str]
) -> None:
    """Digest, version and predecessor are signed; each is compared."""
    before = scene.log_types()
    assert refused(lambda: approve(scene, officers[CARE], trial_files(), **changed)) == expected
    assert scene.log_types() == before


def test_only_officers_of_witnesses_approve(scene: Scene, officers: dict[str, Officer]) -> None:
    """Another role, another agency's word, an agency twice: none of it makes a quorum."""
    practitioner = certify_officer(scene, CARE, Role.PRACTITIONER)
    assert refused(lambda: approve(scene, practitioner, trial_files())) == (422, "not_certified")
    token = approval(officers[CARE], trial_bundle())
    sent = {"statement": token, "files": as_texts(trial_files())}
    assert refused(lambda: scene[HEALTH].client.post("/v1/bundle-changes", sent)) == (403, "issuer")
    other = certify_officer(scene, CARE)
    assert [approve(scene, item, trial_files())["missing"] for item in (officers[CARE], other, officers[CARE])] == [
        2
    ] * 3
    assert active(scene) == (bundle().digest, 1)


def test_an_officer_whose_keys_ended_approves_no_longer(scene: Scene, officers: dict[str, Officer]) -> None:
    """An approval that waits counts only while its officer's key does."""
    approve(scene, officers[CARE], trial_files())
    end = revocation(scene[CARE], officers[CARE].signing.public.kid, "lost")
    scene[CARE].client.post("/v1/keys", {"certificates": [], "revocations": [end]})
    assert approve(scene, officers[HEALTH], trial_files())["missing"] == QUORUM - 1


def test_an_agreement_that_fails_its_own_rows_is_not_taken(scene: Scene, officers: dict[str, Officer]) -> None:
    """Nor one that is none, nor an approval of files that nobody brought."""
    files = trial_files()
    wrong = {**files, "tests/trial.toml": files["tests/trial.toml"].replace(b'effect = "refuse"', b'effect = "permit"')}
    assert refused(lambda: approve(scene, officers[CARE], wrong)) == (422, "bundle_tests")
    token = approval(officers[CARE], trial_bundle())
    for texts, code in ((None, "bundle_missing"), ({"bundle.toml": "version = 2"}, "bundle"), ({}, "bundle")):
        sent = {"statement": token, "files": texts}
        assert refused(lambda sent=sent: scene[CARE].client.post("/v1/bundle-changes", sent)) == (422, code)


def test_a_change_back_is_a_new_version(scene: Scene, officers: dict[str, Officer]) -> None:
    """The bundle of before is refused by its version and, with a raised version, taken as another one."""
    change_to(scene, officers, trial_files())
    old = {**load_files(), "bundle.toml": load_files()["bundle.toml"].replace(b"version = 1", b"version = 3")}
    first = refused(lambda: approve(scene, officers[CARE], load_files(), after=trial_bundle()))
    assert first == (409, "bundle_older")
    change_to(scene, officers, old, after=trial_bundle())
    assert active(scene) == (parse_bundle(old).digest, 3)


def test_what_waits_is_shown_and_its_files_can_be_read(scene: Scene, officers: dict[str, Officer]) -> None:
    """Everybody sees who approved what, and gets the bytes that were approved."""
    approve(scene, officers[CARE], trial_files())
    [waiting] = scene[POLICE].client.get("/v1/bundle-changes")["waiting"]
    assert (waiting["bundle"], waiting["version"], waiting["brought_by"]) == (trial_bundle().digest, 2, CARE)
    assert len(waiting["approvals"]) == 1
    got = scene[POLICE].client.get(f"/v1/policy/{waiting['bundle']}")
    assert got["files"] == as_texts(trial_files())
    assert refused(lambda: scene[POLICE].client.get(f"/v1/policy/{'0' * 64}")) == (404, "not_found")


def test_so_many_wait_and_no_more(scene: Scene, officers: dict[str, Officer], monkeypatch: pytest.MonkeyPatch) -> None:
    """One agency cannot fill the hub with agreements that nobody wants."""
    monkeypatch.setattr(bundle_changes, "MAX_BROUGHT", 2)
    for version in (2, 3):
        approve(scene, officers[CARE], trial_files(version))
    assert refused(lambda: approve(scene, officers[CARE], trial_files(4))) == (413, "too_many")
