"""The hub's keys while one of them is replaced: the same acts for a key file and for a token.

In a key file each is one move. In a token whatever may have to go is noted first (``keys.custody.token_changes``), so
that what a death leaves there goes with the next change.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub.config import Config
from hub.services import HOLDER, LOG_KEY, NEXT_LOG_KEY, SIGN_IN_KEY, TOKEN_KEY, open_keys
from keys.custody.interface import Custody, CustodyRefused
from keys.custody.keyfile import KeyFile, generate_storage, write_key_file
from keys.custody.place import read_place
from keys.custody.token import TokenKeys, create_token_keys, write_token_keys
from keys.custody.token_changes import make_noted_keys, note_labels, tidy
from keys.jose import Signer
from keys.private import PrivateKey

ALGORITHMS = {LOG_KEY: "Ed25519", TOKEN_KEY: "Ed25519", SIGN_IN_KEY: "ES256"}
"""The hub's keys and their algorithms. Hardly an identity provider takes Ed25519 yet."""


def open_or_make(config: Config, unlocking: str, *, is_lost: bool) -> Custody:
    """Open the hub's keys; where their file is gone and ``is_lost``, make all of them anew, the log's as one to come.

    Raises ``CustodyRefused``.
    """
    place = read_place(config.home)
    path = config.keys_path if place is None else config.token_keys_path
    if path.exists() or not is_lost:
        return open_keys(config, unlocking)
    wanted = {NEXT_LOG_KEY if use == LOG_KEY else use: algorithm for use, algorithm in ALGORITHMS.items()}
    if place is not None:
        return create_token_keys(place, unlocking, HOLDER, wanted, path)
    made = KeyFile({use: PrivateKey.generate(algorithm) for use, algorithm in wanted.items()}, generate_storage())
    write_key_file(path, made, unlocking)
    return made


def make_beside(config: Config, held: Custody, unlocking: str, name: str, like: str) -> tuple[Custody, Signer]:
    """Make a key under a name, beside the others, of the algorithm that ``like`` has; one of that name is replaced.

    Raises ``CustodyRefused``.
    """
    if isinstance(held, TokenKeys):
        # Of a change that was killed.
        tidy(held, config.token_keys_path)
        [made] = make_noted_keys(held, {name: ALGORITHMS[like]}, config.token_keys_path).values()
    else:
        made = PrivateKey.generate(ALGORITHMS[like])
    return drop_from(config, held, unlocking, {**held.keys, name: made}), made


def drop_from(config: Config, held: Custody, unlocking: str, kept: Mapping[str, Signer]) -> Custody:
    """Keep exactly these keys under these names, in one move; what is not among them is destroyed in a token.

    Raises ``CustodyRefused``.
    """
    if isinstance(held, KeyFile):
        file = KeyFile({name: key for name, key in kept.items() if isinstance(key, PrivateKey)}, held.storage)
        write_key_file(config.keys_path, file, unlocking)
        return file
    if not isinstance(held, TokenKeys):
        raise CustodyRefused("the hub's keys are in no file and no token that is known here")
    path = config.token_keys_path
    staying = {id(key) for key in kept.values()}
    going = [held.label(use) for use, key in held.keys.items() if id(key) not in staying]
    note_labels(path, held.holder, [label for label in going if label is not None])
    renewed = write_token_keys(held.sealer, kept, held.storage, path)
    tidy(renewed, path)
    return renewed
