"""Private keys in memory: read strictly, shown never."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from keys_material import ANY_JSON, BOUNDED, hides, key, objects_with, outcome

from keys.jose import KeyRefused, b64u, b64u_decode
from keys.private import ALGORITHMS, PrivateKey


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_survives_its_jwk(alg: str) -> None:
    """Made, written, read: the same key, with or without its kid."""
    made = PrivateKey.generate(alg)
    again = PrivateKey.from_jwk(made.to_jwk())
    assert again.public == made.public
    assert again.to_jwk() == made.to_jwk()
    assert PrivateKey.from_jwk({**made.to_jwk(), "kid": made.public.kid}).public == made.public
    assert PrivateKey.generate(alg).public.kid != made.public.kid


def test_the_key_of_rfc_8037() -> None:
    """RFC 8037 appendix A.1: seed and public key."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    assert PrivateKey.from_jwk(jwk).public.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_halves_that_disagree_are_refused(alg: str) -> None:
    """Another public half, another kid, another algorithm."""
    jwk, other = key(alg).to_jwk(), key(alg, "other")
    member = "pub" if "pub" in jwk else "x"
    for bad in ({**jwk, member: other.public.jwk[member]}, {**jwk, "kid": other.public.kid}, {**jwk, "use": "sig"}):
        with pytest.raises(KeyRefused, match="halves of the key disagree"):
            PrivateKey.from_jwk(bad)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_secret_of_another_size_is_refused(alg: str) -> None:
    """A byte less, a byte more, nothing; the words say the size."""
    size = 48 if alg == "ES384" else 32
    for count in (0, size - 1, size + 1, 2 * size):
        with pytest.raises(KeyRefused, match=f"has {size} bytes"):
            PrivateKey(alg, bytes(count))


@pytest.mark.parametrize("alg", ["ES256", "ES384"])
def test_a_scalar_outside_the_group_is_refused(alg: str) -> None:
    """Nought and more than the order."""
    size = 32 if alg == "ES256" else 48
    for secret in (bytes(size), b"\xff" * size):
        with pytest.raises(KeyRefused, match="not of its algorithm's form"):
            PrivateKey(alg, secret)


@pytest.mark.parametrize("alg", ["EdDSA", "HS256", "ML-DSA-65", "", "none"])
def test_other_algorithms_are_refused(alg: str) -> None:
    """One of five."""
    with pytest.raises(KeyRefused, match="not one of"):
        PrivateKey.generate(alg)


@BOUNDED
@given(ANY_JSON | objects_with(("kty", "crv", "alg", "x", "d")) | objects_with(("kty", "alg", "pub", "priv")))
def test_only_key_refused_escapes_from_any_json(value: Any) -> None:
    """Nothing arbitrary is a private key."""
    assert outcome(PrivateKey.from_jwk, value).startswith("KeyRefused")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_it_is_never_shown_copied_or_pickled(alg: str) -> None:
    """repr, str, format and refusals are silent about the secret."""
    private = key(alg)
    member = "priv" if "priv" in private.to_jwk() else "d"
    secret = b64u_decode(private.to_jwk()[member])
    refusal = outcome(PrivateKey.from_jwk, {**private.to_jwk(), "alg": "x", "kid": "y"})
    assert hides(secret, repr(private), str(private), f"{private}", repr([private]), refusal, repr(private.public))
    assert private.public.kid[:8] in repr(private)
    assert not hasattr(private, "__dict__")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            attempt(private)


def test_the_check_for_secrets_can_fail() -> None:
    """``hides`` sees a secret in each of its forms."""
    secret = bytes(range(100, 132))
    for form in (secret.hex(), b64u(secret), str(secret), str(list(secret)), str(int.from_bytes(secret, "big"))):
        assert not hides(secret, f"<{form}>")


def test_a_recipients_key_does_not_sign() -> None:
    """HPKE-9-KE receives."""
    with pytest.raises(KeyRefused, match="does not sign"):
        key("HPKE-9-KE").sign(b"data")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_the_librarys_key_is_given_for_its_own_algorithm_only(alg: str) -> None:
    """As with public keys."""
    for name, expected in {"ed25519": "Ed25519", "mldsa44": "ML-DSA-44", "hpke": "HPKE-9-KE"}.items():
        if alg == expected:
            getattr(key(alg), name)()
        else:
            with pytest.raises(KeyRefused, match=f"got {alg}"):
                getattr(key(alg), name)()
