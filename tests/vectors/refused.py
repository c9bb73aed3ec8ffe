"""What must be refused, each named after its attack. Signatures are genuine wherever the attack is not on them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from story import CASE, CHANNEL, CHECKPOINT, ISSUED_AT, MEMBER, OTHER_CASE, VALID, id_of, key_of, statement, stream

from keys.canonical import canonical_bytes
from keys.envelopes import SealedFragment
from keys.jose import b64u, b64u_decode, encode_json, sign_compact
from keys.sealing import COMMITMENT_LABEL, ChannelKey, ContentKey
from keys.statements import StatementType as T
from policies.model import render_time

Json = dict[str, Any]
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def flip(text: str, position: int = 0) -> str:
    """Return b64u text with one bit of the byte at this position flipped."""
    data = bytearray(b64u_decode(text))
    data[position] ^= 1
    return b64u(bytes(data))


def refused_statements() -> list[Json]:
    """Return pull statements that are wrong in one thing each."""
    key = key_of("council member-signing")
    payload: Json = {
        "case": CASE,
        "member": MEMBER,
        "purpose": "safeguarding",
        "id": id_of("statement refused"),
        "issuer": "example-council",
        "issued_at": render_time(ISSUED_AT),
        "checkpoint": CHECKPOINT.to_json(),
    }
    steps = {
        "signature": _wrong_headers(key.public.kid, canonical_bytes(payload))
        | _wrong_signatures(canonical_bytes(payload)),
        "payload": _wrong_payloads(payload),
    }
    return [
        {"attack": attack, "step": step, "typ": T.PULL.value, "key": key.public.kid, "jws": jws}
        for step, cases in steps.items()
        for attack, jws in cases.items()
    ]


def _sign_raw(header: bytes, payload: bytes, name: str = "council member-signing") -> str:
    signing_input = f"{b64u(header)}.{b64u(payload)}"
    return f"{signing_input}.{b64u(key_of(name).sign(signing_input.encode()))}"


def _wrong_headers(kid: str, payload: bytes) -> dict[str, str]:
    good = {"alg": "Ed25519", "kid": kid, "typ": T.PULL.value}
    other_kid = key_of("council signing").public.kid
    extra = {
        "crit": ["b64"],
        "b64": False,
        "jku": "https://keys.example/jwks",
        "jwk": dict(key_of("council signing").public.jwk),
        "x5u": "https://keys.example/x5u",
        "x5c": [],
        "zip": "DEF",
        "cty": "json",
        "nonce": "1",
    }
    cases = {
        f"header has the member {name}": _sign_raw(canonical_bytes({**good, name: value}), payload)
        for name, value in extra.items()
    }
    changed: dict[str, Json] = {
        "alg is EdDSA, not the key's": {"alg": "EdDSA"},
        "alg is none": {"alg": "none"},
        "alg is another algorithm of this protocol": {"alg": "ES256"},
        "kid is another key's": {"kid": other_kid},
        "kid is no thumbprint": {"kid": "key-1"},
        "kid has a line break": {"kid": kid[:42] + "\n"},
        "kid is not text": {"kid": 7},
        "typ is another statement's": {"typ": T.VOTE.value},
        "typ is in upper case": {"typ": T.PULL.value.upper()},
        "typ is JWT": {"typ": "JWT"},
    }
    cases |= {attack: _sign_raw(canonical_bytes({**good, **change}), payload) for attack, change in changed.items()}
    missing = {name: item for name, item in good.items() if name != "typ"}
    text = canonical_bytes(good).decode()
    return cases | {
        "header has no typ": _sign_raw(canonical_bytes(missing), payload),
        "header has blanks": _sign_raw(json.dumps(good).encode(), payload),
        "header in another order": _sign_raw(
            f'{{"typ":"{T.PULL.value}","alg":"Ed25519","kid":"{kid}"}}'.encode(), payload
        ),
        "header has a member twice": _sign_raw(text.replace('{"alg"', '{"alg":"none","alg"').encode(), payload),
        "header is a list": _sign_raw(b"[]", payload),
        "header is no JSON": _sign_raw(b"{", payload),
        "header is nested deep": _sign_raw(b"[" * 400, payload),
    }


def _wrong_signatures(payload: bytes) -> dict[str, str]:
    key = key_of("council member-signing")
    good = sign_compact(payload, T.PULL.value, key)
    head, body, signature = good.split(".")
    raw = b64u_decode(signature)
    plus_order = raw[:32] + (int.from_bytes(raw[32:], "little") + _ED25519_ORDER).to_bytes(32, "little")
    header_hmac = b64u(canonical_bytes({"alg": "HS256", "kid": key.public.kid, "typ": T.PULL.value}))
    mac = hmac.new(b64u_decode(key.public.jwk["x"]), f"{header_hmac}.{body}".encode(), hashlib.sha256).digest()
    header_none = b64u(canonical_bytes({"alg": "none", "kid": key.public.kid, "typ": T.PULL.value}))
    return {
        "bit of the signature flipped": f"{head}.{body}.{flip(signature)}",
        "bit of the payload flipped": f"{head}.{flip(body, 12)}.{signature}",
        "signature empty": f"{head}.{body}.",
        "signature missing": f"{head}.{body}",
        "signature cut short": f"{head}.{body}.{b64u(raw[:63])}",
        "signature with a byte more": f"{head}.{body}.{b64u(raw + bytes(1))}",
        "signature's S plus the group order": f"{head}.{body}.{b64u(plus_order)}",
        "signature of another key under this key id": _sign_raw(b64u_decode(head), payload, "council signing"),
        "unsecured, alg none": f"{header_none}.{body}.",
        "HMAC with the public key as secret": f"{header_hmac}.{body}.{b64u(mac)}",
        "padding after the payload": f"{head}.{body}=.{signature}",
        "other spelling of the last character": f"{head}.{body}.{_respell(signature)}",
        "a fourth part": f"{good}.{signature}",
        "a blank in front": " " + good,
        "a newline at the end": good + "\n",
        "nothing": "",
    }


def _respell(text: str) -> str:
    # 64 bytes leave four unused bits in the last of 86 characters.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def _wrong_payloads(good: Json) -> dict[str, str]:
    key = key_of("council member-signing")
    changed: dict[str, Json] = {
        "payload has a member more": {"note": "x"},
        "id in upper case": {"id": good["id"].upper()},
        "id too short": {"id": good["id"][:31]},
        "issuer in upper case": {"issuer": "Example-Council"},
        "issuer is not text": {"issuer": ["example-council"]},
        "time with a fraction": {"issued_at": "2026-01-31T12:00:00.000Z"},
        "time with an offset": {"issued_at": "2026-01-31T12:00:00+00:00"},
        "time with a blank for a nought": {"issued_at": "2026-01- 1T12:00:00Z"},
        "time in full-width digits": {"issued_at": "\uff12\uff10\uff12\uff16-01-31T12:00:00Z"},
        "time that does not exist": {"issued_at": "2026-02-30T12:00:00Z"},
        "time as a number": {"issued_at": 1769860800},
        "checkpoint with a negative size": {"checkpoint": {"size": -1, "root": CHECKPOINT.root}},
        "checkpoint size true": {"checkpoint": {"size": True, "root": CHECKPOINT.root}},
        "checkpoint without root": {"checkpoint": {"size": 7}},
        "checkpoint root in upper case": {"checkpoint": {"size": 7, "root": CHECKPOINT.root.upper()}},
        "checkpoint is false": {"checkpoint": False},
    }
    text = canonical_bytes(good).decode()
    raw = {
        "payload lacks a member": canonical_bytes({name: good[name] for name in good if name != "purpose"}),
        "payload with blanks": json.dumps(good, sort_keys=True).encode(),
        "payload has a member twice": text.replace('"case"', '"case":"x","case"').encode(),
        "payload has a float": text.replace('"size":7', '"size":7.0').encode(),
        "payload has a number of 5,000 digits": text.replace('"size":7', '"size":' + "7" * 5000).encode(),
        "payload is a list": b"[]",
        "payload is empty": b"",
        "payload is not UTF-8": b"\xff",
    }
    cases = {attack: canonical_bytes({**good, **change}) for attack, change in changed.items()} | raw
    return {attack: sign_compact(payload, T.PULL.value, key) for attack, payload in cases.items()}


def _reseal(protected: bytes, key: ContentKey, plaintext: bytes) -> tuple[Json, str]:
    encoded, iv = b64u(protected), stream("reseal")(12)
    sealed = AESGCM(key.secret).encrypt(iv, plaintext, encoded.encode())
    return _signed({"protected": encoded, "iv": b64u(iv), "ciphertext": b64u(sealed[:-16]), "tag": b64u(sealed[-16:])})


def _signed(jwe: Json) -> tuple[Json, str]:
    text = ".".join(jwe[name] for name in ("protected", "iv", "ciphertext", "tag"))
    payload = canonical_bytes({"sha256": hashlib.sha256(text.encode()).hexdigest()})
    return jwe, sign_compact(payload, "nrmhub-fragment+jws", key_of("police signing"))


def refused_fragments(sealed: Mapping[str, SealedFragment], keys: Mapping[str, ContentKey]) -> list[Json]:
    """Return fragments that are refused, each at the step named: ``parse``, ``verify`` or ``open`` (with ``cek``)."""
    first, other, key = sealed["first"], sealed["other case"], keys["first"]
    jwe, header = first.to_jwe(), first.header.to_json()
    swapped = {**other.to_jwe(), "protected": first.protected}
    cases: list[tuple[str, str, tuple[Json, str], ContentKey]] = [
        ("verify", "ciphertext of another case, signature of this one", (swapped, first.jws), key),
        ("open", "ciphertext of another case under this header, signed", _signed(swapped), key),
        ("open", "the same, with the other case's content key", _signed(swapped), keys["other case"]),
        ("verify", "signature of another fragment", (jwe, other.jws), key),
        ("verify", "signature by the agency's root", (jwe, _by_other_key(first)), key),
        ("open", "another fragment's content key", (jwe, first.jws), keys["other case"]),
    ]
    for name in ("iv", "ciphertext", "tag"):
        cases.append(("open", f"bit of the {name} flipped, signed", _signed({**jwe, name: flip(jwe[name], 3)}), key))
    for name, value in (("case", OTHER_CASE), ("category", "narrative"), ("agency", "example-council")):
        changed = encode_json({**header, name: value})
        cases.append(("open", f"{name} changed in the header, signed", _signed({**jwe, "protected": changed}), key))
    cases += [
        ("open", attack, _reseal(first_header, key, text), key) for attack, first_header, text in _contents(first)
    ]
    cases += [("parse", attack, case, key) for attack, case in _forms(jwe, header, first.jws)]
    return [
        {"attack": attack, "step": step, "jwe": case[0], "jws": case[1], "cek": cek.secret.hex()}
        for step, attack, case, cek in cases
    ]


def _by_other_key(fragment: SealedFragment) -> str:
    payload = canonical_bytes({"sha256": fragment.digest})
    return sign_compact(payload, "nrmhub-fragment+jws", key_of("police root"))


def _contents(first: SealedFragment) -> list[tuple[str, bytes, bytes]]:
    protected = b64u_decode(first.protected)
    wrong = hashlib.sha256(COMMITMENT_LABEL + first.header.fragment.encode() + bytes(32)).hexdigest()
    uncommitted = canonical_bytes(replace(first.header, commitment=wrong).to_json())
    return [
        ("content key that the header does not commit to", uncommitted, b"{}".ljust(1024)),
        ("content not canonical", protected, b'{"a": 1}'.ljust(1024)),
        ("content has a member twice", protected, b'{"a":1,"a":1}'.ljust(1024)),
        ("content padded with null bytes", protected, b"{}".ljust(1024, b"\0")),
        ("content padded with newlines", protected, b"{}".ljust(1024, b"\n")),
        ("content is a list", protected, b"[]".ljust(1024)),
        ("content is only padding", protected, b" " * 1024),
    ]


def _forms(jwe: Json, header: Json, jws: str) -> list[tuple[str, tuple[Json, str]]]:
    changed: dict[str, Json] = {
        "header asks for crit": {"crit": ["exp"]},
        "header asks for zip": {"zip": "DEF"},
        "header has an alg": {"alg": "dir"},
        "header has a jku": {"jku": "https://keys.example/"},
        "typ is another": {"typ": "nrmhub-channel+jwe"},
        "enc is another": {"enc": "A128GCM"},
        "schema is 2": {"schema": 2},
        "schema is true": {"schema": True},
        "category is unknown": {"category": "gossip"},
        "handling code is unknown": {"handling": {"code": "X", "instructions": []}},
        "handling instructions unsorted": {
            "handling": {"code": "C", "instructions": ["recipients_only", "not_to_family"]}
        },
        "first version that supersedes": {"supersedes": id_of("fragment other")},
        "second version that supersedes nothing": {"version": 2},
        "version nought": {"version": 0},
        "time with a blank for a nought": {"sealed_at": "2026-01- 1T12:00:00Z"},
        "commitment in upper case": {"commitment": header["commitment"].upper()},
        "fragment id too long": {"fragment": header["fragment"] + "0"},
    }
    cases = [(attack, {**jwe, "protected": encode_json({**header, **change})}) for attack, change in changed.items()]
    text = canonical_bytes(header).decode()
    short = b64u(b64u_decode(jwe["ciphertext"])[:1000])
    cases += [
        ("header with blanks", {**jwe, "protected": b64u(json.dumps(header, sort_keys=True).encode())}),
        ("header has a member twice", {**jwe, "protected": b64u(text.replace('"enc"', '"enc":"x","enc"').encode())}),
        ("header over its limit", {**jwe, "protected": b64u(b"{}".ljust(2049))}),
        ("part missing", {name: jwe[name] for name in ("protected", "iv", "ciphertext")}),
        ("part more: unprotected header", {**jwe, "unprotected": {"alg": "dir"}}),
        ("size is no bucket", {**jwe, "ciphertext": short}),
        ("iv of 16 bytes", {**jwe, "iv": b64u(bytes(16))}),
        ("tag of 12 bytes", {**jwe, "tag": b64u(bytes(12))}),
        ("byte moved from the ciphertext to the tag", _moved(jwe)),
        ("padding in a part", {**jwe, "tag": jwe["tag"] + "=="}),
        ("part is not text", {**jwe, "iv": 7}),
    ]
    return [(attack, (case, jws)) for attack, case in cases]


def _moved(jwe: Json) -> Json:
    ciphertext, tag = b64u_decode(jwe["ciphertext"]), b64u_decode(jwe["tag"])
    return {**jwe, "ciphertext": b64u(ciphertext[:-1]), "tag": b64u(ciphertext[-1:] + tag)}


def refused_channels(jwe: Json) -> list[Json]:
    """Return channels that are refused at ``parse``, or at ``open`` in the context given here."""
    header = json.loads(b64u_decode(jwe["protected"]))
    ek = b64u_decode(header["ek"])
    context = {"case": CASE, "originator": "example-police", "channel": CHANNEL}

    def with_header(**change: Any) -> Json:
        return {**jwe, "protected": encode_json({**header, **change})}

    opened: list[tuple[str, Json, Json]] = [
        ("another case", jwe, {**context, "case": OTHER_CASE}),
        ("another originator", jwe, {**context, "originator": "example-council"}),
        ("another channel id", jwe, {**context, "channel": id_of("another channel")}),
        ("another recipient in kid", with_header(kid=key_of("police archive").public.kid), context),
        ("bit of the ML-KEM ciphertext flipped", with_header(ek=flip(header["ek"], 5)), context),
        ("bit of the X25519 key flipped", with_header(ek=flip(header["ek"], 1100)), context),
        ("all-zero X25519 key", with_header(ek=b64u(ek[:1088] + bytes(32))), context),
    ]
    opened += [
        (f"bit of {name} flipped", {**jwe, name: flip(jwe[name], 3)}, context)
        for name in ("encrypted_key", "iv", "ciphertext", "tag")
    ]
    parsed = [
        ("header has a jku", with_header(jku="https://keys.example/")),
        ("header asks for crit", with_header(crit=["exp"])),
        ("alg is another", with_header(alg="HPKE-0-KE")),
        ("enc is another", with_header(enc="A128GCM")),
        ("cty missing", {**jwe, "protected": encode_json({n: v for n, v in header.items() if n != "cty"})}),
        ("typ is another", with_header(typ="JOSE")),
        ("kid is no thumbprint", with_header(kid="key-1")),
        ("ek cut short", with_header(ek=b64u(ek[:-1]))),
        ("ek is not text", with_header(ek=1)),
        ("byte moved from the ciphertext to the tag", _moved(jwe)),
        ("part missing", {name: jwe[name] for name in jwe if name != "tag"}),
        ("part more: aad", {**jwe, "aad": ""}),
        ("iv of 16 bytes", {**jwe, "iv": b64u(bytes(16))}),
    ]
    return [{"attack": attack, "step": "open", "jwe": case, **at} for attack, case, at in opened] + [
        {"attack": attack, "step": "parse", "jwe": case} for attack, case in parsed
    ]


def refused_grants(encrypted_key: str, channel: ChannelKey) -> list[Json]:
    """Return wrapped keys that do not unwrap under the channel's key."""
    cases = {
        "first bit flipped": flip(encrypted_key),
        "last bit flipped": flip(encrypted_key, 39),
        "cut short": b64u(b64u_decode(encrypted_key)[:32]),
        "a block more": b64u(b64u_decode(encrypted_key) + bytes(8)),
        "a 128-bit content key": b64u(aes_key_wrap(channel.secret, bytes(16))),
        "under another channel's key": b64u(aes_key_wrap(stream("other channel")(32), bytes(32))),
        "padding": encrypted_key + "==",
        "empty": "",
    }
    return [{"attack": attack, "encrypted_key": text} for attack, text in cases.items()]


def refused_certificates(members: Callable[[str, str], Json]) -> list[Json]:
    """Return certificates that are refused against the root of the police."""
    signing, archive, member = (
        members("police", "signing"),
        members("police", "archive"),
        members("council", "member-hpke"),
    )
    root, person = dict(key_of("police root").public.jwk), {"member": MEMBER, "roles": ["practitioner"]}
    small_order = {**signing["key"], "x": b64u(b"\1" + bytes(31))}
    cases: dict[str, tuple[Json, str]] = {
        "signed by the root of another agency": (signing, "council root"),
        "signed by the agency's signing key": (signing, "police signing"),
        "certifies a key of another agency": (member, "police root"),
        "HPKE key for signing": ({**signing, "key": archive["key"]}, "police root"),
        "Ed25519 key for the archive": ({**archive, "key": signing["key"]}, "police root"),
        "Ed25519 key as witness-pq": ({**signing, "use": "witness-pq"}, "police root"),
        "ES256 key for a member": (
            {**signing, **person, "use": "member-signing", "key": dict(key_of("health signing").public.jwk)},
            "police root",
        ),
        "the root certified for signing": ({**signing, "key": root}, "police root"),
        "key of small order": ({**signing, "key": small_order}, "police root"),
        "private key inside": ({**signing, "key": key_of("police signing").to_jwk()}, "police root"),
        "unknown use": ({**signing, "use": "everything"}, "police root"),
        "member on an agency's key": ({**signing, "member": MEMBER}, "police root"),
        "roles on an agency's key": ({**signing, "roles": ["practitioner"]}, "police root"),
        "member's key without member": (
            {**archive, "use": "member-hpke", "roles": ["practitioner"]},
            "police root",
        ),
        "member's key without roles": ({**archive, "use": "member-hpke", "member": MEMBER}, "police root"),
        "roles unsorted": (
            {**archive, **person, "use": "member-hpke", "roles": ["practitioner", "ictg"]},
            "police root",
        ),
        "the role intake for a person": (
            {**archive, **person, "use": "member-hpke", "roles": ["intake"]},
            "police root",
        ),
        "validity ends before it begins": ({**signing, "not_after": VALID["not_before"]}, "police root"),
        "time with a blank for a nought": ({**signing, "not_before": "2026-01- 1T00:00:00Z"}, "police root"),
    }
    return [
        {"attack": attack, "step": _step(attack), "jws": statement(T.CERTIFICATE, content, key, attack)}
        for attack, (content, key) in cases.items()
    ]


def _step(attack: str) -> str:
    if attack.startswith("signed by"):
        return "signature"
    return "key" if attack in _KEY_ATTACKS else "payload"


_KEY_ATTACKS = {
    "HPKE key for signing",
    "Ed25519 key for the archive",
    "ES256 key for a member",
    "Ed25519 key as witness-pq",
    "the root certified for signing",
    "key of small order",
    "private key inside",
}
