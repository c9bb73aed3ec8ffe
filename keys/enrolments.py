"""Whether an enrolment in the log counts: two officers of the set that stood then have signed it (section 10.2).

Whose root an agency's is, is for people to pin; these signatures say who enrolled it, and that no one person did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keys.ceremony import CeremonyRefused, EnrolmentClaim, OfficerSet, OfficerSignature, verify_officers
from keys.certificates import AgencyRecord


@dataclass(slots=True)
class EnrolmentCheck:
    """Follows the sets of officers through one log, entry by entry.

    ``pinned`` is the digest of the set in the pin; None: nothing is pinned, and the first set in the log counts.
    """

    origin: str
    pinned: str | None
    current: OfficerSet | None = None
    seen: set[str] = field(default_factory=set)

    def take_officers(self, entry: Mapping[str, Any]) -> None:
        """Take an ``officers`` entry in. Raises ``CeremonyRefused`` or ``KeyError``; then the set before it stands."""
        self.current = verify_officers(entry, self.origin, self.current)
        self.seen.add(self.current.digest)

    def require_signed(self, entry: Mapping[str, Any], record: AgencyRecord) -> tuple[OfficerSignature, ...]:
        """Return the signatures of two officers of the set that stands now under an ``agency`` entry.

        Raises ``CeremonyRefused`` or ``KeyError``.
        """
        if self.current is None:
            raise CeremonyRefused(f"agency {record.agency} was enrolled before there were officers")
        try:
            return EnrolmentClaim.of(self.origin, record, entry["request"]).verify(entry["officers"], self.current)
        except CeremonyRefused as error:
            raise CeremonyRefused(
                f"agency {record.agency}: its enrolment is not signed by two officers: {error}"
            ) from error

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with the officers as a whole, at the end of the log."""
        if self.pinned is None or self.pinned in self.seen:
            return ()
        return ("the officers that were pinned do not stand in the log; no agency in it is believed",)
