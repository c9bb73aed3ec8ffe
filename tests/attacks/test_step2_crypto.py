"""Attacks on the cryptography, by number of the catalogue: 12, 13, 15, 33.

Each docstring names the check that stands against the attack. What is offered is genuine wherever it can be: it would
be taken if that check were gone, and a control shows that the same construction without the attack is taken.
"""

from __future__ import annotations

import hashlib
import hmac
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from adapters.following import LogRefused
from keys.canonical import canonical_bytes
from keys.certificates import verify_agency, verify_certificate
from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.custody.keyfile import ITERATIONS, LANES, MEMORY_KIB, KeyFileRefused, read_key_file
from keys.envelopes import FRAGMENT_TYP, EnvelopeRefused, SealedChannel, SealedFragment, verify_fragment
from keys.jose import (
    EC_ORDERS,
    KeyRefused,
    PublicKey,
    SignatureRefused,
    b64u,
    b64u_decode,
    parse_public_jwk,
    sign_compact,
    thumbprint,
)
from keys.notes import NoteInvalid, SignatureType, VerifierKey
from keys.private import PrivateKey
from keys.sealing import (
    ChannelKey,
    ContentKey,
    OpenRefused,
    commitment,
    decrypt_hpke9,
    make_channel,
    open_channel,
    open_fragment,
    parse_header,
    seal,
    unwrap,
    wrap,
)
from keys.statements import StatementType, make_statement, verify_statement
from keys.transparency import QuorumMissing, Witness, WitnessSet, require_quorum, verify_checkpoint
from keys.uses import KeyUse
from keys.witnesses import Checkpoint
from tests.attacks.crafted import (
    CANARY,
    CONTENT,
    ORIGIN,
    ORIGINATOR,
    PASSPHRASE,
    PROPOSED,
    RECIPIENT,
    SIGNER,
    Recording,
    argon2_members,
    argon2id,
    channel_by_hand,
    channel_info,
    encapsulated,
    key_file,
    other_bit,
    pbkdf2,
    sealed_by_hand,
    wrong_form,
    wrong_key,
    wrong_text,
    wrong_wrap,
)
from tests.attacks.hostile import lie
from tests.keys.keys_material import AT, CASE, CHANNEL, FRAGMENT, header, key
from tests.scene import CARE, POLICE, Scene

PULL = StatementType.PULL


# --- 12: what a server proposes: weak derivation, no algorithm, its own nonces ---


SALT = bytes(range(16))


@pytest.mark.parametrize(
    ("memory", "iterations", "lanes", "salt"),
    [
        (64, ITERATIONS, LANES, SALT),
        (MEMORY_KIB - 1, ITERATIONS, LANES, SALT),
        (MEMORY_KIB, 1, LANES, SALT),
        (MEMORY_KIB, ITERATIONS, 1, SALT),
        (MEMORY_KIB, ITERATIONS, LANES, SALT[:8]),
    ],
)
def test_attack_12_weak_parameters_of_a_key_file(
    tmp_path: Path, memory: int, iterations: int, lanes: int, salt: bytes
) -> None:
    """The file is sealed as it says, more weakly than allowed. Check: the minimum in ``read_key_file``."""
    secret = argon2id(memory, iterations, lanes, salt)
    weak = key_file(tmp_path / "weak.key", argon2_members(memory, iterations, lanes, salt), secret)
    with pytest.raises(KeyFileRefused, match="more weakly than allowed"):
        read_key_file(weak, PASSPHRASE)
    strong = argon2id(MEMORY_KIB, ITERATIONS, LANES, SALT)
    good = key_file(tmp_path / "good.key", argon2_members(MEMORY_KIB, ITERATIONS, LANES, SALT), strong)
    assert set(read_key_file(good, PASSPHRASE).keys) == {"signing"}


def test_attack_12_empty_salt(tmp_path: Path) -> None:
    """No salt, no lanes, no passes: refused before anything is derived. Check: the same minimum, and the salt's."""
    for change in ({"salt": ""}, {"lanes": 0}, {"iterations": 0}, {"memory_kib": 0}, {"iterations": -3}):
        kdf = {**argon2_members(MEMORY_KIB, ITERATIONS, LANES, SALT), **change}
        with pytest.raises(KeyFileRefused, match="more weakly than allowed"):
            read_key_file(key_file(tmp_path / "x.key", kdf, bytes(32)), PASSPHRASE)


def test_attack_12_another_derivation(tmp_path: Path) -> None:
    """PBKDF2 with 1,000 rounds, the passphrase as it is, none. Check: the name and members in ``read_key_file``."""
    salted = {"iterations": 1000, "salt": b64u(SALT)}
    proposals: list[tuple[dict[str, Any], bytes]] = [
        ({"name": "pbkdf2-sha256", **salted}, pbkdf2(1000, SALT)),
        ({"name": "pbkdf2-sha256", **salted, "salt": ""}, pbkdf2(1000, b"")),
        (argon2_members(MEMORY_KIB, ITERATIONS, LANES, SALT, "pbkdf2-sha256"), pbkdf2(ITERATIONS, SALT)),
        (
            argon2_members(MEMORY_KIB, ITERATIONS, LANES, SALT, "none"),
            argon2id(MEMORY_KIB, ITERATIONS, LANES, SALT),
        ),
        (
            {**argon2_members(MEMORY_KIB, ITERATIONS, LANES, SALT), "p2c": 1000},
            argon2id(MEMORY_KIB, ITERATIONS, LANES, SALT),
        ),
        ({"name": "none"}, hashlib.sha256(PASSPHRASE.encode()).digest()),
        ({}, bytes(32)),
    ]
    for kdf, secret in proposals:
        with pytest.raises(KeyFileRefused, match="not a key file of this version"):
            read_key_file(key_file(tmp_path / "x.key", kdf, secret), PASSPHRASE)


def pull_token(alg: str, sign: Callable[[bytes], bytes], public: PublicKey = SIGNER.public) -> str:
    """Return a pull statement, right in all but what its header says of the algorithm."""
    said = {"case": CASE, "member": "2" * 32, "purpose": "safeguarding"}
    token = make_statement(
        PULL, said, issuer=ORIGINATOR, signer=SIGNER, issued_at=AT, statement_id="1" * 32, checkpoint=None
    )
    head = b64u(canonical_bytes({"alg": alg, "kid": public.kid, "typ": PULL.value}))
    signing_input = f"{head}.{token.split('.')[1]}"
    return f"{signing_input}.{b64u(sign(signing_input.encode()))}"


def test_attack_12_no_algorithm_and_a_shared_secret() -> None:
    """``none``, and HMAC under the public key's own bytes. Check: the key fixes ``alg`` in ``UnverifiedJws.verify``."""
    raw = b64u_decode(SIGNER.public.jwk["x"])
    verify_statement(pull_token("Ed25519", SIGNER.sign), PULL, SIGNER.public)
    for alg, sign in (
        ("none", lambda _: b""),
        ("none", SIGNER.sign),
        ("", SIGNER.sign),
        ("EdDSA", SIGNER.sign),
        ("HS256", lambda data: hmac.digest(raw, data, "sha256")),
        ("HS256", lambda data: hmac.digest(b64u(raw).encode(), data, "sha256")),
    ):
        with pytest.raises(SignatureRefused, match="not signed by the expected key"):
            verify_statement(pull_token(alg, sign), PULL, SIGNER.public)


@pytest.mark.parametrize("member", PROPOSED)
def test_attack_12_parameters_in_a_header(member: str) -> None:
    """Each parameter of derivation, nonce or key in a header, all else genuine. Check: exactly the known members.

    ``Header.from_json`` of a fragment, ``SealedChannel.parse`` of a channel, ``parse_header`` of another library's.
    """
    sealed, cek = sealed_by_hand({})
    assert open_fragment(SealedFragment.parse(sealed.to_jwe(), sealed.jws), cek) == CONTENT
    proposed, _ = sealed_by_hand({member: PROPOSED[member]})
    with pytest.raises(EnvelopeRefused, match="unknown members"):
        SealedFragment.parse(proposed.to_jwe(), proposed.jws)
    with pytest.raises(EnvelopeRefused, match="unknown members"):
        SealedChannel.parse(channel_by_hand({member: PROPOSED[member]}))
    if member in ("crit", "b64", "zip", "jku", "jwk", "x5u"):
        with pytest.raises(OpenRefused):
            decrypt_hpke9(channel_by_hand({member: PROPOSED[member]}), RECIPIENT, channel_info())


def test_attack_12_nobody_else_chooses_keys_or_nonces() -> None:
    """Under one header nothing random is ever the same: nothing that came in decides it. Check: ``os.urandom``."""
    made = [seal(CONTENT, header(), SIGNER) for _ in range(20)]
    assert len({sealed.iv for sealed, _ in made}) == 20
    assert len({cek.secret for _, cek in made}) == 20
    channels = [make_channel(CASE, ORIGINATOR, RECIPIENT.public, CHANNEL) for _ in range(10)]
    assert len({kek.secret for _, kek in channels}) == 10
    assert len({parse_header(sealed.protected)["ek"] for sealed, _ in channels}) == 10
    assert len({sealed.iv for sealed, _ in channels}) == 10


@pytest.mark.parametrize("size", [16, 24])
def test_attack_12_shorter_keys_than_the_header_says(size: int) -> None:
    """AES-128 and AES-192 under ``A256GCM``. Check: the size in ``ContentKey`` and ``ChannelKey``."""
    short = bytes(size)
    for make in (lambda: ContentKey(short), lambda: ChannelKey(CHANNEL, short)):
        with pytest.raises(KeyRefused, match=f"32 bytes, got {size}"):
            make()
    with pytest.raises(OpenRefused):
        decrypt_hpke9(channel_by_hand({}, content_key=short), RECIPIENT, channel_info())


# --- 13: an older protocol, a weaker suite ---


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 0},
        {"schema": 2},
        {"schema": "1"},
        {"schema": ...},
        {"enc": "A128GCM"},
        {"enc": "A128CBC-HS256"},
        {"enc": "none"},
        {"enc": ...},
        {"typ": "JOSE"},
        {"typ": "nrmhub-fragment-v0+jwe"},
        {"commitment": ...},
    ],
)
def test_attack_13_older_fragment(change: dict[str, Any]) -> None:
    """Sealed and signed by its originator under another version, suite or type. Check: ``Header.from_json``."""
    older, _ = sealed_by_hand(change)
    with pytest.raises(EnvelopeRefused, match="fragment header"):
        SealedFragment.parse(older.to_jwe(), older.jws)


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "HPKE-0-KE"},
        {"alg": "HPKE-9"},
        {"alg": "ECDH-ES+A256KW"},
        {"alg": "RSA1_5"},
        {"alg": "dir"},
        {"alg": "none"},
        {"enc": "A128GCM"},
        {"typ": "JOSE"},
        {"typ": "nrmhub-fragment+jwe"},
    ],
)
def test_attack_13_channel_of_another_suite(change: dict[str, Any]) -> None:
    """Sealed to the recipient's key under another suite's name. Check: ``SealedChannel.parse``, ``decrypt_hpke9``."""
    SealedChannel.parse(channel_by_hand({}))
    with pytest.raises(EnvelopeRefused, match="channel header"):
        SealedChannel.parse(channel_by_hand(change))
    if "typ" not in change:
        with pytest.raises(OpenRefused):
            decrypt_hpke9(channel_by_hand(change), RECIPIENT, channel_info())


def test_attack_13_key_agreement_without_its_newer_half() -> None:
    """The recipient's X25519 half alone, as HPKE with DHKEM. Check: the size of ``ek`` in ``SealedChannel.parse``."""
    classical = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    half = x25519.X25519PublicKey.from_public_bytes(b64u_decode(RECIPIENT.public.jwk["pub"])[1184:])
    hpke = classical.encrypt(bytes(range(32)), half, channel_info())
    message = channel_by_hand({"ek": b64u(hpke[:32])}, encapsulation=bytes(1120) + hpke[32:])
    with pytest.raises(EnvelopeRefused, match="a part has not the size"):
        SealedChannel.parse(message)
    with pytest.raises(OpenRefused):
        decrypt_hpke9(message, RECIPIENT, channel_info())


def agency_with(root: PrivateKey) -> Any:
    """Return an agency enrolled under a root."""
    said = {"agency": ORIGINATOR, "kind": "police", "name": "Example police", "root": dict(root.public.jwk)}
    return verify_agency(stated(StatementType.AGENCY, said, root))


def stated(kind: StatementType, said: dict[str, Any], signer: PrivateKey) -> str:
    """Return a statement of the example police."""
    return make_statement(
        kind, said, issuer=ORIGINATOR, signer=signer, issued_at=AT, statement_id="1" * 32, checkpoint=None
    )


def test_attack_13_certificate_of_a_weaker_key() -> None:
    """The root itself certifies a classical key for receiving. Check: ``ALGORITHMS`` in ``verify_certificate``."""
    root = key("Ed25519", "root")
    agency = agency_with(root)
    half = b64u(b64u_decode(RECIPIENT.public.jwk["pub"])[1184:])

    def certificate(use: KeyUse, jwk: dict[str, str]) -> str:
        said = {"agency": ORIGINATOR, "use": use.value, "key": jwk, "member": None, "roles": []}
        validity = {"not_before": "2026-01-01T00:00:00Z", "not_after": "2027-01-01T00:00:00Z"}
        return stated(StatementType.CERTIFICATE, {**said, **validity}, root)

    verify_certificate(certificate(KeyUse.INTAKE, dict(RECIPIENT.public.jwk)), agency)
    for use, jwk in (
        (KeyUse.INTAKE, {"kty": "OKP", "crv": "X25519", "alg": "X25519", "x": half}),
        (KeyUse.INTAKE, {"kty": "OKP", "crv": "X25519", "alg": "ECDH-ES+A256KW", "x": half}),
        (KeyUse.INTAKE, {"kty": "AKP", "alg": "HPKE-0-KE", "pub": RECIPIENT.public.jwk["pub"]}),
        (KeyUse.INTAKE, dict(key("ES256").public.jwk)),
        (KeyUse.ARCHIVE, dict(SIGNER.public.jwk)),
        (KeyUse.WITNESS_PQ, dict(SIGNER.public.jwk)),
    ):
        with pytest.raises(KeyRefused, match="algorithm"):
            verify_certificate(certificate(use, jwk), agency)


def witnessed() -> tuple[str, VerifierKey, WitnessSet, list[str], list[str]]:
    """Return a head, its key, one witness that is a quorum, and its lines of the older and the newer type."""
    log, name = key("Ed25519", "log"), f"{ORIGIN}/witness/{ORIGINATOR}"
    older, newer = key("Ed25519", "witness"), key("ML-DSA-44", "witness")
    note, vkey = sign_checkpoint(ORIGIN, 7, bytes(range(32)), log), log_vkey(ORIGIN, log)
    checkpoint: Checkpoint = verify_checkpoint(note, vkey)
    lines = [cosign(checkpoint, name, private, at=AT) for private in (older, newer)]
    witness = Witness(ORIGINATOR, witness_vkey(name, older), witness_vkey(name, newer))
    return note, vkey, WitnessSet(1, (witness,)), lines[:1], lines[1:]


def test_attack_13_older_cosignatures_make_no_quorum() -> None:
    """Only Ed25519 lines are left of a head's. Check: which type counts in ``witness_times``."""
    note, vkey, pinned, older, newer = witnessed()
    require_quorum(note + "".join(f"{line}\n" for line in older + newer), vkey, pinned)
    with pytest.raises(QuorumMissing, match="cosigned by 0 pinned witnesses"):
        require_quorum(note + "".join(f"{line}\n" for line in older), vkey, pinned)


def test_attack_13_witness_without_a_newer_key() -> None:
    """A witness set whose second key is Ed25519 too. Check: ``Witness`` wants one key of each type."""
    older = witness_vkey(f"{ORIGIN}/witness/{ORIGINATOR}", key("Ed25519", "witness"))
    with pytest.raises(NoteInvalid, match="second key is not of type 0x06"):
        Witness(ORIGINATOR, older, older)


def without_newer_lines(path: str, answer: Any) -> Any:
    """Take the ML-DSA-44 lines, which are long, out of every head on its way."""
    if "/log/checkpoint" not in path or not isinstance(answer, str):
        return answer
    return "".join(
        line for line in answer.splitlines(keepends=True) if not line.startswith("\u2014 ") or len(line) < 999
    )


def test_attack_13_newest_suite_stripped_from_answers(embedded: Scene) -> None:
    """The hub leaves the newer cosignatures out of what it answers: nobody takes the head, nothing is released.

    Check: ``require_quorum`` before anything a hub shows is believed.
    """
    embedded.witness()
    care = embedded[CARE]
    embedded[POLICE].share(embedded.main, CONTENT)
    for party in embedded.parties.values():
        party.witness()
    lie(embedded, without_newer_lines, CARE)
    with pytest.raises(LogRefused) as refusal:
        care.follower.sync()
    assert "the quorum is" in str(refusal.value)
    assert embedded.alarms(CARE)
    embedded.use(embedded.transport)
    care.sync()
    assert care.share(embedded.main, CONTENT).refused == 0


# --- 15: what a failure tells ---


def failures() -> dict[str, Callable[[], object]]:
    """Return ways to fail to open, one for every step at which opening can fail."""
    sealed, cek = seal(CONTENT, header(), SIGNER)
    channel, kek = make_channel(CASE, ORIGINATOR, RECIPIENT.public, CHANNEL)
    stranger = key("HPKE-9-KE", "stranger")

    def opening(fragment: SealedFragment, secret: ContentKey = cek) -> Callable[[], object]:
        return lambda: open_fragment(fragment, secret)

    def plaintext(data: bytes) -> Callable[[], object]:
        made = replace(header(), commitment=commitment(FRAGMENT, cek))
        protected = b64u(canonical_bytes(made.to_json()))
        text = AESGCM(cek.secret).encrypt(bytes(12), data, protected.encode())
        return opening(SealedFragment(protected, b64u(bytes(12)), b64u(text[:-16]), b64u(text[-16:]), "", made))

    def reached(change: dict[str, str], *, case: str = CASE, private: PrivateKey = RECIPIENT) -> Callable[[], object]:
        return lambda: open_channel(replace(channel, **change), case, ORIGINATOR, CHANNEL, private)

    return {
        "another content key": opening(sealed, ContentKey(bytes(32))),
        "another commitment": opening(replace(sealed, header=replace(sealed.header, commitment="0" * 64))),
        "ciphertext": opening(replace(sealed, ciphertext=other_bit(sealed.ciphertext))),
        "tag": opening(replace(sealed, tag=other_bit(sealed.tag))),
        "short tag": opening(replace(sealed, tag=b64u(bytes(4)))),
        "iv": opening(replace(sealed, iv=other_bit(sealed.iv))),
        "no base64": opening(replace(sealed, iv="=")),
        "header": opening(replace(sealed, protected=other_bit(sealed.protected))),
        "not canonical": plaintext(b'{"a" : "%s"}' % CANARY.encode()),
        "no padding": plaintext(b'{"a":"%s"}\0' % CANARY.encode()),
        "not UTF-8": plaintext(b"\xff" + CANARY.encode()),
        "not JSON": plaintext(CANARY.encode()),
        "no object": plaintext(b'["%s"]' % CANARY.encode()),
        "nothing": plaintext(b""),
        "deep": plaintext(b"[" * 1000),
        "grant": lambda: unwrap(other_bit(wrap(cek, kek)), kek),
        "grant of another size": lambda: unwrap(b64u(bytes(24)), kek),
        "grant, another channel": lambda: unwrap(wrap(cek, kek), ChannelKey("", bytes(32))),
        "grant, no base64": lambda: unwrap("=" * 54, kek),
        "channel of another case": reached({}, case="f" * 32),
        "channel for somebody else": reached({}, private=stranger),
        "channel under somebody else's name": reached({"recipient": stranger.public.kid}, private=stranger),
        "channel's wrapped key": reached({"encrypted_key": other_bit(channel.encrypted_key)}),
        "channel's header": reached({"protected": other_bit(channel.protected)}),
        "channel's header of zip": reached({"protected": b64u(b'{"zip":"DEF"}')}),
        "channel's text": reached({"ciphertext": other_bit(channel.ciphertext)}),
        "channel's tag": reached({"tag": other_bit(channel.tag)}),
    }


def test_attack_15_every_failure_says_the_same() -> None:
    """One class, one text, no cause to look at. Check: ``OpenRefused`` takes no words, and is raised ``from None``."""
    said, seen = set(), 0
    for what, fail in failures().items():
        with pytest.raises(OpenRefused) as refusal:
            fail()
        error = refusal.value
        assert error.__cause__ is None, what
        assert error.__context__ is None or error.__suppress_context__, what
        shown = "".join(traceback.format_exception_only(error))
        assert CANARY not in "".join(traceback.format_exception(error)), what
        said.add((type(error), str(error), error.args, shown))
        seen += 1
    assert (len(said), seen) == (1, 27)


def test_attack_15_the_hub_sees_no_difference(make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch) -> None:
    """A fragment that does not open, for each reason there is: the reader is told the same, the hub sees the same.

    Check: ``Judged.open`` keeps the refusal to the reader; nothing is sent after a pull.
    """
    requests, reasons = set(), set()
    for name, fault in (
        ("seal", seal),
        ("seal", wrong_key),
        ("seal", wrong_text),
        ("seal", wrong_form),
        ("wrap", wrong_wrap),
    ):
        scene = make_scene().embed()
        scene.witness()
        with monkeypatch.context() as patch:
            patch.setattr(f"adapters.release.making.{name}", fault)
            assert scene[CARE].share(scene.main, CONTENT).refused == 0
        scene.witness()
        assert scene.transport is not None
        recording = Recording(scene.transport)
        scene.use(recording, POLICE)
        view = scene[POLICE].pull(scene.main, "chair").view
        assert (CANARY in [item.content["summary"] for item in view.opened]) == (fault is seal)
        assert len(view.unverified) == (fault is not seal)
        reasons |= {item.reason for item in view.unverified}
        requests.add(tuple((method, path.replace(scene.main, "…"), size) for method, path, size in recording.seen))
        assert scene.alarms(POLICE) == []
    assert reasons == {str(OpenRefused())}
    assert len(requests) == 1
    assert [(method, path) for method, path, _ in requests.pop()].count(("POST", "/v1/cases/…/pull")) == 1


# --- 33: signatures with a second form, points that are none, secrets that everybody knows ---

P = 2**255 - 19
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = [y | sign for y in (0, 1, P - 1, Y8, P - Y8) for sign in (0, 1 << 255)]
SECOND_SPELLINGS = [y | sign for y in (P, P + 1) for sign in (0, 1 << 255)]
UNIVERSAL = b"\1" + bytes(63)
"""R the neutral point, S nought."""


def ed25519_jwk(number: int) -> dict[str, str]:
    """Return the JWK of an Ed25519 key by the number its bytes stand for."""
    return {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": b64u(number.to_bytes(32, "little"))}


def test_attack_33_library_takes_one_signature_for_any_message() -> None:
    """The control: why a check of ours is needed at all."""
    neutral = ed25519.Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    neutral.verify(UNIVERSAL, b"the child is safe")
    neutral.verify(UNIVERSAL, b"the child is not safe")


@pytest.mark.parametrize("number", [*SMALL_ORDER, *SECOND_SPELLINGS])
def test_attack_33_small_order_keys(number: int) -> None:
    """As a key of a statement, of the log, of a witness. Check: ``require_ed25519_point``, in both modules."""
    with pytest.raises(KeyRefused, match="small order"):
        parse_public_jwk(ed25519_jwk(number))
    for kind in (SignatureType.ED25519, SignatureType.COSIGNATURE_ED25519):
        with pytest.raises(NoteInvalid, match="small order"):
            VerifierKey(ORIGIN, kind, number.to_bytes(32, "little"))


def test_attack_33_root_of_small_order() -> None:
    """An agency enrols under a key whose every statement verifies. Check: ``parse_public_jwk`` in ``verify_agency``."""
    jwk = ed25519_jwk(1)
    real = make_statement(
        StatementType.AGENCY,
        {"agency": ORIGINATOR, "kind": "police", "name": "Example police", "root": jwk},
        issuer=ORIGINATOR,
        signer=SIGNER,
        issued_at=AT,
        statement_id="1" * 32,
        checkpoint=None,
    )
    head = b64u(canonical_bytes({"alg": "Ed25519", "kid": thumbprint(jwk), "typ": StatementType.AGENCY.value}))
    signing_input = f"{head}.{real.split('.')[1]}"
    ed25519.Ed25519PublicKey.from_public_bytes(b64u_decode(jwk["x"])).verify(UNIVERSAL, signing_input.encode())
    with pytest.raises(KeyRefused, match="small order"):
        verify_agency(f"{signing_input}.{b64u(UNIVERSAL)}")


ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("alg", ["Ed25519", "ES256", "ES384"])
def test_attack_33_second_form_of_a_signature(alg: str) -> None:
    """S + L, or n - s: a statement with another digest that says the same. Check: ``PublicKey.verify``.

    For ECDSA the comparison of s with half the order; for Ed25519 the library's (RFC 8032 section 5.1.7).
    """
    private = key(alg)
    for number in range(8):
        token = sign_compact(b"%d" % number, FRAGMENT_TYP, private)
        signing_input, _, text = token.rpartition(".")
        signature, half = b64u_decode(text), len(b64u_decode(text)) // 2
        if alg == "Ed25519":
            other = int.from_bytes(signature[half:], "little") + ED25519_ORDER
            second = signature[:half] + other.to_bytes(half, "little")
        else:
            other = EC_ORDERS["P-256" if alg == "ES256" else "P-384"] - int.from_bytes(signature[half:], "big")
            second = signature[:half] + other.to_bytes(half, "big")
        private.public.verify(signature, signing_input.encode())
        with pytest.raises(SignatureRefused, match=r"^signature does not verify$"):
            private.public.verify(second, signing_input.encode())


def test_attack_33_points_of_another_curve() -> None:
    """Another curve's point, or none; not reduced; nought. Check: the curve in ``parse_public_jwk``."""
    good, longer = dict(key("ES256").public.jwk), dict(key("ES384").public.jwk)
    field = 2**256 - 2**224 + 2**192 + 2**96 - 1
    x, y = (int.from_bytes(b64u_decode(good[name]), "big") for name in ("x", "y"))
    # (x, y + 1) lies on the curve with another b, on which the discrete logarithm may be easy.
    for change in (
        {"y": b64u((y + 1).to_bytes(32, "big"))},
        {"x": good["y"], "y": good["x"]},
        {"x": b64u(bytes(32)), "y": b64u(bytes(32))},
        {"x": b64u(field.to_bytes(32, "big"))},
        {"x": b64u(((x + field) % 2**256).to_bytes(32, "big"))},
        {"crv": "P-384", "alg": "ES384"},
        {"crv": "secp256k1"},
        {"x": longer["x"], "y": longer["y"]},
    ):
        with pytest.raises(KeyRefused):
            parse_public_jwk({**good, **change})


@pytest.mark.parametrize("u", [0, 1, P - 1, P, P + 1])
def test_attack_33_recipient_whose_secret_everybody_knows(u: int) -> None:
    """A key for receiving with a small-order half. Check: ``_require_hpke_material`` in ``parse_public_jwk``."""
    newer = b64u_decode(RECIPIENT.public.jwk["pub"])[:1184]
    with pytest.raises(KeyRefused):
        parse_public_jwk({"kty": "AKP", "alg": "HPKE-9-KE", "pub": b64u(newer + u.to_bytes(32, "little"))})


def test_attack_33_all_zero_shared_secret() -> None:
    """A channel whose X25519 share is of small order: its half of the secret is nought, and everything else is right.

    Check: the library's, in ``decrypt_hpke9`` (RFC 7748 section 6.1). The control computes the same with a real share.
    """
    half = x25519.X25519PublicKey.from_public_bytes(b64u_decode(RECIPIENT.public.jwk["pub"])[1184:])
    ephemeral = x25519.X25519PrivateKey.from_private_bytes(bytes(range(32)))
    honest = encapsulated(ephemeral.public_key().public_bytes_raw(), ephemeral.exchange(half))
    got = SealedChannel.parse(channel_by_hand({}, encapsulation=honest))
    assert open_channel(got, CASE, ORIGINATOR, CHANNEL, RECIPIENT).secret == bytes(32)
    for u in (0, 1, P - 1, P, P + 1):
        hostile = encapsulated(u.to_bytes(32, "little"), bytes(32))
        received = SealedChannel.parse(channel_by_hand({}, encapsulation=hostile))
        with pytest.raises(OpenRefused):
            open_channel(received, CASE, ORIGINATOR, CHANNEL, RECIPIENT)


def test_the_construction_by_hand_is_taken() -> None:
    """The control for what is built by hand above: without an attack in it, it verifies and opens."""
    sealed, cek = sealed_by_hand({})
    received = SealedFragment.parse(sealed.to_jwe(), sealed.jws)
    assert verify_fragment(received, SIGNER.public) == sealed.digest
    assert open_fragment(received, cek) == CONTENT
    channel = SealedChannel.parse(channel_by_hand({}))
    assert open_channel(channel, CASE, ORIGINATOR, CHANNEL, RECIPIENT).secret == bytes(32)
