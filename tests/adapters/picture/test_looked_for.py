"""What somebody looked for and did not see: who, when, where and in which words; it speaks against nothing."""

from __future__ import annotations

from datetime import date

from invented_case import AUTHOR, CHARITY, HEALTH, case_view, opened, record, value
from lxml import html

from adapters.nrm.typology import Presence
from adapters.picture.elements import Elements
from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.picture.single import FragmentCard, find_card
from adapters.release.observations import observation
from adapters.release.writing import Author
from policies.vocabulary import AgePath, Category

NOT_SEEN = observation(
    Author(AUTHOR.role, "outreach worker", AUTHOR.written_at),
    code="ACT03",
    presence=Presence.LOOKED_FOR_NOT_SEEN,
    observed_on=date(2026, 5, 12),
    observer_role="outreach worker",
    place="at the placement",
    seen="Asked Robin where they had slept; they did not want to say.",
)


def elements_of(*contents: dict[str, object], age_path: AgePath = AgePath.CHILD) -> Elements:
    items = [opened(f"o{n}", CHARITY, Category.CONCERN, content) for n, content in enumerate(contents)]
    return assemble(case_view(items, age_path=age_path)).elements


def test_it_stands_apart_with_who_looked_when_where_and_what_they_wrote() -> None:
    elements = elements_of(NOT_SEEN)
    (found,) = elements.looked_for
    assert (found.text, found.code, found.bears_on) == ("harboured, or moved between addresses", "ACT03", "Act")
    assert (found.observer, found.observed_on, found.place) == ("outreach worker", "2026-05-12", "at the placement")
    assert found.context.startswith("Asked Robin where they had slept")
    assert found.statement.provenance.agency == CHARITY
    assert all(not (row.supporting or row.undermining) for row in elements.rows)
    assert elements.general_supporting == elements.general_undermining == ()


def test_nothing_is_less_missing_for_it() -> None:
    """That somebody looked fills no place: the matrix says of the act what it says without the observation."""
    assert elements_of(NOT_SEEN).rows[0] == elements_of().rows[0]


def test_a_code_that_says_that_nothing_was_found_stands_there_too() -> None:
    """ "No safeguarding issues identified" bears on no single element. Its record gives no job and no place."""
    (found,) = assemble(case_view()).elements.looked_for
    assert (found.code, found.bears_on, found.observer, found.place) == ("861931000000100", "General", "", "")
    assert found.observed_on == "2026-05-04"
    assert found.statement.provenance.agency == HEALTH


def test_an_unknown_code_that_was_not_seen_is_not_dropped() -> None:
    parts = {"concern": value("something of a local list"), "presence": value("looked_for_not_seen")}
    (found,) = elements_of(record(Category.CONCERN, "Local", {"hub_Concern": [parts]})).looked_for
    assert (found.text, found.code, found.bears_on) == ("something of a local list", "", "General")


def test_the_page_shows_it_apart_from_the_matrix() -> None:
    tree = html.fromstring(render_page(assemble(case_view([opened("o", CHARITY, Category.CONCERN, NOT_SEEN)]))))
    (matrix,) = tree.xpath("//section[@aria-labelledby='elements']//table")
    (apart,) = tree.xpath("//h3[@id='not-seen']/following-sibling::ul/li")
    assert "moved between addresses" not in matrix.text_content()
    words = " ".join(apart.text_content().split())
    for said in (
        "harboured, or moved between addresses (code ACT03)",
        "outreach worker",
        "12 May 2026",
        "would bear on: act",
    ):
        assert said in words
    assert "at the placement" in words
    assert "did not want to say" in words


def test_without_one_the_page_says_that_nobody_may_have_looked() -> None:
    assert "Nobody may have looked." in render_page(assemble(case_view([])))


def test_the_fragments_page_says_where_it_stands() -> None:
    view = case_view([opened("o", CHARITY, Category.CONCERN, NOT_SEEN)])
    card = find_card(view, assemble(view), "F1")
    assert isinstance(card, FragmentCard)
    assert card.elements == ("Act: looked for, not seen",)


def test_means_are_never_missing_for_a_child_and_are_for_an_adult() -> None:
    """What was recorded of them still stands; for an adult an empty place is missing."""
    child, adult = (elements_of(age_path=path).rows[1] for path in (AgePath.CHILD, AgePath.ADULT))
    assert (child.label, child.missing, child.not_missing) == ("Means", (), "Not required for a child")
    assert child.note == "not required for a child — record if known"
    assert len(adult.missing) == 2
    assert adult.not_missing == adult.note == ""
    tree = html.fromstring(render_page(assemble(case_view([]))))
    (means,) = tree.xpath("//tr[th[starts-with(., 'Means')]]")
    assert means.xpath("td[@data-label='Missing']")[0].text_content().strip() == "Not required for a child"
