"""What is checked before any library parses a file: size, kind, DOCTYPE, archives, encoding, JSON shape.

The limits and the attacks behind them are in docs/sources.md, "Guards". Every limit has its unit in its name.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any, NoReturn

from lxml import etree

from adapters.sources.findings import FindingCode, refuse_file

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_ZIP_MEMBERS = 200
MAX_ZIP_TOTAL_BYTES = 100 * 1024 * 1024
MAX_ZIP_RATIO = 100
ZIP_RATIO_FLOOR_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
MAX_XML_DEPTH = 256
MAX_CELL_CHARS = 100_000
OLE2_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")


def require_size(size_bytes: int, limit_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise ``SourceRefused`` when a file is over the limit."""
    if size_bytes > limit_bytes:
        raise refuse_file(
            FindingCode.TOO_LARGE,
            f"the file has {size_bytes:,} bytes, the limit is {limit_bytes:,}; export a shorter period",
        )


def parse_xml(data: bytes, locator: str = "file") -> etree._Element:
    """Parse XML with every expansion off; refuse any DOCTYPE before a parser sees it.

    ``data`` is bytes as received (the XML declaration counts). Raises ``SourceRefused`` (``doctype_forbidden``,
    ``not_well_formed``, ``too_deep``). Comments and processing instructions are removed.
    """
    if _has_doctype(data):
        raise refuse_file(
            FindingCode.DOCTYPE_FORBIDDEN,
            "the file contains a document type declaration, which exports never need; remove it or export again",
            locator,
        )
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        if "depth" in (error.msg or "").lower():
            raise refuse_file(
                FindingCode.TOO_DEEP, f"elements are nested more than {MAX_XML_DEPTH} deep", locator
            ) from error
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            f"this is not well-formed XML: it breaks at line {line}, column {column}; export the file again",
            f"{locator}:{line}:{column}",
        ) from error
    except (ValueError, LookupError) as error:
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED, "this is not well-formed XML: its declaration cannot be read", locator
        ) from error
    return root


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
        raise refuse_file(FindingCode.NOT_A_NUMBER, f"{name} is not a JSON number", locator)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise refuse_file(
                    FindingCode.DUPLICATE_KEY, f"the key {key[:60]!r} stands twice in one object", locator
                )
            seen[key] = value
        return seen

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constants, parse_float=str)
    except json.JSONDecodeError as error:
        raise refuse_file(
            FindingCode.NOT_WELL_FORMED,
            f"this is not well-formed JSON: it breaks at line {error.lineno}, column {error.colno}",
            f"{locator}:{error.lineno}:{error.colno}",
        ) from error
    except (RecursionError, ValueError) as error:
        raise refuse_file(FindingCode.NOT_WELL_FORMED, "this JSON cannot be read", locator) from error


def _require_json_depth(text: str, locator: str) -> None:
    depth, in_string, escaped = 0, False, False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise refuse_file(FindingCode.TOO_DEEP, f"objects are nested more than {MAX_JSON_DEPTH} deep", locator)
        elif char in "]}":
            depth -= 1


def decode_text(data: bytes, locator: str = "file") -> str:
    """Decode text: byte-order mark first (UTF-8, UTF-16), else strict UTF-8. Never by guess.

    Raises ``SourceRefused`` (``bad_encoding``) naming the line and byte, and suggests how to export as UTF-8.
    """
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if data.startswith(mark):
            body = data[len(mark) :]
            break
    else:
        body, encoding = data, "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise refuse_file(
            FindingCode.BAD_ENCODING,
            f"line {line}, byte {error.start + 1}: this is not {encoding.upper()}. It may be Windows-1252, as some "
            "spreadsheet programs write; save it as 'CSV UTF-8' and try again",
            f"{locator}:{line}",
        ) from error
    if "\x00" in text or text.startswith("\ufeff"):
        raise refuse_file(
            FindingCode.BAD_ENCODING,
            "the byte-order mark and the content disagree (NUL characters or a second mark); export as UTF-8",
            locator,
        )
    return text


def open_workbook_archive(data: bytes) -> zipfile.ZipFile:
    """Open an .xlsx as ZIP and check it before any workbook library does.

    Raises ``SourceRefused`` (``old_excel``, ``encrypted_file``, ``has_macros``, ``zip_bomb``, ``not_well_formed``).
    """
    if data.startswith(OLE2_MAGIC):
        # An OLE2 file is an old .xls, or an .xlsx with a password (its streams carry these UTF-16 names).
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise refuse_file(FindingCode.ENCRYPTED_FILE, "the workbook has a password; save it without one")
        raise refuse_file(FindingCode.OLD_EXCEL, "this is an old Excel workbook (.xls); save it as .xlsx")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise refuse_file(FindingCode.NOT_WELL_FORMED, "this is not a whole .xlsx file; save it again") from error
    if len(members) > MAX_ZIP_MEMBERS:
        raise refuse_file(
            FindingCode.ZIP_BOMB, f"the file holds {len(members)} parts, more than the limit of {MAX_ZIP_MEMBERS}"
        )
    total = 0
    for member in members:
        name = member.filename
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name):
            raise refuse_file(FindingCode.ZIP_BOMB, "the file holds a part with a path that leaves it")
        if member.flag_bits & 0x1:
            raise refuse_file(FindingCode.ENCRYPTED_FILE, "the workbook has a password; save it without one")
        total += member.file_size
        ratio = member.file_size / max(member.compress_size, 1)
        if total > MAX_ZIP_TOTAL_BYTES or (member.file_size > ZIP_RATIO_FLOOR_BYTES and ratio > MAX_ZIP_RATIO):
            raise refuse_file(
                FindingCode.ZIP_BOMB,
                f"the file unpacks to more than {MAX_ZIP_TOTAL_BYTES // (1024 * 1024)} MB or is packed "
                f"more than {MAX_ZIP_RATIO} times; it cannot be a case export",
            )
    if any(member.filename.lower().endswith("vbaproject.bin") for member in members):
        raise refuse_file(FindingCode.HAS_MACROS, "the workbook holds macros; save it as .xlsx without macros")
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels")):
            with archive.open(member) as part:
                if _has_doctype(part.read(65536)):
                    raise refuse_file(
                        FindingCode.DOCTYPE_FORBIDDEN,
                        "the workbook contains a document type declaration, which exports never need",
                    )
    return archive
