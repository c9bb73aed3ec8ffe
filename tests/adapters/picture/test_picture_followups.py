"""What came of actions, referrals and planned discussions: newest state, whole history, whose word ends a day."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from invented_case import AUTHOR, COUNCIL, HEALTH, POLICE, SCHOOL, case_view, fid, fragments, opened

from adapters.picture.model import Picture, assemble
from adapters.picture.page import Framing, PageLinks, render_body, render_page
from adapters.picture.requests import RequestState, list_requests
from adapters.picture.situation import ActionRow
from adapters.picture.view import OpenedFragment
from adapters.release import authored
from adapters.release.strategy import Attendance, DiscussionState, Invitation, InvitationAnswer
from policies.vocabulary import Category

FOLLOW = {Category.SAFEGUARDING_ACTION.value: "/write/action?follows=", Category.STRATEGY_DISCUSSION.value: "/talk?"}


def action(
    name: str, agency: str, state: authored.ActionState, index: int, follows: str | None = None, **more: Any
) -> OpenedFragment:
    given = {
        "due": date(2026, 5, 28),
        "outcome": None,
        "owner": POLICE,
        "what": "Keep her away from the arcade",
        **more,
    }
    content = authored.safeguarding_action(
        AUTHOR,
        action=given["what"],
        why="Seen there (invented)",
        owner=given["owner"],
        due=given["due"],
        state=state,
        outcome=given["outcome"],
        follows=None if follows is None else fid(follows),
    )
    return opened(name, agency, Category.SAFEGUARDING_ACTION, content, index=index)


PLANNED = action("first", COUNCIL, authored.ActionState.PLANNED, 20)
DONE = {"due": None, "outcome": "She stayed away (invented)"}


def picture(*more: OpenedFragment) -> Picture:
    return assemble(case_view([*fragments(), *more]))


def row_of(made: Picture, fragment: str) -> ActionRow:
    (row,) = [row for row in made.plan if row.statement.provenance.fragment == fid(fragment)]
    return row


def test_what_nobody_followed_up_stands_as_it_was_written() -> None:
    row = row_of(picture(PLANNED), "first")
    assert (row.state, row.history, row.said_by, row.is_overdue) == ("planned", (), "", True)


def test_the_newest_state_stands_with_every_record_of_it() -> None:
    """One row; each record keeps its agency, its words and its day; a later one of a later one belongs to it too."""
    under_way = action("second", POLICE, authored.ActionState.IN_PROGRESS, 21, "first", due=date(2026, 6, 9))
    done = action("third", POLICE, authored.ActionState.DONE, 22, "second", **DONE)
    made = picture(done, under_way, PLANNED)
    row = row_of(made, "first")
    assert (row.state, row.outcome, row.said_by) == ("done", "She stayed away (invented)", "Northshire Police")
    assert [(step.agency, step.state, step.due) for step in row.history] == [
        (COUNCIL, "planned", "2026-05-28"),
        (POLICE, "in_progress", "2026-06-09"),
        (POLICE, "done", ""),
    ]
    assert not row.is_overdue
    assert len([item for item in made.plan if item.kind is Category.SAFEGUARDING_ACTION]) == 2  # and the case's own
    assert {fid("first"), fid("second"), fid("third")} <= {item.provenance.fragment for item in made.evidence}


def test_whoever_is_to_do_it_moves_its_day_and_nobody_else_does() -> None:
    """What another agency says stands there as the newest, named, and it stays overdue."""
    claimed = action("claim", SCHOOL, authored.ActionState.DONE, 21, "first", **DONE)
    row = row_of(picture(PLANNED, claimed), "first")
    assert (row.state, row.said_by, row.is_overdue) == ("done", "Northshire School", True)
    moved = action("moved", POLICE, authored.ActionState.IN_PROGRESS, 22, "claim", due=date(2026, 6, 9))
    row = row_of(picture(PLANNED, claimed, moved), "first")
    assert (row.state, row.due, row.is_overdue) == ("in_progress", "2026-06-09", False)


@pytest.mark.parametrize("follows", ["later", "nothing-here", "request"])
def test_one_that_names_itself_another_kind_or_nothing_here_begins_its_own(follows: str) -> None:
    lost = action("later", POLICE, authored.ActionState.DONE, 21, follows, **DONE)
    made = picture(PLANNED, lost)
    assert row_of(made, "later").history == ()
    assert row_of(made, "first").history == ()


def test_records_that_follow_each_other_in_a_ring_are_all_there_once() -> None:
    one = action("one", POLICE, authored.ActionState.PLANNED, 21, "two")
    two = action("two", SCHOOL, authored.ActionState.DONE, 22, "one", **DONE)
    three = action("three", SCHOOL, authored.ActionState.DONE, 23, "two", **DONE)
    made = picture(one, two, three)
    (row,) = [item for item in made.plan if item.history]
    assert {step.fragment for step in row.history} == {fid("one"), fid("two"), fid("three")}


def test_the_page_shows_the_history_and_leads_to_the_form_where_somebody_may_write() -> None:
    """In the saved file there is no such link; a record that says it otherwise is shown with its own words."""
    otherwise = action("other", POLICE, authored.ActionState.DONE, 21, "first", what="Keep <b>her</b> home", **DONE)
    made = picture(PLANNED, otherwise)
    saved = render_page(made)
    assert "2 records of it" in saved
    assert "as they say it: <bdi>Keep &lt;b&gt;her&lt;/b&gt; home</bdi>" in saved
    assert "/write/action" not in saved
    links = PageLinks("/fragments/", "/chronology", "/evidence", FOLLOW)
    framed = render_body(made, Framing(links))
    assert f'<a href="/write/action?follows={fid("other")}">What came of it' in framed
    assert "/write/action" not in render_body(made, Framing(replace(links, follow={})))


def test_a_referral_that_is_refused_says_so_with_its_reason() -> None:
    def referral(name: str, state: authored.ReferralState, index: int, **more: Any) -> OpenedFragment:
        content = authored.service_referral(
            AUTHOR,
            to_service="Advocate",
            what_for="To speak for her",
            referred_on=date(2026, 5, 20),
            state=state,
            **more,
        )
        return opened(name, COUNCIL, Category.SERVICE_REFERRAL, content, index=index)

    sent = referral("sent", authored.ReferralState.IN_PROGRESS, 20)
    refused = referral("no", authored.ReferralState.REFUSED, 21, outcome="No place (invented)", follows=fid("sent"))
    row = row_of(picture(sent, refused), "sent")
    assert (row.state, row.outcome, len(row.history)) == ("refused", "No place (invented)", 2)


# --- strategy discussions ---


def plan(index: int = 30) -> OpenedFragment:
    content = authored.strategy_discussion(
        AUTHOR,
        held_on=date(2026, 5, 27),
        agencies=[COUNCIL, POLICE, HEALTH],
        state=DiscussionState.PLANNED,
        reasons="Found far away (invented)",
    )
    return opened("plan", COUNCIL, Category.STRATEGY_DISCUSSION, content, index=index)


def reply(name: str, agency: str, coming: authored.Coming, index: int, text: str | None = None) -> OpenedFragment:
    content = authored.answer(AUTHOR, to_request=fid("plan"), text=text, coming=coming)
    return opened(name, agency, Category.ANSWER, content, index=index)


def held(**more: Any) -> OpenedFragment:
    content = authored.strategy_discussion(
        replace(AUTHOR, written_at=AUTHOR.written_at.replace(day=28)),
        held_on=date(2026, 5, 27),
        agencies=[COUNCIL, POLICE],
        threshold_met=True,
        reasons="Harm is likely (invented)",
        next_steps="A joint enquiry",
        invitations=[Invitation(POLICE, InvitationAnswer.NO_ANSWER, Attendance.IN_THE_ROOM)],
        **more,
    )
    return opened("held", COUNCIL, Category.STRATEGY_DISCUSSION, content, index=40)


def test_each_invited_agencys_own_answers_stand_beside_what_the_convener_wrote() -> None:
    """The convener writes that the police did not answer; the police did. Neither replaces the other."""
    yes = reply("yes", POLICE, authored.Coming.REMOTELY, 31)
    no = reply("no", HEALTH, authored.Coming.NOT, 32, "The ward is closed (invented)")
    made = picture(plan(), yes, no, held(follows=fid("plan")))
    planned, was_held = row_of(made, "plan").discussion, row_of(made, "held").discussion
    assert planned is not None
    assert was_held is not None
    assert {item.agency: [own.coming for own in item.own] for item in planned.invited} == {
        COUNCIL: [],
        POLICE: ["coming_remotely"],
        HEALTH: ["not_coming"],
    }
    rows = {item.agency: (item.answer, [own.coming for own in item.own]) for item in was_held.invited}
    assert rows == {POLICE: ("no_answer", ["coming_remotely"]), HEALTH: ("", ["not_coming"])}
    assert planned.came_of_it == (fid("held"),)
    page = render_page(made)
    assert "Its own answer, 25 May 2026: not coming: <bdi>The ward is closed (invented)</bdi>" in page
    assert "by this record: Did not answer" in page


def test_only_an_invited_agency_answers_and_only_that_plan() -> None:
    stranger = reply("stranger", SCHOOL, authored.Coming.IN_PERSON, 31)
    discussion = row_of(picture(plan(), stranger), "plan").discussion
    assert discussion is not None
    assert all(item.own == () for item in discussion.invited)
    assert discussion.invites(POLICE)
    assert not discussion.invites(SCHOOL)


def test_an_older_record_that_quotes_its_plan_came_of_it() -> None:
    made = picture(plan(), held(derived_from=[fid("plan")]))
    discussion = row_of(made, "plan").discussion
    assert discussion is not None
    assert discussion.came_of_it == (fid("held"),)
    assert not discussion.invites(POLICE)


def test_a_plan_whose_day_is_over_waits_until_somebody_says_what_came_of_it() -> None:
    assert row_of(picture(plan()), "plan").is_overdue
    content = authored.strategy_discussion(
        AUTHOR,
        held_on=date(2026, 5, 25),
        agencies=[],
        state=DiscussionState.NOT_HELD,
        reasons="She was in hospital (invented)",
        next_steps="On Monday (invented)",
        follows=fid("plan"),
    )
    made = picture(plan(), opened("not-held", COUNCIL, Category.STRATEGY_DISCUSSION, content, index=41))
    assert not row_of(made, "plan").is_overdue
    row = row_of(made, "not-held")
    assert row.discussion is not None
    assert (row.state, row.discussion.is_planned) == ("not_held", False)
    assert "that was not held, said on" in render_page(made)
    before = {clock.kind: clock.due for clock in picture(plan()).clocks}
    assert {clock.kind: clock.due for clock in made.clocks} == before


# --- requests ---


def answered(name: str, index: int, because: authored.RefusedBecause | None = None) -> OpenedFragment:
    content = authored.answer(AUTHOR, to_request=fid("request"), text=f"{name} (invented)", because=because)
    return opened(name, SCHOOL, Category.ANSWER, content, index=index)


def test_a_refusal_with_its_reason_stands_in_the_gaps_until_it_is_answered() -> None:
    """The last word of the agency asked decides; every word stays."""
    no = answered("no", 31, authored.RefusedBecause.LAW_FORBIDS)
    view = case_view([*fragments(), no])
    (asked,) = list_requests(view)
    assert (asked.state, asked.days_left, asked.answers[0].because) == (RequestState.REFUSED, None, "law_forbids")
    gaps = assemble(view).gaps
    assert gaps.open_requests == ()
    assert [item.fragment for item in gaps.refused_requests] == [fid("request")]
    page = render_page(assemble(view))
    words = r'<span class="plain"><bdi>no \(invented\)</bdi>'
    assert re.search(rf"Requests refused with reason</h3>\s*<ul><li>.*law forbids\): {words}", page)
    after_all = case_view([*fragments(), answered("yes", 32), no])
    (asked,) = list_requests(after_all)
    assert asked.state is RequestState.ANSWERED
    assert [item.because for item in asked.answers] == ["law_forbids", ""]
    assert assemble(after_all).gaps.refused_requests == ()


def test_a_refusal_on_record_without_words_stands_in_the_gaps_by_its_code() -> None:
    said = {"issuer": SCHOOL, "request": fid("request"), "category": "answer", "code": "policy", "issued_at": ""}
    made = assemble(case_view(refusals=(said,)))
    assert [item.because for item in made.gaps.refused_requests] == ["policy"]
    assert "Refused, by its statement on record (by the sharing rules)" in render_page(made)
