"""The audit page's sums of one case: who was given and shown what, under which rules, and what was refused.

Every sum is taken from the same entries that the page lists, so that a reader can add up the one to the other. A body
that is not of its form counts for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.audit_agreements import Agreements
from hub.audit_groups import Day, group_by_day
from hub.audit_lines import AuditLine, claims_of
from hub.audit_words import DECLINED, NOT_GIVEN, VOIDED, Names, count, meaning, say_roles, words
from policies.vocabulary import Effect

Reader = tuple[str, str]
"""An agency, and a member's opaque id or the empty text for the agency's intake."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one reader has of one originator in one case. ``given`` is the sum of the three after it."""

    given: int
    shown: int
    refused: int
    not_asked: int
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of refusal of a case: who decided, whom it concerns, how much, and why."""

    decided: str
    reader: str
    amount: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a set of rules decided together, when records were given and when they were asked for."""

    sentences: tuple[tuple[str, str], ...]
    effect: str
    giving: int
    reading: int


@dataclass(slots=True)
class CaseAudit:
    """One case: its lines in order, and what they add up to."""

    case: str
    names: Names
    lines: list[AuditLine] = field(default_factory=list)
    people: list[tuple[str, str, str, str]] = field(default_factory=list)
    fragments: dict[str, tuple[str, str]] = field(default_factory=dict)
    given: dict[Reader, set[str]] = field(default_factory=dict)
    shown: dict[Reader, set[str]] = field(default_factory=dict)
    refused: dict[Reader, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    withheld: dict[str, tuple[str, Reader, dict[str, str]]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    voids: Counter[tuple[str, str]] = field(default_factory=Counter)
    declined: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    decisions: dict[tuple[str, tuple[str, ...]], list[int]] = field(default_factory=dict)

    @property
    def days(self) -> list[Day]:
        """The case's lines by day, alike ones together."""
        return group_by_day(self.lines)

    @property
    def originators(self) -> list[str]:
        """Every agency that stored a record."""
        return sorted({agency for agency, _ in self.fragments.values()})

    @property
    def readers(self) -> list[Reader]:
        """Everybody who was given or shown something."""
        return sorted(set(self.given) | set(self.shown))

    def cell(self, reader: Reader, originator: str | None = None) -> Cell:
        """Return what a reader has of an originator, or of all of them."""
        owned = {name: category for name, (agency, category) in self.fragments.items() if originator in (None, agency)}
        shown = self.shown.get(reader, set()) & set(owned)
        given = self.given.get(reader, set()) & set(owned) | shown
        refused = (set(self.refused.get(reader, ())) & given) - shown
        kinds = tuple(sorted({words(owned[name]) for name in shown}))
        return Cell(len(given), len(shown), len(refused), len(given) - len(shown) - len(refused), kinds)

    @property
    def total(self) -> Cell:
        """The sum over all readers."""
        cells = [self.cell(reader) for reader in self.readers]
        sums = [sum(getattr(cell, name) for cell in cells) for name in ("given", "shown", "refused", "not_asked")]
        return Cell(sums[0], sums[1], sums[2], sums[3], ())

    def count(self, kind: str) -> int:
        """Return how many of the case's entries are of a kind."""
        return sum(line.kind == kind for line in self.lines)

    def name(self, reader: Reader) -> str:
        """Return how a reader is called."""
        return self.names.reader(reader[0], reader[1] or None)

    def note(self, body: Mapping[str, Any] | None, statements: Mapping[str, str]) -> None:
        """Count what an entry gave, showed or refused to whom."""
        if body is None:
            return
        said = claims_of(statements.get(str(body.get("statement")), "")) or {}
        try:
            kind = str(body["type"])
            if kind in _NOTES:
                _NOTES[kind](self, body, said)
        except (KeyError, TypeError, ValueError, AttributeError):
            return

    def refusals(self, agreements: Agreements) -> list[Refusal]:
        """Return what was not given, and what was refused at reading and at sharing."""
        return [*self._not_given(), *self._refused_reading(agreements), *self._refused_sharing(), *self._declined()]

    def _not_given(self) -> list[Refusal]:
        counted: Counter[tuple[str, Reader, str]] = Counter()
        for originator, reader, codes in self.withheld.values():
            has = self.given.get(reader, set()) | self.shown.get(reader, set())
            counted.update(
                (originator, reader, code) for sha, code in codes.items() if self.digests.get(sha) not in has
            )
        return [
            Refusal(self.names.agency(agency), self.name(reader), count(number, "record"), meaning(code, NOT_GIVEN))
            for (agency, reader, code), number in sorted(counted.items())
        ]

    def _refused_reading(self, agreements: Agreements) -> list[Refusal]:
        counted: Counter[tuple[Reader, tuple[str, ...]]] = Counter()
        earlier: Counter[tuple[Reader, tuple[str, ...]]] = Counter()
        for reader, refused in self.refused.items():
            counted.update((reader, rules) for rules in refused.values())
            seen = self.shown.get(reader, set())
            earlier.update((reader, rules) for name, rules in refused.items() if name in seen)
        return [
            Refusal(
                "the hub, by the agreement",
                self.name(reader),
                f"{count(number, 'record')} when asked for{_seen(earlier[reader, rules])}",
                " ".join(agreements.sentence_of(rule, None) for rule in rules or ("",)),
            )
            for (reader, rules), number in sorted(counted.items())
        ]

    def _refused_sharing(self) -> list[Refusal]:
        return [
            Refusal(
                "the hub",
                "",
                f"{count(number, 'sharing')} by {self.names.agency(agency)}",
                meaning(code, VOIDED) if code else "the reason is not stored",
            )
            for (agency, code), number in sorted(self.voids.items())
        ]

    def _declined(self) -> list[Refusal]:
        return [
            Refusal(self.names.agency(agency), reader, f"considered {count(number, 'time')}, not shared", why)
            for (agency, reader, why), number in sorted(self.declined.items())
        ]

    def rules(self, agreements: Agreements) -> list[RuleCount]:
        """Return which rules decided how often; rules that decided together stand together."""
        found = []
        for (digest, rules), (giving, reading) in sorted(self.decisions.items()):
            known = [agreements.find_rule(rule, digest) for rule in rules]
            is_refused = not rules or any(rule is not None and rule.effect is Effect.REFUSE for rule in known)
            effect = (
                "not known here" if digest not in agreements.by_digest else "refused" if is_refused else "permitted"
            )
            named = tuple((rule, agreements.sentence_of(rule, digest)) for rule in rules or ("",))
            found.append(RuleCount(named, effect, giving, reading))
        return sorted(found, key=lambda item: item.effect)

    def decide(self, body: Mapping[str, Any], column: int) -> None:
        """Count an entry's decisions, of giving (0) or of reading (1)."""
        decision = body["decision"]
        for outcome in decision["outcomes"]:
            key = (str(decision["bundle"]), tuple(str(rule) for rule in outcome["rules"]))
            self.decisions.setdefault(key, [0, 0])[column] += int(outcome["count"])


def _seen(number: int) -> str:
    return f", {number} of them shown at an earlier time" if number else ""


def _reader(agency: object, member: object) -> Reader:
    return str(agency), "" if member is None else str(member)


def _membership(case: CaseAudit, _body: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    case.people = [
        (str(item["agency"]), str(item["member"]), say_roles(item["roles"]), str(item["until"]))
        for item in said["members"]
    ]
    people = {(agency, member) for agency, member, _, _ in case.people}
    # Whoever was taken out keeps the roles that they had, in what they did.
    case.names.roles.update({(agency, member): roles for agency, member, roles, _ in case.people})
    for agency in (str(item["agency"]) for item in said["agencies"]):
        if all(listed != agency for listed, _ in people):
            case.people.append((agency, "", "", ""))


def _fragment(case: CaseAudit, body: Mapping[str, Any], _said: Mapping[str, Any]) -> None:
    case.fragments[str(body["fragment"])] = (str(body["agency"]), str(body["category"]))
    case.digests[str(body["sha256"])] = str(body["fragment"])


def _disclosure(case: CaseAudit, body: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    reader = _reader(body["recipient_agency"], body["recipient_member"])
    case.decide(body, 0)
    if said.get("items"):
        case.given.setdefault(reader, set()).update(str(item["fragment"]) for item in said["items"])
    codes = {str(item["sha256"]): str(item["code"]) for item in said.get("not_given", ())}
    case.withheld[str(body["channel"])] = (str(body["agency"]), reader, codes)


def _viewed(case: CaseAudit, body: Mapping[str, Any], _said: Mapping[str, Any]) -> None:
    reader = _reader(body["agency"], body["member"])
    shown = {str(item["fragment"]) for item in body["fragments"]}
    refused = {str(item["fragment"]): tuple(str(rule) for rule in item["rules"]) for item in body["refused"]}
    case.decide(body, 1)
    case.shown.setdefault(reader, set()).update(shown)
    case.refused.setdefault(reader, {}).update(refused)


def _void(case: CaseAudit, body: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    case.voids[str(body["agency"]), str(said.get("code", ""))] += 1


def _refusal(case: CaseAudit, body: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    to = said["recipient_agency"]
    reader = "anyone" if to is None else case.names.agency(to)
    why = f"a person judged ({words(said['category'])}): {meaning(said['code'], DECLINED)}"
    case.declined[str(body["agency"]), reader, why] += 1


_NOTES = {
    "membership": _membership,
    "fragment": _fragment,
    "disclosure": _disclosure,
    "viewed": _viewed,
    "void": _void,
    "refusal": _refusal,
}
