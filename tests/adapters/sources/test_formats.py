"""Which reader takes a file: by its content, never by its name, and every other format refused by name."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from charity_files import csv_bytes, refusal_codes, saved, template, workbook

from adapters.picture.words import KIND_WORDS
from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.formats import FORMATS, identify, warn_of_origin
from adapters.sources.reading import Format, SourceFile, read_source
from adapters.sources.tables import PEEKED_CHARS
from adapters.sources.unread import Unread
from policies.vocabulary import AgencyKind

TODAY = date(2026, 11, 21)
FHIR, CIN, SSDA903, SPI = "fhir-r4", "cin-census-xml", "ssda903-csv", "spi-newcase"

# What each sample file is: the id of its format, or the codes of the refusal and a word of its message.
SAMPLES: dict[str, str | tuple[list[FindingCode], str]] = {
    "SOURCES.md": ([FindingCode.NOT_THIS_FORMAT], "plain text"),
    "charity/casework-csv/brcms-person.csv": ([FindingCode.NOT_THIS_FORMAT], "case list"),
    "charity/casework-csv/ccc-affected-person.csv": ([FindingCode.NOT_THIS_FORMAT], "case list"),
    "charity/casework-csv/drk-case-flag.csv": ([FindingCode.NO_KNOWN_COLUMNS], "Not Transferable"),
    "charity/htcds/HTCDS-Excel-Spreadsheet-v2.0.xlsx": "htcds-xlsx",
    "charity/htcds/HTCDS-Field-Standards-2.0.ods": ([FindingCode.NOT_THIS_FORMAT], "OpenDocument spreadsheet"),
    "charity/htcds/htcds_xlsform.xlsx": ([FindingCode.IS_FORM_DEFINITION], "survey form"),
    "charity/htcds/htcds_xlsform.xml": ([FindingCode.IS_FORM_DEFINITION], "XForm"),
    "charity/salesforce-csv/NPSP_Data_Import_Template_csv.csv": ([FindingCode.IS_TEMPLATE], "NPSP"),
    "charity/salesforce-csv/csvEscapedQuotes.csv": ([FindingCode.NO_KNOWN_COLUMNS], "column1, column2"),
    "charity/salesforce-csv/csvSeparator.csv": ([FindingCode.WRONG_SEPARATOR], "exclamation mark"),
    "charity/salesforce-csv/csvtext_BOM_UTF16LE.csv": ([FindingCode.NO_KNOWN_COLUMNS], "column3"),
    "charity/salesforce-csv/csvtext_BOM_UTF8.csv": ([FindingCode.NO_KNOWN_COLUMNS], "column3"),
    "charity/salesforce-csv/timeZoneFormatTestingWithErrors.csv": ([FindingCode.NO_KNOWN_COLUMNS], "Name, Date"),
    "charity/xlsx-quirks/duplicate_columns.xlsx": (
        [FindingCode.IS_FORM_DEFINITION, FindingCode.DUPLICATE_COLUMN],
        "survey form",
    ),
    "charity/xlsx-quirks/xl_date_ambiguous.xlsx": ([FindingCode.IS_FORM_DEFINITION], "survey form"),
    "health/hl7v2/A04_example.txt": ([FindingCode.NOT_THIS_FORMAT], "HL7 version 2"),
    "health/hl7v2/A28_Example.txt": ([FindingCode.NOT_THIS_FORMAT], "HL7 version 2"),
    "police/nrm/nrm-referral-2025.json": ([FindingCode.NOT_THIS_FORMAT], "Home Office casework"),
    "police/spi/IndividualDefendantAllfields.xml": SPI,
    "police/spi/MDIMinimalSPIMessage.xml": SPI,
    "police/spi/OIValidationMalformedXml.xml": SPI,
    "police/spi/PoliceCase.xml": SPI,
    "police/spi/SingleDefendantSingeOffence.json": ([FindingCode.NOT_THIS_FORMAT], "court system"),
    "police/spi/SingleDefendantSingeOffence.xml": SPI,
    "social-care/annex-a/Annex_A.xlsx": ([FindingCode.NOT_THIS_FORMAT], "Annex A"),
    "social-care/cin/CIN_Census_2021.xml": CIN,
    "social-care/cin/CIN_Census_2026.xml": CIN,
    "social-care/cin/cin-2022.xml": CIN,
    "social-care/cin/fake_CIN_data.xml": CIN,
    "social-care/ssda903/DoLo.csv": SSDA903,
    "social-care/ssda903/SSDA903_2020_episodes.csv": SSDA903,
    "social-care/ssda903/episodes.csv": SSDA903,
    "social-care/ssda903/fake_903.xml": ([FindingCode.NOT_THIS_FORMAT], "SSDA903 return as one XML"),
    "social-care/ssda903/header.csv": SSDA903,
    "social-care/ssda903/missing.csv": SSDA903,
    "social-care/ssda903/oc2.csv": SSDA903,
    "social-care/ssda903/placed_for_adoption_errors.csv": SSDA903,
    "social-care/ssda903/sw_episodes.csv": SSDA903,
    "social-care/ssda903/uasc.csv": SSDA903,
}
# Whole folders and kinds of files that are all alike.
FOLDERS = {
    "health/bars": FHIR,
    "health/cpis": FHIR,
    "health/pds": FHIR,
    "health/programme": FHIR,
    "health/ukcore": FHIR,
}
ENDINGS = {
    ".xsd": ([FindingCode.IS_FORM_DEFINITION], "XML schema"),
    ".txt": ([FindingCode.NOT_THIS_FORMAT], "plain text"),
}
NUMBER_OF_SAMPLES = 89
NUMBER_OF_PAPERS = 6
"""The list of sources and five licences lie in the same folder; they are no samples, and are refused like any text."""


def identified(data: bytes) -> str:
    """Return the id of the format of some bytes."""
    return identify(SourceFile("file", data, TODAY, {})).format_id


def refusal_of(data: bytes) -> SourceRefused:
    """Return how some bytes are refused."""
    with pytest.raises(SourceRefused) as refusal:
        identified(data)
    return refusal.value


def test_the_formats_of_this_version() -> None:
    """Six formats of four kinds of agency, each with its own id."""
    ids = [item.format_id for item in FORMATS]
    assert ids == [FHIR, CIN, SSDA903, SPI, "htcds-xlsx", "htcds-csv"]
    assert {item.kind.value for item in FORMATS} == {"health", "social_care", "police", "charity"}
    assert all(item.title for item in FORMATS)


def test_every_sample_is_what_the_table_says(samples_dir: Path) -> None:
    """All 95 files of the sample folder: 89 samples, the list of sources and five licences."""
    files = [path for path in sorted(samples_dir.rglob("*")) if path.is_file()]
    assert len(files) == NUMBER_OF_SAMPLES + NUMBER_OF_PAPERS
    taken: list[str] = []
    for path in files:
        name = path.relative_to(samples_dir).as_posix()
        expected = SAMPLES.get(name) or FOLDERS.get(str(Path(name).parent)) or ENDINGS[path.suffix]
        if isinstance(expected, str):
            assert identified(path.read_bytes()) == expected, name
            taken.append(expected)
        else:
            refusal = refusal_of(path.read_bytes())
            assert refusal_codes(refusal) == expected[0], name
            assert expected[1] in str(refusal), name
    assert {item: taken.count(item) for item in taken} == {FHIR: 30, CIN: 4, SSDA903: 9, SPI: 5, "htcds-xlsx": 1}


def test_every_sample_gives_a_report(samples_dir: Path) -> None:
    """Read through the front door, each small sample gives a report whose counts hold; none raises."""
    seen = 0
    for path in sorted(samples_dir.rglob("*")):
        if path.is_file() and path.stat().st_size < 60_000:
            report = read_source(SourceFile("file", path.read_bytes(), TODAY, {}, is_test_hub=True))
            report.check()
            assert report.records_in == 0 if report.is_refused else report.format != "unknown"
            seen += 1
    assert seen == 90


def test_a_name_is_no_evidence(samples_dir: Path) -> None:
    """The same bytes under any name are the same format."""
    data = (samples_dir / "social-care" / "cin" / "cin-2022.xml").read_bytes()
    for name in ("cases.xlsx", "header.csv", "x.pdf"):
        assert identify(SourceFile(name, data, TODAY, {})).format_id == CIN


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_known_formats(encoding: str) -> None:
    """A byte-order mark or UTF-16 does not hide what a file is."""
    texts = {
        '<Bundle xmlns="http://hl7.org/fhir"/>': FHIR,
        "<Message><Header><CollectionDetails><Collection>CIN</Collection></CollectionDetails></Header></Message>": CIN,
        '{"resourceType": "Patient"}': FHIR,
        "CHILD,DOB,MISSING,MIS_START,MIS_END\n1,01/02/2010,M,01/01/2020,\n": SSDA903,
        "prs_FirstName,prs_SecondName\nRobin,Invented\n": "htcds-csv",
    }
    for text, expected in texts.items():
        assert identified(text.encode(encoding)) == expected


def test_resources_one_a_line() -> None:
    """FHIR as NDJSON is FHIR."""
    line = b'{"resourceType": "Patient"}\n'
    assert identified(line * 3) == FHIR


def test_default_or_prefixed_namespace() -> None:
    """A police message is known by its namespace, never by a prefix."""
    libra = "http://www.dca.gov.uk/xmlschemas/libra"
    assert identified(f'<x:NewCaseMessage xmlns:x="{libra}"/>'.encode()) == SPI
    assert identified(f'<NewCaseMessage xmlns="{libra}"/>'.encode()) == SPI
    assert refusal_codes(refusal_of(b"<NewCaseMessage/>")) == [FindingCode.NOT_THIS_FORMAT]


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("<Message><Header><Collection>SC</Collection></Header></Message>", Unread.OTHER_CENSUS),
        ("<Message><Something/></Message>", Unread.OTHER_XML),
        ('<PRPA_IN000202 xmlns="urn:hl7-org:v3"/>', Unread.HL7_V3),
        (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
            '<q xmlns="urn:hl7-org:v3"/></e:Body></e:Envelope>',
            Unread.HL7_V3,
        ),
        ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>', Unread.SOAP),
        ("<html><body/></html>", Unread.WEB_PAGE),
        ('<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>', Unread.XML_WORKBOOK),
        ('<STIX_Package xmlns="http://stix.mitre.org/stix-1"/>', Unread.STIX),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', Unread.IMAGE),
        ("<unknown/>", Unread.OTHER_XML),
        ('{"Customer.Forename1": "x", "Type": "1"}', Unread.NRM_CASEWORK),
        ('{"caseDetails": {}, "defendants": []}', Unread.COURT_CASE),
        ('{"la_code": "201", "children": []}', Unread.DFE_API),
        ('{"type": "bundle", "objects": []}', Unread.STIX),
        ('{"Event": {}}', Unread.MISP),
        ('{"response": [{"Event": {}}]}', Unread.MISP),
        ('{"data": [{"case_id_display": "1"}]}', Unread.PRIMERO),
        ('{"data": [], "metadata": {"total": 0}}', Unread.PRIMERO),
        ('{"data": {"type": "incident", "attributes": {}}}', Unread.POLE),
        ('{"results": [{"_uuid": "1"}]}', Unread.SURVEY_JSON),
        ('[{"_submission_time": "1"}]', Unread.SURVEY_JSON),
        ('{"$schema": "x"}', Unread.JSON_SCHEMA),
        ('{"some": "thing"}', Unread.OTHER_JSON),
        ("[1, 2]", Unread.OTHER_JSON),
        ("[]", Unread.OTHER_JSON),
        ("MSH|^~\\&|A\rPID|1\r", Unread.HL7_V2),
        ("\x0bMSH|^~\\&|A\rPID|1\r\x1c\r", Unread.HL7_V2),
        ("{\\rtf1 text}", Unread.RTF),
        ("Child Unique ID,Gender\n1,F\n", Unread.ANNEX_A),
        ("Id,FirstName,LastName,AccountId\n1,Robin,Invented,2\n", Unread.SALESFORCE),
        ("npe01__WorkEmail__c,npsp__Tag__c\nx,y\n", Unread.SALESFORCE),
        ("Case ID,Date opened,Notes\n1,2020-01-01,x\n", Unread.CASE_LIST),
        ("Surname,DoB\nInvented,2010-05-17\n", Unread.CASE_LIST),
        ("Dear colleague, here is what we know.\nIt is not much.\n", Unread.PLAIN_TEXT),
        ("CHILD\n1\n2\n", Unread.PLAIN_TEXT),
        ("\x01\x02\x03 text", Unread.BINARY),
    ],
)
def test_refused_by_name(text: str, look: Unread) -> None:
    """Each known format without a reader says what it looks like and what to do instead."""
    refusal = refusal_of(text.encode())
    assert refusal_codes(refusal) == [look.value.code]
    assert look.value.title in str(refusal)
    assert look.value.advice in str(refusal)


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (b"%PDF-1.7\n", Unread.PDF),
        (b"\x89PNG\r\n\x1a\n\x00", Unread.IMAGE),
        (b"\xff\xd8\xff\xe0\x00", Unread.IMAGE),
        (b"\x00\x00\x00\x18ftypheic", Unread.IMAGE),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Unread.IMAGE),
        (b"BM\x36\x00\x00\x00\x00\x01", Unread.IMAGE),
        (b"\x1f\x8b\x08\x00", Unread.ARCHIVE),
        (bytes.fromhex("d0cf11e0a1b11ae1") + "WordDocument".encode("utf-16-le"), Unread.WORD),
        (bytes.fromhex("d0cf11e0a1b11ae1") + "__substg1.0_".encode("utf-16-le"), Unread.OUTLOOK),
        (bytes.fromhex("d0cf11e0a1b11ae1") + "PowerPoint Document".encode("utf-16-le"), Unread.SLIDES),
    ],
)
def test_signatures(data: bytes, look: Unread) -> None:
    """Documents and images are known by their first bytes."""
    assert look.value.title in str(refusal_of(data))


def archive(*names: str, mimetype: bytes = b"") -> bytes:
    """Return a ZIP file with parts of these names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        if mimetype:
            made.writestr("mimetype", mimetype)
        for name in names:
            made.writestr(name, b"<x/>")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "look"),
    [
        (archive("word/document.xml"), Unread.WORD),
        (archive("ppt/presentation.xml"), Unread.SLIDES),
        (archive("xl/workbook.bin"), Unread.XLSB),
        (archive("cases.csv"), Unread.ARCHIVE),
        (archive(), Unread.ARCHIVE),
        (archive(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), Unread.ODS),
        (archive(mimetype=b"application/vnd.oasis.opendocument.text"), Unread.OPEN_DOCUMENT),
        (workbook([[]]), Unread.EMPTY_WORKBOOK),
        (workbook([["CHILD", "DOB", "DUC"], ["1", "x", "y"]]), Unread.SSDA903_WORKBOOK),
        (workbook([["First Name", "Last Name", "DOB"], ["Robin", "Invented", "x"]]), Unread.CASE_LIST),
    ],
)
def test_archives(data: bytes, look: Unread) -> None:
    """A ZIP file is what its parts say."""
    refusal = refusal_of(data)
    assert refusal_codes(refusal) == [look.value.code]
    assert look.value.title in str(refusal)


def test_old_workbooks() -> None:
    """An old .xls and a workbook with a password say so."""
    ole2 = bytes.fromhex("d0cf11e0a1b11ae1")
    assert refusal_codes(refusal_of(ole2 + b"\x00" * 600)) == [FindingCode.OLD_EXCEL]
    locked = ole2 + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refusal_codes(refusal_of(locked)) == [FindingCode.ENCRYPTED_FILE]


@pytest.mark.parametrize("sign", [";", "\t", "|"])
@pytest.mark.parametrize(
    "headings", [["CHILD", "DOB", "DUC"], ["First Name", "Second Name", "Birthdate"], ["a", "b", "c"]]
)
def test_wrong_separator(sign: str, headings: list[str]) -> None:
    """A table cut by another sign is refused for that, known or not."""
    data = "\n".join(sign.join(row) for row in (headings, ["1", "2", "3"], ["4", "5", "6"])).encode()
    assert refusal_codes(refusal_of(data)) == [FindingCode.WRONG_SEPARATOR]


def test_windows_1252() -> None:
    """Text that is not UTF-8 is refused for its encoding, with the line."""
    refusal = refusal_of("CHILD,DOB\n1,x\n2,\xe9\n".encode("cp1252"))
    assert refusal_codes(refusal) == [FindingCode.BAD_ENCODING]
    assert "line 3" in str(refusal)


def test_survey_exports() -> None:
    """Exports of survey servers are refused by name, as CSV and as workbook."""
    rows = [
        ["start", "end", "prs_First_Name", "prs_Second_Name", "_uuid", "_submission_time"],
        ["", "", "A", "B", "x", "y"],
    ]
    for data in (csv_bytes(rows), workbook(rows)):
        refusal = refusal_of(data)
        assert refusal_codes(refusal) == [FindingCode.NOT_THIS_FORMAT]
        assert "KoboToolbox" in str(refusal)


def test_salesforce_with_records_is_no_template() -> None:
    """The import template with a record in it holds cases, so the advice is another."""
    labels, names = ["Contact1 First Name", "Contact1 Last Name"], ["npsp__Contact1_Firstname__c", "npsp__x__c"]
    assert refusal_codes(refusal_of(csv_bytes([["INSTRUCTIONS:", ""], labels, names]))) == [FindingCode.IS_TEMPLATE]
    filled = csv_bytes([["INSTRUCTIONS:", ""], labels, names, ["Robin", "Invented"]])
    assert refusal_codes(refusal_of(filled)) == [FindingCode.NOT_THIS_FORMAT]


def test_htcds_in_either_file() -> None:
    """The same columns as workbook and as CSV go to their readers, also below a title and beside other sheets."""
    rows = [["prs_FirstName", "prs_SecondName"], ["Robin", "Invented"]]
    assert identified(template()) == identified(workbook([["Our cases"], *rows])) == "htcds-xlsx"
    assert identified(csv_bytes([["Our cases", ""], *rows])) == "htcds-csv"
    book = openpyxl.Workbook()
    for row in rows:
        book.create_sheet("Cases").append(row) if "Cases" not in book.sheetnames else book["Cases"].append(row)
    assert identified(saved(book)) == "htcds-xlsx"


def test_return_table_with_a_missing_or_extra_column() -> None:
    """A return table is known by columns of its own, so that its reader can say what is missing."""
    assert identified(b"DOB,MISSING,MIS_START,MIS_END\nx,M,y,z\n") == SSDA903
    assert identified(b"child,dob,extra\n1,2,3\n") == SSDA903


def test_headings_are_only_shown_where_they_are_headings() -> None:
    """A table that begins with a record: nothing of the record stands in the message."""
    refusal = refusal_of(b"Robin,Invented,2010-05-17\nSam,Otherone,2011-01-02\n")
    assert refusal_codes(refusal) == [FindingCode.NO_KNOWN_COLUMNS]
    assert "Robin" not in str(refusal)
    refusal = refusal_of(b"robin@charity.example,Invented\nx,y\n")
    assert "robin" not in str(refusal)


def test_broken_files_go_to_their_reader() -> None:
    """A file that breaks later is known by its beginning; one that breaks at once says where."""
    assert identified(b"<Message><Header><Collection>CIN</Collection></Header><Children><Child>") == CIN
    assert identified(b'<Bundle xmlns="http://hl7.org/fhir"><entry></Bundle>') == FHIR
    assert refusal_codes(refusal_of(b"<")) == [FindingCode.NOT_WELL_FORMED]
    assert refusal_codes(refusal_of(b'{"resourceType": ')) == [FindingCode.NOT_WELL_FORMED]


def test_guards_come_first() -> None:
    """Nothing is looked at inside XML or JSON that breaks a guard."""
    bomb = b'<!DOCTYPE Bundle [<!ENTITY a "b">]><Bundle xmlns="http://hl7.org/fhir">&a;</Bundle>'
    assert refusal_codes(refusal_of(bomb)) == [FindingCode.DOCTYPE_FORBIDDEN]
    assert refusal_codes(refusal_of(b'{"resourceType": "A", "resourceType": "B"}')) == [FindingCode.DUPLICATE_KEY]
    assert refusal_codes(refusal_of(b"[" * 100)) == [FindingCode.TOO_DEEP]


def test_only_the_beginning_is_looked_at() -> None:
    """A large file is known by its first rows."""
    body = b"1,01/02/2010,M,01/01/2020,\n" * (2 * PEEKED_CHARS // 20)
    assert identified(b"CHILD,DOB,MISSING,MIS_START,MIS_END\n" + body) == SSDA903


@pytest.mark.parametrize("data", [b"", b"  \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_nothing_in_it(data: bytes) -> None:
    """An empty file is refused as empty, through the front door too."""
    report = read_source(SourceFile("file", data, TODAY, {}))
    assert report.is_refused
    assert report.findings[0].code is FindingCode.NOT_THIS_FORMAT
    assert "empty" in report.findings[0].message


def test_refusals_are_reports_at_the_front_door() -> None:
    """``read_source`` never raises a refusal: it gives a report with the reason and no counts."""
    report = read_source(SourceFile("file", json.dumps({"la_code": "1", "children": []}).encode(), TODAY, {}))
    assert (report.format, report.records_in, report.is_refused) == ("unknown", 0, True)
    assert len(report.file_sha256) == 64


def test_damaged_bytes_never_raise_anything_else(samples_dir: Path) -> None:
    """Cut at each tenth and with flipped bytes, every kind of file is identified or refused."""
    names = (
        "charity/htcds/HTCDS-Field-Standards-2.0.ods",
        "health/cpis/CPIS-CareTeam-Example.xml",
        "health/pds/Sensitive_Patient.json",
        "health/hl7v2/A04_example.txt",
        "police/spi/MDIMinimalSPIMessage.xml",
        "social-care/ssda903/missing.csv",
    )
    tried = 0
    for name in names:
        data = (samples_dir / name).read_bytes()
        copies = [data[: len(data) * tenth // 10] for tenth in range(10)]
        copies += [
            bytes(byte ^ (0xFF if at == place else 0) for at, byte in enumerate(data[:4000]))
            for place in range(0, 400, 20)
        ]
        for copy in copies:
            tried += 1
            with suppress(SourceRefused):
                identified(copy)
    assert tried == 180


@pytest.mark.parametrize("item", FORMATS, ids=lambda item: item.format_id)
def test_a_format_of_another_kind_of_agency_is_said_to_be_one(item: Format) -> None:
    assert warn_of_origin(item.format_id, item.kind) == ""
    said = str(warn_of_origin(item.format_id, AgencyKind.HOUSING))
    if item.kind is AgencyKind.CHARITY:
        assert said == ""
    else:
        assert f"systems of: {KIND_WORDS[item.kind]}. Your agency is: Housing." in said
