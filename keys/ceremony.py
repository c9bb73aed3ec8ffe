"""Two officers of the hub enrol an agency: what each of them signs, and how every reader of the log checks it.

An officer is a person with a key of their own, known by an opaque id. The set of officers stands in the log; an
``agency`` entry carries the signatures of two of them (docs/protocol.md section 10.2, docs/enrolment.md). All are JWS
with a ``typ`` of their own, so that none can pass for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.certificates import AgencyRecord
from keys.fingerprints import group_fingerprint, normalise_fingerprint
from keys.jose import KeyRefused, PublicKey, Signer, UnverifiedJws, parse_public_jwk, sign_compact
from keys.refusal import KeysRefusal
from policies.model import Malformed, parse_time, render_time, require_digest, require_id, require_members

SIGNATURES = 2
MAX_OFFICERS = 20
MAX_SIGNATURE_BYTES = 4 * 1024
ENROLMENT_TYPE = "nrmhub-enrolment+jws"
OFFICERS_TYPE = "nrmhub-officers+jws"


class CeremonyRefused(KeysRefusal):
    """Signatures that do not make an enrolment, or a set of officers. The text says what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class OfficerSet:
    """Who may enrol agencies: officer id to Ed25519 key. At least two, no key twice."""

    officers: Mapping[str, PublicKey]

    @classmethod
    def from_json(cls, data: object) -> OfficerSet:
        """Read ``[{"officer": id, "key": jwk}…]``, sorted by id. Raises ``CeremonyRefused``."""
        if not isinstance(data, list) or not SIGNATURES <= len(data) <= MAX_OFFICERS:
            raise CeremonyRefused(f"officers: expected a list of {SIGNATURES} to {MAX_OFFICERS}")
        found: dict[str, PublicKey] = {}
        try:
            for item in data:
                got = require_members(item, ("officer", "key"), "officer")
                found[require_id(got["officer"], "officer")] = parse_public_jwk(got["key"])
        except (Malformed, KeyRefused) as error:
            raise CeremonyRefused(f"officers: {error}") from error
        if [item["officer"] for item in data] != sorted(found):
            raise CeremonyRefused("officers: expected each once, sorted by id")
        if any(key.alg != "Ed25519" for key in found.values()):
            raise CeremonyRefused("officers: an officer's key is an Ed25519 key")
        if len({key.kid for key in found.values()}) < len(found):
            raise CeremonyRefused("officers: two officers have the same key: they would be one person")
        return cls(found)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the members of the log's entry."""
        return [{"officer": officer, "key": dict(self.officers[officer].jwk)} for officer in sorted(self.officers)]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical list, hex: what officers sign, and what an agency pins."""
        return hashlib.sha256(canonical_bytes(self.to_json())).hexdigest()

    def find(self, kid: str) -> str | None:
        """Return whose key this is, or None."""
        return next((officer for officer, key in self.officers.items() if key.kid == kid), None)


@dataclass(frozen=True, slots=True)
class OfficerSignature:
    """One officer's verified signature, and when they say they made it."""

    officer: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class EnrolmentClaim:
    """What two officers sign of an agency: in which log, which root key, and the digest of the whole request (hex)."""

    origin: str
    agency: str
    root: str
    request: str

    @classmethod
    def of(cls, origin: str, record: AgencyRecord, request: str) -> EnrolmentClaim:
        """Return the claim for a verified agency and the digest of its request. Raises ``CeremonyRefused``."""
        try:
            return cls(origin, record.agency, record.root.kid, require_digest(request, "request"))
        except Malformed as error:
            raise CeremonyRefused(str(error)) from error

    def _said(self) -> dict[str, Any]:
        return {"log": self.origin, "agency": self.agency, "root": self.root, "request": self.request}

    def sign(self, officer: str, signer: Signer, at: datetime) -> str:
        """Return an officer's signature of this enrolment."""
        return sign_as_officer(self._said(), ENROLMENT_TYPE, officer, signer, at)

    def verify(self, tokens: object, officers: OfficerSet) -> tuple[OfficerSignature, ...]:
        """Return the signatures of two different officers. Raises ``CeremonyRefused`` for anything else."""
        signatures = self.verify_some(tokens, officers)
        if len(signatures) != SIGNATURES:
            raise CeremonyRefused(f"an enrolment has the signatures of {SIGNATURES} officers, got {len(signatures)}")
        return signatures

    def verify_some(self, tokens: object, officers: OfficerSet) -> tuple[OfficerSignature, ...]:
        """Return what is there of the signatures, at most two, none of one officer twice. Raises as ``verify``."""
        return verify_officers_signed(tokens, self._said(), ENROLMENT_TYPE, officers, SIGNATURES)


def request_fingerprint(request: Mapping[str, Any]) -> str:
    """Return the fingerprint of an enrolment request, in 16 groups of 4 hex characters.

    It covers all of it: the root, the agency's id, kind and name, and the working keys. A request that an agency made
    before has another one.
    """
    return group_fingerprint(canonical_bytes(dict(request)))


def request_digest(request: Mapping[str, Any]) -> str:
    """Return the same as 64 hex characters."""
    return normalise_fingerprint(request_fingerprint(request))


# --- the set of officers itself ---


def sign_officers(
    origin: str, wanted: OfficerSet, current: OfficerSet | None, officer: str, signer: Signer, at: datetime
) -> str:
    """Return an officer's signature of a new set, which replaces ``current`` (None: the first)."""
    return sign_as_officer(_said_of_officers(origin, wanted, current), OFFICERS_TYPE, officer, signer, at)


def missing_signatures(origin: str, wanted: OfficerSet, current: OfficerSet | None, tokens: object) -> int:
    """Return how many signatures a new set still needs. Raises ``CeremonyRefused`` for one that is wrong.

    Everybody new in it signs, and so proves to hold their key; and of an earlier set two who are still its officers.
    """
    people = {**({} if current is None else current.officers), **wanted.officers}
    if current is not None and any(current.officers.get(name, key) != key for name, key in wanted.officers.items()):
        raise CeremonyRefused("officers: an id keeps its key; make a new officer for a new key")
    said = _said_of_officers(origin, wanted, current)
    signed = {
        item.officer
        for item in verify_officers_signed(tokens, said, OFFICERS_TYPE, OfficerSet(people), 2 * MAX_OFFICERS)
    }
    old = frozenset() if current is None else frozenset(current.officers)
    missing_new = len(frozenset(wanted.officers) - old - signed)
    return missing_new + (0 if current is None else max(0, SIGNATURES - len(old & signed)))


def verify_officers(entry: Mapping[str, Any], origin: str, current: OfficerSet | None) -> OfficerSet:
    """Verify an ``officers`` entry that follows ``current``. Raises ``CeremonyRefused`` or ``KeyError``."""
    wanted = OfficerSet.from_json(entry["officers"])
    if entry["previous"] != (None if current is None else current.digest):
        raise CeremonyRefused("officers: the set does not follow the one before it")
    missing = missing_signatures(origin, wanted, current, entry["signatures"])
    if missing:
        raise CeremonyRefused(f"officers: {missing} signatures are missing")
    return wanted


def _said_of_officers(origin: str, wanted: OfficerSet, current: OfficerSet | None) -> dict[str, Any]:
    return {"log": origin, "officers": wanted.digest, "previous": None if current is None else current.digest}


def sign_as_officer(said: Mapping[str, Any], typ: str, officer: str, signer: Signer, at: datetime) -> str:
    """Return an officer's signature of these members, under a ``typ`` of their own."""
    return sign_compact(canonical_bytes({**said, "officer": officer, "signed_at": render_time(at)}), typ, signer)


def verify_officers_signed(
    tokens: object, said: Mapping[str, Any], typ: str, officers: OfficerSet, at_most: int
) -> tuple[OfficerSignature, ...]:
    """Return the signatures of exactly these members by different officers. Raises ``CeremonyRefused``."""
    if not isinstance(tokens, Sequence) or isinstance(tokens, str) or len(tokens) > at_most:
        raise CeremonyRefused(f"signatures: expected a list of at most {at_most}")
    found: dict[str, OfficerSignature] = {}
    for token in tokens:
        signature = _verify_one(token, said, typ, officers)
        if signature.officer in found:
            raise CeremonyRefused("signatures: the same officer signed twice; two people are needed")
        found[signature.officer] = signature
    return tuple(found.values())


def _verify_one(token: object, said: Mapping[str, Any], typ: str, officers: OfficerSet) -> OfficerSignature:
    try:
        jws = UnverifiedJws.parse(token, max_bytes=MAX_SIGNATURE_BYTES)
        officer = officers.find(jws.kid)
        if officer is None:
            raise CeremonyRefused("signatures: one is by nobody who is an officer")
        got = require_members(
            parse_canonical(jws.verify(officers.officers[officer], typ)), (*said, "officer", "signed_at"), "signature"
        )
        if {name: got[name] for name in said} != dict(said) or got["officer"] != officer:
            raise CeremonyRefused("signatures: one is of something else than this")
        return OfficerSignature(officer, parse_time(got["signed_at"], "signed_at"))
    except CeremonyRefused:
        raise
    except (KeysRefusal, Malformed, NotCanonical) as error:
        raise CeremonyRefused("signatures: one does not verify") from error
