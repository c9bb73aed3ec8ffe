"""Keep the other people of a case out of one person's free text.

The wording of a charge, its place, bail conditions or the statement of facts may repeat where a victim or another
defendant lives. Such a text does not travel in a fragment about somebody else: it is withheld, and a person is told.
A name in a text is only pointed out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.picture.speech import lazy_gettext
from adapters.sources.draft import Value, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.police.document import Document
from adapters.sources.police.envelope import BS7666
from adapters.sources.police.parties import Party
from adapters.sources.subject import normalise_name

SHORTEST_STREET_CHARS = 5
SHORTEST_NAME_CHARS = 3
SHORTEST_POSTCODE_CHARS = 5


@dataclass(frozen=True, slots=True)
class _Trace:
    """By what a party's home or name would be recognised in a text; all normalised."""

    party: Party
    street: str
    postcode: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OthersInText:
    """The traces of everybody in a case."""

    traces: tuple[_Trace, ...]

    @classmethod
    def of(cls, doc: Document, parties: Sequence[Party]) -> OthersInText:
        """Collect the traces of a case's parties."""
        return cls(tuple(_trace(doc, party) for party in parties))

    def keep_out(self, value: Value, own: Party, notes: list[Finding]) -> Value:
        """Return a text of a fragment about ``own``: withheld where it holds the home of somebody else.

        Own home and family name do not count, even where others share them. Adds ``third_party`` findings, which
        repeat nothing of the text.
        """
        if value.state is not ValueState.GIVEN:
            return value
        words = f" {normalise_name(str(value.value))} "
        run = re.sub(r"[^A-Z0-9]", "", str(value.value).upper())
        mine = [trace for trace in self.traces if trace.party is own]
        streets = {trace.street for trace in self.traces} - {trace.street for trace in mine} - {""}
        codes = {trace.postcode for trace in self.traces} - {trace.postcode for trace in mine} - {""}
        if any(f" {street} " in words for street in streets) or any(code in run for code in codes):
            notes.append(
                Finding(
                    FindingCode.THIRD_PARTY,
                    Severity.WARN,
                    lazy_gettext(
                        "the text holds the street or postcode of another person in the case; it is withheld here, "
                        "read it at the source"
                    ),
                    value.locator,
                )
            )
            return Value(None, value.locator, ValueState.WITHHELD)
        own_names = {name for trace in mine for name in trace.names}
        names = {name for trace in self.traces for name in trace.names} - own_names
        count = sum(f" {name} " in words for name in names)
        if count:
            notes.append(
                Finding(
                    FindingCode.THIRD_PARTY,
                    Severity.WARN,
                    lazy_gettext(
                        "the text seems to name %(count)s other people of the case; check it before it is shared",
                        count=str(count),
                    ),
                    value.locator,
                )
            )
        return value


def _trace(doc: Document, party: Party) -> _Trace:
    address = doc.child(party.element, "Address")
    street = code = ""
    if address is not None:
        street = normalise_name(_text(address.find(f"{{{BS7666}}}StreetDescription")))
        code = re.sub(r"[^A-Z0-9]", "", _text(address.find(f"{{{BS7666}}}PostCode")).upper())
    known = [party.family_name, *(family for _, family in party.aliases)]
    names = tuple(normalise_name(name) for name in known if name and len(name) >= SHORTEST_NAME_CHARS)
    return _Trace(
        party,
        street if len(street) >= SHORTEST_STREET_CHARS else "",
        code if len(code) >= SHORTEST_POSTCODE_CHARS else "",
        names,
    )


def _text(element: object) -> str:
    return getattr(element, "text", None) or ""
