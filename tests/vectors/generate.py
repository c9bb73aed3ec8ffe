"""Write the example vectors: ``PYTHONPATH=. python tests/vectors/generate.py`` from the root of the repository.

Everything comes out the same every time but two things that are random in their nature and therefore kept once made:
HPKE encapsulations and ECDSA signatures. They are read from the files that are there; ``--new`` makes them anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enrolling import enrolment_vectors, revocation_vectors
from refused import refused_certificates, refused_channels, refused_fragments, refused_grants, refused_statements
from story import (
    BASIS,
    CASE,
    CHANNEL,
    CONTENTS,
    KEY_ALGORITHMS,
    MEMBER,
    OTHER_CASE,
    VALID,
    digest_of,
    header,
    id_of,
    key_of,
    membership_members,
    push_facts,
    statement,
    stream,
)

from keys.canonical import canonical_bytes
from keys.envelopes import SealedFragment, wrapped_key_digest
from keys.fingerprints import fingerprint
from keys.jose import EC_ORDERS, b64u, b64u_decode, statement_digest
from keys.sealing import ChannelKey, ContentKey, make_channel, pad, seal, wrap
from keys.statements import StatementType as T

HERE = Path(__file__).resolve().parent
Json = dict[str, Any]


def canonical_vectors() -> Json:
    """Values with their one encoding, and bytes that stand for nothing."""
    good: list[Any] = [
        {},
        [],
        {"b": 1, "a": [True, False, None], "": "empty name"},
        {"\u20ac": "euro", "\r": "return", "\ufb33": "dalet", "1": "one", "\U0001f600": "face", "\u0080": "control"},
        {"text": 'quote " backslash \\ solidus / tab \t null \0 delete \x7f separator \u2028'},
        [0, -1, 2**53 - 1, -(2**53) + 1],
        "Łódź",
    ]
    refused = {
        "blank after a colon": b'{"a": 1}',
        "members not in the order of UTF-16 code units": b'{"b":1,"a":2}',
        "member twice": b'{"a":1,"a":1}',
        "float": b"1.5",
        "float that is whole": b"1.0",
        "exponent": b"1e3",
        "minus zero": b"-0",
        "beyond 2^53 - 1": b"9007199254740992",
        "number of 5,000 digits": b"9" * 5000,
        "NaN": b"NaN",
        "needless escape": b'"\\u0041"',
        "escaped solidus": b'"\\/"',
        "upper-case escape": b'"\\u001F"',
        "lone surrogate": b'"\\ud800"',
        "not UTF-8": b'"\xff"',
        "byte order mark": b"\xef\xbb\xbf{}",
        "newline at the end": b"{}\n",
        "two values": b"{}{}",
        "nothing": b"",
        "nested 33 deep": b"[" * 34 + b"]" * 34,
        "nested 100,000 deep, never closed": b"[" * 100_000,
    }
    return {
        "good": [{"value": value, "hex": canonical_bytes(value).hex()} for value in good],
        "refused": [
            {"why": why, "hex": data.hex()} if len(data) < 200 else {"why": why, "repeat": _repeated(data)}
            for why, data in refused.items()
        ],
    }


def _repeated(data: bytes) -> Json:
    return {"hex": data[:1].hex(), "times": len(data)}


def key_vectors() -> Json:
    """One key of each kind, with thumbprint; of roots the fingerprint that pins name."""
    listed = []
    for name in KEY_ALGORITHMS:
        key = key_of(name)
        entry = {"name": name, "private": key.to_jwk(), "public": dict(key.public.jwk), "kid": key.public.kid}
        if name.endswith("root"):
            entry["fingerprint"] = fingerprint(key.public)
        listed.append(entry)
    return {"keys": listed}


def fragment_vectors() -> tuple[Json, dict[str, SealedFragment], dict[str, ContentKey]]:
    """Three sealed fragments, and what must be refused."""
    listed, sealed, opened = [], {}, {}
    headers = {
        "first": header("first"),
        "second version": header("second version", version=2, supersedes=id_of("fragment first")),
        "other case": header("other case", case=OTHER_CASE),
    }
    for name, content in CONTENTS.items():
        fragment, key = seal(content, headers[name], key_of("police signing"), randomness=stream(f"seal {name}"))
        sealed[name], opened[name] = fragment, key
        listed.append(
            {
                "name": name,
                "content": content,
                "padded_bytes": len(pad(canonical_bytes(content))),
                "cek": key.secret.hex(),
                "iv": b64u_decode(fragment.iv).hex(),
                "header": fragment.header.to_json(),
                "commitment": fragment.header.commitment,
                "jwe": fragment.to_jwe(),
                "jws": fragment.jws,
                "sha256": fragment.digest,
                "signed_by": key_of("police signing").public.kid,
            }
        )
    return {"fragments": listed, "refused": refused_fragments(sealed, opened)}, sealed, opened


def channel_vectors(kept: Mapping[str, Any] | None) -> tuple[Json, ChannelKey]:
    """One channel from the police to the council's member. ``kept`` is the file that is there; without it a new one."""
    recipient = key_of("council member-hpke")
    randomness = stream("channel")
    if kept is None:
        sealed, key = make_channel(CASE, "example-police", recipient.public, CHANNEL, randomness=randomness)
        jwe, digest = sealed.to_jwe(), sealed.digest
    else:
        key = ChannelKey(CHANNEL, randomness(32))
        jwe = kept["jwe"]
        parts = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
        digest = hashlib.sha256(".".join(jwe[name] for name in parts).encode()).hexdigest()
    context = {"case": CASE, "channel": CHANNEL, "originator": "example-police", "recipient": recipient.public.kid}
    extra = hashlib.sha256(canonical_bytes(context)).digest()
    vector = {
        "context": context,
        "info": (b"JOSE-HPKE rcpt\xffA256GCM\xff" + extra).hex(),
        "recipient_private": recipient.to_jwk(),
        "jwk": {"alg": "A256KW", "k": b64u(key.secret), "kid": CHANNEL, "kty": "oct"},
        "jwe": jwe,
        "sha256": digest,
        "refused": refused_channels(jwe),
    }
    return vector, key


def grant_vectors(fragments: Mapping[str, SealedFragment], ceks: Mapping[str, ContentKey], channel: ChannelKey) -> Json:
    """The content keys of the case's two fragments under the channel's key."""
    listed = []
    for name in ("first", "second version"):
        encrypted_key = wrap(ceks[name], channel)
        listed.append(
            {
                "name": name,
                "fragment": fragments[name].header.fragment,
                "kek": channel.secret.hex(),
                "cek": ceks[name].secret.hex(),
                "encrypted_key": encrypted_key,
                "encrypted_key_sha256": wrapped_key_digest(encrypted_key),
            }
        )
    return {"grants": listed, "refused": refused_grants(listed[0]["encrypted_key"], channel)}


def disclosure_vectors(fragments: Mapping[str, SealedFragment], grants: Json, membership: str) -> Json:
    """The disclosure of both fragments, the void after it, and the manifest of what was read."""
    facts = push_facts(statement_digest(membership))
    items = [
        {
            "fragment": grant["fragment"],
            "sha256": fragments[grant["name"]].digest,
            "encrypted_key_sha256": grant["encrypted_key_sha256"],
            "basis": 0,
            "decision": 0,
        }
        for grant in grants["grants"]
    ]
    members = {
        "case": CASE,
        "channel": CHANNEL,
        "recipient": key_of("council member-hpke").public.kid,
        "recipient_agency": "example-council",
        "recipient_member": MEMBER,
        "sequence": 1,
        "previous": None,
        "membership": statement_digest(membership),
        "bundle": digest_of("bundle"),
        "bases": [BASIS.to_json()],
        "decisions": [{"facts": facts, "rules": ["practitioner-protects"]}],
        "items": items,
        "not_given": [{"sha256": digest_of("held fragment"), "code": "held"}],
    }
    token = statement(T.DISCLOSURE, members, "police signing")
    void = {
        "case": CASE,
        "channel": CHANNEL,
        "sequence": 2,
        "previous": statement_digest(token),
        "refused": digest_of("refused disclosure"),
        "code": "facts_differ",
    }
    read = sorted((fragments[name].header.fragment, name) for name in ("first", "second version"))
    manifest = {
        "case": CASE,
        "checkpoint": {"size": 7, "root": digest_of("checkpoint of the manifest")},
        "fragments": [
            {"fragment": fragment, "sha256": fragments[name].digest, "version": fragments[name].header.version}
            for fragment, name in read
        ],
    }
    return {
        "statement": token,
        "sha256": statement_digest(token),
        "grants": [
            {"fragment": grant["fragment"], "encrypted_key": grant["encrypted_key"]} for grant in grants["grants"]
        ],
        "void": statement(T.VOID, void, "police signing"),
        "manifest": manifest,
        "manifest_sha256": hashlib.sha256(canonical_bytes(manifest)).hexdigest(),
    }


def statement_vectors(channel: Json, disclosure: Json, certificates: Json, kept: Mapping[str, Any] | None) -> Json:
    """One statement of each type under Ed25519, one each under ES256 and ES384, and what must be refused."""
    tokens = {
        T.AGENCY: (certificates["agency"], "police root"),
        T.CERTIFICATE: (certificates["certificates"][0]["jws"], "police root"),
        T.REVOCATION: (certificates["revocations"][0]["jws"], "police root"),
        T.MEMBERSHIP: (membership_statement(), "council signing"),
        T.DISCLOSURE: (disclosure["statement"], "police signing"),
        T.VOID: (disclosure["void"], "police signing"),
    }
    for kind, (members, key) in _plain_statements(channel, disclosure).items():
        tokens[kind] = (statement(kind, members, key), key)
    listed = [_described(kind, token, key) for kind, (token, key) in sorted(tokens.items())]
    if kept is None:
        listed += [
            _described(T.REFUSAL, statement(T.REFUSAL, _refusal(), key, key), key)
            for key in ("health signing", "charity signing")
        ]
    else:
        listed += [item for item in kept["statements"] if item["alg"] != "Ed25519"]
    upper = [_upper_half(item) for item in listed if item["alg"] != "Ed25519"]
    return {"statements": listed, "refused": [*refused_statements(), *upper]}


def _upper_half(item: Json) -> Json:
    """Return an ECDSA statement with the other of its two signatures, which every library but ours takes."""
    signing_input, _, text = item["jws"].rpartition(".")
    signature, order = b64u_decode(text), EC_ORDERS["P-256" if item["alg"] == "ES256" else "P-384"]
    half = len(signature) // 2
    other = signature[:half] + (order - int.from_bytes(signature[half:], "big")).to_bytes(half, "big")
    return {
        "attack": f"{item['alg']} signature with s in the upper half",
        "step": "signature",
        "typ": item["typ"],
        "key": item["key"],
        "jws": f"{signing_input}.{b64u(other)}",
    }


def _described(kind: T, token: str, key: str) -> Json:
    payload = json.loads(b64u_decode(token.split(".")[1]))
    public = key_of(key).public
    return {
        "typ": kind.value,
        "alg": public.alg,
        "key": public.kid,
        "payload": payload,
        "jws": token,
        "sha256": statement_digest(token),
    }


def membership_statement() -> str:
    """Return the case's first membership statement."""
    return statement(T.MEMBERSHIP, membership_members(), "council signing")


def _refusal() -> Json:
    return {
        "case": CASE,
        "recipient_agency": None,
        "category": "health_contact",
        "request": None,
        "code": "not_necessary",
        "reviewer": id_of("reviewer"),
        "detail": None,
    }


def _console_access() -> Json:
    return {
        "agency": "example-council",
        "member": id_of("officer"),
        "provider": "https://login.council.example",
        "subject_sha256": hashlib.sha256(b"https://login.council.example\0officer-7").hexdigest(),
        "not_before": "2026-01-31T12:00:00Z",
        "not_after": "2026-07-31T12:00:00Z",
    }


def _of_people() -> dict[T, tuple[Json, str]]:
    """What people of a case sign: that somebody is kept out, that the glass is broken, what became of that."""
    who = {"case": CASE, "member": MEMBER, "membership": statement_digest(membership_statement())}
    exclusion = {
        **who,
        "act": "add",
        "exclusion": id_of("exclusion"),
        "excluded": {"agency": "example-police", "member": id_of("excluded")},
        "until": "2026-02-14T12:00:00Z",
        "detail": None,
    }
    broken = {
        **who,
        "reason": "danger_now",
        "until": "2026-01-31T14:00:00Z",
        "reviewer": {"agency": "example-police", "member": id_of("reviewer")},
    }
    key = "council member-signing"
    emergency = {
        **who,
        "until": "2026-01-31T12:15:00Z",
        "releases": [
            {
                "recipient": b64u(bytes.fromhex(digest_of("recipient"))),
                "recipient_agency": "example-police",
                "recipient_member": id_of("reader"),
                "items": 2,
                "sha256": digest_of("released"),
            }
        ],
        "detail": {"fragment": id_of("why"), "sha256": digest_of("why")},
    }
    return {
        T.EMERGENCY: (emergency, key),
        T.EMERGENCY_CONFIRMATION: ({**who, "emergency": statement(T.EMERGENCY, emergency, key)}, key),
        T.EMERGENCY_REVIEW: ({**who, "emergency": digest_of("emergency"), "outcome": "justified"}, key),
        T.EXCLUSION: (exclusion, key),
        T.EXCLUSION_CONFIRMATION: ({**who, "proposal": digest_of("proposal")}, key),
        T.BREAK_GLASS: (broken, key),
        T.BREAK_GLASS_REVIEW: ({**who, "break_glass": digest_of("broken"), "outcome": "justified"}, key),
    }


def _on_keeping() -> dict[T, tuple[Json, str]]:
    """What agencies sign on how long a case is kept, what is erased, and what keeps it from that."""
    listed = {"fragment": id_of("erased"), "sha256": digest_of("erased"), "index": 41}
    return {
        T.RETENTION: (
            {
                "case": CASE,
                "closed_at": "2026-01-30T12:00:00Z",
                "content_until": "2032-01-31T12:00:00Z",
                "record_until": "2036-01-31T12:00:00Z",
                "rule": "social-care-case",
            },
            "council signing",
        ),
        T.ERASURE: (
            {
                "case": CASE,
                "scope": "fragments",
                "rule": "police-other",
                "reason": "shared_in_error",
                "fragments": [listed],
            },
            "police signing",
        ),
        T.ERASURE_CONFIRMATION: ({"case": CASE, "erasure": digest_of("erasure")}, "police signing"),
        T.HOLD: (
            {
                "case": CASE,
                "hold": id_of("hold"),
                "act": "place",
                "basis": "court_proceedings",
                "until": "2026-04-30T12:00:00Z",
                "decided_by": id_of("officer"),
            },
            "police signing",
        ),
    }


def _plain_statements(channel: Json, disclosure: Json) -> dict[T, tuple[Json, str]]:
    said_to = {"case": CASE, "membership": statement_digest(membership_statement())}
    acceptance = {**said_to, "members": membership_members()["members"]}
    consent = {
        "case": CASE,
        "sequence": 0,
        "previous": None,
        "state": "not_required",
        "reason": "child_path",
        "given_by": "nobody",
        "scope": {"categories": [], "recipients": [], "purposes": []},
        "wishes": "recorded",
        "subject": "sharing",
        "giver": None,
        "competence": "not_assessed",
        "assessed_by": "nobody",
        "interpreter": "not_needed",
        "told": "yes",
        "about": None,
        "effect": None,
        "expires_at": None,
        "detail": {"fragment": id_of("wishes"), "sha256": digest_of("wishes")},
    }
    recipient = {
        "case": CASE,
        "channel": CHANNEL,
        "recipient": key_of("council member-hpke").public.kid,
        "recipient_agency": "example-council",
        "recipient_member": MEMBER,
    }
    return {
        T.WITNESS_CHANGE: ({"previous": digest_of("old"), "witnesses": digest_of("new")}, "police signing"),
        T.CONSOLE_ACCESS: (_console_access(), "council signing"),
        T.BUNDLE_APPROVAL: (
            {"member": MEMBER, "bundle": digest_of("new bundle"), "version": 2, "replaces": digest_of("old bundle")},
            "council member-signing",
        ),
        **_of_people(),
        **_on_keeping(),
        T.ACCEPTANCE: (acceptance, "council signing"),
        T.ENDORSEMENT: (said_to, "police signing"),
        T.DEPARTURE: ({**said_to, "members": [MEMBER]}, "council signing"),
        T.CONSENT: (consent, "council signing"),
        T.CHANNEL: ({**recipient, "use": "member-hpke", "sha256": channel["sha256"]}, "police signing"),
        T.REFUSAL: (_refusal(), "police signing"),
        T.PULL: ({"case": CASE, "member": MEMBER, "purpose": "safeguarding"}, "council member-signing"),
        T.RETRIEVAL: ({"case": CASE, "after": 41}, "police signing"),
        T.MANIFEST: (
            {
                "case": CASE,
                "member": MEMBER,
                "manifest": disclosure["manifest_sha256"],
                "membership": statement_digest(membership_statement()),
                "question": "rg",
            },
            "council member-signing",
        ),
        T.VOTE: (
            {
                "case": CASE,
                "member": MEMBER,
                "manifest": disclosure["manifest_sha256"],
                "question": "rg",
                "outcome": "positive",
                "role": "panel_voting",
            },
            "council member-signing",
        ),
    }


_CERTIFIED = (
    ("police", "signing"),
    ("police", "intake"),
    ("police", "archive"),
    ("police", "witness"),
    ("police", "witness-pq"),
    ("council", "signing"),
    ("council", "member-signing"),
    ("council", "member-hpke"),
)


def certificate_vectors() -> Json:
    """The police's root, what it certifies for the agency, and one member of the council."""
    members = {"agency": "example-police", "kind": "police", "name": "Example Police", "root": _jwk("police root")}
    council = {**members, "agency": "example-council", "kind": "social_care", "name": "Example Council"}
    council["root"] = _jwk("council root")
    listed = []
    for owner, use in _CERTIFIED:
        token = statement(T.CERTIFICATE, certificate(owner, use), f"{owner} root", use)
        listed.append({"agency": f"example-{owner}", "use": use, "jws": token})
    return {
        "at": "2026-01-31T12:00:00Z",
        "agency": statement(T.AGENCY, members, "police root"),
        "other_agency": statement(T.AGENCY, council, "council root"),
        "certificates": listed,
        "refused": refused_certificates(certificate),
        **revocation_vectors(),
    }


def certificate(owner: str, use: str) -> Json:
    """Return the members of a certificate."""
    person = use.startswith("member-")
    return {
        "agency": f"example-{owner}",
        "use": use,
        "key": _jwk(f"{owner} {use}"),
        "member": MEMBER if person else None,
        "roles": ["practitioner"] if person else [],
        **VALID,
    }


def _jwk(name: str) -> Json:
    return dict(key_of(name).public.jwk)


def build(kept: Mapping[str, Any]) -> dict[str, Json]:
    """Return every file's content by file name. ``kept`` holds the files that are there, or nothing."""
    fragments, sealed, ceks = fragment_vectors()
    channel, channel_key = channel_vectors(kept.get("channel.json"))
    grants = grant_vectors(sealed, ceks, channel_key)
    disclosure = disclosure_vectors(sealed, grants, membership_statement())
    certificates = certificate_vectors()
    return {
        "canonical.json": canonical_vectors(),
        "keys.json": key_vectors(),
        "statements.json": statement_vectors(channel, disclosure, certificates, kept.get("statements.json")),
        "certificates.json": certificates,
        "enrolment.json": enrolment_vectors(certificates),
        "fragments.json": fragments,
        "channel.json": channel,
        "grants.json": grants,
        "disclosure.json": disclosure,
    }


def render(content: Json) -> str:
    """Return a file's text."""
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def read_kept() -> dict[str, Any]:
    """Return the files that are there."""
    return {path.name: json.loads(path.read_text("ascii")) for path in sorted(HERE.glob("*.json"))}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new", action="store_true", help="make the channel and the ECDSA signatures anew")
    kept = {} if parser.parse_args().new else read_kept()
    for name, content in build(kept).items():
        (HERE / name).write_text(render(content), "ascii")


if __name__ == "__main__":
    main()
