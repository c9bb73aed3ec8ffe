"""The clocks of a case: each starts by its own record, ends by its own rule, and says what it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from invented_case import AT, COUNCIL, HEALTH, OPENED_AT, POLICE, SCHOOL, case_view, opened, record, value

from adapters.picture.clocks import (
    Clock,
    ClockKind,
    ClockState,
    add_working_days,
    case_clocks,
    clocks_to_watch,
    load_rules,
)
from adapters.picture.model import assemble
from adapters.picture.offences import SECTION_45
from adapters.picture.page import render_page
from adapters.picture.referral import Referral
from policies.vocabulary import AgePath, CaseStage, Category


def clocks(*records: dict[str, object], category: Category = Category.PLACEMENT, at: datetime = AT) -> list[Clock]:
    """The clocks of a case of which only these records were opened."""
    items = [opened(f"one-{number}", COUNCIL, category, item) for number, item in enumerate(records)]
    return list(assemble(case_view(items, at=at)).clocks)


def one(found: list[Clock], kind: ClockKind) -> Clock:
    (clock,) = [clock for clock in found if clock.kind is kind]
    return clock


def kinds(found: list[Clock]) -> list[ClockKind]:
    return [clock.kind for clock in found]


def protected(start: str) -> dict[str, object]:
    status = value("Police protection", "/ep[1]", code="L1", scheme="ssda903-ls")
    return record(Category.PLACEMENT, "Placement", {"hub_Placement": [{"legal_status": status}]}, start=start)


def missing(end: str) -> dict[str, object]:
    return record(Category.MISSING_EPISODE, "Missing episode", {}, start="2026-05-20", end=end)


def decided(outcome: str, held_on: str, question: str = "rg") -> dict[str, object]:
    fields = {"hub_Question": value(question), "hub_Outcome": value(outcome), "hub_HeldOn": value(held_on)}
    return record(Category.DECISION, "Decision", fields, start=held_on)


def test_three_clocks_of_72_hours_are_three() -> None:
    """The same length from three different moments; none of them stands in for another."""
    found = list(assemble(case_view()).clocks)
    hours = [clock for clock in found if load_rules()[clock.kind].hours == 72]
    assert kinds(hours) == [ClockKind.RISK_WINDOW_72H, ClockKind.POLICE_PROTECTION_72H, ClockKind.RHI_72H]
    assert len({clock.began for clock in hours}) == 3
    assert all(clock.is_unconfirmed for clock in hours)


@pytest.mark.parametrize(
    ("after", "state", "words"),
    [
        (timedelta(hours=1), ClockState.RUNNING, "71 hours left, until 21 May 2026, 09:00 BST."),
        (timedelta(hours=71, minutes=59), ClockState.RUNNING, "Less than an hour left, until 21 May 2026, 09:00 BST."),
        (timedelta(hours=72), ClockState.OVER, "Time ran out on 21 May 2026, 09:00 BST."),
    ],
)
def test_the_risk_window_counts_from_the_opening(after: timedelta, state: ClockState, words: str) -> None:
    (clock,) = case_clocks(OPENED_AT, None, CaseStage.BEFORE_REFERRAL, OPENED_AT + after)
    assert (clock.state, clock.words, clock.due) == (state, words, "2026-05-21T08:00:00Z")


def test_police_protection_counts_from_the_records_own_moment() -> None:
    clock = one(clocks(protected("2026-05-30T20:15:00+01:00")), ClockKind.POLICE_PROTECTION_72H)
    assert (clock.state, clock.due) == (ClockState.RUNNING, "2026-06-02T19:15:00Z")
    assert clock.words.startswith("33 hours left")
    assert clock.statement is not None


def by_panel(at: datetime, path: AgePath = AgePath.CHILD) -> Referral:
    """A referral of a case that lists a panel."""
    return Referral(at, path, has_panel=True)


def test_a_day_without_a_time_gives_no_time() -> None:
    """Nothing is filled up: the end is a day, and the page says why."""
    clock = one(clocks(protected("2026-05-30")), ClockKind.POLICE_PROTECTION_72H)
    assert clock.due == "2026-06-02"
    assert clock.words == "1 day left, until 2 June 2026. The record gives no time of day."


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2026-05", "The record does not give the day it began."),
        ("2026-06-02", "The record gives a day that is still to come."),
        ("9999-12-31", "The record gives a day that is still to come."),
    ],
)
def test_what_cannot_be_counted_is_said(start: str, words: str) -> None:
    clock = one(clocks(protected(start)), ClockKind.POLICE_PROTECTION_72H)
    assert (clock.state, clock.due, clock.words) == (ClockState.UNKNOWN, "", words)


def test_a_time_that_is_none_leaves_the_day() -> None:
    """A record may hold any text in the form of a time."""
    clock = one(clocks(protected("2026-05-30T77:15:00Z")), ClockKind.POLICE_PROTECTION_72H)
    assert clock.due == "2026-06-02"


def test_the_return_interview_counts_from_the_newest_return() -> None:
    found = clocks(missing("2026-05-25"), missing("2026-05-31"), category=Category.MISSING_EPISODE)
    runs, over = [clock for clock in found if clock.kind is ClockKind.RHI_72H]
    assert (runs.began, runs.due, runs.state) == ("2026-05-31", "2026-06-03", ClockState.RUNNING)
    assert (over.began, over.state) == ("2026-05-25", ClockState.OVER), "the newer one does not hide that it ran out"


def test_an_episode_without_an_end_starts_no_return() -> None:
    unended = record(Category.MISSING_EPISODE, "Missing episode", {}, start="2026-05-31")
    assert ClockKind.RHI_72H not in kinds(clocks(unended, category=Category.MISSING_EPISODE))


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (0, ClockState.RUNNING, "Day 0 of 45; 45 days left"),
        (20, ClockState.RUNNING, "Day 20 of 45; 25 days left"),
        (21, ClockState.WARNING, "Day 21 of 45; 24 days left"),
        (45, ClockState.WARNING, "Day 45 of 45; it ends today"),
        (46, ClockState.OVER, "Time ran out on"),
    ],
)
def test_the_pilots_decision_is_counted_in_days(days: int, state: ClockState, words: str) -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    found = case_clocks(at, by_panel(at), CaseStage.REFERRED, at + timedelta(days=days))
    clock = one(list(found), ClockKind.RG_PILOT)
    assert (clock.state, clock.day) == (state, days)
    assert clock.words.startswith(words)


@pytest.mark.parametrize("stage", [CaseStage.BEFORE_REFERRAL, CaseStage.DECIDED, CaseStage.CLOSED])
def test_only_a_referred_case_waits_for_a_decision(stage: CaseStage) -> None:
    found = case_clocks(OPENED_AT, by_panel(OPENED_AT), stage, AT)
    assert kinds(list(found)) == [ClockKind.RISK_WINDOW_72H]


@pytest.mark.parametrize("stage", list(CaseStage))
def test_what_ran_out_and_asks_for_nothing_is_no_more_watched(stage: CaseStage) -> None:
    """Once a case is decided nobody owes anything by its first 72 hours; while they run they are watched."""
    is_over = stage in (CaseStage.DECIDED, CaseStage.CLOSED)
    for after, is_watched in ((timedelta(hours=71), True), (timedelta(hours=72), not is_over)):
        found = case_clocks(OPENED_AT, None, stage, OPENED_AT + after)
        assert kinds(list(found)) == [ClockKind.RISK_WINDOW_72H], "the picture still says so"
        assert bool(clocks_to_watch(found, stage)) is is_watched
    negative = [decided("negative", "2026-04-20")]
    late = [clock for clock in clocks(*negative, category=Category.DECISION) if clock.statement is not None]
    assert [clock.state for clock in late] == [ClockState.OVER]
    assert bool(clocks_to_watch(late, stage)) is (stage is not CaseStage.CLOSED)
    protection = [clock for clock in clocks(protected("2026-05-20")) if clock.statement is not None]
    assert [clock.state for clock in protection] == [ClockState.OVER]
    assert clocks_to_watch(protection, stage) == tuple(protection), "police protection that runs on is nobody's past"


@pytest.mark.parametrize(
    ("start", "count", "due"),
    [
        (date(2026, 4, 2), 1, date(2026, 4, 7)),  # Good Friday and Easter Monday
        (date(2026, 12, 24), 1, date(2026, 12, 29)),  # Boxing Day is a Saturday: its Monday instead
        (date(2027, 12, 24), 5, date(2028, 1, 5)),  # Christmas, and the first day of a year on a Saturday
        (date(2026, 8, 28), 5, date(2026, 9, 7)),
    ],
)
def test_working_days_pass_over_bank_holidays(start: date, count: int, due: date) -> None:
    assert add_working_days(start, count) == due


def test_working_days_pass_over_the_weekend() -> None:
    friday = date(2026, 5, 29)
    assert add_working_days(friday, 1) == date(2026, 6, 1)
    assert add_working_days(friday, 5) == date(2026, 6, 5)
    assert add_working_days(friday, 15) == date(2026, 6, 19)


def test_a_negative_decision_starts_reconsideration_and_a_later_one_ends_it() -> None:
    negative, positive = decided("negative", "2026-05-20"), decided("positive", "2026-05-28")
    clock = one(clocks(negative, category=Category.DECISION), ClockKind.RECONSIDERATION)
    assert (clock.due, clock.day) == ("2026-06-19", 12)
    assert ClockKind.RECONSIDERATION not in kinds(clocks(negative, positive, category=Category.DECISION))
    assert ClockKind.RECONSIDERATION in kinds(
        clocks(negative, decided("adjourn", "2026-05-28"), category=Category.DECISION)
    )


def held(day: str, is_met: bool | None) -> dict[str, object]:
    """A strategy discussion that was held; None: it does not say whether the threshold is met."""
    fields = {"hub_HeldOn": value(day)} | ({} if is_met is None else {"hub_ThresholdMet": value(is_met)})
    return record(Category.STRATEGY_DISCUSSION, "Held", fields, start=day)


def of_discussions(*records: dict[str, object]) -> list[Clock]:
    return clocks(*records, category=Category.STRATEGY_DISCUSSION)


def of_enquiry(discussion: dict[str, object] | None = None, **said: object) -> list[Clock]:
    """The clocks of a section 47 enquiry of 20 May, beside a discussion."""
    part = {"kind": value("section_47"), "start": value("2026-05-20"), **said}
    enquiry = record(Category.ASSESSMENT, "Enquiry", {"hub_Assessment": [part]}, start="2026-05-20")
    items = [opened("enquiry", COUNCIL, Category.ASSESSMENT, enquiry)]
    if discussion is not None:
        items.append(opened("discussion", COUNCIL, Category.STRATEGY_DISCUSSION, discussion))
    return list(assemble(case_view(items)).clocks)


def test_the_conference_counts_from_the_newest_discussion_that_found_the_threshold_met() -> None:
    clock = one(of_discussions(held("2026-05-18", True), held("2026-05-22", True)), ClockKind.INITIAL_CONFERENCE)
    assert (clock.began, clock.due) == ("2026-05-22", "2026-06-15"), "25 May is a bank holiday"
    assert clock.began_words.startswith("from the newest strategy discussion, which found the threshold")
    later = of_discussions(held("2026-05-18", True), held("2026-05-22", None))
    assert one(later, ClockKind.INITIAL_CONFERENCE).began == "2026-05-18", "one that does not say takes nothing back"


@pytest.mark.parametrize(
    "said",
    [
        [("2026-05-22", None)],
        [("2026-05-22", False)],
        [("2026-05-18", True), ("2026-05-22", False)],
    ],
)
def test_no_conference_is_counted_where_the_threshold_was_not_met(said: list[tuple[str, bool | None]]) -> None:
    found = of_discussions(*[held(day, met) for day, met in said])
    assert ClockKind.INITIAL_CONFERENCE not in kinds(found)


@pytest.mark.parametrize(("by", "is_ended"), [(SCHOOL, False), (HEALTH, False), (POLICE, True), (COUNCIL, True)])
def test_another_agencys_word_ends_no_conference(by: str, is_ended: bool) -> None:
    """The police found the threshold met: they, or the council that leads, may find it not met, or settle it."""
    met = opened("met", POLICE, Category.STRATEGY_DISCUSSION, held("2026-05-18", True), index=30)
    not_met = opened("not-met", by, Category.STRATEGY_DISCUSSION, held("2026-05-22", False), index=40)
    part = {"kind": value("section_47"), "start": value("2026-05-20"), "conference": value("2026-06-01")}
    settled = record(Category.ASSESSMENT, "Enquiry", {"hub_Assessment": [part]}, start="2026-05-20")
    for said in (not_met, opened("settled", by, Category.ASSESSMENT, settled, index=40)):
        found = list(assemble(case_view([met, said])).clocks)
        assert (ClockKind.INITIAL_CONFERENCE not in kinds(found)) is is_ended


def test_a_planned_discussion_starts_no_conference() -> None:
    fields = {"hub_DiscussionState": value("planned"), "hub_PlannedFor": value("2026-05-22")}
    planned = record(
        Category.STRATEGY_DISCUSSION, "Planned", fields | {"hub_ThresholdMet": value(True)}, start="2026-05-22"
    )
    assert ClockKind.INITIAL_CONFERENCE not in kinds(of_discussions(planned))


def test_an_enquiry_on_record_starts_the_conference_where_no_discussion_says() -> None:
    """What a council's return says of a section 47 enquiry counts too; a conference held or not needed ends it."""
    clock = one(of_enquiry(), ClockKind.INITIAL_CONFERENCE)
    assert (clock.began, clock.due) == ("2026-05-20", "2026-06-11")
    assert clock.began_words.startswith("from the beginning of the section 47 enquiry on record")
    after = of_enquiry(discussion=held("2026-05-19", False))
    assert one(after, ClockKind.INITIAL_CONFERENCE).began == "2026-05-20"
    assert ClockKind.INITIAL_CONFERENCE not in kinds(of_enquiry(discussion=held("2026-05-21", False)))
    met = of_enquiry(discussion=held("2026-05-19", True))
    assert one(met, ClockKind.INITIAL_CONFERENCE).began == "2026-05-19"
    assert ClockKind.INITIAL_CONFERENCE not in kinds(of_enquiry(kind=value("single_assessment")))


@pytest.mark.parametrize("ends", [{"conference": "2026-06-01"}, {"conference_not_required": True}])
def test_a_conference_that_was_held_or_is_not_needed_is_not_counted(ends: dict[str, object]) -> None:
    said = {name: value(item) for name, item in ends.items()}
    assert ClockKind.INITIAL_CONFERENCE not in kinds(of_enquiry(**said))
    assert ClockKind.INITIAL_CONFERENCE not in kinds(of_enquiry(discussion=held("2026-05-19", True), **said))
    anew = of_enquiry(discussion=held("2026-05-28", True), **said)
    assert one(anew, ClockKind.INITIAL_CONFERENCE).began == "2026-05-28", "of a later one that record says nothing"


def test_the_page_shows_every_clock_with_its_source() -> None:
    view = case_view()
    membership = replace(view.case.membership, case_stage=CaseStage.REFERRED)
    referral = Referral(AT - timedelta(days=30), AgePath.CHILD, has_panel=True)
    view = replace(view, referral=referral, case=replace(view.case, membership=membership))
    picture = assemble(view)
    page = render_page(picture)
    assert len(picture.clocks) >= 5
    for clock in picture.clocks:
        assert f"<strong>{clock.label}:</strong> {clock.words}" in page
        assert clock.rule in page
    assert "Day 30 of 45" in page
    assert {ClockKind.RG_PILOT, ClockKind.EIGHTEENTH_BIRTHDAY} <= set(kinds(list(picture.clocks)))
    assert page.count("unconfirmed: nobody has checked this figure") == sum(c.is_unconfirmed for c in picture.clocks)


def test_a_referral_counts_from_when_this_case_was_marked() -> None:
    """The referral itself may be older than its mark: the words say from which of the two it is counted."""
    referral = Referral(OPENED_AT, AgePath.CHILD, has_panel=False)
    found = case_clocks(OPENED_AT, referral, CaseStage.REFERRED, OPENED_AT)
    for kind in (ClockKind.RG_PILOT, ClockKind.RG_NATIONAL):
        assert one(list(found), kind).began_words.startswith("from when this case was marked as referred, ")


def test_the_risk_window_says_whom_its_figure_is_about() -> None:
    assert "trafficked children go missing within 72 hours of coming into care" in (
        load_rules()[ClockKind.RISK_WINDOW_72H].rule
    )


def test_the_defence_names_both_of_its_parts() -> None:
    for part in ("direct consequence", "a reasonable person in the same situation might have done it"):
        assert part in SECTION_45
