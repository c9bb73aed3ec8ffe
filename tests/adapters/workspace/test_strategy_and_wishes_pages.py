"""Wishes and strategy discussions in the workspace: drafts for review, with what is wrong at its field."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from lxml import html
from werkzeug.datastructures import MultiDict

from adapters.picture.content import read_content
from adapters.picture.model import assemble
from adapters.picture.view import CaseView
from adapters.release.drafts import DraftState, list_drafts
from adapters.release.writing import Author
from adapters.store.tables import DraftRow
from adapters.uk_time import uk_clock_words
from adapters.workspace import strategy_pages
from adapters.workspace.form_reading import FormReader
from adapters.workspace.strategy_forms import Table, read_held
from policies.model import Handling
from policies.vocabulary import HandlingCode, HandlingInstruction, Role
from tests.adapters.picture.invented_case import AT, case_view
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.two_desks import TwoDesks, both, drafts_of, send
from tests.scene import CARE, HEALTH, POLICE, Scene, now

CANARY = "Brackenholt-Sparrow-5518"


def day(name: str, on: date) -> dict[str, str]:
    return {f"{name}-day": str(on.day), f"{name}-month": str(on.month), f"{name}-year": str(on.year)}


TODAY = now().date()
HEARD = {
    "state": "recorded",
    "own_words": f"I want to stay with my brother. {CANARY}",
    "words_are": "as_said",
    **day("asked_on", TODAY - timedelta(days=2)),
    "how": "On a walk",
    "wants_people_to_know": "That I am scared",
    "trusted_person": "Her youth worker",
    "best_placed_to_ask": "The youth worker, with an interpreter",
    "job_title": "Social worker",
}
ABSENT = {
    "state": "child_not_ready",
    "absent_reason": "She asked for more time",
    **day("ask_again_on", TODAY + timedelta(days=7)),
    "best_placed_to_ask": "Her aunt",
    "job_title": "Social worker",
}
TOMORROW_AT = uk_clock_words(TODAY + timedelta(days=1), "09:30")
PLAN = {
    **day("held_on", TODAY + timedelta(days=1)),
    "starts_at": "9.30",
    "how_to_join": "Room 2, or by video",
    "agencies": ["fern-care", "fern-police", "fern-health"],
    "reasons": f"Found far from home. {CANARY}",
    "job_title": "Social worker",
}
HELD: dict[str, Any] = {
    **day("held_on", TODAY - timedelta(days=1)),
    "answer-fern-care": "will_come",
    "attended-fern-care": "in_the_room",
    "answer-fern-police": "will_come",
    "attended-fern-police": "remotely",
    "answer-fern-health": "no_answer",
    "attended-fern-health": "not_there",
    "answer-fern-charity": "not_invited",
    "threshold_met": "yes",
    "reasons": "Bruises that she does not explain",
    "place-1": "A foster family two towns away",
    "place-1-reasons": ["safe_from_exploiters", "cost"],
    "place-1-why": "Nobody there knows her",
    "place-1-chosen": "yes",
    "police_protection": "yes",
    "police_protection_why": "Not used: she agrees to stay",
    "outcome": "A joint enquiry",
    "next_steps": "An enquiry under section 47",
    "action-1": "Bring her there",
    "action-1-owner": "fern-care",
    **day("action-1-due", TODAY + timedelta(days=1)),
    "job_title": "Social worker",
}


@pytest.fixture(scope="module")
def desks(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    with both(scene_source, make_scene) as found:
        yield found


@pytest.fixture(scope="module")
def writer(desks: TwoDesks) -> Browser:
    return desks.care.unlocked()


def test_what_is_written_is_a_draft_and_the_reader_sees_it_once_it_is_released(
    desks: TwoDesks, writer: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Wishes, an absence, a plan and a discussion: nothing leaves, no word stands anywhere; released, all is shown."""
    caplog.set_level(logging.DEBUG)
    for path, form in (("wishes", HEARD), ("wishes", ABSENT), ("strategy/convene", PLAN), ("strategy/record", HELD)):
        done = send(writer, desks.address(path), form)
        assert done.status_code == 303, done.text
        assert CANARY not in done.headers["Location"]
    kept = drafts_of(desks.care)
    assert kept.count(("wishes_and_feelings", "draft")) == 2
    assert kept.count(("strategy_discussion", "draft")) == 2
    assert CANARY not in caplog.text
    files = [path for path in desks.care.adapter.home.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]
    reader = desks.health.unlocked()
    care = desks.scene[CARE]
    care.sync()
    care.release(desks.case)
    assert care.outbox.push_all().refused == 0
    desks.scene.witness()
    assert "You do not have this case open now" in reader.get(desks.address("strategy")).text
    picture = reader.get(desks.address("picture?purpose=panel_review")).text
    wishes, talks = reader.get(desks.address("wishes")).text, reader.get(desks.address("strategy")).text
    for words in (CANARY, "Her youth worker", "The youth worker, with an interpreter", "She asked for more time"):
        assert words in picture
        assert words in wishes
    for words in ("Room 2, or by video", TOMORROW_AT, "A foster family two towns away", "Bring her there"):
        assert words in picture
        assert words in talks
    assert "Safe from the people who exploit the child; Cost" in talks
    assert "Remotely" in talks
    assert "Did not answer" in talks
    assert "Keep as a draft" not in wishes
    assert "Call one together" not in talks
    # A plan starts no clock of the conference; the discussion that was held does.
    assert picture.count("from the newest strategy discussion") == 1


@pytest.mark.parametrize(("typed", "is_past"), [("12.00", True), ("12.01", False), ("9.30", True), ("", True)])
def test_a_discussion_was_not_held_at_a_time_that_is_still_to_come(desks: TwoDesks, typed: str, is_past: bool) -> None:
    """Somebody writes at noon by UK clocks, which is eleven in the hub's time in June."""
    at = datetime(2026, 6, 1, 11, 0, 30, tzinfo=UTC)
    agencies = {name: name for name in ("fern-care", "fern-police", "fern-health", "fern-charity")}
    form = MultiDict({**HELD, **day("held_on", at.date()), **day("action-1-due", at.date()), "starts_at": typed})
    with desks.care.app.test_request_context("/"):
        read = FormReader(form)
        content = read_held(read, Author(Role.LEAD_PROFESSIONAL, "Social worker", at), Table(agencies, {}, at.date()))
    assert (content is not None) is is_past
    problem = "This time is still to come. Write when it was held, or call the discussion together"
    assert read.problems == ({} if is_past else {"starts_at": problem})


@pytest.mark.parametrize(
    ("path", "form", "changed", "problem", "field"),
    [
        ("wishes", HEARD, {"state": ""}, "Say whether the child was heard", "state"),
        ("wishes", HEARD, {"own_words": ""}, "Write what the child said", "own_words"),
        ("wishes", HEARD, {"words_are": ""}, "Say how these words came onto the page", "words_are"),
        ("wishes", HEARD, {"how": " "}, "Write how and where the child was asked", "how"),
        ("wishes", HEARD, day("asked_on", TODAY + timedelta(days=2)), "This day is still to come", "asked_on-day"),
        ("wishes", HEARD, {"job_title": ""}, "Write your job", "job_title"),
        ("wishes", ABSENT, {"absent_reason": ""}, "Write why the child", "absent_reason"),
        ("wishes", ABSENT, {"ask_again_on-day": ""}, "Write a real day", "ask_again_on-day"),
        ("wishes", ABSENT, {"own_words": "x"}, "These are words of the child", "own_words"),
        ("strategy/convene", PLAN, day("held_on", TODAY - timedelta(days=2)), "This day is over", "held_on-day"),
        ("strategy/convene", PLAN, {"starts_at": "25:00"}, "Write the time, such as 14:30", "starts_at"),
        ("strategy/convene", PLAN, {"agencies": []}, "Tick the agencies that are invited", "agencies"),
        ("strategy/convene", PLAN, {"agencies": ["fern-nobody"]}, "Choose from the answers that are there", "agencies"),
        ("strategy/convene", PLAN, {"reasons": ""}, "Write why it is called together", "reasons"),
        ("strategy/convene", PLAN, {"how_to_join": ""}, "Write where it is", "how_to_join"),
        ("strategy/record", HELD, {"answer-fern-care": ""}, "Say what Fernshire social care", "answer-fern-care"),
        ("strategy/record", HELD, {"attended-fern-police": ""}, "Say whether Fernshire police", "attended-fern-police"),
        ("strategy/record", HELD, {"threshold_met": ""}, "Say whether the threshold", "threshold_met"),
        ("strategy/record", HELD, {"place-1-reasons": ["cost"]}, "Age and cost are never the only", "place-1-reasons"),
        ("strategy/record", HELD, {"place-1-reasons": ["age", "cost"]}, "Age and cost are never", "place-1-reasons"),
        ("strategy/record", HELD, {"place-1-reasons": []}, "Tick the reasons", "place-1-reasons"),
        ("strategy/record", HELD, {"place-1-why": ""}, "Write why it is chosen", "place-1-why"),
        ("strategy/record", HELD, {"place-2": "x"}, "Tick the reasons", "place-2-reasons"),
        ("strategy/record", HELD, {"police_protection": ""}, "Say whether police protection", "police_protection"),
        ("strategy/record", HELD, {"police_protection_why": ""}, "Write why police", "police_protection_why"),
        ("strategy/record", HELD, {"outcome": ""}, "Write what was decided", "outcome"),
        ("strategy/record", HELD, {"action-1-owner": ""}, "Choose who does it", "action-1-owner"),
        ("strategy/record", HELD, {"action-1-due-year": "2099"}, "Check the year", "action-1-due-day"),
        ("strategy/record", HELD, {"action-2": "x"}, "Write by when", "action-2-due-day"),
        ("strategy/record", HELD, {"plan": "0" * 32}, "This plan is not known here any more", "plan"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(
    desks: TwoDesks, writer: Browser, path: str, form: dict[str, Any], changed: dict[str, Any], problem: str, field: str
) -> None:
    before = drafts_of(desks.care)
    answer = send(writer, desks.address(path), {**form, "who-fern-care": CANARY, **changed})
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert problem in answer.text
    assert f'href="#{field}"' in answer.text
    if field != "plan":
        assert f'id="{field}"' in answer.text
    typed = {"wishes": form.get("best_placed_to_ask"), "strategy/convene": "Room 2, or by video"}
    kept = typed.get(path, CANARY)
    if kept not in changed.values() and "how_to_join" not in changed:
        assert kept in answer.text
    assert drafts_of(desks.care) == before


def test_who_took_part_without_an_invitation_is_recorded(desks: TwoDesks, writer: Browser) -> None:
    """And the review says in words what the form asked in words."""
    before = {item.draft for item in list_drafts(desks.care.adapter.store, desks.scene.main)}
    said_of = {"answer": "not_invited", "attended": "in_the_room", "who": "A worker"}
    came = {f"{name}-fern-charity": words for name, words in said_of.items()}
    assert send(writer, desks.address("strategy/record"), {**HELD, **came}).status_code == 303
    found = list_drafts(desks.care.adapter.store, desks.scene.main)
    (draft,) = [item for item in found if item.draft not in before]
    content = read_content(draft.content, draft.category)
    assert "fern-charity" in [item.text for item in content.given("hub_Attended")]
    page = html.fromstring(writer.get(desks.address("drafts")).text)
    (card,) = page.xpath(f"//article[.//input[@value='{draft.draft}']]")
    said = " ".join(card.text_content().split())
    for words in ("Was not invited", "In the room", "A worker", "Remotely", "Cost"):
        assert words in said
    for code in ("not_invited", "in_the_room", "fern-charity", "fern-care", "safe_from_exploiters"):
        assert code not in said
    with desks.care.adapter.store.write() as session:
        session.delete(session.get(DraftRow, draft.draft))


def test_what_is_agreed_is_due_from_the_day_of_the_discussion_on(desks: TwoDesks, writer: Browser) -> None:
    early = {**HELD, **day("action-1-due", TODAY - timedelta(days=2))}
    answer = send(writer, desks.address("strategy/record"), early)
    assert answer.status_code == 422
    assert "This day is before the discussion" in answer.text


def test_at_least_one_agency_took_part(desks: TwoDesks, writer: Browser) -> None:
    nobody = {f"attended-{name}": "not_there" for name in (CARE, HEALTH, POLICE)}
    answer = send(writer, desks.address("strategy/record"), {**HELD, **nobody})
    assert answer.status_code == 422
    assert "At least one agency took part" in answer.text


@pytest.mark.parametrize("path", ["wishes", "strategy/convene", "strategy/record"])
def test_a_panel_member_writes_nothing(desks: TwoDesks, path: str) -> None:
    reader = desks.health.unlocked()
    assert send(reader, desks.address(path), {**HEARD, **PLAN, **HELD}).status_code == 403
    assert drafts_of(desks.health) == []


def test_the_first_72_hours_stand_above_the_form_that_calls_it_together(desks: TwoDesks, writer: Browser) -> None:
    for path in ("strategy", "strategy/convene"):
        assert "First 72 hours since this case was opened: " in writer.get(desks.address(path)).text


def test_a_record_inherits_the_handling_of_the_plan_it_came_of(
    desks: TwoDesks, writer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that is not known here is not quoted, and what was typed is kept."""
    care = desks.scene[CARE]
    strict = Handling(HandlingCode.C, (HandlingInstruction.CONSULT_ORIGINATOR,)).to_json()
    care.sync()
    care.write(desks.case, {"kind": "concern", "summary": "A plan", "fields": {}, "handling": strict})
    plan, unknown, table = care.release(desks.case).fragments[-1], "e" * 32, strategy_pages._table

    def with_plans(case: str, at: datetime) -> strategy_pages.Table:
        return replace(table(case, at), plans={plan: "2026-01-31", unknown: "2026-01-31"})

    monkeypatch.setattr(strategy_pages, "_table", with_plans)
    refused = send(writer, desks.address("strategy/record"), {**HELD, "plan": unknown})
    assert refused.status_code == 422
    assert "This plan is not known here any more" in refused.text
    assert "A foster family two towns away" in refused.text
    done = send(writer, desks.address("strategy/record"), {**HELD, "plan": plan})
    assert done.status_code == 303, done.text
    drafts = list_drafts(desks.care.adapter.store, desks.case, [DraftState.DRAFT])
    assert [item.content["handling"] for item in drafts if item.content.get("derived_from") == [plan]] == [strict]


def test_the_first_72_hours_stay_there_once_they_are_over(
    desks: TwoDesks, writer: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where they are no more on the list of what waits; from the earliest concern where the case is open."""
    mine = strategy_pages.require_case

    def opened_long_ago(case: str) -> strategy_pages.MyCase:
        found = mine(case)
        return replace(found, opened_at=found.opened_at - timedelta(days=5), clocks=())

    monkeypatch.setattr(strategy_pages, "require_case", opened_long_ago)
    monkeypatch.setattr(strategy_pages, "held_case", lambda _case: None)
    page = writer.get(desks.address("strategy")).text
    assert "First 72 hours since this case was opened: Time ran out on" in page
    assert "Counted from the opening of this case" in page
    view = case_view()
    held = SimpleNamespace(picture=assemble(view))
    with desks.care.app.test_request_context():
        said = strategy_pages._first_72_hours(mine_of(view), cast(Any, held))
    assert said.startswith("First 72 hours: Time ran out on 14 May 2026, 21 days since it began.")
    assert "Counted from the earliest concern you opened, 11 May 2026" in said


def mine_of(view: CaseView) -> strategy_pages.MyCase:
    """A line of the list for an invented case."""
    listed = view.case.membership
    return strategy_pages.MyCase(listed.case, (), AT, True, view.opened_at, (), listed.case_stage)
