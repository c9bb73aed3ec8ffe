"""Journeys, times of missing and what was done about an offence: written, reviewed, released, read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from test_writing_pages import day_parts, drafts_of, problems_of, release, send

from adapters.picture.model import assemble
from adapters.release.drafts import Draft, keep_authored, list_drafts
from adapters.release.writing import Author, SourceKind, given, render_content
from policies.vocabulary import Category, Role
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import Scene, now

PLACE = "The invented station at Quillmere-Hartstone"
TOLD = "She was walked over the road (invented)"
PAID = "She was told that she owes for it (invented)"
AWAY = "Her bed was not slept in (invented)"
BY = {"role": "lead_professional", "job_title": "Social worker (invented)", "send": "keep"}
HOSTILE = "<script>alert(1)</script>\u202e{{ 7 * 7 }}"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as made:
        yield made


def journey_form(**changes: str) -> dict[str, str]:
    return {
        "moved_on-year": str(now().year - 1),
        "from_place": PLACE,
        "to_place": "A flat over the road",
        "how": "On foot",
        "account": TOLD,
        "with_whom": "An older girl (invented)",
        "arranged_by": PAID,
        "source_kind": "child_account",
        "source_grade": "2",
        "info_grade": "B",
        **BY,
        **changes,
    }


def missing_form(**changes: str) -> dict[str, str]:
    return {
        **day_parts("missing_from", -5),
        "from_place": "Her placement (invented)",
        **day_parts("reported_on", -5),
        "account": AWAY,
        "source_kind": "record",
        **BY,
        **changes,
    }


def done_form(offence: str, **changes: str) -> dict[str, str]:
    return {
        "follows": offence,
        "prosecutor_told": "yes",
        **day_parts("prosecutor_told_on", -2),
        "prosecutor_told_by": "Officer in the case, police",
        "defence_told": "no",
        "court": "date_set",
        **day_parts("next_court_date", 9),
        "source_kind": "record",
        **BY,
        **changes,
    }


def kept_of(desks: TwoDesks, category: Category) -> list[Draft]:
    listed = list_drafts(desks.council.adapter.store, desks.scene.main)
    return [item for item in listed if item.category is category]


def write(desks: TwoDesks, browser: Browser, kind: str, form: dict[str, Any]) -> None:
    answer = send(browser, f"/cases/{desks.scene.main}/write/{kind}", **form)
    assert answer.status_code == 303, problems_of(answer)


def share(desks: TwoDesks, browser: Browser) -> None:
    """Release every draft of the council, and let both agencies take it in."""
    assert "Released and sent" in release(desks.council, browser, *drafts_of(desks.council)).text
    desks.see()
    desks.open_case(browser)


def shared_offence(desks: TwoDesks, browser: Browser) -> str:
    """An offence on record of the case; returns its fragment."""
    by = Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", now())
    part = {"role": given("role", "defendant"), "wording": given("wording", "An invented offence")}
    content = render_content(Category.OFFENCE, "Offence", {"hub_Offence": [part]}, by, SourceKind.RECORD)
    keep_authored(desks.council.adapter.store, desks.scene.main, Category.OFFENCE, content, now())
    share(desks, browser)
    page = browser.get(f"/cases/{desks.scene.main}/picture?held=1").text
    (found,) = set(re.findall(r"write/offence_answer\?follows=([0-9a-f]{32})", page))
    return found


def part_of(page: str, anchor: str) -> str:
    (found,) = html.fromstring(page).xpath(f"//*[@id='{anchor}']/ancestor::section[1]")
    return " ".join(found.text_content().split())


def test_a_journey_is_written_released_and_read_elsewhere(fresh: TwoDesks) -> None:
    """It is a draft first; then it stands with movement, in the chronology, with who says it and how they know."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    for kind in ("movement", "missing_episode"):
        assert f'href="/cases/{case}/write/{kind}"' in council.get(f"/cases/{case}/write").text
    fresh.open_case(council)
    for kind in ("context", "movement", "missing_episode"):
        assert f'href="/cases/{case}/write/{kind}"' in council.get(f"/cases/{case}/picture?held=1").text
    write(fresh, council, "movement", journey_form())
    review = council.get(f"/cases/{case}/drafts").text
    for words in (PLACE, TOLD, PAID, "On foot", "2, untested", "hild’s account", str(now().year - 1)):
        assert words in review
    fresh.open_case(panel)
    assert PLACE not in panel.get(f"/cases/{case}/picture?held=1").text
    share(fresh, council)
    fresh.open_case(panel)
    page = panel.get(f"/cases/{case}/picture?held=1").text
    around = part_of(page, "surroundings")
    assert f"from: {PLACE}; to: A flat over the road; how: On foot. {TOLD}" in around
    assert PAID in around
    assert "An older girl" in around
    assert PLACE in part_of(page, "chronology")
    assert "/write/movement" not in page, "members of the panel write no record of their agency"
    for kind in ("movement", "missing_episode", "offence_answer"):
        assert panel.get(f"/cases/{case}/write/{kind}").status_code == 404
    assert send(panel, f"/cases/{case}/write/movement", **journey_form()).status_code == 404


def test_each_refusal_of_a_journey_names_its_field_and_keeps_every_word(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    for wrong, where in (
        ({"moved_on-year": ""}, "moved_on-day"),
        ({"moved_on-month": "13"}, "moved_on-day"),
        ({"moved_on-year": str(now().year + 1)}, "moved_on-day"),
        ({"moved_until-year": str(now().year - 2)}, "moved_until-day"),
        ({"from_place": "", "to_place": " "}, "from_place"),
        ({"from_place": "x" * 301}, "from_place"),
        ({"account": ""}, "account"),
        ({"source_kind": ""}, "source_kind"),
        ({"source_grade": "4"}, "source_grade"),
        ({"with_whom": "x" * 4_001}, "with_whom"),
    ):
        answer = send(council, f"/cases/{case}/write/movement", **journey_form(**wrong))
        assert answer.status_code == 422, wrong
        assert where in [anchor for anchor, _ in problems_of(answer)], (wrong, problems_of(answer))
        assert PAID in answer.text
    assert kept_of(fresh, Category.MOVEMENT) == []


def test_a_journey_is_corrected_in_its_form(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    write(fresh, council, "movement", journey_form(**{"moved_on-month": "3"}))
    (draft,) = drafts_of(fresh.council)
    form = html.fromstring(council.get(f"/cases/{case}/drafts/{draft}/correct").text)
    boxes = [form.xpath(f"string(//input[@name='moved_on-{part}']/@value)") for part in ("day", "month", "year")]
    assert boxes == ["", "3", str(now().year - 1)]
    assert form.xpath("string(//input[@name='how']/@value)") == "On foot"
    assert send(council, f"/cases/{case}/drafts/{draft}/correct", **journey_form(how="By taxi")).status_code == 303
    (kept,) = kept_of(fresh, Category.MOVEMENT)
    assert kept.content["fields"]["hub_MovedHow"]["value"] == "By taxi"
    assert kept.content["observed"] == {"from": str(now().year - 1)}


def test_a_child_is_missing_and_comes_back(fresh: TwoDesks) -> None:
    """What came of it is a record of its own, in the same form, begun with what was written before."""
    case, council = fresh.scene.main, fresh.council.unlocked()
    fresh.open_case(council)
    write(fresh, council, "missing_episode", missing_form())
    share(fresh, council)
    page = council.get(f"/cases/{case}/picture?held=1").text
    assert "has no end on record" in part_of(page, "safety")
    assert AWAY in part_of(page, "surroundings")
    follow = re.search(rf"/cases/{case}/write/missing_episode\?follows=([0-9a-f]{{32}})", page)
    assert follow is not None
    assert follow[0] in council.get(f"/cases/{case}/write").text
    shown = council.get(follow[0]).text
    assert "You say what came of" in shown
    form = html.fromstring(shown)
    assert form.xpath("string(//input[@name='missing_from-day']/@value)") == str((now() - timedelta(days=5)).day)
    assert form.xpath("string(//textarea[@name='account'])").strip() == ""
    back = {**day_parts("found_on", -1), "return_interview": "offered", **day_parts("interview_on", 0)}
    write(fresh, council, "missing_episode", missing_form(follows=follow[1], account="Found (invented)", **back))
    share(fresh, council)
    page = council.get(f"/cases/{case}/picture?held=1").text
    assert "Every missing episode on record has ended." in part_of(page, "safety")
    assert "return interview offered" in part_of(page, "chronology")
    assert AWAY in part_of(page, "surroundings"), "the earlier record stays as it was written"


def test_each_refusal_of_a_time_of_missing_names_its_field(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    fresh.open_case(council)
    back = day_parts("found_on", -1)
    for wrong, where in (
        ({"missing_from-year": ""}, "missing_from-day"),
        (day_parts("reported_on", -9), "reported_on-day"),
        (day_parts("found_on", -9), "found_on-day"),
        (day_parts("found_on", 3), "found_on-day"),
        ({"return_interview": "offered"}, "return_interview"),
        ({**back, "return_interview": "perhaps"}, "return_interview"),
        ({**back, "return_interview": "not_offered_yet", **day_parts("interview_on", 0)}, "interview_on-day"),
        ({"account": ""}, "account"),
        ({"follows": "a" * 32}, "follows"),
    ):
        answer = send(council, f"/cases/{case}/write/missing_episode", **missing_form(**wrong))
        assert answer.status_code == 422, wrong
        assert where in [anchor for anchor, _ in problems_of(answer)], (wrong, problems_of(answer))
    assert council.get(f"/cases/{case}/write/missing_episode?follows={'a' * 32}").status_code == 404
    assert kept_of(fresh, Category.MISSING_EPISODE) == []


def test_what_was_done_about_an_offence_is_recorded_and_asked_no_more(fresh: TwoDesks) -> None:
    """Before: everything is asked. After: who told whom and when, whose word it is, and only what is open."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    offence = shared_offence(fresh, council)
    asked = part_of(council.get(f"/cases/{case}/picture?held=1").text, "offences")
    assert "Have the prosecutor and the defence been told" in asked
    assert "do the prosecutor and the defence know of the exploitation?" in council.get("/").text
    assert f"write/offence_answer?follows={offence}" in council.get(f"/cases/{case}/write").text
    form = council.get(f"/cases/{case}/write/offence_answer?follows={offence}").text
    assert "You say what was done about" in form
    assert "An invented offence" in form
    write(fresh, council, "offence_answer", done_form(offence))
    review = council.get(f"/cases/{case}/drafts").text
    for words in ("Officer in the case, police", "Prosecutor told by", "Next court date"):
        assert words in review
    share(fresh, council)
    fresh.open_case(panel)
    for browser in (council, panel):
        said = part_of(browser.get(f"/cases/{case}/picture?held=1").text, "offences")
        assert re.search(r"told of the exploitation, \d+ \w+ \d{4}, by: Officer in the case, police; about", said)
        assert "not told of the exploitation; about" in said
        assert "Has the defence been told of the exploitation" in said
        assert "Has the prosecutor been told" not in said
        assert "The next court date on record is" in said
        assert "section 45 of the Modern Slavery Act 2015" in said
    home = council.get("/").text
    assert "does the defence know of the exploitation?" in home
    assert "the prosecutor" not in home
    assert "The child is due in court on" in home


def test_each_refusal_of_what_was_done_names_its_field(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    offence = shared_offence(fresh, council)
    nothing = {
        "prosecutor_told": "",
        "prosecutor_told_by": "",
        "prosecutor_told_on-day": "",
        "prosecutor_told_on-month": "",
        "prosecutor_told_on-year": "",
        "defence_told": "",
        "court": "",
        "next_court_date-day": "",
        "next_court_date-month": "",
        "next_court_date-year": "",
    }
    for wrong, where in (
        (nothing, "referral_considered"),
        ({"prosecutor_told": "no"}, "prosecutor_told_on-day"),
        ({"prosecutor_told": "perhaps"}, "prosecutor_told"),
        ({"defence_told_by": "The officer"}, "defence_told_by"),
        (day_parts("prosecutor_told_on", 2), "prosecutor_told_on-day"),
        ({"court": "none_set"}, "next_court_date-day"),
        ({"source_kind": ""}, "source_kind"),
        ({"follows": ""}, "follows"),
        ({"follows": "a" * 32}, "follows"),
    ):
        answer = send(council, f"/cases/{case}/write/offence_answer", **done_form(offence, **wrong))
        assert answer.status_code == 422, wrong
        assert where in [anchor for anchor, _ in problems_of(answer)], (wrong, problems_of(answer))
        assert "Officer in the case, police" in answer.text or wrong is nothing
    assert council.get(f"/cases/{case}/write/offence_answer?follows={'a' * 32}").status_code == 404
    assert [item for item in kept_of(fresh, Category.OFFENCE) if "hub_Follows" in item.content["fields"]] == []


def test_what_was_done_belongs_to_an_offence(fresh: TwoDesks) -> None:
    """Without one there is no such form: nobody could say about what."""
    council = fresh.council.unlocked()
    fresh.open_case(council)
    assert council.get(f"/cases/{fresh.scene.main}/write/offence_answer").status_code == 404


def test_hostile_words_stay_words_on_every_page(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    offence = shared_offence(fresh, council)
    write(fresh, council, "movement", journey_form(from_place=HOSTILE, account=HOSTILE, arranged_by=HOSTILE))
    write(fresh, council, "missing_episode", missing_form(from_place=HOSTILE, account=HOSTILE))
    write(fresh, council, "offence_answer", done_form(offence, prosecutor_told_by=HOSTILE, note=HOSTILE))
    pages = [council.get(f"/cases/{case}/drafts").text]
    forms = [council.get(f"/cases/{case}/drafts/{draft}/correct").text for draft in drafts_of(fresh.council)]
    share(fresh, council)
    pages += [council.get(f"/cases/{case}/{page}").text for page in ("picture?held=1", "write", "chronology")]
    for page in (*pages, *forms):
        assert "<script>alert" not in page
        assert "{{ 7 * 7 }}" in page or "49" not in page
    assert not any("\u202e" in page for page in pages), "in a form stands what was typed; read it is harmless"
    assert sum("alert(1)" in page for page in (*pages, *forms)) >= 6


def test_what_is_followed_is_read_from_what_was_opened() -> None:
    """The picture of nothing has no question open and nothing to link to."""
    from tests.adapters.picture.invented_case import case_view

    section = assemble(case_view([])).victim_and_offender
    assert [item.is_open for item in section.standings] == [False] * 4
    assert not section.is_answered
