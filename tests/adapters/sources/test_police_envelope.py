"""The three envelopes of a police message, the guard on each level, and what is no such message."""

from __future__ import annotations

import pytest
import xmlschema
from police_messages import LIBRA, Defendant, message, read, resolve, route, soap

from adapters.sources.findings import FindingCode, SourceRefused
from adapters.sources.police import schema, spi
from adapters.sources.police.envelope import MAX_LEVELS, ROOT_ELEMENTS, unwrap
from adapters.sources.police.schema import load_schema

MESSAGE = message(Defendant())
DOCTYPE = '<!DOCTYPE x [<!ENTITY e "boom">]>'


def refusal(data: bytes) -> tuple[FindingCode, str, str]:
    """Return code, message and locator of the reason why a file is refused."""
    with pytest.raises(SourceRefused) as caught:
        read(data)
    finding = caught.value.findings[0]
    return finding.code, finding.message, finding.locator


def kept(data: bytes) -> list[tuple[str, object]]:
    """Return category and fields without locators: what must not depend on the envelope."""
    drafts = read(data).drafts
    return [(draft.category, sorted(draft.fields)) for draft in drafts]


@pytest.mark.parametrize(
    "wrap", [str, route, lambda text: soap(route(text)), soap], ids=["bare", "route", "both", "soap"]
)
def test_every_envelope_gives_the_same_records(wrap) -> None:
    """The envelope changes locators, not what is read."""
    data = wrap(MESSAGE).encode()
    assert kept(data) == kept(MESSAGE.encode())
    assert len(kept(data)) == 4


@pytest.mark.parametrize(
    "declared", ['<?xml version="1.0" encoding="utf-8"?>\n', '<?xml version="1.0" encoding="UTF-16"?>']
)
def test_the_declaration_of_an_inner_document_is_not_believed(declared: str) -> None:
    """Its text was decoded with the document around it, so another encoding in it says nothing."""
    assert kept(route(declared + MESSAGE).encode()) == kept(MESSAGE.encode())


def test_an_unescaped_message_in_the_envelope_is_read() -> None:
    """Some systems put the message in as elements or as CDATA."""
    envelope = route("HERE")
    assert kept(envelope.replace("HERE", MESSAGE).encode()) == kept(MESSAGE.encode())
    assert kept(envelope.replace("HERE", f"<![CDATA[{MESSAGE}]]>").encode()) == kept(MESSAGE.encode())


def test_prefixes_do_not_matter() -> None:
    """Matching is by namespace: the same message under a prefix gives the same content."""
    prefixed = MESSAGE.replace("<", "<p:").replace("<p:/", "</p:").replace("xmlns=", "xmlns:p=", 1)
    for name in ("PAON", "StreetDescription", "Town", "PostCode"):
        prefixed = prefixed.replace(f"p:{name}", name)
    bare, other = read(MESSAGE.encode()), read(prefixed.encode())
    assert [draft.to_content()["fields"] for draft in bare.drafts] == [
        draft.to_content()["fields"] for draft in other.drafts
    ]


def test_the_source_block_comes_from_the_envelope() -> None:
    """System and sending date stand in RouteData; a bare message has the prosecutor's code and no date."""
    wrapped, bare = read(soap(route(MESSAGE)).encode()).drafts[0].source, read(MESSAGE.encode()).drafts[0].source
    assert (wrapped.system, wrapped.extracted_at) == ("00101PoliceCaseSystem", "2026-11-20")
    assert (bare.system, bare.extracted_at) == ("001AA00", None)
    assert wrapped.case_reference == bare.case_reference == "01AA0000126"
    assert wrapped.format_version == "0.6g"


def test_locators_lead_through_the_envelopes() -> None:
    """A locator of the third level is followed through both texts."""
    data = soap(route(MESSAGE)).encode()
    name = read(data).drafts[0].fields["prs_SecondName"]
    assert name.locator.count("!") == 2
    assert resolve(data, name.locator).text == name.value == "Invented"


def test_four_levels_are_too_deep() -> None:
    """SOAP in SOAP: the message would be the fourth document."""
    code, text, _ = refusal(soap(soap(route(MESSAGE))).encode())
    assert code is FindingCode.TOO_DEEP
    assert str(MAX_LEVELS) in text
    assert refusal(route(route(route(route(MESSAGE)))).encode())[0] is FindingCode.TOO_DEEP


@pytest.mark.parametrize(
    "data",
    [DOCTYPE + MESSAGE, route(DOCTYPE + MESSAGE), soap(route(DOCTYPE + MESSAGE)), soap(DOCTYPE + route(MESSAGE))],
    ids=["bare", "in route", "in route in soap", "route in soap"],
)
def test_a_doctype_is_refused_on_each_level(data: str) -> None:
    """The guard runs again for each document."""
    assert refusal(data.encode())[0] is FindingCode.DOCTYPE_FORBIDDEN


def test_content_that_is_no_xml_is_refused_with_line_and_column() -> None:
    """As in the official test message "malformed xml"."""
    code, text, locator = refusal(route("malformed xml").encode())
    assert code is FindingCode.NOT_WELL_FORMED
    assert "DataStreamContent" in text
    assert "line 1, column 1" in text
    assert locator.startswith("/RouteData/DataStream[1]/DataStreamContent[1]")


def test_an_empty_envelope_is_refused() -> None:
    """Nothing but blanks inside."""
    code, text, _ = refusal(route("  \n").encode())
    assert code is FindingCode.NOT_WELL_FORMED
    assert "empty" in text


def test_several_or_no_contents_are_refused() -> None:
    """One case a file."""
    double = route(MESSAGE).replace("</DataStream>", "<e:DataStreamContent>x</e:DataStreamContent></DataStream>")
    assert "2 DataStreamContent" in refusal(double.encode())[1]
    assert refusal(b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>') == (
        FindingCode.SCHEMA_ERROR,
        "the envelope has no Message elements, expected one; export one case a file",
        "/Envelope",
    )


def test_a_soap_fault_is_the_sources_error() -> None:
    """An error answer is not a case."""
    fault = soap("x").replace("<s:Body>", "<s:Body><s:Fault><faultstring>secret</faultstring></s:Fault>")
    code, text, _ = refusal(fault.encode())
    assert code is FindingCode.SOURCE_ERROR
    assert "secret" not in text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (f'<ResultedCaseMessage xmlns="{LIBRA}"/>', "court message of another kind (ResultedCaseMessage)"),
        ("<NewCaseMessage/>", "a namespace that is not that of"),
        ('<RouteDataResp xmlns="http://schemas.cjse.gov.uk/common/operations"/>', "receipt of the criminal justice"),
        ("<Message/>", "root element Message"),
        (route("<Message/>"), "the envelope holds XML with the root element Message"),
    ],
)
def test_other_xml_is_named_and_refused(data: str, words: str) -> None:
    """A person learns what the file is."""
    code, text, _ = refusal(data.encode())
    assert code is FindingCode.NOT_THIS_FORMAT
    assert words in text


def test_size_is_checked_before_anything_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One message is one case; a file over the limit is not parsed."""
    monkeypatch.setattr(spi, "unwrap", lambda _: pytest.fail("parsed before its size was checked"))
    assert refusal(b" " * (spi.MAX_MESSAGE_BYTES + 1))[0] is FindingCode.TOO_LARGE


def test_a_message_without_anybody_is_refused() -> None:
    """No Case, or a Case without a Defendant: there is no person to read."""
    for data in (message(), f'<NewCaseMessage xmlns="{LIBRA}"/>'):
        assert refusal(data.encode())[0] is FindingCode.SCHEMA_ERROR


def test_limits_of_a_message() -> None:
    """Elements, children, records and depth are bounded."""
    many = message(*[Defendant(reference=f"R{number}") for number in range(501)])
    assert "1,003 defendants, offences and victims" in refusal(many.encode())[1]
    deep = message(Defendant(), extra="<x>" * 40 + "</x>" * 40)
    assert refusal(deep.encode())[0] is FindingCode.TOO_DEEP
    wide = message(Defendant(), extra="<x/>" * 1_001)
    assert refusal(wide.encode())[0] is FindingCode.TOO_LARGE
    large = message(Defendant(), extra=("<x>" + "<y/>" * 999 + "</x>") * 51)
    assert refusal(large.encode())[0] is FindingCode.TOO_LARGE


def test_a_message_does_not_choose_its_own_types() -> None:
    """``xsi:type`` and ``xsi:nil`` are ignored and pointed out; the message is compared with the schema as it is."""
    instance = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    for attribute in ('xsi:type="nothing"', 'xsi:type="a:b"', 'xsi:nil="true"'):
        report = read(MESSAGE.replace("<Case>", f"<Case{instance} {attribute}>").encode())
        assert report.fragments == 4
        (found,) = [finding for finding in report.findings if finding.code is FindingCode.SCHEMA_ERROR]
        assert found.locator == "/NewCaseMessage/Case[1]"


def test_a_comparison_that_stops_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the schema library trips over, the message is still read."""

    class Stumbling:
        def iter_errors(self, _: object) -> list[object]:
            raise xmlschema.XMLSchemaException("stumbled")

    monkeypatch.setattr(schema, "load_schema", Stumbling)
    report = read(MESSAGE.encode())
    assert report.fragments == 4
    assert [finding.message for finding in report.findings] == [
        "the comparison with the schema stopped before the end; the rest of the document was not compared"
    ]


def test_a_schema_named_by_the_file_is_not_followed() -> None:
    """``xsi:schemaLocation`` may name anything; only our own copy counts."""
    data = MESSAGE.replace(
        " Flow=",
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{LIBRA} file:///nowhere/evil.xsd http://www.govtalk.gov.uk/core http://192.0.2.1" Flow=',
    )
    report = read(data.encode())
    assert report.fragments == 4
    assert not [finding for finding in report.findings if finding.code is FindingCode.SCHEMA_ERROR]


def test_the_schema_is_loaded_once() -> None:
    """Building it costs a hundred times a reading."""
    assert load_schema() is load_schema()


def test_the_roots_for_telling_files_apart() -> None:
    """Message, RouteData, and the envelopes of SOAP 1.1 and 1.2."""
    assert len(ROOT_ELEMENTS) == 4
    assert unwrap(MESSAGE.encode()).message.tag in ROOT_ELEMENTS
