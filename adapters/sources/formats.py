"""The formats this version reads, and how a file is told to be one of them: by its content, never by its name.

A file of a known format without a reader is refused by name (``adapters.sources.unread``).
"""

from __future__ import annotations

import zipfile
from types import MappingProxyType

from adapters.picture.speech import lazy_gettext
from adapters.picture.words import KIND_WORDS
from adapters.sources.charity.htcds import FORMATS as CHARITY_FORMATS
from adapters.sources.findings import FindingCode, refuse_file
from adapters.sources.guards import OLE2_MAGIC, open_workbook_archive
from adapters.sources.health.reader import FORMAT as FHIR_FORMAT
from adapters.sources.markup import identify_json, identify_xml
from adapters.sources.police.spi import FORMAT as SPI_FORMAT
from adapters.sources.reading import Format, SourceFile
from adapters.sources.social_care.cin import FORMAT as CIN_FORMAT
from adapters.sources.social_care.ssda903 import FORMAT as SSDA903_FORMAT
from adapters.sources.tables import identify_text, identify_workbook
from adapters.sources.unread import Unread
from policies.vocabulary import AgencyKind

FORMATS: tuple[Format, ...] = (FHIR_FORMAT, CIN_FORMAT, SSDA903_FORMAT, SPI_FORMAT, *CHARITY_FORMATS)
"""Every format with a reader."""

LEAD_BYTES = 1024
_BY_ID = MappingProxyType({item.format_id: item for item in FORMATS})
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_BINARY_KINDS: tuple[tuple[bytes, Unread], ...] = (
    (b"%PDF-", Unread.PDF),
    (b"\x89PNG\r\n\x1a\n", Unread.IMAGE),
    (b"\xff\xd8\xff", Unread.IMAGE),
    (b"GIF8", Unread.IMAGE),
    (b"BM", Unread.IMAGE),
    (b"II*\x00", Unread.IMAGE),
    (b"MM\x00*", Unread.IMAGE),
    (b"\x1f\x8b", Unread.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Unread.ARCHIVE),
    (b"Rar!", Unread.ARCHIVE),
    (b"BZh", Unread.ARCHIVE),
    (b"\xfd7zXZ\x00", Unread.ARCHIVE),
    (b"{\\rtf", Unread.RTF),
)
_OLE2_STREAMS: tuple[tuple[str, Unread], ...] = (
    ("WordDocument", Unread.WORD),
    ("PowerPoint Document", Unread.SLIDES),
    ("__substg1.0_", Unread.OUTLOOK),
)
_OPEN_DOCUMENT_SHEET = b"application/vnd.oasis.opendocument.spreadsheet"
_ARCHIVE_PARTS: tuple[tuple[str, Unread], ...] = (
    ("xl/workbook.bin", Unread.XLSB),
    ("word/document.xml", Unread.WORD),
    ("ppt/presentation.xml", Unread.SLIDES),
)


def identify(source: SourceFile) -> Format:
    """Return the format that reads this file.

    Looks at the content only. Raises ``SourceRefused`` for a file that no reader takes, saying what it looks like and
    what to export instead, and for one that breaks a guard on the way.
    """
    return _BY_ID[_identify(source.data)]


def warn_of_origin(format_id: str, own: AgencyKind) -> str:
    """Return what to say where a file's format is that of another kind of agency's systems, else nothing.

    What an agency releases, others read as what that agency says: a copy of somebody else's record would count as a
    second source of the same thing. HTCDS, the charities' standard, is for anybody.
    """
    kind = _BY_ID[format_id].kind
    if kind in (own, AgencyKind.CHARITY):
        return ""
    return lazy_gettext(
        "Files of this format come from the systems of: %(theirs)s. Your agency is: %(own)s. Take it in only if these "
        "are your agency’s own records: everybody reads them as what your agency says. What another agency recorded, "
        "it shares itself; you can ask it for that.",
        theirs=KIND_WORDS[kind],
        own=KIND_WORDS[own],
    )


def _identify(data: bytes) -> str:
    # 1. Kinds with a signature.
    if data.startswith(OLE2_MAGIC):
        for stream, look in _OLE2_STREAMS:
            if stream.encode("utf-16-le") in data:
                raise look.refuse()
    if data.startswith((*_ZIP_MAGIC, OLE2_MAGIC)):
        return _identify_archive(data)
    for magic, look in _BINARY_KINDS:
        if data.startswith(magic) and not (magic == b"BM" and _is_text(data)):
            raise look.refuse()
    if data[4:8] == b"ftyp" or (data.startswith(b"RIFF") and data[8:12] == b"WEBP"):
        raise Unread.IMAGE.refuse()
    # 2. Text, by its first character.
    lead = data[:LEAD_BYTES].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if lead.startswith(b"<"):
        return identify_xml(data)
    if lead.startswith((b"{", b"[")):
        return identify_json(data)
    if not lead:
        raise refuse_file(FindingCode.NOT_THIS_FORMAT, lazy_gettext("the file is empty"))
    # 3. A table, or prose.
    if not _is_text(data):
        raise Unread.BINARY.refuse()
    return identify_text(data)


def _is_text(data: bytes) -> bool:
    # Control characters do not occur in text of any encoding read here (NUL in UTF-16 aside).
    head = data[:LEAD_BYTES]
    controls = sum(byte < 32 and byte not in b"\t\n\r\x0b\x0c\x1c\x00" for byte in head)
    return controls == 0


def _identify_archive(data: bytes) -> str:
    with open_workbook_archive(data) as archive:
        names = set(archive.namelist())
        if "mimetype" in names:
            is_sheet = _read_start(archive, "mimetype").startswith(_OPEN_DOCUMENT_SHEET)
            raise (Unread.ODS if is_sheet else Unread.OPEN_DOCUMENT).refuse()
    for part, look in _ARCHIVE_PARTS:
        if part in names:
            raise look.refuse()
    if "xl/workbook.xml" not in names:
        raise Unread.ARCHIVE.refuse()
    return identify_workbook(data)


def _read_start(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        return part.read(LEAD_BYTES)
