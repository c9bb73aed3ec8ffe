"""Replace the key that signs the log, under the same origin: two officers sign, and the log itself says so.

In this order, so that a death between any two steps loses nothing and the same command finishes it: (1) the new key is
in custody beside the present one; (2) the first officer's signature waits in the hub's folder; (3) with the second one
the ``log_key`` entry is written, and with its commit the change is done: which key of custody signs heads is decided
by the log (``hub.services.find_log_keys``); (4) custody gives the keys their new names and drops what signs no more.
Only while the hub is stopped. docs/adr/0014, docs/keys.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hub.ceremony import WAITING_FOLDER, Officer, keep_waiting, read_waiting, require_first_time
from hub.config import Config
from hub.exchange import enrolment
from hub.exchange.acts import Clock, record_public, system_clock
from hub.hub_keys import drop_from, make_beside, open_or_make
from hub.ledger.log_keys import read_log_key_changes
from hub.refusal import Refused
from hub.services import FORMER_LOG_KEY, LOG_KEY, NEXT_LOG_KEY, find_log_keys, log_verifier
from hub.serving import nobody_serving
from hub.store import ledger_rows
from hub.store.base import Session
from hub.store.database import Database
from keys.ceremony import SIGNATURES, CeremonyRefused, OfficerSet
from keys.custody.interface import Custody, CustodyRefused
from keys.jose import Signer
from keys.log_keys import LogKeyChange, LogKeyClaim, known_keys
from keys.revocation import RevocationReason
from keys.transparency import NoteInvalid, VerifierKey, verify_checkpoint

WAITING_NAME = "log-key"
MAX_PIN_BYTES = 1024 * 1024
_BEGINS = (
    "Makes a new key for the log, in the hub's own custody; the log goes on under its name, with every entry it has.",
    "Two officers sign the change, as they sign an enrolment; with the second signature it stands in the log for good.",
    "Every agency pins the new key: two people each, with the words of a new pin file (nrm-hub pin).",
)
_PLANNED = (
    "Until the next change the old key signs every head as well: an adapter that has not pinned anew goes on, and its "
    "status page says what to do.",
    "The key that an earlier change left signing stops.",
)
_AT_ONCE = (
    "The old key signs nothing any more: every adapter stops taking heads in until its agency has pinned anew, and "
    "until a quorum of the witnesses has, nothing new is shared.",
)


@dataclass(frozen=True, slots=True)
class LogKeyProgress:
    """A change of the log's key after one more signature. ``position``: where it stands in the log, None: not yet.

    ``before``: where the newest change before it stands, None: there was none.
    """

    key: VerifierKey
    position: int | None
    before: int | None = None


def summary_of(reason: RevocationReason) -> tuple[str, ...]:
    """Return what a change for this reason does, a sentence each."""
    return (*_BEGINS, *(_PLANNED if reason is RevocationReason.SUPERSEDED else _AT_ONCE))


def rotate_log_key(
    config: Config,
    unlocking: str,
    by: Officer,
    reason: RevocationReason,
    *,
    former_pin: Path | None = None,
    clock: Clock = system_clock,
) -> LogKeyProgress:
    """Add one officer's signature to the change of the log's key; the second one's replaces it.

    ``former_pin`` names the key where it is lost and no earlier change does. One that broke off behind its entry is
    finished, and none begun. Raises ``ConfigRefused`` while the hub runs, ``Refused`` and ``CustodyRefused``.
    """
    with (
        nobody_serving(config),
        closing(Database(config.database_url, config.database_password)) as database,
    ):
        database.upgrade()
        held = open_or_make(config, unlocking, is_lost=reason is not RevocationReason.SUPERSEDED)
        try:
            return _Change(config, unlocking, database, held, clock).sign(by, reason, former_pin)
        finally:
            held.close()


@dataclass(slots=True)
class _Change:
    """One run of the command, everything opened."""

    config: Config
    unlocking: str
    database: Database
    held: Custody
    clock: Clock

    def sign(self, by: Officer, reason: RevocationReason, former_pin: Path | None) -> LogKeyProgress:
        with self.database.read() as session:
            changes = read_log_key_changes(session, self.config.origin)
            officers = enrolment.require_officers(session)
            if by.id not in officers.officers or officers.officers[by.id].kid != by.signer.public.kid:
                raise Refused(403, "officers", "who signs is not an officer in the log")
            if changes and self._is_unsettled(changes[-1], officers):
                return self._settle(changes)
            previous = self._previous(session, changes, reason, former_pin)
        claim, waiting = self._claim(previous, reason, officers, changes)
        require_first_time(waiting, by)
        waiting[by.id] = claim.sign(by.id, by.signer, self.clock())
        if len(waiting) < SIGNATURES:
            keep_waiting(self.config, WAITING_NAME, waiting)
            return LogKeyProgress(claim.key, None, changes[-1].index if changes else None)
        with self.database.write() as session:
            members = {**claim.to_json(), "signatures": list(waiting.values())}
            record_public(session, "log_key", members, self.clock())
        with self.database.read() as session:
            return self._settle(read_log_key_changes(session, self.config.origin))

    def _is_unsettled(self, newest: LogKeyChange, officers: OfficerSet) -> bool:
        """Whether a change died behind its entry: its key has its old name, or what waited for it lies there still."""
        claim = LogKeyClaim(self.config.origin, newest.previous, newest.key, newest.reason)
        return self._next() == newest.key or bool(self._waiting(claim, officers))

    def _next(self) -> VerifierKey | None:
        key = self.held.keys.get(NEXT_LOG_KEY)
        return None if key is None else log_verifier(self.config.origin, key)

    def _previous(
        self, session: Session, changes: Sequence[LogKeyChange], reason: RevocationReason, former_pin: Path | None
    ) -> VerifierKey:
        """Return the key that is replaced: as custody has it; where it is lost, as the log or an old pin names it."""
        try:
            return log_verifier(self.config.origin, find_log_keys(self.config.origin, self.held, changes)[0])
        except CustodyRefused as error:
            if reason is RevocationReason.SUPERSEDED:
                raise Refused(409, "log_key", f"{error}. Where it is gone for good, say: --reason lost") from error
        return changes[-1].key if changes else self._pinned(session, former_pin)

    def _pinned(self, session: Session, former_pin: Path | None) -> VerifierKey:
        if former_pin is None:
            raise Refused(409, "log_key", "the lost key is named nowhere here: bring the pin file with --former-pin")
        try:
            with former_pin.open("rb") as file:
                raw = file.read(MAX_PIN_BYTES + 1)
            if len(raw) > MAX_PIN_BYTES:
                raise ValueError("too large")
            key = VerifierKey.parse(json.loads(raw)["log_vkey"])
            newest = ledger_rows.find_newest_checkpoint(session)
            if newest is not None:
                verify_checkpoint(newest.note, key)
        except NoteInvalid as error:
            raise Refused(409, "log_key", "the key in that pin file did not sign this log's newest head") from error
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise Refused(422, "log_key", "what --former-pin names is no pin file") from error
        return key

    def _claim(
        self,
        previous: VerifierKey,
        reason: RevocationReason,
        officers: OfficerSet,
        changes: Sequence[LogKeyChange],
    ) -> tuple[LogKeyClaim, dict[str, str]]:
        """Return what is signed and who has; a key that nobody has signed for in this way is made anew.

        Who took the hub's keys took one that lay ready as well.
        """
        lying = self._next()
        if lying is not None:
            claim = LogKeyClaim(self.config.origin, previous, lying, reason)
            waiting = self._waiting(claim, officers)
            if waiting:
                return claim, waiting
        keep_waiting(self.config, WAITING_NAME, None)
        new = self._make({previous.key_id, *(key.key_id for key in known_keys(tuple(changes)))})
        return LogKeyClaim(self.config.origin, previous, log_verifier(self.config.origin, new), reason), {}

    def _waiting(self, claim: LogKeyClaim, officers: OfficerSet) -> dict[str, str]:
        """Return what waits and counts still: for this very change, by officers of today, of the last week."""
        fresh = {}
        for officer, token in read_waiting(self.config, WAITING_NAME).items():
            try:
                signed = claim.verify_some([token], officers)[0]
            except CeremonyRefused:
                continue
            if signed.officer == officer and signed.signed_at >= self.clock() - enrolment.MAX_SIGNATURE_AGE:
                fresh[officer] = token
        return fresh

    def _make(self, taken: set[bytes]) -> Signer:
        self.held, new = make_beside(self.config, self.held, self.unlocking, NEXT_LOG_KEY, LOG_KEY)
        if log_verifier(self.config.origin, new).key_id in taken:
            raise Refused(409, "log_key", "the new key has the four-byte id of one of this log; run it once more")
        return new

    def _settle(self, changes: Sequence[LogKeyChange]) -> LogKeyProgress:
        """Give the keys in custody the names that the log's newest entry gives them, and drop the others."""
        current, former = find_log_keys(self.config.origin, self.held, changes)
        kept = {
            name: key for name, key in self.held.keys.items() if name not in (LOG_KEY, NEXT_LOG_KEY, FORMER_LOG_KEY)
        }
        kept[LOG_KEY] = current
        if former is not None:
            kept[FORMER_LOG_KEY] = former
        self.held = drop_from(self.config, self.held, self.unlocking, kept)
        keep_waiting(self.config, WAITING_NAME, None)
        return LogKeyProgress(changes[-1].key, changes[-1].index)


__all__ = ["WAITING_FOLDER", "LogKeyProgress", "rotate_log_key", "summary_of"]
