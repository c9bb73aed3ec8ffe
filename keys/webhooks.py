"""What this agency's adapter sends to its own gateway, signed with a secret that both hold: HMAC-SHA-256 (RFC 2104).

Over the time and the body, so that neither is changed and an old one is known as old.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

MIN_SECRET_BYTES = 32
TOLERANCE = timedelta(minutes=5)
_HEADER = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)


def sign_webhook(secret: bytes, body: bytes, at: datetime) -> str:
    """Return the value of the header that signs a body: ``t=<seconds since 1970>,v1=<HMAC in hex>``.

    Raises ``ValueError`` for a secret of fewer than ``MIN_SECRET_BYTES`` bytes.
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"secret: expected at least {MIN_SECRET_BYTES} bytes")
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_mac(secret, body, seconds)}"


def webhook_is_ours(secret: bytes, body: bytes, header: str, at: datetime) -> bool:
    """Whether a body was signed with the secret within ``TOLERANCE`` of a time: what a gateway checks."""
    found = _HEADER.fullmatch(header)
    if found is None or len(secret) < MIN_SECRET_BYTES:
        return False
    seconds = int(found[1])
    is_fresh = abs(at.timestamp() - seconds) <= TOLERANCE.total_seconds()
    return hmac.compare_digest(_mac(secret, body, seconds), found[2]) and is_fresh


def _mac(secret: bytes, body: bytes, seconds: int) -> str:
    return hmac.new(secret, b"%d." % seconds + body, hashlib.sha256).hexdigest()
