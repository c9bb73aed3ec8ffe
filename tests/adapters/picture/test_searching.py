"""Search in what one person has opened: every text, without case and accents, words or words together."""

from __future__ import annotations

import time

import pytest
from invented_case import COUNCIL, POLICE, case_view, fragments, opened, record, value

from adapters.picture.model import assemble
from adapters.picture.searching import MAX_QUERY_CHARS, MAX_TERMS, Found, QueryRefused, read_query, search
from adapters.picture.view import OpenedFragment
from policies.vocabulary import Category


def find(query: str, items: list[OpenedFragment] | None = None, most: int = 100) -> Found:
    view = case_view(items)
    return search(view, assemble(view), read_query(query), most)


def line(hit: object) -> str:
    return "".join(part.text for part in hit.parts)  # type: ignore[attr-defined]


def marked(found: Found) -> list[str]:
    return [part.text for hit in found.hits for part in hit.parts if part.is_found]


def test_case_and_accents_do_not_count_and_what_is_written_is_marked() -> None:
    found = find("EXAMPLE")
    assert {"Exämple", "EXAMPLE", "Example"} <= set(marked(found))
    assert set(marked(find("exämple"))) == set(marked(found))
    assert marked(find("straße", [_note("In der STRASSE")])) == ["STRASSE"]


def _note(text: str, name: str = "n", **fields: object) -> OpenedFragment:
    return opened(name, POLICE, Category.NARRATIVE, record(Category.NARRATIVE, text, fields))


def test_all_words_in_a_fragment_and_a_phrase_together() -> None:
    items = [_note("The van was blue", "a"), _note("The van", "b", cco_CaseComment=value("blue sky"))]
    assert find("blue van", items).fragments == 2
    assert find('"blue sky"', items).fragments == 1
    assert find('"van was" blue', items).fragments == 1
    assert find("blue lorry", items).fragments == 0
    assert find("“the van”", items).fragments == 2
    assert find('"van  WAS"', [_note("the van\nwas")]).fragments == 1


def test_a_word_is_found_where_a_word_begins_with_it() -> None:
    """Within another word it is not; after a hyphen, an apostrophe or a stroke a word begins."""
    for text in ("car", "the cars", "her carers agree", "fern-care", "l'car", "van/car", "(car)"):
        assert find("car", [_note(text)]).fragments == 1, text
    for text in ("a scar", "so-cial vicar", "oscar", "Scarborough", "123car"):
        assert find("car", [_note(text)]).fragments == 0, text
    assert find('"an was"', [_note("the van was blue")]).fragments == 0
    assert find("मोह", [_note("मोहन आया")]).fragments == 1
    assert find("हन", [_note("मोहन आया")]).fragments == 0


def test_scripts_without_spaces_are_searched_at_every_letter() -> None:
    assert marked(find("餐馆", [_note("他在餐馆工作")])) == ["餐馆"]


def test_what_holds_more_of_the_words_stands_first() -> None:
    """Fragments with all words in one text, whole words before beginnings; then texts with fewer, last the rest."""
    items = [
        _note("Her carers agree", "apart", cco_CaseComment=value("a grey coat")),
        _note("greyish, careful", "begun", cco_CaseComment=value("care")),
        _note("car", "whole", cco_CaseComment=value("Taken home in a grey car"), hub_View=value("a grey card")),
    ]
    found = find("grey car", items)
    assert [line(hit) for hit in found.hits] == [
        "Taken home in a grey car",
        "a grey card",
        "car",
        "greyish, careful",
        "care",
        "a grey coat",
        "Her carers agree",
    ]
    assert found.fragments == 3
    assert find("car", items).hits[0].fragment == items[2].header.fragment


def test_the_line_is_cut_where_the_words_stand_together() -> None:
    (hit,) = find("grey car", [_note("care " + "and so on " * 60 + "a grey car" + " after" * 60)]).hits
    assert "a grey car after" in line(hit)
    assert [part.text for part in hit.parts if part.is_found] == ["grey", "car"]


@pytest.mark.parametrize("code", [COUNCIL, "lead_professional", "7c4a7fbbdedf61cf7bc4843b28bcc718"])
def test_an_agencys_id_or_a_code_is_no_hit_of_its_words(code: str) -> None:
    """It is found by the whole of it only; the same letters in a sentence are words like any other."""
    items = [_note("Nothing else", hub_Attended=[value(code)])]
    assert find(code[:4], items).hits == ()
    assert marked(find(code.upper(), items)) == [code]
    assert marked(find(code[:4], [_note(f"Said by {code} today")])) == [code[:4]]


def test_a_text_of_nothing_but_findings_is_cut_in_time() -> None:
    began = time.monotonic()
    assert find("a zebra", [_note("a " * 50_000, "x", hub_View=value("zebra"))]).fragments == 1
    assert time.monotonic() - began < 10


def test_every_text_value_of_every_fragment_is_searched() -> None:
    """Each value that the invented records give is found, in its own fragment; locators and states are not."""
    looked = 0
    for item in fragments():
        for field, held in item.content["fields"].items():
            for entry in held if isinstance(held, list) else [held]:
                parts = entry.values() if "state" not in entry else [entry]
                for part in parts:
                    text = part["value"] if isinstance(part, dict) else None
                    if isinstance(text, str):
                        found = find(f'"{text}"')
                        assert item.header.fragment in [hit.fragment for hit in found.hits], field
                        looked += 1
    assert looked > 60
    assert find("given", [_note("Nothing of it")]).hits == ()


def test_an_older_version_is_searched_under_the_name_of_the_newest() -> None:
    found = find('"First note, corrected later"')
    assert [hit.ref for hit in found.hits] == ["F18"]
    assert find("Corrected note").hits[-1].ref == "F18"


def test_at_most_so_many_lines_and_how_many_more() -> None:
    items = [_note(f"van number {number}", str(number)) for number in range(9)]
    found = find("van", items, most=4)
    assert (len(found.hits), found.more, found.fragments) == (4, 5, 9)


def test_a_long_text_is_cut_around_what_is_found() -> None:
    text = "before " * 100 + "the blue van" + " after" * 100
    (hit,) = find('"blue van"', [_note(text)]).hits
    assert line(hit).startswith("… ")
    assert line(hit).endswith(" …")
    assert len(line(hit)) < 400
    assert marked(find('"blue van"', [_note(text)])) == ["blue van"]


@pytest.mark.parametrize(
    "query", ["", "   ", '""', "x" * (MAX_QUERY_CHARS + 1), " ".join(map(str, range(MAX_TERMS + 1)))]
)
def test_what_cannot_be_searched_for_is_refused_without_repeating_it(query: str) -> None:
    with pytest.raises(QueryRefused) as error:
        read_query(query)
    assert query.strip() == "" or query not in str(error.value)


@pytest.mark.parametrize("query", ["\u0301", "ﷺ", "İ", "a\u0301\u0301", "\ud800", "(.*", "\\", "%", "ß", "\x00"])
def test_strange_text_breaks_nothing(query: str) -> None:
    """Letters that fold to several, to none, halves of characters and patterns are text like any other."""
    items = [_note(f"before {query} after")]
    try:
        found = find(query, items)
    except QueryRefused:
        return
    assert all(line(hit) for hit in found.hits)


def test_hits_show_no_content_in_their_repr() -> None:
    (hit,) = find("blue", [opened("x", COUNCIL, Category.NARRATIVE, record(Category.NARRATIVE, "a blue van", {}))]).hits
    assert "blue" not in repr(hit)
