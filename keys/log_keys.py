"""Another key for the log, in the place of the one before: what two officers sign, and how a reader follows it.

The log goes on under its origin. A ``log_key`` entry says which key follows which, and from its position on every head
carries a line of the new one (docs/protocol.md section 10.2). Which key an adapter believes is for people to pin:
nothing in the log changes that (docs/adr/0014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keys.ceremony import (
    SIGNATURES,
    CeremonyRefused,
    OfficerSet,
    OfficerSignature,
    sign_as_officer,
    verify_officers_signed,
)
from keys.jose import Signer
from keys.notes import NoteInvalid, SignatureType, VerifierKey
from keys.revocation import RevocationReason

LOG_KEY_TYPE = "nrmhub-log-key+jws"
LOG_KEY_REASONS = (RevocationReason.SUPERSEDED, RevocationReason.LOST, RevocationReason.COMPROMISED)
"""Why a log's key is replaced; nobody leaves with it. Only under the first does the old one go on signing heads."""


@dataclass(frozen=True, slots=True)
class LogKeyClaim:
    """What two officers sign: in which log (its origin), which verifier key follows which, and why."""

    origin: str
    previous: VerifierKey
    key: VerifierKey
    reason: RevocationReason

    def to_json(self) -> dict[str, str]:
        """Return the members of the log's entry, without the signatures."""
        return {"key": self.key.render(), "previous": self.previous.render(), "reason": self.reason.value}

    def _said(self) -> dict[str, str]:
        return {"log": self.origin, **self.to_json()}

    def sign(self, officer: str, signer: Signer, at: datetime) -> str:
        """Return an officer's signature of this change."""
        return sign_as_officer(self._said(), LOG_KEY_TYPE, officer, signer, at)

    def verify(self, tokens: object, officers: OfficerSet) -> tuple[OfficerSignature, ...]:
        """Return the signatures of two different officers. Raises ``CeremonyRefused`` for anything else."""
        signatures = self.verify_some(tokens, officers)
        if len(signatures) != SIGNATURES:
            raise CeremonyRefused(f"log key: expected the signatures of {SIGNATURES} officers, got {len(signatures)}")
        return signatures

    def verify_some(self, tokens: object, officers: OfficerSet) -> tuple[OfficerSignature, ...]:
        """Return what is there of the signatures, at most two, none of one officer twice. Raises as ``verify``."""
        return verify_officers_signed(tokens, self._said(), LOG_KEY_TYPE, officers, SIGNATURES)


@dataclass(frozen=True, slots=True)
class LogKeyChange:
    """A change that stands in the log: at which position, which key follows which, and why."""

    index: int
    previous: VerifierKey
    key: VerifierKey
    reason: RevocationReason


@dataclass(slots=True)
class LogKeyChain:
    """Follows the keys of one log through its ``log_key`` entries, in their order."""

    origin: str
    changes: list[LogKeyChange] = field(default_factory=list)

    def take(self, entry: Mapping[str, Any], index: int, officers: OfficerSet | None) -> None:
        """Take an entry in. ``officers``: the newest set before it. Raises ``CeremonyRefused`` or ``KeyError``.

        Then the key before goes on counting.
        """
        claim = read_claim(entry, self.origin)
        if officers is None:
            raise CeremonyRefused("log key: it was replaced before there were officers")
        claim.verify(entry["signatures"], officers)
        if self.changes and claim.previous != self.changes[-1].key:
            raise CeremonyRefused("log key: the one named as replaced is not the newest before it")
        # A key id is four bytes: were two keys' the same, heads of the one would look like bad ones of the other.
        if claim.key.key_id in {item.key_id for item in (claim.previous, *known_keys(self.changes))}:
            raise CeremonyRefused("log key: the new one was a key of this log before, or has the id of one")
        self.changes.append(LogKeyChange(index, claim.previous, claim.key, claim.reason))


def read_claim(entry: Mapping[str, Any], origin: str) -> LogKeyClaim:
    """Read what a ``log_key`` entry says; not its signatures. Raises ``CeremonyRefused`` or ``KeyError``."""
    try:
        previous, key = VerifierKey.parse(entry["previous"]), VerifierKey.parse(entry["key"])
        reason = RevocationReason(entry["reason"])
    except NoteInvalid as error:
        raise CeremonyRefused(f"log key: {error}") from error
    except ValueError as error:
        raise CeremonyRefused("log key: its reason is not of the list") from error
    if any(item.name != origin or item.kind is not SignatureType.ED25519 for item in (previous, key)):
        raise CeremonyRefused("log key: expected keys of type 0x01 under the log's origin")
    if reason not in LOG_KEY_REASONS:
        raise CeremonyRefused("log key: expected the reason superseded, lost or compromised")
    return LogKeyClaim(origin, previous, key, reason)


def known_keys(changes: list[LogKeyChange] | tuple[LogKeyChange, ...]) -> tuple[VerifierKey, ...]:
    """Return every key of a log by its changes, oldest first; none where it never changed."""
    return (changes[0].previous, *(item.key for item in changes)) if changes else ()


def key_at(changes: list[LogKeyChange] | tuple[LogKeyChange, ...], size: int, present: VerifierKey) -> VerifierKey:
    """Return whose line a head of ``size`` entries must carry; ``present`` is the key of a log that never changed."""
    in_force = changes[0].previous if changes else present
    for change in changes:
        if change.index < size:
            in_force = change.key
    return in_force


def last_size_of(changes: list[LogKeyChange] | tuple[LogKeyChange, ...], key: VerifierKey) -> int | None:
    """Return the largest log of which a head may carry this key's line; None: it has no end yet.

    A key that was lost or taken ends with the change, one replaced as planned with the change after that.
    """
    for number, change in enumerate(changes):
        if change.previous == key:
            ends = changes[number:] if change.reason is not RevocationReason.SUPERSEDED else changes[number + 1 :]
            return ends[0].index if ends else None
    return None


def unlinked(
    changes: list[LogKeyChange] | tuple[LogKeyChange, ...], pinned: VerifierKey, former: tuple[VerifierKey, ...]
) -> str | None:
    """Say why a pinned log key is not one this log has by two officers' word; None: it is, or it was the first pinned.

    ``former`` are the keys of this log that were pinned before. Each must have been followed by the pinned one.
    """
    known = known_keys(changes)
    if known and pinned not in known:
        return "the log names other log keys than the pinned one"
    for key in former:
        # The pinned one stands among them where a death came between the list and the pin.
        if key != pinned and (key not in known or known.index(key) >= known.index(pinned)):
            return "the pinned log key took the place of another one, and no two officers say so in the log"
    return None
