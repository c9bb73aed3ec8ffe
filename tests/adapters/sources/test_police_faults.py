"""What a police message only suggests, and what is odd or wrong in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from police_messages import (
    BY_ASN,
    CHILD,
    CHILD_ASN,
    OTHER,
    OTHER_ASN,
    TODAY,
    VICTIM,
    Defendant,
    Offence,
    Person,
    codes,
    group_of,
    message,
    of,
    read,
)

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.police.offences import load_hints
from policies.vocabulary import AgencyKind, Category


def hinted(person: Person, offence: Offence) -> str | None:
    """Return what an offence suggests, from the finding; the summary must say the same."""
    report = read(message(Defendant(person, offences=(offence,))).encode(), None)
    draft = of(report, Category.OFFENCE)[-1]
    found = [finding.message for finding in draft.findings if finding.code is FindingCode.POSSIBLE_INDICATOR]
    assert ("not concluded" in draft.summary) == bool(found)
    assert not [name for name in draft.fields if "Exploitation" in name or "Concern" in name]
    return found[0] if found else None


def test_drug_supply_by_a_child_is_suggested_and_not_concluded() -> None:
    """A hint for the person who reviews: no field, no concern fragment."""
    supply = Offence("MD71001", "Supplied a controlled drug of class A")
    assert "supply or production of drugs by a child" in hinted(CHILD, supply)
    report = read(message(Defendant(CHILD, offences=(supply,))).encode())
    assert not of(report, Category.CONCERN)
    assert not of(report, Category.TRAFFICKING_EVENT)


def test_hints_depend_on_age_code_and_wording() -> None:
    """No hint for an adult or another Act; a weaker one where only the code speaks of drugs or the age is unknown."""
    supply = Offence("MD71001", "Supplied a controlled drug of class A")
    assert hinted(replace(CHILD, born="2000-01-01"), supply) is None
    assert hinted(CHILD, Offence("TH68001", "Supplied a bicycle")) is None
    assert hinted(CHILD, Offence("MD71002", "Possessed cannabis")).startswith("the code seems to be")
    assert hinted(replace(CHILD, born=None), supply).endswith("(the age is not certain)")
    year = replace(CHILD, born=None, inside="<PerceivedBirthYear>2008</PerceivedBirthYear>")
    assert hinted(year, supply).endswith("(the age is not certain)")
    assert not hinted(replace(year, inside="<PerceivedBirthYear>2012</PerceivedBirthYear>"), supply).endswith(
        "certain)"
    )


def test_the_age_is_that_on_the_day_of_the_offence() -> None:
    """A child then is a child for the suggestion, whatever the age at reading; the birthday counts."""
    person = replace(CHILD, born="2006-03-01")
    assert hinted(person, Offence("MD71001", "Supplied", start="2024-02-29")) is not None
    assert hinted(person, Offence("MD71001", "Supplied", start="2024-03-01")) is None


def test_a_victim_of_modern_slavery_is_suggested_to_the_reviewer() -> None:
    """For the victim's fragment only."""
    report = read(message(Defendant(OTHER, OTHER_ASN, (Offence("MS15001", victims=(VICTIM,)),))).encode())
    for_defendant, for_victim = of(report, Category.OFFENCE)
    assert "Modern Slavery Act" not in for_defendant.summary
    assert "Modern Slavery Act" in for_victim.summary
    assert len(load_hints()) == 3


# What is odd or wrong


def test_schema_errors_are_findings() -> None:
    """Wrong order, both kinds of defendant, an empty code: everybody is still read."""
    corporate = "<PoliceCorporateDefendant><OrganisationName>x</OrganisationName></PoliceCorporateDefendant>"
    report = read(message(Defendant(CHILD, corporate=corporate)).encode())
    assert codes(report)[FindingCode.SCHEMA_ERROR] >= 1
    assert (report.fragments, report.refused) == (5, 1)
    told = [finding.message for finding in report.findings if finding.code is FindingCode.SCHEMA_ERROR]
    assert not [text for text in told if "http://" in text or "Xsd" in text]


def test_schema_messages_say_what_is_allowed() -> None:
    """Path and expectation; the value is not repeated."""
    report = read(message(Defendant(Person(gender="X"), "R" * 30), reference="A" * 12).encode())
    told = {f.locator.rsplit("/", 1)[-1]: f.message for f in report.findings if f.code is FindingCode.SCHEMA_ERROR}
    assert told["PTIURN[1]"] == "the value of PTIURN is not one the schema allows, expected at most 11 characters"
    assert "at most 20 characters" in told["ProsecutorReference[1]"]
    assert "AAAA" not in "".join(told.values())
    bad_date = read(message(Defendant(Person(born="yesterday"))).encode())
    assert "expected a date, YYYY-MM-DD" in "".join(finding.message for finding in bad_date.findings)


def test_another_schema_version_is_named_and_read() -> None:
    """The attribute says which; a difference is a schema error, no refusal."""
    report = read(message(Defendant(CHILD)).replace("0.6g", "0.7a").encode())
    assert report.version == "0.7a"
    assert report.drafts[0].source.format_version == "0.7a"
    assert codes(report)[FindingCode.SCHEMA_ERROR] == 1
    assert read(message(Defendant(CHILD)).replace("0.6g", "x" * 60).encode()).version == "unknown"


def test_an_organisation_is_no_person() -> None:
    """Its record and its offences are refused with a reason; a victim of its offence is still a person."""
    corporate = "<PoliceCorporateDefendant><OrganisationName>Company</OrganisationName></PoliceCorporateDefendant>"
    report = read(message(Defendant(None, offences=(Offence(victims=(VICTIM,)),), corporate=corporate)).encode())
    assert (report.refused, report.fragments) == (2, 5)
    assert "Company" not in json.dumps(report.to_json())
    assert read(message(Defendant(None, corporate=corporate)).encode(), BY_ASN).not_about == 3


def test_somebody_without_name_birth_date_and_sex_is_refused() -> None:
    """Nobody can be recognised; a valid number, or only a sex, is enough to be a person."""
    nobody = Person(None, None, None, None)
    report = read(message(Defendant(nobody, "TFL")).encode())
    assert (report.refused, report.fragments) == (4, 0)
    assert read(message(Defendant(nobody, CHILD_ASN)).encode(), BY_ASN).fragments == 4
    assert read(message(Defendant(Person(None, None, None, "2"), "TFL")).encode()).fragments == 4


def test_a_defendant_that_names_nobody() -> None:
    """Neither a person nor an organisation."""
    report = read(message(Defendant(CHILD), Defendant(None, "TFL")).encode())
    assert (report.refused, report.fragments) == (2, 5)


def test_what_stands_twice_is_read_once() -> None:
    """Same offence, same victim, same defendant: one record and a warning."""
    offence = Offence(victims=(VICTIM, VICTIM))
    report = read(message(Defendant(CHILD, offences=(offence, offence))).encode())
    assert codes(report)[FindingCode.DUPLICATE_RECORD] == 2
    assert (report.records_in, len(of(report, Category.OFFENCE))) == (9, 2)
    twice = read(message(Defendant(CHILD), Defendant(CHILD)).encode())
    assert codes(twice)[FindingCode.DUPLICATE_RECORD] == 1
    assert twice.records_in == 5


def test_unknown_elements_are_named_and_not_read() -> None:
    """Nothing is dropped without a line; the text is not repeated."""
    report = read(
        message(Defendant(CHILD), extra="<OtherPartyWitness><Name>Hidden</Name></OtherPartyWitness>").encode()
    )
    (found,) = [finding for finding in report.findings if finding.code is FindingCode.UNKNOWN_BLOCK]
    assert found.message.startswith("Name was not read")
    assert found.locator == "/NewCaseMessage/Case[1]/OtherPartyWitness[1]/Name[1]"
    assert "Hidden" not in json.dumps(report.to_json())


def test_known_elements_without_a_field_are_named() -> None:
    """A driver number has no place in a fragment."""
    driver = "<DriverInformation><DriverNumber>X</DriverNumber></DriverInformation>"
    report = read(message(Defendant(replace(CHILD, inside=driver))).encode())
    assert codes(report)[FindingCode.NOT_MAPPED] == 1


def test_an_element_that_stands_twice_is_named() -> None:
    """The first counts; the second is not lost silently."""
    report = read(
        message(Defendant(replace(CHILD, inside="<CROnumber>1</CROnumber><CROnumber>2</CROnumber>"))).encode()
    )
    assert of(report, Category.IDENTITY)[0].fields["hub_CRO"].value == "1"
    assert codes(report)[FindingCode.UNKNOWN_BLOCK] == 1


def test_text_between_elements_is_named() -> None:
    """As a warning with its place."""
    report = read(message(Defendant(CHILD)).replace("<InitialHearing>", "stray<InitialHearing>").encode())
    assert codes(report)[FindingCode.STRAY_TEXT] == 1
    assert codes(report)[FindingCode.SCHEMA_ERROR] == 0


def test_what_is_unread_of_others_is_not_told_with_a_subject() -> None:
    """Another defendant's driver number is part of what was left out."""
    driver = "<DriverInformation><DriverNumber>X</DriverNumber></DriverInformation>"
    data = message(Defendant(CHILD), Defendant(replace(OTHER, inside=driver), OTHER_ASN)).encode()
    assert codes(read(data))[FindingCode.NOT_MAPPED] == 1
    assert codes(read(data, BY_ASN))[FindingCode.NOT_MAPPED] == 0


def test_a_very_long_text_is_not_read() -> None:
    """Over the limit of a cell the value is refused, the record stays."""
    report = read(message(Defendant(CHILD, offences=(Offence(wording="x" * 100_001),))).encode())
    (draft,) = of(report, Category.OFFENCE)
    assert group_of(draft, "hub_Offence")["wording"].state is ValueState.UNREADABLE
    assert codes(report)[FindingCode.TOO_LARGE] == 1


def test_bad_times_and_codes_of_an_offence() -> None:
    """Each refuses its value only, and a finding about the case is told once however many offences it has."""
    end = (
        "<OffenceEnd><OffenceEndDate>2026-01-11</OffenceEndDate><OffenceEndTime>25:00:00</OffenceEndTime></OffenceEnd>"
    )
    offences = (Offence("??", end=end), Offence(sequence=2))
    data = message(Defendant(CHILD, offences=offences)).replace("10:00:00", "ten o'clock")
    found = codes(read(data.encode()))
    assert found[FindingCode.BAD_DATE] == 2
    assert found[FindingCode.UNKNOWN_CODE] == 1


def test_the_format_is_declared() -> None:
    """Its id and kind are what the list of formats needs."""
    from adapters.sources.police.spi import FORMAT

    assert (FORMAT.format_id, FORMAT.kind) == ("spi-newcase", AgencyKind.POLICE)
    with pytest.raises(SourceRefused):
        read(b"<x/>", today=TODAY)
