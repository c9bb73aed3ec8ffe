"""Which route decides on a referred case, its place in the pilot on the day of the referral, and the 18th birthday."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from invented_case import COUNCIL, POLICE, case_view, opened, record, value

from adapters.picture.clocks import Clock, ClockKind, ClockState, case_clocks
from adapters.picture.model import Picture, assemble
from adapters.picture.page import render_page
from adapters.picture.referral import Referral, Route, Scope, decide_route, has_panel
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import AgePath, CaseStage, Category, Role

REFERRED_AT = datetime(2027, 12, 4, 12, tzinfo=UTC)
"""101 days before the 18th birthday of somebody born on 14 March 2010."""
PILOT, NATIONAL, BOTH = (
    [ClockKind.RG_PILOT],
    [ClockKind.RG_NATIONAL],
    [ClockKind.RG_PILOT, ClockKind.RG_NATIONAL],
)


def referred(
    *born: str, after: int = 0, path: AgePath = AgePath.CHILD, panel: bool = True, now: AgePath | None = None
) -> Picture:
    """The picture of a case with these birth dates, so many days after it was referred. ``now``: its age path today."""
    identities = [record(Category.IDENTITY, "Identity", {"prs_Birthdate": value(item)}) for item in born]
    items = [opened(f"i{number}", POLICE, Category.IDENTITY, item) for number, item in enumerate(identities)]
    view = case_view(items, age_path=now or path, at=REFERRED_AT + timedelta(days=after))
    membership = replace(view.case.membership, case_stage=CaseStage.REFERRED)
    referral = Referral(REFERRED_AT, path, has_panel=panel)
    return assemble(replace(view, referral=referral, case=replace(view.case, membership=membership)))


def routes(picture: Picture) -> list[Clock]:
    return [clock for clock in picture.clocks if clock.kind in BOTH]


def birthday(picture: Picture) -> Clock:
    (clock,) = [clock for clock in picture.clocks if clock.kind is ClockKind.EIGHTEENTH_BIRTHDAY]
    return clock


@pytest.mark.parametrize("after", [0, 1, 60, 200])
def test_the_pilots_scope_is_that_of_the_day_of_the_referral(after: int) -> None:
    """101 days from 18 on the day: in the pilot for good. The days to 18 go on."""
    picture = referred("2010-03-14", after=after)
    assert picture.header.in_scope == "yes"
    assert picture.header.scope_note.startswith("On the day of the referral, 4 December 2027: more than 100 days")
    assert picture.header.days_to_18 == str(101 - after)
    assert [clock.kind for clock in routes(picture)] == PILOT
    assert routes(picture)[0].began_words.endswith("; a panel of the devolved pilot is listed in this case")


def test_whoever_was_outside_on_that_day_stays_outside() -> None:
    """100 days from 18 on the day: the national route, and nobody's clock of 45 days."""
    picture = referred("2010-03-13", panel=False)
    assert picture.header.in_scope == "no"
    assert [clock.kind for clock in routes(picture)] == NATIONAL
    (clock,) = routes(picture)
    assert clock.began_words.endswith("; on the day of the referral the case was outside the devolved pilot")
    assert "cannot be told" not in clock.words


def test_an_age_path_that_changes_later_takes_nobody_out_of_the_pilot() -> None:
    """What counts is the path by which the child was referred."""
    picture = referred("2010-03-14", after=150, now=AgePath.ADULT)
    assert picture.header.in_scope == "yes"
    assert [clock.kind for clock in routes(picture)] == PILOT
    assert "adult path" not in picture.header.scope_note


def test_before_a_referral_the_scope_is_todays() -> None:
    identity = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value("2010-03-14")})
    picture = assemble(case_view([opened("a", POLICE, Category.IDENTITY, identity)], at=REFERRED_AT))
    assert picture.header.scope_note.startswith("Today, before any referral: more than 100 days from 18")
    assert routes(picture) == []


@pytest.mark.parametrize(
    ("born", "path", "panel", "kinds", "why"),
    [
        (("2010-03-14",), AgePath.CHILD, False, BOTH, "no panel is listed in this case"),
        (("2010-03",), AgePath.CHILD, True, BOTH, "the recorded birth dates leave open"),
        (("2010-03-14", "2009-03-14"), AgePath.CHILD, True, BOTH, "the recorded birth dates leave open"),
        (("2009-03-14",), AgePath.CHILD, True, BOTH, "yet lists a panel"),
        (("2010-03-14",), AgePath.NOT_SURE, True, BOTH, "yet lists a panel"),
        ((), AgePath.CHILD, False, BOTH, "no panel is listed in this case"),
        ((), AgePath.CHILD, True, PILOT, ""),
        ((), AgePath.NOT_SURE, False, NATIONAL, ""),
        ((), AgePath.ADULT, False, NATIONAL, ""),
    ],
)
def test_one_route_is_counted_and_both_only_with_the_reason(
    born: tuple[str, ...], path: AgePath, panel: bool, kinds: list[ClockKind], why: str
) -> None:
    found = routes(referred(*born, path=path, panel=panel))
    assert [clock.kind for clock in found] == kinds
    for clock in found:
        assert ("It cannot be told here which of the two routes decides: " in clock.words) is bool(why)
        assert why in clock.words
        assert clock.words.endswith(".")


def test_every_route_has_its_reason() -> None:
    """No case of the table is left without words, whatever is known."""
    for path in AgePath:
        for scope in Scope:
            for panel in (True, False):
                route, why = decide_route(Referral(REFERRED_AT, path, panel), scope)
                assert why
                if route is Route.PILOT:
                    assert (path, panel) == (AgePath.CHILD, True)
                    assert scope in (Scope.YES, Scope.NOT_KNOWN)


def test_without_content_the_signed_lists_decide() -> None:
    """The list of cases tells routes apart by age path and panel alone."""
    for panel, kinds in ((True, PILOT), (False, BOTH)):
        found = case_clocks(REFERRED_AT, Referral(REFERRED_AT, AgePath.CHILD, panel), CaseStage.REFERRED, REFERRED_AT)
        assert [clock.kind for clock in found if clock.kind in BOTH] == kinds


@pytest.mark.parametrize(
    ("role", "is_panel"),
    [
        (Role.PANEL_CHAIR, True),
        (Role.PANEL_VOTING, True),
        (Role.PANEL_ADVISER, False),
        (Role.LEAD_PROFESSIONAL, False),
    ],
)
def test_a_panel_is_whoever_chairs_or_votes(role: Role, is_panel: bool) -> None:
    membership = case_view().case.membership
    member = Member(AgencyId(COUNCIL), MemberId("cd" * 16), (role,), REFERRED_AT)
    assert has_panel(replace(membership, members=(member,))) is is_panel


@pytest.mark.parametrize(
    ("after", "state", "words"),
    [
        (0, ClockState.RUNNING, "101 days left: the child turns 18 on 14 March 2028."),
        (10, ClockState.RUNNING, "91 days left: the child turns 18 on 14 March 2028."),
        (11, ClockState.WARNING, "90 days left: the child turns 18 on 14 March 2028."),
        (100, ClockState.WARNING, "1 day left: the child turns 18 on 14 March 2028."),
        (101, ClockState.OVER, "The child turned 18 on 14 March 2028."),
    ],
)
def test_the_18th_birthday_is_counted(after: int, state: ClockState, words: str) -> None:
    picture = referred("2010-03-14", after=after)
    clock = birthday(picture)
    assert (clock.state, clock.words, clock.due) == (state, words, "2028-03-14")
    assert clock.statement is not None
    page = render_page(picture)
    assert clock.rule in page
    assert "Days to the 18th birthday" not in page, "it is said once"


def test_birth_dates_that_differ_are_both_counted_and_nobody_picks_one() -> None:
    clock = birthday(referred("2010-03", "2010-02-28"))
    assert clock.words == (
        "86 days left: the child turns 18 between 28 February 2028 and 31 March 2028, by the birth dates on record."
    )
    assert (clock.state, clock.due) == (ClockState.WARNING, "2028-02-28")
    less_exact = birthday(referred("2010-03-14", "2010-03"))
    assert less_exact.words == "101 days left: the child turns 18 on 14 March 2028.", "the month does not differ"
    between = birthday(referred("2010-03-14", "2010-03-01", after=95))
    assert between.state is ClockState.OVER
    assert between.words == "The child turns 18 between 1 March 2028 and 14 March 2028, by the birth dates on record."


def test_on_the_adult_path_and_without_a_birth_date_there_is_no_birthday_to_come() -> None:
    for picture in (referred("2010-03-14", now=AgePath.ADULT), referred()):
        assert ClockKind.EIGHTEENTH_BIRTHDAY not in [clock.kind for clock in picture.clocks]
        assert "Days to the 18th birthday" in render_page(picture)


def test_a_view_keeps_the_json_of_the_scope_a_word() -> None:
    said: dict[str, Any] = referred("2010-03-14").to_json()
    assert said["header"]["in_scope"] == "yes"
    assert said["header"]["ages"][0]["in_scope"] == "yes"
