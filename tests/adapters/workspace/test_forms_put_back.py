"""Forms that are shown again with what was typed: nothing of it is cut, and no choice is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html

from adapters.release.drafts import list_drafts
from adapters.release.writing import MAX_LINE_CHARS
from adapters.workspace.indicator_pages import FORM
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.front_desk import FrontDesk, front
from tests.adapters.workspace.test_follow_ups import convene, fresh, link_to, picture_of
from tests.adapters.workspace.test_writing_pages import day_parts, drafts_of, problems_of, send
from tests.adapters.workspace.writing_desks import TwoDesks
from tests.scene import now

__all__ = ["fresh", "front"]

WHY = "She was in hospital (invented)"
LOST = "This plan is not known here any more. Open the case’s picture, then choose it again"


def chosen_plan(page: str) -> list[str]:
    """The plans that are chosen in a form."""
    return [str(item) for item in html.fromstring(page).xpath("//main//input[@name='plan'][@checked]/@value")]


def planned(made: TwoDesks, form: str) -> str:
    """Call a discussion together, and return the plan as the form of what became of it names it."""
    council = made.council.unlocked()
    convene(made.council, council)
    made.see()
    picture_of(made.council, council)
    page = council.get(link_to(council.get(f"/cases/{made.scene.main}/strategy"), form)).text
    (plan,) = chosen_plan(page)
    return plan


@pytest.mark.parametrize(("page", "link"), [("not-held", "It was not held"), ("record", "Record what came of it")])
def test_a_plan_stays_chosen_where_the_case_is_not_open(fresh: TwoDesks, page: str, link: str) -> None:
    """After signing in again nothing is open: the plan is still chosen, is refused in words, and is not dropped."""
    path = f"/cases/{fresh.scene.main}/strategy/{page}"
    plan = planned(fresh, link)
    before = len(drafts_of(fresh.council))
    again = fresh.council.unlocked()
    typed: dict[str, Any] = {"plan": plan, "reasons": WHY, "next_steps": "On Monday (invented)", "job_title": "Nurse"}
    if page == "record":
        typed |= {**day_parts("held_on", 0), "threshold_met": "no", "police_protection": "no"}
        typed |= {"police_protection_why": "Not needed (invented)", "outcome": "A plan (invented)"}
    shown = send(again, f"{path}?again=1", **typed)
    assert shown.status_code == 200
    assert WHY in shown.text
    assert chosen_plan(shown.text) == [plan]
    refused = send(again, path, **typed)
    assert refused.status_code == 422
    assert ("plan", LOST) in problems_of(refused)
    assert chosen_plan(refused.text) == [plan]
    assert len(drafts_of(fresh.council)) == before
    picture_of(fresh.council, again)
    assert chosen_plan(send(again, f"{path}?again=1", **typed).text) == [plan]


def test_a_form_without_any_plan_is_shown_with_its_words_and_says_what_it_needs(fresh: TwoDesks) -> None:
    browser, path = fresh.council.unlocked(), f"/cases/{fresh.scene.main}/strategy/not-held"
    shown = send(browser, f"{path}?again=1", reasons=WHY, plan="")
    assert "nobody has followed up yet" in shown.text
    assert WHY in shown.text
    refused = send(browser, path, reasons=WHY, next_steps="Wait (invented)", job_title="Nurse")
    assert refused.status_code == 422
    tree = html.fromstring(refused.text)
    (target,) = tree.xpath("//*[contains(@class, 'govuk-error-summary__list')]//a/@href")
    assert "Choose which plan came to nothing" in tree.get_element_by_id(target.removeprefix("#")).text_content()
    assert WHY in refused.text


@pytest.fixture
def recorder(front: FrontDesk) -> Iterator[Browser]:
    """A browser of somebody who has begun a form of indicators."""
    browser = front.opened()
    typed = {"observed.day": "1", "observed.month": "3", "observed.year": "2026", "job": "youth worker"}
    assert browser.post(front.at("indicators"), **typed).status_code == 303
    yield browser
    browser.post(front.at("indicators/put-aside"))


def areas(page: str) -> list[str]:
    return [str(item.text_content()).strip() for item in html.fromstring(page).xpath("//main//textarea")]


def test_what_was_seen_is_shown_again_also_where_no_answer_is_chosen(front: FrontDesk, recorder: Browser) -> None:
    before = len(list_drafts(front.adapter.store, front.case))
    tree = html.fromstring(recorder.get(front.at("indicators/1")).text)
    first, second = [str(name) for name in tree.xpath("//main//textarea/@name")[:2]]
    typed = {first: "Two new telephones (invented)", second.removesuffix(".seen"): "present"}
    shown = recorder.post(front.at("indicators/1?again=1"), **typed)
    assert shown.status_code == 200
    assert "Two new telephones (invented)" in areas(shown.text)
    # Nor is it lost where something else is wrong.
    wrong = recorder.post(front.at("indicators/1"), **typed)
    assert wrong.status_code == 422
    assert "Two new telephones (invented)" in areas(wrong.text)
    # It is of a sign that nobody looked for: nothing of it is held or recorded.
    assert recorder.post(front.at("indicators/1"), **{first: typed[first]}).status_code == 303
    (held,) = [front.here.ring.get(digest) for digest in front.here.ring.held()]
    assert held is not None
    assert first not in held.work.filled(front.case, FORM, now())
    assert len(list_drafts(front.adapter.store, front.case)) == before


@pytest.mark.parametrize("again", [True, False])
def test_a_line_that_is_too_long_is_shown_whole(front: FrontDesk, recorder: Browser, again: bool) -> None:
    place = "behind the station " * 40 + "end"
    assert len(place) > MAX_LINE_CHARS
    answer = recorder.post(front.at("indicators?again=1" if again else "indicators"), place=place, job="teacher")
    assert answer.status_code == (200 if again else 422)
    assert html.fromstring(answer.text).xpath("string(//input[@name='place']/@value)") == place
    if not again:
        assert f"One line of at most {MAX_LINE_CHARS} characters" in answer.text
