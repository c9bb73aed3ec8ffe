"""What is checked of an authenticator's signature: which site, which question, that its user was verified.

WebAuthn Level 3 sections 7.1 (new) and 7.2 (used), by the ``webauthn`` library; its words never reach a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask_babel import lazy_gettext as _
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import parse_attestation_object
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestationFormat,
    AuthenticationCredential,
    CredentialDeviceType,
    RegistrationCredential,
)

from adapters.store.passkeys import PasskeyRecord
from adapters.workspace.passkey_answers import PasskeyNotAccepted
from keys.custody.passkey import MAX_CREDENTIAL_BYTES

SUPPORTED_ALGORITHMS = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
"""The last for authenticators in the TPM of a desktop, many of which sign with nothing else."""
MAX_PUBLIC_KEY_BYTES = 1024
_FORMATS = frozenset({AttestationFormat.NONE, AttestationFormat.PACKED})
"""What a browser hands over where none was asked for: nothing, or the credential's signature over itself."""
_NOT_ACCEPTED = _(
    "the passkey was not accepted: it answered another question, for another site, or without checking you"
)
_Checked = TypeVar("_Checked")


@dataclass(frozen=True, slots=True)
class Site:
    """Where people sign in: the only origin whose answers count. ``rp_id`` is its host, shared with no other name.

    ``name`` is what authenticators show: the agency's.
    """

    origin: str
    rp_id: str
    name: str


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential that an authenticator has just made, checked."""

    credential: bytes
    public_key: bytes
    sign_count: int
    is_backup_eligible: bool


def check_new(credential: RegistrationCredential, challenge: bytes, site: Site) -> NewCredential:
    """Return a new credential that answers this challenge for this site. Raises ``PasskeyNotAccepted``."""

    def check() -> NewCredential:
        # First, so that no chain of certificates that somebody sends is looked at.
        attested = parse_attestation_object(credential.response.attestation_object)
        if attested.fmt not in _FORMATS or attested.att_stmt.x5c is not None:
            raise ValueError("an attestation that was not asked for")
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=list(SUPPORTED_ALGORITHMS),
        )
        if made.credential_id != credential.raw_id or len(made.credential_id) > MAX_CREDENTIAL_BYTES:
            raise ValueError("not the credential that it says it is")
        if len(made.credential_public_key) > MAX_PUBLIC_KEY_BYTES:
            raise ValueError("a key larger than any authenticator's")
        is_eligible = made.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        return NewCredential(made.credential_id, made.credential_public_key, made.sign_count, is_eligible)

    return _refusing(check)


def check_used(credential: AuthenticationCredential, challenge: bytes, site: Site, record: PasskeyRecord) -> int:
    """Return the counter that a known credential shows, its signature checked. Raises ``PasskeyNotAccepted``."""

    def check() -> int:
        used = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=record.public_key,
            # The library compares counters before it checks the signature: a lie would raise the alarm.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        if (used.credential_device_type is CredentialDeviceType.MULTI_DEVICE) is not record.is_backup_eligible:
            raise ValueError("section 7.2 step 19: whether it can be copied to other devices never changes")
        return int(used.new_sign_count)

    return _refusing(check)


def is_copied(known: int, shown: int) -> bool:
    """Whether a counter says that a second authenticator holds the credential. Both zero: it keeps none."""
    return (known > 0 or shown > 0) and shown <= known


def _refusing(check: Callable[[], _Checked]) -> _Checked:
    try:
        return check()
    except Exception:  # noqa: BLE001 - on hostile bytes the library raises whatever its parsers do; all of it is a no
        raise PasskeyNotAccepted(_NOT_ACCEPTED) from None
