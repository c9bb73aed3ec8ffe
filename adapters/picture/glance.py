"""What a panel member reads in a minute, on top of the picture: a line for each thing to know, leading to its section.

Nothing here is new: each line repeats what its section says, shorter. The child's words stand first.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.picture.clocks import Clock, ClockKind, ClockState
from adapters.picture.gaps import Gaps
from adapters.picture.model import Picture
from adapters.picture.speech import capital_first, changed, lazy_ngettext, lowered
from adapters.picture.speech import lazy_gettext as _
from adapters.picture.words import count_words, day_words, join_words, words_for
from adapters.release.writing import DisagreementStatus

MAX_QUOTE_CHARS = 280
MAX_CLOCKS = 6
FIRST_LOOK = _("You have not looked at this case for this purpose before.")
_URGENCY = (ClockState.WARNING, ClockState.OVER, ClockState.RUNNING, ClockState.UNKNOWN, ClockState.MET)
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
        GlanceLine(_("Gaps"), "gaps", (_gaps(picture.gaps),)),
    ]
    if picture.changes is not None:
        lines.append(GlanceLine(_("Since you last looked"), "changes", (picture.changes.sentence,)))
    elif is_live:
        lines.append(GlanceLine(_("Since you last looked"), "use", (FIRST_LOOK,)))
    return tuple(lines)


def _voice(picture: Picture) -> GlanceLine:
    voice = picture.childs_voice
    if voice.entries:
        first, more = voice.entries[0], len(voice.entries) - 1
        said = (lazy_ngettext("And %(num)s more account.", "And %(num)s more accounts.", more),) if more else ()
        return GlanceLine(_("The child says"), "voice", said, (shorten(first.own_words, MAX_QUOTE_CHARS),))
    why = voice.absences[0].sentence if voice.absences else voice.sentence
    return GlanceLine(_("The child says"), "voice", (_("Not heard. %(why)s", why=why),))


def shorten(text: str, most: int) -> str:
    """Return the beginning of a text, cut between words, with a mark where something is left out."""
    flat = " ".join(text.split())
    if len(flat) <= most:
        return flat
    cut = flat[:most]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut} …"


def _question(picture: Picture) -> GlanceLine:
    question = picture.question
    names = {row.agency: row.name for row in picture.agencies}
    decided = [
        _(
            "Decided: %(what)s, %(day)s, by the record of %(agency)s.",
            what=item.outcome_words,
            day=day_words(item.held_on),
            agency=names.get(item.statement.provenance.agency, item.statement.provenance.agency),
        )
        for item in question.decided
    ]
    put: str = _("No meeting you opened has put a question yet.")
    if question.still_open:
        put = _("%(what)s.", what=words_for(question.still_open))
        if decided:
            put = _("Still to decide: %(question)s.", question=lowered(words_for(question.still_open)))
    elif decided:
        put = _("No further question is open by what you opened.")
    types = join_words([item.label for item in question.types])
    recorded: str = _("No type of exploitation is recorded in what you opened.")
    if types:
        recorded = _("Recorded types: %(types)s.", types=types)
    return GlanceLine(_("Question to decide"), "question", (*decided, put, recorded))


def _clocks(picture: Picture) -> GlanceLine:
    """The newest clock of each kind, what ends soon and what ran out first; how it stands, without the rule."""
    newest: dict[ClockKind, Clock] = {}
    for clock in picture.clocks:
        newest.setdefault(clock.kind, clock)
    ordered = sorted(newest.values(), key=lambda clock: _URGENCY.index(clock.state))
    said = [
        _("%(clock)s: %(words)s", clock=clock.label, words=changed(clock.words, _first_sentence))
        for clock in ordered[:MAX_CLOCKS]
    ]
    if len(ordered) > MAX_CLOCKS:
        said.append(_("And %(num)s more.", num=len(ordered) - MAX_CLOCKS))
    return GlanceLine(_("Clocks"), "clocks", tuple(said) or (_("None has begun."),))


def _first_sentence(text: str) -> str:
    return f"{text.partition('. ')[0].rstrip('.')}."


def _disagreements(picture: Picture) -> GlanceLine:
    unsettled = [item for item in picture.disagreements if item.status not in _SETTLED]
    late = sum(bool(item.days_overdue) for item in unsettled)
    said = capital_first(count_words(len(unsettled), "open disagreement", "open disagreements"))
    if late:
        said = _("%(disagreements)s, %(num)s overdue", disagreements=said, num=late)
    return GlanceLine(_("Disagreements"), "disagreements", (_("%(what)s, in what you opened.", what=said),))


def _gaps(gaps: Gaps) -> str:
    held, requests = sum(item.count for item in gaps.held_back), len(gaps.open_requests)
    refused, withheld, unverified = len(gaps.refused), len(gaps.withheld_by_hub), len(gaps.unverified)
    silent, waits = len(gaps.silent), len(gaps.still_waits)
    counted: list[tuple[int, str]] = [
        (silent, lazy_ngettext("%(num)s agency has sent nothing", "%(num)s agencies have sent nothing", silent)),
        (waits, lazy_ngettext("%(num)s agency has yet to say", "%(num)s agencies have yet to say", waits)),
        (
            held,
            lazy_ngettext(
                "%(num)s record is held and not given to you", "%(num)s records are held and not given to you", held
            ),
        ),
        (
            refused,
            lazy_ngettext("%(num)s record is refused to you now", "%(num)s records are refused to you now", refused),
        ),
        (withheld, lazy_ngettext("the hub keeps %(num)s record back", "the hub keeps %(num)s records back", withheld)),
        (
            unverified,
            lazy_ngettext("%(num)s record failed its check", "%(num)s records failed their check", unverified),
        ),
        (requests, lazy_ngettext("%(num)s request has no answer", "%(num)s requests have no answer", requests)),
    ]
    said = join_words([words for count, words in counted if count])
    return _("%(what)s.", what=capital_first(said)) if said else _("None found. Silence is not absence.")
