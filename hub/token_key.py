"""Replace the key that the hub signs access tokens with. Nobody pinned it: agencies fetch new tokens by themselves.

Only while the hub is stopped: a process that runs has the old key, and would go on taking what it signed. In a key file
it is one move; in a token the new key is made beside the old one, which goes last (``keys.custody.token_changes``).
docs/keys.md.
"""

from __future__ import annotations

from hub.config import Config
from hub.services import TOKEN_KEY, open_keys
from hub.serving import only_process
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import KeyFile, write_key_file
from keys.custody.token import TokenKeys, write_token_keys
from keys.custody.token_changes import make_noted_keys, note_labels, tidy
from keys.private import PrivateKey

ALGORITHM = "Ed25519"


def rotate_token_key(config: Config, unlocking: str) -> str:
    """Replace the key; return the new one's id. Raises ``ConfigRefused`` while the hub runs, and ``CustodyRefused``.

    Killed at any moment, the hub has the old key or the new one; what is left in a token goes with the next rotation.
    """
    lock = only_process(config.home)
    try:
        held = open_keys(config, unlocking)
        try:
            return _replace(config, held, unlocking)
        finally:
            held.close()
    finally:
        lock.close()


def _replace(config: Config, held: Custody, unlocking: str) -> str:
    if isinstance(held, TokenKeys):
        return _replace_in_token(config, held)
    if not isinstance(held, KeyFile):
        raise CustodyRefused("the hub's keys are in no file and no token that is known here")
    new = PrivateKey.generate(ALGORITHM)
    write_key_file(config.keys_path, KeyFile({**held.keys, TOKEN_KEY: new}, held.storage), unlocking)
    return new.public.kid


def _replace_in_token(config: Config, held: TokenKeys) -> str:
    path = config.token_keys_path
    # Of a rotation that was killed.
    tidy(held, path)
    [new] = make_noted_keys(held, {TOKEN_KEY: ALGORITHM}, path).values()
    old = held.label(TOKEN_KEY)
    note_labels(path, held.holder, [] if old is None else [old])
    write_token_keys(held.link, held.holder, {**held.keys, TOKEN_KEY: new}, held.storage, path)
    tidy(held, path)
    return new.public.kid
