"""A person's passphrase, wrapped under what their passkey computes: the passkey then opens the key file as they would.

WebAuthn Level 3 section 10.1.4 (``prf``): an authenticator computes 32 secret bytes of a salt, for one credential and
one site, after it has verified its user. HKDF-SHA256 (RFC 5869) of them is a key for AES-256-GCM. Member and credential
are bound into both, so that what one passkey wrapped opens with that passkey alone, and for that person alone.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys.canonical import canonical_bytes
from keys.custody.interface import CustodyRefused
from keys.custody.secret import MAX_SECRET_BYTES, Secret
from keys.jose import b64u
from policies.model import Malformed, require_id

TYPE = "nrmhub-passkey-passphrase"
PRF_BYTES = 32
"""What ``prf`` gives: HMAC-SHA-256 (CTAP 2.2 section 12.7, ``hmac-secret``)."""
PRF_SALT_BYTES = 32
MAX_CREDENTIAL_BYTES = 1023
"""The longest credential id that WebAuthn allows (section 4, "Credential ID")."""
_SALT_BYTES, _IV_BYTES, _KEY_BYTES, _TAG_BYTES = 32, 12, 32, 16
_LENGTH_BYTES = 2
_PADDED_TO = 256
"""Wrapped passphrases of the usual lengths are all of one size."""
MAX_WRAPPED_BYTES = _SALT_BYTES + _IV_BYTES + MAX_SECRET_BYTES + _PADDED_TO + _TAG_BYTES


class PasskeyRefused(CustodyRefused):
    """A passphrase that cannot be wrapped under a passkey, or does not come out again."""


def new_prf_salt() -> bytes:
    """Return 32 random bytes of which a new passkey is to compute its secret. Not secret themselves."""
    return os.urandom(PRF_SALT_BYTES)


def wrap_passphrase(passphrase: Secret, prf_output: bytes, *, member: str, credential: bytes) -> bytes:
    """Return the passphrase of a member's key file, wrapped under 32 bytes of PRF output for one credential id.

    Raises ``PasskeyRefused`` for PRF output or a credential id of another length, or a passphrase that is empty, too
    long or not UTF-8.
    """
    bound = _bound_to(member, credential)
    if len(prf_output) != PRF_BYTES:
        raise PasskeyRefused(f"the passkey's secret: expected {PRF_BYTES} bytes, got {len(prf_output)}")
    try:
        text = passphrase.encode("utf-8")
    except UnicodeEncodeError:
        # No cause: it would hold the passphrase.
        raise PasskeyRefused("the passphrase is not text in UTF-8") from None
    if not 0 < len(text) <= MAX_SECRET_BYTES:
        raise PasskeyRefused(f"the passphrase: expected 1 to {MAX_SECRET_BYTES:,} bytes, got {len(text):,}")
    salt, iv = os.urandom(_SALT_BYTES), os.urandom(_IV_BYTES)
    plain = len(text).to_bytes(_LENGTH_BYTES, "big") + text
    plain += bytes(-len(plain) % _PADDED_TO)
    return salt + iv + AESGCM(_derive(prf_output, salt, bound)).encrypt(iv, plain, bound)


def unwrap_passphrase(wrapped: bytes, prf_output: bytes, *, member: str, credential: bytes) -> Secret:
    """Return the passphrase. Raises ``PasskeyRefused``, with the same words whatever is wrong."""
    try:
        bound = _bound_to(member, credential)
        if len(prf_output) != PRF_BYTES or len(wrapped) > MAX_WRAPPED_BYTES:
            raise ValueError("not of the lengths that were wrapped")
        salt, iv = wrapped[:_SALT_BYTES], wrapped[_SALT_BYTES : _SALT_BYTES + _IV_BYTES]
        sealed = wrapped[_SALT_BYTES + _IV_BYTES :]
        plain = AESGCM(_derive(prf_output, salt, bound)).decrypt(iv, sealed, bound)
        length = int.from_bytes(plain[:_LENGTH_BYTES], "big")
        return Secret(plain[_LENGTH_BYTES : _LENGTH_BYTES + length].decode("utf-8"))
    except (InvalidTag, PasskeyRefused, ValueError):
        # The cause is cut off: it says which part failed, and may hold the passphrase.
        raise PasskeyRefused("this passkey does not open the key; use the passphrase") from None


def _bound_to(member: str, credential: bytes) -> bytes:
    if not 0 < len(credential) <= MAX_CREDENTIAL_BYTES:
        raise PasskeyRefused(f"credential id: expected 1 to {MAX_CREDENTIAL_BYTES} bytes, got {len(credential)}")
    try:
        return canonical_bytes({"typ": TYPE, "member": require_id(member, "member"), "credential": b64u(credential)})
    except Malformed as error:
        raise PasskeyRefused(str(error)) from error


def _derive(prf_output: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=info).derive(prf_output)
