"""An authenticator in software, for tests without a browser: what a security key and the browser before it answer.

Each of its habits can be changed, to play one that is copied, does not check its user, or answers a relay's page.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from keys.jose import b64u, b64u_decode

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class SoftAuthenticator:
    """One authenticator with at most one credential. ``origin`` is the page that its browser shows."""

    origin: str
    rp_id: str | None = None
    """None: what the page asks for, as a browser does once it has checked it."""
    sign_count: int = 0
    step: int = 1
    """How far the counter moves each time; 0 for one that keeps none."""
    flags: int = PRESENT | VERIFIED
    has_prf: bool = True
    client_data: dict[str, Any] = field(default_factory=dict)
    """Members of the client data to set otherwise."""
    attestation: Mapping[str, Any] = field(default_factory=lambda: {"fmt": "none", "attStmt": {}})
    credential: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(32))
    handle: bytes | None = None

    def make(self, options: Mapping[str, Any]) -> str:
        """Answer ``PublicKeyCredentialCreationOptionsJSON`` as the page's script does."""
        assert -7 in [item["alg"] for item in options["pubKeyCredParams"]]
        assert b64u(self.credential) not in [item["id"] for item in options["excludeCredentials"]]
        self.handle = b64u_decode(options["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + cbor2.dumps(public)
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        response = {
            "clientDataJSON": b64u(self._client("webauthn.create", options["challenge"])),
            "attestationObject": b64u(cbor2.dumps({**self.attestation, "authData": data})),
            "transports": ["usb", "of the future"],
        }
        return self._answer(response, options["extensions"]["prf"]["eval"]["first"])

    def use(self, options: Mapping[str, Any]) -> str:
        """Answer ``PublicKeyCredentialRequestOptionsJSON`` as the page's script does."""
        client = self._client("webauthn.get", options["challenge"])
        data = self._data(options["rpId"], 0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": b64u(client),
            "authenticatorData": b64u(data),
            "signature": b64u(signature),
            "userHandle": None if self.handle is None else b64u(self.handle),
        }
        asked = options.get("extensions", {}).get("prf", {}).get("evalByCredential", {})
        return self._answer(response, asked.get(b64u(self.credential), {}).get("first"))

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.client_data}
        return json.dumps(said).encode()

    def _data(self, rp_id: str, more: int) -> bytes:
        self.sign_count += self.step
        digest = hashlib.sha256((self.rp_id or rp_id).encode()).digest()
        return digest + bytes([self.flags | more]) + self.sign_count.to_bytes(4, "big")

    def _answer(self, response: Mapping[str, Any], salt: str | None) -> str:
        prf = None
        if self.has_prf and salt is not None:
            # WebAuthn section 10.1.4: the salt is hashed with a prefix before the authenticator sees it.
            hashed = hashlib.sha256(b"WebAuthn PRF\0" + b64u_decode(salt)).digest()
            prf = b64u(hmac.digest(self.secret, hashed, "sha256"))
        return json.dumps({"id": b64u(self.credential), "response": response, "prf": prf})


def vouched_for(response: Mapping[str, Any], form: str, device: SoftAuthenticator | None = None) -> dict[str, Any]:
    """Return a registration's response with an attestation that verifies: by a certificate, or by ``device`` itself."""
    made = cbor2.loads(b64u_decode(response["attestationObject"]))
    data: bytes = made["authData"]
    client = hashlib.sha256(b64u_decode(response["clientDataJSON"])).digest()
    key = ec.generate_private_key(ec.SECP256R1()) if device is None else device.key
    if form == "packed":
        signed = data + client
        statement: dict[str, Any] = {"alg": -7}
    else:
        public = cbor2.loads(data[55 + 32 :])
        signed = b"\0" + data[:32] + client + data[55 : 55 + 32] + b"\4" + public[-2] + public[-3]
        statement = {}
    statement["sig"] = key.sign(signed, ec.ECDSA(SHA256()))
    if device is None:
        statement["x5c"] = [_certificate(key)]
    return {**response, "attestationObject": b64u(cbor2.dumps({"fmt": form, "attStmt": statement, "authData": data}))}


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate as section 8.2.1 wants it, signed by itself."""
    said = [
        (x509.NameOID.COUNTRY_NAME, "GB"),
        (x509.NameOID.ORGANIZATION_NAME, "An invented maker"),
        (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
        (x509.NameOID.COMMON_NAME, "An invented authenticator"),
    ]
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in said])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=3650))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
