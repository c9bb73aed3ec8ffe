"""What was done about an offence: recorded as whose word it is, asked only while it is open, never merged."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from invented_case import AUTHOR, COUNCIL, HEALTH, POLICE, case_view, fid, opened, record, value

from adapters.picture.model import Picture, assemble
from adapters.picture.offence_answers import OffenceQuestion, QuestionStanding
from adapters.picture.page import Framing, PageLinks, render_body, render_page
from adapters.picture.tasks import OffenceQuestions, ask_of_offences
from adapters.picture.view import CaseView, OpenedFragment
from adapters.release.offence_answers import CourtStanding, offence_answer
from adapters.release.writing import SourceKind
from policies.vocabulary import CaseStage, Category

ALL_DONE: dict[str, Any] = {
    "referral_considered": True,
    "considered_on": "2026-05",
    "prosecutor_told": True,
    "prosecutor_told_on": "2026-05-20",
    "prosecutor_told_by": "Officer in the case, police",
    "defence_told": True,
    "court": CourtStanding.DATE_SET,
    "next_court_date": date(2026, 6, 9),
    "note": "The officer wrote to both (invented)",
}


def offence(name: str = "o", role: str = "defendant", **more: Any) -> OpenedFragment:
    part = {"role": value(role), "wording": value("Possession")}
    content = record(Category.OFFENCE, "Offence", {"hub_Offence": [part]}, start="2026-05-04")
    return opened(name, POLICE, Category.OFFENCE, content, **more)


def done(name: str, agency: str, index: int, about: str = "o", **answers: Any) -> OpenedFragment:
    content = offence_answer(AUTHOR, follows=fid(about), source_kind=SourceKind.RECORD, **answers)
    return opened(name, agency, Category.OFFENCE, content, index=index)


def at_stage(view: CaseView, stage: CaseStage) -> CaseView:
    return replace(view, case=replace(view.case, membership=replace(view.case.membership, case_stage=stage)))


def made(*items: OpenedFragment) -> Picture:
    return assemble(case_view(list(items)))


def standing(picture: Picture, question: OffenceQuestion) -> QuestionStanding:
    return next(item for item in picture.victim_and_offender.standings if item.question is question)


def asked(*items: OpenedFragment) -> OffenceQuestions:
    view = case_view(list(items))
    found = ask_of_offences(view, assemble(view).victim_and_offender)
    assert found is not None
    return found


def test_what_is_recorded_is_said_and_asked_no_more() -> None:
    """Each answer with who told whom when, whose word it is, of which day, and from which record."""
    picture = made(offence(), done("d", COUNCIL, 20, **ALL_DONE))
    section = picture.victim_and_offender
    assert section.prompts == ("The next court date on record is 9 June 2026.",)
    (told,) = standing(picture, OffenceQuestion.PROSECUTOR).answers
    assert told.words == "told of the exploitation, 20 May 2026, by: Officer in the case, police"
    assert (told.name, told.said_on) == ("Northshire Council", AUTHOR.day.isoformat())
    assert (told.offence, told.statement.provenance.fragment) == (fid("o"), fid("d"))
    (considered,) = standing(picture, OffenceQuestion.REFERRAL).answers
    assert considered.words == "considered, May 2026"
    page = render_page(picture)
    assert "What was done, as recorded" in page
    assert "Northshire Council" in page[page.index("What was done, as recorded") : page.index("To ask now")]
    assert "section 45" in page
    assert [item.text for item in section.notes] == ["The officer wrote to both (invented)"]
    assert "The officer wrote to both (invented)" in page


def test_a_record_of_what_was_done_is_no_offence() -> None:
    """It adds none to the table, puts the child in no role, and is no event at which somebody met the child."""
    away = record(Category.MISSING_EPISODE, "Missing", {}, start="2026-05-02", end="2026-05-31")
    picture = made(offence(), done("d", COUNCIL, 20, **ALL_DONE), opened("m", HEALTH, Category.MISSING_EPISODE, away))
    section = picture.victim_and_offender
    assert (len(section.offences), section.as_offender, section.as_victim) == (1, 1, 0)
    (point,) = [item for item in picture.disagreements if item.kind.value == "missing_or_present"]
    assert {name for position in point.positions for name in position.evidence} == {fid("m"), fid("o")}


@pytest.mark.parametrize(
    ("answers", "opens"),
    [
        ({"prosecutor_told": True}, (True, False, True, True)),
        ({"defence_told": True}, (True, True, False, True)),
        ({"prosecutor_told": False}, (True, True, True, True)),
        ({"referral_considered": True}, (False, True, True, True)),
        ({"referral_considered": False}, (True, True, True, True)),
        ({"court": CourtStanding.NONE_SET}, (True, True, True, False)),
        ({"court": CourtStanding.OVER}, (True, True, True, False)),
        ({"court": CourtStanding.DATE_SET, "next_court_date": date(2026, 6, 9)}, (True, True, True, False)),
        ({"court": CourtStanding.DATE_SET, "next_court_date": date(2026, 5, 9)}, (True, True, True, True)),
    ],
)
def test_only_what_is_open_is_asked(answers: dict[str, Any], opens: tuple[bool, bool, bool, bool]) -> None:
    """ "Not told" is said and stays open; a day in court that is past asks again."""
    found = asked(offence(), done("d", COUNCIL, 20, **answers))
    assert (
        found.is_referral_open,
        found.is_prosecutor_open,
        found.is_defence_open,
        found.is_court_date_open,
    ) == opens


def test_the_prompt_names_only_who_was_not_told() -> None:
    prompts = made(offence(), done("d", COUNCIL, 20, prosecutor_told=True)).victim_and_offender.prompts
    assert [text for text in prompts if "told of" in text] == [
        "Has the defence been told of the exploitation, about every offence?"
    ]


def test_agencies_that_differ_both_stand_and_the_question_stays_open() -> None:
    """Nobody's word is taken out, and no newest one decides between agencies."""
    picture = made(
        offence(),
        done("yes", POLICE, 20, prosecutor_told=True),
        done("no", COUNCIL, 30, prosecutor_told=False),
    )
    found = standing(picture, OffenceQuestion.PROSECUTOR)
    assert [(item.agency, item.says) for item in found.answers] == [(POLICE, "yes"), (COUNCIL, "no")]
    assert (found.is_open, found.differs) == (True, True)
    assert "Agencies differ here: Prosecutor. Both stand; ask those who say it." in picture.victim_and_offender.prompts
    (point,) = picture.disagreements
    assert point.point == "Agencies say differently what was done about an offence: Prosecutor"
    assert [(position.agency, position.text, position.evidence) for position in point.positions] == [
        (POLICE, "Prosecutor: told of the exploitation", (fid("yes"),)),
        (COUNCIL, "Prosecutor: not told of the exploitation", (fid("no"),)),
    ]
    page = render_page(picture)
    assert "agencies differ" in page


def test_of_one_agency_the_newest_counts_and_the_earlier_stands() -> None:
    picture = made(
        offence(),
        done("no", COUNCIL, 20, prosecutor_told=False, defence_told=True),
        done("yes", COUNCIL, 30, prosecutor_told=True),
    )
    found = standing(picture, OffenceQuestion.PROSECUTOR)
    assert [item.says for item in found.answers] == ["no", "yes"]
    assert (found.is_open, found.differs) == (False, False)
    assert picture.disagreements == ()
    assert not standing(picture, OffenceQuestion.DEFENCE).is_open, "what the newer record leaves out is not taken back"


def test_one_offence_answered_leaves_the_other_open() -> None:
    picture = made(offence("o"), offence("p"), done("d", COUNCIL, 20, **ALL_DONE))
    assert standing(picture, OffenceQuestion.PROSECUTOR).is_open
    both = made(offence("o"), offence("p"), done("d", COUNCIL, 20, **ALL_DONE), done("e", POLICE, 30, "p", **ALL_DONE))
    assert not standing(both, OffenceQuestion.PROSECUTOR).is_open


def test_a_newer_version_of_the_offence_keeps_what_was_done_about_it() -> None:
    newer = offence("o2", version=2, supersedes="o", index=40)
    picture = made(offence("o"), done("d", COUNCIL, 20, **ALL_DONE), newer)
    found = standing(picture, OffenceQuestion.PROSECUTOR)
    assert (found.is_open, found.answers[0].offence) == (False, fid("o2"))


def test_what_follows_an_offence_that_was_not_opened_stands_and_answers_nothing() -> None:
    picture = made(offence(), done("d", COUNCIL, 20, "elsewhere", **ALL_DONE))
    found = standing(picture, OffenceQuestion.PROSECUTOR)
    assert (found.is_open, found.answers[0].about) == (True, "")
    assert "about an offence that you have not opened" in render_page(picture)


def test_after_the_referral_it_asks_whether_the_prosecutor_knows_until_somebody_says_so() -> None:
    told = done("d", COUNCIL, 20, prosecutor_told=True)
    referred = at_stage(case_view([offence()]), CaseStage.REFERRED)
    assert any("Do police and prosecutor know it" in text for text in assemble(referred).victim_and_offender.prompts)
    after = at_stage(case_view([offence(), told]), CaseStage.REFERRED)
    assert not any("National Referral" in text for text in assemble(after).victim_and_offender.prompts)
    closed = at_stage(case_view([offence()]), CaseStage.CLOSED)
    assert ask_of_offences(closed, assemble(closed).victim_and_offender) is None


def test_the_form_is_one_step_from_the_offence_for_who_may_write_it() -> None:
    picture = made(offence(), offence("v", role="victim"))
    links = PageLinks("/f/", "/c", "/e", follow={"offence": "/write/offence_answer?follows="})
    page = render_body(picture, Framing(links))
    assert f'href="/write/offence_answer?follows={fid("o")}"' in page
    assert f"follows={fid('v')}" not in page, "at an offence against the child there is nothing of this to record"
    assert "offence_answer" not in render_page(picture)


def test_any_shape_stops_nothing() -> None:
    """Another agency's software may write anything into these fields."""
    odd = {
        "hub_Follows": value(fid("o")),
        "hub_ProsecutorTold": value("perhaps"),
        "hub_CourtStanding": value("date_set"),
        "hub_NextCourtDate": value("soon"),
        "hub_DefenceTold": value(7),
    }
    strange = opened("x", HEALTH, Category.OFFENCE, record(Category.OFFENCE, "x", odd), index=20)
    itself = opened(
        "y", HEALTH, Category.OFFENCE, record(Category.OFFENCE, "y", {**odd, "hub_Follows": value(fid("y"))})
    )
    picture = made(offence(), strange, itself)
    assert all(item.is_open for item in picture.victim_and_offender.standings)
    assert render_page(picture)
    assert picture.to_json()["victim_and_offender"]["next_court_date"] == ""
