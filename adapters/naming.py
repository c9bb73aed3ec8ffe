"""One of several by the beginning of its digest or id, as people type it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from adapters.refusal import CaseRefused

MIN_NAMED = 8
"""Characters that have to be typed: fewer name another one too easily."""
T = TypeVar("T")


def find_named(items: Iterable[T], named: str, digest_of: Callable[[T], str], what: str) -> T:
    """Return the one item whose digest or id begins as typed. Raises ``CaseRefused``; ``what`` says of what, and where
    they are listed."""
    found = [item for item in items if digest_of(item).startswith(named)]
    if len(named) < MIN_NAMED or len(found) != 1:
        raise CaseRefused(f"expected the first {MIN_NAMED} or more characters of {what}")
    return found[0]
