"""Which agreement an adapter decides by: the log's, with files that have its digest, narrowed by its own forbids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.agreements import FORBIDS, KEPT, Agreements
from adapters.hub_client import HubRefused
from adapters.refusal import LogRefused
from policies.bundle_files import as_texts
from policies.bundles import BundleRefused
from tests.bundle_acts import approve, certify_officer, trial_bundle, trial_files
from tests.scene import CARE, HEALTH, POLICE, Party, Scene, bundle

OWN = """
@id("own-no-concern-leaves")
@sentence("We share no concern at present.")
@clause("Invented for tests")
@owner("nobody")
@review_date("2030-01-01")
forbid (principal, action, resource)
when { resource.category == Category::"concern" && !principal.same_agency };
"""


@pytest.fixture(scope="module")
def changed(make_scene: Callable[[], Scene]) -> Iterator[Scene]:
    """A federation whose officers agreed on another agreement, seen by the witnesses."""
    scene = make_scene().embed()
    officers = [certify_officer(scene, agency) for agency in (CARE, HEALTH, POLICE)]
    scene.witness()
    for officer in officers:
        approve(scene, officer, trial_files())
    scene.witness()
    yield scene
    scene.close()


class Hub:
    """What answers in the place of the hub; counts what is asked."""

    def __init__(self, party: Party, answer: Any = None) -> None:
        self.party, self.answer, self.asked = party, answer, 0

    def get(self, path: str, **query: Any) -> Any:
        """One answer."""
        self.asked += 1
        return self.party.client.get(path, **query) if self.answer is None else self.answer


def agreements(party: Party, hub: Hub) -> Agreements:
    """The agreements of one agency, with nothing in memory."""
    return Agreements(party.home, hub, party.follower)  # type: ignore[arg-type]


def test_it_is_fetched_once_and_kept(changed: Scene) -> None:
    """The second time its file is read; one that was damaged is fetched again."""
    care = changed[CARE]
    hub = Hub(care)
    assert agreements(care, hub).active() == trial_bundle()
    assert hub.asked == 1
    assert agreements(care, hub).active() == trial_bundle()
    assert hub.asked == 1
    kept = care.home.folder / KEPT / f"{trial_bundle().digest}.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes().replace(b"panel_chair", b"panel_voter"))
    assert agreements(care, hub).active() == trial_bundle()
    assert hub.asked == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"files": as_texts(trial_files(7))}, LogRefused),
        ({"files": {"bundle.toml": "version = 2"}}, BundleRefused),
        ({"files": {"bundle.toml": 2}}, BundleRefused),
        ({"files": ["bundle.toml"]}, BundleRefused),
        ({}, BundleRefused),
        ([], BundleRefused),
    ],
)
def test_other_files_are_not_decided_by(changed: Scene, answer: Any, error: type[Exception]) -> None:
    """Attack 34: the hub serves another agreement than the one that was agreed, or something else."""
    police = changed[POLICE]
    with pytest.raises(error):
        agreements(police, Hub(police, answer)).active()
    assert not (police.home.folder / KEPT).exists()


def test_before_the_log_was_followed_nothing_is_decided(make_scene: Callable[[], Scene]) -> None:
    """A new store knows no agreement, and the packaged one is not taken for it."""
    scene = make_scene()
    care = scene[CARE]
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM public_entry")
    with pytest.raises(LogRefused, match="names no agreement"):
        agreements(care, Hub(care)).active()


def test_own_forbids_narrow_what_is_shared_and_nothing_else(changed: Scene) -> None:
    """They decide about our fragments; what others share is read by the agreement alone."""
    health = changed[HEALTH]
    folder = health.home.folder / FORBIDS
    folder.mkdir()
    (folder / "own.cedar").write_text(OWN)
    here = agreements(health, Hub(health))
    assert here.active() == trial_bundle()
    narrowed = here.for_sharing()
    assert narrowed != trial_bundle()
    assert narrowed.digest == trial_bundle().digest
    assert set(narrowed.rules) - set(trial_bundle().rules) == {"own-no-concern-leaves"}
    (folder / "own.cedar").write_text(OWN.replace("forbid (", "permit ("))
    with pytest.raises(BundleRefused, match="only forbid"):
        here.for_sharing()


def test_an_agreement_that_is_nobodys_is_not_there(changed: Scene) -> None:
    """A digest that the hub does not know."""
    with pytest.raises(HubRefused):
        agreements(changed[CARE], Hub(changed[CARE])).files_of("0" * 64)
    assert bundle().digest != trial_bundle().digest
