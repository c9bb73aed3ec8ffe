"""What a browser answers about a passkey, read with limits: the JSON that ``script/passkey.js`` puts into a form.

WebAuthn Level 3 section 5.1 (``RegistrationResponseJSON``, ``AuthenticationResponseJSON``), those members that are
used here, and the PRF output beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask_babel import gettext as _
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorTransport,
    RegistrationCredential,
)

from keys.custody.passkey import MAX_CREDENTIAL_BYTES, PRF_BYTES
from keys.jose import b64u_decode

MAX_ANSWER_BYTES = 16 * 1024
MAX_CLIENT_DATA_BYTES = 2 * 1024
MAX_ATTESTATION_BYTES = 8 * 1024
MAX_AUTHENTICATOR_DATA_BYTES = 2 * 1024
MAX_SIGNATURE_BYTES = 1024
MAX_USER_HANDLE_BYTES = 64
MAX_TRANSPORTS = 8
KNOWN_TRANSPORTS = frozenset(one.value for one in AuthenticatorTransport)
"""``AuthenticatorTransport``: a hint for the browser only. What is not known here is left out."""
_Read = TypeVar("_Read")


class PasskeyNotAccepted(Exception):
    """A passkey cannot be added, used or changed like this. The text is for the person who tried."""


def parse_registration(text: str) -> tuple[RegistrationCredential, tuple[str, ...], bytes | None]:
    """Return a new credential, its transports, and its PRF output where it has one. Raises ``PasskeyNotAccepted``."""
    return _reading(text, _registration)


def parse_authentication(text: str) -> tuple[AuthenticationCredential, bytes | None]:
    """Return a credential's answer and its PRF output where it has one. Raises ``PasskeyNotAccepted``."""
    return _reading(text, _authentication)


def _reading(text: str, read: Callable[[Mapping[str, Any]], _Read]) -> _Read:
    if len(text) > MAX_ANSWER_BYTES:
        raise PasskeyNotAccepted(
            _("the browser's answer: expected at most %(most)s bytes, got more", most=f"{MAX_ANSWER_BYTES:,}")
        )
    try:
        return read(json.loads(text))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise PasskeyNotAccepted(_("the browser's answer is not of the form that this page sends")) from None


def _registration(data: Mapping[str, Any]) -> tuple[RegistrationCredential, tuple[str, ...], bytes | None]:
    response = data["response"]
    credential = RegistrationCredential(
        id=data["id"],
        raw_id=b64u_decode(data["id"], max_bytes=MAX_CREDENTIAL_BYTES),
        response=AuthenticatorAttestationResponse(
            client_data_json=_client_data(response),
            attestation_object=b64u_decode(response["attestationObject"], max_bytes=MAX_ATTESTATION_BYTES),
        ),
    )
    listed = response["transports"]
    if not isinstance(listed, list) or len(listed) > MAX_TRANSPORTS:
        raise ValueError("not a list of transports")
    return credential, tuple(sorted(KNOWN_TRANSPORTS.intersection(map(str, listed)))), _prf(data)


def _authentication(data: Mapping[str, Any]) -> tuple[AuthenticationCredential, bytes | None]:
    response = data["response"]
    handle = response["userHandle"]
    credential = AuthenticationCredential(
        id=data["id"],
        raw_id=b64u_decode(data["id"], max_bytes=MAX_CREDENTIAL_BYTES),
        response=AuthenticatorAssertionResponse(
            client_data_json=_client_data(response),
            authenticator_data=b64u_decode(response["authenticatorData"], max_bytes=MAX_AUTHENTICATOR_DATA_BYTES),
            signature=b64u_decode(response["signature"], max_bytes=MAX_SIGNATURE_BYTES),
            user_handle=None if handle is None else b64u_decode(handle, max_bytes=MAX_USER_HANDLE_BYTES),
        ),
    )
    return credential, _prf(data)


def _client_data(response: Mapping[str, Any]) -> bytes:
    raw = b64u_decode(response["clientDataJSON"], max_bytes=MAX_CLIENT_DATA_BYTES)
    said = json.loads(raw)
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        # Section 7.2 step 13: a page of somebody else's that shows ours in a frame is not where people sign in.
        raise ValueError("asked from within another site's page")
    return raw


def _prf(data: Mapping[str, Any]) -> bytes | None:
    given = data["prf"]
    if given is None:
        return None
    output = b64u_decode(given, max_bytes=PRF_BYTES)
    if len(output) != PRF_BYTES:
        raise ValueError("not a PRF output")
    return output
