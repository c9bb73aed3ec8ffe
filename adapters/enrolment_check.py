"""What an adapter checks of an enrolment in the log: two officers of the set that stood then have signed it.

Whose root an agency's is, is pinned; these signatures say who enrolled it, and that no one person did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keys.canonical import parse_canonical
from keys.ceremony import CeremonyRefused, EnrolmentClaim, OfficerSet, OfficerSignature, verify_officers
from keys.certificates import AgencyRecord, verify_agency
from keys.refusal import KeysRefusal
from policies.model import Malformed


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One enrolment as the log has it: whose, and which officers signed it, or what is wrong with it."""

    agency: str
    signatures: tuple[OfficerSignature, ...]
    fault: str


@dataclass(slots=True)
class EnrolmentCheck:
    """Follows the sets of officers through one log, entry by entry. ``pinned`` is the digest of the set in the pin."""

    origin: str
    pinned: str
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
            raise CeremonyRefused(f"agency {record.agency}: its enrolment is not signed by two officers") from error

    def faults(self) -> tuple[str, ...]:
        """Return what is wrong with the officers as a whole, at the end of the log."""
        if self.pinned in self.seen:
            return ()
        return ("the officers that were pinned do not stand in the log; no agency in it is believed",)


def list_enrolments(bodies: Iterable[str], origin: str, pinned: str) -> tuple[Enrolment, ...]:
    """Return every enrolment in the public entries of a log, oldest first, for a person to look at."""
    check = EnrolmentCheck(origin, pinned)
    found = []
    for body in bodies:
        agency = ""
        try:
            entry = parse_canonical(body.encode("utf-8"))
            if entry["type"] == "officers":
                check.take_officers(entry)
            elif entry["type"] == "agency":
                record = verify_agency(entry["statement"])
                agency = record.agency
                found.append(Enrolment(agency, check.require_signed(entry, record), ""))
        except (KeysRefusal, Malformed) as error:
            found.append(Enrolment(agency, (), str(error)))
        except (AttributeError, KeyError, TypeError, ValueError):
            found.append(Enrolment(agency, (), "an entry is not of the agreed form"))
    return tuple(found)
