"""A check of an export in plain English: what was checked, what holds, what does not, and what no check can say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keys.verify.faults import MEANINGS, ExportFault
from keys.verify.report import Report, Verdict

_STEPS: tuple[tuple[str, frozenset[ExportFault], str], ...] = (
    (
        "The file is complete and of the agreed form",
        frozenset({ExportFault.MALFORMED, ExportFault.TOO_LARGE, ExportFault.TRUNCATED}),
        "Every line was read, none is doubled or cut off, and the last one counts what is there.",
    ),
    (
        "Every entry is the one that was logged",
        frozenset({ExportFault.ENTRY_CHANGED, ExportFault.BODY_MALFORMED, ExportFault.ENTRY_MISSING}),
        "Each entry was computed anew from its own text and leads to the state of the log that was signed.",
    ),
    (
        "No entry of a case was left out, moved or put in",
        frozenset({ExportFault.CHAIN_BROKEN}),
        "The entries of each case are numbered without a gap and each names the one before it.",
    ),
    (
        "What was erased was erased by those who may",
        frozenset({ExportFault.ERASURE_UNPROVEN}),
        "For each entry whose text is gone an entry says so, with the signed words that allow it.",
    ),
    (
        "The times are possible",
        frozenset({ExportFault.TIME_IMPLAUSIBLE}),
        "No entry is dated more than five minutes before the ones it follows, or at odds with when witnesses saw it.",
    ),
    (
        "What every agency can read was signed by those who had to",
        frozenset({ExportFault.NOT_AUTHORISED}),
        "Enrolments, keys, revocations, witnesses, the log's key, the agreement, access to the console.",
    ),
    (
        "The log signed it, and enough witnesses saw it",
        frozenset({ExportFault.HEAD_UNSIGNED, ExportFault.HEAD_DIFFERS, ExportFault.QUORUM_MISSING}),
        "The agencies' own computers confirmed this state with signatures that quantum computers do not break.",
    ),
)
_PIN_STEP = "It is the log that your agency knows"
_KEPT_STEP = "It goes on from what you kept from before"
NOT_REACHED = "not reached: the check ended before"
NO_CASE = "not checked: no case can be read in this file"
NONE_ERASED = "not checked: no erased entry is in this file"
PARTLY = "not proven by this file: see below"
HELD = "holds"
BROKEN = "does not hold"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of what was checked. ``result``: ``holds``, ``does not hold``, or why it was not checked."""

    title: str
    result: str
    detail: str


def say_moment(moment: datetime) -> str:
    """Return a time for people, in UTC."""
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def say_verdict(report: Report) -> str:
    """Return the one sentence that matters."""
    if report.verdict is Verdict.HOLDS:
        return "Everything that was checked holds, and it is the log that your agency knows."
    if report.verdict is Verdict.UNPINNED:
        return (
            "Everything in this file fits together. Whose log it is was not checked: no pin file was given, and "
            "whoever makes up a whole log can make it fit together too."
        )
    return "This file does not hold. Do not rely on it before the reason below is understood."


def say_file(report: Report) -> list[str]:
    """Return what the file is, line by line."""
    lines = [f"File: {report.name}, SHA-256 {report.sha256}"]
    header = report.header
    if header is None:
        return lines
    scope = header.scope
    what = {
        "log": "the log, without what was said in the cases",
        "case": f"case {scope.case}, with its entries to read",
        "agency": f"the cases of {scope.agency}, with their entries to read",
    }[scope.kind]
    limit = "" if (scope.first, scope.last) == (0, header.size - 1) else f", positions {scope.first} to {scope.last}"
    lines.append(f"The log {header.origin}: {what}{limit}. It says it was made at {header.made_at}.")
    lines.append(
        f"{_many(report.entries, 'entry', 'entries')} checked of a log of {header.size:,}, "
        f"{report.readable:,} of them to read; {_many(report.cases, 'case')}."
    )
    if report.kinds:
        counted = ", ".join(f"{kind.replace('_', ' ')} {number}" for kind, number in sorted(report.kinds.items()))
        lines.append(f"What the readable ones are: {counted}.")
    if report.erased:
        lines.append(
            f"{_many(report.erased, 'entry', 'entries')} had been erased before the file was made: the place of each "
            "is proven, what it said is gone."
        )
    if report.unexplained:
        lines.append(
            f"Of {report.unexplained:,} of these no entry in this file says that it was erased; the first stands at "
            f"position {report.first_unexplained} of the log."
        )
    if report.witnessed_at is not None and report.first is None:
        lines.append(
            f"{report.quorum} or more of {report.witnesses} witnesses had seen this state of the log by "
            f"{say_moment(report.witnessed_at)}."
        )
    return lines


def say_steps(report: Report) -> list[Step]:
    """Return what was checked and how it came out."""
    code = None if report.first is None else report.first.code
    steps = []
    for title, codes, detail in _STEPS:
        if code is None:
            steps.append(Step(title, _held(report, codes), detail))
        elif code in codes:
            steps.append(Step(title, BROKEN, detail))
        else:
            steps.append(Step(title, NOT_REACHED, detail))
    return [*steps, _pin_step(report, code), _kept_step(report, code)]


def _held(report: Report, codes: frozenset[ExportFault]) -> str:
    """Return how a check came out that found no fault: there may have been nothing to check."""
    if ExportFault.CHAIN_BROKEN in codes and not report.cases:
        return NO_CASE
    if ExportFault.ERASURE_UNPROVEN in codes:
        return NONE_ERASED if not report.erased else HELD if not report.unexplained else PARTLY
    return HELD


def _pin_step(report: Report, code: ExportFault | None) -> Step:
    detail = "Its name, its key, its witnesses, its officers and the agencies' roots are those of the pin file."
    if report.pin is None:
        return Step(_PIN_STEP, "not checked: no pin file was given", detail)
    if code is None:
        print_ = report.pin.fingerprint
        return Step(_PIN_STEP, HELD, f"{detail} The pin file's fingerprint is {print_}.")
    return Step(_PIN_STEP, BROKEN if code is ExportFault.PIN_DIFFERS else NOT_REACHED, detail)


def _kept_step(report: Report, code: ExportFault | None) -> Step:
    detail = "A state of the log that was kept is the beginning of this one: nothing before it was changed since."
    if report.kept is None:
        return Step(_KEPT_STEP, "not checked: no kept head was given", detail)
    if code is None:
        proof = "not checked: the file holds no proof from that head; ask for one made with --head"
        return Step(_KEPT_STEP, HELD if report.kept_compared else proof, detail)
    return Step(_KEPT_STEP, BROKEN if code in (ExportFault.FORK, ExportFault.TAIL_MISSING) else NOT_REACHED, detail)


def say_finding(report: Report) -> list[str]:
    """Return the first thing that does not hold and what it means; nothing where all holds."""
    if report.first is None:
        return []
    where = "" if report.first.index is None else f" It concerns position {report.first.index} of the log."
    return [f"{report.first.message[:1].upper()}{report.first.message[1:]}.{where}", MEANINGS[report.first.code]]


def say_limits(report: Report) -> list[str]:
    """Return what the check cannot say."""
    limits = [
        "Whether what was recorded is true. The log proves who said what and when, not that it was right.",
        "What happened to records after somebody was given them, and what never came to the hub.",
        "Anything after the state of the log that the file ends with.",
    ]
    header = report.header
    if report.pin is None:
        limits.append(
            "Whose log this is. Run the check again with --pin and the pin file of your agency, and have its "
            "fingerprint compared by voice with that of another agency."
        )
    elif report.changed_after_pin:
        limits.append(
            f"Whether {_many(report.changed_after_pin, 'enrolment')} since your pin file was made are the agencies "
            "they say they are: two officers of the hub signed them, and your agency has not pinned them yet."
        )
    if report.kept is None:
        limits.append(
            "Whether you were shown another log before. Keep the head of this file, and give it with --kept next time."
        )
    if header is not None and not header.is_whole:
        limits.append(
            "Whether an entry that every agency can read (a revocation, for one) was left out of this file: only a "
            "file of the whole log shows that. And whether a case has entries after the last one in this file."
        )
    if header is not None and header.scope.kind == "log":
        limits.append(
            "What the entries of cases say, and that each case is without a gap: this file holds only their digests."
        )
    if report.erased:
        limits.append(
            "Whether it was right to erase what was erased: whether a record was that agency's own, whether it led the "
            "case, and whether a legal hold forbade it. The agencies of the case can say that; their software does."
        )
    if report.unexplained:
        limits.append(
            "Who had the entries erased that no entry in this file explains. An agency that has left a case is not "
            "given what came later: ask for a file of that case by an agency that is in it."
        )
    return limits


def _many(number: int, one: str, more: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def render_text(report: Report) -> str:
    """Return the whole page as plain lines for a terminal."""
    lines = [say_verdict(report), "", *say_file(report), ""]
    finding = say_finding(report)
    if finding:
        lines += ["The first thing that does not hold:", *(f"  {line}" for line in finding), ""]
    lines.append("What was checked:")
    lines += [f"  {step.result.upper():<14} {step.title}" for step in say_steps(report)]
    lines += ["", "What this check cannot say:", *(f"  - {line}" for line in say_limits(report))]
    return "\n".join(
        "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line) for line in lines
    )
