"""Dates, codes and numbers on the page and in the terminal are words that a panel member reads without a key."""

from __future__ import annotations

import re

import pytest
from invented_case import COUNCIL, HEALTH, POLICE, case_view, opened, record, value
from test_picture_counts import printed, text_of

from adapters.picture.model import Picture, assemble
from adapters.picture.words import count_words, join_words, plain_summary, span_words
from policies.vocabulary import Category

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
REPR = re.compile(r"\{'|\['|\('|None\b|True\b|False\b|<[A-Za-z]+\.[A-Z_]+|Counter\(|frozenset|mappingproxy")


def one(*items: object) -> Picture:
    """A picture of these fragments alone."""
    return assemble(case_view(list(items)))  # type: ignore[arg-type]


def test_no_raw_date_and_no_repr_reaches_a_reader() -> None:
    """Neither page nor terminal shows an ISO date of a record, or how a program writes a value."""
    picture = assemble(case_view())
    for text in (text_of(picture), printed(picture)):
        assert not ISO.search(text), ISO.search(text)
        assert not REPR.search(text), REPR.search(text)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Missing from 2026-03-03, to 2026-03-06", "Missing from 3 March 2026 to 6 March 2026"),
        ("Contact: 2026-02-09T22:40:00+00:00, 2026-02-10T03:15:00+00:00",
         "Contact: 9 February 2026, 22:40 GMT to 10 February 2026, 03:15 GMT"),
        ("Looked after from 2026-02-26 to not recorded: foster", "Looked after from 26 February 2026 (no end recorded): foster"),  # noqa: E501
        ("Referral, from: HEALTH SERVICES – school nurse", "Referral, from: Health services – school nurse"),
        ("Method of control: PhysicalAbuse", "Method of control: physical abuse"),
        ("Method of control: not understood, kept as written", "Method of control: not understood, kept as written"),
        ("Worker: McDonald", "Worker: McDonald"),
        ("Identity: born 2011-05-17", "Identity: born 17 May 2011"),
        ("Reference 2026-05-17/A and 12026-05-17 and 2026-13-45", "Reference 2026-05-17/A and 12026-05-17 and 2026-13-45"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_reader_programs_line_in_words(said: str, shown: str) -> None:
    """Dates and list words are rewritten; what only looks like a date stays."""
    assert plain_summary(said) == shown


def test_words_somebody_wrote_are_not_rewritten() -> None:
    """A view keeps its words, dates and all: only a reading program's own line is put in words."""
    written = record(Category.PROFESSIONAL_VIEW, "A view", {"hub_View": value("Seen on 2026-03-03, from: SCHOOL")})
    assert "Seen on 2026-03-03, from: SCHOOL" in text_of(one(opened("v", COUNCIL, Category.PROFESSIONAL_VIEW, written)))


def test_chronology_says_how_exactly_a_date_is_known_and_how_the_source_writes_it() -> None:
    """A month stays a month, and the source's own writing stands beside the date where it differs."""
    month = record(Category.NARRATIVE, "Told in a month", {}, start="2026-02")
    day = record(
        Category.MISSING_EPISODE,
        "Missing from 2026-03-03, to 2026-03-06",
        {
            "hub_End": value("2026-03-06", as_written="06/03/2026"),
            "hub_Start": value("2026-02-27", as_written="27/02/2026"),
        },
        start="2026-02-27",
        end="2026-03-06",
    )
    picture = one(opened("m", POLICE, Category.NARRATIVE, month), opened("d", COUNCIL, Category.MISSING_EPISODE, day))
    rows = picture.chronology
    assert [(row.when, row.precision_words, row.as_written) for row in rows] == [
        ("February 2026", "known to the month only", ""),
        ("27 February 2026 to 6 March 2026", "known to the day", "27/02/2026 to 06/03/2026"),
    ]
    page = text_of(picture)
    assert "February 2026 known to the month only" in page.replace("2026known", "2026 known")
    assert "the source writes “27/02/2026 to 06/03/2026”" in page
    assert "(known to the month only)" in printed(picture)


def test_an_offence_is_named_by_its_wording() -> None:
    """A code never stands alone, and the hint to consider something stays."""
    offence = record(
        Category.OFFENCE,
        "Offence MD71999, as defendant, 2026-05-10. To consider, not concluded: an indicator",
        {
            "hub_Offence": [
                {"role": value("defendant"), "wording": value("Supply (invented)"), "code": value("MD71999")}
            ]
        },
        start="2026-05-10",
    )
    row = one(opened("o", POLICE, Category.OFFENCE, offence)).chronology[0]
    assert row.statement == (
        "Supply (invented) (offence code MD71999); role of the child: alleged offender (recorded as defendant). "
        "To consider, not concluded: an indicator"
    )


def test_no_count_of_nothing_as_a_victim() -> None:
    """That no record has the child as victim is said in words, with what it does not mean."""
    offence = record(
        Category.OFFENCE, "Offence", {"hub_Offence": [{"role": value("defendant"), "wording": value("Supply")}]}
    )
    picture = one(opened("o", POLICE, Category.OFFENCE, offence))
    sentence = picture.victim_and_offender.sentence
    assert "as alleged offender in 1 offence." in sentence
    assert "that is not evidence that the child is none" in sentence
    assert "As victim: 0" not in text_of(picture)
    assert sentence in printed(picture)
    assert "1 offence and as victim in 1 offence" in assemble(case_view()).victim_and_offender.sentence
    assert one().victim_and_offender.sentence.startswith("No offence record")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prs_MailingStreet": value("7, Nowhere Lane"), "prs_MailingPostalCode": value("ZE1 1AA")}, "7, Nowhere Lane, ZE1 1AA"),  # noqa: E501
        ({"hub_Address": [{"prs_MailingStreet": value("7, Nowhere Lane")}]}, "7, Nowhere Lane"),
        ({"hub_NoFixedAbode": value(True)}, "no fixed abode"),
        ({"prs_MailingStreet": {"value": None, "state": "withheld", "locator": "x"}}, "is withheld in its source"),
    ],
)  # fmt: skip
def test_an_address_is_shown_where_the_child_stays(fields: dict[str, object], said: str) -> None:
    """The address itself, and that an undated one may not be where the child is now."""
    contact = record(Category.CONTACT, "Address as defendant in a police case", fields)
    topic = one(opened("c", POLICE, Category.CONTACT, contact)).safety.topics[0]
    assert [item.text.startswith("Address as defendant in a police case: ") for item in topic.statements] == [True]
    assert said in topic.statements[0].text
    assert "it may not be where the child is now" in topic.statements[0].text


def test_a_contact_record_without_an_address_is_no_place_to_stay() -> None:
    """A telephone number, or an address with nothing in it, does not stand under where the child stays."""
    empty = record(Category.CONTACT, "Address as defendant in a police case", {})
    phone = record(Category.CONTACT, "Telephone", {"prs_Phone": value("01632 960001")})
    picture = one(opened("a", POLICE, Category.CONTACT, empty), opened("t", HEALTH, Category.CONTACT, phone))
    assert picture.safety.topics[0].statements == ()
    assert picture.safety.topics[0].sentence == "Nothing you opened says."


def test_codes_stand_with_their_meaning() -> None:
    """Sex, nationality and the grades of police intelligence are words, with the code beside them."""
    identity = record(
        Category.IDENTITY, "Identity", {"hub_Sex": value("F"), "prs_Citizenship": value("GB"), "prs_FirstName": value("F")}  # noqa: E501
    )  # fmt: skip
    grade = record(
        Category.NARRATIVE, "Report", {"hub_SourceGrade": value("2"), "hub_InfoGrade": value("C")}, start="2026-05-01"
    )
    picture = one(opened("i", POLICE, Category.IDENTITY, identity), opened("g", POLICE, Category.NARRATIVE, grade))
    words = {field.field: field.values[0].words for field in picture.identity.fields}
    assert words["hub_Sex"] == "female (recorded as F)"
    assert words["prs_Citizenship"] == "British (recorded as GB)"
    assert words["prs_FirstName"] == "F"
    page = text_of(picture)
    assert "source: 2, untested; information: C, known indirectly" in page
    assert "female (recorded as F)" in page


def test_differing_ages_are_both_said() -> None:
    """Not only that records differ: each age that a recorded birth date gives."""
    header = assemble(case_view()).header
    assert header.age_words == "16"
    assert header.age_today == "16"
    assert header.days_words.endswith(": the records differ")
    assert " or " in header.days_words
    assert one().header.age_words == "not known"


def test_time_of_sealing_is_not_called_the_time_of_recording() -> None:
    """A source without a time of its own is said to be shared, not recorded, on that day."""
    content = record(Category.NARRATIVE, "Note", {}, start="2026-05-01")
    content["source"].pop("extracted_at")
    page = text_of(one(opened("n", POLICE, Category.NARRATIVE, content)))
    assert "shared 21 May 2026, 13:00 BST" in page
    assert "no time in the source" in page
    assert "recorded 21 May 2026" not in page


def test_small_words() -> None:
    """Numbers with their noun, lists as in a sentence, spans with one end."""
    assert [count_words(number, "day") for number in (0, 1, 2, 1200)] == ["no days", "1 day", "2 days", "1,200 days"]
    assert count_words(2, "child", "children") == "2 children"
    assert [join_words(item) for item in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert [span_words(None, None), span_words(None, "2026-05"), span_words("2026", "2026")] == [
        "No date", "until May 2026", "2026",
    ]  # fmt: skip


def test_the_terminal_holds_what_is_to_do_and_what_is_refused_on_record() -> None:
    """Plan, refusals on record, overdue days and overlaps are said in words there as on the page."""
    text = printed(assemble(case_view()))
    assert (
        "Ask for an Independent Child Trafficking Guardian (Northshire Council, due 29 May 2026, overdue): planned"
        in text
    )
    assert "Northshire Police does not share note: held by the agency (22 May 2026, 10:00 BST)" in text
    assert "4 days overdue" in text
    assert "together in time with" in text
