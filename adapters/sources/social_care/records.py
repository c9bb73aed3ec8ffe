"""One record after mapping, and the report that takes each event of a child once.

A record that stands twice in a delivery (same child, same category, same values) becomes one fragment with a
``duplicate_record`` warning that names both places; it is one record, so it is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.draft import DraftFragment, FieldValue, ReadReport, Value
from adapters.sources.findings import Finding, FindingCode, Severity

MAX_IDENTIFIER_CHARS = 64
MAX_SHOWN_CODE_CHARS = 40
MAX_KEPT_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that becomes no fragment, with the reason."""

    code: FindingCode
    message: Sentence
    locator: str


Record = DraftFragment | Refusal


@dataclass(slots=True)
class Intake:
    """Puts records into a report. ``seen`` holds what each kept record says and where it stands."""

    report: ReadReport
    seen: dict[tuple[object, ...], str] = field(default_factory=dict)

    def take(self, records: Iterable[Record]) -> None:
        """Keep drafts, count refusals, fold repetitions into the first."""
        for record in records:
            if isinstance(record, Refusal):
                self.report.refuse(record.code, record.message, record.locator)
                continue
            self.report.findings.extend(record.findings)
            first = self._first_place(record)
            if first is None:
                self.report.add(record)
            else:
                self.report.warn(
                    FindingCode.DUPLICATE_RECORD,
                    lazy_gettext(
                        "the same %(value)s of the same child already stands at %(first)s; one is kept",
                        value=record.category.value,
                        first=first,
                    ),
                    record.source.locator,
                )

    def leave_out(self, records: Iterable[Record]) -> None:
        """Count records of somebody other than the child asked for, each event once."""
        for record in records:
            if isinstance(record, Refusal) or self._first_place(record) is None:
                self.report.leave_out()

    def _first_place(self, draft: DraftFragment) -> str | None:
        """Return where this statement already stood, or None and remember it."""
        fields = tuple((name, _said(draft.fields[name])) for name in sorted(draft.fields))
        statement = (draft.about, draft.category, draft.observed_from, draft.observed_to, fields)
        first = self.seen.setdefault(statement, draft.source.locator)
        return None if first == draft.source.locator else first


def _said(item: FieldValue) -> tuple[object, ...]:
    """Return what a field says, without where it says so."""
    if isinstance(item, Value):
        return (item.value, item.state, item.code, item.scheme)
    parts: list[object] = []
    for part in item:
        if isinstance(part, Value):
            parts.append(_said(part))
        else:
            parts.append(tuple((name, _said(value)) for name, value in _sorted(part)))
    return tuple(parts)


def _sorted(part: Mapping[str, Value]) -> list[tuple[str, Value]]:
    return sorted(part.items())


def refused_value(code: FindingCode, message: Sentence, locator: str) -> Finding:
    """Return the finding for one value that is not read; its record stays."""
    return Finding(code, Severity.REFUSE_VALUE, message, locator)


def shown(code: str) -> str:
    """Return a code as it may stand in a message: quoted and cut, so that no free text gets into a report."""
    cut = code if len(code) <= MAX_SHOWN_CODE_CHARS else code[:MAX_SHOWN_CODE_CHARS] + "…"
    return repr(cut)
