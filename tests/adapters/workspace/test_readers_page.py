"""The page that says who read what the agency shared: for the people of the case, for nobody else (attack 45)."""

from __future__ import annotations

from tests.adapters.workspace.desk import AGENCY, Desk
from tests.attacks.exclusion_acts import exclude
from tests.scene import POLICE

NOTE = {"kind": "concern", "summary": "An invented note of the hospital", "fields": {}}
CHAIR = (POLICE, "chair")


def test_the_people_of_a_case_see_who_read_what_their_agency_shared(desk: Desk) -> None:
    browser, scene = desk.signed_in(), desk.scene
    path = f"/cases/{scene.main}/readers"
    assert "Nobody has read anything" in browser.get(path).text
    assert scene[AGENCY].share(scene.main, NOTE).refused == 0
    scene.witness()
    scene[POLICE].pull(scene.main, "chair")
    scene[AGENCY].follower.sync_cases()
    shown = browser.get(path).text
    chair = scene[POLICE].people["chair"]
    assert f"<bdi>Fernshire police</bdi>, member {chair[:8]}" in shown
    assert "panel review" in shown
    assert NOTE["summary"] not in shown
    assert path in browser.get("/").text


def test_attack_45_an_excluded_person_has_no_such_page(desk: Desk) -> None:
    """From the moment of the exclusion: as for a case that is not there; nor is it in their list."""
    browser, scene = desk.signed_in(), desk.scene
    path = f"/cases/{scene.main}/readers"
    assert browser.get(path).status_code == 200
    exclude(scene, scene.main, (AGENCY, desk.member), second=CHAIR)
    there, nowhere = browser.get(path), browser.get(f"/cases/{'0' * 32}/readers")
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert there.text.replace(scene.main, "") == nowhere.text.replace("0" * 32, "")
    assert scene.main not in browser.get("/").text


def test_one_factor_is_not_enough(desk: Desk) -> None:
    from tests.adapters.workspace.desk import Vouched

    browser = desk.signed_in(Vouched(is_two_factor=False))
    assert browser.get(f"/cases/{desk.scene.main}/readers").headers["Location"] == "/unlock"
