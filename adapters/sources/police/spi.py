"""Read a police new-case message (CJSE SPI, ``spi-newcase``) into draft fragments about one child, or about everyone.

A record is one of: the identity, the address, the telephone and e-mail of a defendant or a victim; a defendant's
parent or guardian; an offence for its defendant; its statement of facts; an offence for one of its victims; the officer
in the case; an organisation among the defendants. What stands in the message twice with the same content is one record.
How many records a message has does not depend on who was asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from lxml import etree

from adapters.picture.speech import Sentence, joined, lazy_gettext, lazy_ngettext
from adapters.sources.draft import READER_VERSION, ReadReport, Source, ValueState
from adapters.sources.findings import Finding, FindingCode, Severity, refuse_file
from adapters.sources.guards import require_size
from adapters.sources.police.case import CaseContext
from adapters.sources.police.document import Document
from adapters.sources.police.envelope import ROOT_ELEMENTS, Unwrapped, unwrap
from adapters.sources.police.parties import Choice, Party, PartyRole, case_reference, choose
from adapters.sources.police.records import CaseRecords, Record, list_records
from adapters.sources.police.schema import schema_findings
from adapters.sources.reading import Format, SourceFile
from adapters.sources.subject import Subject
from policies.vocabulary import AgencyKind

FORMAT_ID = "spi-newcase"
READER = f"{FORMAT_ID}/{READER_VERSION}"
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""One message is one case; libxml2 stops at texts over 10 MB, and an envelope holds the message as one text."""

_VERSION = re.compile(r"[0-9A-Za-z.]{1,10}")

__all__ = ["FORMAT", "ROOT_ELEMENTS", "read"]


def read(source: SourceFile, subject: Subject | None) -> ReadReport:
    """Read one message.

    With a subject only their records become drafts, in the role they have (defendant, victim, parent or guardian).
    Raises ``SourceRefused`` for a file that is no such message, breaks a guard, or names no person at all.
    """
    # 1. Size, guard and envelopes.
    require_size(len(source.data), MAX_MESSAGE_BYTES)
    found = unwrap(source.data)
    doc = Document.index(found.message, found.path)
    version = found.message.get("SchemaVersion", "")
    report = ReadReport(FORMAT_ID, version if _VERSION.fullmatch(version) else "unknown", source.sha256)
    # 2. Schema: findings only.
    if found.route is not None:
        report.findings.extend(schema_findings(found.route, Document.index(found.route, found.route_path).paths))
    report.findings.extend(schema_findings(found.message, doc.paths))
    if found.is_test:
        message = lazy_gettext("the envelope marks this as a test message (TestOperation); it was read all the same")
        report.warn(FindingCode.NOT_MAPPED, message, found.route_path)
    # 3. Records, case by case.
    cases = doc.children(found.message, "Case")
    if not any(doc.children(case, "Defendant") for case in cases):
        message = lazy_gettext("the message has no Case with a Defendant, so it names no person; export the case again")
        raise refuse_file(FindingCode.SCHEMA_ERROR, message, found.path)
    for number, case in enumerate(cases, start=1):
        _read_case(source, found, doc, case, number, subject, report)
    # 4. What nobody read.
    report.findings.extend(doc.unread_findings())
    report.findings[:] = _once(report.findings)
    report.check()
    return report


def _once(findings: list[Finding]) -> list[Finding]:
    # What is wrong with the case (its hearing, say) is noticed with each offence; a refused record keeps its own line.
    seen: set[Finding] = set()
    kept = []
    for finding in findings:
        if finding.severity is Severity.REFUSE_RECORD or finding not in seen:
            kept.append(finding)
        seen.add(finding)
    return kept


FORMAT = Format(FORMAT_ID, lazy_gettext("Police new-case message (CJSE SPI)"), AgencyKind.POLICE, read)


def _read_case(
    source: SourceFile,
    found: Unwrapped,
    doc: Document,
    case: etree._Element,
    case_number: int,
    subject: Subject | None,
    report: ReadReport,
) -> None:
    reference = case_reference(doc, case)
    organisation = doc.text(case, "OriginatingOrganisation", [])
    number = str(reference.value) if reference.state is ValueState.GIVEN else None
    origin = Source(
        system=found.system or (str(organisation.value) if organisation.value else "unknown"),
        format=FORMAT_ID,
        format_version=report.version,
        file_sha256=source.sha256,
        locator=doc.path(case),
        reader=READER,
        extracted_at=found.sent_at,
        case_reference=number,
    )
    context = CaseContext(doc, case, reference, origin, source.today)
    listed = list_records(context, case_number)
    report.findings.extend(listed.duplicates)
    if subject is None:
        for record in listed.records:
            _take(record, report, ())
        return
    choice = choose(listed.parties, number, subject, source.today.year)
    _take_chosen(context, listed, choice, report)


def _take_chosen(context: CaseContext, listed: CaseRecords, choice: Choice, report: ReadReport) -> None:
    for record in listed.records:
        mine = tuple(party for party in choice.parties if party in record.parties)
        if not mine:
            report.leave_out()
        elif choice.has_several:
            message = lazy_gettext(
                "%(count)s people in this case fit what was asked; ask again with the ASN, the PNC ID "
                "or the whole name and birth date",
                count=str(len(choice.parties)),
            )
            report.refuse(FindingCode.SEVERAL_CANDIDATES, message, record.locator)
        else:
            _take(record, report, (choice.parties[0], *mine))
    _leave_the_others(context, listed, () if choice.has_several else choice.parties, report)


def _take(record: Record, report: ReadReport, asked: tuple[Party, ...]) -> None:
    """Build a record. ``asked``: who the fragment shall be about, then whose record it is (nobody: as it comes)."""
    outcome = record.build(asked[-1] if asked else None)
    if isinstance(outcome, Finding):
        report.refuse(outcome.code, outcome.message, outcome.locator)
        return
    # A child may be defendant and victim in one case: all fragments are then about one key.
    report.add(replace(outcome, about=asked[0].key) if asked else outcome)
    report.findings.extend(outcome.findings)


def _leave_the_others(context: CaseContext, listed: CaseRecords, chosen: tuple[Party, ...], report: ReadReport) -> None:
    """Mark what belongs to other people as dealt with, and say how many there are."""
    doc, where = context.doc, context.doc.path(context.case)
    if not chosen:
        doc.leave(context.case)
        message = lazy_gettext("nobody in this case is, beyond doubt, the child asked for")
        report.warn(FindingCode.NOT_THE_SUBJECT, message, where)
        return
    mine = [party.element for party in chosen]
    for defendant in doc.children(context.case, "Defendant"):
        if any(party.reference is defendant for party in chosen):
            for element in doc.children(defendant, "Offence"):
                for victim in doc.children(element, "OtherPartyVictim"):
                    doc.leave(victim, keep=mine)
        else:
            doc.leave(defendant, keep=mine)
    # A parent or guardian of the child is part of the child's own record.
    own = [listed.guardians[party.key] for party in chosen if party.key in listed.guardians]
    roles = Counter(party.role for party in listed.parties if party not in chosen and party not in own)
    told = joined((_others(role, count) for role, count in roles.items()), ", ")
    if told:
        report.warn(
            FindingCode.THIRD_PARTY, lazy_gettext("left out, with their addresses: %(others)s", others=told), where
        )


def _others(role: PartyRole, count: int) -> Sentence:
    if role is PartyRole.DEFENDANT:
        return lazy_ngettext("%(num)s other defendant", "%(num)s other defendants", count)
    if role is PartyRole.VICTIM:
        return lazy_ngettext("%(num)s other victim", "%(num)s other victims", count)
    return lazy_ngettext("%(num)s other parent or guardian", "%(num)s other parents or guardians", count)
