"""Places, peers and online: each record where it belongs, with who said it; what nothing was opened of is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from invented_case import AUTHOR, CHARITY, COUNCIL, POLICE, SCHOOL, case_view, opened, record, value
from lxml import html

from adapters.nrm.typology import CONCERN_TYPES, INDICATORS, UNTYPED_CONCERNS, Presence
from adapters.picture.context import LABELS, SETTING_OF_CODE, Setting, Surroundings
from adapters.picture.model import OpenedFragment, assemble
from adapters.picture.page import FOLDED_OVER, Framing, PageLinks, render_body, render_page
from adapters.picture.single import FragmentCard, find_card
from adapters.release.contexts import ContextSetting, context
from adapters.release.observations import observation
from adapters.release.relations import RelationRole, relation
from adapters.release.writing import SourceKind
from policies.vocabulary import Category


def seen(code: str, presence: Presence = Presence.PRESENT, **more: Any) -> OpenedFragment:
    content = observation(
        AUTHOR,
        code=code,
        presence=presence,
        observed_on=date(2026, 5, 12),
        observer_role="youth worker",
        seen=more.get("seen", "what was seen"),
        place=more.get("place"),
    )
    return opened(f"seen-{code}", COUNCIL, Category.CONCERN, content)


def surroundings(*items: OpenedFragment) -> Surroundings:
    ordered = [replace(item, log_index=10 + number) for number, item in enumerate(items)]
    return assemble(case_view(ordered)).surroundings


def rows_of(found: Surroundings) -> dict[Setting, list[str]]:
    return {topic.setting: [row.text for row in topic.rows] for topic in found.topics}


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        ("PLC01", Setting.PLACES),
        ("CRI05", Setting.PLACES),
        ("PLC03", Setting.PEERS),
        ("PER05", Setting.PEERS),
        ("PLC04", Setting.ONLINE),
        ("SEX03", Setting.ONLINE),
        ("ACT01", Setting.MOVEMENT),
        ("SEX04", Setting.MOVEMENT),
    ],
)
def test_an_observation_stands_where_its_code_belongs(code: str, setting: Setting) -> None:
    (topic,) = surroundings(seen(code, place="the bus station")).topics
    (row,) = topic.rows
    label = INDICATORS[code].label
    assert topic.setting is setting
    assert (row.text, row.code) == (f"{label[:1].upper()}{label[1:]}: what was seen", code)
    assert (row.place, row.observer, row.when) == ("the bus station", "youth worker", "12 May 2026")
    assert row.provenance.agency == COUNCIL


def test_every_code_of_the_section_is_one_that_records_hold() -> None:
    """And every indicator of the group "place" has its part."""
    assert set(SETTING_OF_CODE) <= set(INDICATORS) | set(CONCERN_TYPES) | UNTYPED_CONCERNS
    assert {code for code in INDICATORS if code.startswith("PLC")} <= set(SETTING_OF_CODE)


def test_what_was_looked_for_and_not_seen_is_not_there() -> None:
    assert surroundings(seen("PLC04", Presence.LOOKED_FOR_NOT_SEEN)).topics == ()


def test_context_and_movement_records_stand_as_their_agency_wrote_them() -> None:
    """No program sorts free words into places, groups and online spaces."""
    park = opened("c", SCHOOL, Category.CONTEXT, record(Category.CONTEXT, "The park by the school, after four", {}))
    moved = opened(
        "m", POLICE, Category.MOVEMENT, record(Category.MOVEMENT, "Driven two streets on", {}, start="2026-05")
    )
    assert rows_of(surroundings(park, moved)) == {
        Setting.DESCRIBED: ["The park by the school, after four"],
        Setting.MOVEMENT: ["Driven two streets on"],
    }


def described(fragment: str, **changes: Any) -> OpenedFragment:
    given: dict[str, Any] = {
        "setting": ContextSetting.ONLINE,
        "name": "An invented game",
        "seen": "Somebody older wrote to her there",
        "seen_from": "2026-03",
        "seen_to": "2026-04",
        "source_kind": SourceKind.CHILD_ACCOUNT,
    }
    return opened(fragment, CHARITY, Category.CONTEXT, context(AUTHOR, **{**given, **changes}))


@pytest.mark.parametrize(
    ("setting", "part"),
    [
        (ContextSetting.PLACE, Setting.PLACES),
        (ContextSetting.PEERS, Setting.PEERS),
        (ContextSetting.ONLINE, Setting.ONLINE),
    ],
)
def test_what_somebody_describes_stands_where_they_put_it(setting: ContextSetting, part: Setting) -> None:
    """With its words as written, when it was as precisely as it is known, and how its writer knows."""
    (topic,) = surroundings(described("c", setting=setting)).topics
    (row,) = topic.rows
    assert topic.setting is part
    assert row.text == "An invented game: Somebody older wrote to her there"
    assert row.when == "March 2026 to April 2026"
    assert row.provenance.source_kind is SourceKind.CHILD_ACCOUNT


def test_who_else_was_there_and_movement_are_rows_of_their_own() -> None:
    """Movement stands with movement, whatever its distance, and names where it led."""
    item = described("c", people="Two other children, who may be exploited too", movement="Walked one street over")
    assert rows_of(surroundings(item)) == {
        Setting.ONLINE: [
            "An invented game: Somebody older wrote to her there",
            "An invented game, Who else was there: Two other children, who may be exploited too",
        ],
        Setting.MOVEMENT: ["An invented game, How the child came there, or was moved: Walked one street over"],
    }


def test_a_setting_that_is_none_of_ours_stands_as_its_agency_describes_it() -> None:
    """Another adapter may write any words there: nothing is lost, nothing is laid where it does not belong."""
    content = record(Category.CONTEXT, "A park", {"hub_ContextSetting": value("moon"), "hub_ContextSeen": value("x")})
    assert rows_of(surroundings(opened("c", SCHOOL, Category.CONTEXT, content))) == {Setting.DESCRIBED: ["A park"]}


def test_source_and_information_of_a_place_are_graded_apart() -> None:
    item = described("c", source_grade="1", info_grade="C")
    (row,) = assemble(case_view([replace(item, log_index=10)])).evidence
    assert (row.source_grade, row.info_grade) == ("1", "C")
    assert row.grade_words == "source: 1, reliable; information: C, known indirectly"


def test_people_and_professionals_stand_by_role_and_name_without_how_to_reach_them() -> None:
    aunt = {
        "role": value("aunt"),
        "prs_FirstName": value("Wren"),
        "prs_SecondName": value("Example"),
        "hub_Telephone": value("01632 960001"),
    }
    uncle = {"role": value("uncle"), "hub_NameText": value("Gary Invented")}
    worker = {"role": value("social worker"), "name": value("J Invented"), "organisation": value("Northshire Council")}
    items = [
        opened(
            "a", COUNCIL, Category.RELATION, record(Category.RELATION, "Related person: aunt", {"hub_Relation": [aunt]})
        ),
        opened("u", POLICE, Category.RELATION, record(Category.RELATION, "Contact: uncle", {"hub_Relation": [uncle]})),
        opened("w", COUNCIL, Category.RELATION, record(Category.RELATION, "Worker", {"hub_Professional": [worker]})),
        opened("o", CHARITY, Category.RELATION, record(Category.RELATION, "Somebody of another form", {})),
    ]
    found = surroundings(*items)
    assert rows_of(found) == {
        Setting.PEOPLE: ["Aunt: Wren Example", "Uncle: Gary Invented", "Somebody of another form"],
        Setting.PROFESSIONALS: ["Social worker: J Invented, Northshire Council"],
    }
    assert "960001" not in repr(found)


def test_a_relation_written_by_hand_says_whether_it_is_safe_to_ask_and_how_it_is_known() -> None:
    content = relation(
        AUTHOR,
        who=RelationRole.MOTHER,
        account="The child is afraid of her",
        source_kind=SourceKind.CHILD_ACCOUNT,
        safe_to_contact=False,
    )
    (topic,) = surroundings(opened("r", CHARITY, Category.RELATION, content)).topics
    (row,) = topic.rows
    assert topic.setting is Setting.PEOPLE
    assert row.text == "Mother; not safe to contact. The child is afraid of her"
    assert row.provenance.source_kind is SourceKind.CHILD_ACCOUNT


def test_events_give_places_and_a_transit_is_a_movement() -> None:
    """Single values and repeated groups alike; how the child was recruited stands with peers."""
    group = {
        "hte_Type": value("Exploitation"),
        "hte_City": value("Hull"),
        "hte_Date": value("2026-04-02"),
        "hte_Description": value("A flat above a shop"),
    }
    more = opened(
        "g",
        POLICE,
        Category.TRAFFICKING_EVENT,
        record(Category.TRAFFICKING_EVENT, "Events", {"hub_TraffickingEvent": [group]}),
    )
    rows = rows_of(surroundings(*case_view().opened, more))
    assert rows[Setting.PLACES] == [
        "Exploitation: Made to carry packages at night",
        "Exploitation: A flat above a shop",
    ]
    assert rows[Setting.MOVEMENT] == ["Transit: Taken to Northshire by car"]
    assert rows[Setting.PEERS] == ["Recruitment: through friends or social events"]
    (hull,) = [row for topic in surroundings(more).topics for row in topic.rows]
    assert (hull.place, hull.when) == ("Hull", "2 April 2026")


def test_what_nothing_was_opened_of_is_named_and_is_no_evidence() -> None:
    silent = surroundings(seen("PLC04")).silent
    assert "places; peers" in silent
    assert "online;" not in silent
    assert "not evidence that there is nothing" in silent
    everything = [
        opened("c", SCHOOL, Category.CONTEXT, record(Category.CONTEXT, "A park", {})),
        opened(
            "w",
            COUNCIL,
            Category.RELATION,
            record(Category.RELATION, "W", {"hub_Professional": [{"role": value("x")}]}),
        ),
        opened("o", CHARITY, Category.RELATION, record(Category.RELATION, "Somebody", {})),
        *map(seen, ("PLC01", "PLC03", "PLC04", "ACT01")),
    ]
    found = surroundings(*everything)
    assert found.silent == ""
    assert [topic.label for topic in found.topics] == list(LABELS.values())


def test_the_section_stands_after_the_chronology_and_before_the_elements() -> None:
    """In the page and in its list of contents; each row says which agency and how it knows."""
    tree = html.fromstring(render_page(assemble(case_view([seen("PLC04", place="a chat of a game")]))))
    sections = tree.xpath("//main//section/@aria-labelledby")
    at = sections.index("surroundings")
    assert sections[at - 1 : at + 2] == ["chronology", "surroundings", "elements"]
    links = tree.xpath("//nav//a/@href")
    assert links.index("#surroundings") == links.index("#chronology") + 1
    (said,) = tree.xpath("//section[@aria-labelledby='surroundings']//li")
    words = " ".join(said.text_content().split())
    assert words.startswith("Online platform: what was seen (code PLC04); where: a chat of a game; when: 12 May 2026")
    assert "seen by: youth worker" in words
    assert "Children’s social care, Northshire Council; F1; " in words


def test_a_long_list_folds_on_a_framed_picture_and_loses_nothing() -> None:
    items = [
        opened(f"c{n}", SCHOOL, Category.CONTEXT, record(Category.CONTEXT, f"Place {n}", {}))
        for n in range(FOLDED_OVER + 2)
    ]
    body = html.fromstring(str(render_body(assemble(case_view(items)), Framing(PageLinks("/f/", "/c", "/e"), {}))))
    (section,) = body.xpath("//section[@aria-labelledby='surroundings']")
    assert len(section.xpath(".//li")) == FOLDED_OVER + 2
    assert len(section.xpath(".//details//li")) == 2


def test_the_page_of_a_relation_says_that_it_stands_there() -> None:
    item = opened("r", COUNCIL, Category.RELATION, record(Category.RELATION, "Guardian", {}))
    view = case_view([item])
    card = find_card(view, assemble(view), "F1")
    assert isinstance(card, FragmentCard)
    assert card.surroundings == (LABELS[Setting.PEOPLE],)
