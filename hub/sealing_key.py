"""Replace the AES key of the hub's token that seals what rests beside it (the storage secret): docs/custody.md."""

from __future__ import annotations

from hub.config import Config, ConfigRefused
from hub.services import open_keys
from hub.serving import nobody_serving
from keys.custody.token import TokenKeys
from keys.custody.token_changes import renew_sealing_key

SEALING_SUMMARY = (
    "Makes another AES key in the token, seals anew with it what rests beside the token, and destroys the one before.",
    "A copy of hub.token from before opens with nothing any more: make a new backup of the hub's folder.",
)


def rotate_sealing_key(config: Config, pin: str) -> None:
    """Replace the key. Raises ``ConfigRefused`` while the hub runs or without a token, and ``CustodyRefused``."""
    with nobody_serving(config):
        held = open_keys(config, pin)
        try:
            if not isinstance(held, TokenKeys):
                raise ConfigRefused("this hub's keys rest in a key file, under its passphrase: no token seals them")
            renew_sealing_key(held, config.token_keys_path)
        finally:
            held.close()
