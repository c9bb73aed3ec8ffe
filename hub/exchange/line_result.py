"""What became of one line of a push."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hub.exchange.acts import Receipt


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line: accepted with a receipt, repeated with its log position then, or refused."""

    line: int
    status: str
    receipt: Receipt | None = None
    repeats: int | None = None
    problem: Mapping[str, Any] | None = None

    @property
    def done(self) -> Receipt | int | None:
        """The new act's receipt, or the log index of the same act before."""
        return self.repeats if self.receipt is None else self.receipt

    def with_done(self, done: Receipt | int | None) -> LineResult:
        """Return the same result with the act's place."""
        if isinstance(done, Receipt):
            return replace(self, receipt=done)
        return replace(self, repeats=done)
