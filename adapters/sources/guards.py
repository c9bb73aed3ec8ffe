"""What is checked before any library parses a file: size, kind, DOCTYPE, archives, encoding, JSON shape.

The limits and the attacks behind them are in docs/sources.md, "Guards". Every limit has its unit in its name.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import Any, NoReturn

from lxml import etree

from adapters.picture.speech import lazy_gettext
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_ZIP_MEMBERS = 200
MAX_ZIP_TOTAL_BYTES = 100 * 1024 * 1024
MAX_ZIP_RATIO = 100
ZIP_RATIO_FLOOR_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
MAX_XML_DEPTH = 256
MAX_CELL_CHARS = 100_000
OLE2_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
MAX_XML_DECLARATION_BYTES = 1024
ZIP_SCAN_BYTES = 1024 * 1024
XML_ENCODINGS = frozenset(
    {
        "utf-8",
        "utf8",
        "utf-16",
        "utf-16le",
        "utf-16be",
        "us-ascii",
        "ascii",
        "iso-8859-1",
        "iso-8859-15",
        "windows-1252",
    }
)
"""Declared encodings that are read. In all of them markup is plain ASCII (after dropping NULs), so that a DOCTYPE
cannot hide from the scan, as it can in UTF-7."""


def require_size(size_bytes: int, limit_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise ``SourceRefused`` when a file is over the limit."""
    if size_bytes > limit_bytes:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            lazy_gettext(
                "the file has %(size)s bytes, the limit is %(most)s; export a shorter period",
                size=size_bytes,
                most=limit_bytes,
            ),
        )


def parse_xml(data: bytes, locator: str = "file") -> etree._Element:
    """Parse XML with every expansion off; refuse any DOCTYPE before a parser sees it.

    ``data`` is bytes as received (the XML declaration counts). Raises ``SourceRefused`` (``doctype_forbidden``,
    ``bad_encoding``, ``not_well_formed``, ``too_deep``). Comments and processing instructions are removed.
    """
    require_safe_xml(data, locator)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        if getattr(error, "code", None) in _ENCODING_ERRORS:
            raise refuse_file(
                FindingCode.BAD_ENCODING,
                lazy_gettext(
                    "line %(line)s: the bytes are not in the encoding that the file declares; export the file as UTF-8",
                    line=str(line),
                ),
                f"{locator}:{line}",
            ) from error
        if "depth" in (error.msg or "").lower():
            raise refuse_file(
                FindingCode.TOO_DEEP,
                lazy_gettext("elements are nested more than %(most)s deep", most=str(MAX_XML_DEPTH)),
                locator,
            ) from error
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            lazy_gettext(
                "this is not well-formed XML: it breaks at line %(line)s, column %(column)s; export the file again",
                line=str(line),
                column=str(column),
            ),
            f"{locator}:{line}:{column}",
        ) from error
    except (ValueError, LookupError) as error:
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            lazy_gettext("this is not well-formed XML: its declaration cannot be read"),
            locator,
        ) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise refuse_file(FindingCode.DOCTYPE_FORBIDDEN, _HAS_DOCTYPE, locator)
    return root


_HAS_DOCTYPE = lazy_gettext(
    "it contains a document type declaration, which exports never need; remove it or export again"
)
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_ENCODING_ERRORS = frozenset(
    {
        etree.ErrorTypes.ERR_INVALID_ENCODING,
        etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
        etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
    }
)


def require_safe_xml(data: bytes, locator: str = "file") -> None:
    """Check XML bytes before any parser sees them: no DOCTYPE, no entity, an encoding that cannot hide one.

    Raises ``SourceRefused`` (``doctype_forbidden``, ``bad_encoding``).
    """
    if _has_doctype(data):
        raise refuse_file(FindingCode.DOCTYPE_FORBIDDEN, _HAS_DOCTYPE, locator)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "")
    family = marked.removesuffix("-le").removesuffix("-be").replace("-", "")
    head = data[:MAX_XML_DECLARATION_BYTES].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    if not head.startswith(b"<?xml"):
        return
    declaration, end, _ = head.partition(b"?>")
    named = re.search(rb"""encoding\s*=\s*["']([^"']*)["']""", declaration)
    declared = named[1].decode("ascii", "replace").lower() if named else "utf-8"
    contradicts = named is not None and not declared.replace("-", "").startswith(family)
    if not end or declared not in XML_ENCODINGS or contradicts:
        raise refuse_file(
            FindingCode.BAD_ENCODING,
            lazy_gettext(
                "the file declares an encoding that is not read, or one that its byte-order mark contradicts; "
                "export it as UTF-8"
            ),
            locator,
        )


def _has_doctype(data: bytes) -> bool:
    # Every encoding an XML parser accepts is covered: the ASCII supersets directly, UTF-16 and UTF-32 by dropping NULs.
    # A "<!DOCTYPE" inside a CDATA section or a comment is refused as well: no export needs one there.
    squeezed = data.replace(b"\x00", b"") if b"\x00" in data[:4096] else data
    return re.search(rb"<!\s*(DOCTYPE|ENTITY)", squeezed, re.IGNORECASE) is not None


def parse_json(data: bytes, locator: str = "file") -> Any:
    """Parse JSON; refuse duplicate keys, NaN and Infinity, and nesting over ``MAX_JSON_DEPTH``.

    Numbers with a fraction are kept as text, so that no value changes on its way. Raises ``SourceRefused``.
    """
    text = decode_text(data, locator)
    _require_json_depth(text, locator)

    def no_constants(name: str) -> NoReturn:
        raise refuse_file(
            FindingCode.NOT_A_NUMBER,
            lazy_gettext("%(name)s is not a JSON number", name=name),
            locator,
        )

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise refuse_file(
                    FindingCode.DUPLICATE_KEY,
                    lazy_gettext("the key %(key)s stands twice in one object", key=repr(key[:60])),
                    locator,
                )
            seen[key] = value
        return seen

    try:
        parsed = json.loads(text, object_pairs_hook=unique, parse_constant=no_constants, parse_float=str)
    except json.JSONDecodeError as error:
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            lazy_gettext(
                "this is not well-formed JSON: it breaks at line %(line)s, column %(column)s",
                line=str(error.lineno),
                column=str(error.colno),
            ),
            f"{locator}:{error.lineno}:{error.colno}",
        ) from error
    except (RecursionError, ValueError) as error:
        raise refuse_file(FindingCode.NOT_WELL_FORMED, lazy_gettext("this JSON cannot be read"), locator) from error
    _require_no_half_characters(text, parsed, locator)
    return parsed


def _require_no_half_characters(text: str, parsed: Any, locator: str) -> None:
    # "\\ud83d" without its other half is legal JSON and no character: such a text can never be written again.
    if re.search(r"\\u[dD][89a-fA-F]", text) is None:
        return
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise refuse_file(
            FindingCode.BAD_ENCODING,
            lazy_gettext("a text holds half of a character (an escape \\ud800 to \\udfff without its other half)"),
            locator,
        ) from error


# Strings are passed over whole (also one that never ends), so brackets inside them do not count. Possessive, so that
# the time is linear in the length of the text.
_JSON_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def _require_json_depth(text: str, locator: str) -> None:
    depth = 0
    for mark in _JSON_MARKS.finditer(text):
        char = mark[0]
        if char in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise refuse_file(
                    FindingCode.TOO_DEEP,
                    lazy_gettext("objects are nested more than %(most)s deep", most=str(MAX_JSON_DEPTH)),
                    locator,
                )
        elif char in "]}":
            depth -= 1


def decode_text(data: bytes, locator: str = "file") -> str:
    """Decode text: byte-order mark first (UTF-8, UTF-16), else strict UTF-8. Never by guess.

    Raises ``SourceRefused`` (``bad_encoding``) naming the line and byte, and suggests how to export as UTF-8.
    """
    mark, encoding = next((pair for pair in _BYTE_ORDER_MARKS if data.startswith(pair[0])), (b"", "utf-8"))
    body = data[len(mark) :]
    # Every format read here needs ASCII signs, and in UTF-16 each of them has a NUL byte.
    if encoding != "utf-8" and body and b"\x00" not in body:
        raise _refuse_mark(locator)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise _refuse_mark(locator) from error
        line = body[: error.start].count(b"\n") + 1
        raise refuse_file(
            FindingCode.BAD_ENCODING,
            lazy_gettext(
                "line %(line)s, byte %(byte)s: this is not UTF-8. It may be Windows-1252, as some "
                "spreadsheet programs write; save it as 'CSV UTF-8' and try again",
                line=str(line),
                byte=str(error.start + 1),
            ),
            f"{locator}:{line}",
        ) from error
    if "\x00" in text or text.startswith("\ufeff"):
        raise _refuse_mark(locator)
    return text


def _refuse_mark(locator: str) -> SourceRefused:
    return refuse_file(
        FindingCode.BAD_ENCODING,
        lazy_gettext(
            "the byte-order mark and the content disagree (NUL characters, half a character or a second mark); "
            "export as UTF-8"
        ),
        locator,
    )


def open_workbook_archive(data: bytes) -> zipfile.ZipFile:
    """Open an .xlsx as ZIP and check it before any workbook library does.

    Raises ``SourceRefused`` (``old_excel``, ``encrypted_file``, ``has_macros``, ``zip_bomb``, ``doctype_forbidden``,
    ``bad_encoding``, ``not_well_formed``).
    """
    if data.startswith(OLE2_MAGIC):
        # An OLE2 file is an old .xls, or an .xlsx with a password (its streams carry these UTF-16 names).
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise refuse_file(
                FindingCode.ENCRYPTED_FILE, lazy_gettext("the workbook has a password; save it without one")
            )
        raise refuse_file(FindingCode.OLD_EXCEL, lazy_gettext("this is an old Excel workbook (.xls); save it as .xlsx"))
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        _require_small_archive(archive.infolist())
        _require_plain_parts(archive)
    except _ZIP_ERRORS as error:
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED, lazy_gettext("this is not a whole .xlsx file; save it again")
        ) from error
    return archive


# What a damaged or hostile archive makes the standard library raise: a wrong directory, checksum or compression.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    UnicodeDecodeError,
    ValueError,
)


def _require_small_archive(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_ZIP_MEMBERS:
        raise refuse_file(
            FindingCode.ZIP_BOMB,
            lazy_gettext(
                "the file holds %(count)s parts, more than the limit of %(most)s",
                count=str(len(members)),
                most=str(MAX_ZIP_MEMBERS),
            ),
        )
    total = 0
    for member in members:
        name = member.filename
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
            raise refuse_file(FindingCode.ZIP_BOMB, lazy_gettext("the file holds a part with a path that leaves it"))
        if member.flag_bits & 0x1:
            raise refuse_file(
                FindingCode.ENCRYPTED_FILE, lazy_gettext("the workbook has a password; save it without one")
            )
        total += member.file_size
        ratio = member.file_size / max(member.compress_size, 1)
        if total > MAX_ZIP_TOTAL_BYTES or (member.file_size > ZIP_RATIO_FLOOR_BYTES and ratio > MAX_ZIP_RATIO):
            raise refuse_file(
                FindingCode.ZIP_BOMB,
                lazy_gettext(
                    "the file unpacks to more than %(size)s MB or is packed more than %(most)s times; it "
                    "cannot be a case export",
                    size=str(MAX_ZIP_TOTAL_BYTES // (1024 * 1024)),
                    most=str(MAX_ZIP_RATIO),
                ),
            )


def _require_plain_parts(archive: zipfile.ZipFile) -> None:
    names = [member.filename.lower() for member in archive.infolist()]
    types = archive.read("[Content_Types].xml") if "[Content_Types].xml" in archive.namelist() else b""
    has_sheet_macros = any(name.startswith("xl/macrosheets/") for name in names)
    if has_sheet_macros or b"macroEnabled" in types or any(name.endswith("vbaproject.bin") for name in names):
        raise refuse_file(
            FindingCode.HAS_MACROS, lazy_gettext("the workbook holds macros; save it as .xlsx without macros")
        )
    for member in archive.infolist():
        if member.filename.lower().endswith((".xml", ".rels")):
            _require_safe_part(archive, member)


def _require_safe_part(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    # The whole part is scanned, in pieces that overlap: a long comment may stand before a DOCTYPE.
    with archive.open(member) as part:
        tail = b""
        while piece := part.read(ZIP_SCAN_BYTES):
            window = tail + piece
            if tail:
                if _has_doctype(window):
                    raise refuse_file(FindingCode.DOCTYPE_FORBIDDEN, _HAS_DOCTYPE)
            else:
                require_safe_xml(window)
            tail = window[-MAX_XML_DECLARATION_BYTES:]
