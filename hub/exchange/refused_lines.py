"""What a push leaves in the log of the lines that were refused: one entry a batch, never a word of a line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hub.exchange.acts import CaseAct, Receipt
from hub.refusal import Refused

DENIED_CODES = frozenset({"policy", "facts_differ", "signature", "clock", "conflict", "recipient_key", "emergency"})
"""Refusals that are recorded: somebody tried to give what may not be given, what its originator had not signed, what
was signed long ago or ahead of time, what two people had not signed or might not, one thing under another's id, or
something to a key that counts no more."""


@dataclass(slots=True)
class RefusedLines:
    """Counts a batch's refusals by code and rules."""

    _counted: Counter[tuple[str, tuple[str, ...]]] = field(default_factory=Counter)

    def note(self, refusal: Refused) -> None:
        """Count a refusal if it is one that is recorded."""
        if refusal.code in DENIED_CODES:
            self._counted[refusal.code, tuple(refusal.extra.get("rules", ()))] += 1

    def record(self, act: CaseAct, agency: str) -> Receipt | None:
        """Append one ``denied`` entry for the batch, in its transaction; None where there is nothing to record."""
        if not self._counted:
            return None
        return act.record(
            "denied",
            {
                "agency": agency,
                "member": None,
                "act": "push",
                "statement": None,
                "code": "refused",
                "rules": sorted({rule for _, rules in self._counted for rule in rules}),
                "lines": [
                    {"code": code, "rules": list(rules), "count": count}
                    for (code, rules), count in sorted(self._counted.items())
                ],
            },
        )
