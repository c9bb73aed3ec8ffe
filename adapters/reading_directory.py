"""The directory from the log's public entries: believed only where a pinned root vouches for it. Pure.

What is not believed is named, for an alarm that a person sees; so is what stands there in our own agency's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.enrolment_check import EnrolmentCheck
from adapters.home import HubPin
from keys.canonical import parse_canonical
from keys.certificates import verify_agency, verify_certificate
from keys.directory import Directory
from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.jose import SignatureRefused
from keys.refusal import KeysRefusal
from keys.statements import peek
from keys.transparency import WitnessSet
from keys.witness_changes import WitnessChain
from policies.model import Malformed

_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class DirectoryReading:
    """The directory as the proven entries give it, and what of them was not believed.

    ``ours`` names every certificate and revocation in our own agency's name by digest, in the order of the log.
    """

    directory: Directory
    faults: tuple[str, ...]
    ours: Mapping[str, str]
    pinned: WitnessSet
    witness_sets: tuple[tuple[int, WitnessSet], ...]
    """Position and set, from the pinned one on: those that the quorum before approved."""

    @property
    def witnesses(self) -> WitnessSet:
        """The newest set that counts."""
        return self.witness_sets[-1][1] if self.witness_sets else self.pinned

    def witnesses_at(self, size: int) -> WitnessSet:
        """Return whose quorum a head of ``size`` entries needs: the newest set below it, the pinned one before that."""
        return next((found for index, found in reversed(self.witness_sets) if index < size), self.pinned)


class _Reading:
    """One reading, entry by entry in the order of the log."""

    def __init__(self, pin: HubPin, agency: str) -> None:
        self.pin, self.agency = pin, agency
        self.directory = Directory((), ())
        self.faults: list[str] = []
        self.ours: dict[str, str] = {}
        self.pinned = WitnessSet.from_json(pin.witnesses)
        self.witnesses = WitnessChain(self.pinned)
        self.enrolment = EnrolmentCheck(pin.origin, pin.officers)

    def take(self, index: int, body: str, *, is_first: bool) -> None:
        """Take one entry in. What is not believed becomes a fault, and nothing else."""
        kind = None
        try:
            entry = parse_canonical(body.encode("utf-8"))
            kind = entry["type"]
            if is_first and (kind, entry["origin"]) != ("genesis", self.pin.origin):
                self.faults.append("the log does not begin with the genesis of the pinned log")
            if kind == "agency":
                self._agency(entry, index)
            elif kind == "officers":
                self.enrolment.take_officers(entry)
            elif kind == "certificate":
                self._certificate(entry["statement"], index)
            elif kind == "revocation":
                revocation = self.directory.verify_revocation(entry["statement"], index)
                self.directory.add_revocation(revocation)
                self._note_ours(revocation.agency, revocation.statement.digest, "revocation")
            elif kind == "witnesses":
                at = datetime.strptime(entry["at"], _AT).replace(tzinfo=UTC)
                self.witnesses.take(entry, index, self.directory, at)
        except (KeysRefusal, Malformed) as error:
            after = "; the witnesses before go on counting" if kind == "witnesses" else ""
            self.faults.append(f"a directory entry was not believed: {error}{after}")
        except (AttributeError, KeyError, TypeError, ValueError):
            self.faults.append("a directory entry was not believed: it is not of the agreed form")

    def _agency(self, entry: Mapping[str, Any], index: int) -> None:
        record = verify_agency(entry["statement"], index)
        pinned = self.pin.roots_of(record.agency)
        is_pinned = normalise_fingerprint(fingerprint(record.root)) in pinned
        if is_pinned or not pinned:
            # Whoever two officers enrolled has a voice against a root, pinned here or not: the hub counts them too.
            self.enrolment.require_signed(entry, record)
            self.directory.add_agency(record)
        if not pinned:
            self.faults.append(
                f"a new agency stands in the log that is not in your pin: {record.agency}. Nothing is shared with it "
                "until you have checked its fingerprint and pinned again: nrm-adapter pin-hub"
            )
        elif not is_pinned and record.agency not in self.directory.agencies:
            self.faults.append(f"agency {record.agency} stands in the log with another root than the pinned one")
        elif not is_pinned:
            self.faults.append(
                f"agency {record.agency} enrolled again with another root than the pinned one; check its fingerprint "
                "and pin again: nrm-adapter pin-hub"
            )

    def _certificate(self, token: object, index: int) -> None:
        claimed = peek(token)
        record = self.directory.find_root(claimed.kid) or self.directory.agencies.get(claimed.issuer)
        if record is None and not self.pin.roots_of(claimed.issuer):
            return  # that its agency is not pinned was said once, with its own entry
        if record is None:
            raise SignatureRefused("a certificate of an agency whose root is not pinned")
        certificate = verify_certificate(token, record, index)
        self.directory.add_certificate(certificate)
        self._note_ours(certificate.agency, certificate.statement.digest, f"certificate for {certificate.use.value}")

    def _note_ours(self, agency: str, digest: str, what: str) -> None:
        if agency == self.agency:
            self.ours[digest] = what


def read_directory(entries: Iterable[tuple[int, str]], pin: HubPin, agency: str) -> DirectoryReading:
    """Read (position, body) of every public entry, in the order of the log, for one agency's adapter."""
    reading = _Reading(pin, agency)
    for number, (index, body) in enumerate(entries):
        reading.take(index, body, is_first=number == 0)
    if not reading.witnesses.sets:
        reading.faults.append("the pinned witnesses do not stand in the log")
    reading.faults += reading.enrolment.faults()
    for item in reading.directory.ignored:
        reading.faults.append(
            f"{item.agency} certifies a key that is somebody else's, or by a root that was revoked; it was ignored"
        )
    # A log without the officers that were pinned is not the log that was pinned: nobody in it is believed.
    is_ours = not reading.enrolment.faults()
    pinned = {agency for agency in reading.directory.agencies if pin.roots_of(agency)}
    return DirectoryReading(
        directory=reading.directory.limited_to(pinned) if is_ours else Directory((), ()),
        faults=tuple(reading.faults),
        ours=reading.ours,
        pinned=reading.pinned,
        witness_sets=reading.witnesses.sets if is_ours else (),
    )
