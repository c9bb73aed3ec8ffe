"""The bundle's own table tests: rows of facts with the answer the federation agreed on, read and run.

A file of rows (TOML):

- ``[base]``: a value for every fact, from which each row departs;
- ``[[row]]``: ``name``, the facts that differ, ``effect`` and the exact ``rules`` that determine it;
- in a row, ``each.<fact> = [values]`` runs the row once per value (or once per combination of several).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import product
from typing import Any, get_args, get_origin, get_type_hints

from policies.engine import Bundle, decide
from policies.model import Facts, Malformed, require_members, require_term, term_list
from policies.rules import BundleRefused, TableRow
from policies.vocabulary import Effect

MAX_ROWS_PER_FILE = 5_000
_HINTS = get_type_hints(Facts)
_FACT_NAMES = tuple(item.name for item in fields(Facts))


@dataclass(frozen=True, slots=True)
class Failure:
    """A row whose answer is not the agreed one."""

    row: TableRow
    effect: Effect
    rules: tuple[str, ...]

    def __str__(self) -> str:
        expected = f"expected {self.row.effect} by {term_list(self.row.rules)}"
        return f"{self.row.file}: {self.row.name}: {expected}, got {self.effect} by {term_list(self.rules)}"


@dataclass(frozen=True, slots=True)
class TableReport:
    """How many rows ran and which failed."""

    rows: int
    failures: tuple[Failure, ...]

    @property
    def is_passed(self) -> bool:
        """Whether there were rows and every one gave the agreed answer."""
        return self.rows > 0 and not self.failures


def run_table(bundle: Bundle) -> TableReport:
    """Run every row of a bundle's own tests against it."""
    failures = []
    for row in bundle.rows:
        answer = decide(bundle, row.facts)
        if (answer.effect, answer.rules) != (row.effect, row.rules):
            failures.append(Failure(row, answer.effect, answer.rules))
    return TableReport(len(bundle.rows), tuple(failures))


def parse_rows(file: str, document: Mapping[str, Any], rule_ids: frozenset[str]) -> tuple[TableRow, ...]:
    """Read the rows of one file. Raises ``BundleRefused`` for an unknown fact, term, rule or member."""
    try:
        members = require_members(document, ("base", "row"), file)
        base = require_members(members["base"], _FACT_NAMES, f"{file}: base")
        if not isinstance(members["row"], list) or not members["row"]:
            raise Malformed(f"{file}: expected at least one row")
        rows: list[TableRow] = []
        for item in members["row"]:
            rows.extend(_expand(file, base, item, rule_ids))
            if len(rows) > MAX_ROWS_PER_FILE:
                raise Malformed(f"{file}: expected at most {MAX_ROWS_PER_FILE} rows")
    except Malformed as error:
        raise BundleRefused(str(error)) from error
    return tuple(rows)


def _expand(file: str, base: Mapping[str, Any], item: Any, rule_ids: frozenset[str]) -> list[TableRow]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise Malformed(f"{file}: a row has no name")
    where = f"{file}: {item['name'][:80]}"
    each, rules = item.get("each", {}), item.get("rules")
    changed = {name: value for name, value in item.items() if name not in ("name", "effect", "rules", "each")}
    if not isinstance(each, Mapping) or not all(isinstance(values, list) and values for values in each.values()):
        raise Malformed(f"{where}: each needs lists of values")
    unknown = sorted({*changed, *each} - set(_FACT_NAMES))
    if unknown or set(changed) & set(each):
        raise Malformed(f"{where}: unknown or repeated facts: {term_list(unknown[:5])}")
    if not isinstance(rules, list) or rules != sorted({str(rule) for rule in rules}):
        raise Malformed(f"{where}: rules: expected a sorted list of rule ids")
    if not rule_ids.issuperset(rules):
        raise Malformed(f"{where}: unknown rules: {term_list(sorted(set(rules) - rule_ids)[:5])}")
    effect = require_term(Effect, item.get("effect"), f"{where}: effect", shown=True)
    if _count(each) > MAX_ROWS_PER_FILE:
        raise Malformed(f"{where}: more than {MAX_ROWS_PER_FILE} combinations")
    rows = []
    for values in product(*each.values()):
        chosen = dict(zip(each, values, strict=True))
        facts = parse_facts({**base, **changed, **chosen}, where)
        suffix = "".join(f", {name} {value}" for name, value in chosen.items())
        rows.append(TableRow(file, item["name"] + suffix, facts, effect, tuple(rules)))
    return rows


def _count(each: Mapping[str, list[Any]]) -> int:
    total = 1
    for values in each.values():
        total *= len(values)
    return total


def parse_facts(payload: object, where: str) -> Facts:
    """Read one question: an object with every fact by its name and nothing else. Raises ``Malformed``."""
    values = require_members(payload, _FACT_NAMES, where)
    return Facts(**{name: _parse_fact(_HINTS[name], values[name], f"{where}: {name}") for name in _FACT_NAMES})


def _parse_fact(hint: Any, value: Any, where: str) -> Any:
    if hint is bool:
        if not isinstance(value, bool):
            raise Malformed(f"{where}: expected true or false")
        return value
    if get_origin(hint) is tuple:
        kind = get_args(hint)[0]
        if not isinstance(value, list):
            raise Malformed(f"{where}: expected a list")
        terms = tuple(require_term(kind, item, where, shown=True) for item in value)
        if list(terms) != sorted(set(terms)):
            raise Malformed(f"{where}: expected each once, sorted")
        return terms
    return require_term(hint, value, where, shown=True)
