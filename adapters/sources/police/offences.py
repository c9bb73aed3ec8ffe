"""Map offences and statements of facts. A defendant's and a victim's fragment of one offence do not hold the same.

A victim's fragment says nothing of the defendant (custody, bail, offender code, alcohol, vehicle); a defendant's says
nothing of the victims but how many there are. Offences may suggest an indicator to a person, from ``hints.toml``.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lxml import etree

from adapters.picture.speech import Sentence, lazy_gettext, lazy_ngettext
from adapters.sources.draft import DraftFragment, FieldValue, Value, ValueState
from adapters.sources.findings import Finding, FindingCode
from adapters.sources.plausibility import event_date_finding, parse_iso_date, period_finding
from adapters.sources.police.case import ADULT_AGE_YEARS, CaseContext, is_adult, warning
from adapters.sources.police.parties import Party, PartyRole
from adapters.sources.police.privacy import OthersInText
from policies.vocabulary import Category

HINTS_FILE = Path(__file__).resolve().parent / "hints.toml"
DATE_SCHEME = "spi-offence-date-code"
OFFENCE_SCHEME = "cjs-offence-code"


@dataclass(frozen=True, slots=True)
class Hint:
    """One line of ``hints.toml``."""

    code_prefix: str
    role: PartyRole
    words: tuple[str, ...]
    says: str


@dataclass(frozen=True, slots=True)
class _Timing:
    """When an offence was: its fields, and the start and end as far as they are dates."""

    fields: dict[str, Value]
    start: date | None
    end: date | None


@functools.cache
def load_hints() -> tuple[Hint, ...]:
    """Return the suggestions, read once. Raises ``ValueError`` or ``KeyError`` where the file is not as described."""
    lines = tomllib.loads(HINTS_FILE.read_text(encoding="utf-8"))["hint"]
    return tuple(
        Hint(line["code_prefix"], PartyRole(line["role"]), tuple(line["words"]), line["says"]) for line in lines
    )


def offence(
    context: CaseContext, party: Party, element: etree._Element, record: etree._Element, others: OthersInText
) -> DraftFragment:
    """Map an offence for its defendant or for one of its victims.

    ``element`` is the Offence; ``record`` the element the fragment's locator leads to (the Offence for a defendant, the
    OtherPartyVictim for a victim).
    """
    doc, notes = context.doc, list[Finding]()
    found = doc.child(element, "BaseOffenceDetails")
    details = element if found is None else found
    code = doc.code(details, "OffenceCode", OFFENCE_SCHEME, r"[0-9A-Za-z]{1,8}", notes)
    wording = others.keep_out(doc.text(details, "OffenceWording", notes), party, notes)
    timing = _timing(context, details, notes)
    group: dict[str, Value] = {
        "role": Value(party.role.value, doc.path(record)),
        "reference": context.reference,
        "code": code,
        "wording": wording,
        "sequence": doc.text(details, "OffenceSequenceNumber", notes),
        **timing.fields,
        "charge_date": _event(context, details, "ChargeDate", notes)[0],
        "place": others.keep_out(doc.text(details, "LocationOfOffence", notes), party, notes),
        **_case_fields(context, notes),
    }
    if party.role is PartyRole.DEFENDANT:
        group |= _defendant_only(context, party, details, others, notes)
        victims = len(doc.children(element, "OtherPartyVictim"))
        if victims:
            message = lazy_ngettext(
                "left out: %(num)s victim of this offence", "left out: %(num)s victims of this offence", victims
            )
            notes.append(warning(FindingCode.THIRD_PARTY, message, doc.path(element)))
    hint = _hint(context, party, code, wording, timing.start)
    if hint:
        notes.append(warning(FindingCode.POSSIBLE_INDICATOR, hint, code.locator))
    return context.draft(
        Category.OFFENCE,
        record,
        party.key,
        {"hub_Offence": [group]},
        _summary(party, code, timing.start, hint),
        notes,
        observed=_observed(timing),
    )


def _summary(party: Party, code: Value, start: date | None, hint: str | None) -> str:
    words = f"Offence {code.value or 'without a readable code'}, as {party.role.value}"
    words += f", {start.isoformat()}" if start else ""
    return f"{words}. To consider, not concluded: {hint}" if hint else words


def _observed(timing: _Timing) -> tuple[str | None, str | None]:
    return (
        timing.start.isoformat() if timing.start else None,
        timing.end.isoformat() if timing.end else None,
    )


def _event(context: CaseContext, parent: etree._Element, name: str, notes: list[Finding]) -> tuple[Value, date | None]:
    value, day = context.doc.day(parent, name, notes)
    finding = event_date_finding(day, context.today, value.locator) if day else None
    if finding:
        notes.append(finding)
    return value, day


def _timing(context: CaseContext, details: etree._Element, notes: list[Finding]) -> _Timing:
    doc = context.doc
    timing = doc.child(details, "OffenceTiming")
    if timing is None:
        return _Timing({"start_date": Value(None, doc.path(details), ValueState.ABSENT)}, None, None)
    fields = {"date_qualifier": doc.code(timing, "OffenceDateCode", DATE_SCHEME, "[1-6]", notes)}
    begin, finish = doc.child(timing, "OffenceStart"), doc.child(timing, "OffenceEnd")
    start = end = None
    if begin is None:
        fields["start_date"] = Value(None, doc.path(timing), ValueState.ABSENT)
    else:
        fields["start_date"], start = _event(context, begin, "OffenceDateStartDate", notes)
        fields["start_time"] = doc.time(begin, "OffenceStartTime", notes)
    if finish is not None:
        fields["end_date"], end = _event(context, finish, "OffenceEndDate", notes)
        fields["end_time"] = doc.time(finish, "OffenceEndTime", notes)
    finding = period_finding(start, end, doc.path(timing))
    if finding:
        notes.append(finding)
        # Both stay in the fields as written; a chronology is not given an end before its start.
        end = None
    return _Timing(fields, start, end)


def _case_fields(context: CaseContext, notes: list[Finding]) -> dict[str, Value]:
    doc, case = context.doc, context.case
    fields = {
        "prosecutor": doc.text(case, "OriginatingOrganisation", notes),
        "cps_office": doc.text(case, "CPSorganisation", notes),
        "case_marker": doc.text(case, "CaseMarker", notes),
    }
    for name, target in (
        ("CaseInitiation", "initiation"),
        ("InitiationCode", "initiation"),
        ("SummonsCode", "summons"),
    ):
        value = doc.text(case, name, notes)
        if value.state is not ValueState.ABSENT:
            fields[target] = value
    hearing = doc.child(case, "InitialHearing")
    if hearing is not None:
        # A hearing may lie ahead: no check against the day of reading.
        fields["hearing_court"] = doc.text(hearing, "CourtHearingLocation", notes)
        fields["hearing_date"] = doc.day(hearing, "DateOfHearing", notes)[0]
        fields["hearing_time"] = doc.time(hearing, "TimeOfHearing", notes)
    return fields


def _defendant_only(
    context: CaseContext, party: Party, details: etree._Element, others: OthersInText, notes: list[Finding]
) -> dict[str, Value]:
    doc, person = context.doc, party.element
    base = doc.child(person, "PersonDefendant")
    bail = doc.text(person if base is None else base, "BailConditions", notes)
    fields = {
        "arrest_date": _event(context, details, "ArrestDate", notes)[0],
        "custody_status": doc.code(person, "CustodyStatus", "spi-custody-status", "[A-Za-z0-9]", notes),
        "offender_code": doc.text(person, "OffenderCode", notes),
        "bail_conditions": others.keep_out(bail, party, notes),
    }
    for group, names in (
        ("AlcoholRelatedOffence", {"AlcoholLevelAmount": "alcohol_amount", "AlcoholLevelMethod": "alcohol_method"}),
        ("VehicleRelatedOffence", {"VehicleCode": "vehicle_code", "VehicleRegistrationMark": "vehicle_mark"}),
    ):
        found = doc.child(details, group)
        if found is not None:
            fields |= {target: doc.text(found, name, notes) for name, target in names.items()}
    return fields


def narrative(
    context: CaseContext, party: Party, element: etree._Element, others: OthersInText
) -> DraftFragment | Finding:
    """Map the statement of facts of an offence, to be handled as sensitive.

    Returns the reason instead where the text cannot be given (too long, or it holds the home of somebody else).
    """
    doc, notes = context.doc, list[Finding]()
    facts = doc.child(element, "ProsecutionFacts")
    if facts is None:
        raise ValueError("no statement of facts: ask has_facts first")
    text = others.keep_out(doc.own_text(facts, notes, keep_lines=True), party, notes)
    if text.state is not ValueState.GIVEN:
        return notes[-1]
    found = doc.child(element, "BaseOffenceDetails")
    details = element if found is None else found
    group: Mapping[str, Value] = {
        "text": text,
        "kind": Value("statement of facts", text.locator),
        "organisation": doc.text(context.case, "OriginatingOrganisation", notes),
        "reference": context.reference,
        "offence_sequence": doc.text(details, "OffenceSequenceNumber", notes),
    }
    timing = _timing(context, details, [])
    fields: dict[str, FieldValue] = {"hub_Narrative": [group]}
    summary = "Statement of facts of an offence, from the prosecution; handle as sensitive"
    return context.draft(
        Category.NARRATIVE,
        facts,
        party.key,
        fields,
        summary,
        notes,
        observed=_observed(timing),
        is_restricted=True,
    )


def has_facts(context: CaseContext, element: etree._Element) -> bool:
    """Whether an offence comes with a statement of facts."""
    facts = context.doc.child(element, "ProsecutionFacts")
    return facts is not None and bool((facts.text or "").strip())


# Suggestions


def _hint(context: CaseContext, party: Party, code: Value, wording: Value, start: date | None) -> Sentence | None:
    was_child = _was_child(party.birth_date, start or context.today)
    if was_child is False or code.state is not ValueState.GIVEN:
        return None
    words = set(re.findall(r"[a-z]+", str(wording.value or "").casefold()))
    for hint in load_hints():
        is_worded = not hint.words or not words.isdisjoint(hint.words)
        if hint.role is party.role and str(code.value).upper().startswith(hint.code_prefix) and is_worded:
            says = lazy_gettext(hint.says)
            return says if was_child else lazy_gettext("%(what)s (the age is not certain)", what=says)
    return None


def _was_child(birth_date: str | None, on: date) -> bool | None:
    """Whether someone was under 18 on a day; None where the birth date is not precise enough to say."""
    if birth_date is None:
        return None
    born = parse_iso_date(birth_date)
    if born is None:
        years = on.year - int(birth_date)
        return None if years == ADULT_AGE_YEARS else years < ADULT_AGE_YEARS
    return not is_adult(born, on)
