"""Whatever arrives, only our refusals leave: the functions of ``keys`` and ``policies`` that read what others sent.

Each is given anything at all, and inputs that are nearly right: real ones cut, doubled or changed at one place, and
statements with a genuine signature over such a payload. A function that is not in the table fails the first test.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties_material import ANYTHING, FEW, PROFILE, near, near_bytes, near_text, outcome

import keys
import policies
from keys.canonical import canonical_bytes, parse_canonical
from keys.ceremony import EnrolmentClaim, OfficerSet, sign_officers, verify_officers
from keys.checkpoints import verify_checkpoint
from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.directory import verify_agency, verify_certificate
from keys.envelopes import SealedChannel, SealedFragment, require_wrapped_key
from keys.fingerprints import is_fingerprint, parse_read_out, words_of
from keys.jose import (
    UnverifiedJws,
    b64u,
    parse_public_jwk,
    require_ed25519_point,
    sign_compact,
    statement_digest,
    thumbprint,
    verify_compact,
)
from keys.merkle import (
    decode_base64,
    parse_hash,
    parse_proof,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from keys.notes import SignatureLine, SignatureType, VerifierKey, parse_note, require_name
from keys.private import PrivateKey
from keys.sealing import ChannelKey, ContentKey, decrypt_a256gcm, decrypt_hpke9, unwrap
from keys.statements import MEMBERS, StatementType, peek, verify_statement
from keys.storage import Vault
from keys.tiles import TilePath
from keys.witnesses import Witness, WitnessSet, require_quorum
from policies.bundles import parse_bundle, read_files
from policies.case import parse_consent, require_detail
from policies.engine import parse_policies, parse_schema
from policies.language import check_text
from policies.model import (
    Basis,
    ConsentScope,
    Handling,
    Header,
    Member,
    Membership,
    parse_time,
    require_agency,
    require_digest,
    require_id,
    require_members,
    require_number,
    require_term,
)
from policies.schema import render_schema
from policies.vocabulary import Category
from tests.keys.keys_material import ANY_JSON, AT, header, key

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def example(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("ascii"))


SIGNER = key("Ed25519")
STATEMENTS = {StatementType(item["typ"]): item for item in example("statements")["statements"]}
TOKENS = [item["jws"] for item in STATEMENTS.values()]
FRAGMENT = example("fragments")["fragments"][0]
CHANNEL = example("channel")
RECIPIENT = PrivateKey.from_jwk(CHANNEL["recipient_private"])
PUBLIC_KEYS = [item["public"] for item in example("keys")["keys"]]
PRIVATE_KEYS = [item["private"] for item in example("keys")["keys"]]
CERTIFICATES = example("certificates")
AGENCY = verify_agency(CERTIFICATES["agency"])
GRANT = example("grants")["grants"][0]
LOG, ORIGIN = key("Ed25519", "log"), "nrm-hub.example/test"
LOG_VKEY = log_vkey(ORIGIN, LOG)
NOTE = sign_checkpoint(ORIGIN, 7, bytes(range(32)), LOG)
CHECKPOINT = verify_checkpoint(NOTE, LOG_VKEY)
WITNESS = Witness(
    "example-council",
    witness_vkey(f"{ORIGIN}/witness/example-council", key("Ed25519", "witness")),
    witness_vkey(f"{ORIGIN}/witness/example-council", key("ML-DSA-44", "witness")),
)
WITNESSES = WitnessSet(1, (WITNESS,))
LINE = cosign(CHECKPOINT, WITNESS.name, key("ML-DSA-44", "witness"), at=AT)
OFFICERS = OfficerSet({"1" * 32: key("Ed25519", "first").public, "2" * 32: key("Ed25519", "second").public})
OFFICERS_ENTRY = {
    "officers": OFFICERS.to_json(),
    "previous": None,
    "signatures": [
        sign_officers(ORIGIN, OFFICERS, None, officer, key("Ed25519", name), AT)
        for officer, name in (("1" * 32, "first"), ("2" * 32, "second"))
    ],
}
CLAIM = EnrolmentClaim.of(ORIGIN, AGENCY, "0" * 64)
SIGNATURES = [
    CLAIM.sign(officer, key("Ed25519", name), AT) for officer, name in (("1" * 32, "first"), ("2" * 32, "second"))
]
SHOWN = " ".join(["00ff"] * 16)
BUNDLE = read_files(Path(policies.__file__).parent / "bundle")
PAYLOADS = {kind: STATEMENTS[kind]["payload"] for kind in STATEMENTS}
PAYLOADS.update({kind: dict.fromkeys(MEMBERS[kind]) for kind in StatementType if kind not in PAYLOADS})

Inputs = st.SearchStrategy[tuple[Any, ...]]


def one_of(*values: Any) -> Inputs:
    """Give anything, or one of the values nearly right, as the one argument."""
    return st.one_of(ANYTHING, *(near(value) for value in values)).map(lambda value: (value,))


def texts(*values: str) -> Inputs:
    """Give any text, or one of the values nearly right."""
    return st.one_of(st.text(max_size=60), *(near_text(value) for value in values)).map(lambda value: (value,))


def of_bytes(*values: bytes) -> Inputs:
    """Give any bytes, or one of the values nearly right."""
    return st.one_of(st.binary(max_size=100), *(near_bytes(value) for value in values)).map(lambda value: (value,))


def objects(value: dict[str, Any]) -> Inputs:
    """Give an object that is nearly right: the caller has seen that it is one."""
    return (near(value) | st.dictionaries(st.text(max_size=6), ANY_JSON, max_size=5)).map(
        lambda got: (got if isinstance(got, dict) else {},)
    )


def members_of(value: dict[str, Any]) -> Inputs:
    """Give the object with one of its members nearly right: the caller has seen that all are there."""
    names = st.sampled_from(sorted(value))
    return names.flatmap(lambda name: near(value[name]).map(lambda item: ({**value, name: item},)))


def with_fixed(inputs: Inputs, *fixed: Any) -> Inputs:
    """Put fixed arguments behind what is drawn."""
    return inputs.map(lambda drawn: (*drawn, *fixed))


def signed(kind: StatementType, payload: dict[str, Any], signer: PrivateKey = SIGNER) -> Inputs:
    """Give tokens of a type with a genuine signature over a payload that is nearly right, where it can be written."""

    def token(value: Any) -> tuple[Any, ...]:
        try:
            return (sign_compact(canonical_bytes(value), kind.value, signer),)
        except ValueError:
            return (None,)

    return near(payload).map(token)


def root_signed(token: str, kind: StatementType) -> Inputs:
    roots = {item["kid"]: item["private"] for item in example("keys")["keys"]}
    claimed = UnverifiedJws.parse(token)
    return signed(kind, json.loads(claimed.payload), PrivateKey.from_jwk(roots[claimed.kid]))


HASHES = st.binary(max_size=40) | st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(-2, 9) | st.integers(-(2**60), 2**70) | st.booleans() | st.none()
PROOFS = st.lists(HASHES, max_size=5) | st.lists(st.just(bytes(32)), max_size=70)
CONSENT = PAYLOADS[StatementType.CONSENT]
CONSENT_MEMBERS = {name: CONSENT[name] for name in MEMBERS[StatementType.CONSENT]}
MEMBERSHIP = PAYLOADS[StatementType.MEMBERSHIP]
BASIS = PAYLOADS[StatementType.DISCLOSURE]["bases"][0]


@st.composite
def consents(draw: st.DrawFn) -> tuple[Any, ...]:
    """Give the members of a consent, each there: the statement was verified before."""
    name = draw(st.sampled_from(sorted(CONSENT_MEMBERS)))
    return ("0" * 64, {**CONSENT_MEMBERS, name: draw(near(CONSENT_MEMBERS[name]))})


@st.composite
def bundles(draw: st.DrawFn) -> tuple[Any, ...]:
    """Give the files of the bundle with one of them changed, gone, or another added."""
    name = draw(st.sampled_from(sorted(BUNDLE)))
    changed = draw(near_bytes(BUNDLE[name]) | st.binary(max_size=60))
    return draw(
        st.sampled_from(
            [
                ({**BUNDLE, name: changed},),
                ({item: data for item, data in BUNDLE.items() if item != name},),
                ({**BUNDLE, "stray.toml": changed},),
            ]
        )
    )


POLICY_FILES = [data.decode() for name, data in BUNDLE.items() if name.endswith(".cedar")]

PARSERS: dict[str, list[tuple[Callable[..., object], Inputs]]] = {
    "keys.canonical.parse_canonical": [(parse_canonical, of_bytes(canonical_bytes(FRAGMENT["content"])))],
    "keys.ceremony.EnrolmentClaim.verify": [(CLAIM.verify, with_fixed(one_of(SIGNATURES), OFFICERS))],
    "keys.ceremony.EnrolmentClaim.verify_some": [(CLAIM.verify_some, with_fixed(one_of(SIGNATURES), OFFICERS))],
    "keys.ceremony.OfficerSet.from_json": [(OfficerSet.from_json, one_of(OFFICERS.to_json()))],
    "keys.ceremony.verify_officers": [(verify_officers, with_fixed(members_of(OFFICERS_ENTRY), ORIGIN, None))],
    "keys.checkpoints.verify_checkpoint": [(verify_checkpoint, with_fixed(texts(NOTE), LOG_VKEY))],
    "keys.directory.verify_agency": [
        (verify_agency, one_of(CERTIFICATES["agency"])),
        (verify_agency, root_signed(CERTIFICATES["agency"], StatementType.AGENCY)),
    ],
    "keys.directory.verify_certificate": [
        (verify_certificate, with_fixed(one_of(CERTIFICATES["certificates"][0]["jws"]), AGENCY)),
        *(
            (verify_certificate, with_fixed(root_signed(item["jws"], StatementType.CERTIFICATE), AGENCY))
            for item in CERTIFICATES["certificates"][:3]
        ),
    ],
    "keys.envelopes.SealedChannel.parse": [(SealedChannel.parse, one_of(CHANNEL["jwe"]))],
    "keys.envelopes.SealedFragment.parse": [
        (SealedFragment.parse, with_fixed(one_of(FRAGMENT["jwe"]), FRAGMENT["jws"])),
        (SealedFragment.parse, one_of(FRAGMENT["jws"]).map(lambda drawn: (FRAGMENT["jwe"], *drawn))),
    ],
    "keys.envelopes.require_wrapped_key": [(require_wrapped_key, one_of(GRANT["encrypted_key"]))],
    "keys.fingerprints.is_fingerprint": [(is_fingerprint, with_fixed(texts(SHOWN), SHOWN))],
    "keys.fingerprints.parse_read_out": [(parse_read_out, texts(SHOWN, " ".join(words_of(SHOWN))))],
    "keys.jose.UnverifiedJws.parse": [(UnverifiedJws.parse, one_of(*TOKENS))],
    "keys.jose.parse_public_jwk": [(parse_public_jwk, one_of(*PUBLIC_KEYS))],
    "keys.jose.require_ed25519_point": [
        (require_ed25519_point, st.binary(min_size=32, max_size=32).map(lambda raw: (raw,)))
    ],
    "keys.jose.statement_digest": [(statement_digest, texts(*TOKENS))],
    "keys.jose.thumbprint": [(thumbprint, objects(PUBLIC_KEYS[0]))],
    "keys.jose.verify_compact": [
        (verify_compact, with_fixed(one_of(STATEMENTS[kind]["jws"]), kind.value, SIGNER.public)) for kind in STATEMENTS
    ],
    "keys.merkle.decode_base64": [(decode_base64, texts("AAECAwQ="))],
    "keys.merkle.parse_hash": [(parse_hash, one_of(b64u(bytes(range(32))) + "="))],
    "keys.merkle.parse_proof": [(parse_proof, one_of(["A" * 43 + "="] * 3))],
    "keys.merkle.root_from_inclusion": [(root_from_inclusion, st.tuples(HASHES, NUMBERS, NUMBERS, PROOFS))],
    "keys.merkle.verify_consistency": [(verify_consistency, st.tuples(NUMBERS, NUMBERS, HASHES, HASHES, PROOFS))],
    "keys.merkle.verify_inclusion": [(verify_inclusion, st.tuples(HASHES, NUMBERS, NUMBERS, PROOFS, HASHES))],
    "keys.notes.SignatureLine.parse": [(SignatureLine.parse, texts(LINE))],
    "keys.notes.VerifierKey.parse": [(VerifierKey.parse, one_of(LOG_VKEY.render(), WITNESS.mldsa44.render()))],
    "keys.notes.parse_note": [(parse_note, one_of(NOTE + LINE + "\n"))],
    "keys.notes.require_name": [(require_name, texts(ORIGIN))],
    "keys.private.PrivateKey.from_jwk": [(PrivateKey.from_jwk, objects(jwk)) for jwk in PRIVATE_KEYS[:5]],
    "keys.sealing.decrypt_a256gcm": [
        (decrypt_a256gcm, st.tuples(st.just(ContentKey(bytes(32))), *[st.binary(max_size=40)] * 4))
    ],
    "keys.sealing.decrypt_hpke9": [(decrypt_hpke9, with_fixed(one_of(CHANNEL["jwe"]), RECIPIENT, b""))],
    "keys.sealing.unwrap": [(unwrap, with_fixed(texts(GRANT["encrypted_key"]), ChannelKey("", bytes(32))))],
    "keys.statements.peek": [
        (peek, one_of(*TOKENS)),
        *((peek, signed(kind, payload)) for kind, payload in PAYLOADS.items()),
    ],
    "keys.statements.verify_statement": [
        *((verify_statement, with_fixed(one_of(STATEMENTS[kind]["jws"]), kind, SIGNER.public)) for kind in STATEMENTS),
        *(
            (verify_statement, with_fixed(signed(kind, payload), kind, SIGNER.public))
            for kind, payload in PAYLOADS.items()
        ),
    ],
    "keys.storage.Vault.open": [(Vault(bytes(32)).open, st.tuples(st.text(max_size=9), st.binary(max_size=60)))],
    "keys.tiles.TilePath.parse": [(TilePath.parse, texts("tile/entries/x001/000.p/112"))],
    "keys.witnesses.WitnessSet.from_json": [(WitnessSet.from_json, objects(WITNESSES.to_json()))],
    "keys.witnesses.require_quorum": [(require_quorum, with_fixed(texts(NOTE + LINE + "\n"), LOG_VKEY, WITNESSES))],
    "policies.bundles.parse_bundle": [(parse_bundle, bundles())],
    "policies.case.parse_consent": [(parse_consent, consents())],
    "policies.case.require_detail": [(require_detail, one_of({"fragment": "1" * 32, "sha256": "0" * 64}))],
    "policies.engine.parse_policies": [(lambda text: parse_policies("f.cedar", text), texts(*POLICY_FILES))],
    "policies.engine.parse_schema": [(parse_schema, texts(render_schema()))],
    "policies.language.check_text": [(lambda text: check_text("f.cedar", text), texts(*POLICY_FILES))],
    "policies.model.Basis.from_json": [(Basis.from_json, one_of(BASIS))],
    "policies.model.ConsentScope.from_json": [(ConsentScope.from_json, one_of(CONSENT["scope"]))],
    "policies.model.Handling.from_json": [(Handling.from_json, one_of(FRAGMENT["header"]["handling"]))],
    "policies.model.Header.from_json": [(Header.from_json, one_of(header().to_json(), FRAGMENT["header"]))],
    "policies.model.Member.from_json": [(Member.from_json, one_of(*MEMBERSHIP["members"]))],
    "policies.model.Membership.from_json": [(Membership.from_json, objects(MEMBERSHIP))],
    "policies.model.parse_time": [(parse_time, one_of("2026-01-31T12:00:00Z"))],
    "policies.model.require_agency": [(require_agency, one_of("example-council"))],
    "policies.model.require_digest": [(require_digest, with_fixed(one_of("0" * 64), "x"))],
    "policies.model.require_id": [(require_id, with_fixed(one_of("0" * 32), "x"))],
    "policies.model.require_members": [(require_members, with_fixed(one_of({"a": 1, "b": 2}), ("a", "b"), "x"))],
    "policies.model.require_number": [(require_number, with_fixed(one_of(7), "x"))],
    "policies.model.require_term": [
        (lambda text: require_term(Category, text, "x"), one_of("identity")),
        (lambda text: require_term(Category, text, "x", shown=True), one_of("identity")),
    ],
}

VERIFIED_BEFORE = {
    "keys.checkpoints.verify_cosignature": "a parsed line; test_properties_flips",
    "keys.envelopes.verify_fragment": "a parsed fragment; test_properties_flips",
    "keys.revocation.verify_revocation": "called by the directory's; tests/keys",
    "keys.sealing.open_channel": "a parsed channel; test_properties_flips",
    "keys.sealing.open_fragment": "a parsed fragment; test_properties_flips",
    "keys.sealing.parse_header": "raises ValueError by its contract; called by decrypt_hpke9 alone",
    "policies.case.require_successor": "two memberships that were read",
    "policies.testing.parse_rows": "a TOML document; called by parse_bundle",
    "policies.bundles.load_bundle": "files; calls parse_bundle",
    "policies.bundles.read_files": "files; what it returns goes into parse_bundle",
}
READS = re.compile(r"parse|peek|unwrap|statement_digest|thumbprint|open|is_fingerprint|root_from_inclusion")
READS_WITH = re.compile(r"(parse|verify|require|decrypt|open|decode|read|load|check_text|from)_?\w*")


def readers() -> set[str]:
    """Find every public function and class method whose name says that it reads or verifies something."""
    found = set()
    for package in (keys, policies):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if info.ispkg:
                continue
            module = importlib.import_module(info.name)
            holders = [(module, "")] + [
                (item, f"{name}.")
                for name, item in vars(module).items()
                if inspect.isclass(item) and item.__module__ == info.name
            ]
            for holder, prefix in holders:
                for name, item in vars(holder).items():
                    function = item.__func__ if isinstance(item, classmethod | staticmethod) else item
                    is_ours = inspect.isfunction(function) and function.__module__ == info.name
                    if is_ours and not name.startswith("_") and (READS.fullmatch(name) or READS_WITH.fullmatch(name)):
                        found.add(f"{info.name}.{prefix}{name}")
    return found


OF_VERIFIED_STATE = re.compile(r"keys\.(directory\.Directory|jose\.(PublicKey|UnverifiedJws)|notes\.VerifierKey)\.\w+")
"""Methods of values that were read before; what others sent reaches them through the functions of the table."""


def test_every_public_reader_is_in_the_table() -> None:
    """Whoever adds a function that reads what others sent adds it to ``PARSERS``, or says why not."""
    found = {name for name in readers() if name in PARSERS or not OF_VERIFIED_STATE.fullmatch(name)}
    assert found - set(PARSERS) - set(VERIFIED_BEFORE) == set()
    assert set(PARSERS) & set(VERIFIED_BEFORE) == set()
    assert set(PARSERS) - readers() == set()
    assert len(PARSERS) > 50


SLOW = {"policies.bundles.parse_bundle", "policies.engine.parse_policies", "policies.engine.parse_schema"}
RUNS = [(name, number) for name, listed in PARSERS.items() for number in range(len(listed))]


@pytest.mark.parametrize(("name", "number"), RUNS, ids=[f"{name}-{number}" for name, number in RUNS])
def test_only_our_refusals_escape(name: str, number: int) -> None:
    """Accepted, or refused by us in one line of words that no library wrote; never another exception."""
    call, inputs = PARSERS[name][number]

    @(FEW if name in SLOW else PROFILE)
    @given(inputs)
    def run(arguments: tuple[Any, ...]) -> None:
        said = outcome(call, *arguments)
        assert "\n" not in said
        assert "Traceback" not in said

    run()


@pytest.mark.parametrize("value", [b"9" * 5000, b"-" + b"9" * 5000, b"[" * 5000, b"1e999999", b"9999-12-31T23:59:60Z"])
def test_a_number_too_long_for_the_language_is_refused_in_a_bundle(value: bytes) -> None:
    """The interpreter refuses 4,301 digits with an error of its own, whatever reads them."""
    for name in BUNDLE:
        if name.endswith(".toml"):
            said = outcome(parse_bundle, {**BUNDLE, name: BUNDLE[name] + b"\nx = " + value})
            assert said.startswith("BundleRefused"), name


@pytest.mark.parametrize("kind", [0x01, 0x04, 0x06])
def test_a_verifier_key_of_any_bytes_is_refused_or_verifies_nothing(kind: int) -> None:
    """Right size, any content: a signature of noughts never counts, whatever the key."""

    @PROFILE
    @given(st.binary(min_size=32, max_size=32) | st.integers(0, 40).map(lambda number: number.to_bytes(32, "little")))
    def run(raw: bytes) -> None:
        public = raw if kind != 0x06 else (raw * 41)[:1312]

        def use() -> None:
            vkey = VerifierKey("name", SignatureType(kind), public)
            vkey.verify(bytes(64 if kind != 0x06 else 2420), b"message")

        assert outcome(use).startswith("NoteInvalid")

    run()
