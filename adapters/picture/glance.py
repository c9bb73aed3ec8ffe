"""What a panel member reads in a minute, on top of the picture: a line for each thing to know, leading to its section.

Nothing here is new: each line repeats what its section says, shorter. The child's words stand first.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.picture.clocks import Clock, ClockKind, ClockState
from adapters.picture.gaps import Gaps
from adapters.picture.model import Picture
from adapters.picture.words import count_words, join_words, words_for
from adapters.release.writing import DisagreementStatus

MAX_QUOTE_CHARS = 280
MAX_CLOCKS = 6
FIRST_LOOK = "You have not looked at this case for this purpose before."
_URGENCY = (ClockState.WARNING, ClockState.RUNNING, ClockState.OVER, ClockState.UNKNOWN)
_SETTLED = frozenset({DisagreementStatus.EXPLAINED.value, DisagreementStatus.RESOLVED.value})


@dataclass(frozen=True, slots=True)
class GlanceLine:
    """One line: what it is about, the section it leads to, words of the child, sentences of ours."""

    label: str
    section: str
    sentences: tuple[str, ...]
    quotes: tuple[str, ...] = ()


def at_a_glance(picture: Picture, *, is_live: bool = False) -> tuple[GlanceLine, ...]:
    """Return the lines. ``is_live``: of a pull just made, of which it is known whether it is the first look."""
    lines = [
        _voice(picture),
        _question(picture),
        _clocks(picture),
        _disagreements(picture),
        GlanceLine("Gaps", "gaps", (_gaps(picture.gaps),)),
    ]
    if picture.changes is not None:
        lines.append(GlanceLine("Since you last looked", "changes", (picture.changes.sentence,)))
    elif is_live:
        lines.append(GlanceLine("Since you last looked", "use", (FIRST_LOOK,)))
    return tuple(lines)


def _voice(picture: Picture) -> GlanceLine:
    voice = picture.childs_voice
    if voice.entries:
        first, more = voice.entries[0], len(voice.entries) - 1
        said = (f"And {count_words(more, 'more account')}.",) if more else ()
        return GlanceLine("The child says", "voice", said, (shorten(first.own_words, MAX_QUOTE_CHARS),))
    why = voice.absences[0].sentence if voice.absences else voice.sentence
    return GlanceLine("The child says", "voice", (f"Not heard. {why}",))


def shorten(text: str, most: int) -> str:
    """Return the beginning of a text, cut between words, with a mark where something is left out."""
    flat = " ".join(text.split())
    if len(flat) <= most:
        return flat
    cut = flat[:most]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut} …"


def _question(picture: Picture) -> GlanceLine:
    question = picture.question
    put = f"{words_for(question.question)}." if question.question else "No meeting you opened has put a question yet."
    types = join_words([item.label for item in question.types])
    recorded = f"Recorded types: {types}." if types else "No type of exploitation is recorded in what you opened."
    return GlanceLine("Question to decide", "question", (put, recorded))


def _clocks(picture: Picture) -> GlanceLine:
    """The newest clock of each kind, those that end soon first; how it stands, without the rule."""
    newest: dict[ClockKind, Clock] = {}
    for clock in picture.clocks:
        newest.setdefault(clock.kind, clock)
    ordered = sorted(newest.values(), key=lambda clock: _URGENCY.index(clock.state))
    said = [f"{clock.label}: {clock.words.partition('. ')[0].rstrip('.')}." for clock in ordered[:MAX_CLOCKS]]
    if len(ordered) > MAX_CLOCKS:
        said.append(f"And {len(ordered) - MAX_CLOCKS:,} more.")
    return GlanceLine("Clocks", "clocks", tuple(said) or ("None has begun.",))


def _disagreements(picture: Picture) -> GlanceLine:
    unsettled = [item for item in picture.disagreements if item.status not in _SETTLED]
    late = sum(bool(item.days_overdue) for item in unsettled)
    said = f"{count_words(len(unsettled), 'open disagreement')}".capitalize()
    return GlanceLine("Disagreements", "disagreements", (f"{said}{f', {late:,} overdue' if late else ''}.",))


def _gaps(gaps: Gaps) -> str:
    held, requests = sum(item.count for item in gaps.held_back), len(gaps.open_requests)
    counted = [
        (len(gaps.silent), count_words(len(gaps.silent), "agency has", "agencies have") + " sent nothing"),
        (len(gaps.still_waits), count_words(len(gaps.still_waits), "agency has", "agencies have") + " yet to say"),
        (held, f"{count_words(held, 'record is', 'records are')} held and not given to you"),
        (len(gaps.refused), f"{count_words(len(gaps.refused), 'record is', 'records are')} refused to you now"),
        (len(gaps.withheld_by_hub), f"the hub keeps {count_words(len(gaps.withheld_by_hub), 'record')} back"),
        (
            len(gaps.unverified),
            count_words(len(gaps.unverified), "record failed its check", "records failed their check"),
        ),
        (requests, f"{count_words(requests, 'request has', 'requests have')} no answer"),
    ]
    said = join_words([words for count, words in counted if count])
    return f"{said[:1].upper()}{said[1:]}." if said else "None found. Silence is not absence."
