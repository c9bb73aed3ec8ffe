"""Attack 61: one kind of token taken for another, or for more than it is (RFC 8725), at the four places where the hub
reads a token: access token, client assertion, subject token, proof of possession.

Every forgery is signed, where it is signed, by the very key that the place trusts: only the form is wrong. First the
unchanged token is taken, so that a refusal means something; then each forgery is refused, in one shape a place.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jws
from joserfc.jwk import ECKey

from hub.config import MAX_FORM_BYTES, Config
from hub.services import TOKEN_KEY
from keys.jose import b64u
from keys.private import PrivateKey
from tests.hub.api.raw import Raw, ath
from tests.hub.auth.conftest import caller
from tests.scene import POLICE, Scene, opened_keys

PLACES = ("access token", "client assertion", "subject token", "proof")
Header, Claims = dict[str, Any], dict[str, Any]


class Signs(Protocol):
    """Makes a compact JWS of any header and payload, right or wrong."""

    def __call__(self, header: bytes, payload: bytes) -> str: ...


@dataclass
class Place:
    """One place where a token is read: a good token's parts, who signs it, and how it is shown."""

    header: Header
    claims: Callable[[], Claims]
    sign: Signs
    public: dict[str, str]
    show: Callable[[str], httpx.Response]
    audience: str
    """The claim that binds it to this hub."""


def dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def signs_with(key: PrivateKey) -> Signs:
    def sign(header: bytes, payload: bytes) -> str:
        data = f"{b64u(header)}.{b64u(payload)}"
        return f"{data}.{b64u(key.sign(data.encode()))}"

    return sign


def signs_with_ec(key: ECKey) -> Signs:
    def sign(header: bytes, payload: bytes) -> str:
        data = f"{b64u(header)}.{b64u(payload)}".encode()
        made = jws.JWSRegistry.algorithms["ES256"].sign(data, key)
        return f"{data.decode()}.{b64u(made)}"

    return sign


@dataclass
class Hub:
    """A hub inside the test with one caller, and the four places."""

    scene: Scene
    raw: Raw

    def place(self, name: str) -> Place:
        return {
            "access token": self.access_token,
            "client assertion": self.assertion,
            "subject token": self.subject,
            "proof": self.proof,
        }[name]()

    def access_token(self) -> Place:
        path = Config.load(self.scene.hub.home).keys_path
        key = opened_keys(path, self.scene.hub.passphrase).private(TOKEN_KEY)
        good = json.loads(_decoded(self.raw.token.split(".")[1]))

        def show(token: str) -> httpx.Response:
            try:
                proof = self.raw.proof("GET", f"{self.raw.issuer}/v1/cases", token)
            except UnicodeEncodeError:
                proof = self.raw.proof("GET", f"{self.raw.issuer}/v1/cases", "")
            headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
            return self.raw.http.get("/v1/cases", headers=headers)

        def claims() -> Claims:
            return {name: good[name] for name in sorted(good)}

        header = {"alg": "Ed25519", "kid": key.public.kid, "typ": "at+jwt"}
        return Place(header, claims, signs_with(key), dict(key.public.jwk), show, "aud")

    def assertion(self) -> Place:
        key = self.raw.signing
        header = {"alg": "Ed25519", "kid": key.public.kid, "typ": "JWT"}
        return Place(
            header,
            lambda: self._claims(sub=POLICE),
            signs_with(key),
            dict(key.public.jwk),
            lambda it: self.raw.ask_token(it),
            "aud",
        )

    def subject(self) -> Place:
        key, member = self.raw.signing, self.scene[POLICE].people["chair"]
        header = {"alg": "Ed25519", "kid": key.public.kid, "typ": "nrmhub-person+jwt"}
        return Place(
            header,
            lambda: self._claims(sub=member, auth_time=int(time.time()), amr=["pwd"]),
            signs_with(key),
            dict(key.public.jwk),
            lambda it: self.raw.ask_person(it),
            "aud",
        )

    def proof(self) -> Place:
        jwk = {name: str(self.raw.dpop.as_dict(private=False)[name]) for name in ("kty", "crv", "x", "y")}

        def claims() -> Claims:
            url, token = f"{self.raw.issuer}/v1/cases", self.raw.token
            at = {"iat": int(time.time()), "jti": os.urandom(16).hex(), "nonce": self.raw.nonce}
            return {"htm": "GET", "htu": url, "ath": ath(token), **at}

        def show(token: str) -> httpx.Response:
            headers = {"Authorization": f"DPoP {self.raw.token}", "DPoP": token}
            return self.raw.http.get("/v1/cases", headers=headers)

        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk}
        return Place(header, claims, signs_with_ec(self.raw.dpop), jwk, show, "htu")

    def _claims(self, **more: Any) -> Claims:
        now = int(time.time())
        claims = {
            "iss": POLICE,
            "aud": self.raw.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": os.urandom(16).hex(),
            **more,
        }
        return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def hub(make_scene: Callable[[], Scene]) -> Hub:
    scene = make_scene().embed()
    raw = caller(scene, POLICE)
    assert raw.token
    return Hub(scene, raw)


def secrets_of(public: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Every form of a public key that somebody might take for a shared secret."""
    yield "its JWK", dumps(public)
    yield "its point", _decoded(public["x"])
    if public["kty"] == "OKP":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = Ed25519PublicKey.from_public_bytes(_decoded(public["x"]))
        kind = serialization.PublicFormat.SubjectPublicKeyInfo
        yield "its PEM", key.public_bytes(serialization.Encoding.PEM, kind)
        yield "its DER", key.public_bytes(serialization.Encoding.DER, kind)


def without_signature(place: Place) -> Iterator[tuple[str, str]]:
    """No algorithm, in every spelling; a signature left out; a shared secret that is no secret."""
    for spelled in ("none", "None", "NONE", "nOnE", "", None, 0, ["none"]):
        header = dumps({**place.header, "alg": spelled})
        good = place.sign(header, dumps(place.claims()))
        yield f"alg {spelled!r}, no signature", good.rpartition(".")[0] + "."
        yield f"alg {spelled!r}, signed", good
    good = place.sign(dumps(place.header), dumps(place.claims()))
    yield "signature left out", good.rpartition(".")[0] + "."
    yield "two parts", good.rpartition(".")[0]
    for algorithm, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        for name, secret in secrets_of(place.public):
            data = f"{b64u(dumps({**place.header, 'alg': algorithm}))}.{b64u(dumps(place.claims()))}"
            made = b64u(hmac.new(secret, data.encode(), digest).digest())
            yield f"{algorithm} with {name} as the secret", f"{data}.{made}"
    for algorithm in ("RS256", "PS256", "ES384", "EdDSA", "Ed448", "ES256K", "ML-DSA-44"):
        yield f"alg {algorithm}", place.sign(dumps({**place.header, "alg": algorithm}), dumps(place.claims()))


def with_another_key(place: Place) -> Iterator[tuple[str, str]]:
    """A key that the token brings along or points at; a key id that is a path, a query, a list."""
    mine = PrivateKey.generate("Ed25519")
    sign, jwk = signs_with(mine), dict(mine.public.jwk)
    for name, value in (
        ("jwk", jwk),
        ("jku", "https://elsewhere.example/keys.json"),
        ("x5u", "https://elsewhere.example/chain.pem"),
        ("x5c", ["AAAA"]),
        ("x5t", "AAAA"),
        ("kid", mine.public.kid),
    ):
        header = {**place.header, "alg": "Ed25519", name: value}
        yield f"{name} of a stranger, by the stranger", sign(dumps(header), dumps(place.claims()))
    for name in ("jku", "x5u", "x5c", "x5t", "x5t#S256", "cty", "nonce", "url", "epk"):
        yield f"{name} beside the right key", place.sign(dumps({**place.header, name: "x"}), dumps(place.claims()))
    kids = ("../../../../dev/null", "' OR '1'='1", "https://elsewhere.example/k", "", "a" * 43, None, 1, ["x"], {})
    for kid in kids:
        yield f"kid {kid!r}", place.sign(dumps({**place.header, "kid": kid}), dumps(place.claims()))


def for_something_else(place: Place) -> Iterator[tuple[str, str]]:
    """Another audience, issuer, type: each signed by the right key."""
    for value in ("https://another-hub.example", ["https://another-hub.example"], "", None, 1, {}):
        yield (
            f"{place.audience} {value!r}",
            place.sign(dumps(place.header), dumps({**place.claims(), place.audience: value})),
        )
    right = place.claims()[place.audience]
    for listed in ([right], [right, "https://another-hub.example"]):
        yield "audience as a list", place.sign(dumps(place.header), dumps({**place.claims(), place.audience: listed}))
    for typ in (
        "jwt",
        "at+jwt",
        "dpop+jwt",
        "JOSE",
        "nrmhub-pull+jws",
        "nrmhub-person+jwt",
        "JWT",
        "",
        None,
        1,
        ["JWT"],
    ):
        if typ != place.header["typ"]:
            yield f"typ {typ!r}", place.sign(dumps({**place.header, "typ": typ}), dumps(place.claims()))
    if "iss" in place.claims():
        for value in ("https://another-hub.example", "fern-care", "", None, ["fern-police"], 1):
            yield f"iss {value!r}", place.sign(dumps(place.header), dumps({**place.claims(), "iss": value}))


def with_extensions(place: Place) -> Iterator[tuple[str, str]]:
    """What would change how the token is read: critical members, unencoded payloads, packed ones, encrypted ones."""
    for name, more in (
        ("crit", {"crit": ["exp"], "exp": 1}),
        ("empty crit", {"crit": []}),
        ("crit of ours", {"crit": ["alg"]}),
        ("b64 in crit", {"crit": ["b64"], "b64": False}),
        ("b64", {"b64": False}),
        ("b64 true", {"b64": True}),
        ("zip", {"zip": "DEF"}),
        ("p2c", {"p2c": 2**31 - 1, "p2s": "AAAA"}),
    ):
        yield name, place.sign(dumps({**place.header, **more}), dumps(place.claims()))
    packed = zlib.compress(dumps({**place.claims(), "filler": "0" * 10**6}), 9)[2:-4]
    yield "packed", place.sign(dumps({**place.header, "zip": "DEF"}), packed)
    claims = dumps(place.claims())
    unencoded = f"{b64u(dumps({**place.header, 'crit': ['b64'], 'b64': False}))}.{claims.decode()}"
    yield "unencoded payload", f"{unencoded}.{place.sign(b'{}', claims).rpartition('.')[2]}"
    for header in (
        {"alg": "dir", "enc": "A256GCM"},
        {"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "p2c": 2**31 - 1, "p2s": "AAAAAAAAAAA"},
        {"alg": "A256KW", "enc": "A256GCM", "zip": "DEF"},
    ):
        yield (
            f"JWE {header['alg']}",
            ".".join([b64u(dumps(header)), b64u(bytes(40)), b64u(bytes(12)), b64u(packed[:1000]), b64u(bytes(16))]),
        )
    protected, payload, signature = place.sign(dumps(place.header), claims).split(".")
    yield "JSON serialisation", json.dumps({"protected": protected, "payload": payload, "signature": signature})


def in_another_form(place: Place) -> Iterator[tuple[str, str]]:
    """Too large, a member twice, one in the other, deep, another spelling of the same bytes."""
    yield "too large", place.sign(dumps(place.header), dumps({**place.claims(), "filler": "x" * 5000}))
    yield "far too large", place.sign(dumps(place.header), dumps({**place.claims(), "filler": "x" * 100_000}))
    said = place.claims()
    claims, header = dumps(said), dumps(place.header)
    for name in sorted(said):
        # With a number of its own each time: what was refused for its form must not be refused as used.
        fresh = place.claims()
        twice = dumps(fresh)[:-1] + b"," + dumps({name: fresh[name]})[1:]
        yield f"claim {name} twice", place.sign(header, twice)
    for name in sorted(place.header):
        twice = header[:-1] + b"," + dumps({name: place.header[name]})[1:]
        yield f"header member {name} twice", place.sign(twice, dumps(place.claims()))
    inner = place.sign(header, claims)
    yield "nested", place.sign(header, inner.encode())
    yield "nested, said so", place.sign(dumps({**place.header, "cty": "JWT"}), inner.encode())
    yield "nested as text", place.sign(header, dumps(inner))
    yield "deep", place.sign(header, claims[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}")
    yield "deep and open", place.sign(header, b"[" * 2000)
    for name, payload in (("list", b"[]"), ("null", b"null"), ("number", b"1"), ("nothing", b""), ("text", b"x")):
        yield f"payload {name}", place.sign(header, payload)
        yield f"header {name}", place.sign(payload, claims)
    for number in (b"1" + b"0" * 400, b"1e400", b"NaN", b"-1", b"1.5", b"true"):
        bound = b"exp" if "exp" in said else b"iat"
        broken = claims.replace(b'"%s":%d' % (bound, said[bound.decode()]), b'"%s":%s' % (bound, number))
        assert broken != claims
        yield f"{bound.decode()} {number[:8].decode()}", place.sign(header, broken)
    first, second, third = inner.split(".")
    for name, spelled in (
        ("padding", f"{first}=.{second}.{third}"),
        ("a space", f"{first}.{second} .{third}"),
        ("a line end", f"{first}.{second}\n.{third}"),
        ("standard alphabet", f"{first}.{second}.{third.replace('-', '+').replace('_', '/')}+"),
        ("a part more", f"{inner}.{third}"),
        ("spare bits", f"{first}.{second}.{_with_spare_bits(third)}"),
        ("letters beyond ASCII", f"{first}.{second}.é{third[1:]}"),
    ):
        yield name, spelled


def _with_spare_bits(part: str) -> str:
    """The same bytes in another spelling, where the last character has bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


FAMILIES = {
    "without a signature": (without_signature, 20),
    "with another key": (with_another_key, 20),
    "for something else": (for_something_else, 15),
    "with extensions": (with_extensions, 13),
    "in another form": (in_another_form, 30),
}


def shape(response: httpx.Response) -> tuple[Any, ...]:
    """Everything of an answer that is the same for every refusal of one place; the words say which check it was."""
    said = response.json()
    names = {name for name in response.headers if name not in ("date", "content-length")}
    kind = said.get("type") or said.get("error")
    return response.status_code, kind, frozenset(said), frozenset(names), response.headers.get("www-authenticate")


EXPECTED = {
    "access token": (401, "urn:nrmhub:problem:invalid_token"),
    "client assertion": (401, "invalid_client"),
    "subject token": (400, "invalid_request"),
    "proof": (401, "urn:nrmhub:problem:invalid_token"),
}


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("name", PLACES)
def test_attack_61_no_token_is_taken_for_another_or_for_more(hub: Hub, name: str, family: str) -> None:
    """A subject token that is wrong is 400 by RFC 8693 section 2.2.2; everything else is 401."""
    place = hub.place(name)
    assert place.show(place.sign(dumps(place.header), dumps(place.claims()))).status_code == 200
    make, at_least = FAMILIES[family]
    taken, shapes, tried = [], set(), 0
    for what, token in make(place):
        if not token.isascii() and name in ("access token", "proof"):
            continue  # no header holds it
        if "\n" in token and name in ("access token", "proof"):
            continue
        response = place.show(token)
        tried += 1
        if len(token) > MAX_FORM_BYTES and name in ("client assertion", "subject token"):
            assert response.status_code == 413  # refused by its size, before anything of it is read
            continue
        if response.status_code == 200:
            taken.append(what)
        else:
            shapes.add(shape(response))
    assert taken == []
    assert tried >= at_least
    assert {item[:2] for item in shapes} == {EXPECTED[name]}
    assert len(shapes) == 1


def test_attack_61_each_token_is_good_in_its_own_place_only(hub: Hub) -> None:
    """Good tokens, shown where another kind is asked for."""
    good = {}
    for name in PLACES:
        place = hub.place(name)
        good[name] = place.sign(dumps(place.header), dumps(place.claims()))
    for name in PLACES:
        for other in PLACES:
            if other != name:
                response = hub.place(name).show(good[other])
                assert (response.status_code, shape(response)[1]) == EXPECTED[name], (name, other)


def test_attack_61_a_proof_whose_key_is_weak_or_private_is_refused(hub: Hub) -> None:
    """A point of small order verifies many messages; a private key in a header is a private key no more."""
    place = hub.proof()
    weak = {"kty": "OKP", "crv": "Ed25519", "x": b64u(bytes([1]) + bytes(31))}
    forged = b64u(bytes([1]) + bytes(31) + bytes(32))
    data = f"{b64u(dumps({'alg': 'Ed25519', 'typ': 'dpop+jwt', 'jwk': weak}))}.{b64u(dumps(place.claims()))}"
    private = {**place.public, "d": str(hub.raw.dpop.as_dict(private=True)["d"])}
    for token in (
        f"{data}.{forged}",
        place.sign(dumps({**place.header, "jwk": private}), dumps(place.claims())),
        place.sign(dumps({**place.header, "jwk": {**place.public, "alg": "ES256"}}), dumps(place.claims())),
        place.sign(dumps({**place.header, "jwk": [place.public]}), dumps(place.claims())),
    ):
        assert place.show(token).status_code == 401


def test_attack_61_an_access_token_of_another_hub_with_the_same_key_is_refused(hub: Hub) -> None:
    """Issuer and audience are this hub, both."""
    place = hub.access_token()
    for name in ("iss", "aud"):
        claims = {**place.claims(), name: "https://another-hub.example"}
        assert place.show(place.sign(dumps(place.header), dumps(claims))).status_code == 401
    person = replace(place, claims=lambda: {**place.claims(), "sub": hub.scene[POLICE].people["chair"]})
    assert person.show(person.sign(dumps(person.header), dumps(person.claims()))).status_code == 401


def test_attack_61_the_thumbprint_that_counts_is_the_proofs_own(hub: Hub) -> None:
    """``cnf`` missing, of another key, or of another kind of binding."""
    place = hub.access_token()
    other = hashlib.sha256(b"another key").digest()
    for cnf in (None, {}, {"jkt": b64u(other)}, {"x5t#S256": b64u(other)}, {"jkt": [place.claims()["cnf"]["jkt"]]}):
        token = place.sign(dumps(place.header), dumps({**place.claims(), "cnf": cnf}))
        assert place.show(token).status_code == 401
    left_out = {name: value for name, value in place.claims().items() if name != "cnf"}
    assert place.show(place.sign(dumps(place.header), dumps(left_out))).status_code == 401
