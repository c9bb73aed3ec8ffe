"""What happened in a case as a person reads it: day by day, and what is alike in one line with its count.

Storing, delivering keys and giving come in dozens of entries; between two acts of another kind they are put together by
agency, kind and purpose. Their order against what changes a case (members, consent, reading, refusals) is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hub.audit_lines import NOTHING_GIVEN, AuditLine, RuleLine, Withheld, say_withheld
from hub.audit_words import count, say_clock, say_day

BULK = frozenset({"channel", "fragment", "disclosure", NOTHING_GIVEN, "void"})
MAX_NAMED = 12
"""So many readers are named in a line; the rest are counted, and stand in the entries themselves."""
_Key = tuple[object, ...]


@dataclass(slots=True)
class Group:
    """One or more entries that are alike."""

    lines: list[AuditLine] = field(default_factory=list)

    @property
    def first(self) -> AuditLine:
        """The earliest entry."""
        return self.lines[0]

    @property
    def clock(self) -> str:
        """The time, or from when to when."""
        times = [say_clock(line.at) for line in self.lines]
        return times[0] if times[0] == times[-1] else f"{times[0]} to {times[-1]}"

    @property
    def act(self) -> str:
        """What happened, in one sentence."""
        return self.first.act if len(self.lines) == 1 else _act(self.lines)

    @property
    def rules(self) -> tuple[RuleLine, ...]:
        """The rules of all the entries, each once, with its count over them."""
        counted: Counter[tuple[str, str, str]] = Counter()
        for rule in (rule for line in self.lines for rule in line.rules):
            counted[rule.rule, rule.sentence, rule.effect] += rule.count
        return tuple(
            RuleLine(name, sentence, number, effect) for (name, sentence, effect), number in sorted(counted.items())
        )

    @property
    def withheld(self) -> tuple[Withheld, ...]:
        """What was not given or shown. Each entry repeats the whole list for its reader, so the newest counts."""
        return newest(self.lines)

    @property
    def refused(self) -> tuple[str, ...]:
        """Other reasons for refusals, each once."""
        return tuple(dict.fromkeys(reason for line in self.lines for reason in line.refused))

    @property
    def powers(self) -> tuple[str, ...]:
        """The powers and duties relied on, each once."""
        return tuple(dict.fromkeys(line.power for line in self.lines if line.power))

    @property
    def bases(self) -> tuple[str, ...]:
        """The data protection bases beside them, each once."""
        return tuple(dict.fromkeys(line.basis for line in self.lines if line.basis))


@dataclass(slots=True)
class Day:
    """One day of a case."""

    day: str
    groups: list[Group] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """How many entries stand behind the day's lines."""
        return sum(len(group.lines) for group in self.groups)


def newest(lines: Iterable[AuditLine]) -> tuple[Withheld, ...]:
    """Return what each reader was last said not to be given."""
    by_reader: dict[str, tuple[Withheld, ...]] = {}
    for line in lines:
        if line.withheld:
            by_reader[line.to] = line.withheld
    return tuple(item for listed in by_reader.values() for item in listed)


def group_by_day(lines: Iterable[AuditLine]) -> list[Day]:
    """Return the days of a case with their groups; every line stands in exactly one group."""
    days: list[Day] = []
    stretch: dict[_Key, Group] = {}
    last: _Key = ()
    for line in lines:
        # An entry without a readable time stays where it is in the order.
        day = say_day(line.at) if line.at or not days else days[-1].day
        if not days or days[-1].day != day:
            days.append(Day(day))
            stretch, last = {}, ()
        groups, key = days[-1].groups, _key(line)
        is_bulk = line.kind in BULK and not line.fault
        if is_bulk and key in stretch:
            stretch[key].lines.append(line)
        elif not is_bulk and key == last:
            groups[-1].lines.append(line)
        else:
            groups.append(Group([line]))
            stretch = {**stretch, key: groups[-1]} if is_bulk else {}
        last = key
    return days


def _key(line: AuditLine) -> _Key:
    # What does not verify is never folded away; what is not of a bulk kind stands alone, unless it just happened so.
    if line.fault or not line.kind:
        return (line.index,)
    if line.kind in BULK:
        topic = line.topic if line.kind == "channel" else line.objection
        return (line.kind, line.agency, line.purpose, topic, line.refused if line.kind == "void" else ())
    return (line.kind, line.agency, line.person, line.act, line.purpose, line.refused)


def _act(lines: list[AuditLine]) -> str:
    kind, number = lines[0].kind, len(lines)
    if kind == "channel":
        return f"Delivered keys to {count(number, 'reader')}: {_readers(lines)}. Nothing is given by this alone"
    if kind == "fragment":
        topics = Counter(line.topic for line in lines)
        listed = ", ".join(f"{many} {topic}" for topic, many in sorted(topics.items()))
        return f"Stored {count(number, 'sealed record')}: {listed}. Nobody is given them by this alone"
    if kind == "disclosure":
        given = f"{count(number, 'time')}, {count(_total(lines), 'record')} in all"
        return f"Gave records {given}, to: {_readers(lines)}{lines[0].objection}"
    if kind == NOTHING_GIVEN:
        return f"Nothing given, said {count(number, 'time')}: {say_withheld(newest(lines))}"
    return f"{count(number, 'time')}: {lines[0].act}"


def _total(lines: list[AuditLine]) -> int:
    return sum(line.amount for line in lines)


def _readers(lines: list[AuditLine]) -> str:
    amounts: Counter[str] = Counter()
    for line in lines:
        amounts[line.to] += line.amount
    named = [f"{reader} ({many})" if many else reader for reader, many in amounts.items()][:MAX_NAMED]
    more = len(amounts) - len(named)
    return "; ".join([*named, *([f"and {count(more, 'more reader')}"] if more else [])])
