"""The tour: the page has the steps that are printed, and each is about a page that the workspace lists or registers."""

from __future__ import annotations

from pathlib import Path

from adapters.workspace import cases, news
from adapters.workspace.case_pages import PAGES
from demo.signing_in import OFFICER, PEOPLE
from demo.tour import STEPS, tour_lines, tour_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tour.md"


def test_the_page_has_the_steps() -> None:
    assert tour_page() in PAGE.read_text(encoding="utf-8")
    assert len(tour_lines()) == 1 + 2 * len(STEPS)


def test_every_step_is_about_a_page_and_somebody_who_may_sign_in() -> None:
    known = {endpoint for endpoint, _ in PAGES} | {f"{cases.cases.name}.picture", f"{news.news.name}.since"}
    assert {step.page for step in STEPS if step.page} - known == set()
    kinds = {kind.partition(",")[0].partition(" of ")[0] for _, _, kind in (*PEOPLE, OFFICER)}
    assert {step.who for step in STEPS} == kinds - {"panel member"}
    assert {endpoint for endpoint, _ in PAGES} - {step.page for step in STEPS} == set(), "a page that no step shows"


def test_the_tour_says_who_takes_part_and_what_to_choose() -> None:
    """The page names each person of its steps; the file of one step is there; what is a draft is called one."""
    intro = PAGE.read_text(encoding="utf-8").partition("## The steps")[0].replace("\n", " ")
    assert [who for who in {step.who for step in STEPS} if who not in intro] == []
    (upload,) = [step for step in STEPS if step.page == "intake.upload"]
    named = next(word.rstrip(".") for word in upload.do.split() if word.startswith("demo/"))
    assert (PAGE.parents[1] / named).is_file()
    (asked,) = [step for step in STEPS if step.page == "requests.list_requests"]
    assert asked.see.startswith("A draft of your agency")
