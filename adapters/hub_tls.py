"""TLS to the hub: by the authority pinned with it, or by the system's where none was; never by both.

RFC 9325 (BCP 195) for versions and cipher suites, RFC 9525 for names.
"""

from __future__ import annotations

import ssl

import httpx

MAX_CA_BYTES = 256 * 1024
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of TLS 1.3 are all recommended."""
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class CaRefused(ValueError):
    """A file of certificate authorities is none, or too large."""


def require_ca(pem: bytes) -> bytes:
    """Return the bytes if they are certificates in PEM, one or more, and nothing else. Raises ``CaRefused``."""
    if len(pem) > MAX_CA_BYTES:
        raise CaRefused(f"certificate authority: expected at most {MAX_CA_BYTES:,} bytes of PEM")
    if b"PRIVATE KEY" in pem:
        raise CaRefused("certificate authority: the file holds a private key; give the certificate alone")
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), pem)
    return pem


def make_context(ca: bytes | None) -> ssl.SSLContext:
    """Return the context of every connection to the hub. ``ca`` (PEM): trusted alone. Raises ``CaRefused``."""
    if ca is None:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load(context, ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    return context


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    try:
        if _BEGIN not in pem:
            raise ValueError("no certificate")
        context.load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CaRefused("certificate authority: expected certificates in PEM") from error
    if not context.cert_store_stats()["x509_ca"]:
        raise CaRefused("certificate authority: none of the certificates is an authority's")


def explain_failure(error: BaseException | None) -> str | None:
    """Return in plain words why a hub's certificate was refused; None where something else went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return _REASONS.get(error.verify_code, "it is not one that the pinned authority vouches for")
        error = error.__cause__ or error.__context__
    return None


# OpenSSL's X509_V_ERR_*.
_REASONS = {
    9: "it is not valid yet; compare this machine's clock",
    10: "it has expired",
    62: "it names another host",
    64: "it names another address",
}
