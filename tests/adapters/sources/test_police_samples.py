"""The published sample messages: each is read or refused as is known of it, and no damage gives a traceback."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from police_messages import TODAY, Defendant, message, read, resolve, route, soap

from adapters.sources.draft import DraftFragment, ReadReport, Value, ValueState
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.subject import Subject
from policies.vocabulary import Category

# File: unwrapped how often, schema errors (as published with the samples), records, fragments.
READ = {
    "PoliceCase.xml": (0, 0, 4, 4),
    "SingleDefendantSingeOffence.xml": (0, 5, 10, 9),
    "IndividualDefendantAllfields.xml": (1, 3, 11, 11),
    "MDIMinimalSPIMessage.xml": (2, 0, 4, 4),
}
REFUSED = {"OIValidationMalformedXml.xml": FindingCode.NOT_WELL_FORMED}
DEFENDANT = Subject(family_name="PersonFamilyName0A", birth_date="2008-08-08")
VICTIM = Subject(family_name="OPersonFamilyName2", birth_date="2001-01-01")
GUARDIAN = Subject(family_name="GPersonFamilyName2", birth_date="2009-09-09")


@pytest.fixture(scope="module")
def folder(samples_dir: Path) -> Path:
    """The folder of the sample messages."""
    return samples_dir / "police" / "spi"


def values(draft: DraftFragment) -> list[Value]:
    """Return every value of a draft."""
    parts = [[item] if isinstance(item, Value) else list(item) for item in draft.fields.values()]
    return [
        value for group in parts for item in group for value in ([item] if isinstance(item, Value) else item.values())
    ]


def first(report: ReadReport, category: Category) -> DraftFragment:
    """Return a report's first draft of a category."""
    return next(draft for draft in report.drafts if draft.category is category)


def group(draft: DraftFragment, name: str) -> dict[str, Value]:
    """Return the one group of a repeated field."""
    (found,) = draft.fields[name]
    return dict(found)


def test_every_sample_is_known_here(folder: Path) -> None:
    """Five messages; a new one needs a line above."""
    assert {path.name for path in folder.glob("*.xml")} == READ.keys() | REFUSED.keys()
    assert len(READ) + len(REFUSED) == 5


@pytest.mark.parametrize("name", READ)
def test_a_sample_is_read(folder: Path, name: str) -> None:
    """Levels, schema errors and counts are those known of the file; its locators lead back."""
    data = (folder / name).read_bytes()
    levels, schema_errors, records, fragments = READ[name]
    report = read(data)
    assert report.version == "0.6g"
    assert (report.records_in, report.fragments) == (records, fragments)
    assert Counter(f.code for f in report.findings)[FindingCode.SCHEMA_ERROR] == schema_errors
    checked = 0
    for draft in report.drafts:
        assert draft.source.locator.count("!") == levels
        for value in values(draft):
            element = resolve(data, value.locator)
            if value.as_written is not None and value.state is ValueState.GIVEN:
                assert element.text == value.as_written
            checked += value.state is ValueState.GIVEN
    for finding in report.findings:
        assert resolve(data, finding.locator) is not None
    assert checked > 20


@pytest.mark.parametrize("name", REFUSED)
def test_a_sample_is_refused(folder: Path, name: str) -> None:
    """Content that is no XML at all, with line and column."""
    with pytest.raises(SourceRefused) as caught:
        read((folder / name).read_bytes())
    assert caught.value.findings[0].code is REFUSED[name]
    assert "line 1, column 1" in caught.value.findings[0].message


def test_the_courts_own_reading_is_ours(folder: Path) -> None:
    """The court system's JSON of the same case holds the same values, blanks aside."""
    expected = json.loads((folder / "SingleDefendantSingeOffence.json").read_text())
    report = read((folder / "PoliceCase.xml").read_bytes())
    person = expected["defendants"][0]["policeIndividualDefendant"]
    base = person["personDefendant"]["basePersonDetails"]
    identity, home = first(report, Category.IDENTITY).fields, first(report, Category.CONTACT).fields
    assert identity["prs_FirstName"].value == base["personName"]["personGivenName1"]
    assert identity["prs_SecondName"].value == base["personName"]["personFamilyName"]
    assert identity["prs_Birthdate"].value == base["birthDate"]
    assert identity["hub_Sex"].code == str(base["gender"])
    assert identity["hub_ASN"].as_written == expected["defendants"][0]["prosecutorReference"]
    assert [part["ethnicity"].code for part in identity["hub_Ethnicity"]] == [
        str(person["observedEthnicity"]),
        person["selfDefinedEthnicity"],
    ]
    parts = [" ".join(person["address"][name].split()) for name in ("paon", "streetDescription", "locality")]
    assert home["prs_MailingStreet"].value == ", ".join(parts)
    assert home["prs_MailingCity"].as_written == person["address"]["town"]
    assert home["prs_MailingPostalCode"].value == person["address"]["postcode"]
    offence = group(first(report, Category.OFFENCE), "hub_Offence")
    details = expected["defendants"][0]["offence"][0]["baseOffenceDetails"]
    assert offence["reference"].value == expected["caseDetails"]["ptiurn"]
    assert offence["code"].value == details["offenceCode"]
    assert offence["wording"].value == details["offenceWording"]
    assert offence["date_qualifier"].code == str(details["offenceDateCode"])
    for name, other in (
        ("start_date", "offenceDateStartDate"),
        ("charge_date", "chargeDate"),
        ("place", "locationOfOffence"),
    ):
        assert offence[name].value == details[other]
    assert offence["hearing_date"].value == expected["caseDetails"]["initialHearing"]["dateOfHearing"]
    officer = group(first(report, Category.RELATION), "hub_Professional")
    assert officer["prs_SecondName"].value == expected["otherPartyOfficerInCase"]["officerName"]["personFamilyName"]
    assert officer["prs_Email"].value == expected["otherPartyOfficerInCase"]["emailAddress1"]


def test_the_child_of_the_simple_case(folder: Path) -> None:
    """A child born 2010; the code speaks of drugs, so the reviewer is asked to look; nothing is concluded."""
    report = read((folder / "PoliceCase.xml").read_bytes(), Subject(family_name="ELISEH", birth_date="2010-01-28"))
    assert (report.fragments, report.not_about) == (4, 0)
    assert "not concluded" in first(report, Category.OFFENCE).summary


@pytest.mark.parametrize(
    ("subject", "fragments", "kinds"),
    [
        (DEFENDANT, 7, {"identity": 1, "contact": 2, "relation": 2, "offence": 1, "narrative": 1}),
        (VICTIM, 5, {"identity": 1, "contact": 2, "relation": 1, "offence": 1}),
        (GUARDIAN, 2, {"relation": 2}),
    ],
    ids=["defendant", "victim", "guardian"],
)
def test_the_case_with_every_field_for_one_person(
    folder: Path, subject: Subject, fragments: int, kinds: dict[str, int]
) -> None:
    """Eleven records; each person gets theirs, and nothing of the others' homes or telephones."""
    report = read((folder / "IndividualDefendantAllfields.xml").read_bytes(), subject)
    assert (report.records_in, report.fragments, report.not_about) == (11, fragments, 11 - fragments)
    assert Counter(draft.category.value for draft in report.drafts) == kinds
    told = json.dumps([draft.to_content() for draft in report.drafts])
    traces = {
        "PersonFamilyName0A": ["StreetDescription1", "09998021889", "CROnumber0", "BailConditions0"],
        "OPersonFamilyName2": ["StreetDescriptionO", "29998021889", "A0 0AO", "Ouser1"],
    }
    for family, secrets in traces.items():
        assert all((secret in told) == (family == subject.family_name) for secret in secrets)
    assert ("StreetDescriptionG" in told) == (subject is not VICTIM)


def test_the_smallest_message(folder: Path) -> None:
    """No birth date: absent, not empty; the empty initiation code is empty, not absent."""
    report = read((folder / "MDIMinimalSPIMessage.xml").read_bytes())
    assert first(report, Category.IDENTITY).fields["prs_Birthdate"].state is ValueState.ABSENT
    assert group(first(report, Category.OFFENCE), "hub_Offence")["initiation"].state is ValueState.EMPTY


def test_both_kinds_of_defendant(folder: Path) -> None:
    """The person is read with their guardian and alias; the organisation beside them is refused."""
    report = read((folder / "SingleDefendantSingeOffence.xml").read_bytes())
    identity = first(report, Category.IDENTITY).fields
    assert identity["hub_ASN"].value == "0416BH0000000090557N"
    assert len(identity["hub_Alias"]) == 1
    assert identity["hub_PNCID"].state is ValueState.ABSENT
    assert report.refused == 1


# Damage


def survives(data: bytes) -> bool:
    """Whether damaged bytes are read; a refusal is as good. Anything but our own exception fails the test."""
    try:
        report = read(data)
    except SourceRefused:
        return False
    report.check()
    for draft in report.drafts:
        json.dumps(draft.to_content())
    return True


@pytest.mark.parametrize("name", [*READ, *REFUSED])
def test_damaged_samples_give_a_report(folder: Path, name: str) -> None:
    """Truncated at each tenth, a byte flipped at many places, the mark doubled, line ends changed."""
    data = (folder / name).read_bytes()
    assert not any(survives(data[: len(data) * tenth // 10]) for tenth in range(10))
    for place in range(0, len(data), max(1, len(data) // 40)):
        for bit in (0x01, 0x20, 0x80):
            survives(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
    survives(b"\xef\xbb\xbf\xef\xbb\xbf" + data)
    is_good = name in READ
    for changed in (
        b"\xef\xbb\xbf" + data,
        data.replace(b"\n", b"\r\n"),
        data.replace(b"\n", b"\r"),
        data.rstrip() + b"\n",
    ):
        assert survives(changed) == is_good


WRAPS = st.sampled_from([str, route, lambda text: soap(route(text))])
INSTANCE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
NOISE = st.sampled_from(
    [
        "<",
        "&amp;",
        "<x/>",
        "<Case/>",
        "<Defendant/>",
        "<Offence><OtherPartyVictim/></Offence>",
        "<PoliceIndividualDefendant/>",
        "<ParentGuardianDetails/>",
        "<Address>x</Address>",
        "<Birthdate><x/></Birthdate>",
        "]]>",
        "\x00",
        "é",
        "&#x0;",
        "<!-- -->",
        "<?pi?>",
        "<a:b/>",
        ' xmlns=""',
        ' xsi:type="a:b"',
        f' {INSTANCE} xsi:type="nothing"',
        f' {INSTANCE} xsi:type="a:b"',
        f' {INSTANCE} xsi:nil="perhaps"',
        f' {INSTANCE} xsi:nil="true"',
    ]
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(wrap=WRAPS, noise=NOISE, place=st.floats(0, 1), cut=st.integers(0, 60))
def test_noise_in_a_message_gives_a_report(wrap, noise: str, place: float, cut: int) -> None:
    """Elements, attributes and characters put anywhere in place of some others."""
    text = message(Defendant())
    at = int(place * len(text))
    survives(wrap(text[:at] + noise + text[at + cut :]).encode())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(noise=NOISE, place=st.integers(0, 10_000))
def test_noise_between_elements_gives_a_report(noise: str, place: int) -> None:
    """Before the end of any start tag or between two elements, where most noise keeps the XML whole."""
    text = message(Defendant())
    ends = [index for index, char in enumerate(text) if char == ">"]
    at = ends[place % len(ends)]
    at += 0 if noise.startswith(" ") else 1
    survives((text[:at] + noise + text[at:]).encode())


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&"), max_size=60))
def test_any_text_is_kept_letter_for_letter(text: str) -> None:
    """A name is never changed but for blanks, and never refused."""
    data = message(Defendant()).replace("Robin", text)
    value = first(read(data.encode()), Category.IDENTITY).fields["prs_FirstName"]
    assert (value.value or "") == " ".join(text.split())


def test_the_day_of_reading_is_fixed() -> None:
    """Readers take no clock of their own."""
    assert TODAY.year == 2026
