"""Whose words stand where: a child's account alone, a note's own words, as they were typed, look-alikes flagged."""

from __future__ import annotations

from typing import Any

import pytest
from invented_case import AT, CHARITY, COUNCIL, case_view, opened, record, value

from adapters.picture.model import Picture, assemble
from adapters.picture.page import render_page
from adapters.release import authored
from adapters.release.contexts import ContextSetting, InfoGrade, SourceGrade, context
from adapters.release.movements import movement
from adapters.release.placements import PlaceKind, placement
from adapters.release.writing import SourceKind, WordsAre
from policies.vocabulary import Category, Role, WishesState

BY = authored.Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", AT)
TOLD = "The taxi was waiting and she knew the driver (invented)"
CAR = "Said that somebody in a grey car waits for her after school"
SPOOFED = "Invented \N{CYRILLIC CAPITAL LETTER ER}\N{CYRILLIC SMALL LETTER A}ssport office"


def picture_of(*contents: dict[str, Any]) -> Picture:
    found = [
        opened(f"piece-{number}", COUNCIL, Category(content["kind"]), content)
        for number, content in enumerate(contents)
    ]
    return assemble(case_view(found))


def test_of_a_form_the_childs_account_alone_stands_among_the_childs_words() -> None:
    """No grade, day, id, choice or name of a place; what the record is of says what it is about."""
    told = {"source_kind": SourceKind.CHILD_ACCOUNT}
    graded = {"source_grade": SourceGrade.UNTESTED, "info_grade": InfoGrade.KNOWN_DIRECTLY}
    found = picture_of(
        movement(BY, moved_on="2026-03", from_place="A park", to_place="A flat", account=TOLD, **told, **graded),
        context(
            BY, setting=ContextSetting.PLACE, name="A park", seen="Older people (invented)", seen_from="2026", **told
        ),
        placement(BY, placed_on="2026", place_kind=PlaceKind.OTHER, account="She asked for it (invented)", **told),
    )
    assert sorted((str(item.label), item.text) for item in found.childs_voice.other_accounts) == [
        ("Movement", TOLD),
        ("Place or group", "Older people (invented)"),
        ("Placement", "She asked for it (invented)"),
    ]


def test_what_a_professional_saw_is_no_word_of_the_child() -> None:
    found = picture_of(movement(BY, moved_on="2026", from_place="A park", account=TOLD, source_kind=SourceKind.RECORD))
    assert found.childs_voice.other_accounts == ()


def test_the_words_of_a_note_stand_in_the_evidence() -> None:
    """Its summary is "Comment on the case": the one sentence that matters would be a click away."""
    content = record(
        Category.NARRATIVE, "Comment on the case", {"cco_CaseComment": value(CAR), "hub_Code": value("C1")}
    )
    found = assemble(case_view([opened("note", CHARITY, Category.NARRATIVE, content)]))
    (row,) = found.evidence
    assert [item.text for item in row.words] == [CAR]
    assert CAR in render_page(found)


@pytest.mark.parametrize("place", ["OLDHAM BUS STATION", "CANARYQX7 Nowhere Lane"])
def test_what_was_typed_is_not_rewritten(place: str) -> None:
    page = render_page(
        picture_of(movement(BY, moved_on="2026", from_place=place, account=TOLD, source_kind=SourceKind.RECORD))
    )
    assert place in page
    assert place.split()[0].capitalize() not in page


def test_look_alike_letters_are_flagged_wherever_the_words_stand() -> None:
    """In the chronology, the surroundings and the evidence, not on a fragment's own page alone."""
    spoofed = movement(BY, moved_on="2026", from_place=SPOOFED, account=SPOOFED, source_kind=SourceKind.RECORD)
    page = render_page(picture_of(spoofed))
    assert page.count("Letters of more than one script") >= 3
    plain = movement(BY, moved_on="2026", from_place="Plain", account=TOLD, source_kind=SourceKind.RECORD)
    assert "Letters of more than one script" not in render_page(picture_of(plain))


def test_that_a_child_was_not_heard_is_no_word_of_theirs() -> None:
    """Nor does the page leave open whether anybody asked whom the child trusts."""
    absent = authored.wishes_and_feelings(
        BY, state=WishesState.CHILD_NOT_READY, absent_reason="Tired (invented)", ask_again_on=AT.date()
    )
    found = picture_of(absent)
    assert [row.is_childs_words for row in found.evidence] == [False]
    assert "Nobody has recorded whom the child trusts." in render_page(found)
    assert "Nobody has recorded who is best placed to ask them." in render_page(found)
    said = {"own_words": TOLD, "asked_on": AT.date(), "how": "At home", "words_are": WordsAre.AS_SAID}
    heard = authored.wishes_and_feelings(BY, state=WishesState.RECORDED, trusted_person="Her aunt (invented)", **said)
    found = picture_of(heard)
    assert [row.is_childs_words for row in found.evidence] == [True]
    assert "Nobody has recorded whom the child trusts." not in render_page(found)
    assert "Nobody has recorded who is best placed to ask them." in render_page(found)
