"""The key with which a site proves itself to identity providers: sealed under its holder's own storage secret.

It rests in a file of its own, so that key files and tokens stay as they are. Losing it loses nothing: a new one is
made, and providers find its public half at the address they were told (``jwks_uri``). To change it, delete the file.
"""

from __future__ import annotations

import os
from pathlib import Path

from keys.canonical import canonical_bytes, parse_canonical
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import write_private_file
from keys.private import PrivateKey
from keys.storage import StorageRefused, Vault

NAME = "sign-in.key"
ALGORITHM = "ES256"
"""What providers know; few of them know Ed25519 in a client's key."""
MAX_FILE_BYTES = 4096
_SEALED_AS = "sign-in key"


def open_sign_in_key(folder: Path, storage: bytes) -> PrivateKey:
    """Return the sign-in key of a home folder; where there is none, make one.

    ``storage`` is the holder's 32-byte storage secret. Raises ``CustodyRefused`` for a file that does not open with it.
    """
    path = folder / NAME
    vault = Vault(storage)
    try:
        with path.open("rb") as file:
            sealed = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return _make(path, vault)
    except OSError as error:
        raise CustodyRefused(f"{NAME} cannot be read") from error
    if len(sealed) > MAX_FILE_BYTES:
        raise CustodyRefused(f"{NAME} has more than {MAX_FILE_BYTES} bytes")
    try:
        key = PrivateKey.from_jwk(parse_canonical(vault.open(_SEALED_AS, sealed)))
    except StorageRefused as error:
        raise CustodyRefused(f"{NAME} does not open: damaged, or another holder's; delete it for a new one") from error
    except ValueError:
        # The cause is cut off: it may hold the opened key.
        raise CustodyRefused(f"{NAME} holds no key; delete it to make a new one") from None
    if key.public.alg != ALGORITHM:
        raise CustodyRefused(f"{NAME} holds a key of algorithm {key.public.alg}, expected {ALGORITHM}")
    return key


def reseal_sign_in_key(folder: Path, before: bytes, after: bytes) -> None:
    """Seal a home folder's sign-in key under a new storage secret; nothing where there is none, or where it is done.

    Raises ``CustodyRefused`` for a file that opens with neither secret.
    """
    path = folder / NAME
    if not path.exists():
        return
    try:
        open_sign_in_key(folder, after)
    except CustodyRefused:
        key = open_sign_in_key(folder, before)
        write_private_file(path, Vault(after).seal(_SEALED_AS, canonical_bytes(key.to_jwk())))


def _make(path: Path, vault: Vault) -> PrivateKey:
    """Make a key; of two processes that do so at once the first one's counts for both."""
    key = PrivateKey.generate(ALGORITHM)
    made = path.with_name(f".{NAME}.{os.getpid()}.{os.urandom(4).hex()}")
    write_private_file(made, vault.seal(_SEALED_AS, canonical_bytes(key.to_jwk())))
    try:
        os.link(made, path)
    except FileExistsError:
        return open_sign_in_key(path.parent, vault.secret)
    except OSError as error:
        raise CustodyRefused(f"{NAME} cannot be written") from error
    finally:
        made.unlink(missing_ok=True)
    return key
