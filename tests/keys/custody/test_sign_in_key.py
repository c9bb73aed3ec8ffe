"""The key of signing in: made once, sealed under its holder's storage secret, the same for every process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keys.canonical import canonical_bytes
from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import generate_storage
from keys.custody.sign_in_key import MAX_FILE_BYTES, NAME, open_sign_in_key, reseal_sign_in_key
from keys.private import PrivateKey
from keys.storage import Vault

STORAGE = generate_storage()


def test_it_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = open_sign_in_key(tmp_path, STORAGE)
    assert made.public.alg == "ES256"
    assert open_sign_in_key(tmp_path, STORAGE).public == made.public
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert made.to_jwk()["d"].encode() not in (tmp_path / NAME).read_bytes()


def test_another_one_is_made_where_it_was_deleted(tmp_path: Path) -> None:
    made = open_sign_in_key(tmp_path, STORAGE)
    (tmp_path / NAME).unlink()
    assert open_sign_in_key(tmp_path, STORAGE).public != made.public


def test_processes_that_start_together_have_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_sign_in_key(tmp_path, STORAGE).public.kid, range(16)))
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        (b"", "does not open"),
        (b"x" * 100, "does not open"),
        (b"x" * (MAX_FILE_BYTES + 1), "more than 4096 bytes"),
        (Vault(generate_storage()).seal("sign-in key", b"{}"), "does not open"),
        (Vault(STORAGE).seal("another row", b"{}"), "does not open"),
        (Vault(STORAGE).seal("sign-in key", b"{}"), "holds no key"),
        (Vault(STORAGE).seal("sign-in key", b"[" * 2000), "holds no key"),
        (Vault(STORAGE).seal("sign-in key", b"\xff"), "holds no key"),
        (
            Vault(STORAGE).seal("sign-in key", canonical_bytes(PrivateKey.generate("Ed25519").to_jwk())),
            "of algorithm Ed25519, expected ES256",
        ),
    ],
    ids=["empty", "short", "long", "anothers", "another-row", "no-key", "nested", "no-text", "another-algorithm"],
)
def test_a_file_that_is_not_its_own_is_refused(tmp_path: Path, sealed: bytes, says: str) -> None:
    (tmp_path / NAME).write_bytes(sealed)
    with pytest.raises(CustodyRefused, match=says):
        open_sign_in_key(tmp_path, STORAGE)
    assert (tmp_path / NAME).read_bytes() == sealed


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    os.mkdir(tmp_path / NAME)
    with pytest.raises(CustodyRefused, match="cannot be read"):
        open_sign_in_key(tmp_path, STORAGE)


def test_it_goes_along_with_a_new_storage_secret(tmp_path: Path) -> None:
    """Also where that was done already; a file of neither secret is refused and left as it is."""
    other = generate_storage()
    reseal_sign_in_key(tmp_path, STORAGE, other)
    assert not (tmp_path / NAME).exists()
    made = open_sign_in_key(tmp_path, STORAGE)
    for _ in range(2):
        reseal_sign_in_key(tmp_path, STORAGE, other)
        assert open_sign_in_key(tmp_path, other).public == made.public
    with pytest.raises(CustodyRefused, match="does not open"):
        open_sign_in_key(tmp_path, STORAGE)
    with pytest.raises(CustodyRefused, match="does not open"):
        reseal_sign_in_key(tmp_path, STORAGE, generate_storage())
    assert open_sign_in_key(tmp_path, other).public == made.public
