"""The content of a strategy discussion: planned or held, and what it refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from adapters.release.authored import strategy_discussion
from adapters.release.strategy import (
    Attendance,
    DiscussionAction,
    DiscussionState,
    Invitation,
    InvitationAnswer,
    PlacementOption,
    PlacementReason,
)
from adapters.release.writing import Author, AuthoredRefused
from policies.vocabulary import Role

BY = Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", datetime(2026, 3, 20, 9, 0, tzinfo=UTC))
OLD: dict[str, Any] = {
    "held_on": date(2026, 3, 17),
    "agencies": ["fern-care", "fern-police"],
    "threshold_met": True,
    "reasons": "Found far from home.",
    "next_steps": "A joint enquiry.",
}
PLANNED: dict[str, Any] = {
    "state": DiscussionState.PLANNED,
    "held_on": date(2026, 3, 21),
    "agencies": ["fern-care", "fern-police"],
    "reasons": "Found far from home.",
    "starts_at": "09:30",
    "how_to_join": "Room 2, or by video",
}
PLAN = "ab" * 16
NOT_HELD: dict[str, Any] = {
    "state": DiscussionState.NOT_HELD,
    "held_on": date(2026, 3, 20),
    "agencies": [],
    "reasons": "She was in hospital.",
    "next_steps": "On Monday instead.",
    "follows": PLAN,
}


def place(*reasons: PlacementReason) -> PlacementOption:
    return PlacementOption("A foster family", reasons, "Nobody there knows her.", is_chosen=True)


def test_what_was_written_before_is_still_written_alike() -> None:
    """The five fields of the first form; that it was held is said now."""
    fields = strategy_discussion(BY, **OLD)["fields"]
    assert set(fields) == {
        "hub_Attended",
        "hub_DiscussionState",
        "hub_HeldOn",
        "hub_NextSteps",
        "hub_Reasons",
        "hub_ThresholdMet",
    }
    assert fields["hub_DiscussionState"]["value"] == "held"


def test_a_plan_says_when_where_with_whom_and_why_and_has_no_day_on_which_it_was() -> None:
    content = strategy_discussion(BY, **PLANNED)
    assert content["observed"] == {}
    assert {name: item["value"] for name, item in content["fields"].items() if name != "hub_Invited"} == {
        "hub_DiscussionState": "planned",
        "hub_HowToJoin": "Room 2, or by video",
        "hub_PlannedFor": "2026-03-21",
        "hub_Reasons": "Found far from home.",
        "hub_StartsAt": "09:30",
    }


def test_what_came_of_a_plan_names_it_and_quotes_it() -> None:
    """Held or not; a discussion that was not held has no day on which it was held and nobody who took part."""
    was_held = strategy_discussion(BY, **OLD, follows=PLAN)
    assert (was_held["fields"]["hub_Follows"]["value"], was_held["derived_from"]) == (PLAN, [PLAN])
    content = strategy_discussion(BY, **NOT_HELD)
    assert {name: item["value"] for name, item in content["fields"].items()} == {
        "hub_DiscussionState": "not_held",
        "hub_Follows": PLAN,
        "hub_NextSteps": "On Monday instead.",
        "hub_Reasons": "She was in hospital.",
    }
    assert content["derived_from"] == [PLAN]


def test_reasons_stand_in_one_order_and_age_or_cost_may_stand_beside_another() -> None:
    option = place(PlacementReason.COST, PlacementReason.CHILD_WISHES, PlacementReason.SAFE_FROM_EXPLOITERS)
    found = strategy_discussion(BY, **OLD, placement_options=[option])["fields"]["hub_PlacementOption"][0]
    assert [item["value"] for item in found["reason"]] == ["safe_from_exploiters", "child_wishes", "cost"]


INVITED = Invitation("fern-care", InvitationAnswer.WILL_COME, Attendance.REMOTELY)


@pytest.mark.parametrize(
    ("form", "changed", "problem"),
    [
        (OLD, {"placement_options": [place(PlacementReason.AGE)]}, "age and cost are never the only reasons"),
        (OLD, {"placement_options": [place(PlacementReason.COST)]}, "age and cost are never the only reasons"),
        (OLD, {"placement_options": [place()]}, "at least one reason"),
        (
            OLD,
            {"placement_options": [place(PlacementReason.COST, PlacementReason.AGE)]},
            "age and cost are never the only reasons",
        ),
        (OLD, {"placement_options": [place(PlacementReason.HEALTH)] * 21}, "at most 20, got 21"),
        (OLD, {"threshold_met": None}, "held needs whether the threshold is met"),
        (OLD, {"next_steps": None}, "held needs whether the threshold is met"),
        (OLD, {"held_on": date(2026, 3, 21)}, "held_on: expected a date not after the day of writing"),
        (OLD, {"held_on": date(2026, 3, 20), "starts_at": "09:01"}, "starts_at: expected a time that is over"),
        (OLD, {"state": "perhaps"}, "state: expected one of planned, held"),
        (OLD, {"police_protection_considered": True}, "police_protection_why"),
        (OLD, {"police_protection_why": "Not needed."}, "police_protection_why"),
        (OLD, {"invitations": [INVITED, INVITED]}, "each of another agency"),
        (OLD, {"discussion_actions": [DiscussionAction("x", "No Such", date(2026, 3, 22))]}, "owner: expected the id"),
        (OLD, {"discussion_actions": [DiscussionAction("x", "fern-care", date(2026, 3, 22))] * 51}, "at most 50"),
        (
            OLD,
            {"discussion_actions": [DiscussionAction("x", "fern-care", date(2027, 4, 1))]},
            "due: expected a day within",
        ),
        (PLANNED, {"held_on": date(2026, 3, 19)}, "expected a day that is not over"),
        (PLANNED, {"reasons": None}, "planned needs the reasons"),
        (PLANNED, {"agencies": []}, "agencies: expected 1 to 50, got 0"),
        (PLANNED, {"starts_at": "24:00"}, "starts_at: expected a time of day"),
        (PLANNED, {"threshold_met": True}, "recorded once it was held"),
        (PLANNED, {"outcome": "x"}, "recorded once it was held"),
        (PLANNED, {"invitations": [INVITED]}, "recorded once it was held"),
        (PLANNED, {"next_steps": "x"}, "recorded once it was held"),
        (OLD, {"follows": "no id"}, "follows: expected ids of fragments"),
        (NOT_HELD, {"follows": None}, "one that was not held needs the plan that it follows"),
        (NOT_HELD, {"reasons": None}, "one that was not held needs the reasons and what happens instead"),
        (NOT_HELD, {"next_steps": None}, "one that was not held needs the reasons and what happens instead"),
        (NOT_HELD, {"agencies": ["fern-care"]}, "agencies: expected none where it was not held"),
        (NOT_HELD, {"held_on": date(2026, 3, 21)}, "held_on: expected a date not after the day of writing"),
        (NOT_HELD, {"threshold_met": True}, "recorded once it was held"),
    ],
)
def test_what_is_refused(form: dict[str, Any], changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(AuthoredRefused, match=problem):
        strategy_discussion(BY, **{**form, **changed})
