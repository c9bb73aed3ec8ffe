"""The pages about the vocabulary and the agreement say what the code and the bundle say."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from policies import vocabulary
from policies.bundles import load_bundle
from policies.testing import run_table
from policies.vocabulary import Effect

DOCS = Path(__file__).resolve().parents[2] / "docs"
LISTS = [item for item in vars(vocabulary).values() if isinstance(item, type) and issubclass(item, StrEnum)]
LISTS.remove(StrEnum)
BUNDLE = load_bundle()


def section(page: str, title: str) -> str:
    """The text under one heading of the second level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(rf"(?ms)^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text)
    assert len(found) == 1
    return str(found[0])


@pytest.mark.parametrize("terms", LISTS)
def test_vocabulary_page_has_every_term_once_in_order_with_a_meaning(terms: type[StrEnum]) -> None:
    rows = re.findall(r"(?m)^\| `(.*?)` \| (.*?) \|$", section("vocabulary.md", terms.__name__))
    assert [term for term, _ in rows] == [term.value for term in terms]
    assert all(meaning.strip() for _, meaning in rows)


def test_vocabulary_page_has_every_list_and_no_other() -> None:
    text = (DOCS / "vocabulary.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.*)$", text) == [terms.__name__ for terms in LISTS]
    assert len(LISTS) == 27


@pytest.mark.parametrize(("title", "effect"), [("Forbids", Effect.REFUSE), ("Permits", Effect.PERMIT)])
def test_policies_page_lists_the_rules_of_the_default_bundle(title: str, effect: Effect) -> None:
    text = section("policies.md", title)
    rows = re.findall(r"(?m)^\| `(.*?)` \| (.*?) \| (.*?) \|$", text)
    rules = [rule for rule in BUNDLE.rules.values() if rule.effect is effect]
    assert rows == [(rule.id, rule.sentence, rule.clause) for rule in rules]
    assert f"{len(rules)} policies." in text


def test_policies_page_lists_the_gateways_as_shipped() -> None:
    rows = re.findall(r"(?m)^\| `(.*?)` \| (.*?) \| (.*?) \|$", section("policies.md", "Gateways as shipped"))
    expected = [
        (name.value, "off" if entry.enabled_from is None else entry.enabled_from.isoformat(), entry.confirmed_by)
        for name, entry in BUNDLE.gateways.items()
    ]
    assert rows == expected


def test_policies_page_lists_the_bases_as_shipped() -> None:
    rows = re.findall(r"(?m)^\| `(.*?)` \| (.*?) \| (.*?) \| (.*?) \|$", section("policies.md", "Bases as shipped"))
    expected = [
        (code.value, entry.title, "off" if entry.enabled_from is None else str(entry.enabled_from), entry.confirmed_by)
        for code, entry in BUNDLE.bases.items()
    ]
    assert rows == expected


def test_policies_page_counts_the_rows_and_quotes_a_policy_as_it_stands() -> None:
    text = (DOCS / "policies.md").read_text(encoding="utf-8")
    assert f"{run_table(BUNDLE).rows:,} rows" in text
    quoted = re.findall(r"(?ms)^```\n(@id.*?)```", text)
    assert len(quoted) == 1
    policies = (DOCS.parent / "policies" / "bundle" / "forbid-basis.cedar").read_text(encoding="utf-8")
    assert quoted[0].strip() in policies
