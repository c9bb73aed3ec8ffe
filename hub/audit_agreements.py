"""Every agreement that was ever active: an entry's rules are said in the words under which it was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.bundles import Bundle
from policies.rules import Rule

OTHER_AGREEMENT = "decided under an agreement that is not in this hub's database"
UNKNOWN_RULE = "this rule is not in the agreement"
NO_RULE = "No rule of the agreement permits it."


@dataclass(frozen=True, slots=True)
class Agreements:
    """The agreements by digest, oldest first; the last one decides now. There is at least one."""

    by_digest: Mapping[str, Bundle]

    @property
    def active(self) -> Bundle:
        """The agreement that decides now."""
        return list(self.by_digest.values())[-1]

    def find_rule(self, rule: str, digest: str | None) -> Rule | None:
        """Return a rule of the agreement with a digest; ``None``: of the newest that has it."""
        if digest is not None:
            bundle = self.by_digest.get(digest)
            return None if bundle is None else bundle.rules.get(rule)
        found = (bundle.rules.get(rule) for bundle in reversed(list(self.by_digest.values())))
        return next((item for item in found if item is not None), None)

    def sentence_of(self, rule: str, digest: str | None) -> str:
        """Return a rule's sentence as it was agreed then; ``rule`` empty: that no rule permitted."""
        if not rule:
            return NO_RULE
        if digest is not None and digest not in self.by_digest:
            return OTHER_AGREEMENT
        known = self.find_rule(rule, digest)
        return UNKNOWN_RULE if known is None else known.sentence
