"""A change of the witnesses: one agency's, by a quorum of the set before (docs/protocol.md section 10.3). Pure.

At least a quorum of the old set and of the new one stays as it was, so every head can have a quorum of both meanwhile.
A set counts once: what was approved before can never be shown again as a later change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys.canonical import canonical_bytes
from keys.certificates import Certificate, NotCertified
from keys.directory import Directory
from keys.merkle import ProofInvalid
from keys.notes import SignatureType, VerifierKey
from keys.statements import StatementType
from keys.uses import KeyUse
from keys.witnesses import MAX_WITNESSES, Witness, WitnessSet
from policies.model import Malformed, require_digest

WITNESS_USES = (KeyUse.WITNESS, KeyUse.WITNESS_PQ)


class ChangeRefused(ProofInvalid):
    """This set does not follow the one before: more than one agency changed, or its quorum did not approve it."""


@dataclass(frozen=True, slots=True)
class WitnessChange:
    """One set after another. ``before`` None: the agency was no witness; ``after`` None: it is one no longer."""

    old: WitnessSet
    new: WitnessSet
    agency: str
    before: Witness | None
    after: Witness | None

    @classmethod
    def between(cls, old: WitnessSet, new: WitnessSet) -> WitnessChange:
        """Return what changes. Raises ``ChangeRefused`` unless it is one agency, and a quorum of each set stays."""
        befores = {item.agency: item for item in old.witnesses}
        afters = {item.agency: item for item in new.witnesses}
        changed = sorted(agency for agency in {*befores, *afters} if befores.get(agency) != afters.get(agency))
        if len(changed) != 1:
            raise ChangeRefused(f"witness change: one agency at a time, got {len(changed)}: {', '.join(changed)}")
        change = cls(old, new, changed[0], befores.get(changed[0]), afters.get(changed[0]))
        unchanged = len({*befores, *afters}) - 1
        if unchanged < max(old.quorum, new.quorum):
            raise ChangeRefused(
                f"witness change of {changed[0]}: {unchanged} witnesses stay as they are, and the quorum is "
                f"{max(old.quorum, new.quorum)}; nobody could be sure of the heads meanwhile"
            )
        wanted = old.quorum if change.before and change.after else fitting_quorum(len(new.witnesses))
        if new.quorum != wanted:
            raise ChangeRefused(f"witness change of {changed[0]}: expected a quorum of {wanted}, got {new.quorum}")
        if tuple(item.agency for item in new.witnesses) != tuple(sorted(afters)):
            raise ChangeRefused(f"witness change of {changed[0]}: expected the witnesses sorted by agency")
        if change.after is not None and change.after.name != f"{_origin(old)}/witness/{change.agency}":
            raise ChangeRefused(f"witness change of {changed[0]}: the new keys are not under this log's name")
        if change.before and change.after and _shares_a_key(change.before, change.after):
            raise ChangeRefused(f"witness change of {changed[0]}: both keys of a witness are replaced together")
        return change

    def members(self) -> dict[str, Any]:
        """Return the members of the statement that approves this change."""
        return {"previous": witness_set_digest(self.old), "witnesses": witness_set_digest(self.new)}

    def require_certified(self, directory: Directory, at: datetime) -> None:
        """Raise ``NotCertified`` unless the agency's root vouches for both new keys and neither was revoked."""
        if self.after is None:
            return
        for use, wanted in zip(WITNESS_USES, (self.after.ed25519, self.after.mldsa44), strict=True):
            if not any(
                _raw(item) == wanted.public
                for item in directory.certificates
                if item.use is use
                and item.agency == self.agency
                and item.is_valid_at(at)
                and directory.revocation_of(item) is None
            ):
                raise NotCertified(f"the new key of {self.agency} for {use.value} is not certified, or was revoked")

    def verify_approval(self, token: object, directory: Directory, at: datetime, log_index: int | None = None) -> str:
        """Return which agency of the old set approves this change with a signing key that counts there.

        Raises ``ChangeRefused``, ``NotCertified``, ``SignatureRefused`` or ``Malformed``.
        """
        said = directory.verify(token, StatementType.WITNESS_CHANGE, KeyUse.SIGNING, at, log_index=log_index)
        previous, wanted = (require_digest(said.members[name], name) for name in ("previous", "witnesses"))
        if said.issuer not in {item.agency for item in self.old.witnesses}:
            raise ChangeRefused(f"witness change of {self.agency}: {said.issuer} is not a witness of the set before")
        if {"previous": previous, "witnesses": wanted} != self.members():
            raise ChangeRefused(f"witness change of {self.agency}: an approval is of another change")
        return said.issuer

    def require_approved(self, tokens: object, directory: Directory, at: datetime, log_index: int) -> None:
        """Raise unless a quorum of the old set, each agency once, approved this change. ``log_index``: of its entry."""
        if not isinstance(tokens, list) or len(tokens) > MAX_WITNESSES:
            raise Malformed(f"approvals: expected a list of at most {MAX_WITNESSES}")
        voices = [self.verify_approval(token, directory, at, log_index) for token in tokens]
        if len(set(voices)) != len(voices):
            raise ChangeRefused(f"witness change of {self.agency}: one agency approved it twice")
        if len(voices) < self.old.quorum:
            raise ChangeRefused(
                f"witness change of {self.agency}: approved by {len(voices)} agencies, the quorum is {self.old.quorum}"
            )


def witness_set_digest(witnesses: WitnessSet) -> str:
    """Return the SHA-256 (hex) of a set's canonical JSON: what an approval names."""
    return hashlib.sha256(canonical_bytes(witnesses.to_json())).hexdigest()


def fitting_quorum(count: int) -> int:
    """Return the smallest quorum with 2q > n + f; with f = (n - 1) // 3 it always satisfies q <= n - f."""
    return (count + (count - 1) // 3) // 2 + 1


def certified_witness(origin: str, agency: str, directory: Directory, at: datetime) -> Witness:
    """Return an agency as a witness by its newest certified keys. Raises ``NotCertified``."""
    ed25519, mldsa44 = (_raw(directory.newest_key(use, agency, at)) for use in WITNESS_USES)
    name = f"{origin}/witness/{agency}"
    return Witness(
        agency,
        VerifierKey(name, SignatureType.COSIGNATURE_ED25519, ed25519),
        VerifierKey(name, SignatureType.COSIGNATURE_MLDSA44, mldsa44),
    )


def with_witness(old: WitnessSet, witness: Witness) -> WitnessSet:
    """Return the set with an agency's new keys in the place of its old ones, or with the agency added."""
    others = [item for item in old.witnesses if item.agency != witness.agency]
    quorum = old.quorum if len(others) < len(old.witnesses) else fitting_quorum(len(others) + 1)
    return WitnessSet(quorum, _sorted([*others, witness]))


def without_witness(old: WitnessSet, agency: str) -> WitnessSet:
    """Return the set without an agency. Raises ``ChangeRefused`` where it is not in it, ``ProofInvalid`` for none."""
    others = [item for item in old.witnesses if item.agency != agency]
    if len(others) == len(old.witnesses):
        raise ChangeRefused(f"{agency} is not a witness")
    return WitnessSet(fitting_quorum(len(others)) if others else 0, _sorted(others))


class WitnessChain:
    """The sets of a log from the pinned one on, each by the approval of the one before. Entries in the log's order."""

    def __init__(self, pinned: WitnessSet | None) -> None:
        """``pinned`` None: nothing is pinned, and the first set in the log counts."""
        self._pinned = pinned
        self._seen: set[str] = set()
        self._sets: list[tuple[int, WitnessSet]] = []

    def take(self, entry: Mapping[str, Any], index: int, directory: Directory, at: datetime) -> None:
        """Take a ``witnesses`` entry in; ``directory`` is what stood in the log below it. What went before the pin
        needs no check: people vouch for the pin. Raises ``KeysRefusal`` or ``Malformed`` for a set that does not
        follow: the one before goes on counting.
        """
        found = WitnessSet.from_json(entry)
        if not self._sets:
            self._seen.add(witness_set_digest(found))
            if self._pinned is None or found == self._pinned:
                self._sets.append((index, found))
            return
        require_follows(self._sets[-1][1], found, self._seen, entry.get("approvals"), directory, at, index)
        self._seen.add(witness_set_digest(found))
        self._sets.append((index, found))

    @property
    def sets(self) -> tuple[tuple[int, WitnessSet], ...]:
        """Log position and set, from the pinned one on; empty where that does not stand in the log."""
        return tuple(self._sets)


def require_follows(
    old: WitnessSet,
    new: WitnessSet,
    seen: Iterable[str],
    approvals: object,
    directory: Directory,
    at: datetime,
    log_index: int,
) -> None:
    """Raise unless a set may follow another: one agency, certified keys, a quorum of approvals, never a set again."""
    change = WitnessChange.between(old, new)
    if witness_set_digest(new) in seen:
        raise ChangeRefused(f"witness change of {change.agency}: this set stood in the log before; it needs new keys")
    change.require_certified(directory, at)
    change.require_approved(approvals, directory, at, log_index)


def _sorted(witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    return tuple(sorted(witnesses, key=lambda item: item.agency))


def _origin(witnesses: WitnessSet) -> str:
    first = witnesses.witnesses[0]
    return first.name.removesuffix(f"/witness/{first.agency}")


def _shares_a_key(one: Witness, other: Witness) -> bool:
    return one.ed25519.public == other.ed25519.public or one.mldsa44.public == other.mldsa44.public


def _raw(certificate: Certificate) -> bytes:
    return witness_key_bytes(certificate.use, certificate.key)


def witness_key_bytes(use: KeyUse, key: Any) -> bytes:
    """Return the raw public key of a witness, as its verifier key holds it."""
    public = key.ed25519() if use is KeyUse.WITNESS else key.mldsa44()
    return bytes(public.public_bytes_raw())
