"""The Cedar schema: rendered from the vocabulary and from ``Facts``, so that a policy can name nothing else.

A bundle carries the rendered text as ``schema.cedarschema`` because other implementations need it; a bundle whose
schema says anything else is refused. No term for nationality, ethnicity, immigration status, asylum, race or religion
can enter: the lists here are closed, and ``find_prohibited`` refuses such a word by its own name besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from enum import StrEnum
from typing import get_args, get_origin, get_type_hints

from policies.model import Facts
from policies.vocabulary import Stage

_HINTS = get_type_hints(Facts)
PRINCIPAL_FACTS = ("recipient_kind", "recipient_roles", "same_agency", "membership")
RESOURCE_FACTS = ("originator_kind", "category", "handling_code", "handling_instructions")
CONTEXT_FACTS = tuple(
    item.name for item in fields(Facts) if item.name not in (*PRINCIPAL_FACTS, *RESOURCE_FACTS, "stage")
)
DERIVED_FACTS = (
    "gateway_in_use",
    "article6_in_use",
    "condition_in_use",
    "gateway_open_to_originator",
    "gateway_reaches_recipient",
    "gateway_serves_purpose",
    "article6_fits_gateway",
    "condition_fits_gateway",
)
"""Booleans the engine works out from the facts and the bundle's gateways.toml and bases.toml: written once."""

BEYOND_STAGES = (Stage.EXPORT, Stage.SUBMIT)
"""The stages at which content leaves the hub. At every other stage, ``within``, the answer is one and the same."""
WITHIN_STAGES = tuple(stage for stage in Stage if stage not in BEYOND_STAGES)

_PROHIBITED_STEMS = (
    "nationalit",
    "ethnic",
    "citizen",
    "asylum",
    "refugee",
    "racial",
    "religio",
    "immigrant",
    "migrant",
    "naturalis",
    "stateless",
    "birthplace",
    "passport",
)
_PROHIBITED_WORDS = frozenset(
    {"race", "races", "visa", "faith", "country", "countries", "national", "nationals", "skin"}
)
_PROHIBITED_PAIRS = (("immigration", "status"), ("immigration", "history"), ("leave", "remain"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_NAME = re.compile(r'"(?P<quoted>[^"\n]{0,200})"|(?P<bare>[A-Za-z_][A-Za-z0-9_]*)')


def term_lists() -> dict[str, type[StrEnum]]:
    """Return the closed lists that policies may name, by the name of their Cedar entity type."""
    found = (fact_list(name) for name in (*PRINCIPAL_FACTS, *RESOURCE_FACTS, *CONTEXT_FACTS))
    return {kind.__name__: kind for kind in found if kind is not None}


def fact_list(name: str) -> type[StrEnum] | None:
    """Return the closed list a fact takes its terms from, or None for a boolean."""
    if name in DERIVED_FACTS:
        return None
    hint = _HINTS[name]
    hint = get_args(hint)[0] if get_origin(hint) is tuple else hint
    return hint if issubclass(hint, StrEnum) else None


def is_set(name: str) -> bool:
    """Whether a fact holds several terms at once."""
    return name not in DERIVED_FACTS and get_origin(_HINTS[name]) is tuple


def render_schema() -> str:
    """Return the one schema text a bundle may carry, ending in a line feed."""
    lines = ["// Rendered from the vocabulary and from the facts of a decision. Other text is refused at load.", ""]
    for name, terms in sorted(term_lists().items()):
        lines.append(f"entity {name} enum [")
        lines += [",\n".join(f'  "{term.value}"' for term in terms), "];", ""]
    lines += _record("entity Recipient", PRINCIPAL_FACTS, "};")
    lines += _record("entity Fragment", RESOURCE_FACTS, "};")
    lines += _record("type Question =", (*CONTEXT_FACTS, *DERIVED_FACTS), "};")
    lines += ["action within, beyond;", ""]
    for group, stages in (("within", WITHIN_STAGES), ("beyond", BEYOND_STAGES)):
        names = ", ".join(stage.value for stage in stages)
        lines.append(f"action {names} in [{group}] appliesTo {{")
        lines += ["  principal: Recipient,", "  resource: Fragment,", "  context: Question,", "};", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _record(opening: str, names: Iterable[str], closing: str) -> list[str]:
    return [f"{opening} {{", *(f"  {name}: {_type_of(name)}," for name in names), closing, ""]


def _type_of(name: str) -> str:
    terms = fact_list(name)
    if terms is None:
        return "Bool"
    return f"Set<{terms.__name__}>" if is_set(name) else terms.__name__


def find_prohibited(names: Iterable[str]) -> str | None:
    """Return the first name that speaks of nationality, ethnicity, status, asylum, race or religion, or None.

    ``immigration`` alone passes: it is a kind of agency. Free sentences are not checked here: a rule may well say in
    words that such a thing plays no part.
    """
    for name in names:
        words = [word.lower() for word in _WORD.findall(name)]
        joined = "".join(words)
        if any(stem in joined for stem in _PROHIBITED_STEMS) or _PROHIBITED_WORDS.intersection(words):
            return name
        if any(first in words and second in words for first, second in _PROHIBITED_PAIRS):
            return name
    return None


def names_in(text: str) -> list[str]:
    """Return every identifier and quoted term of a schema's text, comments left aside."""
    lines = (line.split("//", 1)[0] for line in text.splitlines())
    return [found.group("quoted") or found.group("bare") or "" for line in lines for found in _NAME.finditer(line)]
