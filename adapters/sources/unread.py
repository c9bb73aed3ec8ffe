"""Formats that are known and not read: what a file looks like, and what to export instead.

A person who has the wrong file should learn from the refusal which file would do. Where a format describes a form and
holds no answers, the code says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from adapters.picture.speech import lazy_gettext as _
from adapters.sources.findings import FindingCode, SourceRefused, refuse_file

CASES_AS_HTCDS = _("copy the records into the HTCDS 2.0 workbook, or save them as CSV with its headings")
POLICE_EXPORT = _("export the case as a new-case message (CJSE SPI, XML), which the police reader takes")
SOCIAL_CARE_EXPORT = _(
    "export the children in need census (XML) or the SSDA903 tables (CSV), which the social care readers take"
)
HEALTH_EXPORT = _("export FHIR R4 (JSON or XML), which the health reader takes")
INTELLIGENCE = _("a person must decide what of it may be shared, and write that into the case")
ATTACH = _("it holds no records that a program can read; write by hand what matters of it, and where it is kept")


@dataclass(frozen=True, slots=True)
class LooksLike:
    """A kind of file: its name in a sentence, and what to do."""

    title: str
    advice: str
    code: FindingCode = FindingCode.NOT_THIS_FORMAT


class Unread(Enum):
    """Every kind of file that is refused by name."""

    SSDA903_XML = LooksLike(
        _("the SSDA903 return as one XML file"), _("export its tables as CSV, which the SSDA903 reader takes")
    )
    OTHER_CENSUS = LooksLike(_("another collection of the Department for Education"), SOCIAL_CARE_EXPORT)
    ANNEX_A = LooksLike(_("an Annex A table for an inspection"), SOCIAL_CARE_EXPORT)
    DFE_API = LooksLike(_("a delivery of the children's social care interface (JSON)"), SOCIAL_CARE_EXPORT)
    SSDA903_WORKBOOK = LooksLike(
        _("SSDA903 tables in a workbook"), _("save each table as CSV, which the SSDA903 reader takes")
    )
    HL7_V2 = LooksLike(_("an HL7 version 2 message"), HEALTH_EXPORT)
    HL7_V3 = LooksLike(_("an HL7 version 3 message"), HEALTH_EXPORT)
    SOAP = LooksLike(_("a web service message (SOAP) with something else than a police case inside"), POLICE_EXPORT)
    NRM_CASEWORK = LooksLike(
        _("an NRM referral as sent to Home Office casework (JSON)"),
        _("share the records it was made from; for the police that is a new-case message (CJSE SPI, XML)"),
    )
    COURT_CASE = LooksLike(_("a police case as the court system writes it (JSON)"), POLICE_EXPORT)
    POLE = LooksLike(_("POLE records (JSON:API)"), POLICE_EXPORT)
    MISP = LooksLike(_("intelligence in MISP form"), INTELLIGENCE)
    STIX = LooksLike(_("intelligence in STIX form"), INTELLIGENCE)
    PRIMERO = LooksLike(_("cases from Primero (JSON)"), CASES_AS_HTCDS)
    SURVEY_JSON = LooksLike(_("an export of a survey (KoboToolbox or ODK, JSON)"), CASES_AS_HTCDS)
    SALESFORCE = LooksLike(_("an export or import file of Salesforce (NPSP)"), CASES_AS_HTCDS)
    SALESFORCE_TEMPLATE = LooksLike(
        _("the empty import template of Salesforce (NPSP); no records were read"),
        CASES_AS_HTCDS,
        FindingCode.IS_TEMPLATE,
    )
    CASE_LIST = LooksLike(_("a case list with headings of its own"), CASES_AS_HTCDS)
    ODS = LooksLike(_("an OpenDocument spreadsheet (.ods)"), _("save it as .xlsx"))
    OPEN_DOCUMENT = LooksLike(_("an OpenDocument text or drawing"), ATTACH)
    XLSB = LooksLike(_("a binary workbook (.xlsb)"), _("save it as .xlsx"))
    XML_WORKBOOK = LooksLike(_("a workbook of 2003 (XML)"), _("save it as .xlsx"), FindingCode.OLD_EXCEL)
    EMPTY_WORKBOOK = LooksLike(_("a workbook with nothing in it"), CASES_AS_HTCDS)
    WORD = LooksLike(_("a text document (Word)"), ATTACH)
    SLIDES = LooksLike(_("a presentation"), ATTACH)
    OUTLOOK = LooksLike(_("an e-mail (Outlook)"), ATTACH)
    ARCHIVE = LooksLike(_("an archive of files (ZIP or similar)"), _("unpack it and choose the file with the records"))
    PDF = LooksLike(_("a PDF document"), ATTACH)
    IMAGE = LooksLike(_("an image"), ATTACH)
    RTF = LooksLike(_("a text document (RTF)"), ATTACH)
    WEB_PAGE = LooksLike(_("a web page"), _("export the records, not the page that shows them"))
    XFORM = LooksLike(
        _("the definition of a survey form (XForm); it holds no answers"),
        _("export the answers instead"),
        FindingCode.IS_FORM_DEFINITION,
    )
    XML_SCHEMA = LooksLike(
        _("an XML schema; it describes a form and holds no records"),
        _("export the records instead"),
        FindingCode.IS_FORM_DEFINITION,
    )
    JSON_SCHEMA = LooksLike(
        _("a JSON schema; it describes a form and holds no records"),
        _("export the records instead"),
        FindingCode.IS_FORM_DEFINITION,
    )
    OTHER_XML = LooksLike(
        _("XML of a kind that is not known"),
        _("export a children in need census, a police new-case message or FHIR R4"),
    )
    OTHER_JSON = LooksLike(_("JSON of a kind that is not known"), _("export FHIR R4, which the health reader takes"))
    PLAIN_TEXT = LooksLike(_("plain text, not a table"), ATTACH)
    BINARY = LooksLike(_("no text and no known document"), _("export the records as .xlsx, CSV, XML or JSON"))

    def refuse(self, locator: str = "file") -> SourceRefused:
        """Build the refusal; the caller raises it."""
        look = self.value
        message = _(
            "this looks like %(title)s. This version does not read it: %(advice)s", title=look.title, advice=look.advice
        )
        return refuse_file(look.code, message, locator)
