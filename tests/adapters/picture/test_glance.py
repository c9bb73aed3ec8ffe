"""At a glance: what a panel member reads in a minute, each line leading to its section."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from invented_case import AT, AUTHOR, CHARITY, COUNCIL, case_view, fid, fragments, opened, record
from lxml import html

from adapters.picture.glance import FIRST_LOOK, MAX_QUOTE_CHARS, at_a_glance, shorten
from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.picture.view import LastLook
from adapters.release import authored
from policies.vocabulary import Category, WishesState


def lines_of(**changes: object) -> dict[str, tuple[str, ...]]:
    view = case_view(**changes)  # type: ignore[arg-type]
    return {line.section: (*line.quotes, *line.sentences) for line in at_a_glance(assemble(view))}


def test_the_childs_words_stand_first_and_every_line_leads_to_its_section() -> None:
    picture = assemble(replace(case_view(), before=LastLook(AT, frozenset())))
    lines = at_a_glance(picture)
    assert lines[0].quotes == ("I want to stay near my sister. I do not want to go back there.",)
    assert [line.section for line in lines] == ["voice", "question", "clocks", "disagreements", "gaps", "changes"]
    tree = html.fromstring(render_page(picture))
    assert {f"#{line.section}" for line in lines} == set(tree.xpath("//section[@aria-labelledby='glance']//a/@href"))
    assert {line.section for line in lines} <= set(tree.xpath("//@id"))


def test_why_the_child_was_not_heard() -> None:
    wishes = authored.wishes_and_feelings(
        AUTHOR, state=WishesState.CHILD_MISSING, absent_reason="Not at home", ask_again_on=date(2026, 6, 3)
    )
    heard = lines_of(items=[opened("w", COUNCIL, Category.WISHES_AND_FEELINGS, wishes)])
    assert heard["voice"] == ("Not heard. The child is missing.",)
    assert "nobody has recorded why" in lines_of(items=[], consents=())["voice"][0]


def test_what_is_open_is_counted_in_words() -> None:
    lines = lines_of()
    assert lines["gaps"] == (
        "1 agency has sent nothing, 3 records are held and not given to you, 1 record is refused to you now, "
        "the hub keeps 1 record back, 1 record failed its check and 1 request has no answer.",
    )
    assert lines["disagreements"] == ("5 open disagreements, 1 overdue, in what you opened.",)
    empty = lines_of(items=[], refused=(), not_given=(), withheld_by_hub=(), unverified=())
    assert empty["disagreements"] == ("No open disagreements, in what you opened.",)
    assert "5 agencies have sent nothing" in empty["gaps"][0]


def test_clocks_are_the_newest_of_each_kind_and_end_in_one_full_stop() -> None:
    said = lines_of()["clocks"]
    assert [line.partition(":")[0] for line in said] == list(dict.fromkeys(line.partition(":")[0] for line in said))
    assert all(line.endswith(".") and not line.endswith("..") for line in said)


def test_the_first_look_is_said_where_it_is_known() -> None:
    picture = assemble(case_view())
    assert FIRST_LOOK in [text for line in at_a_glance(picture, is_live=True) for text in line.sentences]
    assert FIRST_LOOK not in [text for line in at_a_glance(picture) for text in line.sentences]


def test_a_long_quote_is_cut_between_words() -> None:
    assert shorten("one two  three", 100) == "one two three"
    assert shorten("one two three", 9) == "one two …"
    assert len(shorten("word " * 200, MAX_QUOTE_CHARS)) <= MAX_QUOTE_CHARS + 2


def test_the_matrix_does_not_say_that_nothing_supports_what_a_decision_names() -> None:
    """Reasons in words are not laid out: the matrix says so, and leads to them."""
    decision = record(
        Category.DECISION,
        "A decision",
        {"hub_Reasons": {"value": "act: taken there", "state": "given", "locator": "x"}},
    )
    with_words = assemble(case_view([opened("d", COUNCIL, Category.DECISION, decision)]))
    assert with_words.elements.in_words == (fid("d"),)
    assert all(
        "Nothing you opened supports this" not in text for row in with_words.elements.rows for text in row.missing
    )
    page = render_page(with_words)
    assert "1 decision, vote or view gives reasons in words" in page
    without = assemble(case_view([opened("c", CHARITY, Category.NARRATIVE, record(Category.NARRATIVE, "Note", {}))]))
    assert without.elements.in_words == ()
    assert "Nothing you opened supports this" in without.elements.rows[0].missing[0]


def test_what_nobody_has_checked_is_said_once_of_a_fragment() -> None:
    """Three bases, one sentence; where one of them is checked the others are named."""
    basis = fragments()[0].basis
    three = frozenset({basis.gateway.value, basis.article6.value, basis.condition.value})
    one = [fragments()[0]]
    page = render_page(assemble(case_view(one, unconfirmed=three)))
    assert page.count("unconfirmed: nobody has checked these against the law") == 1
    page = render_page(assemble(case_view(one, unconfirmed=frozenset({basis.gateway.value}))))
    assert page.count("unconfirmed: nobody has checked the gateway against the law") == 1
