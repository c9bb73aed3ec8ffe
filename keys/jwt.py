"""JSON Web Tokens (RFC 7519) signed by whatever signs, a key in memory or one in a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keys.canonical import canonical_bytes
from keys.jose import KeyRefused, Signer, b64u


def sign_jwt(claims: Mapping[str, Any], typ: str, signer: Signer, **header: str) -> str:
    """Return the compact token with the header's ``alg`` of the key, its ``typ`` and what else is given.

    Claims are what canonical JSON holds (no fractions). Raises ``KeyRefused`` for a key that no statement may be
    signed with.
    """
    if not signer.public.is_signing:
        raise KeyRefused(f"key of algorithm {signer.public.alg} does not sign tokens")
    top = b64u(canonical_bytes({"alg": signer.public.alg, "typ": typ, **header}))
    signing_input = f"{top}.{b64u(canonical_bytes(dict(claims)))}"
    return f"{signing_input}.{b64u(signer.sign(signing_input.encode('ascii')))}"
