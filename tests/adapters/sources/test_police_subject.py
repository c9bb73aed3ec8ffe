"""One child of a police case: who matches, what is theirs, and what of the others must stay out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest
from police_messages import (
    AS_VICTIM,
    BY_ASN,
    BY_NAME,
    CHILD,
    CHILD_ASN,
    CHILD_PNC,
    GUARDIAN,
    OTHER,
    OTHER_ASN,
    VICTIM,
    Defendant,
    Offence,
    big_case,
    codes,
    group_of,
    message,
    of,
    read,
)

from adapters.sources.draft import ValueState
from adapters.sources.findings import FindingCode
from adapters.sources.subject import Subject
from policies.vocabulary import Category


def test_the_child_as_defendant() -> None:
    """Their identity, contacts, guardian, offence, facts, officer; nobody else's."""
    for subject in (BY_ASN, BY_NAME, Subject(identifiers={"asn": "16/01AA/01/00000000001E"})):
        report = read(big_case(), subject)
        assert Counter(draft.category for draft in report.drafts) == {
            Category.IDENTITY: 1,
            Category.CONTACT: 2,
            Category.RELATION: 2,
            Category.OFFENCE: 1,
            Category.NARRATIVE: 1,
        }
        assert {draft.about for draft in report.drafts} == {"case-1/defendant-1"}
        assert (report.records_in, report.fragments, report.refused, report.not_about) == (16, 7, 0, 9)


@pytest.mark.parametrize("subject", [BY_ASN, BY_NAME])
def test_nothing_of_others_travels_with_a_defendant(subject: Subject) -> None:
    """Neither name, birth date, address nor telephone of another defendant or a victim is in a fragment or finding."""
    report = read(big_case(), subject)
    told = json.dumps([draft.to_content() for draft in report.drafts]) + json.dumps(report.to_json())
    for person in (OTHER, VICTIM):
        for secret in (person.given, person.family, person.born, person.street, person.postcode, person.mobile):
            assert secret not in told
    assert OTHER_ASN not in told


def test_what_was_left_out_is_counted() -> None:
    """One line says how many others the case has."""
    (told,) = [f for f in read(big_case(), BY_ASN).findings if f.message.startswith("left out, with their addresses")]
    assert told.code is FindingCode.THIRD_PARTY
    assert told.message == "left out, with their addresses: 1 other victim, 1 other defendant"


def test_the_child_as_victim() -> None:
    """Two offences with the role victim; nothing of the defendants, their guardian, bail or facts."""
    report = read(big_case(), AS_VICTIM)
    assert Counter(draft.category for draft in report.drafts) == {
        Category.IDENTITY: 1,
        Category.CONTACT: 2,
        Category.RELATION: 1,
        Category.OFFENCE: 2,
    }
    assert (report.records_in, report.not_about) == (16, 10)
    for draft in of(report, Category.OFFENCE):
        group = group_of(draft, "hub_Offence")
        assert group["role"].value == "victim"
        assert not {"custody_status", "bail_conditions", "offender_code", "arrest_date"} & set(group)
    told = json.dumps([draft.to_content() for draft in report.drafts])
    for person in (CHILD, OTHER, GUARDIAN):
        for secret in (person.family, person.born, person.street, person.postcode, person.mobile):
            assert secret not in told
    assert CHILD_ASN not in told


def test_the_child_as_guardian() -> None:
    """Whoever is a defendant's parent or guardian has that one record, with their role; the defendant is not named."""
    report = read(big_case(), Subject(family_name="Fourthone", birth_date="1980-01-01"))
    (relation,) = [draft for draft in report.drafts if "hub_Relation" in draft.fields]
    assert group_of(relation, "hub_Relation")["role"].value == "parent or guardian of a defendant"
    assert relation.about.endswith("guardian")
    assert report.fragments == 2
    told = json.dumps([draft.to_content() for draft in report.drafts])
    assert CHILD.family not in told
    assert CHILD.born not in told


def test_the_guardian_of_the_child_as_relation() -> None:
    """Role, name and how to reach; not their ethnicity."""
    ethnic = "<PersonEthnicity><SelfDefinedEthnicity>W1</SelfDefinedEthnicity></PersonEthnicity>"
    person = replace(CHILD, guardian=replace(GUARDIAN, ethnicity=ethnic).as_guardian())
    report = read(message(Defendant(person)).encode(), BY_ASN)
    (relation,) = [draft for draft in report.drafts if "hub_Relation" in draft.fields]
    group = group_of(relation, "hub_Relation")
    assert (group["role"].value, group["prs_SecondName"].value) == ("parent or guardian", "Fourthone")
    assert group["prs_MobilePhone"].value == "07700900004"
    assert "W1" not in json.dumps(relation.to_content())
    assert codes(report)[FindingCode.THIRD_PARTY] == 1


def test_a_guardian_under_18_is_pointed_out() -> None:
    """Another child, or a slip."""
    person = replace(CHILD, guardian=replace(GUARDIAN, born="2012-01-01").as_guardian())
    assert codes(read(message(Defendant(person)).encode()))[FindingCode.IMPLAUSIBLE_DATE] == 1


def test_the_child_as_defendant_and_victim_is_one_person() -> None:
    """Both roles come under one key."""
    data = message(
        Defendant(CHILD, CHILD_ASN), Defendant(OTHER, OTHER_ASN, (Offence(victims=(replace(CHILD, mobile=None),)),))
    ).encode()
    report = read(data, BY_NAME)
    roles = [group_of(draft, "hub_Offence")["role"].value for draft in of(report, Category.OFFENCE)]
    assert roles == ["defendant", "victim"]
    assert {draft.about for draft in report.drafts} == {"case-1/defendant-1"}


def test_somebody_else_is_not_found() -> None:
    """Everything is left out, and one line says so."""
    report = read(big_case(), Subject(family_name="Nobody", birth_date="2010-05-17"))
    assert (report.fragments, report.not_about, report.records_in) == (0, 16, 16)
    assert codes(report)[FindingCode.NOT_THE_SUBJECT] == 1


@pytest.mark.parametrize(
    "subject",
    [
        Subject(identifiers={"asn": OTHER_ASN}, family_name="Invented", birth_date="2010-05-17"),
        Subject(identifiers={"asn": "007007"}),
        Subject(identifiers={"nhs_number": "9990000018"}),
        Subject(identifiers={"case_reference": "99ZZ9999926", "asn": CHILD_ASN}),
        Subject(family_name="Invented", birth_date="2010-05-18"),
        Subject(first_name="Robyn", family_name="Invented", birth_date="2010-05-17"),
    ],
    ids=["another ASN", "no ASN", "other number", "another case", "birth date", "first name"],
)
def test_who_does_not_match(subject: Subject) -> None:
    """Numbers decide; another prosecutor's reference is nobody's number; names and birth dates must agree."""
    data = message(Defendant(CHILD)).encode()
    assert read(data, subject).fragments == 0
    assert read(message(Defendant(CHILD, "007007")).encode(), Subject(identifiers={"asn": "007007"})).fragments == 0


@pytest.mark.parametrize(
    "subject",
    [
        Subject(identifiers={"pnc_id": "03/11985X"}),
        Subject(identifiers={"cro": "123456/20a"}),
        Subject(identifiers={"case_reference": "01aa0000126"}),
        Subject(identifiers={"case_reference": "01AA0000126"}, family_name="INVENTED", birth_date="2010-05-17"),
        Subject(family_name="Madeup", birth_date="2010-05-17"),
    ],
    ids=["PNC ID", "CRO", "case with one person", "case and name", "alias"],
)
def test_who_matches(subject: Subject) -> None:
    """PNC ID in any spelling, CRO, the reference of a case with one person, a name or alias with birth date."""
    person = replace(
        CHILD,
        base=f"<PNCidentifier>{CHILD_PNC}</PNCidentifier>",
        inside="<CROnumber>123456/20A</CROnumber><Alias><PersonFamilyName>Madeup</PersonFamilyName></Alias>",
    )
    assert read(message(Defendant(person)).encode(), subject).fragments == 5


def test_a_case_reference_does_not_make_everybody_the_child() -> None:
    """With a name it narrows; alone, in a case of several people, a person must choose."""
    named = Subject(identifiers={"case_reference": "01AA0000126"}, family_name="Invented", birth_date="2010-05-17")
    assert {draft.about for draft in read(big_case(), named).drafts} == {"case-1/defendant-1"}
    report = read(big_case(), Subject(identifiers={"case_reference": "01AA0000126"}))
    assert report.fragments == 0
    assert report.refused == 16
    assert codes(report)[FindingCode.SEVERAL_CANDIDATES] == 16


def test_twins_are_several_candidates() -> None:
    """Family name and birth date fit both: refused until the first name or a number is asked with."""
    twin = replace(OTHER, family="Invented", born="2010-05-17")
    data = message(Defendant(CHILD, CHILD_ASN), Defendant(twin, OTHER_ASN)).encode()
    report = read(data, Subject(family_name="Invented", birth_date="2010-05-17"))
    assert (report.fragments, report.not_about) == (0, 0)
    assert codes(report)[FindingCode.SEVERAL_CANDIDATES] == report.refused == report.records_in
    assert read(data, BY_NAME).fragments == 5
    assert read(data, BY_ASN).fragments == 5


def test_the_number_of_records_does_not_depend_on_who_is_asked_for() -> None:
    """The sum holds for every subject."""
    subjects = [None, BY_ASN, BY_NAME, AS_VICTIM, Subject(identifiers={"case_reference": "01AA0000126"})]
    reports = [read(big_case(), subject) for subject in subjects]
    assert {report.records_in for report in reports} == {16}
    for report in reports:
        report.check()


# Others in free text


@pytest.mark.parametrize("text", ["outside 3 SECRET CLOSE, Stornoway", "a house at HS12AA", "near hs1 2aa."])
def test_a_victims_address_in_a_text_is_withheld(text: str) -> None:
    """Place, wording, bail conditions and facts: none carries the victim's home in a fragment about the defendant."""
    person = replace(CHILD, base=f"<BailConditions>{text}</BailConditions>")
    offence = Offence(wording=text, place=text, facts=text, victims=(VICTIM,))
    report = read(message(Defendant(person, offences=(offence,))).encode(), BY_ASN)
    (draft,) = of(report, Category.OFFENCE)
    group = group_of(draft, "hub_Offence")
    for name in ("wording", "place", "bail_conditions"):
        assert (group[name].state, group[name].value, group[name].as_written) == (ValueState.WITHHELD, None, None)
    assert not of(report, Category.NARRATIVE)
    assert report.refused == 1
    assert text not in json.dumps([draft.to_content() for draft in report.drafts]) + json.dumps(report.to_json())


def test_the_same_text_is_the_victims_own() -> None:
    """In a fragment about the victim the address is the child's."""
    offence = Offence(place="3 Secret Close", victims=(VICTIM,))
    report = read(message(Defendant(CHILD, offences=(offence,))).encode(), AS_VICTIM)
    assert group_of(of(report, Category.OFFENCE)[0], "hub_Offence")["place"].value == "3 Secret Close"


def test_a_shared_home_is_nobody_elses() -> None:
    """Where defendant and victim live in one street the text says nothing new."""
    offence = Offence(place="7 Nowhere Lane", victims=(replace(VICTIM, street=CHILD.street, postcode=CHILD.postcode),))
    report = read(message(Defendant(CHILD, offences=(offence,))).encode(), BY_ASN)
    assert group_of(of(report, Category.OFFENCE)[0], "hub_Offence")["place"].value == "7 Nowhere Lane"


def test_a_name_in_a_text_is_pointed_out() -> None:
    """The wording stays; a person looks before sharing."""
    offence = Offence(wording="Assaulted Sam Thirdone", victims=(VICTIM,))
    report = read(message(Defendant(CHILD, offences=(offence,))).encode(), BY_ASN)
    assert group_of(of(report, Category.OFFENCE)[0], "hub_Offence")["wording"].value == "Assaulted Sam Thirdone"
    told = [finding.message for finding in report.findings if "seems to name 1 other" in finding.message]
    assert len(told) == 1
    assert "Thirdone" not in told[0]
