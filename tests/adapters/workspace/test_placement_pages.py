"""Where a child stays: written, reviewed, released, read elsewhere, counted, ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import html
from test_movement_pages import BY, HOSTILE, kept_of, part_of, share, write
from test_writing_pages import day_parts, drafts_of, problems_of, send

from policies.vocabulary import Category
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import Scene, now

TOWN = "Quillmere-Hartstone"
WHY = "Nobody in the network knows where it is (invented)"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


def placement_form(**changes: str) -> dict[str, str]:
    return {
        **day_parts("placed_on", -1),
        "place_kind": "foster_care",
        "town": TOWN,
        "provider": "Invented Fostering",
        "legal_status": "police_protection",
        "child_asked": "no",
        "account": WHY,
        "source_kind": "record",
        **BY,
        **changes,
    }


def clocks_of(page: str, label: str) -> list[str]:
    found = html.fromstring(page).xpath("//*[@id='clocks']/following-sibling::ul[1]/li")
    return [said for item in found if label in (said := " ".join(item.text_content().split()))]


def test_a_stay_is_written_released_read_elsewhere_and_ended(fresh: TwoDesks) -> None:
    """Immediate safety has it with its order; 72 hours run from the hour that was given; a later record ends it."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    assert f'href="/cases/{case}/write/placement"' in council.get(f"/cases/{case}/write").text
    write(fresh, council, "placement", placement_form(placed_at="08:15"))
    review = council.get(f"/cases/{case}/drafts").text
    for words in (TOWN, WHY, "Foster care", "Police protection", "08:15", "Invented Fostering"):
        assert words in review
    share(fresh, council)
    assert f'href="/cases/{case}/write/placement"' in council.get(f"/cases/{case}/picture?held=1").text
    fresh.open_case(panel)
    page = panel.get(f"/cases/{case}/picture?held=1").text
    safety = part_of(page, "safety")
    assert f"Foster care, {TOWN}, Invented Fostering, police protection, the child was not asked. {WHY}" in safety
    assert "Orders without an end in the past:" in safety
    assert TOWN in part_of(page, "chronology")
    (clock,) = clocks_of(page, "Police protection")
    assert re.search(r"\d+ hours left", clock), clock
    assert "08:15" in clock
    assert "/write/placement" not in page, "members of the panel write no record of their agency"
    assert panel.get(f"/cases/{case}/write/placement").status_code == 404
    assert send(panel, f"/cases/{case}/write/placement", **placement_form()).status_code == 404
    follow = re.search(
        rf"/cases/{case}/write/placement\?follows=([0-9a-f]{{32}})", council.get(f"/cases/{case}/picture?held=1").text
    )
    assert follow is not None
    assert follow[0] in council.get(f"/cases/{case}/write").text
    form = html.fromstring(council.get(follow[0]).text)
    assert form.xpath("string(//input[@name='town']/@value)") == TOWN
    assert form.xpath("string(//input[@name='placed_on-day']/@value)") == day_parts("placed_on", -1)["placed_on-day"]
    assert form.xpath("string(//input[@name='legal_status'][@checked]/@value)") == "police_protection"
    assert form.xpath("string(//textarea[@name='account'])").strip() == ""
    ended = placement_form(follows=follow[1], placed_at="08:15", account="She moved (invented)")
    write(fresh, council, "placement", {**ended, **day_parts("placed_until", 0)})
    share(fresh, council)
    page = council.get(f"/cases/{case}/picture?held=1").text
    assert not clocks_of(page, "Police protection")
    safety = part_of(page, "safety")
    assert WHY not in safety, "the agency's later record of the same stay stands for it"


def test_each_refusal_names_its_field_and_keeps_every_word(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    for wrong, where in (
        ({"placed_on-year": ""}, "placed_on-day"),
        ({"placed_on-year": str(now().year + 1)}, "placed_on-day"),
        ({"placed_on-day": "", "placed_at": "08:15"}, "placed_at"),
        ({"placed_at": "25:00"}, "placed_at"),
        ({"placed_at": HOSTILE}, "placed_at"),
        ({**day_parts("placed_until", -9)}, "placed_until-day"),
        ({"place_kind": ""}, "place_kind"),
        ({"place_kind": "castle"}, "place_kind"),
        ({"legal_status": "L1"}, "legal_status"),
        ({"town": "x" * 301}, "town"),
        ({"account": ""}, "account"),
        ({"account": "x" * 4_001}, "account"),
        ({"source_kind": ""}, "source_kind"),
        ({"follows": "0" * 32}, "follows"),
    ):
        answer = send(council, f"/cases/{case}/write/placement", **placement_form(**wrong))
        assert answer.status_code == 422, wrong
        assert where in [anchor for anchor, _ in problems_of(answer)], (wrong, problems_of(answer))
        assert "Invented Fostering" in answer.text
        assert "<script>alert(1)" not in answer.text
    assert kept_of(fresh, Category.PLACEMENT) == []


def test_a_stay_is_corrected_in_its_form(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    write(fresh, council, "placement", placement_form(placed_at="08:15"))
    (draft,) = drafts_of(fresh.council)
    form = html.fromstring(council.get(f"/cases/{case}/drafts/{draft}/correct").text)
    assert form.xpath("string(//input[@name='placed_at']/@value)") == "08:15"
    assert form.xpath("string(//input[@name='place_kind'][@checked]/@value)") == "foster_care"
    assert form.xpath("string(//input[@name='legal_status'][@checked]/@value)") == "police_protection"
    assert form.xpath("string(//input[@name='child_asked'][@checked]/@value)") == "no"
    changed = placement_form(legal_status="", town="Exampleton")
    assert send(council, f"/cases/{case}/drafts/{draft}/correct", **changed).status_code == 303
    (kept,) = kept_of(fresh, Category.PLACEMENT)
    assert kept.content["fields"]["hub_PostTown"]["value"] == "Exampleton"
    assert "hub_LegalStatus" not in kept.content["fields"]
    assert "T" not in kept.content["observed"]["from"]
