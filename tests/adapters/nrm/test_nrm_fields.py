"""The form's fields and lists as data, against the reference they were taken from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pycountry
import pytest

from adapters.nrm.fields import (
    MAX_ANSWER_CHARS,
    AnswerRefused,
    Field,
    FieldKind,
    Required,
    adult_path_fields,
    child_path_fields,
)
from adapters.nrm.lists import (
    LISTS,
    FormList,
    find_country,
    find_label,
    find_nationality,
    form_list,
    language_name,
    nationality_codes,
)


@pytest.mark.parametrize(("column", "fields", "count"), [(6, child_path_fields(), 113), (7, adult_path_fields(), 133)])
def test_fields_are_those_of_the_path(shared_dir: Path, column: int, fields: Mapping[str, Field], count: int) -> None:
    """Every row of the reference that a child, or an adult who agrees, meets is there, in its order, and no other."""
    text = (shared_dir / "reference" / "nrm.md").read_text(encoding="utf-8")
    section = text[text.index("### 1.3 Fields") : text.index("### 1.4")]
    expected: list[str] = []
    required: dict[str, str] = {}
    casework: dict[str, list[str]] = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            name = cells[0].strip("`")
            if cells[column] in ("Y", "c", "a"):
                names = [name.replace("{1..10}", str(n)) for n in range(1, 11)] if "{" in name else [name]
                expected += names
                required[name] = cells[4]
                casework[name] = [] if "flag" in cells[9] else re.findall(r"`([^`]+)`", cells[9])
    assert len(expected) == count
    assert list(fields) == expected
    for name, rule in required.items():
        if "{" not in name:
            wanted = Required.YES if rule.startswith("R") else Required.GROUP if rule == "group" else Required.NO
            assert fields[name].required is wanted, name
            assert list(fields[name].casework) == casework[name], name


def test_conditions_lead_back_to_an_earlier_field() -> None:
    """A condition names a field that is asked before, and answers that it has."""
    fields = child_path_fields()
    order = list(fields)
    conditional = [field for field in fields.values() if field.asked_when is not None]
    assert len(conditional) == 47
    for field in conditional:
        assert field.asked_when is not None
        decider = fields[field.asked_when.field]
        assert order.index(decider.name) < order.index(field.name)
        if decider.kind is FieldKind.RADIO:
            assert set(field.asked_when.values) <= set(decider.values)


def test_the_adults_conditions_lead_back_to_an_earlier_field() -> None:
    """What is asked of an adult on a condition follows a field of the same path that has that answer."""
    order = list(adult_path_fields())
    for field in adult_path_fields().values():
        assert not field.is_automatic
        if field.asked_when is not None:
            decider = adult_path_fields()[field.asked_when.field]
            assert order.index(decider.name) < order.index(field.name)
            assert not decider.values or set(field.asked_when.values) <= {*decider.values, "*"}


def test_no_adult_field_is_there() -> None:
    """What never appears for a child cannot be filled by mistake."""
    adult = ("who-contact", "someone-else", "does-pv-need-support", "pv-phone-number", "refuse-nrm", "pv-contact")
    assert [name for name in child_path_fields() if name.startswith(adult)] == []
    assert "pv-under-age-at-time-of-exploitation" not in child_path_fields()
    assert "what-happened" not in child_path_fields()


def test_lists_are_the_published_ones(shared_dir: Path) -> None:
    """The copies are byte for byte those of the reference, with their notice."""
    copies = sorted(path.name for path in LISTS.glob("*.json"))
    assert len(copies) == 7
    for name in copies:
        assert (LISTS / name).read_bytes() == (shared_dir / "data" / "nrm-lists" / name).read_bytes()
    notice = (LISTS / "NOTICE").read_text(encoding="utf-8")
    assert "MIT License" in notice
    assert "54dfce7" in notice
    assert len(json.loads((LISTS / "uk_cities_and_towns.json").read_text(encoding="utf-8"))) == 1622


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (FormList.ORG, 526),
        (FormList.LA, 451),
        (FormList.POLICE, 47),
        (FormList.REGION, 98),
        (FormList.CITY, 1608),
        (FormList.COUNTRY, 196),
        (FormList.NAT, 222),
    ],
)
def test_list_sizes(name: FormList, count: int) -> None:
    """As many distinct values as the reference counts (countries without the United Kingdom)."""
    assert len(form_list(name)) == count


def test_every_nationality_code_is_real_and_every_label_is_the_forms() -> None:
    """No label is invented and no code is wrong; what has no code is a person's choice."""
    codes = nationality_codes()
    assert set(codes.values()) <= form_list(FormList.NAT)
    assert len(set(codes.values())) == len(codes) == 216
    assert all(code == "XK" or pycountry.countries.get(alpha_2=code) for code in codes)
    assert form_list(FormList.NAT) - set(codes.values()) == {
        "Unknown",
        "English",
        "Scottish",
        "Welsh",
        "Northern Irish",
        "Tristanian",
    }


def test_every_country_of_the_form_is_reached_by_its_code() -> None:
    """No country of the form's list is out of reach."""
    reached = {find_country(country.alpha_2) for country in pycountry.countries} | {find_country("XK")}
    assert form_list(FormList.COUNTRY) - reached == {"Unknown"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("VN", "Vietnamese"),
        ("VNM", "Vietnamese"),
        ("Vietnam", "Vietnamese"),
        ("vietnamese", "Vietnamese"),
        ("GBR", "British"),
        ("Scottish", "Scottish"),
        ("Atlantis", None),
        ("", None),
        ("x" * 1000, None),
        ("Unknown", None),
    ],
)
def test_nationality(text: str, label: str | None) -> None:
    """Codes, names and labels find the form's label; anything else finds none."""
    assert find_nationality(text) == label


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        (FormList.CITY, "leeds", "Leeds"),
        (FormList.CITY, "Cardiff", "Cardiff / Caerdydd"),
        (FormList.CITY, "Caerdydd", "Cardiff / Caerdydd"),
        (FormList.CITY, "Leed", None),
        (FormList.CITY, "Unknown", None),
        (FormList.POLICE, "Devon and Cornwall Police", "Devon & Cornwall Police"),
        (FormList.LA, "THE BIRMINGHAM CITY COUNCIL", "Birmingham City Council"),
        (FormList.LA, "Birmingham", None),
    ],
)
def test_labels_are_found_exactly_or_not_at_all(name: FormList, text: str, label: str | None) -> None:
    """Case, accents and a leading "The" are set aside; nothing else is guessed."""
    assert find_label(name, text) == label


def test_languages() -> None:
    """ISO 639 codes become names; words stay as they are."""
    assert language_name("vie") == "Vietnamese"
    assert language_name("alb") == "Albanian"
    assert language_name("sq") == "Albanian"
    assert language_name("Romani of the valley") == "Romani of the valley"


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("pv-under-age", "maybe", "expected one of yes, no, not-sure"),
        ("pv-nationality", "Martian", "form's own list"),
        ("pv-dob", "2010-05", "a date like 2010-05-17"),
        ("pv-dob", "1900-01-01", "after 1900"),
        ("pv-dob", "20100517", "a date like"),
        ("user-email", "not an address", "expected an email address"),
        ("details-last-contact", "see https://chat.example", "without a web address"),
        ("does-pv-have-children-yes-amount", "two", "a whole number"),
        ("family", " ", "got nothing"),
        ("family", "x" * (MAX_ANSWER_CHARS + 1), "at most 15,000 characters, got 15,001"),
    ],
)
def test_answers_the_form_would_not_take(name: str, answer: str, says: str) -> None:
    """Each validator refuses, naming the field and never the answer."""
    with pytest.raises(AnswerRefused) as refusal:
        child_path_fields()[name].require(answer)
    assert says in str(refusal.value)
    assert str(refusal.value).startswith(name)
    assert "Martian" not in str(refusal.value)
