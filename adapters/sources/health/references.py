"""Resolve the references between the resources of a delivery.

Order: ``fullUrl``, then ``Type/id``, then identifier. References are case-sensitive: one that differs from a resource
only in the case of letters is a near miss, never a match. Source: FHIR R4 (4.0.1), "References" and "Bundle".
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.picture.speech import Sentence, lazy_gettext
from adapters.sources.findings import Finding, FindingCode, Severity
from adapters.sources.health.elements import Element, Path
from adapters.sources.health.fhir_loading import Entry, describe_paths


class Outcome(StrEnum):
    """What became of a reference."""

    FOUND = "found"
    NEAR_MISS = "near_miss"
    AMBIGUOUS = "ambiguous"
    MISSING = "missing"
    NOTHING_SAID = "nothing_said"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The outcome, and the resource where there is exactly one."""

    outcome: Outcome
    resource: Element | None = None


@dataclass(slots=True)
class References:
    """The resources of a delivery, by every name by which another may refer to them."""

    entries: tuple[Entry, ...]
    duplicates: dict[str, str] = field(default_factory=dict)
    """Locator of a resource that repeats an earlier one word for word, and the locator of that one."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """Locator of a resource that has the name of an earlier one and says something else."""
    _locators: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    _by_name: dict[str, list[Element]] = field(default_factory=lambda: defaultdict(list))
    _by_folded_name: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _by_identifier: dict[tuple[str, str], list[Element]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for entry in self.entries:
            self._add(entry)

    def _add(self, entry: Entry) -> None:
        names = names_of(entry)
        digest = _digest(entry.resource.data)
        for name in names:
            known = self._locators[name]
            if digest in known:
                self.duplicates.setdefault(entry.locator, known[digest])
            elif known:
                self.conflicts.setdefault(entry.locator, next(iter(known.values())))
        if entry.locator in self.duplicates:
            return
        for name in names:
            self._locators[name].setdefault(digest, entry.locator)
            self._by_name[name].append(entry.resource)
            self._by_folded_name[name.casefold()] += 1
        for system, value in identifiers_of(entry.resource):
            self._by_identifier[(system, value)].append(entry.resource)

    def resolve(self, reference: Element, within: Element) -> Resolution:
        """Resolve a Reference that stands in the resource ``within``."""
        text = reference.text("reference")
        if text is not None:
            if text.startswith("#"):
                return _contained(text[1:], within)
            name = text.split("/_history/")[0]
            found = self._by_name.get(name, [])
            if found:
                return _one_of(found)
            if name.casefold() in self._by_folded_name:
                return Resolution(Outcome.NEAR_MISS)
        identifier = reference.child("identifier")
        if identifier is not None:
            pair = (identifier.text("system") or "", identifier.text("value") or "")
            found = self._by_identifier.get(pair, [])
            if found:
                return _one_of(found)
        return Resolution(Outcome.MISSING if text is not None or identifier is not None else Outcome.NOTHING_SAID)

    def findings(self, resource: Element, is_known_name: Callable[[str], bool]) -> list[Finding]:
        """Return a warning for the references of a resource that lead to nothing, one for each outcome.

        ``is_known_name`` says whether another file of the delivery has what a reference names.
        """
        missed: dict[Outcome, list[Element]] = {Outcome.MISSING: [], Outcome.NEAR_MISS: [], Outcome.AMBIGUOUS: []}
        for element in resource.walk():
            text = element.text("reference")
            if text is None or is_known_name(text):
                continue
            outcome = self.resolve(element, resource).outcome
            if outcome in missed:
                missed[outcome].append(element)
        return [
            Finding(
                FindingCode.UNRESOLVED_REFERENCE,
                Severity.WARN,
                _missed(outcome, [item.path[len(resource.path) :] for item in found]),
                found[0].locate("reference"),
            )
            for outcome, found in missed.items()
            if found
        ]


def _missed(outcome: Outcome, paths: list[Path]) -> Sentence:
    where = describe_paths(paths)
    if outcome is Outcome.MISSING:
        return lazy_gettext("what is referred to is not in this delivery: %(where)s", where=where)
    if outcome is Outcome.NEAR_MISS:
        return lazy_gettext(
            "the reference differs from a resource of this delivery only in the case of letters, so it was not "
            "followed: %(where)s",
            where=where,
        )
    return lazy_gettext(
        "several different resources of this delivery have the name that is referred to, so none was taken: %(where)s",
        where=where,
    )


def names_of(entry: Entry) -> list[str]:
    """Return the names by which a reference may call a resource: its fullUrl, and its type and id."""
    own_id = entry.resource.text("id")
    relative = f"{entry.kind}/{own_id}" if own_id is not None else None
    return [name for name in dict.fromkeys((entry.full_url, relative)) if name is not None]


def identifiers_of(resource: Element) -> Iterable[tuple[str, str]]:
    """Yield the business identifiers of a resource as (system, value)."""
    for identifier in resource.each("identifier"):
        system, value = identifier.text("system"), identifier.text("value")
        if system is not None and value is not None:
            yield system, value


def _contained(own_id: str, within: Element) -> Resolution:
    # "#" alone is the container itself (FHIR R4, "Contained Resources").
    if not own_id:
        return Resolution(Outcome.FOUND, within)
    found = [item for item in within.each("contained") if item.text("id") == own_id]
    if len(found) == 1:
        return Resolution(Outcome.FOUND, found[0])
    return Resolution(Outcome.AMBIGUOUS if found else Outcome.MISSING)


def _one_of(found: list[Element]) -> Resolution:
    return Resolution(Outcome.FOUND, found[0]) if len(found) == 1 else Resolution(Outcome.AMBIGUOUS)


def _digest(resource: dict[str, Any]) -> str:
    # A version number or a time of delivery is no difference.
    content = {name: value for name, value in resource.items() if name != "meta"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
