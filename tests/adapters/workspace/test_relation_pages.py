"""Somebody around a child: written, reviewed, corrected, released, read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import html
from test_movement_pages import BY, HOSTILE, kept_of, part_of, share, write
from test_writing_pages import drafts_of, problems_of, send

from policies.vocabulary import Category
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import Scene, now

CALLED = "Wren Quillmere-Hartstone (invented)"
TOLD = "Her aunt sent her to the flat (invented)"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


def relation_form(**changes: str) -> dict[str, str]:
    return {
        "who": "aunt or uncle",
        "called": CALLED,
        "lives_with_child": "yes",
        "said_to_exploit": "yes",
        "safe_to_contact": "no",
        "known_from-year": str(now().year - 1),
        "account": TOLD,
        "source_kind": "child_account",
        "info_grade": "B",
        **BY,
        **changes,
    }


def test_a_relative_is_written_released_and_read_elsewhere(fresh: TwoDesks) -> None:
    """It is a draft first; then it stands with family and others, and its words as what the child told."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    assert f'href="/cases/{case}/write/relation"' in council.get(f"/cases/{case}/write").text
    write(fresh, council, "relation", relation_form())
    review = council.get(f"/cases/{case}/drafts").text
    for words in (CALLED, TOLD, "aunt or uncle", "Safe to contact", "hild’s account"):
        assert words in review
    share(fresh, council)
    assert f'href="/cases/{case}/write/relation"' in council.get(f"/cases/{case}/picture?held=1").text
    fresh.open_case(panel)
    page = panel.get(f"/cases/{case}/picture?held=1").text
    around = part_of(page, "surroundings")
    assert CALLED in around
    assert "not safe to contact" in around
    assert TOLD in around
    assert TOLD in part_of(page, "voice")
    assert "/write/relation" not in page, "members of the panel write no record of their agency"
    assert panel.get(f"/cases/{case}/write/relation").status_code == 404


def test_what_has_changed_is_said_in_a_later_record_and_both_stand(fresh: TwoDesks) -> None:
    """The earlier record keeps its words and names the later one: whether somebody is safe to ask may change."""
    case, council = fresh.scene.main, fresh.council.unlocked()
    write(fresh, council, "relation", relation_form(safe_to_contact="yes"))
    share(fresh, council)
    around = re.compile(rf"/cases/{case}/write/relation\?follows=([0-9a-f]{{32}})")
    page = council.get(f"/cases/{case}/picture?held=1").text
    (earlier,) = [name for name in around.findall(page) if is_about(page, name)]
    address = f"/cases/{case}/write/relation?follows={earlier}"
    assert f'href="{address}"' in council.get(f"/cases/{case}/write").text
    form = html.fromstring(council.get(address).text)
    assert form.xpath("string(//input[@name='called']/@value)") == CALLED
    assert form.xpath("string(//input[@name='known_from-year']/@value)") == str(now().year - 1)
    assert form.xpath("string(//textarea[@name='account'])").strip() == ""
    write(fresh, council, "relation", relation_form(follows=earlier, account="She threatened her (invented)"))
    share(fresh, council)
    fresh.open_case(council)
    page = council.get(f"/cases/{case}/picture?held=1").text
    said = part_of(page, "surroundings")
    assert TOLD in said
    assert "She threatened her (invented)" in said
    assert said.count("There is a later record of them:") == 1
    assert said.index("; safe to contact") < said.index("There is a later record") < said.index("not safe to contact")
    (later,) = [name for name in around.findall(page) if is_about(page, name)]
    assert later != earlier
    answer = send(council, f"/cases/{case}/write/relation", **relation_form(follows="0" * 32))
    assert "follows" in [anchor for anchor, _ in problems_of(answer)]


def is_about(page: str, fragment: str) -> bool:
    """Whether the link beside a fragment's row is that of the person whom these tests invent."""
    (found,) = html.fromstring(page).xpath(f"//*[@id='surroundings']/..//a[contains(@href, 'follows={fragment}')]")
    return CALLED in found.text_content()


def test_each_refusal_names_its_field_and_keeps_every_word(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    for wrong, where in (
        ({"who": ""}, "who"),
        ({"who": "king"}, "who"),
        ({"called": "x" * 301}, "called"),
        ({"lives_with_child": "perhaps"}, "lives_with_child"),
        ({"known_from-year": str(now().year + 1)}, "known_from-day"),
        ({"known_until-year": str(now().year - 2)}, "known_until-day"),
        ({"account": ""}, "account"),
        ({"account": "x" * 4_001}, "account"),
        ({"source_kind": HOSTILE}, "source_kind"),
    ):
        answer = send(council, f"/cases/{case}/write/relation", **relation_form(**wrong))
        assert answer.status_code == 422, wrong
        assert where in [anchor for anchor, _ in problems_of(answer)], (wrong, problems_of(answer))
        assert "<script>alert(1)" not in answer.text
    assert kept_of(fresh, Category.RELATION) == []


def test_it_is_corrected_in_its_form(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    write(fresh, council, "relation", relation_form())
    (draft,) = drafts_of(fresh.council)
    form = html.fromstring(council.get(f"/cases/{case}/drafts/{draft}/correct").text)
    assert form.xpath("string(//input[@name='who'][@checked]/@value)") == "aunt or uncle"
    assert form.xpath("string(//input[@name='called']/@value)") == CALLED
    assert form.xpath("string(//input[@name='safe_to_contact'][@checked]/@value)") == "no"
    changed = relation_form(who="carer", called="")
    assert send(council, f"/cases/{case}/drafts/{draft}/correct", **changed).status_code == 303
    (kept,) = kept_of(fresh, Category.RELATION)
    (person,) = kept.content["fields"]["hub_Relation"]
    assert person["role"]["value"] == "carer"
    assert "name" not in person
