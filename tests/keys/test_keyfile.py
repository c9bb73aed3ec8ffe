"""Key files: opened with their passphrase, refused when weaker than we allow, never shown.

Deriving takes a tenth of a second by design; so each test derives as few times as it can.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keys_material import ANY_JSON, BOUNDED, hides, key, objects_with, outcome

from keys.canonical import canonical_bytes
from keys.custody import keyfile
from keys.custody.keyfile import (
    MAX_FILE_BYTES,
    KeyFile,
    KeyFileRefused,
    generate_storage,
    read_key_file,
    write_key_file,
    write_private_file,
)
from keys.jose import b64u, b64u_decode

PASSPHRASE = "correct horse battery"
CONTENTS = KeyFile({"signing": key("Ed25519"), "archive": key("HPKE-9-KE"), "p256": key("ES256")}, bytes(range(32)))
NOT_OPEN = "KeyFileRefused: key file does not open: wrong passphrase, or the file is damaged"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The members of a written key file."""
    path = tmp_path_factory.mktemp("written") / "keys.json"
    write_key_file(path, CONTENTS, PASSPHRASE)
    members: dict[str, Any] = json.loads(path.read_bytes())
    return members


@pytest.fixture
def no_derivation(monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be refused before deriving fails the test if it derives."""

    def derived(*_: object) -> bytes:
        pytest.fail("a key was derived")

    monkeypatch.setattr(keyfile, "_derive", derived)


@pytest.fixture
def fixed_derivation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every passphrase gives the same secret: for what comes after the derivation."""
    monkeypatch.setattr(keyfile, "_derive", lambda *_: bytes(32))


def file_of(path: Path, members: Any) -> Path:
    path.write_bytes(members if isinstance(members, bytes) else canonical_bytes(members))
    return path


def sealed_by_hand(contents: Any, written: dict[str, Any]) -> dict[str, Any]:
    """A file whose contents are anything, under the secret of ``fixed_derivation``."""
    head = {name: written[name] for name in ("typ", "kdf", "iv")}
    data = contents if isinstance(contents, bytes) else canonical_bytes(contents)
    return {**head, "ciphertext": b64u(AESGCM(bytes(32)).encrypt(b64u_decode(head["iv"]), data, canonical_bytes(head)))}


def test_keys_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Every key and the storage secret; the file and its folder are the owner's alone, nothing is left beside it."""
    path = tmp_path / "new folder" / "keys.json"
    write_key_file(path, CONTENTS, PASSPHRASE)
    opened = read_key_file(path, PASSPHRASE)
    assert {name: item.to_jwk() for name, item in opened.keys.items()} == {
        name: item.to_jwk() for name, item in CONTENTS.keys.items()
    }
    assert opened.storage == CONTENTS.storage
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == ["keys.json"]
    assert outcome(read_key_file, path, PASSPHRASE + " ") == NOT_OPEN


def test_the_file_states_its_protection_and_shows_no_secret(written: dict[str, Any]) -> None:
    """RFC 9106: Argon2id with 64 MiB, three passes, four lanes and a 16-byte salt, as the file says."""
    assert {name: written["kdf"][name] for name in ("name", "memory_kib", "iterations", "lanes")} == {
        "name": "argon2id",
        "memory_kib": 65536,
        "iterations": 3,
        "lanes": 4,
    }
    assert len(b64u_decode(written["kdf"]["salt"])) == 16
    text = json.dumps(written)
    secrets = [CONTENTS.storage, *(b64u_decode(_secret_member(name)) for name in CONTENTS.keys)]
    assert all(hides(secret, text, repr(CONTENTS), str(CONTENTS), f"{CONTENTS}") for secret in secrets)
    assert repr(CONTENTS) == "<KeyFile ['archive', 'p256', 'signing'] (secrets not shown)>"


def _secret_member(name: str) -> str:
    jwk = CONTENTS.keys[name].to_jwk()
    return jwk["priv"] if "priv" in jwk else jwk["d"]


@pytest.mark.usefixtures("no_derivation")
@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 65535},
        {"memory_kib": 0},
        {"memory_kib": -65536},
        {"iterations": 2},
        {"iterations": 0},
        {"lanes": 3},
        {"lanes": 0},
        {"salt": b64u(bytes(15))},
        {"salt": ""},
    ],
)
def test_weaker_protection_is_refused(change: dict[str, Any], written: dict[str, Any], tmp_path: Path) -> None:
    """Attack 12: nobody makes us derive cheaply."""
    path = file_of(tmp_path / "keys.json", {**written, "kdf": {**written["kdf"], **change}})
    with pytest.raises(KeyFileRefused, match="more weakly than allowed"):
        read_key_file(path, PASSPHRASE)


@pytest.mark.usefixtures("no_derivation")
@pytest.mark.parametrize(
    "change", [{"memory_kib": 1024 * 1024 + 1}, {"iterations": 17}, {"lanes": 65}, {"memory_kib": 2**53 - 1}]
)
def test_more_work_than_allowed_is_refused(change: dict[str, Any], written: dict[str, Any], tmp_path: Path) -> None:
    """A file must not be able to stop the machine."""
    path = file_of(tmp_path / "keys.json", {**written, "kdf": {**written["kdf"], **change}})
    with pytest.raises(KeyFileRefused, match="more work than allowed"):
        read_key_file(path, PASSPHRASE)


@pytest.mark.usefixtures("no_derivation")
def test_another_form_is_refused(written: dict[str, Any], tmp_path: Path) -> None:
    """Before anything is derived: other types, members more or less, other kinds of value, not canonical."""
    kdf, path = written["kdf"], tmp_path / "keys.json"
    changed: list[Any] = [
        {**written, "typ": "nrmhub-keyfile-2"},
        {**written, "kdf": {**kdf, "name": "pbkdf2"}},
        {**written, "kdf": {**kdf, "name": "argon2i"}},
        {**written, "kdf": {**kdf, "memory_kib": True}},
        {**written, "kdf": {**kdf, "memory_kib": "65536"}},
        {**written, "kdf": {**kdf, "salt": 7}},
        {**written, "kdf": {**kdf, "note": "x"}},
        {**written, "kdf": "argon2id"},
        {**written, "kdf": None},
        {**written, "iv": b64u(bytes(8))},
        {**written, "iv": written["iv"] + "="},
        {**written, "ciphertext": None},
        {**written, "note": "x"},
        *({name: written[name] for name in written if name != missing} for missing in written),
        *({**written, "kdf": {name: kdf[name] for name in kdf if name != missing}} for missing in kdf),
        json.dumps(written).encode(),
        canonical_bytes(written) + b"\n",
        b"",
        b"[]",
        b"9" * 5000,
        b"[" * 100_000,
    ]
    for members in changed:
        with pytest.raises(KeyFileRefused, match="not a key file of this version, or it is damaged"):
            read_key_file(file_of(path, members), PASSPHRASE)


@pytest.mark.usefixtures("no_derivation")
def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    """Also one that has no end."""
    path = file_of(tmp_path / "keys.json", b" " * (MAX_FILE_BYTES + 1))
    for large in (path, Path("/dev/zero")):
        with pytest.raises(KeyFileRefused, match=f"larger than {MAX_FILE_BYTES}"):
            read_key_file(large, PASSPHRASE)
    with pytest.raises(FileNotFoundError):
        read_key_file(tmp_path / "none.json", PASSPHRASE)


@pytest.mark.usefixtures("no_derivation")
@settings(BOUNDED, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ANY_JSON | objects_with(("typ", "kdf", "iv", "ciphertext")), raw=st.binary(max_size=60))
def test_only_our_refusal_escapes_from_any_file(value: Any, raw: bytes, tmp_path: Path) -> None:
    """JSON of any shape, then bytes of any kind."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(value), "utf-8", "surrogatepass")
    assert outcome(read_key_file, path, PASSPHRASE).startswith("KeyFileRefused")
    path.write_bytes(raw)
    assert outcome(read_key_file, path, PASSPHRASE).startswith("KeyFileRefused")


@pytest.mark.usefixtures("fixed_derivation")
def test_every_member_and_byte_is_authenticated(written: dict[str, Any], tmp_path: Path) -> None:
    """Stronger parameters than were used, another salt or iv, a flipped byte of the ciphertext: the same words."""
    jwks = {name: item.to_jwk() for name, item in CONTENTS.keys.items()}
    good = sealed_by_hand({"keys": jwks, "storage": b64u(CONTENTS.storage)}, written)
    path = tmp_path / "keys.json"
    assert read_key_file(file_of(path, good), PASSPHRASE).storage == CONTENTS.storage
    changed = [
        {**good, "kdf": {**good["kdf"], "memory_kib": 65537}},
        {**good, "kdf": {**good["kdf"], "iterations": 4}},
        {**good, "kdf": {**good["kdf"], "lanes": 5}},
        {**good, "kdf": {**good["kdf"], "salt": b64u(bytes(16))}},
        {**good, "iv": b64u(bytes(12))},
        {**good, "ciphertext": ""},
    ]
    raw = b64u_decode(good["ciphertext"])
    for position in range(0, len(raw), 17):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        changed.append({**good, "ciphertext": b64u(bytes(damaged))})
    assert len(changed) > 100
    for members in changed:
        assert outcome(read_key_file, file_of(path, members), PASSPHRASE) == NOT_OPEN


@pytest.mark.usefixtures("fixed_derivation")
@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"not json",
        [],
        None,
        {},
        {"keys": {}, "storage": b64u(bytes(31))},
        {"keys": {}, "storage": None},
        {"keys": [], "storage": b64u(bytes(32))},
        {"keys": {"signing": "x"}, "storage": b64u(bytes(32))},
        {"keys": {"signing": {}}, "storage": b64u(bytes(32))},
        {"keys": {"signing": {**key("Ed25519").to_jwk(), "alg": "HS256"}}, "storage": b64u(bytes(32))},
    ],
)
def test_contents_of_another_form_are_refused_without_a_word_about_them(
    contents: Any, written: dict[str, Any], tmp_path: Path
) -> None:
    """Somebody with the passphrase, or an older version, wrote them; no traceback, and no cause that holds keys."""
    path = file_of(tmp_path / "keys.json", sealed_by_hand(contents, written))
    with pytest.raises(KeyFileRefused) as refusal:
        read_key_file(path, PASSPHRASE)
    assert f"KeyFileRefused: {refusal.value}" == NOT_OPEN
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.usefixtures("no_derivation")
def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    """Eleven characters are too few, and nothing is written."""
    with pytest.raises(KeyFileRefused, match="at least 12 characters"):
        write_key_file(tmp_path / "keys.json", CONTENTS, "x" * 11)
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_in_another_encoding_is_refused_without_showing_it(
    written: dict[str, Any], tmp_path: Path
) -> None:
    """What a terminal hands over when its bytes are not UTF-8."""
    passphrase = b"caf\xe9 caf\xe9 caf\xe9".decode("utf-8", "surrogateescape")
    path = file_of(tmp_path / "keys.json", written)
    for call in (
        lambda: read_key_file(path, passphrase),
        lambda: write_key_file(tmp_path / "other.json", CONTENTS, passphrase),
    ):
        text = outcome(call)
        assert text == "KeyFileRefused: the passphrase is not text in UTF-8"


@pytest.mark.usefixtures("fixed_derivation")
def test_more_keys_than_can_be_read_again_are_not_written(tmp_path: Path) -> None:
    """A file nobody could open would be the loss of all keys; the one that is there stays."""
    path = tmp_path / "keys.json"
    write_key_file(path, CONTENTS, PASSPHRASE)
    before = path.read_bytes()
    many = KeyFile({f"key {number}": key("HPKE-9-KE") for number in range(200)}, bytes(32))
    with pytest.raises(KeyFileRefused, match=f"the limit is {MAX_FILE_BYTES}"):
        write_key_file(path, many, PASSPHRASE)
    assert path.read_bytes() == before


def test_a_storage_secret_has_32_bytes() -> None:
    """A fresh one does, another is refused."""
    assert len(generate_storage()) == 32
    assert generate_storage() != generate_storage()
    for size in (0, 16, 31, 33):
        with pytest.raises(KeyFileRefused, match=f"has {size} bytes, expected 32"):
            KeyFile({}, bytes(size))


def test_a_failed_move_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupted at the worst moment."""
    path = tmp_path / "keys.json"
    write_private_file(path, b"old")

    def failed(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", failed)
    with pytest.raises(OSError, match="disk full"):
        write_private_file(path, b"new")
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [b"old"]
