"""Messages made by hand: genuinely sealed and signed, with the one thing changed that an attack is about."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from keys.canonical import canonical_bytes
from keys.custody.keyfile import TYPE
from keys.envelopes import FRAGMENT_TYP, SealedFragment
from keys.jose import b64u, b64u_decode, sign_compact
from keys.sealing import ChannelKey, ContentKey, commitment, seal, wrap
from policies.model import Header
from tests.keys.keys_material import CASE, CHANNEL, FRAGMENT, flipped_bits, header, key

PASSPHRASE = "an invented passphrase"
ORIGINATOR, ORIGIN = "example-police", "nrm-hub.example/test"
SIGNER, RECIPIENT = key("Ed25519"), key("HPKE-9-KE")
CANARY = "Zebedee Marchbanks"
CONTENT = {"kind": "concern", "summary": CANARY, "fields": {}}


def argon2id(memory: int, iterations: int, lanes: int, salt: bytes) -> bytes:
    """Derive as the key file does."""
    kdf = Argon2id(salt=salt, length=32, iterations=iterations, lanes=lanes, memory_cost=memory)
    return kdf.derive(PASSPHRASE.encode())


def pbkdf2(iterations: int, salt: bytes) -> bytes:
    """Derive as a proposed PBKDF2 would."""
    return PBKDF2HMAC(SHA256(), 32, salt, iterations).derive(PASSPHRASE.encode())


def key_file(path: Path, kdf: dict[str, Any], secret: bytes) -> Path:
    """Write a key file that is genuinely sealed under the secret its parameters give."""
    head = {"typ": TYPE, "kdf": kdf, "iv": b64u(bytes(12))}
    plaintext = canonical_bytes({"keys": {"signing": SIGNER.to_jwk()}, "storage": b64u(bytes(32))})
    sealed = AESGCM(secret).encrypt(bytes(12), plaintext, canonical_bytes(head))
    path.write_bytes(canonical_bytes({**head, "ciphertext": b64u(sealed)}))
    return path


def argon2_members(memory: int, iterations: int, lanes: int, salt: bytes, name: str = "argon2id") -> dict[str, Any]:
    """Return the parameters as a key file has them."""
    return {"name": name, "iterations": iterations, "lanes": lanes, "memory_kib": memory, "salt": b64u(salt)}


PROPOSED: dict[str, Any] = {
    "p2c": 1000,
    "p2s": "",
    "iv": b64u(bytes(12)),
    "tag": b64u(bytes(16)),
    "epk": {"kty": "OKP", "crv": "X25519", "x": b64u(bytes(32))},
    "apu": "AA",
    "crit": ["b64"],
    "b64": False,
    "zip": "DEF",
    "jku": "https://hub.example/keys",
    "jwk": {"kty": "oct", "k": "AA"},
    "x5u": "https://hub.example/cert",
}


def sealed_by_hand(change: dict[str, Any], secret: bytes = bytes(range(32))) -> tuple[SealedFragment, ContentKey]:
    """Return a fragment genuinely sealed and signed under a header with other members, and its key."""
    cek = ContentKey(bytes(range(32)))
    said = {**replace(header(), commitment=commitment(FRAGMENT, cek)).to_json(), **change}
    protected = b64u(canonical_bytes({name: value for name, value in said.items() if value is not ...}))
    plaintext = canonical_bytes(CONTENT).ljust(1024)
    sealed = AESGCM(secret).encrypt(bytes(12), plaintext, protected.encode())
    made = SealedFragment(protected, b64u(bytes(12)), b64u(sealed[:-16]), b64u(sealed[-16:]), "", header())
    return replace(made, jws=sign_compact(canonical_bytes({"sha256": made.digest}), FRAGMENT_TYP, SIGNER)), cek


def channel_info() -> bytes:
    """Return the context of the channels made here."""
    context = {"case": CASE, "channel": CHANNEL, "originator": ORIGINATOR, "recipient": RECIPIENT.public.kid}
    return b"JOSE-HPKE rcpt\xffA256GCM\xff" + hashlib.sha256(canonical_bytes(context)).digest()


def channel_by_hand(
    change: dict[str, Any], *, content_key: bytes = bytes(range(32)), encapsulation: bytes | None = None
) -> dict[str, str]:
    """Return a channel genuinely sealed to the recipient under a header with other members."""
    suite = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)
    hpke = encapsulation or suite.encrypt(content_key, RECIPIENT.public.hpke(), channel_info())
    said = {
        "alg": "HPKE-9-KE",
        "cty": "jwk+json",
        "ek": b64u(hpke[:1120]),
        "enc": "A256GCM",
        "kid": RECIPIENT.public.kid,
        "typ": "nrmhub-channel+jwe",
        **change,
    }
    protected = b64u(canonical_bytes(said))
    jwk = canonical_bytes({"alg": "A256KW", "k": b64u(bytes(32)), "kid": CHANNEL, "kty": "oct"})
    sealed = AESGCM(content_key).encrypt(bytes(12), jwk, protected.encode())
    return {
        "protected": protected,
        "encrypted_key": b64u(hpke[1120:]),
        "iv": b64u(bytes(12)),
        "ciphertext": b64u(sealed[:-16]),
        "tag": b64u(sealed[-16:]),
    }


def other_bit(text: str) -> str:
    """Return b64u text with its first bit flipped."""
    return next(flipped_bits(text))


class Recording(httpx.BaseTransport):
    """Passes requests on and keeps what the server can see of them."""

    def __init__(self, honest: httpx.BaseTransport) -> None:
        self._honest = honest
        self.seen: list[tuple[str, str, int]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Keep method, path and size; ask the hub."""
        if not request.url.path.startswith("/oauth"):
            self.seen.append((request.method, request.url.path, len(request.read())))
        return self._honest.handle_request(request)


def wrong_key(content: Any, made: Header, signer: Any) -> Any:
    """Seal, and hand on another content key than the one that was used: the commitment fails."""
    return seal(content, made, signer)[0], ContentKey(bytes(32))


def wrong_text(content: Any, made: Header, signer: Any) -> Any:
    """Seal, change the ciphertext, sign that: the tag fails."""
    sealed, cek = seal(content, made, signer)
    damaged = replace(sealed, ciphertext=other_bit(sealed.ciphertext))
    return replace(damaged, jws=sign_compact(canonical_bytes({"sha256": damaged.digest}), FRAGMENT_TYP, signer)), cek


def wrong_form(content: Any, made: Header, signer: Any) -> Any:
    """Seal what is not canonical, and sign it: the last step fails."""
    cek = ContentKey(bytes(range(32)))
    made = replace(made, commitment=commitment(made.fragment, cek))
    protected = b64u(canonical_bytes(made.to_json()))
    text = AESGCM(cek.secret).encrypt(bytes(12), b'{"a" : 1}'.ljust(1024), protected.encode())
    sealed = SealedFragment(protected, b64u(bytes(12)), b64u(text[:-16]), b64u(text[-16:]), "", made)
    return replace(sealed, jws=sign_compact(canonical_bytes({"sha256": sealed.digest}), FRAGMENT_TYP, signer)), cek


def wrong_wrap(secret: ContentKey, channel: ChannelKey) -> str:
    """Wrap under another key than the channel's."""
    return wrap(secret, ChannelKey(channel.channel, bytes(32)))


def encapsulated(public: bytes, shared: bytes) -> bytes:
    """Return what HPKE-9 makes of a content key for the recipient when X25519 gives ``shared``, computed by hand.

    X-Wing (draft-connolly-cfrg-xwing-kem): SHA3-256 of both secrets, the X25519 share, the recipient's, and a label.
    HPKE's key schedule with a one-stage KDF (draft-ietf-hpke-pq), mode base.
    """

    def prefixed(data: bytes) -> bytes:
        return len(data).to_bytes(2, "big") + data

    recipient = b64u_decode(RECIPIENT.public.jwk["pub"])
    newer, ciphertext = mlkem.MLKEM768PublicKey.from_public_bytes(recipient[:1184]).encapsulate()
    secret = hashlib.sha3_256(newer + shared + public + recipient[1184:] + b"\\.//^\\").digest()
    size = 32 + 12 + 64
    material = prefixed(b"") + prefixed(secret) + b"HPKE-v1HPKE\x64\x7a\x00\x11\x00\x02" + prefixed(b"secret")
    context = b"\0" + prefixed(b"") + prefixed(channel_info())
    schedule = hashlib.shake_256(material + size.to_bytes(2, "big") + context).digest(size)
    return ciphertext + public + AESGCM(schedule[:32]).encrypt(schedule[32:44], bytes(range(32)), b"")
