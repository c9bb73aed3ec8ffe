"""The vault: rows sealed at rest open under their own name and secret only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys_material import BOUNDED, hides, outcome

from keys.storage import StorageRefused, Vault

VAULT = Vault(bytes(range(32)))
NAMES = st.text(alphabet=st.characters(codec="utf-8"), max_size=12)


@BOUNDED
@given(NAMES, st.binary(max_size=60), NAMES)
def test_rows_open_under_their_own_name(name: str, data: bytes, other: str) -> None:
    """open(seal(x)) == x; under another name the same words refuse it."""
    sealed = VAULT.seal(name, data)
    assert VAULT.open(name, sealed) == data
    assert (outcome(VAULT.open, other, sealed) == "accepted") == (other == name)


def test_every_flipped_bit_is_refused_in_the_same_words() -> None:
    """IV, ciphertext and tag."""
    sealed = VAULT.seal("row 1", b"draft")
    words = set()
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        words.add(outcome(VAULT.open, "row 1", bytes(changed)))
    words |= {outcome(VAULT.open, "row 1", sealed[:cut]) for cut in range(len(sealed))}
    words.add(outcome(Vault(bytes(32)).open, "row 1", sealed))
    assert words == {"StorageRefused: sealed bytes do not open with this agency's storage secret"}


def test_the_same_row_sealed_twice_differs() -> None:
    """A fresh IV each time."""
    assert VAULT.seal("row 1", b"draft") != VAULT.seal("row 1", b"draft")


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_a_secret_of_another_size_is_refused(size: int) -> None:
    """Also those that AES would take."""
    with pytest.raises(StorageRefused, match=f"has {size} bytes, expected 32"):
        Vault(bytes(size))


def test_the_secret_is_not_shown() -> None:
    """repr, str and format."""
    assert hides(VAULT.secret, repr(VAULT), str(VAULT), f"{VAULT}", repr([VAULT]))
