"""A place, a group or an online space is described, reviewed, released, and stands in the picture of another agency."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import html
from test_writing_pages import drafts_of, problems_of, release, send

from adapters.release.drafts import Draft, list_drafts
from policies.vocabulary import Category
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import Scene, now

NAME = "The shelter by Quillmere-Hartstone-3382, an invented park"
SEEN = "Older people waited there and spoke to children (invented)"
MOVED = "Driven two streets on (invented)"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


def context_form(**changes: str) -> dict[str, str]:
    return {
        "setting": "place",
        "name": NAME,
        "seen": SEEN,
        "seen_from-year": str(now().year - 1),
        "people": "Two other children (invented)",
        "movement": MOVED,
        "source_kind": "professional_observation",
        "source_grade": "2",
        "info_grade": "B",
        "role": "lead_professional",
        "job_title": "Social worker (invented)",
        "send": "keep",
        **changes,
    }


def kept_of(desks: TwoDesks) -> list[Draft]:
    listed = list_drafts(desks.council.adapter.store, desks.scene.main)
    return [item for item in listed if item.category is Category.CONTEXT]


def rows_under(page: str, heading: str) -> str:
    """Return the words of one part of the section."""
    found = html.fromstring(page).xpath(f"//h2[@id='surroundings']/..//h3[text()='{heading}']/following-sibling::ul[1]")
    return str(found[0].text_content()) if found else ""


def test_a_place_is_described_released_and_read_elsewhere(fresh: TwoDesks) -> None:
    """It is a draft first; after the release it stands in the section, with who says it and how they know."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    assert f'href="/cases/{case}/write/context"' in council.get(f"/cases/{case}/write").text
    fresh.open_case(council)
    assert f'href="/cases/{case}/write/context"' in council.get(f"/cases/{case}/picture?held=1").text
    answer = send(council, f"/cases/{case}/write/context", **context_form())
    assert answer.status_code == 303, problems_of(answer)
    review = council.get(f"/cases/{case}/drafts").text
    for words in (NAME, SEEN, MOVED, "2, untested", "B, known indirectly but corroborated", "rofessional observation"):
        assert words in review
    fresh.open_case(panel)
    assert NAME not in panel.get(f"/cases/{case}/picture?held=1").text
    (draft,) = drafts_of(fresh.council)
    assert "Released and sent" in release(fresh.council, council, draft).text
    fresh.see()
    fresh.open_case(panel)
    page = panel.get(f"/cases/{case}/picture?held=1").text
    assert f"{NAME}: {SEEN}" in rows_under(page, "Places")
    assert "social care" in rows_under(page, "Places").lower()
    assert MOVED in rows_under(page, "Movement, of any distance")


def test_each_refusal_names_its_field_and_the_form_keeps_every_word(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    for wrong, where in (
        ({"setting": ""}, "setting"),
        ({"setting": "house"}, "setting"),
        ({"name": ""}, "name"),
        ({"seen": " "}, "seen"),
        ({"seen_from-year": ""}, "seen_from-day"),
        ({"seen_from-month": "13"}, "seen_from-day"),
        ({"seen_from-year": str(now().year + 1)}, "seen_from-day"),
        ({"seen_to-year": str(now().year - 2)}, "seen_to-day"),
        ({"source_kind": ""}, "source_kind"),
        ({"source_grade": "4"}, "source_grade"),
        ({"info_grade": "F"}, "info_grade"),
        ({"people": "x" * 4_001}, "people"),
    ):
        answer = send(council, f"/cases/{case}/write/context", **context_form(**wrong))
        assert answer.status_code == 422, wrong
        assert [anchor for anchor, _ in problems_of(answer) if anchor == where], (wrong, problems_of(answer))
        assert MOVED in answer.text
        assert kept_of(fresh) == []


def test_a_draft_is_corrected_in_its_form(fresh: TwoDesks) -> None:
    """What was written stands in it again: how it is known, and a date no more precise than it was."""
    case, council = fresh.scene.main, fresh.council.unlocked()
    typed = {"seen_from-month": "3", "source_kind": "child_account"}
    assert send(council, f"/cases/{case}/write/context", **context_form(**typed)).status_code == 303
    (draft,) = drafts_of(fresh.council)
    form = html.fromstring(council.get(f"/cases/{case}/drafts/{draft}/correct").text)
    boxes = [form.xpath(f"string(//input[@name='seen_from-{part}']/@value)") for part in ("day", "month", "year")]
    assert boxes == ["", "3", str(now().year - 1)]
    assert form.xpath("//input[@name='source_kind' and @checked]/@value") == ["child_account"]
    changed = context_form(setting="peers", **typed)
    assert send(council, f"/cases/{case}/drafts/{draft}/correct", **changed).status_code == 303
    (kept,) = kept_of(fresh)
    assert kept.content["fields"]["hub_ContextSetting"]["value"] == "peers"
    assert kept.content["observed"] == {"from": f"{now().year - 1}-03"}
    assert kept.content["source"]["source_kind"] == "child_account"


def test_members_of_the_panel_record_no_place_of_their_agency(fresh: TwoDesks) -> None:
    """For them there is no such form, and no link to one."""
    case, panel = fresh.scene.main, fresh.panel.unlocked()
    fresh.open_case(panel)
    assert panel.get(f"/cases/{case}/write/context").status_code == 404
    assert send(panel, f"/cases/{case}/write/context", **context_form()).status_code == 404
    assert not re.findall("write/context", panel.get(f"/cases/{case}/picture?held=1").text)
