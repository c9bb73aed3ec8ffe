"""A second evaluator of agreements, for tests alone: its own reader of the policies' text and of the gateways' table.

It shares nothing with the engine but the facts: no Cedar, no parsed form of a bundle, no derived facts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.model import Facts

_MARKS = r"::|&&|\|\||==|!=|[!(){}\[\],.;]"
_TOKEN = re.compile(rf'\s+|//[^\n]*|(?P<text>"[^"\\]*")|(?P<word>@?[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>{_MARKS})')
Question = Mapping[str, Any]
Condition = Callable[[Question], Any]


@dataclass(frozen=True)
class ReadPolicy:
    """One policy: its id, whether it permits, and when it applies."""

    id: str
    is_permit: bool
    applies: Condition


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            assert found, f"unreadable at {text[place : place + 20]!r}"
            place = found.end()
            if found.lastgroup:
                self.tokens.append(found.group())
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        assert token, "the text ends too early"
        assert expected is None or token == expected, f"expected {expected}, found {token}"
        self.at += 1
        return token

    def policies(self) -> list[ReadPolicy]:
        found = []
        while self.peek():
            found.append(self.policy())
        return found

    def policy(self) -> ReadPolicy:
        notes = {}
        while self.peek().startswith("@"):
            name = self.take()
            self.take("(")
            notes[name] = self.take().strip('"')
            self.take(")")
        effect = self.take()
        assert effect in ("permit", "forbid")
        for token in ("(", "principal", ",", "action"):
            self.take(token)
        conditions: list[Condition] = [self.stages()]
        for token in (",", "resource", ")"):
            self.take(token)
        while self.peek() in ("when", "unless"):
            word = self.take()
            self.take("{")
            condition = self.either()
            self.take("}")
            conditions.append(condition if word == "when" else _negated(condition))
        self.take(";")
        return ReadPolicy(notes["@id"], effect == "permit", lambda q: all(item(q) for item in conditions))

    def stages(self) -> Condition:
        if self.peek() not in ("==", "in"):
            return _always(True)
        self.take()
        named = self.term()
        stages = {"export", "submit"} if named == "beyond" else {named}
        return lambda q: q["stage"] in stages

    def either(self) -> Condition:
        parts = [self.both()]
        while self.peek() == "||":
            self.take()
            parts.append(self.both())
        return lambda q: any(part(q) for part in parts)

    def both(self) -> Condition:
        parts = [self.compared()]
        while self.peek() == "&&":
            self.take()
            parts.append(self.compared())
        return lambda q: all(part(q) for part in parts)

    def compared(self) -> Condition:
        if self.peek() == "!":
            self.take()
            return _negated(self.compared())
        left = self.value()
        if self.peek() not in ("==", "!=", "in"):
            return left
        operator, right = self.take(), self.value()
        if operator == "==":
            return lambda q: left(q) == right(q)
        if operator == "!=":
            return lambda q: left(q) != right(q)
        return lambda q: left(q) in _as_set(right(q))

    def value(self) -> Condition:
        if self.peek() == "(":
            self.take()
            found = self.either()
            self.take(")")
        elif self.peek() == "[":
            found = self.written_set()
        elif self.peek() in ("principal", "resource", "context"):
            self.take()
            self.take(".")
            found = _fact(self.take())
        else:
            named = self.term()
            found = _always(named)
        while self.peek() == ".":
            self.take()
            found = self.method(found)
        return found

    def method(self, left: Condition) -> Condition:
        name = self.take()
        self.take("(")
        right = self.value()
        self.take(")")
        if name == "contains":
            return lambda q: right(q) in left(q)
        if name == "containsAny":
            return lambda q: bool(left(q) & right(q))
        assert name == "containsAll"
        return lambda q: left(q) >= right(q)

    def written_set(self) -> Condition:
        self.take("[")
        terms = set()
        while self.peek() != "]":
            terms.add(self.term())
            if self.peek() == ",":
                self.take()
        self.take("]")
        return _always(frozenset(terms))

    def term(self) -> str:
        self.take()
        self.take("::")
        return self.take().strip('"')


def _always(value: Any) -> Condition:
    return lambda _: value


def _negated(condition: Condition) -> Condition:
    return lambda q: not condition(q)


def _fact(name: str) -> Condition:
    return lambda q: q[name]


def _as_set(value: Any) -> Any:
    return value if isinstance(value, frozenset) else {value}


@dataclass(frozen=True)
class Reference:
    """An agreement as this evaluator reads it."""

    policies: tuple[ReadPolicy, ...]
    gateways: Mapping[str, Any]
    bases: Mapping[str, Any]

    @classmethod
    def read(cls, contents: Mapping[str, bytes]) -> Reference:
        """Read the files of a bundle."""
        manifest = tomllib.loads(contents["bundle.toml"].decode())
        found = [item for name in manifest["policies"] for item in _Reader(contents[name].decode()).policies()]
        return cls(tuple(found), *(tomllib.loads(contents[name].decode()) for name in ("gateways.toml", "bases.toml")))

    def question(self, facts: Facts) -> Question:
        """Lay out a question as plain words, sets and truths, with what the gateway's entry adds."""
        said: dict[str, Any] = {
            name: frozenset(value) if isinstance(value, list) else value for name, value in facts.to_json().items()
        }
        entry = self.gateways[said["gateway"]]
        from_kind, to_kind = said["originator_kind"], said["recipient_kind"]
        said["gateway_in_use"] = entry["enabled_from"] != "none"
        in_use = {code: entry["enabled_from"] != "none" for code, entry in self.bases.items()} | {"none": True}
        said["article6_in_use"], said["condition_in_use"] = in_use[said["article6"]], in_use[said["condition"]]
        said["gateway_open_to_originator"] = any(from_kind in route["from"] for route in entry["routes"])
        said["gateway_reaches_recipient"] = any(
            from_kind in route["from"] and to_kind in route["to"] for route in entry["routes"]
        )
        said["gateway_serves_purpose"] = said["purpose"] in entry["purposes"]
        said["article6_fits_gateway"] = said["article6"] in entry["article6"]
        said["condition_fits_gateway"] = said["condition"] in entry["conditions"]
        return said

    def answer(self, facts: Facts) -> tuple[bool, tuple[str, ...]]:
        """Whether it is permitted, and by which policies that was determined."""
        question = self.question(facts)
        applying = [policy for policy in self.policies if policy.applies(question)]
        forbids = sorted(policy.id for policy in applying if not policy.is_permit)
        permits = sorted(policy.id for policy in applying if policy.is_permit)
        if forbids or not permits:
            return False, tuple(forbids)
        return True, tuple(permits)
