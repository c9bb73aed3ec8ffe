"""Accounts of the same days stand side by side: who says it, how they know, how exact it is; none is left out."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st
from invented_case import CHARITY, COUNCIL, HEALTH, POLICE, case_view, opened, record
from lxml import html

from adapters.picture.beside import MAX_ACCOUNTS_BESIDE, SideBySide, lay_side_by_side
from adapters.picture.chronology import ChronologyRow, is_event
from adapters.picture.model import OpenedFragment, assemble
from adapters.picture.page import (
    BESIDE_OPEN,
    BESIDE_SHOWN,
    Framing,
    PageLinks,
    render_body,
    render_chronology,
    render_page,
)
from policies.vocabulary import Category

FRAMING = Framing(PageLinks("/f/", "/c", "/e"), {})


def account(name: str, agency: str, start: str, end: str | None = None) -> OpenedFragment:
    more = {} if end is None else {"end": end}
    return opened(
        name, agency, Category.NARRATIVE, record(Category.NARRATIVE, f"Account {name}", {}, start=start, **more)
    )


def groups_of(*items: OpenedFragment) -> tuple[SideBySide, ...]:
    return lay_side_by_side(assemble(case_view(items)).chronology)


def names(groups: tuple[SideBySide, ...]) -> list[tuple[str, list[str]]]:
    return [(group.days, [row.statement.removeprefix("Account ") for row in group.accounts]) for group in groups]


def test_a_group_is_of_days_that_all_its_accounts_can_be_of() -> None:
    """A month-long account stands in each group that it overlaps; accounts that do not overlap never share one."""
    groups = groups_of(
        account("month", CHARITY, "2026-05"),
        account("first", POLICE, "2026-05-03", "2026-05-06"),
        account("second", HEALTH, "2026-05-05T22:10:00Z"),
        account("third", COUNCIL, "2026-05-20"),
        account("alone", COUNCIL, "2026-06-20"),
    )
    assert names(groups) == [("5 May 2026", ["month", "first", "second"]), ("20 May 2026", ["month", "third"])]


def test_accounts_of_one_agency_alone_and_long_states_are_no_group() -> None:
    long = opened(
        "plan", COUNCIL, Category.PLAN, record(Category.PLAN, "Plan", {}, start="2026-01-01", end="2026-12-01")
    )
    assert groups_of(account("a", POLICE, "2026-05-03"), account("b", POLICE, "2026-05-03"), long) == ()


SPANS = st.lists(
    st.tuples(st.sampled_from([POLICE, HEALTH, COUNCIL]), st.integers(0, 40), st.integers(0, 20)), max_size=14
)


@given(SPANS)
@settings(derandomize=True, max_examples=60, deadline=None)
def test_every_overlap_of_two_agencies_stands_in_a_group_and_every_group_overlaps(
    spans: list[tuple[str, int, int]],
) -> None:
    first = date(2026, 1, 1)
    items = [
        account(str(n), agency, str(first + timedelta(begin)), str(first + timedelta(begin + length)))
        for n, (agency, begin, length) in enumerate(spans)
    ]
    rows = assemble(case_view(items)).chronology
    groups = lay_side_by_side(rows)

    def overlap(one: ChronologyRow, other: ChronologyRow) -> bool:
        assert one.first_day
        assert one.last_day
        assert other.first_day
        assert other.last_day
        return one.first_day <= other.last_day and other.first_day <= one.last_day

    for group in groups:
        assert all(overlap(one, other) for one, other in combinations(group.accounts, 2))
        assert len({row.agency for row in group.accounts}) >= 2
    together = {
        frozenset(pair) for group in groups for pair in combinations([row.fragments for row in group.accounts], 2)
    }
    for one, other in combinations([row for row in rows if is_event(row)], 2):
        if one.agency != other.agency and overlap(one, other):
            assert frozenset([one.fragments, other.fragments]) in together


def test_no_agency_is_crowded_out_of_a_group() -> None:
    many = [account(f"p{n:02}", POLICE, "2026-05-03") for n in range(MAX_ACCOUNTS_BESIDE + 3)]
    (group,) = groups_of(*many, account("h", HEALTH, "2026-05-03"))
    assert len(group.shown) == MAX_ACCOUNTS_BESIDE
    assert group.more == 4
    assert {row.agency for row in group.shown} == {POLICE, HEALTH}


def test_each_account_says_who_how_they_know_and_how_exact_it_is() -> None:
    """Not only by reference: in the invented case the council's missing episode and the hospital's attendance."""
    tree = html.fromstring(render_page(assemble(case_view())))
    groups = tree.xpath("//div[@class='together']")
    (found,) = [item for item in groups if "Emergency attendance" in item.text_content()]
    accounts = [" ".join(item.text_content().split()) for item in found.xpath("./ul[@class='beside']/li")]
    (hospital,) = [text for text in accounts if "Emergency attendance" in text]
    for said in (
        "Health Northshire NHS Trust",
        "4 May 2026, 23:10 BST, known to the minute",
        "How they knowrecord; recorded 20 May 2026, 08:00 BST",
    ):
        assert said in hospital
    (missing,) = [text for text in accounts if "Missing episode" in text]
    assert "Children’s social care Northshire Council" in missing
    assert "2 May 2026 to 6 May 2026, known to the day" in missing


def test_a_framed_picture_folds_the_earlier_groups_and_loses_none() -> None:
    items = [
        account(f"{agency}{n}", agency, f"2026-04-{n:02}")
        for n in range(1, BESIDE_OPEN + 3)
        for agency in (POLICE, HEALTH)
    ]
    tree = html.fromstring(str(render_body(assemble(case_view(items)), FRAMING)))
    assert len(tree.xpath("//div[@class='together']")) == BESIDE_OPEN + 2
    (folded,) = tree.xpath("//details[contains(summary, 'accounts side by side')]")
    assert len(folded.xpath(".//div[@class='together']")) == 2


def test_a_framed_picture_says_how_many_groups_stand_elsewhere() -> None:
    """The newest stand on it; a saved file, which leads nowhere, has them all."""
    days = range(1, BESIDE_SHOWN + 3)
    picture = assemble(case_view([account(f"{a}{n}", a, f"2026-04-{n:02}") for n in days for a in (POLICE, HEALTH)]))
    tree = html.fromstring(str(render_body(picture, FRAMING)))
    assert len(tree.xpath("//div[@class='together']")) == BESIDE_SHOWN
    (link,) = tree.xpath("//a[@href='/c#beside']")
    assert "2 earlier ones stand in the whole chronology" in link.getparent().text_content()
    assert render_page(picture).count('class="together"') == BESIDE_SHOWN + 2


def test_a_part_of_the_chronology_has_the_groups_of_its_rows_whoever_else_stands_in_them() -> None:
    """Of a chosen agency, too: its accounts stand beside those of the others."""
    picture = assemble(
        case_view([account(f"{a}{n}", a, f"2026-04-{n:02}") for n in (1, 2, 3) for a in (POLICE, HEALTH)])
    )
    for agency in (POLICE, HEALTH):
        chosen = [row for row in picture.chronology if row.agency == agency][:2]
        part = html.fromstring(str(render_chronology(picture, FRAMING, chosen)))
        groups = part.xpath("//div[@class='together']")
        assert [len(group.xpath("./ul/li")) for group in groups] == [2, 2]
    assert "No two agencies’ accounts" in render_chronology(picture, FRAMING, ())
