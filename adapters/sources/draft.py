"""Draft fragments: what a reader makes of a record, before anybody has decided to share anything.

The envelope of every value (value, as written, code and scheme, state, locator) and the source block follow
docs/sources.md. Field names are those of HTCDS 2.0 where it has the notion, else they carry the prefix ``hub_``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity
from policies.vocabulary import Category


class ValueState(StrEnum):
    """Empty is not "no", unknown is not empty, withheld is not absent."""

    GIVEN = "given"
    EMPTY = "empty"
    ABSENT = "absent"
    NOT_IN_FORMAT = "not_in_format"
    WITHHELD = "withheld"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Value:
    """One value with its way back to the source. ``value`` is text, an int or a bool; never a float."""

    value: str | int | bool | None
    locator: str
    state: ValueState = ValueState.GIVEN
    as_written: str | None = None
    code: str | None = None
    scheme: str | None = None

    def __post_init__(self) -> None:
        if self.state is ValueState.GIVEN and self.value is None and self.code is None:
            raise ValueError("a given value needs a value or a code")
        if isinstance(self.value, float):
            raise TypeError("values are text, int or bool, never float")

    def to_json(self) -> dict[str, Any]:
        """Return the envelope without members that say nothing."""
        full = {
            "value": self.value,
            "state": self.state.value,
            "locator": self.locator,
            "as_written": self.as_written,
            "code": self.code,
            "scheme": self.scheme,
        }
        return {name: item for name, item in full.items() if item is not None}


FieldValue = Value | Sequence[Value] | Sequence[Mapping[str, Value]]
"""One value, a list of values (``hub_Alias``), or a repeated group (``hub_ExploitationType`` with its parts)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a draft came from, inside the agency. Travels sealed."""

    system: str
    format: str
    format_version: str
    file_sha256: str
    locator: str
    reader: str
    extracted_at: str | None = None
    effective_from: str | None = None
    effective_to: str | None = None
    case_reference: str | None = None

    def to_json(self) -> dict[str, str]:
        """Return the block without absent members."""
        full = {name: getattr(self, name) for name in self.__slots__}
        return {name: item for name, item in full.items() if item is not None}


READER_VERSION = "1"
MAX_FINDINGS_PER_CODE = 50
"""So many findings of one code and severity are written out in a report; the others are counted in one line."""


@dataclass(frozen=True, slots=True)
class DraftFragment:
    """One record of one source, mapped. Not sealed, not released.

    ``about`` groups the drafts of one person within the file (the source's own local key; never shared).
    ``observed_from`` and ``observed_to`` are ISO dates or date-times of the event, with the source's own precision
    (``2010``, ``2010-05``, ``2010-05-17`` are three statements).
    """

    category: Category
    fields: Mapping[str, FieldValue]
    source: Source
    about: str
    summary: str
    observed_from: str | None = None
    observed_to: str | None = None
    restricted: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def record_id(self) -> str:
        """32 hex characters that name this record: the same file read twice gives the same."""
        text = "\n".join((self.source.file_sha256, self.source.locator, self.category.value, self.source.reader))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def to_content(self) -> dict[str, Any]:
        """Return what is sealed: everything but ``about``."""
        content: dict[str, Any] = {
            "kind": self.category.value,
            "summary": self.summary,
            "fields": {name: _field_json(item) for name, item in sorted(self.fields.items())},
            "source": self.source.to_json(),
            "restricted": self.restricted,
            # Kept, sealed and hashed in English, whoever reads it later in which language.
            "findings": [{**finding.to_json(), "message": str(finding.message)} for finding in self.findings],
        }
        observed = {"from": self.observed_from, "to": self.observed_to}
        content["observed"] = {name: item for name, item in observed.items() if item is not None}
        return content


def _field_json(item: FieldValue) -> Any:
    if isinstance(item, Value):
        return item.to_json()
    return [
        part.to_json() if isinstance(part, Value) else {name: value.to_json() for name, value in sorted(part.items())}
        for part in item
    ]


@dataclass(slots=True)
class ReadReport:
    """What became of every record of a file.

    A *record* is the smallest part of the source that the reader's mapping turns into one fragment (a CIN assessment,
    an assessment factor, a FHIR resource, the trafficking columns of an HTCDS row). So the sum
    ``records_in = fragments + refused + not_about`` always holds; ``check()`` raises where it does not.
    """

    format: str
    version: str
    file_sha256: str = ""
    records_in: int = 0
    refused: int = 0
    not_about: int = 0
    drafts: list[DraftFragment] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def fragments(self) -> int:
        """Number of records that became a draft fragment."""
        return len(self.drafts)

    @property
    def is_refused(self) -> bool:
        """Whether the file as a whole was refused."""
        return any(finding.severity is Severity.REFUSE_FILE for finding in self.findings)

    def add(self, draft: DraftFragment) -> None:
        """Count one record in and keep its draft."""
        self.records_in += 1
        self.drafts.append(draft)

    def refuse(self, code: FindingCode, message: Sentence, locator: str) -> None:
        """Count one record in and refused, with the reason."""
        self.records_in += 1
        self.refused += 1
        self.findings.append(Finding(code, Severity.REFUSE_RECORD, message, locator))

    def leave_out(self, message: Sentence | None = None, locator: str = "") -> None:
        """Count one record in and not about the child asked for; a message makes it a finding as well."""
        self.records_in += 1
        self.not_about += 1
        if message:
            self.findings.append(Finding(FindingCode.NOT_THE_SUBJECT, Severity.REFUSE_RECORD, message, locator))

    def warn(self, code: FindingCode, message: Sentence, locator: str) -> None:
        """Note something that costs no record."""
        self.findings.append(Finding(code, Severity.WARN, message, locator))

    def check(self) -> None:
        """Raise ``RuntimeError`` when a record was lost on the way."""
        if self.records_in != self.fragments + self.refused + self.not_about:
            raise RuntimeError(
                f"a record was lost: {self.records_in} in, {self.fragments} fragments, "
                f"{self.refused} refused, {self.not_about} not about the child asked for"
            )

    def to_json(self) -> dict[str, Any]:
        """Return the report of ``nrm-adapter read FILE --report json``: counts and findings, no content.

        Of one code and severity at most ``MAX_FINDINGS_PER_CODE`` findings are written out; one more line then says
        how many there are in all. ``self.findings`` keeps every one.
        """
        return {
            "format": self.format,
            "version": self.version,
            "file_sha256": self.file_sha256,
            "records_in": self.records_in,
            "fragments": self.fragments,
            "refused": self.refused,
            "not_about": self.not_about,
            "findings": [finding.to_json() for finding in _capped(self.findings)],
        }


def _capped(findings: Sequence[Finding]) -> list[Finding]:
    # By severity as well: a warning repeated a thousand times must not hide a record refused under the same code.
    seen: Counter[tuple[FindingCode, Severity]] = Counter()
    shown: list[Finding] = []
    for finding in findings:
        kind = (finding.code, finding.severity)
        seen[kind] += 1
        if seen[kind] <= MAX_FINDINGS_PER_CODE:
            shown.append(finding)
    for (code, severity), count in seen.items():
        if count > MAX_FINDINGS_PER_CODE:
            message = lazy_gettext(
                "and %(more)s more of this kind, %(count)s in all", more=count - MAX_FINDINGS_PER_CODE, count=count
            )
            shown.append(Finding(code, severity, message, "file"))
    return shown
