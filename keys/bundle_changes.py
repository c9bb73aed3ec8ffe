"""A change of the agreement: one bundle after another, by officers of the agencies (docs/protocol.md 10.4). Pure.

A quorum of the witnesses' agencies must approve it, one officer for each, with the officer's own key. The version only
rises and an approval names the bundle that it replaces, so nothing that was approved before can be brought again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys.console_access import require_officer
from keys.directory import Directory
from keys.merkle import ProofInvalid
from keys.statements import Statement, StatementType
from keys.uses import KeyUse
from keys.witnesses import MAX_WITNESSES, WitnessSet
from policies.model import Malformed, require_digest

MAX_BUNDLE_VERSION = 1_000_000


class BundleChangeRefused(ProofInvalid):
    """This bundle does not follow the one before: an older version, another predecessor, or too few approvals."""


@dataclass(frozen=True, slots=True)
class ActiveBundle:
    """A bundle that was agreed: its digest, its version, and the log position from which on it decides."""

    digest: str
    version: int
    log_index: int


@dataclass(frozen=True, slots=True)
class BundleChange:
    """One bundle after another: what an officer approves. Digests in hex."""

    replaces: str
    bundle: str
    version: int

    @classmethod
    def after(cls, old: ActiveBundle, bundle: object, version: object) -> BundleChange:
        """Return the change to another bundle. Raises ``BundleChangeRefused`` for a version that is not higher,
        ``Malformed``."""
        digest, number = require_digest(bundle, "bundle"), require_version(version)
        if number <= old.version or digest == old.digest:
            raise BundleChangeRefused(
                f"bundle: version {number} does not follow version {old.version}, which is active; a change back is a "
                "new version too"
            )
        return cls(old.digest, digest, number)

    def members(self, member: str) -> dict[str, Any]:
        """Return the members of the statement with which an officer approves this change."""
        return {"member": member, "bundle": self.bundle, "version": self.version, "replaces": self.replaces}

    def verify_approval(
        self, token: object, witnesses: WitnessSet, directory: Directory, at: datetime, log_index: int | None = None
    ) -> Statement:
        """Return the approval of an officer whose agency is a witness, by a key that counts there.

        Raises ``BundleChangeRefused``, ``NotCertified``, ``SignatureRefused`` or ``Malformed``.
        """
        said = directory.verify(token, StatementType.BUNDLE_APPROVAL, KeyUse.MEMBER_SIGNING, at, log_index=log_index)
        if said.issuer not in {item.agency for item in witnesses.witnesses}:
            raise BundleChangeRefused(f"bundle: {said.issuer} is not one of the agencies whose approval counts")
        require_officer(directory, said.issuer, said.members["member"], at)
        if dict(said.members) != self.members(said.members["member"]):
            raise BundleChangeRefused("bundle: an approval is of another bundle, version or predecessor")
        return said

    def require_approved(
        self, tokens: object, witnesses: WitnessSet, directory: Directory, at: datetime, log_index: int
    ) -> None:
        """Raise unless officers of a quorum of the witnesses' agencies, each agency once, approved this change.

        ``log_index``: of its entry. Raises as ``verify_approval``.
        """
        if not isinstance(tokens, list) or len(tokens) > MAX_WITNESSES:
            raise Malformed(f"approvals: expected a list of at most {MAX_WITNESSES}")
        voices = [self.verify_approval(token, witnesses, directory, at, log_index).issuer for token in tokens]
        if len(set(voices)) != len(voices):
            raise BundleChangeRefused("bundle: one agency approved it twice")
        if len(voices) < witnesses.quorum:
            raise BundleChangeRefused(
                f"bundle: approved by {len(voices)} agencies, expected at least {witnesses.quorum}"
            )


def require_version(value: object) -> int:
    """Return a bundle's version. Raises ``Malformed``."""
    if type(value) is not int or not 1 <= value <= MAX_BUNDLE_VERSION:
        raise Malformed(f"version: expected a whole number from 1 to {MAX_BUNDLE_VERSION}")
    return value


class BundleChain:
    """The bundles of a log, from the one it began with on. Entries in the log's order."""

    def __init__(self) -> None:
        self._active: list[ActiveBundle] = []

    def begin(self, entry: Mapping[str, Any], index: int) -> None:
        """Take the ``genesis`` entry in. Raises ``BundleChangeRefused`` for a second one, ``Malformed``."""
        if self._active:
            raise BundleChangeRefused("bundle: a log begins once")
        self._active.append(
            ActiveBundle(require_digest(entry["bundle"], "bundle"), require_version(entry["version"]), index)
        )

    def take(
        self,
        entry: Mapping[str, Any],
        index: int,
        witnesses: WitnessSet | None,
        directory: Directory,
        at: datetime,
    ) -> ActiveBundle:
        """Take a ``bundle`` entry in; the other arguments are what stood in the log below it.

        Raises ``KeysRefusal`` or ``Malformed`` for a bundle that does not follow: the one before goes on deciding.
        """
        if not self._active or witnesses is None:
            raise BundleChangeRefused("bundle: nobody could approve it, no witnesses stand in the log yet")
        old = self._active[-1]
        if entry["replaces"] != old.digest:
            raise BundleChangeRefused("bundle: it replaces another bundle than the one that was active")
        change = BundleChange.after(old, entry["bundle"], entry["version"])
        change.require_approved(entry["approvals"], witnesses, directory, at, index)
        self._active.append(ActiveBundle(change.bundle, change.version, index))
        return self._active[-1]

    @property
    def active(self) -> ActiveBundle | None:
        """The bundle that decides now; None before the log has begun."""
        return self._active[-1] if self._active else None

    @property
    def bundles(self) -> tuple[ActiveBundle, ...]:
        """Every bundle that was ever active, oldest first."""
        return tuple(self._active)
