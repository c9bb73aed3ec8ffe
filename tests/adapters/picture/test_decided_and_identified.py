"""What is decided is not shown as to be decided; the first 72 hours count from who knew first."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from lxml import html

from adapters.picture.clocks import Clock, ClockKind, ClockState, clocks_to_watch
from adapters.picture.glance import at_a_glance
from adapters.picture.missing import answers_for_returns
from adapters.picture.model import Picture, assemble
from adapters.picture.page import Framing, PageLinks, render_body
from adapters.picture.referral import Referral
from adapters.picture.view import OpenedFragment
from policies.model import AgencyId, MemberId, Recipient
from policies.vocabulary import CaseStage, Category
from tests.adapters.picture.invented_case import AT, COUNCIL, POLICE, case_view, opened, record, value
from tests.adapters.picture.test_case_clocks import by_panel, decided, held, missing, protected

PROTECTION = ClockKind.POLICE_PROTECTION_72H
REFERRED = datetime(2026, 5, 10, 9, 0, tzinfo=UTC)


def picture(*items: OpenedFragment, at: datetime = AT, stage: CaseStage = CaseStage.REFERRED) -> Picture:
    """The picture of a referred case of which only these were opened."""
    referral: Referral = by_panel(REFERRED)
    view = case_view(items, at=at, opened_at=REFERRED, referral=referral)
    return assemble(replace(view, case=replace(view.case, membership=replace(view.case.membership, case_stage=stage))))


def decision(name: str, *said: str, by: str = COUNCIL) -> OpenedFragment:
    return opened(name, by, Category.DECISION, decided(*said))


def meeting(question: str, on: str) -> OpenedFragment:
    fields = {"hub_Question": value(question), "hub_HeldOn": value(on)}
    return opened("meeting", COUNCIL, Category.MEETING, record(Category.MEETING, "Panel meeting", fields, start=on))


def concern(on: str, *, seen: bool = True) -> OpenedFragment:
    said = {
        "concern": value("Older friends", code="CTL01"),
        "presence": value("present" if seen else "looked_for_not_seen"),
    }
    return opened(
        "concern", COUNCIL, Category.CONCERN, record(Category.CONCERN, "Concern", {"hub_Concern": [said]}, start=on)
    )


def clock_of(found: Picture, kind: ClockKind) -> Clock:
    (clock,) = [clock for clock in found.clocks if clock.kind is kind]
    return clock


def glance(found: Picture, section: str) -> str:
    (line,) = [line for line in at_a_glance(found) if line.section == section]
    return " ".join(line.sentences)


def text(found: Picture) -> str:
    body = render_body(found, Framing(PageLinks("/f/", "/c", "/e"), {}))
    return " ".join(html.fromstring(str(body)).text_content().split())


def test_a_decided_question_is_not_to_be_decided() -> None:
    """The clock says what was decided and when; conclusive grounds are what is left, with the days since."""
    before = picture(meeting("rg", "2026-05-20"))
    assert before.question.still_open == "rg"
    assert clock_of(before, ClockKind.RG_PILOT).state is ClockState.WARNING
    found = picture(meeting("rg", "2026-05-20"), decision("d", "positive", "2026-05-21"))
    assert [(row.outcome, row.held_on) for row in found.question.decided] == [("positive", "2026-05-21")]
    assert found.question.still_open == "cg"
    said = glance(found, "question")
    assert said.startswith("Decided: positive on reasonable grounds, 21 May 2026, by the record of Northshire Council.")
    assert "Still to decide: conclusive grounds." in said
    clock = clock_of(found, ClockKind.RG_PILOT)
    assert clock.state is ClockState.MET
    assert clock.words == "Decided on 21 May 2026: positive on reasonable grounds."
    assert clock.statement is not None
    since = clock_of(found, ClockKind.CONCLUSIVE_GROUNDS)
    assert (since.state, since.day, since.due) == (ClockState.RUNNING, 11, "")
    assert since.words.startswith("11 days since the positive decision on reasonable grounds")
    page = text(found)
    assert "Decided so far, by the records you opened" in page
    assert "Still to decide: Conclusive grounds." in page
    assert "The newest meeting put" not in page


def test_a_question_that_is_put_again_is_open_again() -> None:
    found = picture(decision("d", "negative", "2026-05-15"), meeting("rg", "2026-05-25"))
    assert found.question.still_open == "rg"
    assert glance(found, "question").startswith(
        "Decided: negative on reasonable grounds, 15 May 2026, by the record of Northshire Council."
    )


def test_a_late_decision_is_said_to_be_late() -> None:
    found = picture(decision("d", "negative", "2026-06-28"), at=AT + timedelta(days=40))
    assert clock_of(found, ClockKind.RG_PILOT).words.startswith("Decided on 28 June 2026, after its time: negative")


def test_a_decision_of_before_the_referral_ends_no_clock() -> None:
    found = picture(decision("d", "negative", "2026-05-02"))
    assert clock_of(found, ClockKind.RG_PILOT).state is ClockState.WARNING


def test_records_of_two_agencies_that_differ_both_stand() -> None:
    found = picture(decision("a", "positive", "2026-05-21"), decision("b", "negative", "2026-05-22", by=POLICE))
    assert {row.outcome for row in found.question.decided} == {"positive", "negative"}
    words = clock_of(found, ClockKind.RG_PILOT).words
    assert "22 May 2026: negative" in words
    assert "21 May 2026: positive" in words
    assert "The records of different agencies differ." in words


def test_both_questions_decided_leave_none() -> None:
    found = picture(decision("d", "positive", "2026-05-21", "rg_and_cg"))
    assert found.question.still_open == ""
    assert len(found.question.decided) == 1
    assert clock_of(found, ClockKind.CONCLUSIVE_GROUNDS).state is ClockState.MET
    assert "No further question is open" in glance(found, "question")


@pytest.mark.parametrize("order", [("rg", "cg"), ("cg", "rg")])
def test_a_positive_answer_to_one_question_hides_no_negative_one_to_the_other(order: tuple[str, str]) -> None:
    negative, positive = order
    found = picture(
        decision("n", "negative", "2026-05-20", negative), decision("p", "positive", "2026-05-28", positive)
    )
    assert clock_of(found, ClockKind.RECONSIDERATION).began == "2026-05-20"


def test_the_first_72_hours_count_from_the_earliest_concern() -> None:
    found = picture(concern("2026-05-02"))
    clock = clock_of(found, ClockKind.RISK_WINDOW_72H)
    assert (clock.label, clock.state, clock.due) == ("First 72 hours", ClockState.OVER, "2026-05-05")
    assert clock.began_words == "from the earliest concern you opened, 2 May 2026"
    assert ", 30 days since it began." in clock.words
    assert "You opened no record of a strategy discussion since." in clock.words
    assert "That is 30 days ago." in text(found)


def test_a_concern_of_a_month_is_no_number_of_days_ago() -> None:
    found = picture(concern("2026-03"))
    assert clock_of(found, ClockKind.RISK_WINDOW_72H).state is ClockState.UNKNOWN
    assert found.safety.days_since is None
    assert not re.search(r"That is \d+ days? ago", text(found))


@pytest.mark.parametrize(
    "item", [concern("2026-05-30"), concern("2026-05-02", seen=False), meeting("rg", "2026-05-02")]
)
def test_without_an_earlier_concern_they_count_from_the_opening_and_say_so(item: OpenedFragment) -> None:
    clock = clock_of(picture(item), ClockKind.RISK_WINDOW_72H)
    assert clock.label == "First 72 hours since this case was opened"
    assert "somebody may have known before" in clock.began_words


@pytest.mark.parametrize(
    ("day", "after"),
    [("2026-05-04", "2 days"), ("2026-05-20", "18 days"), ("2026-05-05", "3 days"), ("2026-05-06", "4 days")],
)
def test_a_discussion_that_was_held_is_what_they_wait_for(day: str, after: str) -> None:
    talk = opened("talk", COUNCIL, Category.STRATEGY_DISCUSSION, held(day, True))
    found = picture(concern("2026-05-02"), talk)
    clock = clock_of(found, ClockKind.RISK_WINDOW_72H)
    assert clock.state is ClockState.MET
    late = " The first 72 hours were over by then." if day > "2026-05-05" else ""
    assert clock.words.endswith(f"{after} after.{late}")
    early = opened("talk", COUNCIL, Category.STRATEGY_DISCUSSION, held("2026-05-01", True))
    assert clock_of(picture(concern("2026-05-02"), early), ClockKind.RISK_WINDOW_72H).state is ClockState.OVER


def test_a_time_without_a_zone_is_that_of_clocks_in_the_uk() -> None:
    """Police protection is a legal maximum: in summer UTC would show it an hour too long."""
    item = opened("p", POLICE, Category.PLACEMENT, protected("2026-05-30T10:00"))
    clock = clock_of(picture(item), ClockKind.POLICE_PROTECTION_72H)
    assert clock.due == "2026-06-02T09:00:00Z"
    assert "2 June 2026, 10:00 BST" in clock.words


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-10-24T10:00", "2026-10-27T09:00:00Z"),
        ("2026-03-28T10:00", "2026-03-31T10:00:00Z"),
        ("2026-10-25T01:30", "2026-10-28T00:30:00Z"),
        ("2026-03-29T01:30", "2026-04-01T01:30:00Z"),
    ],
)
def test_72_hours_are_72_hours_when_clocks_change(start: str, due: str) -> None:
    """Of a time that comes twice the earlier one counts; one that does not exist is of the clock before it changed."""
    at = datetime.fromisoformat(f"{start}:00+00:00") + timedelta(hours=30)
    clock = clock_of(picture(opened("p", POLICE, Category.PLACEMENT, protected(start)), at=at), PROTECTION)
    assert clock.due == due


def test_protection_whose_time_is_over_is_said_to_have_ended_by_law() -> None:
    item = opened("p", POLICE, Category.PLACEMENT, protected("2026-05-20T10:00"))
    words = clock_of(picture(item), PROTECTION).words
    assert "It ended then by law; no record that you opened says what followed." in words


def test_another_agencys_positive_record_hides_no_negative_one() -> None:
    """Where records differ nobody loses the days in which to ask again."""
    found = picture(decision("n", "negative", "2026-05-20"), decision("p", "positive", "2026-05-22", by=POLICE))
    assert clock_of(found, ClockKind.RECONSIDERATION).began == "2026-05-20"


def referred(on: str) -> OpenedFragment:
    fields = {
        "cas_ReferredOrganisation": value("Return interview"),
        "cas_OutgoingReferralDate": value(on),
        "hub_ActionState": value("accepted"),
    }
    content = record(Category.SERVICE_REFERRAL, "Referral", fields, start=on)
    return opened("referral", COUNCIL, Category.SERVICE_REFERRAL, content)


def test_the_return_interview_says_what_else_is_on_record_and_who_can_tell() -> None:
    away = opened("one", POLICE, Category.MISSING_EPISODE, missing("2026-05-20"))
    alone = clock_of(picture(away), ClockKind.RHI_72H)
    assert alone.words.endswith("No record that you opened says that it was offered. Record whether it was.")
    sent = clock_of(picture(away, referred("2026-05-21")), ClockKind.RHI_72H).words
    assert "A referral to one is on record: accepted, 21 May 2026." in sent
    assert "No record that you opened" not in sent
    before = clock_of(picture(away, referred("2026-05-11")), ClockKind.RHI_72H).words
    assert "No record that you opened says that it was offered." in before
    view = case_view([away], reader=Recipient(AgencyId(POLICE), MemberId("cd" * 16)))
    (clock,) = [clock for clock in assemble(view).clocks if clock.kind is ClockKind.RHI_72H]
    assert clock.words.endswith("Ask the council.")
    assert not answers_for_returns(view)
    assert answers_for_returns(case_view([away]))


def test_the_place_that_a_discussion_chose_stands_first_under_where_the_child_stays() -> None:
    places = [
        {"option": value("A foster family two towns away"), "is_chosen": value("yes"), "why": value("Far from them")},
        {"option": value("Her aunt"), "is_chosen": value("no"), "why": value("They know the address")},
    ]
    fields = {**held("2026-05-20", True)["fields"], "hub_PlacementOption": places}  # type: ignore[dict-item]
    talk = record(Category.STRATEGY_DISCUSSION, "Held", fields, start="2026-05-20")
    old = record(Category.PLACEMENT, "Looked after from 2026-02-26", {}, start="2026-02-26")
    found = picture(
        opened("talk", COUNCIL, Category.STRATEGY_DISCUSSION, talk), opened("old", COUNCIL, Category.PLACEMENT, old)
    )
    (topic,) = [topic for topic in found.safety.topics if topic.name == "staying"]
    said = [statement.text for statement in topic.statements]
    assert said[0] == "Chosen in the strategy discussion of 20 May 2026: A foster family two towns away"
    assert len(said) == 2


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ({"start": value("2025-09-01")}, "since 1 September 2025"),
        ({"start": value("2025-09-01"), "end": value("2027-01-31")}, "1 September 2025 to 31 January 2027"),
    ],
)
def test_an_address_says_since_when_where_its_record_does(ends: dict[str, Any], words: str) -> None:
    fields = {
        "prs_MailingStreet": value("7 Nowhere Lane"),
        "hub_Period": [{"field": value("prs_Mailing"), **ends}],
    }
    known = opened("known", COUNCIL, Category.CONTACT, record(Category.CONTACT, "Address", fields))
    only = {"prs_MailingStreet": value("8 Nowhere Lane")}
    undated = opened("undated", POLICE, Category.CONTACT, record(Category.CONTACT, "Address", only))
    (topic,) = [topic for topic in picture(known, undated).safety.topics if topic.name == "staying"]
    said = sorted(statement.text for statement in topic.statements)
    assert said == [
        f"Address: 7 Nowhere Lane (at this address, by the record: {words})",
        "Address: 8 Nowhere Lane (no date in the source; it may not be where the child is now)",
    ]


def test_police_protection_that_ended_today_runs_no_more() -> None:
    content = dict(protected("2026-05-30"))
    for end, runs in ((AT.date().isoformat(), False), ("2026-06-02", True), (None, True)):
        observed: dict[str, Any] = {"from": "2026-05-30", **({"to": end} if end else {})}
        item = opened("p", POLICE, Category.PLACEMENT, {**content, "observed": observed})
        found = [clock.kind for clock in picture(item).clocks]
        assert (ClockKind.POLICE_PROTECTION_72H in found) is runs, end


def test_an_earlier_return_whose_time_runs_does_not_vanish() -> None:
    first = opened("one", POLICE, Category.MISSING_EPISODE, missing("2026-05-31"))
    second = opened("two", POLICE, Category.MISSING_EPISODE, missing("2026-06-01"))
    old = opened("old", POLICE, Category.MISSING_EPISODE, missing("2026-05-21"))
    older = opened("older", POLICE, Category.MISSING_EPISODE, missing("2026-04-21"))
    found = [clock for clock in picture(first, second, old, older).clocks if clock.kind is ClockKind.RHI_72H]
    assert [clock.began for clock in found] == ["2026-06-01", "2026-05-31", "2026-05-21"]
    assert [clock.state is ClockState.OVER for clock in found] == [False, False, True], "what ran out is said once"


def test_what_is_met_asks_nobody() -> None:
    found = picture(meeting("rg", "2026-05-20"), decision("d", "positive", "2026-05-21"))
    watched = clocks_to_watch(found.clocks, CaseStage.REFERRED)
    assert ClockState.MET in {clock.state for clock in watched}
    assert not [clock for clock in watched if clock.state is ClockState.MET and re.search("left", clock.words)]


def test_what_a_discussion_agreed_stands_in_the_plan_with_its_day() -> None:
    done = [
        {"action": value("Look for the car"), "owner": value(POLICE), "due": value("2026-05-22")},
        {"action": value("Tell her"), "owner": value(COUNCIL), "due": value("2026-07-01")},
    ]
    fields = {**held("2026-05-20", True)["fields"], "hub_DiscussionAction": done}  # type: ignore[dict-item]
    content = record(Category.STRATEGY_DISCUSSION, "Held", fields, start="2026-05-20")
    found = picture(opened("talk", COUNCIL, Category.STRATEGY_DISCUSSION, content))
    body = html.fromstring(str(render_body(found, Framing(PageLinks("/f/", "/c", "/e"), {}))))
    (table,) = [item for item in body.xpath("//table") if "Actions, referrals" in item.findtext("caption")]
    rows = [" ".join(row.text_content().split()) for row in table.xpath(".//tbody/tr")]
    assert "took place" in rows[0]
    assert "Look for the car" in rows[1]
    assert "22 May 2026 its day is over" in rows[1]
    assert "its day is over" not in rows[2]
