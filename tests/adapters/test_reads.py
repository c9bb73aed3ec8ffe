"""Told when read: what the originator learns of each reading of its fragments, and who of its people may see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from adapters.commands.reads import describe
from adapters.reads import list_readers, parse_since
from policies.model import Malformed
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for the module: two people of two agencies have read, one of them twice."""
    made = make_scene().embed()
    made.witness()
    made[HEALTH].pull(made.main, "voter")
    made[HEALTH].pull(made.main, "voter")
    made[POLICE].pull(made.main, "chair")
    for party in made.parties.values():
        party.sync()
    return made


def test_each_reader_once_with_agency_member_roles_purpose_and_times(scene: Scene) -> None:
    """Batched by person and case; the agency's own colleagues are readers like others."""
    care = scene[CARE]
    found = {(item.agency, item.member): item for item in list_readers(care.store, care.book, cases=[scene.main])}
    voter = found[HEALTH, scene[HEALTH].people["voter"]]
    assert set(found) == {(HEALTH, voter.member), (POLICE, scene[POLICE].people["chair"])}
    assert (voter.case, voter.purpose, voter.roles) == (scene.main, "panel_review", ("panel_voting",))
    assert (len(voter.times), voter.fragments) == (2, 1)
    assert timedelta() <= now() - voter.times[0] < timedelta(minutes=5)
    assert voter.times[0] >= voter.times[1]
    line = describe(voter)
    assert "read 1 of ours for panel_review, 2 times" in line
    assert HEALTH in line


def test_an_agency_learns_of_its_own_fragments_only(scene: Scene) -> None:
    """The charity shared nothing: it sees the entries of the case, and no reading of anything of its own."""
    assert list_readers(scene[CHARITY].store, scene[CHARITY].book) == []
    police = list_readers(scene[POLICE].store, scene[POLICE].book)
    assert {item.agency for item in police} == {HEALTH, POLICE}
    assert all(item.fragments == 1 for item in police)


def test_since_is_a_day_or_a_time(scene: Scene) -> None:
    care = scene[CARE]
    assert list_readers(care.store, care.book, since=now() + timedelta(minutes=1)) == []
    today = parse_since(f"{now():%Y-%m-%d}")
    assert (today.hour, today.minute) == (0, 0)
    assert list_readers(care.store, care.book, since=now() - timedelta(hours=1))
    for wrong in ("", "yesterday", "2026-13-01", "2026-01-31 12:00"):
        with pytest.raises(Malformed):
            parse_since(wrong)


def test_following_twice_tells_once(scene: Scene) -> None:
    """Also where a second process follows the same case anew."""
    care = scene[CARE]
    before = list_readers(care.store, care.book)
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM setting WHERE name LIKE 'feed:%'")
    care.follower.sync_cases()
    assert list_readers(care.store, care.book) == before
