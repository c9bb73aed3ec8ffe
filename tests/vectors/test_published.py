"""Others' vectors and another library: the draft's HPKE example, Wycheproof's known attacks, a stock JOSE library.

Counts are asserted, so that a file that moved or shrank cannot turn a test into nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey

from keys.envelopes import EnvelopeRefused, SealedChannel, SealedFragment, as_general_jwe
from keys.jose import (
    EC_ORDERS,
    KeyRefused,
    PublicKey,
    SignatureRefused,
    b64u,
    b64u_decode,
    parse_public_jwk,
    thumbprint,
    verify_compact,
)
from keys.private import PrivateKey
from keys.sealing import ChannelKey, OpenRefused, decrypt_hpke9, seal, unwrap, wrap
from keys.storage import StorageRefused, Vault
from policies.model import Header

HERE = Path(__file__).resolve().parent
DRAFT_INFO = b"JOSE-HPKE rcpt\xffA256GCM\xff"


def own(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("ascii"))


def cases(vectors_dir: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give every test of a Wycheproof file with its group."""
    content = json.loads((vectors_dir / "wycheproof" / f"{name}_test.json").read_text("utf-8"))
    listed = [(group, test) for group in content["testGroups"] for test in group["tests"]]
    assert len(listed) == content["numberOfTests"]
    yield from listed


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
    """A flipped bit in any part is refused in the same words."""
    message, jwk = draft
    data = bytearray(b64u_decode(message[part]))
    data[len(data) // 2] ^= 1
    with pytest.raises(OpenRefused) as refusal:
        decrypt_hpke9({**message, part: b64u(bytes(data))}, PrivateKey.from_jwk(jwk), DRAFT_INFO)
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
    assert len(listed) == {"Ed25519": 12, "ES256": 1, "ES384": 1}[alg]
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


# Known attacks.


def verdict(key: PublicKey, signature: bytes, data: bytes) -> str:
    """Say what our verification makes of a signature, in Wycheproof's words; other exceptions fail the test."""
    try:
        key.verify(signature, data)
    except SignatureRefused:
        return "invalid"
    return "valid"


def test_wycheproof_ed25519(vectors_dir: Path) -> None:
    """151 signatures: 88 valid, 63 malleable, truncated, prolonged or wrong. None of the keys is refused."""
    seen: Counter[str] = Counter()
    for group, test in cases(vectors_dir, "ed25519"):
        public = b64u(bytes.fromhex(group["publicKey"]["pk"]))
        key = parse_public_jwk({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": public})
        assert verdict(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])) == test["result"], test["tcId"]
        seen[test["result"]] += 1
    assert seen == {"valid": 88, "invalid": 63}


def test_wycheproof_mldsa_44(vectors_dir: Path) -> None:
    """180 signatures. Our signatures have no context: one made with a context is refused even where it is valid."""
    seen: Counter[str] = Counter()
    for group, test in cases(vectors_dir, "mldsa_44_verify"):
        jwk = {"kty": "AKP", "alg": "ML-DSA-44", "pub": b64u(bytes.fromhex(group["publicKey"]))}
        if "IncorrectPublicKeyLength" in test["flags"]:
            with pytest.raises(KeyRefused):
                parse_public_jwk(jwk)
            seen["key refused"] += 1
            continue
        expected = "invalid" if test.get("ctx") else test["result"]
        got = verdict(parse_public_jwk(jwk), bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert got == expected, test["tcId"]
        seen[got if expected == test["result"] else "context refused"] += 1
    assert seen == {"valid": 75, "invalid": 99, "key refused": 4, "context refused": 2}


def test_wycheproof_jws_is_refused_whole_by_our_profile(vectors_dir: Path) -> None:
    """None of the 401 tokens has our header, and none of the keys our members: refused before any mathematics."""
    stranger, seen = PrivateKey.generate("ES256").public, 0
    for group, test in cases(vectors_dir, "json_web_signature"):
        with pytest.raises(SignatureRefused):
            verify_compact(test["jws"], "nrmhub-pull+jws", stranger)
        with pytest.raises(KeyRefused):
            parse_public_jwk(group.get("public") or group["private"])
        seen += 1
    assert seen == 401


def test_wycheproof_jws_signatures_in_es256(vectors_dir: Path) -> None:
    """The 39 tokens of ES256 keys, their signature alone, over the bytes as received: 37 do not verify anywhere.

    Two are valid ECDSA. One of them has s in the upper half of the group's order: it is refused here, because a
    statement has one signature, and verifies with the other of its two forms.
    """
    seen: Counter[str] = Counter()
    for group, test in cases(vectors_dir, "json_web_signature"):
        public = group.get("public") or {}
        if public.get("alg") != "ES256":
            continue
        key = parse_public_jwk({name: public[name] for name in ("kty", "crv", "alg", "x", "y")})
        signing_input, _, signature = test["jws"].rpartition(".")
        try:
            raw = b64u_decode(signature)
        except ValueError:
            raw = b""
        got = verdict(key, raw, signing_input.encode("ascii"))
        if test["result"] == "valid" and got == "invalid":
            other = b64u_decode(low_s(test["jws"], "ES256").rpartition(".")[2])
            assert other != raw
            assert verdict(key, other, signing_input.encode("ascii")) == "valid"
            got = "upper half"
        else:
            assert got == test["result"], test["tcId"]
        seen[got] += 1
    assert seen == {"valid": 1, "upper half": 1, "invalid": 37}


def test_wycheproof_jwk(vectors_dir: Path) -> None:
    """All 30 keys of the 26 tests are refused as they stand: other kinds, or members we do not have.

    Cut down to our members, two of the EC keys are sound (their tests are about a mixed set and about ``use``); those
    with another curve, algorithm, kind or a point off the curve stay refused.
    """
    refused, sound = 0, 0
    for group, _ in cases(vectors_dir, "json_web_key"):
        for jwk in (group.get("public") or group["private"])["keys"]:
            with pytest.raises(KeyRefused):
                parse_public_jwk(jwk)
            refused += 1
            if "crv" in jwk:
                sound += _is_taken({name: jwk[name] for name in ("kty", "crv", "alg", "x", "y")})
    assert (refused, sound) == (30, 2)


def _is_taken(jwk: dict[str, str]) -> bool:
    try:
        parse_public_jwk(jwk)
    except KeyRefused:
        return False
    return True


def test_wycheproof_aes_gcm(vectors_dir: Path) -> None:
    """316 messages. 256-bit keys with 96-bit IVs go through our vault; other sizes are refused before decryption."""
    item, seen = own("fragments")["fragments"][0], Counter[str]()
    for group, test in cases(vectors_dir, "aes_gcm"):
        key, iv = bytes.fromhex(test["key"]), bytes.fromhex(test["iv"])
        if len(key) != 32:
            with pytest.raises(StorageRefused):
                Vault(key)
            with pytest.raises(OpenRefused):
                unwrap(b64u(aes_key_wrap(bytes(32), key)), ChannelKey("", bytes(32)))
            seen["key size refused"] += 1
        elif len(iv) != 12:
            with pytest.raises(EnvelopeRefused):
                SealedFragment.parse({**item["jwe"], "iv": b64u(iv)}, item["jws"])
            seen["iv size refused"] += 1
        else:
            got = _vault_verdict(key, test, iv + bytes.fromhex(test["ct"]) + bytes.fromhex(test["tag"]))
            seen[f"{got} {test['result']}"] += 1
        assert group["tagSize"] == 128
    assert seen == {
        "key size refused": 211,
        "iv size refused": 39,
        "valid valid": 21,
        "invalid invalid": 27,
        "not applicable, valid": 18,
    }


def _vault_verdict(key: bytes, test: dict[str, Any], sealed: bytes) -> str:
    """Open with the vault; its name is text, so a test whose additional data is not UTF-8 does not apply."""
    try:
        name = bytes.fromhex(test["aad"]).decode("utf-8")
    except UnicodeDecodeError:
        return "not applicable,"
    try:
        opened = Vault(key).open(name, sealed)
    except StorageRefused:
        return "invalid"
    assert opened == bytes.fromhex(test["msg"])
    return "valid"
