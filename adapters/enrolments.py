"""Who enrolled each agency, for a person to look at: the officers whose signatures stand under it in the log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from keys.canonical import parse_canonical
from keys.ceremony import OfficerSignature
from keys.certificates import verify_agency
from keys.enrolments import EnrolmentCheck
from keys.refusal import KeysRefusal
from policies.model import Malformed


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One enrolment as the log has it: whose, and which officers signed it, or what is wrong with it."""

    agency: str
    signatures: tuple[OfficerSignature, ...]
    fault: str


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
