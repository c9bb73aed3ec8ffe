"""What replacing keys will do, in plain sentences: an agency's own, its witness keys, a person's. Nothing is done here.

From the newest directory and what custody holds; ``adapters.key_changes`` carries a plan out. docs/keys.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.held_keys import KeyChangeRefused
from adapters.home import MEMBER_DAYS, ROOT_YEARS, WORKING_ALGORITHMS
from adapters.key_endings import EndTerms, Newest
from adapters.key_states import KeyLine, KeyState, list_keys, live_keys
from keys.jose import PublicKey
from keys.revocation import RevocationReason
from keys.uses import KeyUse
from policies.vocabulary import Role

WITNESS_ALGORITHMS = {KeyUse.WITNESS: "Ed25519", KeyUse.WITNESS_PQ: "ML-DSA-44"}
ROTATE_WITNESS = "rotate witness"
_MEMBER_ALGORITHMS = {KeyUse.MEMBER_SIGNING: "Ed25519", KeyUse.MEMBER_HPKE: "HPKE-9-KE"}
_LOSES = (
    "What was granted to the key before is shared with the new one only as its originators grant it again.",
    "The old private key is deleted here, and nobody can give it back.",
)
_KEEPS = "The old private key stays in custody, so that what was granted to it still opens."


@dataclass(frozen=True, slots=True)
class KeyChange:
    """New keys for one key file, and which old ones end. ``summary`` is what will happen, a sentence a line."""

    what: str
    member: str | None
    roles: tuple[Role, ...]
    new: tuple[tuple[KeyUse, str], ...]
    """Use and algorithm of each."""
    ended: tuple[str, ...]
    terms: EndTerms
    is_lost: bool
    """Whether the old key file does not open any more."""
    keeps: bool
    """Whether reading keys that are replaced stay in custody."""
    summary: tuple[str, ...]

    @property
    def days(self) -> int:
        """How long the certificates are valid."""
        return MEMBER_DAYS if self.member is not None else 365 * ROOT_YEARS


def plan_rotation(
    newest: Newest,
    agency: str,
    use: KeyUse,
    key: PublicKey,
    terms: EndTerms,
    at: datetime,
    *,
    held: Collection[str] = (),
) -> KeyChange:
    """Return the replacement of an agency's key by a new one of its algorithm. ``key`` is the one in use here.

    ``held`` are the ids of every key in custody here, those kept under a number among them. Raises
    ``KeyChangeRefused``.
    """
    _require_heard(newest, use)
    if use not in (KeyUse.SIGNING, *WORKING_ALGORITHMS):
        raise KeyChangeRefused("a person's keys are replaced together: nrm-adapter keys rotate member --member ID")
    lines = list_keys(newest.directory, agency, at)
    present = next((line for line in lines if line.kid == key.kid), None)
    if present is None:
        raise KeyChangeRefused(f"the key for {use.value} held here does not stand in the log; run: nrm-adapter sync")
    # A planned end of a key that is revoked already would be refused: whoever is shut out has had theirs revoked.
    is_ended = newest.is_shut_out and terms.reason is RevocationReason.SUPERSEDED
    live = [] if is_ended else live_keys(lines, use, None)
    was_replaced = present.state is KeyState.REVOKED and present.reason == RevocationReason.SUPERSEDED
    if was_replaced and terms.reason is RevocationReason.SUPERSEDED:
        _require_held(use, live, held)
    keeps = was_replaced or (terms.reason is RevocationReason.SUPERSEDED and present.state is not KeyState.REVOKED)
    summary = (
        f"Makes a new key for {use.value} and has the root certify it for {ROOT_YEARS} years.",
        *(f"Revokes the key {line.kid[:12]} for {use.value} in the same step." for line in live),
        *terms.summary(),
        *_after(use, keeps=keeps),
    )
    wanted = ((use, key.alg),)
    return KeyChange(f"rotate {use.value}", None, (), wanted, _kids(live), terms, False, keeps, summary)


def _require_held(use: KeyUse, live: Sequence[KeyLine], held: Collection[str]) -> None:
    """Refuse where the key in use was replaced by one that is not here: another copy of this home has it.

    One that is here under a number was refused by the hub once, which recorded it later all the same.
    """
    if not live or any(line.kid not in held for line in live):
        raise KeyChangeRefused(
            f"the key for {use.value} held here was replaced already, at another copy of this adapter; this copy is "
            "not the newest: use the other one, or its backup. If nobody has the newer key: nrm-adapter keys rotate "
            f"{use.value} --reason lost"
        )


def plan_witness_rotation(newest: Newest, agency: str, terms: EndTerms, at: datetime) -> KeyChange:
    """Return two new witness keys for an agency. Raises ``KeyChangeRefused``.

    The old ones stay in custody and count until a quorum of the witnesses has approved the new ones; only where they
    were lost or taken they are revoked in the same step.
    """
    _require_heard(newest, KeyUse.WITNESS)
    lines = list_keys(newest.directory, agency, at)
    is_planned = terms.reason is RevocationReason.SUPERSEDED
    live = [] if is_planned else [line for use in WITNESS_ALGORITHMS for line in live_keys(lines, use, None)]
    summary = (
        f"Makes two new witness keys and has the root certify them for {ROOT_YEARS} years.",
        *(f"Revokes the key {line.kid[:12]} for {line.use.value} in the same step." for line in live),
        *(() if is_planned else terms.summary()),
        "Approves them as this agency. A quorum of the witnesses must do the same before they count: "
        f"nrm-adapter witnesses approve {agency}",
        "The old private keys stay in custody; this adapter signs with them until then.",
    )
    return KeyChange(
        ROTATE_WITNESS, None, (), tuple(WITNESS_ALGORITHMS.items()), _kids(live), terms, False, True, summary
    )


def _require_heard(newest: Newest, use: KeyUse | None) -> None:
    if newest.is_shut_out and use is not KeyUse.SIGNING:
        raise KeyChangeRefused(
            "the hub takes no request of this agency's signing key: it is revoked, or not certified any more. First: "
            "nrm-adapter keys rotate signing"
        )


def _after(use: KeyUse, *, keeps: bool) -> tuple[str, ...]:
    if use is KeyUse.SIGNING:
        return ("The old private key is deleted; this adapter asks the hub with the new one from then on.",)
    if use is KeyUse.ARCHIVE:
        return ("The old private key stays in custody: only it opens what this agency has archived so far.",)
    return (_KEEPS,) if keeps else _LOSES


def plan_member_change(
    newest: Newest, agency: str, member: str, terms: EndTerms, at: datetime, *, is_lost: bool
) -> KeyChange:
    """Return two new keys for a person, with the roles they are certified for. Raises ``KeyChangeRefused``.

    ``is_lost``: they are certified anew after a loss; the old key file is not opened.
    """
    _require_heard(newest, None)
    lines = [line for line in list_keys(newest.directory, agency, at) if line.member == member]
    if not lines:
        raise KeyChangeRefused("nobody is certified under this id; look: nrm-adapter members list")
    roles = max(lines, key=lambda line: line.log_index).roles
    live = [line for use in _MEMBER_ALGORITHMS for line in live_keys(lines, use, member)]
    if not live and not is_lost:
        raise KeyChangeRefused("this person's keys are revoked; certify them anew: nrm-adapter members recover ID")
    keeps = terms.reason is RevocationReason.SUPERSEDED and not is_lost
    summary = (
        f"Makes two new keys for {member} under their own passphrase, certified for {MEMBER_DAYS} days as: "
        f"{', '.join(role.value for role in roles)}.",
        *(f"Revokes the key {line.kid[:12]} for {line.use.value} in the same step." for line in live),
        *terms.summary(),
        *((_KEEPS,) if keeps else _LOSES),
        *(("Everybody sees it in the log: a certificate and a revocation for each key.",) if is_lost else ()),
    )
    what = f"{'recover' if is_lost else 'rotate'} {member}"
    wanted = tuple(_MEMBER_ALGORITHMS.items())
    return KeyChange(what, member, roles, wanted, _kids(live), terms, is_lost, keeps, summary)


def _kids(lines: Sequence[Any]) -> tuple[str, ...]:
    return tuple(line.kid for line in lines)
