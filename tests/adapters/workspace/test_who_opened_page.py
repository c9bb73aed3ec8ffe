"""The record of use on the picture: the lead sees who opened the case; a voter, themselves only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lxml import html

from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.two_desks import ON_A_DUTY, TwoDesks, both
from tests.scene import CARE, Scene


def use(desks: TwoDesks, browser: Browser, purpose: str) -> tuple[str, list[str]]:
    """What the section says, and the rows of its table."""
    page = browser.get(desks.address(f"picture?purpose={purpose}"))
    assert page.status_code == 200
    (section,) = html.fromstring(page.text).xpath("//section[@aria-labelledby='use']")
    rows = [" ".join(row.text_content().split()) for row in section.xpath(".//table/tbody/tr")]
    return " ".join(section.text_content().split()), rows


def test_the_lead_sees_who_opened_it_and_a_voter_sees_themselves(
    scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    with both(scene_source, make_scene) as desks:
        desks.scene[CARE].sync()
        assert desks.scene[CARE].share(desks.case, ON_A_DUTY).refused == 0
        desks.scene.witness()
        desks.hear()
        voter, lead = desks.health.member[:8], desks.care.member[:8]
        said, rows = use(desks, desks.health.unlocked(), "panel_review")
        (mine,) = rows
        assert "(you)" in mine
        assert "is shown to whoever leads it or chairs its panel" in said

        desks.scene[CARE].sync()
        said, rows = use(desks, desks.care.unlocked(), "safeguarding")
        (theirs,) = [row for row in rows if f"member {voter}" in row]
        assert "once on" in theirs
        assert "for: review by the panel; " in theirs
        assert " GMT" in theirs or " BST" in theirs
        (own,) = [row for row in rows if f"member {lead}" in row]
        assert "(you)" in own
        assert any(row.endswith("has not opened it") for row in rows if "(you)" not in row)
        assert "No entry is missing." in said
        assert ON_A_DUTY["summary"] not in said, "who and when, never what"
