"""What a reader says about its input: a stable code, a severity, a place, and plain words.

A finding never repeats more of a value than its reader needs: no names, no narrative. Codes are those of
docs/sources.md, "What is refused, and in which words".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from adapters.picture.speech import Sentence


class Severity(StrEnum):
    """How much a finding costs."""

    REFUSE_FILE = "refuse_file"
    REFUSE_RECORD = "refuse_record"
    REFUSE_VALUE = "refuse_value"
    WARN = "warn"


class FindingCode(StrEnum):
    """The closed list of what can be wrong with an input."""

    TOO_LARGE = "too_large"
    NOT_THIS_FORMAT = "not_this_format"
    IS_TEMPLATE = "is_template"
    IS_FORM_DEFINITION = "is_form_definition"
    NO_KNOWN_COLUMNS = "no_known_columns"
    EMPTY_SHEET = "empty_sheet"
    OLD_EXCEL = "old_excel"
    ENCRYPTED_FILE = "encrypted_file"
    HAS_MACROS = "has_macros"
    ZIP_BOMB = "zip_bomb"
    DOCTYPE_FORBIDDEN = "doctype_forbidden"
    BAD_ENCODING = "bad_encoding"
    NOT_WELL_FORMED = "not_well_formed"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_NUMBER = "not_a_number"
    TOO_DEEP = "too_deep"
    WRONG_YEAR = "wrong_year"
    SCHEMA_ERROR = "schema_error"
    STRAY_TEXT = "stray_text"
    UNKNOWN_BLOCK = "unknown_block"
    UNKNOWN_COLUMN = "unknown_column"
    MISSING_COLUMN = "missing_column"
    DUPLICATE_COLUMN = "duplicate_column"
    RAGGED_ROW = "ragged_row"
    WRONG_SEPARATOR = "wrong_separator"
    DUPLICATE_RECORD = "duplicate_record"
    CONFLICT_IN_DELIVERY = "conflict_in_delivery"
    BAD_NHS_NUMBER = "bad_nhs_number"
    TEST_NUMBER = "test_number"
    BAD_UPN = "bad_upn"
    BAD_PNC = "bad_pnc"
    BAD_POSTCODE = "bad_postcode"
    BAD_DATE = "bad_date"
    IMPLAUSIBLE_DATE = "implausible_date"
    ENDS_BEFORE_START = "ends_before_start"
    OVERLAPPING_PERIODS = "overlapping_periods"
    UNKNOWN_CODE = "unknown_code"
    FORMULA_CELL = "formula_cell"
    NUMBER_FOR_IDENTIFIER = "number_for_identifier"
    UNRESOLVED_REFERENCE = "unresolved_reference"
    NOT_THE_SUBJECT = "not_the_subject"
    RESTRICTED_RECORD = "restricted_record"
    NOTHING_FOUND = "nothing_found"
    SOURCE_ERROR = "source_error"
    CANCELS_OR_MERGES = "cancels_or_merges"
    SEVERAL_CANDIDATES = "several_candidates"
    THIRD_PARTY = "third_party"
    LABELS_DISAGREE = "labels_disagree"
    NOT_MAPPED = "not_mapped"
    POSSIBLE_INDICATOR = "possible_indicator"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a reader noticed: what was found, what was expected and what to do, in plain words.

    A ``message`` is a sentence: English wherever it is kept or compared, in the reader's language on a page.
    ``at_field`` says the same to somebody who has the field before them, where that is shorter.
    """

    code: FindingCode
    severity: Severity
    message: Sentence
    locator: str
    at_field: str = field(default="", compare=False)

    def to_json(self) -> dict[str, str]:
        """Return code, severity, message and locator as JSON-ready text."""
        return {
            "code": self.code.value,
            "severity": self.severity.value,
            "message": self.message,
            "locator": self.locator,
        }


class SourceRefused(Exception):
    """A whole file is refused. Carries the findings; the first is the reason."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(findings[0].message)
        self.findings = findings


def refuse_file(code: FindingCode, message: Sentence, locator: str = "file") -> SourceRefused:
    """Build the refusal of a whole file; the caller raises it."""
    return SourceRefused(Finding(code, Severity.REFUSE_FILE, message, locator))
