"""The mapping of a police message: states, dates, identifiers, codes, contacts, offences."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from police_messages import (
    CHILD,
    CHILD_ASN,
    CHILD_PNC,
    Defendant,
    Offence,
    Person,
    big_case,
    codes,
    group_of,
    identity_of,
    message,
    of,
    read,
    resolve,
    values_of,
)

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode
from policies.vocabulary import Category


def test_everybody_is_read_without_a_subject() -> None:
    """Identity, address and telephone of three people, a guardian, offences, facts, the officer: each one record."""
    report = read(big_case())
    assert Counter(draft.category for draft in report.drafts) == {
        Category.IDENTITY: 3,
        Category.CONTACT: 6,
        Category.RELATION: 2,
        Category.OFFENCE: 4,
        Category.NARRATIVE: 1,
    }
    assert (report.records_in, report.fragments, report.refused, report.not_about) == (16, 16, 0, 0)
    assert {draft.about for draft in report.drafts} == {
        "case-1",
        "case-1/defendant-1",
        "case-1/defendant-2",
        "case-1/victim-1",
    }


def test_reading_twice_gives_the_same() -> None:
    """Record ids and content do not change, and no two records share an id."""
    first, second = read(big_case()), read(big_case())
    assert [draft.record_id for draft in first.drafts] == [draft.record_id for draft in second.drafts]
    assert [draft.to_content() for draft in first.drafts] == [draft.to_content() for draft in second.drafts]
    assert len({draft.record_id for draft in first.drafts}) == first.fragments


def test_every_locator_leads_back() -> None:
    """Each given text is found where its locator leads; a joined text leads to the element around its parts."""
    data = big_case()
    checked = 0
    for draft in read(data).drafts:
        assert resolve(data, draft.source.locator) is not None
        for value in values_of(draft):
            element = resolve(data, value.locator)
            is_text = value.state is ValueState.GIVEN and len(element) == 0
            # A role or basis is the reader's word for the place; a code's meaning is not what stands there.
            if is_text and value.code is None and value.value not in ("day", "statement of facts"):
                assert (value.as_written or value.value) == element.text
                checked += 1
    assert checked > 60


def test_absent_empty_and_not_in_format_are_told_apart() -> None:
    """Empty is not absent, and what the format cannot say is neither."""
    fields = identity_of(Person(born=None, base="<PNCidentifier></PNCidentifier>"))
    assert fields["prs_Birthdate"].state is ValueState.ABSENT
    assert fields["hub_PNCID"].state is ValueState.EMPTY
    assert fields["hub_CRO"].state is ValueState.ABSENT
    assert fields["hub_NHSNumber"].state is ValueState.NOT_IN_FORMAT
    assert fields["prs_Gender"].state is ValueState.NOT_IN_FORMAT
    assert "hub_BirthdatePrecision" not in fields


def test_blanks_go_and_the_original_is_kept() -> None:
    """Blanks and line ends are normalised in the value; letters are not touched."""
    fields = identity_of(Person(given=" Róbin\n  Ann "))
    assert fields["prs_FirstName"].value == "Róbin Ann"
    assert fields["prs_FirstName"].as_written == " Róbin\n  Ann "


@pytest.mark.parametrize(("written", "sex"), [("0", "U"), ("1", "M"), ("2", "F"), ("9", "U")])
def test_sex_by_the_list(written: str, sex: str) -> None:
    """Recorded sex is kept with its code and never becomes a gender."""
    value = identity_of(Person(gender=written))["hub_Sex"]
    assert (value.value, value.code, value.scheme) == (sex, written, "spi-gender-current")


def test_an_unknown_sex_code_is_kept_and_not_used() -> None:
    """A value outside the list refuses that value only."""
    report = read(message(Defendant(Person(gender="X"))).encode())
    value = of(report, Category.IDENTITY)[0].fields["hub_Sex"]
    assert (value.value, value.state, value.as_written) == (None, ValueState.UNREADABLE, "X")
    assert codes(report)[FindingCode.UNKNOWN_CODE] == 1
    assert report.fragments == 4


def test_a_perceived_birth_year_stays_a_year() -> None:
    """No month and no day are filled in."""
    fields = identity_of(Person(born=None, inside="<PerceivedBirthYear>2010</PerceivedBirthYear>"))
    assert fields["prs_Birthdate"].value == "2010"
    assert fields["hub_BirthdatePrecision"].value == "perceived_year"


def test_birth_date_and_perceived_year_are_both_kept() -> None:
    """The date counts; a year that differs is a conflict for a person."""
    person = Person(inside="<PerceivedBirthYear>2007</PerceivedBirthYear>")
    report = read(message(Defendant(person)).encode())
    fields = of(report, Category.IDENTITY)[0].fields
    assert (fields["prs_Birthdate"].value, fields["hub_BirthdatePrecision"].value) == ("2010-05-17", "day")
    assert fields["hub_PerceivedBirthYear"].value == "2007"
    assert codes(report)[FindingCode.CONFLICT_IN_DELIVERY] == 1


def test_an_unreadable_birth_date_falls_back_to_the_perceived_year() -> None:
    """The bad date is a finding, the year is still a statement."""
    person = Person(born="17/05/2010", inside="<PerceivedBirthYear>2010</PerceivedBirthYear>")
    report = read(message(Defendant(person)).encode())
    assert of(report, Category.IDENTITY)[0].fields["hub_BirthdatePrecision"].value == "perceived_year"
    assert codes(report)[FindingCode.BAD_DATE] == 1


@pytest.mark.parametrize("born", ["2010-13-01", "2010-02-30", "10-05-17", "17/05/2010", "soon"])
def test_bad_birth_dates_are_refused_alone(born: str) -> None:
    """State unreadable, kept as written, and the message does not repeat it."""
    report = read(message(Defendant(Person(born=born))).encode())
    value = of(report, Category.IDENTITY)[0].fields["prs_Birthdate"]
    assert (value.value, value.state, value.as_written) == (None, ValueState.UNREADABLE, born)
    told = [finding.message for finding in report.findings if finding.code is FindingCode.BAD_DATE]
    assert len(told) == 1
    assert born not in told[0]


def test_a_date_with_a_zone_is_a_date() -> None:
    """The schema allows a zone behind a date."""
    value = identity_of(Person(born="2010-05-17+01:00"))["prs_Birthdate"]
    assert (value.value, value.as_written) == ("2010-05-17", "2010-05-17+01:00")


@pytest.mark.parametrize("born", ["1850-01-01", "2030-01-01", "1990-01-01"])
def test_implausible_birth_dates_are_kept_with_a_warning(born: str) -> None:
    """Before 1900, in the future, over 25 years."""
    report = read(message(Defendant(Person(born=born))).encode())
    assert of(report, Category.IDENTITY)[0].fields["prs_Birthdate"].value == born
    assert codes(report)[FindingCode.IMPLAUSIBLE_DATE] == 1


@pytest.mark.parametrize(("year", "count"), [("1960", 1), ("2027", 1), ("2010", 0), ("MMX", 0)])
def test_implausible_perceived_years(year: str, count: int) -> None:
    """A year that is no child's is pointed out; text that is no year is a bad date."""
    person = Person(born=None, inside=f"<PerceivedBirthYear>{year}</PerceivedBirthYear>")
    found = codes(read(message(Defendant(person)).encode()))
    assert found[FindingCode.IMPLAUSIBLE_DATE] == count
    assert found[FindingCode.BAD_DATE] == (year == "MMX")


def test_an_arrest_summons_number_is_checked() -> None:
    """Canonical where it passes, also with slashes and an unpadded sequence."""
    assert identity_of(CHILD)["hub_ASN"].value == CHILD_ASN
    slashed = identity_of(CHILD, reference="16/01AA/01/1E")["hub_ASN"]
    assert (slashed.value, slashed.as_written) == (CHILD_ASN, "16/01AA/01/1E")


@pytest.mark.parametrize("reference", ["TFL", "007007", "ProsecutorReference0"])
def test_another_prosecutors_reference_is_no_asn_and_no_error(reference: str) -> None:
    """The same element holds other references: kept as written, without a finding."""
    report = read(message(Defendant(CHILD, reference)).encode())
    value = of(report, Category.IDENTITY)[0].fields["hub_ASN"]
    assert (value.value, value.state, value.as_written) == (None, ValueState.ABSENT, reference)
    assert not report.findings


def test_a_wrong_check_letter_of_an_asn_is_told() -> None:
    """The form of a number with another letter is a slip, not another reference."""
    report = read(message(Defendant(CHILD, CHILD_ASN[:-1] + "Z")).encode())
    assert of(report, Category.IDENTITY)[0].fields["hub_ASN"].state is ValueState.UNREADABLE
    assert codes(report)[FindingCode.UNKNOWN_CODE] == 1


def test_pnc_ids() -> None:
    """Canonical where it passes; else kept with a warning."""
    good = identity_of(Person(base="<PNCidentifier>03/11985X</PNCidentifier>"))["hub_PNCID"]
    assert (good.value, good.as_written) == (CHILD_PNC, "03/11985X")
    report = read(message(Defendant(Person(base="<PNCidentifier>2003-0011985A</PNCidentifier>"))).encode())
    assert of(report, Category.IDENTITY)[0].fields["hub_PNCID"].value == "2003-0011985A"
    assert codes(report)[FindingCode.BAD_PNC] == 1


def test_nationality_becomes_two_letters_and_keeps_three() -> None:
    """ISO 3166-1; what is no such code is kept as written."""
    (value,) = identity_of(Person(base="<PersonStatedNationality>VNM</PersonStatedNationality>"))["prs_Citizenship"]
    assert (value.value, value.code, value.as_written) == ("VN", "VNM", "VNM")
    for other in ("Vnm", "XQX", "VN"):
        (value,) = identity_of(Person(base=f"<PersonStatedNationality>{other}</PersonStatedNationality>"))[
            "prs_Citizenship"
        ]
        assert (value.state, value.as_written) == (ValueState.UNREADABLE, other)


def test_observed_and_self_defined_ethnicity_stay_apart() -> None:
    """Two statements with their own schemes; neither is converted."""
    both = (
        "<PersonEthnicity><ObservedEthnicity>4</ObservedEthnicity>"
        "<SelfDefinedEthnicity>A3</SelfDefinedEthnicity></PersonEthnicity>"
    )
    groups = identity_of(Person(ethnicity=both))["hub_Ethnicity"]
    assert [(g["basis"].value, g["ethnicity"].code, g["ethnicity"].scheme) for g in groups] == [
        ("observed", "4", "police-ethnicity-observed"),
        ("self_defined", "A3", "police-ethnicity-self-defined"),
    ]


def test_aliases_and_middle_names() -> None:
    """Aliases repeat; second and third given names become the middle name."""
    alias = (
        "<Alias><PersonGivenName1>Bo</PersonGivenName1><PersonGivenName2>Al</PersonGivenName2>"
        "<PersonGivenName3>Cy</PersonGivenName3><PersonFamilyName>Madeup</PersonFamilyName></Alias>"
    )
    groups = identity_of(Person(inside=alias * 2))["hub_Alias"]
    assert [(g["name"].value, g["kind"].value, g["prs_MiddleName"].value) for g in groups] == [
        ("Bo Al Cy Madeup", "alias", "Al Cy")
    ] * 2


def test_contacts() -> None:
    """The address with its postcode; use and period are not in the format."""
    address, telecom = of(read(message(Defendant(CHILD)).encode()), Category.CONTACT)
    assert address.fields["prs_MailingStreet"].value == "7, Nowhere Lane"
    assert address.fields["prs_MailingCity"].value == "Lerwick"
    assert address.fields["prs_MailingPostalCode"].value == "ZE1 1AA"
    assert address.fields["hub_SafeToUse"].state is ValueState.NOT_IN_FORMAT
    assert telecom.fields["prs_MobilePhone"].value == "07700900001"


def test_no_fixed_abode_is_said() -> None:
    """It occurs as a street."""
    address, _ = of(read(message(Defendant(replace(CHILD, street="NO FIXED ABODE"))).encode()), Category.CONTACT)
    assert address.fields["hub_NoFixedAbode"].value is True
    assert "no fixed abode" in address.summary


def test_a_bad_postcode_is_kept_with_a_warning() -> None:
    """Often invalid in data."""
    report = read(message(Defendant(replace(CHILD, postcode="NOPE"))).encode())
    assert of(report, Category.CONTACT)[0].fields["prs_MailingPostalCode"].value == "NOPE"
    assert codes(report)[FindingCode.BAD_POSTCODE] == 1


def test_an_offence_of_a_defendant() -> None:
    """Code, dates, reference, court and custody stand in one group."""
    person = replace(CHILD, base="<BailConditions>Curfew</BailConditions>", inside="<CustodyStatus>U</CustodyStatus>")
    (draft,) = of(read(message(Defendant(person)).encode()), Category.OFFENCE)
    group = group_of(draft, "hub_Offence")
    told = {name: group[name].value for name in ("role", "reference", "code", "start_date", "bail_conditions")}
    assert told == {
        "role": "defendant",
        "reference": "01AA0000126",
        "code": "TH68001",
        "start_date": "2026-01-10",
        "bail_conditions": "Curfew",
    }
    assert (group["custody_status"].code, group["date_qualifier"].code) == ("U", "1")
    assert group["hearing_date"].value == "2026-12-01"
    assert (draft.observed_from, draft.observed_to) == ("2026-01-10", None)
    assert draft.source.case_reference == "01AA0000126"


def test_an_offence_that_ends_before_it_starts() -> None:
    """Both dates are kept; the fragment is not given an end before its start."""
    end = "<OffenceEnd><OffenceEndDate>2025-12-31</OffenceEndDate></OffenceEnd>"
    report = read(message(Defendant(CHILD, offences=(Offence(end=end),))).encode())
    (draft,) = of(report, Category.OFFENCE)
    assert group_of(draft, "hub_Offence")["end_date"].value == "2025-12-31"
    assert (draft.observed_from, draft.observed_to) == ("2026-01-10", None)
    assert codes(report)[FindingCode.ENDS_BEFORE_START] == 1


def test_an_offence_in_the_future_is_pointed_out() -> None:
    """Its date is of something that has happened; a hearing may lie ahead."""
    report = read(message(Defendant(CHILD, offences=(Offence(start="2027-01-01"),))).encode())
    assert codes(report)[FindingCode.IMPLAUSIBLE_DATE] == 1


def test_the_statement_of_facts_is_sensitive() -> None:
    """A narrative, restricted, with its line ends."""
    report = read(message(Defendant(CHILD, offences=(Offence(facts=" One.\n Two. "),))).encode())
    (draft,) = of(report, Category.NARRATIVE)
    assert draft.restricted
    assert group_of(draft, "hub_Narrative")["text"].value == "One.\n Two."


def test_the_officer_is_a_relation() -> None:
    """Role, name and how to reach."""
    officer = of(read(message(Defendant(CHILD)).encode()), Category.RELATION)[0]
    group = group_of(officer, "hub_Professional")
    assert (group["role"].value, group["prs_SecondName"].value) == ("officer in case", "Madeup")
    assert officer.about == "case-1/defendant-1"
