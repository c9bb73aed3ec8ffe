"""Replace a key of the hub that nobody pinned: the one of access tokens, or the one for identity providers.

Only while the hub is stopped: a process that runs has the old key, and would go on taking what it signed. In a key file
it is one move; in a token the new key is made beside the old one, which goes last (``hub.hub_keys``). docs/keys.md.
"""

from __future__ import annotations

from typing import Any

from hub.config import Config
from hub.hub_keys import make_beside
from hub.services import SIGN_IN_KEY, TOKEN_KEY, open_keys
from hub.serving import nobody_serving
from keys.jose import Signer
from keys.sign_in import public_jwks

TOKEN_SUMMARY = (
    "Makes a new key for access tokens; every token signed with the one before is refused from the next start on.",
    "Agencies fetch new ones by themselves.",
)


SIGN_IN_SUMMARY = (
    "Makes a new key with which the console proves itself to the identity providers; the one before is of no use from "
    "the next start on.",
    "A provider that reads the console's keys from their address (jwks_uri) finds it there; register it at any other.",
)


def rotate_token_key(config: Config, unlocking: str) -> str:
    """Replace the key of access tokens; return the new one's id.

    Killed at any moment, the hub has the old key or the new one; what is left in a token goes with the next rotation.
    Raises ``ConfigRefused`` while the hub runs, and ``CustodyRefused``.
    """
    return _replace(config, unlocking, TOKEN_KEY).public.kid


def rotate_sign_in_key(config: Config, unlocking: str) -> dict[str, Any]:
    """Replace the key for identity providers; return the key set to publish. Raises as ``rotate_token_key``."""
    return public_jwks(_replace(config, unlocking, SIGN_IN_KEY))


def _replace(config: Config, unlocking: str, name: str) -> Signer:
    with nobody_serving(config):
        held = open_keys(config, unlocking)
        try:
            held, new = make_beside(config, held, unlocking, name, name)
            return new
        finally:
            held.close()
