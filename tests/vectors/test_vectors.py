"""The example vectors: they come out of the code again, and they open from the files alone."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from generate import build, read_kept, render

from keys.canonical import NotCanonical, canonical_bytes, parse_canonical
from keys.ceremony import EnrolmentClaim, OfficerSet, request_digest, verify_officers
from keys.certificates import verify_agency, verify_certificate
from keys.directory import Directory
from keys.envelopes import (
    EnvelopeRefused,
    SealedChannel,
    SealedFragment,
    require_wrapped_key,
    verify_fragment,
    wrapped_key_digest,
)
from keys.fingerprints import fingerprint, parse_read_out
from keys.jose import PublicKey, b64u_decode, parse_public_jwk, thumbprint
from keys.private import PrivateKey
from keys.refusal import KeysRefusal
from keys.revocation import verify_revocation
from keys.sealing import ChannelKey, ContentKey, OpenRefused, open_channel, open_fragment, unwrap
from keys.statements import StatementType, verify_statement
from keys.uses import KeyUse
from policies.model import Malformed, parse_time

HERE = Path(__file__).resolve().parent
_CERTIFICATE_STEPS = {"signature": "SignatureRefused", "payload": "Malformed", "key": "KeyRefused"}
FILES = {"canonical", "keys", "statements", "certificates", "enrolment"}
FILES |= {"fragments", "channel", "grants", "disclosure"}


def refusal(call: Callable[..., object], *args: object) -> str:
    """Return the class of the refusal, or ``accepted``. Anything that is not a refusal of ours fails the test."""
    try:
        call(*args)
    except (KeysRefusal, Malformed) as error:
        return type(error).__name__
    return "accepted"


def load(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text("ascii"))


@pytest.fixture(scope="module")
def public() -> dict[str, PublicKey]:
    return {item["kid"]: parse_public_jwk(item["public"]) for item in load("keys")["keys"]}


def test_generating_again_gives_the_same_bytes() -> None:
    """All files but the kept HPKE encapsulation and ECDSA signatures depend on nothing but the code."""
    built = build(read_kept())
    assert set(built) == {f"{name}.json" for name in FILES}
    for name, content in built.items():
        assert render(content) == (HERE / name).read_text("ascii"), name


def test_new_encapsulations_and_ecdsa_signatures_change_only_what_names_them() -> None:
    """Without kept files the deterministic ones still come out the same."""
    built = build({})
    for name in FILES - {"channel", "statements"}:
        assert render(built[f"{name}.json"]) == (HERE / f"{name}.json").read_text("ascii"), name
    assert built["channel.json"]["jwk"] == load("channel")["jwk"]
    assert built["channel.json"]["jwe"] != load("channel")["jwe"]


def test_canonical() -> None:
    """Each good value has one encoding; each refused byte string stands for nothing."""
    vectors = load("canonical")
    assert (len(vectors["good"]), len(vectors["refused"])) == (7, 21)
    for item in vectors["good"]:
        data = bytes.fromhex(item["hex"])
        assert canonical_bytes(item["value"]) == data
        assert parse_canonical(data) == item["value"]
    for item in vectors["refused"]:
        repeat = item.get("repeat")
        data = bytes.fromhex(item["hex"]) if repeat is None else bytes.fromhex(repeat["hex"]) * repeat["times"]
        with pytest.raises(NotCanonical):
            parse_canonical(data)


def test_keys() -> None:
    """A private JWK gives its public half, thumbprint and, for roots, the fingerprint."""
    vectors = load("keys")["keys"]
    assert len(vectors) == 15
    assert {item["public"]["alg"] for item in vectors} == {"Ed25519", "ES256", "ES384", "HPKE-9-KE", "ML-DSA-44"}
    for item in vectors:
        key = PrivateKey.from_jwk(item["private"])
        assert dict(key.public.jwk) == item["public"]
        assert thumbprint(item["public"]) == key.public.kid == item["kid"]
        if "fingerprint" in item:
            assert fingerprint(key.public) == item["fingerprint"]
            assert hashlib.sha256(canonical_bytes(item["public"])).hexdigest() == item["fingerprint"].replace(" ", "")


def test_statements(public: dict[str, PublicKey]) -> None:
    """Every type verifies with its key, and names itself by the digest of its bytes."""
    vectors = load("statements")["statements"]
    assert len(vectors) == 32
    assert {item["typ"] for item in vectors} == {kind.value for kind in StatementType}
    assert {item["alg"] for item in vectors} == {"Ed25519", "ES256", "ES384"}
    for item in vectors:
        statement = verify_statement(item["jws"], StatementType(item["typ"]), public[item["key"]])
        assert statement.digest == item["sha256"] == hashlib.sha256(item["jws"].encode()).hexdigest()
        assert {name: item["payload"][name] for name in statement.members} == dict(statement.members)
        assert (statement.id, statement.issuer) == (item["payload"]["id"], item["payload"]["issuer"])


def test_refused_statements(public: dict[str, PublicKey]) -> None:
    """One thing is wrong in each, and that is enough."""
    vectors = load("statements")["refused"]
    assert len(vectors) == 68
    for item in vectors:
        got = refusal(verify_statement, item["jws"], StatementType(item["typ"]), public[item["key"]])
        assert got == {"signature": "SignatureRefused", "payload": "Malformed"}[item["step"]], item["attack"]


def test_certificates() -> None:
    """Two roots, eight certificates, a directory that finds each key by agency, use and member."""
    vectors = load("certificates")
    police, council = verify_agency(vectors["agency"]), verify_agency(vectors["other_agency"])
    records = {record.agency: record for record in (police, council)}
    certificates = [verify_certificate(item["jws"], records[item["agency"]]) for item in vectors["certificates"]]
    assert {item.use for item in certificates} == set(KeyUse)
    directory, at = Directory(records.values(), certificates), parse_time(vectors["at"])
    for item in certificates:
        assert directory.require_key(item.key.kid, item.use, item.agency, at, member=item.member) is item
    assert len(vectors["refused"]) == 19
    for item in vectors["refused"]:
        assert refusal(verify_certificate, item["jws"], police) == _CERTIFICATE_STEPS[item["step"]], item["attack"]


def test_revocations(public: dict[str, PublicKey]) -> None:
    """Each ends its key at the position it names; what is wrong in one thing ends nothing."""
    vectors = load("certificates")
    assert (len(vectors["revocations"]), len(vectors["refused_revocations"])) == (2, 10)
    for item in vectors["revocations"]:
        revocation = verify_revocation(item["jws"], public[item["key"]], item["log_index"])
        assert revocation.valid_until == item["valid_until"]
        assert revocation.kid in public
    for item in vectors["refused_revocations"]:
        got = refusal(verify_revocation, item["jws"], public[item["key"]], item["log_index"])
        assert got == {"signature": "SignatureRefused", "payload": "Malformed"}[item["step"]], item["attack"]


def test_enrolment() -> None:
    """One set of officers follows the other; two of the first sign a request, whose words are its digest."""
    vectors = load("enrolment")
    sets: list[OfficerSet] = []
    for entry in vectors["officers"]:
        sets.append(verify_officers(entry, vectors["log"], sets[-1] if sets else None))
        assert sets[-1].digest == entry["sha256"] == hashlib.sha256(canonical_bytes(entry["officers"])).hexdigest()
    assert len(sets) == 2
    digest = vectors["request_sha256"]
    assert (
        digest == request_digest(vectors["request"]) == hashlib.sha256(canonical_bytes(vectors["request"])).hexdigest()
    )
    assert parse_read_out(" ".join(vectors["words"])) == digest
    record = verify_agency(vectors["request"]["agency"])
    claim = EnrolmentClaim.of(vectors["log"], record, digest)
    assert {signature.officer for signature in claim.verify(vectors["signatures"], sets[0])} == set(sets[0].officers)
    assert refusal(claim.verify, vectors["signatures"], sets[1]) == "CeremonyRefused"


def test_refused_enrolments() -> None:
    """No set begins or follows without those who must sign, and nobody is enrolled by less than two officers."""
    vectors = load("enrolment")
    first = OfficerSet.from_json(vectors["officers"][0]["officers"])
    assert (len(vectors["refused_officers"]), len(vectors["refused_signatures"])) == (11, 13)
    for item in vectors["refused_officers"]:
        current = first if item["after"] else None
        assert refusal(verify_officers, item, vectors["log"], current) == "CeremonyRefused", item["attack"]
    claim = EnrolmentClaim.of(vectors["log"], verify_agency(vectors["request"]["agency"]), vectors["request_sha256"])
    for item in vectors["refused_signatures"]:
        assert refusal(claim.verify, item["signatures"], first) == "CeremonyRefused", item["attack"]


def test_fragments(public: dict[str, PublicKey]) -> None:
    """Parse, verify, open: content, header, digest and commitment are those of the file."""
    vectors = load("fragments")["fragments"]
    assert len(vectors) == 3
    for item in vectors:
        fragment = SealedFragment.parse(item["jwe"], item["jws"])
        assert verify_fragment(fragment, public[item["signed_by"]]) == item["sha256"]
        assert fragment.header.to_json() == item["header"] == parse_canonical(b64u_decode(fragment.protected))
        assert len(b64u_decode(fragment.ciphertext, max_bytes=2**20)) == item["padded_bytes"]
        assert b64u_decode(fragment.iv).hex() == item["iv"]
        text = b"nrmhub-commitment-v1\0" + item["header"]["fragment"].encode() + bytes.fromhex(item["cek"])
        assert hashlib.sha256(text).hexdigest() == item["commitment"] == fragment.header.commitment
        assert open_fragment(fragment, ContentKey(bytes.fromhex(item["cek"]))) == item["content"]


def test_refused_fragments(public: dict[str, PublicKey]) -> None:
    """Each is refused at the step it names, and passes the steps before."""
    vectors, key = load("fragments"), public[load("fragments")["fragments"][0]["signed_by"]]
    steps = [item["step"] for item in vectors["refused"]]
    assert (steps.count("parse"), steps.count("verify"), steps.count("open")) == (28, 3, 16)
    for item in vectors["refused"]:
        assert _step_of_refusal(item, key) == item["step"], item["attack"]


def _step_of_refusal(item: dict[str, Any], key: PublicKey) -> str:
    try:
        fragment = SealedFragment.parse(item["jwe"], item["jws"])
    except EnvelopeRefused:
        return "parse"
    try:
        verify_fragment(fragment, key)
    except EnvelopeRefused:
        return "verify"
    try:
        open_fragment(fragment, ContentKey(bytes.fromhex(item["cek"])))
    except OpenRefused:
        return "open"
    return "accepted"


def test_channel() -> None:
    """The recipient's key opens the channel to the JWK of the file."""
    vector = load("channel")
    channel, key = SealedChannel.parse(vector["jwe"]), PrivateKey.from_jwk(vector["recipient_private"])
    context = vector["context"]
    assert channel.recipient == key.public.kid == context["recipient"]
    assert channel.digest == vector["sha256"]
    extra = hashlib.sha256(canonical_bytes(context)).digest()
    assert bytes.fromhex(vector["info"]) == b"JOSE-HPKE rcpt\xffA256GCM\xff" + extra
    opened = open_channel(channel, context["case"], context["originator"], context["channel"], key)
    assert opened == ChannelKey(vector["jwk"]["kid"], b64u_decode(vector["jwk"]["k"]))


def test_refused_channels() -> None:
    """Every other context and every changed part is refused; what does not even parse never reaches a key."""
    vector = load("channel")
    key = PrivateKey.from_jwk(vector["recipient_private"])
    steps = [item["step"] for item in vector["refused"]]
    assert (steps.count("parse"), steps.count("open")) == (13, 11)
    for item in vector["refused"]:
        if item["step"] == "parse":
            assert refusal(SealedChannel.parse, item["jwe"]) == "EnvelopeRefused", item["attack"]
        else:
            args = (SealedChannel.parse(item["jwe"]), item["case"], item["originator"], item["channel"], key)
            assert refusal(open_channel, *args) == "OpenRefused", item["attack"]


def test_grants() -> None:
    """The channel's key unwraps the content keys, and nothing else."""
    vectors = load("grants")
    channel = ChannelKey("", bytes.fromhex(vectors["grants"][0]["kek"]))
    assert (len(vectors["grants"]), len(vectors["refused"])) == (2, 8)
    for item in vectors["grants"]:
        assert unwrap(require_wrapped_key(item["encrypted_key"]), channel) == ContentKey(bytes.fromhex(item["cek"]))
        assert wrapped_key_digest(item["encrypted_key"]) == item["encrypted_key_sha256"]
    for item in vectors["refused"]:
        assert refusal(unwrap, item["encrypted_key"], channel) == "OpenRefused", item["attack"]


def test_disclosure(public: dict[str, PublicKey]) -> None:
    """The whole way of a recipient: channel, disclosure, listing, grant, fragment, content."""
    vector, fragments, channel = load("disclosure"), load("fragments")["fragments"], load("channel")
    key = public[fragments[0]["signed_by"]]
    disclosure = verify_statement(vector["statement"], StatementType.DISCLOSURE, key)
    void = verify_statement(vector["void"], StatementType.VOID, key)
    assert void.members["previous"] == disclosure.digest == vector["sha256"]
    context = channel["context"]
    opened = open_channel(
        SealedChannel.parse(channel["jwe"]),
        context["case"],
        context["originator"],
        disclosure.members["channel"],
        PrivateKey.from_jwk(channel["recipient_private"]),
    )
    by_id = {item["header"]["fragment"]: item for item in fragments}
    grants = {item["fragment"]: item["encrypted_key"] for item in vector["grants"]}
    items = disclosure.members["items"]
    assert len(items) == len(grants) == 2
    for item in items:
        fragment = SealedFragment.parse(by_id[item["fragment"]]["jwe"], by_id[item["fragment"]]["jws"])
        assert verify_fragment(fragment, key) == item["sha256"]
        assert wrapped_key_digest(grants[item["fragment"]]) == item["encrypted_key_sha256"]
        content = open_fragment(fragment, unwrap(grants[item["fragment"]], opened))
        assert content == by_id[item["fragment"]]["content"]
    manifest = canonical_bytes(vector["manifest"])
    assert hashlib.sha256(manifest).hexdigest() == vector["manifest_sha256"]
    votes = [item for item in load("statements")["statements"] if item["typ"] == StatementType.VOTE.value]
    assert [vote["payload"]["manifest"] for vote in votes] == [vector["manifest_sha256"]]


def test_the_page_walks_through_these_vectors() -> None:
    """Every long value of section 12 of the protocol page stands in the files; nothing there can drift."""
    page = (HERE.parents[1] / "docs" / "protocol.md").read_text("utf-8")
    section = page.split("\n## 12. Example, byte by byte\n")[1].split("\n## ")[0]
    values = set(re.findall(r"[A-Za-z0-9_-]{14,}", section)) - {"recipient_extra_info", "nrmhub-commitment-v1"}
    files = "".join((HERE / f"{name}.json").read_text("ascii") for name in FILES)
    known = files + "".join(_decoded_payloads())
    missing = sorted(value for value in values if value not in known)
    assert len(values) > 20
    assert missing == []
    first = load("fragments")["fragments"][0]
    size = len(canonical_bytes(first["content"]))
    assert f"{size} bytes of canonical JSON" in section
    assert f"then {first['padded_bytes'] - size} times 0x20" in section


def _decoded_payloads() -> list[str]:
    statements = [part for item in load("statements")["statements"] for part in item["jws"].split(".")[:2]]
    fragments = [item["jws"].split(".")[1] for item in load("fragments")["fragments"]]
    return [b64u_decode(part).decode("utf-8") for part in statements + fragments]
