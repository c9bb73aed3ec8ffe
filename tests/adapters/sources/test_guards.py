"""Every guard: what it refuses, with which code, and that plain files pass."""

from __future__ import annotations

import io
import json
import time
import zipfile
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from charity_files import refusal_codes, template
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sources import guards
from adapters.sources.findings import FindingCode, Severity, SourceRefused
from adapters.sources.guards import decode_text, open_workbook_archive, parse_json, parse_xml, require_size
from adapters.sources.reading import SourceFile, read_file, read_source

BOMB = '<?xml version="1.0" encoding="{}"?><!DOCTYPE a [<!ENTITY x "boom">]><a>&x;</a>'
OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")


def code_of(act: object, *arguments: object) -> FindingCode:
    """Return the code with which a guard refuses."""
    assert callable(act)
    with pytest.raises(SourceRefused) as refusal:
        act(*arguments)
    (finding,) = refusal.value.findings
    assert finding.severity is Severity.REFUSE_FILE
    assert finding.message[0].islower() or finding.message.startswith(("JSON", "NaN", "Infinity", "-Infinity"))
    return finding.code


# Size


def test_size_is_told() -> None:
    """How large, what the limit is, what to do."""
    require_size(10, 10)
    with pytest.raises(SourceRefused, match=r"has 11 bytes, the limit is 10; export a shorter period") as refusal:
        require_size(11, 10)
    assert refusal_codes(refusal.value) == [FindingCode.TOO_LARGE]


def test_size_on_disk_before_reading(tmp_path: Path) -> None:
    """A file over the limit is not read, nor one whose sibling is over it."""
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"x" * 5)
    large.write_bytes(b"x" * 50)
    today = date(2026, 11, 21)
    assert read_file(large, today=today, limit_bytes=10).findings[0].code is FindingCode.TOO_LARGE
    report = read_file(small, today=today, siblings=(large,), limit_bytes=10)
    assert report.findings[0].code is FindingCode.TOO_LARGE
    assert read_file(small, today=today, limit_bytes=10).findings[0].code is not FindingCode.TOO_LARGE


def test_size_of_bytes_in_memory() -> None:
    """An upload has the same limit, and so has each sibling."""
    today = date(2026, 11, 21)
    for source in (
        SourceFile("f", b"x" * 11, today, {}),
        SourceFile("f", b"x", today, {"other": b"x" * 11}),
    ):
        assert read_source(source, limit_bytes=10).findings[0].code is FindingCode.TOO_LARGE


# XML


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "us-ascii", "utf-32"])
def test_doctype_in_every_encoding(encoding: str) -> None:
    """A document type declaration is refused before a parser sees it, however the bytes are written."""
    name = encoding.removesuffix("-sig")
    assert code_of(parse_xml, BOMB.format(name).encode(encoding)) is FindingCode.DOCTYPE_FORBIDDEN


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        '<!doctype a PUBLIC "x" "http://evil.example/x.dtd"><a/>',
        "<!-- long --><!DOCTYPE a><a/>",
        "<a><![CDATA[<!DOCTYPE a>]]></a>",
        '<a><!ENTITY x "y"></a>',
        "<!  DOCTYPE a><a/>",
    ],
)
def test_doctype_in_every_form(text: str) -> None:
    """External, public, in lower case, behind a comment, inside CDATA: no export needs one."""
    assert code_of(parse_xml, text.encode()) is FindingCode.DOCTYPE_FORBIDDEN


@pytest.mark.parametrize(
    "data",
    [
        b'<?xml version="1.0" encoding="UTF-7"?>+ADw-!DOCTYPE a+AD4-<a/>',
        b'<?xml version="1.0"' + b" " * 3000 + b'encoding="UTF-7"?>+ADw-!DOCTYPE a+AD4-<a/>',
        BOMB.format("cp037").encode("cp037"),
        b'<?xml version="1.0" encoding="bogus"?><a/>',
    ],
)
def test_encodings_that_could_hide_a_doctype(data: bytes) -> None:
    """Encodings in which markup is not plain are refused, wherever their name stands."""
    assert code_of(parse_xml, data) is FindingCode.BAD_ENCODING


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe" + '<?xml version="1.0" encoding="utf-8"?><a/>'.encode("utf-16-le"),
        b"\xef\xbb\xbf" + b'<?xml version="1.0" encoding="utf-16"?><a/>',
        '<?xml version="1.0" encoding="utf-8"?><a>\xe9</a>'.encode("latin-1"),
    ],
)
def test_wrong_declaration(data: bytes) -> None:
    """The declaration counts, and a wrong one is an error."""
    assert code_of(parse_xml, data) is FindingCode.BAD_ENCODING


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "us-ascii", "iso-8859-1", "windows-1252"])
def test_declared_encodings_that_are_read(encoding: str) -> None:
    """Ordinary declarations pass."""
    text = "caf\xe9" if encoding != "us-ascii" else "cafe"
    data = f'<?xml version="1.0" encoding="{encoding}"?><a>{text}</a>'.encode(encoding)
    assert parse_xml(data).text == text


def test_comments_and_instructions_are_removed() -> None:
    """They never reach a reader."""
    root = parse_xml(b"<?go?><a><!-- x --><b/><?stop?></a>")
    assert [child.tag for child in root] == ["b"]


def test_external_schema_is_never_followed() -> None:
    """A schema location is an attribute and no more."""
    data = (
        b'<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x http://evil.example/x.xsd"/>'
    )
    assert parse_xml(data).tag == "a"


def test_not_well_formed_xml_says_where() -> None:
    """Line and column, in plain words, at the locator given."""
    with pytest.raises(SourceRefused, match=r"breaks at line 2, column") as refusal:
        parse_xml(b"<a>\n<b></a>", "inner")
    assert refusal.value.findings[0].locator.startswith("inner:2:")
    assert refusal_codes(refusal.value) == [FindingCode.NOT_WELL_FORMED]
    for data in (b"", b"<", b"no xml"):
        assert code_of(parse_xml, data) is FindingCode.NOT_WELL_FORMED


def test_deep_xml() -> None:
    """Nesting has a limit, and the limit itself passes."""
    depth = guards.MAX_XML_DEPTH
    assert parse_xml(b"<a>" * depth + b"</a>" * depth).tag == "a"
    assert code_of(parse_xml, b"<a>" * (depth + 1) + b"</a>" * (depth + 1)) is FindingCode.TOO_DEEP


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_xml(data: bytes) -> None:
    """Whatever the bytes: an element or our refusal."""
    with suppress(SourceRefused):
        assert parse_xml(b"<a>" + data).tag == "a"


# JSON


def test_json_keeps_numbers_exactly() -> None:
    """A number with a fraction stays text, so that no digit changes."""
    assert parse_json(b'{"a": 1.10, "b": 7, "c": 1e999}') == {"a": "1.10", "b": 7, "c": "1e999"}


def test_duplicate_keys() -> None:
    """The last one would win silently; the key is named."""
    assert code_of(parse_json, b'{"a": 1, "b": {"c": 1, "c": 2}}') is FindingCode.DUPLICATE_KEY
    with pytest.raises(SourceRefused, match="'c' stands twice"):
        parse_json(b'{"c": 1, "c": 2}')


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_no_numbers(word: str) -> None:
    """They are no JSON."""
    assert code_of(parse_json, f'{{"a": {word}}}'.encode()) is FindingCode.NOT_A_NUMBER


def test_deep_json() -> None:
    """Nesting is counted before parsing; brackets inside texts do not count."""
    depth = guards.MAX_JSON_DEPTH
    assert parse_json(b"[" * depth + b"]" * depth)
    assert code_of(parse_json, b"[" * (depth + 1) + b"]" * (depth + 1)) is FindingCode.TOO_DEEP
    assert code_of(parse_json, b'{"a":' * 100_000) is FindingCode.TOO_DEEP
    text = '"' + "[" * 1000 + '\\"' + "{" * 1000
    assert parse_json(json.dumps({"a": text}).encode()) == {"a": text}
    assert code_of(parse_json, b'["' + b"[" * 1000) is FindingCode.NOT_WELL_FORMED


def test_depth_is_counted_in_linear_time() -> None:
    """Quotation marks that never close do not make it slow."""
    started = time.monotonic()
    assert code_of(parse_json, b'["' + b'\\"' * 2_000_000) is FindingCode.NOT_WELL_FORMED
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("data", [b"", b"{", b'{"a" 1}', b"[1,]", b"{} {}", b"01", b'{"a": ' + b"1" * 5000 + b"}"])
def test_not_well_formed_json(data: bytes) -> None:
    """Broken JSON says so, a number of 5,000 digits included."""
    assert code_of(parse_json, data) is FindingCode.NOT_WELL_FORMED


def test_not_well_formed_json_says_where() -> None:
    """Line and column."""
    with pytest.raises(SourceRefused, match="line 2, column 6"):
        parse_json(b'{"a": 1,\n "b" 2}')


def test_half_characters() -> None:
    """Half of a surrogate pair is legal in JSON and can never be written again; a whole pair is a character."""
    assert code_of(parse_json, b'{"a": "\\ud83d"}') is FindingCode.BAD_ENCODING
    assert code_of(parse_json, b'{"\\udc00": 1}') is FindingCode.BAD_ENCODING
    assert parse_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]":,\\u0d8 a1\n', max_size=60))
def test_any_text_as_json(text: str) -> None:
    """Whatever the text: a value that can be written again, or our refusal."""
    try:
        parsed = parse_json(text.encode())
    except SourceRefused:
        return
    json.dumps(parsed, ensure_ascii=False).encode()


# Text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_with_and_without_a_mark(encoding: str) -> None:
    """The byte-order mark tells the encoding and is no part of the text."""
    assert decode_text("Zo\xeb,\u4e2d\n".encode(encoding)) == "Zo\xeb,\u4e2d\n"
    assert decode_text(b"\xfe\xff" + "a,b".encode("utf-16-be")) == "a,b"


def test_not_utf_8_says_line_byte_and_what_to_do() -> None:
    """Never decoded by guess."""
    with pytest.raises(SourceRefused, match=r"line 2, byte 5: this is not UTF-8\. It may be Windows-1252") as refusal:
        decode_text(b"ab\nc\xe9d")
    assert refusal.value.findings[0].locator == "file:2"
    assert refusal_codes(refusal.value) == [FindingCode.BAD_ENCODING]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + "a,b".encode("utf-16-le"),
        b"\xff\xfe" + b"CHILD,DOB\n",
        b"\xff\xfe" + b"a,b",
        b"\xff\xfea\x00b",
        b"\xff\xfe\x00\xd8a\x00",
        b"\xff\xfe\x00\x00a\x00\x00\x00",
        b"\xef\xbb\xbf\xef\xbb\xbfa",
        b"a\x00b",
    ],
)
def test_marks_that_lie(data: bytes) -> None:
    """A mark that disagrees with the body, half a character, a second mark, NUL characters."""
    assert code_of(decode_text, data) is FindingCode.BAD_ENCODING


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_as_text(data: bytes) -> None:
    """Text that can be written again, or our refusal."""
    with suppress(SourceRefused):
        decode_text(data).encode()


# Workbooks


def packed(*parts: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in parts:
            made.writestr(name, content)
    return buffer.getvalue()


def test_a_plain_workbook_passes() -> None:
    """And gives its parts."""
    with open_workbook_archive(template()) as archive:
        assert "xl/workbook.xml" in archive.namelist()


def test_bomb_by_ratio() -> None:
    """Two megabytes packed into almost nothing; a part below the floor may be packed well."""
    assert code_of(open_workbook_archive, packed(("a.xml", b"\x20" * 2_000_000))) is FindingCode.ZIP_BOMB
    open_workbook_archive(packed(("a.xml", b"\x20" * 900_000))).close()


def test_bomb_by_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many parts that are small alone and large together."""
    monkeypatch.setattr(guards, "MAX_ZIP_TOTAL_BYTES", 1000)
    data = packed(*((f"{number}.bin", b"x" * 600) for number in range(2)), method=zipfile.ZIP_STORED)
    assert code_of(open_workbook_archive, data) is FindingCode.ZIP_BOMB


def test_bomb_by_number_of_parts() -> None:
    """More parts than any workbook has; the limit itself passes."""
    limit = guards.MAX_ZIP_MEMBERS
    open_workbook_archive(packed(*((f"{n}", b"") for n in range(limit)))).close()
    assert code_of(open_workbook_archive, packed(*((f"{n}", b"") for n in range(limit + 1)))) is FindingCode.ZIP_BOMB


def test_bomb_that_lies_about_its_size() -> None:
    """A part that states a small size and holds more is not unpacked beyond what it states."""
    data = packed(("a.xml", b"<a/>" + b" " * 5_000_000))
    lying = data.replace((5_000_004).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert lying != data
    assert code_of(open_workbook_archive, lying) is FindingCode.NOT_WELL_FORMED


@pytest.mark.parametrize("name", ["../evil.xml", "xl/../../evil.xml", "/etc/evil.xml", "xl\\..\\evil.xml"])
def test_paths_that_leave_the_archive(name: str) -> None:
    """A part with such a path belongs to no workbook."""
    made = zipfile.ZipInfo("x")
    made.filename = name
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(made, b"x")
    assert code_of(open_workbook_archive, buffer.getvalue()) is FindingCode.ZIP_BOMB


def test_dots_inside_a_name_are_no_path() -> None:
    """Two dots within a name leave nothing."""
    open_workbook_archive(packed(("xl/a..b.xml", b"<a/>"))).close()


def test_encrypted_part() -> None:
    """A part with the flag of encryption needs a password."""
    data = bytearray(packed(("a.xml", b"<a/>")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    assert code_of(open_workbook_archive, bytes(data)) is FindingCode.ENCRYPTED_FILE


def test_old_and_encrypted_workbooks() -> None:
    """Both begin alike; the streams tell them apart."""
    assert code_of(open_workbook_archive, OLE2 + b"\x00" * 512) is FindingCode.OLD_EXCEL
    locked = OLE2 + b"\x00" * 512 + "EncryptedPackage".encode("utf-16-le")
    assert code_of(open_workbook_archive, locked) is FindingCode.ENCRYPTED_FILE


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("xl/vbaProject.bin", b"x"),
        ("xl/macrosheets/sheet1.xml", b"<a/>"),
        (
            "[Content_Types].xml",
            b'<Types><Override ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>',
        ),
    ],
)
def test_macros(name: str, content: bytes) -> None:
    """Macros of either kind, and a workbook that says it may have them."""
    assert code_of(open_workbook_archive, packed((name, content))) is FindingCode.HAS_MACROS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "_rels/.rels", "XL/STYLES.XML"])
def test_doctype_in_a_part(name: str, encoding: str) -> None:
    """Any part of a workbook that is XML is scanned."""
    data = packed((name, BOMB.format(encoding).encode(encoding)))
    assert code_of(open_workbook_archive, data) is FindingCode.DOCTYPE_FORBIDDEN


def test_doctype_behind_a_long_comment() -> None:
    """The whole part is scanned, across the borders of the pieces it is read in."""
    for length in (70_000, guards.ZIP_SCAN_BYTES - 12, guards.ZIP_SCAN_BYTES + 5):
        comment = b"<!--" + bytes(97 + number % 23 for number in range(length)) + b"-->"
        data = packed(("a.xml", comment + b"<!DOCTYPE a><a/>"), method=zipfile.ZIP_STORED)
        assert code_of(open_workbook_archive, data) is FindingCode.DOCTYPE_FORBIDDEN


def test_hidden_encoding_in_a_part() -> None:
    """A part in an encoding that could hide a declaration is refused too."""
    data = packed(("a.xml", b'<?xml version="1.0" encoding="UTF-7"?>+ADw-!DOCTYPE a+AD4-<a/>'))
    assert code_of(open_workbook_archive, data) is FindingCode.BAD_ENCODING


def test_damaged_archives() -> None:
    """Cut, flipped, doubled: the parts or our refusal, never an error of the ZIP library."""
    data = template()
    copies = [data[: len(data) * tenth // 10] for tenth in range(10)]
    for place in range(0, len(data), len(data) // 150):
        flipped = bytearray(data)
        flipped[place] ^= 0xFF
        copies.append(bytes(flipped))
    refused = 0
    for copy in copies:
        try:
            open_workbook_archive(copy).close()
        except SourceRefused:
            refused += 1
    assert refused > 100
