"""A passphrase wrapped under a passkey's PRF output: only the same passkey, for the same person, gives it back."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.custody.interface import CustodyRefused
from keys.custody.passkey import (
    MAX_CREDENTIAL_BYTES,
    MAX_WRAPPED_BYTES,
    PRF_BYTES,
    PasskeyRefused,
    new_prf_salt,
    unwrap_passphrase,
    wrap_passphrase,
)
from keys.custody.secret import MAX_SECRET_BYTES, Secret
from tests.properties.properties_material import FEW, IDS, PROFILE

MEMBER, OTHER = "1" * 32, "2" * 32
CREDENTIAL = b"credential one"
PRF = bytes(range(PRF_BYTES))
PASSPHRASE = Secret("a long enough passphrase")
PRFS = st.binary(min_size=PRF_BYTES, max_size=PRF_BYTES)
CREDENTIALS = st.binary(min_size=1, max_size=64)
PASSPHRASES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300).map(Secret)


def wrapped() -> bytes:
    return wrap_passphrase(PASSPHRASE, PRF, member=MEMBER, credential=CREDENTIAL)


@PROFILE
@given(PASSPHRASES, PRFS, IDS, CREDENTIALS)
def test_what_was_wrapped_comes_back(passphrase: Secret, prf: bytes, member: str, credential: bytes) -> None:
    sealed = wrap_passphrase(passphrase, prf, member=member, credential=credential)
    opened = unwrap_passphrase(sealed, prf, member=member, credential=credential)
    assert opened.encode() == passphrase.encode()
    assert isinstance(opened, Secret)
    assert passphrase.encode() not in sealed or len(passphrase.encode()) < 4


@PROFILE
@given(st.data())
def test_a_flipped_bit_opens_nothing(data: st.DataObject) -> None:
    sealed = bytearray(wrapped())
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(PasskeyRefused):
        unwrap_passphrase(bytes(sealed), PRF, member=MEMBER, credential=CREDENTIAL)


@FEW
@given(PRFS, IDS, CREDENTIALS)
def test_another_passkey_member_or_credential_opens_nothing(prf: bytes, member: str, credential: bytes) -> None:
    sealed = wrapped()
    for secret, who, which in (
        (prf, MEMBER, CREDENTIAL),
        (PRF, member, CREDENTIAL),
        (PRF, MEMBER, credential),
    ):
        if (secret, who, which) != (PRF, MEMBER, CREDENTIAL):
            with pytest.raises(PasskeyRefused):
                unwrap_passphrase(sealed, secret, member=who, credential=which)


@PROFILE
@given(st.binary(max_size=600))
def test_whatever_stands_in_the_store_is_refused_in_our_words(junk: bytes) -> None:
    with pytest.raises(PasskeyRefused):
        unwrap_passphrase(junk, PRF, member=MEMBER, credential=CREDENTIAL)


def test_every_failure_says_the_same() -> None:
    sealed = wrapped()
    tries: list[Callable[[], object]] = [
        lambda: unwrap_passphrase(sealed, bytes(PRF_BYTES), member=MEMBER, credential=CREDENTIAL),
        lambda: unwrap_passphrase(sealed, PRF[:-1], member=MEMBER, credential=CREDENTIAL),
        lambda: unwrap_passphrase(sealed, PRF, member=OTHER, credential=CREDENTIAL),
        lambda: unwrap_passphrase(sealed, PRF, member="not an id", credential=CREDENTIAL),
        lambda: unwrap_passphrase(sealed, PRF, member=MEMBER, credential=b""),
        lambda: unwrap_passphrase(sealed[:20], PRF, member=MEMBER, credential=CREDENTIAL),
        lambda: unwrap_passphrase(bytes(MAX_WRAPPED_BYTES + 1), PRF, member=MEMBER, credential=CREDENTIAL),
        lambda: unwrap_passphrase(b"", PRF, member=MEMBER, credential=CREDENTIAL),
    ]
    said = set()
    for attempt in tries:
        with pytest.raises(CustodyRefused) as refused:
            attempt()
        said.add(str(refused.value))
        assert refused.value.__cause__ is None
    assert said == {"this passkey does not open the key; use the passphrase"}


@pytest.mark.parametrize("length", [0, 1, PRF_BYTES - 1, PRF_BYTES + 1, 2 * PRF_BYTES])
def test_prf_output_of_another_length_wraps_nothing(length: int) -> None:
    with pytest.raises(PasskeyRefused, match=f"expected {PRF_BYTES} bytes, got {length}$"):
        wrap_passphrase(PASSPHRASE, bytes(length), member=MEMBER, credential=CREDENTIAL)


@pytest.mark.parametrize(
    ("passphrase", "member", "credential", "words"),
    [
        ("", MEMBER, CREDENTIAL, "passphrase: expected 1 to"),
        ("x" * (MAX_SECRET_BYTES + 1), MEMBER, CREDENTIAL, "passphrase: expected 1 to"),
        ("\udce9" * 20, MEMBER, CREDENTIAL, "not text in UTF-8"),
        (PASSPHRASE, "A" * 32, CREDENTIAL, "member: expected"),
        (PASSPHRASE, MEMBER, b"", "credential id: expected"),
        (PASSPHRASE, MEMBER, bytes(MAX_CREDENTIAL_BYTES + 1), "credential id: expected"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(passphrase: str, member: str, credential: bytes, words: str) -> None:
    with pytest.raises(PasskeyRefused, match=words):
        wrap_passphrase(Secret(passphrase), PRF, member=member, credential=credential)


def test_the_longest_passphrase_fits_its_limit() -> None:
    longest = Secret("x" * MAX_SECRET_BYTES)
    sealed = wrap_passphrase(longest, PRF, member=MEMBER, credential=bytes(MAX_CREDENTIAL_BYTES))
    assert len(sealed) <= MAX_WRAPPED_BYTES
    opened = unwrap_passphrase(sealed, PRF, member=MEMBER, credential=bytes(MAX_CREDENTIAL_BYTES))
    assert opened.encode() == longest.encode()


def test_usual_passphrases_are_wrapped_at_one_size_and_never_twice_alike() -> None:
    short = wrap_passphrase(Secret("x" * 12), PRF, member=MEMBER, credential=CREDENTIAL)
    long = wrap_passphrase(Secret("x" * 200), PRF, member=MEMBER, credential=CREDENTIAL)
    assert len(short) == len(long)
    assert wrapped() != wrapped()
    assert len({new_prf_salt() for _ in range(20)}) == 20


def test_prf_output_of_another_length_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what was wrapped under it, by something that did not look."""
    with monkeypatch.context() as careless:
        careless.setattr("keys.custody.passkey.PRF_BYTES", 16)
        sealed = wrap_passphrase(PASSPHRASE, PRF[:16], member=MEMBER, credential=CREDENTIAL)
    with pytest.raises(PasskeyRefused):
        unwrap_passphrase(sealed, PRF[:16], member=MEMBER, credential=CREDENTIAL)


def test_the_opened_passphrase_is_not_shown() -> None:
    opened = unwrap_passphrase(wrapped(), PRF, member=MEMBER, credential=CREDENTIAL)
    assert "enough" not in f"{opened} {opened!r} {[opened]}"
    with pytest.raises(TypeError):
        pickle.dumps(opened)
