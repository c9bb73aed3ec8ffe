"""A record typed into the form gives the very same drafts as the file with that one row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from adapters.sources.charity.codes import allowed_codes, code_labels
from adapters.sources.charity.fields import COLUMNS, Kind, Part
from adapters.sources.charity.typed import OFFERED, field_at, problems, read_typed, typed_file, typed_steps
from adapters.sources.reading import read_file
from policies.vocabulary import Category

TODAY = date(2026, 11, 22)
FULL = {
    "prs_FirstName": "Juniper",
    "prs_SecondName": 'Made"up, of Testcase',
    "prs_Birthdate": "2011-05",
    "prs_Citizenship": "Albania;Viet Nam",
    "prs_MobilePhone": "07700 900123",
    "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
    "vic_TypeOfExploitation": "ForcedLabour;Other",
    "vic_MethodsOfControl": "DebtBondage;WithholdsDocuments",
    "hte_Type": "Transit",
    "hte_Date": "2026-03",
    "cas_CaseOwner": "An invented worker",
    "spl_ActionPlan": "First line\nsecond line",
    "cco_CaseComment": "=not a formula",
    "con_Consent": "no",
}


@pytest.mark.parametrize("values", [FULL, {"cco_CaseComment": "only this"}, {"prs_Birthdate": "17 May"}])
def test_the_form_and_the_file_give_the_same_drafts(tmp_path: Path, values: Mapping[str, str]) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(typed_file(values))
    typed, read = read_typed(values, TODAY), read_file(path, today=TODAY)
    assert [draft.to_content() for draft in typed.drafts] == [draft.to_content() for draft in read.drafts]
    assert [draft.record_id for draft in typed.drafts] == [draft.record_id for draft in read.drafts]
    assert typed.to_json() == read.to_json()
    assert typed.drafts


def test_every_part_that_is_filled_in_becomes_a_draft() -> None:
    kinds = [draft.category for draft in read_typed(FULL, TODAY).drafts]
    assert kinds.count(Category.CONCERN) == 2
    assert len(kinds) == 10


def test_every_field_of_the_standard_is_offered_once_but_perpetrators_and_deprecated_ones() -> None:
    listed = [field.column.name for step in typed_steps() for field in step.fields]
    left_out = {column.name for column in COLUMNS} - set(listed)
    assert len(listed) == len(set(listed)) == len(OFFERED) == 78
    assert left_out == {column.name for column in COLUMNS if column.part is Part.PERPETRATOR or column.is_deprecated}


def test_closed_lists_are_the_standards_own() -> None:
    coded = [column.name for column in OFFERED if column.kind in (Kind.CODE, Kind.CODES)]
    assert len(coded) == 19
    for name in coded:
        assert tuple(value for value, _ in code_labels(name)) == allowed_codes(name)
        assert all(label.strip() for _, label in code_labels(name))


def test_what_is_not_understood_stands_at_its_field() -> None:
    report = read_typed({**FULL, "prs_Birthdate": "17 May", "prs_PrimaryLanguage": "Nolanguage"}, TODAY)
    found = problems(report)
    assert set(found) == {"prs_Birthdate", "prs_PrimaryLanguage"}
    assert not any("kept as written" in text for text in found.values())


def test_a_record_that_says_nothing_is_refused() -> None:
    assert read_typed({}, TODAY).is_refused
    assert read_typed({"no_such_field": "x"}, TODAY).is_refused


@pytest.mark.parametrize("locator", ["file", "file:2", "file:2:0", "file:2:999", "Sheet1!A1"])
def test_a_place_that_is_no_field(locator: str) -> None:
    assert field_at(locator) is None
