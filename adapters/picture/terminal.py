"""The picture in a terminal: the same order, shorter. Text of others is shown as text, never as markup or escapes."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adapters.picture.elements import CellItem
from adapters.picture.model import Picture
from adapters.picture.neutral import neutral_text
from adapters.picture.provenance import Provenance
from adapters.picture.words import category_words, count_words, day_words, kind_words, standing_words, words_for

MAX_CHRONOLOGY_ROWS = 60


def print_picture(picture: Picture, console: Console) -> None:
    """Print the picture. ``console`` decides width and colour; nothing is conveyed by colour alone."""
    _header(picture, console)
    _changes(picture, console)
    _clocks(picture, console)
    _voice(picture, console)
    _safety(picture, console)
    _chronology(picture, console)
    _surroundings(picture, console)
    _elements(picture, console)
    _disagreements(picture, console)
    _gaps(picture, console)
    _offences(picture, console)
    _plan(picture, console)
    _deliberation(picture, console)
    console.print(Panel(Text(picture.cannot_say), title="What this cannot say"))


def _text(*parts: str) -> Text:
    # A Text is never parsed as markup; control characters are replaced before they reach the terminal.
    return Text(neutral_text("".join(parts)))


def _source(picture: Picture, provenance: Provenance) -> str:
    return f" [{picture.ref_of(provenance.fragment)}, {kind_words(provenance.agency_kind).lower()}]"


def _lines(console: Console, title: str, lines: Iterable[str]) -> None:
    console.print()
    console.print(Text(title, style="bold underline"))
    for line in lines:
        console.print(_text("  ", line))


def _header(picture: Picture, console: Console) -> None:
    header = picture.header
    names = " / ".join(header.names) or "name not opened"
    lines = [
        f"Case {header.pseudonym}: {names}",
        f"Age today: {header.age_words}. Days to 18: {header.days_words}. {header.scope_note}",
        f"Case opened {day_words(header.case_opened_at)}, {header.opened_words}. Quorum: {header.quorum_words}.",
        picture.record_of_use.counts.sentence,
    ]
    console.print(Panel(_text("\n".join(lines)), title=header.marking))


def _changes(picture: Picture, console: Console) -> None:
    changes = picture.changes
    if changes is not None:
        lines = [changes.sentence]
        lines += [f"New: {', '.join(changes.new)}"] if changes.new else []
        lines += [f"New versions: {', '.join(changes.corrected)}"] if changes.corrected else []
        for item in changes.gone:
            what = [item.ref, category_words(item.category) if item.category else "", item.name or ""]
            lines.append(f"Not shown any more: {', '.join(part for part in what if part)}. {item.why}")
        _lines(console, f"Since you last looked, {day_words(changes.since)}", lines)


def _clocks(picture: Picture, console: Console) -> None:
    lines = []
    for clock in picture.clocks:
        unconfirmed = " (unconfirmed: nobody has checked this figure)" if clock.is_unconfirmed else ""
        source = "" if clock.statement is None else _source(picture, clock.statement.provenance)
        lines.append(f"{clock.label}: {clock.words} Counted {clock.began_words}{source}. {clock.source}{unconfirmed}.")
    _lines(console, "Clocks", lines)


def _voice(picture: Picture, console: Console) -> None:
    voice = picture.childs_voice
    lines = [voice.sentence]
    for entry in voice.entries:
        lines.append(f"{day_words(entry.asked_on)}: “{entry.own_words}” ({entry.words_are})")
        if entry.wants_people_to_know:
            lines.append(f"Wants people to know: “{entry.wants_people_to_know}”")
    lines += [f"{absence.sentence} {absence.reason}".strip() for absence in voice.absences]
    lines += [f"Consent now: {item.sentence}. {item.why}" for item in voice.standing]
    _lines(console, "The child's voice", lines)


def _safety(picture: Picture, console: Console) -> None:
    lines = []
    for topic in picture.safety.topics:
        lines.append(" ".join(part for part in (f"{topic.label}: {topic.sentence}", topic.earlier_words) if part))
        lines += [f"  {item.text}{_source(picture, item.provenance)}" for item in topic.statements]
    _lines(console, "Immediate safety", lines)


def _chronology(picture: Picture, console: Console) -> None:
    table = Table(title="Chronology", title_justify="left")
    for name in ("When", "Agency", "What was recorded", "From"):
        table.add_column(name)
    for row in picture.chronology[-MAX_CHRONOLOGY_ROWS:]:
        when = row.when + (f"\n({row.precision_words})" if row.precision in ("year", "month") else "")
        refs = ", ".join(picture.ref_of(item) for item in row.fragments)
        if row.overlaps:
            refs += f"; together in time with {', '.join(picture.ref_of(item) for item in row.overlaps)}"
        table.add_row(_text(when), Text(kind_words(row.agency_kind)), _text(row.statement), Text(refs))
    console.print()
    console.print(table)
    hidden = len(picture.chronology) - MAX_CHRONOLOGY_ROWS
    if hidden > 0:
        console.print(Text(f"{hidden} earlier rows are on the page and in the JSON."))


def _surroundings(picture: Picture, console: Console) -> None:
    lines = []
    for topic in picture.surroundings.topics:
        lines.append(topic.label)
        lines += [
            f"  {row.text}{f', {row.place}' if row.place else ''}{f', {row.when}' if row.when else ''}"
            f"{f' (there is a later record of them: {picture.ref_of(row.later)})' if row.later else ''}"
            f"{_source(picture, row.provenance)}"
            for row in topic.rows
        ]
    _lines(console, "Places, peers and online", [*lines, picture.surroundings.silent])


def _elements(picture: Picture, console: Console) -> None:
    def cell(items: Iterable[CellItem]) -> Text:
        said = [f"{item.text}{_source(picture, item.statement.provenance)}" for item in items]
        return _text("\n".join(said) or "nothing opened")

    table = Table(title="Act, means and purpose", title_justify="left", show_lines=True)
    for name in ("Element", "Supporting", "Undermining"):
        table.add_column(name)
    for row in picture.elements.rows:
        note = f"\n({row.note})" if row.note else ""
        table.add_row(Text(row.label + note), cell(row.supporting), cell(row.undermining))
    console.print()
    console.print(table)
    looked_for = [
        f"{item.text} (bears on: {item.bears_on.lower()}): {item.observer or 'role not recorded'}, "
        f"{day_words(item.observed_on) or 'no date'}{f', {item.place}' if item.place else ''}"
        f"{f': {item.context}' if item.context else ''}{_source(picture, item.statement.provenance)}"
        for item in picture.elements.looked_for
    ]
    if looked_for:
        _lines(console, "Looked for, not seen", looked_for)


def _disagreements(picture: Picture, console: Console) -> None:
    lines = []
    for item in picture.disagreements:
        lines.append(f"{item.point} ({words_for(item.status)})")
        lines += [
            f"  {kind_words(position.agency_kind)}: {position.text} "
            f"[{', '.join(picture.ref_of(fragment) for fragment in position.evidence)}]"
            for position in item.positions
        ]
    _lines(console, "Disagreements", lines or ["None recorded or found."])


def _gaps(picture: Picture, console: Console) -> None:
    gaps = picture.gaps
    lines = [gaps.sentence]
    lines += [f"{item.name}: nothing since the case was opened, {item.since_words}" for item in gaps.silent]
    lines += [
        f"{item.name}: {count_words(item.fragments, 'fragment')} in the log. {item.sentence}"
        for item in gaps.still_waits
    ]
    lines += [
        f"{item.name}: {count_words(item.count, 'fragment')} held and not given. {item.sentence}"
        for item in gaps.held_back
    ]
    for title, groups in (("Refused to you now", gaps.refused_by_rule), ("Not written", gaps.not_written_by_rule)):
        lines += [
            f"{title}, {item.name}: {item.count_words} ({item.kinds}). {item.sentence} {' '.join(item.meaning)}".strip()
            for item in groups
        ]
    lines += [str(item.sentence) for item in gaps.of_other_purposes]
    lines += [
        f"{item.name} does not share {category_words(item.category).lower()}: {words_for(item.code)} "
        f"({day_words(item.issued_at)})"
        for item in gaps.public_refusals
    ]
    lines += [f"Withheld by the hub: {item[:8]}. {gaps.withheld_sentence}" for item in gaps.withheld_by_hub]
    lines += [f"Failed its check: {item.fragment[:8]}, {item.reason}" for item in gaps.unverified]
    lines += [
        f"No answer from {item.to_name}: {item.what} (asked {item.open_words}"
        + (f", {count_words(item.days_overdue, 'day')} overdue)" if item.days_overdue else ")")
        for item in gaps.open_requests
    ]
    names = {row.agency: row.name for row in picture.agencies}
    lines += [
        f"Refused by {names.get(item.to_agency, item.to_agency)}: {item.what} "
        f"({words_for(answer.because)}: {answer.text})"
        for item in gaps.refused_requests
        for answer in item.answers
        if answer.because
    ]
    lines += [
        f"{'Refused' if answer.because else 'Answered'} by {names.get(answer.agency, answer.agency)}: {answer.text}"
        f"{_source(picture, answer.provenance)}"
        for answer in (
            *(answer for item in picture.told.answered for answer in item.answers),
            *picture.told.other_answers,
        )
    ]
    lines += [*gaps.sequence, *gaps.unreadable]
    _lines(console, "Gaps", lines)


def _offences(picture: Picture, console: Console) -> None:
    section = picture.victim_and_offender
    lines = [section.sentence]
    lines += [
        f"{row.wording}; role of the child: {row.role_words or 'not recorded'}; {day_words(row.when) or 'no date'}"
        f"{_source(picture, row.statement.provenance)}"
        for row in section.offences
    ]
    lines += [
        f"{item.label}: {answer.words}, says {answer.name} on {day_words(answer.said_on)}"
        f"{_source(picture, answer.statement.provenance)}"
        for item in section.standings
        for answer in item.answers
    ]
    lines += [f"{item.text}{_source(picture, item.provenance)}" for item in section.notes]
    lines += section.prompts
    _lines(console, "Victim and alleged offender", lines)


def _plan(picture: Picture, console: Console) -> None:
    future = picture.future
    lines = [] if future.answers else [future.sentence]
    lines += [
        f"{item.words}: {item.agency_name}, {day_words(item.said_on) or 'no date'}: {item.reasons.text}"
        f"{_source(picture, item.reasons.provenance)}"
        for item in future.answers
    ]
    _lines(console, "Risk and plan", lines)
    lines = [
        f"{row.what} ({row.owner_name}, {f'due {day_words(row.due)}' if row.due else 'no day'}"
        f"{', overdue' if row.is_overdue else ''}): {standing_words(row.state, row.kind) or 'state not recorded'}"
        f"{f', says {row.said_by}' if row.said_by else ''}{f': {row.outcome}' if row.outcome else ''}"
        f"{_source(picture, row.statement.provenance)}"
        for row in picture.plan
    ]
    _lines(
        console,
        "The plan",
        lines or ["No action, referral or strategy discussion was opened."],
    )


def _deliberation(picture: Picture, console: Console) -> None:
    lines = []
    for row in picture.deliberation:
        title = category_words(row.kind) + (f", {row.outcome_words}" if row.outcome_words else "")
        lines.append(f"{title}, {day_words(row.held_on)}: {row.words}{_source(picture, row.statement.provenance)}")
        lines += [f"  {text}" for text in (row.turnout_words, *row.notes) if text]
        lines += [f"  Asks for: {text}" for text in row.actions]
        if row.relied_on:
            lines.append(f"  Rests on: {', '.join(picture.ref_of(item) for item in row.relied_on)}")
        if row.less_weight:
            lines.append(f"  Given less weight: {row.less_weight}")
        if row.dissent:
            lines.append(f"  Dissent, in its own words: {row.dissent}")
    _lines(console, "Views and decisions", lines or ["No view, meeting, vote or decision was opened."])
