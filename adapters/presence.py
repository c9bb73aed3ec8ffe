"""Whether a disclosure was made to somebody as they are in the case now, or before they were out of it (attack 86)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.cases import VerifiedCase
from policies.membership import Said
from policies.presence import Who, is_from_before, present_since


@dataclass(frozen=True, slots=True)
class Presence:
    """Since which membership each one is in a case without a break, and the number of each membership by digest."""

    since: Mapping[Who, int]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, case: VerifiedCase) -> Presence:
        """Read it from the verified statements of a case."""
        memberships, departures = (
            [Said(item.digest, item.issuer, item.members) for item in statements]
            for statements in (case.membership, case.departures)
        )
        numbers = {item.digest: number for number, item in enumerate(memberships)}
        return cls(present_since(memberships, departures), numbers)

    def is_past(self, disclosed: Mapping[str, Any]) -> bool:
        """Whether a disclosure's members name a membership from before its recipient came back.

        The hub takes a disclosure under the newest membership only, so that the one it names says when it was made.
        """
        who = (disclosed["recipient_agency"], disclosed["recipient_member"])
        return is_from_before(self.since, who, self.numbers.get(str(disclosed["membership"]), -1))
