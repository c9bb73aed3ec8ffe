"""What the public entries of a log come to: officers, agencies, keys, witnesses, console accesses, bundles. Pure.

Every reader follows them by these rules, entry by entry in the order of the log (docs/protocol.md sections 2 and 10):
the hub's own check of the log, which has nothing pinned, and each agency's adapter, which holds them against its pin.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from keys.bundle_changes import ActiveBundle, BundleChain
from keys.certificates import AgencyRecord, Certificate, verify_agency, verify_certificate
from keys.console_access import ConsoleAccess, verify_console_access
from keys.directory import Directory
from keys.enrolments import EnrolmentCheck
from keys.log_keys import LogKeyChain
from keys.refusal import KeysRefusal
from keys.revocation import Revocation
from keys.statements import StatementType, peek
from keys.witness_changes import WitnessChain
from keys.witnesses import WitnessSet
from policies.model import Malformed, require_agency
from policies.protocol import PROTOCOL_VERSION, require_floor, version_of

Taken = ActiveBundle | AgencyRecord | Certificate | ConsoleAccess | Revocation
"""What one public entry can add."""
_STATEMENTS = {
    "agency": StatementType.AGENCY,
    "certificate": StatementType.CERTIFICATE,
    "revocation": StatementType.REVOCATION,
    "console_access": StatementType.CONSOLE_ACCESS,
}
"""The statement that stands whole in an entry of a type."""
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


class PublicLog:
    """The public entries so far: the directory, who may enrol, and who the witnesses are."""

    def __init__(
        self,
        origin: str,
        *,
        officers: str | None = None,
        witnesses: WitnessSet | None = None,
        heard: Collection[str] | None = None,
        floor: int = PROTOCOL_VERSION,
    ) -> None:
        """``officers`` (a digest) and ``witnesses`` are what is pinned; None: the first in the log count.

        ``heard``: the agencies that are pinned, whose word against another's root counts; None: all of the log.
        ``floor`` as in ``Directory``.
        """
        self.directory = Directory((), (), heard=heard, floor=floor)
        self.enrolments = EnrolmentCheck(origin, officers)
        self.witnesses = WitnessChain(witnesses)
        self.bundles = BundleChain()
        self.log_keys = LogKeyChain(origin)
        self.accesses: dict[tuple[str, str, str], ConsoleAccess] = {}
        """The newest word on each account that is, or was, let into the hub's console."""

    def take(self, entry: Mapping[str, Any], index: int) -> Taken | None:
        """Take the entry at a log position in; return what it adds, None where it is of another kind.

        Raises ``KeysRefusal``, ``Malformed``, or, for what is not of the agreed form, ``AttributeError``, ``KeyError``,
        ``TypeError`` or ``ValueError``. Then everything stays as it was.
        """
        kind = entry["type"]
        if kind in _STATEMENTS:
            require_floor(version_of(_STATEMENTS[kind].value), self.directory.floor, f"{kind} entry")
        if kind == "agency":
            record = verify_agency(entry["statement"], index)
            self.enrol(entry, record)
            return record
        if kind == "certificate":
            return self._certify(entry["statement"], index)
        if kind == "revocation":
            revocation = self.directory.verify_revocation(entry["statement"], index)
            self.directory.add_revocation(revocation)
            return revocation
        if kind == "officers":
            self.enrolments.take_officers(entry)
        elif kind == "witnesses":
            self.witnesses.take(entry, index, self.directory, _time_of(entry))
        elif kind == "genesis":
            self.bundles.begin(entry, index)
        elif kind == "bundle":
            sets = self.witnesses.sets
            newest = sets[-1][1] if sets else None
            return self.bundles.take(entry, index, newest, self.directory, _time_of(entry))
        elif kind == "log_key":
            self.log_keys.take(entry, index, self.enrolments.current)
        elif kind == "console_access":
            access = verify_console_access(entry["statement"], self.directory, _time_of(entry), index)
            self.accesses[access.account] = access
            return access
        return None

    def enrol(self, entry: Mapping[str, Any], record: AgencyRecord) -> None:
        """Take in the agency of an ``agency`` entry, whose statement was verified. Raises as ``take``."""
        self.enrolments.require_signed(entry, record)
        self.directory.add_agency(record)

    def _certify(self, token: object, index: int) -> Certificate:
        claimed = peek(token)
        record = self.directory.find_root(claimed.kid) or self.directory.get_agency(claimed.issuer)
        certificate = verify_certificate(token, record, index)
        self.directory.add_certificate(certificate)
        return certificate

    def judge(self, entry: Mapping[str, Any], index: int) -> str | None:
        """Take an entry in and say what is wrong with it and of which agency it is; None: nothing is wrong.

        An agency that two officers did not enrol is followed all the same, so that only its enrolment is named, and not
        each entry after it. A refused set of officers or witnesses, or log key, is not: the one before goes on.
        """
        ignored = len(self.directory.ignored)
        try:
            if entry["type"] == "agency":
                record = verify_agency(entry["statement"], index)
                self.directory.add_agency(record)
                self.enrolments.require_signed(entry, record)
            else:
                self.take(entry, index)
        except (KeysRefusal, Malformed) as error:
            return _of(entry, str(error))
        except (AttributeError, KeyError, TypeError, ValueError):
            return _of(entry, "it is not of the agreed form")
        if len(self.directory.ignored) > ignored:
            return _of(entry, "it certifies a key that is somebody else's or a root, or by a root that was revoked")
        return None


def _time_of(entry: Mapping[str, Any]) -> datetime:
    return datetime.strptime(entry["at"], _AT).replace(tzinfo=UTC)


def _of(entry: Mapping[str, Any], fault: str) -> str:
    """Return a fault with the agency that its entry claims to be of, where it has one and the fault does not say it."""
    try:
        agency = require_agency(peek(entry["statement"]).members["agency"])
    except (KeysRefusal, Malformed, AttributeError, KeyError, TypeError, ValueError):
        return fault
    return fault if agency in fault else f"{agency}: {fault}"
