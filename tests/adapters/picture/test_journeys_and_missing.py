"""Journeys and times of missing that somebody wrote down: where they stand, who ends them, what they still ask."""

from __future__ import annotations

from typing import Any

from invented_case import AUTHOR, CHARITY, COUNCIL, POLICE, case_view, fid, opened, record, value

from adapters.nrm.draft import draft_referral
from adapters.picture.clocks import ClockKind
from adapters.picture.context import Setting
from adapters.picture.missing import list_episodes
from adapters.picture.model import Picture, assemble
from adapters.picture.page import Framing, PageLinks, render_body
from adapters.picture.situation import Topic
from adapters.picture.view import OpenedFragment
from adapters.release.movements import ReturnInterview, missing_episode, movement
from adapters.release.writing import SourceKind
from policies.vocabulary import Category


def journey(**changes: Any) -> OpenedFragment:
    given: dict[str, Any] = {
        "moved_on": "2026-05",
        "from_place": "The invented bus station",
        "to_place": "A flat over the road",
        "how": "on foot",
        "account": "She was walked there.",
        "with_whom": "An older girl, who may be exploited too",
        "arranged_by": "She was told that she owes for it",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return opened("j", CHARITY, Category.MOVEMENT, movement(AUTHOR, **{**given, **changes}))


def away(name: str = "m", agency: str = COUNCIL, index: int = 20, follows: str | None = None, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "missing_from": "2026-05-20",
        "account": "Her bed was not slept in.",
        "source_kind": SourceKind.RECORD,
    }
    content = missing_episode(AUTHOR, **{**given, **changes}, follows=None if follows is None else fid(follows))
    return opened(name, agency, Category.MISSING_EPISODE, content, index=index)


def made(*items: OpenedFragment) -> Picture:
    return assemble(case_view(list(items)))


def missing_now(picture: Picture) -> Topic:
    return next(item for item in picture.safety.topics if item.name == "missing")


def test_a_journey_of_any_distance_stands_with_movement_in_time_and_beside_the_act() -> None:
    picture = made(journey())
    rows = {topic.setting: topic.rows for topic in picture.surroundings.topics}
    assert [row.text for row in rows[Setting.MOVEMENT]] == [
        "Journey or move, from: The invented bus station; to: A flat over the road; how: on foot. "
        "She was walked there.",
        "Who arranged the journey or paid for it, The invented bus station – A flat over the road: "
        "She was told that she owes for it",
    ]
    assert [row.text.partition(": ")[2] for row in rows[Setting.PEERS]] == ["An older girl, who may be exploited too"]
    (row,) = picture.chronology
    assert (row.when, row.precision) == ("May 2026", "month")
    act = next(row for row in picture.elements.rows if row.label.startswith("Act"))
    assert [item.statement.provenance.fragment for item in act.supporting] == [fid("j")]


def test_a_journey_that_no_form_of_ours_made_stands_as_its_agency_put_it() -> None:
    plain = record(Category.MOVEMENT, "Seen on two coaches", {"hub_MovedTo": value("Elsewhere")})
    (topic,) = made(opened("j", CHARITY, Category.MOVEMENT, plain)).surroundings.topics
    assert [row.text for row in topic.rows] == ["Seen on two coaches"]


def test_the_referral_form_is_given_the_whole_journey() -> None:
    """Its words, who was there and who paid, each with where it comes from."""
    items = [journey()]
    draft = draft_referral(made(*items), items, submittable={fid("j")})
    details = "were-they-taken-somewhere-by-their-exploiter-journey-details"
    text = str(next(item for item in draft.fields if item.field == details))
    for words in ("She was walked there.", "An older girl, who may be exploited too", "She was told that she owes"):
        assert words in text


def test_who_is_missing_now_is_said_until_whoever_wrote_it_says_that_they_are_back() -> None:
    still = missing_now(made(away()))
    assert "has no end on record" in still.sentence
    assert [item.provenance.fragment for item in still.statements] == [fid("m")]
    back = missing_now(made(away(), away("n", COUNCIL, 30, "m", found_on="2026-05-22")))
    assert back.sentence == "Every missing episode on record has ended."
    assert back.statements == ()


def test_another_agency_that_says_the_child_is_back_stands_beside_and_ends_nothing() -> None:
    """A child is not taken for found by the word of one of two agencies alone: both stand."""
    topic = missing_now(made(away(), away("n", POLICE, 30, "m", found_on="2026-05-22")))
    assert "Another agency says that a missing episode has ended" in topic.sentence
    assert {item.provenance.agency for item in topic.statements} == {COUNCIL, POLICE}


def test_a_newer_version_of_a_file_ends_what_was_followed_up() -> None:
    """Who followed the earlier version has not begun a time of missing of its own that never ends."""
    first = record(Category.MISSING_EPISODE, "Missing", {}, start="2026-05-20")
    newer = record(Category.MISSING_EPISODE, "Missing", {}, start="2026-05-20", end="2026-05-22")
    items = [
        opened("f", COUNCIL, Category.MISSING_EPISODE, first, index=10),
        away("n", POLICE, 20, "f"),
        opened("g", COUNCIL, Category.MISSING_EPISODE, newer, index=30, version=2, supersedes="f"),
    ]
    (episode,) = list_episodes(case_view(items))
    assert (episode.standing.first.fragment, episode.is_open) == (fid("g"), False)
    assert missing_now(made(*items)).statements == ()


def test_the_clock_of_the_return_interview_runs_until_a_record_says_that_it_was_offered() -> None:
    def runs(*items: OpenedFragment) -> bool:
        return ClockKind.RHI_72H in [clock.kind for clock in made(*items).clocks]

    found = {"found_on": "2026-05-24"}
    assert not runs(away()), "nobody has come back"
    assert runs(away(**found))
    assert runs(away(**found, return_interview=ReturnInterview.NOT_OFFERED))
    for said in (ReturnInterview.OFFERED, ReturnInterview.HELD, ReturnInterview.DECLINED):
        assert not runs(away(**found, return_interview=said, interview_on=AUTHOR.day))
    earlier = away("e", found_on="2026-05-21", return_interview=ReturnInterview.HELD)
    assert runs(away(**found), earlier), "an interview after an earlier return is not one after this"
    police = record(Category.MISSING_EPISODE, "Missing", {}, start="2026-05-20", end="2026-05-24")
    other = opened("p", POLICE, Category.MISSING_EPISODE, police, index=40)
    assert not runs(away(**found, return_interview=ReturnInterview.HELD), other), "two agencies wrote of one return"


def test_what_is_known_of_a_time_of_missing_stands_with_movement() -> None:
    (topic,) = made(away()).surroundings.topics
    assert (topic.setting, [row.text for row in topic.rows]) == (
        Setting.MOVEMENT,
        ["While the child was missing: Her bed was not slept in."],
    )


def test_links_to_the_forms_are_for_who_may_write_them() -> None:
    write = {"context": "/w/context", "movement": "/w/movement", "missing_episode": "/w/missing"}
    links = PageLinks("/f/", "/c", "/e", write=write, follow={"missing_episode": "/w/missing?follows="})
    page = render_body(made(away()), Framing(links))
    for address in write.values():
        assert f'href="{address}"' in page
    assert f'href="/w/missing?follows={fid("m")}"' in page
    assert "/w/" not in render_body(made(away()), Framing(PageLinks("/f/", "/c", "/e")))
