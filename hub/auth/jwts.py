"""Take apart a JWT that came from outside (RFC 7519, RFC 8725): limits first, exact header, nothing twice, no number
that is none. What is taken apart is not verified yet.

The JOSE library verifies signatures; what it lets through (a member twice, an unknown header member, another type) is
refused here before it sees the token.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from keys.canonical import unique_members
from keys.jose import MAX_SIGNATURE_BYTES, b64u_decode
from keys.refusal import KeysRefusal

MAX_TOKEN_CHARS = 4096
MAX_DIGITS = 16
MAX_DEPTH = 4
MAX_TIME = 2**40
"""Seconds since 1970 that a claim may name: what is beyond is no time, and no number to calculate with."""
FUTURE_SECONDS = 30
"""How far ahead of the hub's clock ``iat`` and ``nbf`` may be (FAPI 2.0 section 5.3.2.1: 10 at least, 60 at most)."""


class TokenRefused(ValueError):
    """A token is not of the agreed form, or does not verify. The text never repeats what stood in it."""


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A compact JWT taken apart. ``claims`` mean nothing before ``verify``."""

    token: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]

    def verify(self, key: ECKey | OKPKey, algorithm: str) -> None:
        """Verify the signature with the one algorithm that the key is for. Raises ``TokenRefused``."""
        if self.header["alg"] != algorithm:
            raise TokenRefused("its algorithm is not its key's")
        try:
            jws.deserialize_compact(self.token, key, algorithms=[algorithm])
        except (JoseError, ValueError) as error:
            raise TokenRefused("its signature does not verify") from error


def read_token(
    token: object, *, types: AbstractSet[str | None], members: AbstractSet[str], at_most: int = MAX_TOKEN_CHARS
) -> UnverifiedToken:
    """Take a compact JWT apart. Raises ``TokenRefused``.

    ``types`` are the values that ``typ`` may have (None: it may be missing), ``members`` those that the header must
    have beside it, and no others: no ``crit``, ``b64``, ``jku``, ``x5u`` or whatever else would steer a reader.
    """
    if not isinstance(token, str) or len(token) > at_most or not token.isascii():
        raise TokenRefused(f"it is not text of at most {at_most} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("it is not a compact JWS of three parts")
    header, claims = _object(parts[0], at_most), _object(parts[1], at_most)
    if set(header) - {"typ"} != set(members) or not isinstance(header.get("alg"), str):
        raise TokenRefused(f"its header must have exactly {', '.join(sorted({*members, 'typ'}))}")
    typ = header.get("typ")
    if not (typ is None or isinstance(typ, str)) or typ not in types or ("typ" in header and typ is None):
        raise TokenRefused("it is a token of another type")
    try:
        b64u_decode(parts[2], max_bytes=MAX_SIGNATURE_BYTES)
    except ValueError as error:
        raise TokenRefused("its signature is not of an agreed form") from error
    return UnverifiedToken(token, header, claims)


def require_time(claims: Mapping[str, Any], name: str) -> int:
    """Return a claim that is a time in whole seconds since 1970. Raises ``TokenRefused``."""
    value = claims.get(name)
    if type(value) is not int or not 0 <= value < MAX_TIME:
        raise TokenRefused(f"{name} must be a time in whole seconds")
    return value


def require_not_ahead(claims: Mapping[str, Any], now: int) -> None:
    """Refuse ``iat`` and ``nbf``, where they are given, more than ``FUTURE_SECONDS`` ahead. Raises ``TokenRefused``."""
    for name in ("iat", "nbf"):
        if name in claims and require_time(claims, name) > now + FUTURE_SECONDS:
            raise TokenRefused(f"{name} is in the future")


def _object(part: str, at_most: int) -> dict[str, Any]:
    try:
        value = _DECODER.decode(b64u_decode(part, max_bytes=at_most).decode("utf-8"))
    except (ValueError, KeysRefusal, RecursionError) as error:
        raise TokenRefused("a part of it is not base64url of one JSON object") from error
    if not isinstance(value, dict):
        raise TokenRefused("a part of it is not base64url of one JSON object")
    _require_shallow(value, 0)
    return value


def _require_shallow(value: dict[str, Any] | list[Any], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TokenRefused(f"a part of it is nested more than {MAX_DEPTH} deep")
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            _require_shallow(item, depth + 1)


def _short_integer(text: str) -> int:
    # Before ``int``, which takes long over thousands of digits.
    if len(text) > MAX_DIGITS:
        raise ValueError("a number of too many digits")
    return int(text)


def _no_number(_text: str) -> NoReturn:
    raise ValueError("not a whole number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=unique_members, parse_constant=_no_number, parse_float=_no_number, parse_int=_short_integer
)
