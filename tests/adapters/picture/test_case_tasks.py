"""What an opened case asks of one agency: what is answered or over asks for nothing, and so does what is another's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from invented_case import AT, AUTHOR, COUNCIL, HEALTH, POLICE, SCHOOL, case_view, fid, opened, record, value

from adapters.picture.model import assemble
from adapters.picture.tasks import (
    AskAgain,
    DueAction,
    Invited,
    ask_of_offences,
    list_asking_again,
    list_due_actions,
    list_invitations,
)
from adapters.picture.view import CaseView, OpenedFragment
from adapters.release import authored
from adapters.release.strategy import DiscussionAction, DiscussionState, strategy_discussion
from adapters.release.writing import Coming
from policies.vocabulary import CaseStage, Category, WishesState

TALK = Category.STRATEGY_DISCUSSION
THEN = replace(AUTHOR, written_at=datetime(2026, 5, 30, 10, tzinfo=UTC))
"""Everything is read on 1 June 2026."""


def plan(
    day: date = date(2026, 6, 2),
    *,
    by: str = COUNCIL,
    version: int = 1,
    name: str = "plan",
    agencies: Sequence[str] = (POLICE, HEALTH),
) -> OpenedFragment:
    """An invitation to a strategy discussion."""
    content = strategy_discussion(
        THEN,
        held_on=day,
        agencies=agencies,
        state=DiscussionState.PLANNED,
        starts_at="14:30",
        how_to_join="By call",
        reasons="The child was found again",
    )
    older = None if version == 1 else "plan"
    return opened(name, by, TALK, content, index=20 + version, version=version, supersedes=older)


def held(*actions: DiscussionAction, quoting: str = "plan", by: str = COUNCIL) -> OpenedFragment:
    content = strategy_discussion(
        THEN,
        held_on=date(2026, 5, 29),
        agencies=[COUNCIL, POLICE],
        threshold_met=True,
        reasons="Harm",
        next_steps="An enquiry",
        discussion_actions=actions,
        derived_from=[fid(quoting)],
    )
    return opened("held", by, TALK, content, index=40)


def answer(to: str = "plan", by: str = HEALTH) -> OpenedFragment:
    content = authored.answer(THEN, to_request=fid(to), text="We take part by call", coming=Coming.REMOTELY)
    return opened(f"answer-{by}", by, Category.ANSWER, content, index=30)


def invitations(*items: OpenedFragment, agency: str = HEALTH, at: datetime = AT) -> tuple[Invited, ...]:
    return list_invitations(case_view(items, at=at), agency)


# --- invitations ---


def test_an_invitation_waits_for_whom_it_invites() -> None:
    found = invitations(plan())
    assert found == (Invited(fid("plan"), COUNCIL, "2026-06-02", "14:30", "The child was found again"),)
    assert invitations(plan(), agency="northshire-school") == ()
    assert invitations(plan(by=HEALTH)) == (), "who calls a discussion together invites nobody of their own"


@pytest.mark.parametrize(
    "answered",
    [
        [answer()],
        [held()],
        [opened("view", HEALTH, Category.STRATEGY_DISCUSSION, {**record(TALK, "Ours", {}), "derived_from": [fid("plan")]}, index=31)],  # noqa: E501
        [opened("not", COUNCIL, TALK, record(TALK, "Not held", {"hub_DiscussionState": value("not_held"), "hub_Follows": value(fid("plan"))}), index=31)],  # noqa: E501
    ],
)  # fmt: skip
def test_an_invitation_that_was_answered_or_came_to_something_waits_no_more(answered: list[OpenedFragment]) -> None:
    assert invitations(plan(), *answered) == ()


@pytest.mark.parametrize("other", [answer(by=POLICE), answer(to="something else"), held(quoting="another plan")])
def test_what_others_write_answers_for_nobody_else(other: OpenedFragment) -> None:
    assert len(invitations(plan(), other)) == 1


@pytest.mark.parametrize("other", [SCHOOL, POLICE])
def test_a_third_agency_ends_no_invitation_and_no_plan(other: str) -> None:
    """Not even one that is invited itself: what came of a plan says whoever called it together."""
    not_held = record(TALK, "No", {"hub_DiscussionState": value("not_held"), "hub_Follows": value(fid("plan"))})
    for said in (held(by=other), opened("not", other, TALK, not_held, index=31)):
        view = case_view([plan(), said])
        assert len(list_invitations(view, HEALTH)) == 1
        (planned,) = [row for row in assemble(view).plan if row.statement.provenance.fragment == fid("plan")]
        assert planned.discussion is not None
        assert (planned.discussion.came_of_it, planned.discussion.invites(HEALTH)) == ((), True)


def test_an_answer_to_something_else_that_quotes_the_plan_is_no_answer_to_it() -> None:
    quoting = authored.answer(THEN, to_request=fid("request"), text="We hold nothing", derived_from=[fid("plan")])
    assert len(invitations(plan(), opened("answer", HEALTH, Category.ANSWER, quoting, index=30))) == 1
    plain = authored.answer(THEN, to_request=fid("plan"), text="What is this about?")
    assert len(invitations(plan(), opened("answer", HEALTH, Category.ANSWER, plain, index=30))) == 1


def test_an_invitation_waits_until_its_day_is_over() -> None:
    """On the day itself it still waits; a newer version of it is the one that counts."""
    assert len(invitations(plan(), at=datetime(2026, 6, 2, 22, tzinfo=UTC))) == 1
    # 23:30 UTC is the next day already by clocks in the UK.
    assert invitations(plan(), at=datetime(2026, 6, 2, 23, 30, tzinfo=UTC)) == ()
    newer = plan(date(2026, 6, 9), version=2, name="plan-again")
    assert [item.day for item in invitations(plan(), newer)] == ["2026-06-09"]
    assert invitations(plan(), plan(version=2, name="plan-again", agencies=[POLICE])) == (), "not invited any more"


# --- actions ---


def action(due: str, *, owner: str = HEALTH, state: str = "planned", by: str = COUNCIL, **more: Any) -> OpenedFragment:
    fields = {"hub_Action": value("See a doctor"), "hub_Owner": value(owner), "hub_ActionState": value(state)}
    content = record(Category.SAFEGUARDING_ACTION, "An action", fields | {"hub_Due": value(due)})
    return opened("action", by, Category.SAFEGUARDING_ACTION, {**content, **more}, index=50)


def actions(*items: OpenedFragment, agency: str = HEALTH) -> tuple[DueAction, ...]:
    view = case_view(items)
    return list_due_actions(view, assemble(view).plan, agency)


@pytest.mark.parametrize(
    ("due", "is_listed", "is_overdue"),
    [
        ("2026-05-31", True, True),
        ("2026-06-01", True, False),
        ("2026-06-08", True, False),
        ("2026-06-09", False, False),
        ("2026-06", False, False),
        ("soon", False, False),
        ("", False, False),
    ],
)
def test_an_action_is_listed_from_a_week_before_its_day(due: str, is_listed: bool, is_overdue: bool) -> None:
    found = actions(action(due))
    assert bool(found) is is_listed
    if is_listed:
        assert found == (DueAction(fid("action"), "See a doctor", due, is_overdue, is_of_discussion=False),)


@pytest.mark.parametrize(
    ("state", "is_listed"), [("in_progress", True), ("done", False), ("not_done", False), ("", False)]
)
def test_only_what_is_still_to_do_is_due(state: str, is_listed: bool) -> None:
    assert bool(actions(action("2026-05-31", state=state))) is is_listed


def test_another_agencys_action_is_not_ours() -> None:
    assert actions(action("2026-05-31", owner=POLICE)) == ()
    assert len(actions(action("2026-05-31", owner=POLICE), agency=POLICE)) == 1


def test_what_a_discussion_agreed_on_is_due_until_its_owner_has_written_of_it() -> None:
    agreed = DiscussionAction("Tell the school nurse", HEALTH, date(2026, 5, 31))
    others = DiscussionAction("Visit", POLICE, date(2026, 5, 31))
    later = DiscussionAction("Look again", HEALTH, date(2026, 6, 30))
    found = actions(held(agreed, others, later))
    assert found == (DueAction(fid("held"), "Tell the school nurse", "2026-05-31", True, is_of_discussion=True),)
    quoting = {"derived_from": [fid("held")]}
    assert actions(held(agreed), action("2026-06-20", by=HEALTH, **quoting)) == ()
    done = action("2026-06-20", by=SCHOOL, state="done", **quoting)
    assert len(actions(held(agreed), done)) == 1, "another agency writes nothing off for its owner"
    assert len(actions(held(agreed), action("2026-06-20", owner=POLICE, **quoting))) == 1


def followed(by: str, index: int, **said: str) -> OpenedFragment:
    """What an agency says came of the action."""
    fields = {"hub_Action": value("See a doctor"), "hub_Follows": value(fid("action"))}
    fields |= {name: value(text) for name, text in said.items()}
    content = record(Category.SAFEGUARDING_ACTION, "What came of it", fields)
    return opened(f"later-{index}", by, Category.SAFEGUARDING_ACTION, content, index=index)


def test_a_third_agencys_word_ends_no_action_and_begins_none_again() -> None:
    planned = action("2026-06-04")
    assert len(actions(planned, followed(SCHOOL, 60, hub_ActionState="done"))) == 1
    assert actions(planned, followed(HEALTH, 60, hub_ActionState="done")) == ()
    done = (followed(HEALTH, 60, hub_ActionState="done"), followed(SCHOOL, 70, hub_ActionState="planned"))
    assert actions(action("2026-05-20"), *done) == ()


def test_an_action_that_is_handed_over_is_its_new_owners() -> None:
    handed = followed(COUNCIL, 60, hub_ActionState="planned", hub_Owner=POLICE, hub_Due="2026-06-05")
    assert actions(action("2026-06-04"), handed) == ()
    (found,) = actions(action("2026-06-04"), handed, agency=POLICE)
    assert found.due == "2026-06-05"
    taken = followed(SCHOOL, 60, hub_ActionState="planned", hub_Owner=SCHOOL)
    assert len(actions(action("2026-06-04"), taken)) == 1, "nobody else takes it away"


def test_of_a_month_the_last_day_counts() -> None:
    (row,) = assemble(case_view([action("2026-06")])).plan
    assert not row.is_overdue
    (row,) = assemble(case_view([action("2026-05")])).plan
    assert row.is_overdue


# --- asking the child again ---


def not_heard(day: date, by: str = HEALTH, index: int = 60) -> OpenedFragment:
    content = authored.wishes_and_feelings(
        THEN,
        state=WishesState.CHILD_NOT_READY,
        absent_reason="Too tired to talk",
        ask_again_on=day,
        best_placed_to_ask="The school nurse",
    )
    return opened(f"wishes-{index}", by, Category.WISHES_AND_FEELINGS, content, index=index)


def asking(*items: OpenedFragment, agency: str = HEALTH) -> tuple[AskAgain, ...]:
    return list_asking_again(case_view(items), agency)


@pytest.mark.parametrize(
    ("day", "is_listed", "is_overdue"),
    [(date(2026, 5, 31), True, True), (date(2026, 6, 1), True, False), (date(2026, 6, 2), False, False)],
)
def test_a_child_is_asked_again_when_the_day_has_come(day: date, is_listed: bool, is_overdue: bool) -> None:
    found = asking(not_heard(day))
    assert [item.is_overdue for item in found] == ([is_overdue] if is_listed else [])
    if is_listed:
        assert found[0].sentence == "The child is not ready to talk."
        assert found[0].best_asked_by == "The school nurse"


def test_only_who_wrote_it_and_the_lead_are_told_to_ask_again() -> None:
    """A child is not asked the same by every agency of a case."""
    told = [agency for agency in (HEALTH, COUNCIL, POLICE) if asking(not_heard(date(2026, 5, 31)), agency=agency)]
    assert told == [HEALTH, COUNCIL], "the council leads"


def test_a_newer_record_of_the_childs_wishes_ends_it() -> None:
    content = authored.wishes_and_feelings(
        THEN,
        state=WishesState.RECORDED,
        own_words="I want to go to school.",
        asked_on=date(2026, 5, 29),
        how="At home",
    )
    asked = opened("asked", POLICE, Category.WISHES_AND_FEELINGS, content, index=70)
    late = not_heard(date(2026, 5, 31))
    assert asking(late, asked) == ()
    assert asking(asked, not_heard(date(2026, 5, 31), index=80)) != ()
    assert asking(late, not_heard(date(2026, 6, 20), index=80)) == (), "the next day that was named counts"
    both = {"hub_OwnWords": value("I want to go to school."), "hub_AskAgainOn": value("2026-05-31")}
    heard = record(Category.WISHES_AND_FEELINGS, "Heard", both)
    assert asking(opened("h", HEALTH, Category.WISHES_AND_FEELINGS, heard)) == (), "who was heard is not asked again"


# --- offences ---


def offences(role: str, hearing: str = "", stage: CaseStage = CaseStage.BEFORE_REFERRAL) -> CaseView:
    part = {"role": value(role), "wording": value("An offence")} | ({"next_hearing": value(hearing)} if hearing else {})
    content = record(Category.OFFENCE, "Offence", {"hub_Offence": [part]})
    view = case_view([opened("o", POLICE, Category.OFFENCE, content)])
    return replace(view, case=replace(view.case, membership=replace(view.case.membership, case_stage=stage)))


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (offences("defendant"), (True, True, True, "")),
        (offences("suspect", "2026-06-09"), (True, True, False, "2026-06-09")),
        (offences("defendant", "2026-06-01"), (True, True, False, "2026-06-01")),
        (offences("defendant", "2026-05-31"), (True, True, True, "")),
        (offences("defendant", stage=CaseStage.REFERRED), (False, True, True, "")),
        (offences("defendant", "2026-06-09", CaseStage.DECIDED), (False, True, False, "2026-06-09")),
        (offences("defendant", stage=CaseStage.CLOSED), None),
        (offences("victim"), None),
        (case_view([]), None),
    ],
)
def test_what_an_offence_asks_until_a_record_answers_it(
    view: CaseView, expected: tuple[bool, bool, bool, str] | None
) -> None:
    found = ask_of_offences(view, assemble(view).victim_and_offender)
    said = None if found is None else (
        found.is_referral_open, found.is_prosecutor_open and found.is_defence_open,
        found.is_court_date_open, found.next_court_date,
    )  # fmt: skip
    assert said == expected


def test_a_hearing_at_which_the_child_is_the_victim_is_not_theirs_to_answer() -> None:
    parts = [{"role": value("defendant")}, {"role": value("victim"), "next_hearing": value("2026-06-09")}]
    view = case_view([opened("o", POLICE, Category.OFFENCE, record(Category.OFFENCE, "Both", {"hub_Offence": parts}))])
    found = ask_of_offences(view, assemble(view).victim_and_offender)
    assert found is not None
    assert (found.is_court_date_open, found.next_court_date) == (True, "")


def test_hostile_content_stops_nothing() -> None:
    """Every shape is possible in what another agency sealed."""
    odd = [
        opened("a", COUNCIL, TALK, {"fields": {"hub_DiscussionState": value("planned"), "hub_Invited": [value(HEALTH)], "hub_PlannedFor": value("x" * 900), "hub_StartsAt": value("14:30 <b>")}}),  # noqa: E501
        opened("b", COUNCIL, TALK, {"fields": {"hub_DiscussionAction": [{"owner": value(HEALTH)}, 1]}}),
        opened("c", COUNCIL, Category.WISHES_AND_FEELINGS, {"fields": {"hub_AskAgainOn": value(20260501)}}),
        opened("d", COUNCIL, Category.SAFEGUARDING_ACTION, {"fields": None}),
    ]  # fmt: skip
    view = case_view(odd)
    (found,) = list_invitations(view, HEALTH)
    assert (found.fragment, found.day, found.starts_at) == (fid("a"), "", ""), "no day can be told: it waits"
    assert list_due_actions(view, assemble(view).plan, HEALTH) == ()
    assert list_asking_again(view, COUNCIL) == ()
