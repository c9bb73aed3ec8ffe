"""The people in a file, and the records of one of them: exactly what asking the readers for that child gives."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from adapters.sources.people import people_in, records_of
from adapters.sources.reading import SourceFile, read_file, read_source

TODAY = date(2026, 11, 22)
SAMPLES = {
    "health/pds/Patient.json": 1,
    "police/spi/SingleDefendantSingeOffence.xml": 3,
    "social-care/cin/fake_CIN_data.xml": 332,
    "social-care/ssda903/missing.csv": 39,
}
TWINS = b"""prs_FirstName,prs_SecondName,prs_Birthdate,cco_CaseComment
Juniper,Madeup,2011-05-17,one
Juniper,Madeup,2011-05-17,two
Rowan,Madeup,2011-05-17,three
"""


@pytest.mark.parametrize(("name", "number"), SAMPLES.items())
def test_people_of_samples(samples_dir: Path, name: str, number: int) -> None:
    path = samples_dir / name
    people = people_in(read_file(path, today=TODAY, is_test_hub=True))
    assert len(people) == number
    for person in people[:3]:
        whole = read_file(path, today=TODAY, is_test_hub=True, subject=person.subject)
        kept = records_of(whole, person)
        assert kept
        assert {draft.about for draft in kept} == {person.about}
        assert person.about not in repr(person)


def test_two_people_of_one_name_and_birth_date_stay_two() -> None:
    source = SourceFile("cases.csv", TWINS, TODAY, {})
    people = people_in(read_source(source))
    assert [person.about for person in people] == ["2", "3", "4"]
    comments = [
        [draft.fields["cco_CaseComment"].value for draft in records_of(read_source(source, person.subject), person)  # type: ignore[union-attr]
         if "cco_CaseComment" in draft.fields]
        for person in people
    ]  # fmt: skip
    assert comments == [["one"], ["two"], ["three"]]


def test_a_number_without_an_identity_record_is_known_all_the_same(samples_dir: Path) -> None:
    """Tables of the return of looked-after children other than the header name the child by number alone."""
    people = people_in(read_file(samples_dir / "social-care/ssda903/missing.csv", today=TODAY))
    assert all(person.described.identifiers["la_child_id"] == {person.about} for person in people)
