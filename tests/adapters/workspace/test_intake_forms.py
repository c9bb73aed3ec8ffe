"""A typed record and observations, by page: errors at their fields, nothing stored before it is kept, what is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lxml import html

from adapters.nrm.indicators import indicator_groups
from adapters.release.drafts import Draft, list_drafts
from adapters.sources.charity.typed import read_typed, typed_steps
from adapters.store.tables import DraftRow
from adapters.workspace import held
from policies.vocabulary import Category
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.front_desk import FrontDesk, front
from tests.scene import now

__all__ = ["front"]

EVIL = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def _no_drafts_left(front: FrontDesk) -> Iterator[None]:
    before = {draft.draft for draft in list_drafts(front.adapter.store, front.case)}
    yield
    with front.adapter.store.write() as session:
        for row in session.query(DraftRow).where(DraftRow.draft.not_in(before)):
            session.delete(row)
    front.end_all()


@pytest.fixture
def browser(front: FrontDesk) -> Browser:
    """Somebody who has the case open."""
    return front.opened()


@pytest.fixture
def new(front: FrontDesk) -> list[str]:
    """Drafts that were there before."""
    return [draft.draft for draft in list_drafts(front.adapter.store, front.case)]


def added(front: FrontDesk, before: list[str]) -> list[Draft]:
    """Drafts that came since."""
    return [draft for draft in list_drafts(front.adapter.store, front.case) if draft.draft not in before]


# --- a typed record ---


def test_a_typed_record_becomes_what_its_file_would(front: FrontDesk, browser: Browser, new: list[str]) -> None:
    first = {"prs_FirstName": "Juniper", "prs_SecondName": "Madeup-Testcase"}
    dates = {"prs_Birthdate.day": "17", "prs_Birthdate.month": "5", "prs_Birthdate.year": "2011"}
    answer = browser.post(front.at("record/1"), **first, **dates)
    assert answer.headers["Location"].endswith("/record/2")
    third = {
        "vic_MethodsOfControl": "DebtBondage",
        "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
        "go": "check",
    }
    answer = browser.post(front.at("record/3"), **third)
    assert answer.headers["Location"].endswith("/record/check")
    assert added(front, new) == []
    shown = browser.get(front.at("record/check")).text
    assert "17 May 2011" in shown
    assert "Debt bondage" in shown
    assert "Is it the child of this case?" in shown
    assert "Differs" not in shown
    answer = browser.post(front.at("record/check"))
    assert answer.status_code == 303
    expected = read_typed({**first, "prs_Birthdate": "2011-05-17", **third}, now().date(), is_test_hub=True)
    kept = added(front, new)
    assert len(kept) == 3
    by_text = sorted((dict(item.content) for item in kept), key=str)
    by_hand = [replace(item, source=replace(item.source, system="typed by hand")) for item in expected.drafts]
    assert by_text == sorted((item.to_content() for item in by_hand), key=str)
    assert "typed by hand" in browser.get(front.at("drafts")).text
    assert "Nothing was typed yet" in browser.get(front.at("record/check")).text


@pytest.mark.parametrize(
    ("step", "form", "target", "words"),
    [
        (1, {"prs_Birthdate.day": "40", "prs_Birthdate.month": "5", "prs_Birthdate.year": "2011"}, "prs_Birthdate.day",
         "is not a date"),
        (1, {"prs_Birthdate.year": "11"}, "prs_Birthdate.year", "is not a date"),
        (1, {"prs_Birthdate.day": "4", "prs_Birthdate.year": "2011"}, "prs_Birthdate.month", "is not a date"),
        (1, {"prs_Citizenship": "Nowhereland"}, "prs_Citizenship", "No country or nationality of this name"),
        (1, {"prs_PrimaryLanguage": "Nolanguage"}, "prs_PrimaryLanguage", "No language of this name"),
        (1, {"prs_FirstName": "x" * 301}, "prs_FirstName", "may have 300 characters"),
        (3, {"vic_AgeWhenTrafficked": "young"}, "vic_AgeWhenTrafficked", "whole number"),
        (3, {"vic_TraffickingStatus": "Invented"}, "vic_TraffickingStatus", "is not in the list"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_said_at_its_field(
    front: FrontDesk, browser: Browser, step: int, form: dict[str, str], target: str, words: str
) -> None:
    answer = browser.post(front.at(f"record/{step}"), prs_MiddleName=EVIL, cco_CaseComment="x", **form)
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert f'href="#{target}"' in answer.text
    assert f'id="{target}"' in answer.text
    assert words in answer.text
    assert EVIL not in answer.text
    if step == 1:
        assert "&lt;script&gt;" in answer.text, "what was typed is kept"


def test_every_step_is_there_and_no_other(front: FrontDesk, browser: Browser) -> None:
    for number, step in enumerate(typed_steps(), 1):
        shown = browser.get(front.at(f"record/{number}")).text
        assert step.title in shown
        assert all(f'name="{item.column.name}' in shown for item in step.fields)
    assert browser.get(front.at(f"record/{len(typed_steps()) + 1}")).status_code == 404
    assert browser.get(front.at("record/0")).status_code == 404


def test_an_empty_record_is_not_kept(front: FrontDesk, browser: Browser, new: list[str]) -> None:
    answer = browser.post(front.at("record/check"))
    assert answer.status_code == 422
    assert added(front, new) == []


def test_a_finding_of_a_typed_record_names_its_question(front: FrontDesk, browser: Browser) -> None:
    """There is no row and no column for whoever typed it."""
    browser.post(front.at("record/1"), prs_FirstName="Rowan", prs_SecondName="Madeup-Testcase")
    browser.post(front.at("record/2"), prs_MailingCountry="Nowhereland")
    shown = browser.get(front.at("record/check")).text
    found = html.fromstring(shown).xpath("//td[@data-label='Where']")
    assert [item.text_content().strip() for item in found] == ["Country"]
    assert "row 2" not in shown
    browser.post(front.at("record/put-aside"))


def test_another_childs_record_is_seen_to_differ(front: FrontDesk, browser: Browser) -> None:
    browser.post(
        front.at("record/1"), prs_FirstName="Rowan", prs_SecondName="Madeup-Testcase", **{"prs_Birthdate.year": "2011"}
    )
    shown = browser.get(front.at("record/check")).text
    assert "Differs" in shown
    assert "This may be a twin, a brother or a sister." in " ".join(shown.split())


def test_what_was_typed_is_forgotten(front: FrontDesk, browser: Browser) -> None:
    """By a button, with the key, and after a while."""
    browser.post(front.at("record/1"), prs_FirstName="Junonia")
    assert "Junonia" in browser.get(front.at("record/1")).text
    browser.post(front.at("record/put-aside"))
    assert "Junonia" not in browser.get(front.at("record/1")).text
    browser.post(front.at("record/1"), prs_FirstName="Junonia")
    assert "Junonia" not in front.opened().get(front.at("record/1")).text
    browser.post("/lock")
    browser.post("/unlock", passphrase=front.passphrase)
    assert "Junonia" not in browser.get(front.at("record/1")).text


def test_too_much_for_memory_is_refused(front: FrontDesk, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MAX_FORM_CHARS", 20)
    answer = browser.post(front.at("record/6"), cco_CaseComment="x" * 100)
    assert answer.status_code == 413


# --- observations ---

WHEN = {"observed.day": "1", "observed.month": "2", "observed.year": "2026", "job": "youth worker", "place": "A school"}


def test_observations_become_concerns_one_by_one(front: FrontDesk, browser: Browser, new: list[str]) -> None:
    assert browser.post(front.at("indicators"), **WHEN).headers["Location"].endswith("/indicators/1")
    first = {"CTL06": "present", "CTL06.seen": f"Says that they owe money {EVIL}", "CTL03": "looked_for_not_seen"}
    assert browser.post(front.at("indicators/1"), **first).headers["Location"].endswith("/indicators/2")
    assert browser.post(front.at("indicators/9"), PLC04="").headers["Location"].endswith("/check")
    shown = browser.get(front.at("indicators/check")).text
    assert EVIL not in shown
    assert "&lt;script&gt;" in shown
    assert "Looked for, not seen" in shown
    assert added(front, new) == []
    answer = browser.post(front.at("indicators/check"))
    kept = added(front, new)
    assert {draft.category for draft in kept} == {Category.CONCERN}
    groups = {draft.content["fields"]["hub_Concern"][0]["concern"]["code"]: draft.content for draft in kept}
    assert set(groups) == {"CTL03", "CTL06"}
    said = groups["CTL06"]["fields"]["hub_Concern"][0]
    assert said["presence"]["value"] == "present"
    assert said["observed_on"]["value"] == "2026-02-01"
    assert said["place"]["value"] == "A school"
    assert said["observer_role"]["value"] == "youth worker"
    page = browser.get(answer.headers["Location"]).text
    assert "2 new drafts" in page
    taken = browser.post(front.at("upload/take-back"), file="")
    assert "2 drafts are gone" in taken.text
    assert added(front, new) == []


@pytest.mark.parametrize(
    ("form", "target"),
    [
        ({"observed.year": ""}, "observed.year"),
        ({"observed.day": "31"}, "observed.day"),
        ({"observed.year": "2999"}, "observed.day"),
        ({"job": ""}, "job"),
        ({"job": "x" * 301}, "job"),
        ({"place": "two\nlines"}, "place"),
    ],
)
def test_when_where_and_who_are_needed(front: FrontDesk, browser: Browser, form: dict[str, str], target: str) -> None:
    answer = browser.post(front.at("indicators"), **{**WHEN, **form})
    assert answer.status_code == 422
    assert f'href="#{target}"' in answer.text
    assert f'id="{target}"' in answer.text
    assert "<title>Error: " in answer.text


def test_what_is_present_needs_words(front: FrontDesk, browser: Browser, new: list[str]) -> None:
    browser.post(front.at("indicators"), **WHEN)
    for form in ({"CTL06": "present"}, {"CTL06": "present", "CTL06.seen": "x" * 4_001}):
        answer = browser.post(front.at("indicators/1"), **form)
        assert answer.status_code == 422
        assert 'href="#CTL06.seen"' in answer.text
    assert browser.post(front.at("indicators/check")).status_code == 422
    browser.post(front.at("indicators/1"), CTL06="something else", **{"CTL06.seen": "x"})
    assert browser.post(front.at("indicators/check")).status_code == 422
    assert added(front, new) == []


def test_pages_begin_with_when_and_who(front: FrontDesk, browser: Browser) -> None:
    for path in ("indicators/1", "indicators/check"):
        assert browser.get(front.at(path)).headers["Location"].endswith("/indicators")
        assert browser.post(front.at(path)).headers["Location"].endswith("/indicators")
    browser.post(front.at("indicators"), **WHEN)
    assert browser.get(front.at("indicators/10")).status_code == 404
    browser.post(front.at("indicators/put-aside"))
    assert browser.get(front.at("indicators/1")).status_code == 303


def test_no_page_counts_or_scores(front: FrontDesk, browser: Browser) -> None:
    """Every code of every group stands there with its line; nothing adds them up."""
    browser.post(front.at("indicators"), **WHEN)
    for number, group in enumerate(indicator_groups(), 1):
        shown = browser.get(front.at(f"indicators/{number}")).text
        assert all(f'name="{item.code}"' in shown for item in group.codes)
        main = re.sub(r"<[^>]*>", " ", shown[shown.index("<main") : shown.index("</main")])
        assert not re.search(r"score|per cent|%|total|\bof \d+ signs", main, re.IGNORECASE)
        assert "checked" in shown
        assert shown.count('value="" checked') == len(group.codes), "not looked for is the beginning"
