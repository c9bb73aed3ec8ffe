"""The ID token: verified with the provider's keys, its claims judged, and only who signed in and how kept of it.

Pure: keys are given. OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 3.1.3.8; RFC 8725 (JWT practice); RFC 8176
(methods).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from keys.jose import b64u, b64u_decode
from keys.sign_in import MAX_AUTH_AGE_SECONDS, REQUEST_SECONDS, Identity, Provider, SignInRefused, read_object

MAX_ID_TOKEN_CHARS = 16 * 1024
MAX_HEADER_BYTES = 4096
MAX_JWKS_BYTES = 128 * 1024
MAX_KEYS = 64
MAX_KID_CHARS = 255
MAX_SUBJECT_CHARS = 255
MAX_METHODS = 16
MAX_METHOD_CHARS = 64
MIN_RSA_BYTES, MAX_RSA_BYTES = 256, 1024
LEEWAY_SECONDS = 60
MAX_TIME = 2**40
"""Seconds since 1970 that a claim may name: what is beyond is no time, and no number to calculate with."""
_SHAPES: Mapping[str, tuple[str, str | None]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
    **dict.fromkeys(("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"), ("RSA", None)),
}
_PUBLIC = {"EC": ("kty", "crv", "x", "y"), "OKP": ("kty", "crv", "x"), "RSA": ("kty", "n", "e")}
_HASHES = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
_Key = ECKey | OKPKey | RSAKey
_KINDS: Mapping[str, type[_Key]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}


class UnknownKey(SignInRefused):
    """No published key fits the token: the provider may have changed its keys since they were fetched."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What this one sign-in was begun with, and what came with the token. All of it has to fit."""

    nonce: str = field(repr=False)
    begun_at: datetime
    code: str = field(repr=False)
    access_token: str | None = field(repr=False)


def read_jwks(data: bytes) -> tuple[Mapping[str, Any], ...]:
    """Read a provider's published key set (RFC 7517 section 5). Raises ``SignInRefused``."""
    keys = read_object(data, MAX_JWKS_BYTES, "jwks").get("keys")
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise SignInRefused(f"jwks: expected a list of at most {MAX_KEYS} keys")
    return tuple(item for item in keys if isinstance(item, dict))


def identify(
    id_token: object, jwks: Sequence[Mapping[str, Any]], provider: Provider, expected: Expected, now: datetime
) -> Identity:
    """Verify an ID token and return who signed in. Raises ``SignInRefused``, or ``UnknownKey`` where no key fits.

    1. limits and header, 2. the keys that fit, 3. signature over the received bytes, 4. for whom, by whom and when,
    5. this sign-in and no other, 6. how the person proved who they are.
    """
    if not isinstance(id_token, str) or not id_token.isascii() or id_token.count(".") != 2:
        raise SignInRefused("ID token: missing, or not a signed token")
    if len(id_token) > MAX_ID_TOKEN_CHARS:
        raise SignInRefused(f"ID token: more than {MAX_ID_TOKEN_CHARS:,} characters")
    alg, kid = _read_header(id_token, provider)
    claims = _verify(id_token, alg, _fitting_keys(jwks, alg, kid))
    _require_parties(claims, provider)
    _require_times(claims, now)
    _require_this_sign_in(claims, alg, expected)
    return _build(claims, provider, expected, now)


def _read_header(id_token: str, provider: Provider) -> tuple[str, str | None]:
    try:
        top = b64u_decode(id_token.partition(".")[0], max_bytes=MAX_HEADER_BYTES)
    except ValueError as error:
        raise SignInRefused("ID token: its header cannot be read") from error
    header = read_object(top, MAX_HEADER_BYTES, "ID token")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or alg not in provider.id_token_algorithms:
        raise SignInRefused(f"ID token: signed otherwise than with {', '.join(provider.id_token_algorithms)}")
    if "crit" in header or "b64" in header:
        raise SignInRefused("ID token: its header asks for an extension")
    if kid is not None and (not isinstance(kid, str) or len(kid) > MAX_KID_CHARS):
        raise SignInRefused("ID token: its header names its key in no usable form")
    return alg, kid


def _fitting_keys(jwks: Sequence[Mapping[str, Any]], alg: str, kid: str | None) -> list[_Key]:
    """Return the published keys that may have signed. The key decides what it is for, never the token's header."""
    kty, crv = _SHAPES[alg]
    found = [
        _import(jwk, kty)
        for jwk in jwks
        if jwk.get("kty") == kty
        and (crv is None or jwk.get("crv") == crv)
        and jwk.get("alg", alg) == alg
        and jwk.get("use", "sig") == "sig"
        and (kid is None or jwk.get("kid") == kid)
    ]
    usable = [key for key in found if key is not None]
    if not usable:
        raise UnknownKey("ID token: none of the provider's published keys fits it")
    if kid is None and len(usable) > 1:
        raise SignInRefused("ID token: it does not name its key, and several might fit")
    return usable


def _import(jwk: Mapping[str, Any], kty: str) -> _Key | None:
    """Return a key, built of its public members alone; None for one that nobody should sign with."""
    public = {name: jwk.get(name) for name in _PUBLIC[kty]}
    try:
        if kty == "RSA" and not MIN_RSA_BYTES <= len(b64u_decode(str(public["n"]))) <= MAX_RSA_BYTES:
            return None
        key = _KINDS[kty].import_key(public)  # type: ignore[arg-type]  # a wrong form is what is being caught
        _ = key.public_key
        return key
    except (JoseError, ValueError, TypeError, AttributeError):
        return None


def _verify(id_token: str, alg: str, keys: Sequence[_Key]) -> dict[str, Any]:
    registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length, registry.max_payload_length = MAX_HEADER_BYTES * 2, MAX_ID_TOKEN_CHARS
    for key in keys:
        try:
            payload = jws.deserialize_compact(id_token, key, algorithms=[alg], registry=registry).payload
        except (JoseError, ValueError, TypeError):
            continue
        return read_object(bytes(payload), MAX_ID_TOKEN_CHARS, "ID token")
    raise SignInRefused("ID token: its signature does not verify")


def _require_parties(claims: Mapping[str, Any], provider: Provider) -> None:
    if claims.get("iss") != provider.issuer:
        raise SignInRefused("ID token: issued by another issuer than the one configured")
    if claims.get("aud") not in (provider.client_id, [provider.client_id]):
        raise SignInRefused("ID token: not for this client, or not for it alone")
    if claims.get("azp", provider.client_id) != provider.client_id:
        raise SignInRefused("ID token: given to another client")
    subject = claims.get("sub")
    if not _is_plain(subject, MAX_SUBJECT_CHARS):
        raise SignInRefused(f"ID token: sub: expected 1 to {MAX_SUBJECT_CHARS} printable ASCII characters")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIME:
        raise SignInRefused(f"ID token: {name} is missing or no time")
    return float(value)


def _require_times(claims: Mapping[str, Any], now: datetime) -> None:
    at = now.timestamp()
    if at >= _seconds(claims, "exp") + LEEWAY_SECONDS:
        raise SignInRefused(
            "ID token: expired",
        )
    issued = _seconds(claims, "iat")
    if issued > at + LEEWAY_SECONDS:
        raise SignInRefused("ID token: issued in the future; compare the clocks")
    if issued < at - REQUEST_SECONDS - LEEWAY_SECONDS:
        raise SignInRefused("ID token: issued too long ago; compare the clocks")
    if "nbf" in claims and _seconds(claims, "nbf") > at + LEEWAY_SECONDS:
        raise SignInRefused("ID token: not valid yet; compare the clocks")


def _require_this_sign_in(claims: Mapping[str, Any], alg: str, expected: Expected) -> None:
    nonce = claims.get("nonce")
    if (
        not isinstance(nonce, str)
        or not nonce.isascii()
        or not hmac.compare_digest(nonce.encode(), expected.nonce.encode())
    ):
        raise SignInRefused("ID token: it answers another sign-in than this one (nonce)")
    for name, value in (("at_hash", expected.access_token), ("c_hash", expected.code)):
        if name in claims and (value is None or claims[name] != half_hash(value, alg)):
            raise SignInRefused(f"ID token: it belongs to another answer ({name})")


def half_hash(value: str, alg: str) -> str:
    """Return the left half of a value's hash, as ``at_hash`` and ``c_hash`` hold it (OpenID Connect Core 3.1.3.6)."""
    # For Ed25519 the hash is that of the signature itself, SHA-512 (RFC 8032); no specification says otherwise.
    digest = _HASHES.get(alg[-3:], hashlib.sha512)(value.encode("utf-8")).digest()
    return b64u(digest[: len(digest) // 2])


def _build(claims: Mapping[str, Any], provider: Provider, expected: Expected, now: datetime) -> Identity:
    proved = _seconds(claims, "auth_time")
    if proved > now.timestamp() + LEEWAY_SECONDS:
        raise SignInRefused("ID token: auth_time lies in the future; compare the clocks")
    if proved < expected.begun_at.timestamp() - MAX_AUTH_AGE_SECONDS - LEEWAY_SECONDS:
        raise SignInRefused("ID token: the person proved who they are longer ago than was asked for (max_age)")
    acr, amr = claims.get("acr"), claims.get("amr", [])
    if acr is not None and not _is_plain(acr, MAX_SUBJECT_CHARS):
        raise SignInRefused("ID token: acr is not of its form")
    if (
        not isinstance(amr, list)
        or len(amr) > MAX_METHODS
        or not all(_is_plain(item, MAX_METHOD_CHARS) for item in amr)
    ):
        raise SignInRefused("ID token: amr is not of its form")
    return Identity(
        provider=provider.name,
        agency=provider.agency,
        issuer=provider.issuer,
        subject=claims["sub"],
        amr=tuple(amr),
        acr=acr,
        auth_time=datetime.fromtimestamp(proved, UTC),
        is_two_factor=_is_two_factor(provider, acr, amr),
    )


def _is_plain(item: object, limit_chars: int) -> bool:
    return isinstance(item, str) and 1 <= len(item) <= limit_chars and item.isascii() and item.isprintable()


def _is_two_factor(provider: Provider, acr: str | None, amr: Sequence[str]) -> bool:
    return acr in provider.acr_values or any(set(entry.split("+")) <= set(amr) for entry in provider.two_factor_amr)
