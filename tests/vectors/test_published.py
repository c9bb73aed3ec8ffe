"""Another's example and another library: the HPKE draft's own JWE, and a stock JOSE library on our side of the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey

from keys.envelopes import SealedChannel, SealedFragment, as_general_jwe
from keys.jose import (
    EC_ORDERS,
    SignatureRefused,
    b64u,
    b64u_decode,
    parse_public_jwk,
    thumbprint,
    verify_compact,
)
from keys.private import PrivateKey
from keys.sealing import ChannelKey, OpenRefused, decrypt_hpke9, seal, wrap
from policies.model import Header

HERE = Path(__file__).resolve().parent
DRAFT_INFO = b"JOSE-HPKE rcpt\xffA256GCM\xff"


def own(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("ascii"))


# The HPKE draft's own example.


@pytest.fixture(scope="module")
def draft(vectors_dir: Path) -> tuple[dict[str, str], dict[str, str]]:
    folder = vectors_dir / "jose-hpke"
    return tuple(  # type: ignore[return-value]
        json.loads((folder / f"HPKE-9-KE-{name}.json").read_text()) for name in ("flattened", "jwk")
    )


def test_the_drafts_jwe_opens(draft: tuple[dict[str, str], dict[str, str]]) -> None:
    """Their JWE in HPKE-9-KE, with their private key and additional data, gives their text."""
    message, jwk = draft
    plaintext = decrypt_hpke9(message, PrivateKey.from_jwk(jwk), DRAFT_INFO)
    assert plaintext.decode().startswith("You can trust us to stick with you through thick and thin")


def test_our_thumbprint_of_an_akp_key_is_the_drafts(draft: tuple[dict[str, str], dict[str, str]]) -> None:
    """Their kid is the thumbprint that we compute from the public half."""
    _, jwk = draft
    public = {name: jwk[name] for name in ("kty", "alg", "pub")}
    assert parse_public_jwk(public).kid == thumbprint(jwk) == jwk["kid"]


@pytest.mark.parametrize("part", ["protected", "aad", "iv", "ciphertext", "tag", "encrypted_key"])
def test_the_drafts_jwe_changed_does_not_open(draft: tuple[dict[str, str], dict[str, str]], part: str) -> None:
    """A flipped bit in any byte of any part is refused in the same words."""
    message, jwk = draft
    key, original = PrivateKey.from_jwk(jwk), b64u_decode(message[part])
    for position in range(len(original)):
        data = bytearray(original)
        data[position] ^= 1 << position % 8
        with pytest.raises(OpenRefused) as refusal:
            decrypt_hpke9({**message, part: b64u(bytes(data))}, key, DRAFT_INFO)
        assert str(refusal.value) == str(OpenRefused())


def test_the_drafts_jwe_does_not_open_as_a_channel(draft: tuple[dict[str, str], dict[str, str]]) -> None:
    """Another info is another context; another header is not our channel."""
    message, jwk = draft
    with pytest.raises(OpenRefused):
        decrypt_hpke9(message, PrivateKey.from_jwk(jwk), DRAFT_INFO + bytes(32))
    without_aad = {name: item for name, item in message.items() if name != "aad"}
    with pytest.raises(OpenRefused):
        decrypt_hpke9(without_aad, PrivateKey.from_jwk(jwk), DRAFT_INFO)
    with pytest.raises(ValueError, match="channel"):
        SealedChannel.parse(without_aad)


# A stock JOSE library on our side of the wire.


def stock_open(fragment: SealedFragment, encrypted_key: str, channel: ChannelKey) -> bytes:
    """Open with the stock library only: it is given the general JSON serialization and the channel's key."""
    # Not strict: its registry of header members does not know ours, which RFC 7516 section 4.3 allows.
    registry = jwe.JWERegistry(algorithms=["A256KW", "A256GCM"], strict_check_header=False)
    message = as_general_jwe(fragment, encrypted_key, channel.channel)
    opened = jwe.decrypt_json(dict(message), OctKey.import_key(channel.secret), registry=registry)  # type: ignore[arg-type]
    assert opened.plaintext is not None
    return opened.plaintext


def test_a_stock_library_opens_our_fragments() -> None:
    """With the channel's key from the file and the grant, it reads the content that we sealed, padding and all."""
    fragments = {item["header"]["fragment"]: item for item in own("fragments")["fragments"]}
    context, jwk = own("channel")["context"], own("channel")["jwk"]
    channel = ChannelKey(context["channel"], b64u_decode(jwk["k"]))
    grants = own("grants")["grants"]
    assert len(grants) == 2
    for grant in grants:
        item = fragments[grant["fragment"]]
        fragment = SealedFragment.parse(item["jwe"], item["jws"])
        plaintext = stock_open(fragment, grant["encrypted_key"], channel)
        assert len(plaintext) == item["padded_bytes"]
        assert json.loads(plaintext) == item["content"]


def test_a_stock_library_opens_what_is_sealed_now() -> None:
    """The same with fresh randomness, and not under another channel's key."""
    item = own("fragments")["fragments"][0]
    header = Header.from_json(item["header"])
    fragment, key = seal({"summary": "ž"}, header, PrivateKey.generate("Ed25519"))
    channel, other = ChannelKey("0" * 32, bytes(32)), ChannelKey("0" * 32, bytes(31) + b"\1")
    assert json.loads(stock_open(fragment, wrap(key, channel), channel)) == {"summary": "ž"}
    with pytest.raises(JoseError):
        stock_open(fragment, wrap(key, channel), other)


STOCK_KEYS = {"Ed25519": OKPKey, "ES256": ECKey, "ES384": ECKey}


@pytest.mark.parametrize("alg", STOCK_KEYS)
def test_a_stock_library_verifies_our_statements(alg: str) -> None:
    """Under each algorithm it reads the payload we signed, and refuses it under another key."""
    keys = {item["kid"]: item["public"] for item in own("keys")["keys"]}
    listed = [item for item in own("statements")["statements"] if item["alg"] == alg]
    assert len(listed) == {"Ed25519": 30, "ES256": 1, "ES384": 1}[alg]
    for item in listed:
        key = STOCK_KEYS[alg].import_key(keys[item["key"]])
        verified = jws.deserialize_compact(item["jws"], key, algorithms=[alg])
        assert json.loads(verified.payload) == item["payload"]
        assert verified.headers() == {"alg": alg, "kid": item["key"], "typ": item["typ"]}
        stranger = STOCK_KEYS[alg].import_key(dict(PrivateKey.generate(alg).public.jwk))
        with pytest.raises(JoseError):
            jws.deserialize_compact(item["jws"], stranger, algorithms=[alg])


def low_s(token: str, alg: str) -> str:
    """Give an ECDSA token the one of its two signatures that ours take: a stock library signs with either."""
    if alg == "Ed25519":
        return token
    signing_input, _, text = token.rpartition(".")
    signature, order = b64u_decode(text), EC_ORDERS["P-256" if alg == "ES256" else "P-384"]
    half = len(signature) // 2
    s = int.from_bytes(signature[half:], "big")
    return f"{signing_input}.{b64u(signature[:half] + min(s, order - s).to_bytes(half, 'big'))}"


@pytest.mark.parametrize("alg", STOCK_KEYS)
def test_we_verify_what_a_stock_library_signs(alg: str) -> None:
    """With our header and payload its signature is ours; with its own favourite header it is refused."""
    key = PrivateKey.generate(alg)
    stock = STOCK_KEYS[alg].import_key(key.to_jwk())
    header = {"alg": alg, "kid": key.public.kid, "typ": "nrmhub-pull+jws"}
    token = low_s(jws.serialize_compact(header, b"{}", stock, algorithms=[alg]), alg)
    assert verify_compact(token, "nrmhub-pull+jws", key.public) == b"{}"
    bare = jws.serialize_compact({"alg": alg}, b"{}", stock, algorithms=[alg])
    with pytest.raises(SignatureRefused, match="exactly alg, kid and typ"):
        verify_compact(bare, "nrmhub-pull+jws", key.public)
