"""What looks wrong in an address: values that belong under another heading, and postcodes that are none.

The official template has contradicting headings for the five address columns, so a table filled by a program that
goes by the hidden names has its addresses shifted. Nothing is moved: a person looks at the source.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.picture.speech import lazy_gettext
from adapters.sources.charity.codes import is_country_code
from adapters.sources.charity.fields import Column, find_by_name
from adapters.sources.charity.values import Reading
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.identifiers import is_postcode

_NOT_COUNTRY = ("prs_MailingStreet", "prs_MailingCity", "prs_MailingState", "prs_MailingPostalCode")
_NOT_POSTCODE = ("prs_MailingStreet", "prs_MailingCity", "prs_MailingState", "prs_MailingCountry")


def address_findings(readings: Mapping[str, Reading]) -> list[Finding]:
    """Return warnings about a person's address, by the readings of a row."""
    given = {
        name: reading.values[0]
        for name, reading in readings.items()
        if name.startswith("prs_Mailing") and reading.values[0].state is ValueState.GIVEN
    }
    findings = []
    for name, value in given.items():
        # A US state has the form of a country code (CA, GA), so a short code is no sign there.
        is_code = name != "prs_MailingState" and is_country_code(str(value.value))
        if name in _NOT_COUNTRY and is_code:
            findings.append(_misplaced(name, value, lazy_gettext("a country code")))
        elif name in _NOT_POSTCODE and is_postcode(_written(value)):
            findings.append(_misplaced(name, value, lazy_gettext("a postcode")))
    postcode, country = given.get("prs_MailingPostalCode"), given.get("prs_MailingCountry")
    is_british = country is None or country.code == "GB"
    if postcode is not None and is_british and not is_postcode(str(postcode.value)) and not findings:
        message = lazy_gettext("this has not the form of a United Kingdom postcode; it is kept as written")
        findings.append(Finding(FindingCode.BAD_POSTCODE, Severity.WARN, message, postcode.locator))
    return findings


def _written(value: Value) -> str:
    return (value.as_written or str(value.value)).strip()


def _misplaced(name: str, value: Value, what: str) -> Finding:
    column: Column | None = find_by_name(name)
    label = column.label if column else name
    message = lazy_gettext(
        "under '%(field)s' stands %(what)s; heading and content disagree. Nothing was moved: check the address",
        field=label,
        what=what,
    )
    return Finding(FindingCode.LABELS_DISAGREE, Severity.WARN, message, value.locator)
