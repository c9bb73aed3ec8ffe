"""The directory from the log's public entries: believed only where a pinned root vouches for it. Pure.

What is not believed is named, for an alarm that a person sees; so is what stands there in our own agency's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.home import HubPin
from keys.bundle_changes import ActiveBundle
from keys.canonical import parse_canonical
from keys.certificates import Certificate, verify_agency
from keys.console_access import ConsoleAccess
from keys.directory import Directory
from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.jose import SignatureRefused
from keys.log_keys import LogKeyChange
from keys.public_log import PublicLog
from keys.refusal import KeysRefusal
from keys.revocation import Revocation
from keys.statements import peek
from keys.transparency import WitnessSet
from policies.model import Malformed


@dataclass(frozen=True, slots=True)
class DirectoryReading:
    """The directory as the proven entries give it, and what of them was not believed.

    ``ours`` names every certificate, revocation and console access in our own agency's name by digest, in the order of
    the log; ``accesses`` are the newest words on its accounts at the hub's console.
    """

    directory: Directory
    faults: tuple[str, ...]
    ours: Mapping[str, str]
    pinned: WitnessSet
    accesses: tuple[ConsoleAccess, ...]
    bundles: tuple[ActiveBundle, ...]
    """Every policy bundle that was ever active, oldest first."""
    witness_sets: tuple[tuple[int, WitnessSet], ...]
    """Position and set, from the pinned one on: those that the quorum before approved."""

    log_keys: tuple[LogKeyChange, ...]
    """How the log's key changed, each time by two officers' word. Which one counts is in the pin."""

    @property
    def witnesses(self) -> WitnessSet:
        """The newest set that counts."""
        return self.witness_sets[-1][1] if self.witness_sets else self.pinned

    def witnesses_at(self, size: int) -> WitnessSet:
        """Return whose quorum a head of ``size`` entries needs: the newest set below it, the pinned one before that."""
        return next((found for index, found in reversed(self.witness_sets) if index < size), self.pinned)


_GOES_ON = {
    "witnesses": "; the witnesses before go on counting",
    "bundle": "; the agreement before goes on deciding",
    "log_key": "; the log key before goes on counting",
}


class _Reading:
    """One reading, entry by entry in the order of the log."""

    def __init__(self, pin: HubPin, agency: str) -> None:
        self.pin, self.agency = pin, agency
        self.faults: list[str] = []
        self.ours: dict[str, str] = {}
        self.pinned = WitnessSet.from_json(pin.witnesses)
        self.log = PublicLog(
            pin.origin, officers=pin.officers, witnesses=self.pinned, heard=pin.roots, floor=pin.protocol
        )

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
            elif self._is_followed(kind, entry):
                taken = self.log.take(entry, index)
                self._note_ours(taken)
                self._note_unheard(taken)
        except (KeysRefusal, Malformed) as error:
            after = _GOES_ON.get(kind, "") if isinstance(kind, str) else ""
            self.faults.append(f"a directory entry was not believed: {error}{after}")
        except (AttributeError, KeyError, TypeError, ValueError):
            self.faults.append("a directory entry was not believed: it is not of the agreed form")

    def _agency(self, entry: Mapping[str, Any], index: int) -> None:
        record = verify_agency(entry["statement"], index)
        pinned = self.pin.roots_of(record.agency)
        is_pinned = normalise_fingerprint(fingerprint(record.root)) in pinned
        if is_pinned or not pinned:
            # Whoever two officers enrolled is one of those of whom enough must speak against a root, as at the hub;
            # a voice of its own it has only where it is pinned.
            self.log.enrol(entry, record)
        if not pinned:
            self.faults.append(
                f"a new agency stands in the log that is not in your pin: {record.agency}. Nothing is shared with it "
                "until you have checked its fingerprint and pinned again: nrm-adapter pin-hub"
            )
        elif not is_pinned and record.agency not in self.log.directory.agencies:
            self.faults.append(f"agency {record.agency} stands in the log with another root than the pinned one")
        elif not is_pinned:
            self.faults.append(
                f"agency {record.agency} enrolled again with another root than the pinned one; check its fingerprint "
                "and pin again: nrm-adapter pin-hub"
            )

    def _is_followed(self, kind: object, entry: Mapping[str, Any]) -> bool:
        if kind == "certificate":
            return self._is_certifier_known(entry["statement"])
        # Whom an agency that is not pinned lets into the hub's console cannot be told here, and is nobody's of ours.
        return kind != "console_access" or bool(self.pin.roots_of(peek(entry["statement"]).issuer))

    def _is_certifier_known(self, token: object) -> bool:
        """Whether a certificate's agency is in the directory. Raises ``SignatureRefused`` where it should be."""
        claimed, directory = peek(token), self.log.directory
        if directory.find_root(claimed.kid) is not None or claimed.issuer in directory.agencies:
            return True
        if self.pin.roots_of(claimed.issuer):
            raise SignatureRefused("a certificate of an agency whose root is not pinned")
        return False  # that its agency is not pinned was said once, with its own entry

    def _note_ours(self, taken: object) -> None:
        if isinstance(taken, Certificate) and taken.agency == self.agency:
            self.ours[taken.statement.digest] = f"certificate for {taken.use.value}"
        elif isinstance(taken, Revocation | ConsoleAccess) and taken.agency == self.agency:
            self.ours[taken.statement.digest] = "revocation" if isinstance(taken, Revocation) else "console access"

    def _note_unheard(self, taken: object) -> None:
        if isinstance(taken, Revocation) and taken.issuer != taken.agency and not self.pin.roots_of(taken.issuer):
            self.faults.append(
                f"an agency that is not in your pin, {taken.issuer}, says that the root of {taken.agency} must not "
                "count any more. Its word does not count here"
            )


def read_directory(entries: Iterable[tuple[int, str]], pin: HubPin, agency: str) -> DirectoryReading:
    """Read (position, body) of every public entry, in the order of the log, for one agency's adapter."""
    reading = _Reading(pin, agency)
    for number, (index, body) in enumerate(entries):
        reading.take(index, body, is_first=number == 0)
    if not reading.log.witnesses.sets:
        reading.faults.append("the pinned witnesses do not stand in the log")
    reading.faults += reading.log.enrolments.faults()
    for item in reading.log.directory.ignored:
        reading.faults.append(
            f"{item.agency} certifies a key that is somebody else's or a root, or by a root that was revoked; it was "
            "ignored"
        )
    # A log without the officers that were pinned is not the log that was pinned: nobody in it is believed.
    is_ours = not reading.log.enrolments.faults()
    pinned = {agency for agency in reading.log.directory.agencies if pin.roots_of(agency)}
    return DirectoryReading(
        directory=reading.log.directory.limited_to(pinned) if is_ours else Directory((), ()),
        faults=tuple(reading.faults),
        ours=reading.ours,
        pinned=reading.pinned,
        accesses=tuple(item for item in reading.log.accesses.values() if item.agency == agency),
        bundles=reading.log.bundles.bundles if is_ours else (),
        witness_sets=reading.log.witnesses.sets if is_ours else (),
        log_keys=tuple(reading.log.log_keys.changes) if is_ours else (),
    )
