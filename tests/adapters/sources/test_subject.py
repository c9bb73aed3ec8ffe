"""Who is asked for, and how a record is recognised as theirs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources.subject import IDENTIFIER_KEYS, Subject, normalise_identifier, normalise_name

ROBIN = Subject(first_name="Robin", family_name="Invented", birth_date="2010-05-17")


def test_a_subject_needs_something_to_go_by() -> None:
    """An identifier, or a family name with a birth date; nothing less."""
    for given_facts in ({}, {"family_name": "Invented"}, {"birth_date": "2010-05-17"}, {"first_name": "Robin"}):
        with pytest.raises(ValueError, match="needs an identifier, or a family name and a birth date"):
            Subject(**given_facts)  # type: ignore[arg-type]
    assert Subject(identifiers={"upn": "A1"}).identifiers == {"upn": "A1"}


def test_unknown_kinds_of_identifier_are_refused() -> None:
    """A kind outside the list is an error, not a silent mismatch."""
    with pytest.raises(ValueError, match="passport"):
        Subject(identifiers={"passport": "1"})
    assert {"nhs_number", "la_child_id", "upn", "pnc_id", "asn", "cro", "case_reference", "row"} == IDENTIFIER_KEYS


def test_identifiers_decide() -> None:
    """One shared identifier that agrees is enough; the names then do not matter."""
    subject = Subject(identifiers={"nhs_number": "999 000 0018"}, family_name="Invented", birth_date="2010-05-17")
    assert subject.is_match({"nhs_number": "9990000018"})
    assert subject.is_match({"nhs_number": "999-000-0018"}, family_name="Otherone", birth_date="2001-01-01")
    assert not subject.is_match({"nhs_number": "9990000026"}, family_name="Invented", birth_date="2010-05-17")


def test_identifiers_that_disagree_are_no_match() -> None:
    """All identifiers that both sides have must agree."""
    subject = Subject(identifiers={"nhs_number": "9990000018", "upn": "A1"})
    assert subject.is_match({"nhs_number": "9990000018", "upn": "a1"})
    assert not subject.is_match({"nhs_number": "9990000018", "upn": "B2"})


def test_an_identifier_of_another_kind_says_nothing() -> None:
    """Without a shared kind only name and birth date remain; an empty identifier is none."""
    subject = Subject(identifiers={"pnc_id": "20/1A"}, family_name="Invented", birth_date="2010-05-17")
    assert not subject.is_match({"upn": "20/1A"})
    assert not Subject(identifiers={"pnc_id": "20/1A"}).is_match({"pnc_id": ""})
    assert subject.is_match({"pnc_id": ""}, family_name="Invented", birth_date="2010-05-17")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"first_name": "Robin", "family_name": "Invented", "birth_date": "2010-05-17"}, True),
        ({"family_name": "INVENTED", "birth_date": "2010-05-17"}, True),
        ({"first_name": "Sam", "family_name": "Invented", "birth_date": "2010-05-17"}, False),
        ({"first_name": "Robin", "family_name": "Invented", "birth_date": "2010-05-18"}, False),
        ({"first_name": "Robin", "family_name": "Invented", "birth_date": "2010-05"}, False),
        ({"first_name": "Robin", "family_name": "Otherone", "birth_date": "2010-05-17"}, False),
        ({"first_name": "Robin", "family_name": "Invented"}, False),
        ({"first_name": "Robin", "birth_date": "2010-05-17"}, False),
        ({}, False),
    ],
)
def test_name_and_birth_date(facts: dict[str, str], expected: bool) -> None:
    """Family name and birth date must agree, and the first name where both sides have one."""
    assert ROBIN.is_match({}, **facts) is expected


def test_first_name_is_not_needed() -> None:
    """A subject without a first name matches on family name and birth date."""
    subject = Subject(family_name="Invented", birth_date="2010-05-17")
    assert subject.is_match({}, first_name="Anyone", family_name="Invented", birth_date="2010-05-17")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zo\u00eb", "Zoe\u0308"),
        ("ZO\u00cb", "zoe"),
        ("O\u2019Brien", "O'Brien"),
        ("Smith-Jones", "Smith Jones"),
        ("van\u00a0der  Berg ", "Van der Berg"),
        ("Stra\u00dfe", "STRASSE"),
    ],
)
def test_names_compare_loosely(one: str, other: str) -> None:
    """Marks, case, signs and blanks do not part a name from itself."""
    assert normalise_name(one) == normalise_name(other)


def test_different_names_stay_different() -> None:
    """Loose is not the same as equal."""
    assert normalise_name("Anna Maria") != normalise_name("Annamaria")
    assert normalise_name("\u4e2d") != normalise_name("\u6587")


def test_identifiers_compare_loosely() -> None:
    """Blanks, hyphens, slashes and case."""
    assert normalise_identifier("2003/0011985x") == normalise_identifier("2003 0011985X") == "20030011985X"


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    """A compared form is final, and a name always matches itself."""
    for normalise in (normalise_name, normalise_identifier):
        assert normalise(normalise(text)) == normalise(text)
