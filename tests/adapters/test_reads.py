"""Told when read: what the originator learns of each reading of its fragments, and who of its people may see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.commands.reads import describe
from adapters.picture.view import ReadingsKnown
from adapters.reads import list_readers, parse_since, with_readings
from adapters.store.monitor_rows import pulls
from adapters.store.rows import read_setting, write_setting
from policies.model import Malformed, parse_time
from policies.retention import Scope
from tests.adapters.picture import invented_case
from tests.attacks.test_step5_retention import forget_feed
from tests.retention_acts import erase_case
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

VIEW = invented_case.case_view()


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


def test_every_party_knows_who_opened_the_case_whoever_shared_it(scene: Scene) -> None:
    """The charity shared nothing and nobody opened anything of it: it knows all the same who opened the case."""
    voter, chair = (HEALTH, scene[HEALTH].people["voter"]), (POLICE, scene[POLICE].people["chair"])
    for agency in (CARE, CHARITY, POLICE):
        party = scene[agency]
        view = with_readings(replace(VIEW, case=party.book.load(scene.main).state), party.store)
        assert view.readings is not None
        pulls = {(item.agency, item.member): item for item in view.readings if item.member is not None}
        assert set(pulls) == {voter, chair}, agency
        assert (pulls[voter].times, pulls[voter].fragments, pulls[chair].times) == (2, 2, 1)
        assert view.readings_known == ReadingsKnown(None, 0)
    with scene[CHARITY].store.read() as session:
        columns = session.connection().exec_driver_sql("SELECT * FROM case_pull").keys()
    assert set(columns) == {"case", "case_seq", "agency", "member", "purpose", "at", "fragments"}


def test_what_an_earlier_version_followed_is_not_claimed(make_scene: Callable[[], Scene]) -> None:
    """It kept no pulls: the list says from when on it is whole, and those of own records from before stay in it."""
    made = make_scene().embed()
    made.witness()
    made[HEALTH].pull(made.main, "voter")
    care = made[CARE]
    care.sync()
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM case_pull")
        held = read_setting(session, f"feed:{made.main}")
        del held["pulls_since"]
        write_setting(session, f"feed:{made.main}", held)
    before = with_readings(replace(VIEW, case=care.book.load(made.main).state), care.store)
    assert before.readings_known is None
    assert [item.agency for item in before.readings or ()] == [HEALTH]
    made[POLICE].pull(made.main, "chair")
    care.sync()
    view = with_readings(replace(VIEW, case=care.book.load(made.main).state), care.store)
    assert view.readings_known is not None
    assert view.readings_known.since == parse_time(held["newest_at"][:19] + "Z", "newest_at")
    assert {item.agency for item in view.readings or ()} == {HEALTH, POLICE}


@pytest.mark.parametrize(("scope", "is_kept"), [(Scope.CONTENT, True), (Scope.RECORD, False)])
def test_who_opened_a_case_goes_with_what_is_recorded_of_it(embedded: Scene, scope: Scope, is_kept: bool) -> None:
    """As at the hub: content goes first, and who opened the case with the rest. A later look brings nothing back."""
    care, police = embedded[CARE], embedded[POLICE]
    embedded[HEALTH].pull(embedded.main, "voter")
    care.sync()
    with care.store.read() as session:
        assert pulls(session, embedded.main)
    erase_case(care, police, embedded.main, scope)
    care.sync()
    for _ in range(2):
        with care.store.read() as session:
            assert bool(pulls(session, embedded.main)) is is_kept
        forget_feed(care, embedded.main)
        care.follower.sync_cases()


def test_following_twice_tells_once(scene: Scene) -> None:
    """Also where a second process follows the same case anew."""
    care = scene[CARE]
    before = list_readers(care.store, care.book)
    with care.store.write() as session:
        session.connection().exec_driver_sql("DELETE FROM setting WHERE name LIKE 'feed:%'")
    care.follower.sync_cases()
    assert list_readers(care.store, care.book) == before
