"""How one of an agency's people was recognised: what the agency tells the hub of a sign-in, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keys.custody.interface import Custody
from keys.custody.keyfile import KeyFile


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member, the ways in which they were recognised (``amr``, names of RFC 8176), and when (``at``, aware)."""

    member: str
    amr: tuple[str, ...]
    at: datetime


def by_their_keys(member: str, keys: Custody, at: datetime) -> SignedIn:
    """Return what opening a person's keys just now says: a passphrase they know, or a PIN and a device they hold."""
    return SignedIn(member, ("pwd",) if isinstance(keys, KeyFile) else ("pin", "hwk"), at)
