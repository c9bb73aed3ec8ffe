"""The form of what a disclosure lists, checked before anything of it is looked up. Raises ``Malformed`` only."""

from __future__ import annotations

from typing import Any

from policies.model import Malformed, require_digest, require_members
from policies.vocabulary import NotGivenCode

MAX_NOT_GIVEN = 10_000


def require_list(value: object, most: int, name: str, *, at_least: int = 0) -> list[Any]:
    """Return a list of so many elements."""
    if not isinstance(value, list) or not at_least <= len(value) <= most:
        raise Malformed(f"{name}: expected a list of {at_least} to {most}")
    return value


def pick(values: list[Any], index: object, name: str) -> Any:
    """Return the element of a table that an item names by its index."""
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(values):
        raise Malformed(f"disclosure item {name}: no such entry")
    return values[index]


def require_not_given(value: object) -> None:
    """Check the list of what the recipient is not given: each digest once, sorted, with a public code."""
    listed = require_list(value, MAX_NOT_GIVEN, "not_given")
    digests = []
    for item in listed:
        got = require_members(item, ("sha256", "code"), "not_given entry")
        digests.append(require_digest(got["sha256"], "not_given sha256"))
        if got["code"] not in {code.value for code in NotGivenCode}:
            raise Malformed("not_given code: unknown term")
    if digests != sorted(set(digests)):
        raise Malformed("not_given: expected each digest once, sorted")
