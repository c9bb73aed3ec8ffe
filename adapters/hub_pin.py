"""What an agency pins of the federation: one file, one fingerprint that people read out to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.refusal import HomeRefused
from keys.canonical import NotCanonical, canonical_bytes
from keys.fingerprints import group_fingerprint, normalise_fingerprint
from keys.transparency import ProofInvalid, VerifierKey, WitnessSet
from policies.model import Malformed, require_agency, require_digest, require_members
from policies.protocol import require_version_floor


@dataclass(frozen=True, slots=True)
class HubPin:
    """What an agency pinned of the federation at enrolment, all of it covered by one fingerprint that people read out.

    The hub's address, its checkpoints' origin and verifier key, the witness set with its quorum, every root's print,
    the officers who enrol, and the lowest version of the protocol that members accept.
    """

    issuer: str
    origin: str
    log_vkey: str
    witnesses: Mapping[str, Any]
    roots: Mapping[str, str]
    officers: str
    """Digest of the set of officers who may enrol agencies, as it was when this was pinned."""
    protocol: int
    """The lowest version of the protocol that members accept."""

    @classmethod
    def from_json(cls, data: object) -> HubPin:
        """Read a pin file. Raises ``HomeRefused``."""
        names = ("issuer", "origin", "log_vkey", "witnesses", "roots", "officers", "protocol")
        try:
            got = require_members(data, names, "hub pin")
            WitnessSet.from_json(got["witnesses"])
            VerifierKey.parse(got["log_vkey"])
            roots = {
                # An agency that enrolled again has the print of each root, oldest first, joined by a plus sign.
                str(require_agency(agency)): "+".join(map(normalise_fingerprint, print_.split("+")))
                for agency, print_ in got["roots"].items()
            }
            if not isinstance(got["issuer"], str) or not got["issuer"].startswith(("https://", "http://")):
                raise Malformed("issuer: expected an address that begins with https://")
            if not isinstance(got["origin"], str) or not got["origin"]:
                raise Malformed("origin: expected the log's name")
            officers = require_digest(got["officers"], "officers")
            protocol = require_version_floor(got["protocol"])
        except (Malformed, ProofInvalid) as error:
            raise HomeRefused(f"hub pin: {error}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise HomeRefused("hub pin: witnesses or roots are not of the agreed form") from error
        pin = cls(got["issuer"], got["origin"], got["log_vkey"], got["witnesses"], roots, officers, protocol)
        try:
            canonical_bytes(pin.to_json())
        except NotCanonical as error:
            raise HomeRefused("hub pin: it holds something that no fingerprint can cover") from error
        return pin

    def to_json(self) -> dict[str, Any]:
        """Return the pin file's content."""
        return {
            "issuer": self.issuer,
            "origin": self.origin,
            "log_vkey": self.log_vkey,
            "witnesses": self.witnesses,
            "roots": dict(self.roots),
            "officers": self.officers,
            "protocol": self.protocol,
        }

    def roots_of(self, agency: str) -> tuple[str, ...]:
        """Return the fingerprints of an agency's roots, oldest first; none for an agency that is not pinned."""
        return tuple(self.roots[agency].split("+")) if agency in self.roots else ()

    @property
    def fingerprint(self) -> str:
        """What people read out before pinning: 16 groups of 4 hex characters over the canonical content."""
        return group_fingerprint(canonical_bytes(self.to_json()))
