"""The public functions of ``keys`` and ``policies`` that read what others sent, each with the inputs that it is given.

Inputs are anything at all, and what is nearly right: real examples cut, doubled or changed at one place, and statements
with a genuine signature over such a payload.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from properties_material import ANYTHING, near, near_bytes, near_text

import policies
from keys.bundle_changes import BundleChange, require_version
from keys.canonical import canonical_bytes, parse_canonical
from keys.ceremony import EnrolmentClaim, OfficerSet, sign_officers, verify_officers, verify_officers_signed
from keys.certificates import verify_agency, verify_certificate
from keys.checkpoints import verify_checkpoint
from keys.console_access import read_console_access, require_provider, verify_console_access
from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.directory import Directory
from keys.envelopes import SealedChannel, SealedFragment, require_wrapped_key
from keys.fingerprints import is_fingerprint, parse_read_out, words_of
from keys.id_token import read_jwks
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
from keys.log_keys import LogKeyClaim, read_claim
from keys.merkle import (
    decode_base64,
    parse_hash,
    parse_proof,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from keys.notes import SignatureLine, VerifierKey, parse_note, require_name
from keys.outgoing import parse_target
from keys.private import PrivateKey
from keys.promises import Promise, PromisedEntry, sign_promise, verify_promise
from keys.revocation import RevocationReason
from keys.sealing import ChannelKey, ContentKey, decrypt_a256gcm, decrypt_hpke9, unwrap
from keys.sign_in import read_object, read_providers, read_pushed
from keys.statements import COMMON_MEMBERS, MEMBERS, StatementType, peek, verify_statement
from keys.storage import Vault
from keys.tiles import TilePath
from keys.uses import KeyUse
from keys.witnesses import Witness, WitnessSet, require_quorum
from policies.bundle_files import as_texts, parse_files, render_files, require_texts
from policies.bundles import parse_bundle, read_files
from policies.case import parse_consent, read_consents, require_detail, require_effect
from policies.consent import ConsentScope
from policies.engine import parse_policies, parse_schema
from policies.language import check_text
from policies.model import (
    Basis,
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
from policies.protocol import read_answer_version, require_version_floor
from policies.retention import require_rule
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
HOLDERS = {item["kid"]: PrivateKey.from_jwk(item["private"]) for item in example("keys")["keys"]}
CERTIFICATES = example("certificates")
AGENCY, OTHER_AGENCY = (verify_agency(CERTIFICATES[name]) for name in ("agency", "other_agency"))
DIRECTORY = Directory(
    [AGENCY, OTHER_AGENCY],
    [
        verify_certificate(item["jws"], AGENCY if item["agency"] == AGENCY.agency else OTHER_AGENCY)
        for item in CERTIFICATES["certificates"]
    ],
)
IN_FORCE = parse_time(CERTIFICATES["at"])
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
PROMISE = sign_promise(
    Promise(ORIGIN, "1" * 32, AT, AT + timedelta(minutes=10), None, (PromisedEntry(3, bytes(range(32))),)), LOG
)
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
LOG_KEY_CLAIM = LogKeyClaim(ORIGIN, LOG_VKEY, log_vkey(ORIGIN, key("Ed25519", "next log")), RevocationReason.SUPERSEDED)
LOG_KEY_SIGNATURES = [
    LOG_KEY_CLAIM.sign(officer, key("Ed25519", name), AT)
    for officer, name in (("1" * 32, "first"), ("2" * 32, "second"))
]
SHOWN = " ".join(["00ff"] * 16)
BUNDLE = read_files(Path(policies.__file__).parent / "bundle")
PAYLOADS = {kind: STATEMENTS[kind]["payload"] for kind in STATEMENTS}
PAYLOADS.update({kind: dict.fromkeys(MEMBERS[kind]) for kind in StatementType if kind not in PAYLOADS})

COMMON = {name: PAYLOADS[StatementType.DISCLOSURE][name] for name in COMMON_MEMBERS}
OF_POLICE = STATEMENTS[StatementType.DISCLOSURE]["key"]

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
    """Give what the signer of a token could have signed instead, nearly the same."""
    claimed = UnverifiedJws.parse(token)
    return signed(kind, json.loads(claimed.payload), HOLDERS[claimed.kid])


def used(kind: StatementType) -> KeyUse:
    """Return for what a statement of this type is signed."""
    persons = (StatementType.PULL, StatementType.VOTE, StatementType.MANIFEST)
    return KeyUse.MEMBER_SIGNING if kind in persons else KeyUse.SIGNING


def revoked(kid: str) -> dict[str, Any]:
    """Return the payload of a revocation of a key of the police by the police."""
    said = {"agency": AGENCY.agency, "key": kid, "valid_until": None, "reason": "lost"}
    return {**COMMON, **said}


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


ACCESSES = root_signed(STATEMENTS[StatementType.CONSOLE_ACCESS]["jws"], StatementType.CONSOLE_ACCESS)
POLICY_FILES = [data.decode() for name, data in BUNDLE.items() if name.endswith(".cedar")]

KEY_SET = b'{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AA","y":"AA"}]}'
PUSHED = {"request_uri": "urn:ietf:params:oauth:request_uri:1", "expires_in": 60}
PROVIDER = {
    "name": "fern-care",
    "label": "Fernshire",
    "issuer": "https://sign-in.example/tenant",
    "client_id": "nrm-hub",
    "agency": "fern-care",
}
BUNDLE_CHANGE = BundleChange("1" * 64, "2" * 64, 2)
PARSERS: dict[str, list[tuple[Callable[..., object], Inputs]]] = {
    "keys.canonical.parse_canonical": [(parse_canonical, of_bytes(canonical_bytes(FRAGMENT["content"])))],
    "keys.ceremony.EnrolmentClaim.verify": [(CLAIM.verify, with_fixed(one_of(SIGNATURES), OFFICERS))],
    "keys.ceremony.EnrolmentClaim.verify_some": [(CLAIM.verify_some, with_fixed(one_of(SIGNATURES), OFFICERS))],
    "keys.ceremony.OfficerSet.from_json": [(OfficerSet.from_json, one_of(OFFICERS.to_json()))],
    "keys.ceremony.verify_officers_signed": [
        (verify_officers_signed, with_fixed(one_of(SIGNATURES), {"log": ORIGIN}, "nrmhub-officers+jws", OFFICERS, 2))
    ],
    "keys.ceremony.verify_officers": [(verify_officers, with_fixed(members_of(OFFICERS_ENTRY), ORIGIN, None))],
    "keys.checkpoints.verify_checkpoint": [(verify_checkpoint, with_fixed(texts(NOTE), LOG_VKEY))],
    "keys.certificates.verify_agency": [
        (verify_agency, one_of(CERTIFICATES["agency"])),
        (verify_agency, root_signed(CERTIFICATES["agency"], StatementType.AGENCY)),
    ],
    "keys.certificates.verify_certificate": [
        (verify_certificate, with_fixed(one_of(CERTIFICATES["certificates"][0]["jws"]), AGENCY)),
        *(
            (verify_certificate, with_fixed(root_signed(item["jws"], StatementType.CERTIFICATE), AGENCY))
            for item in CERTIFICATES["certificates"][:3]
        ),
    ],
    "keys.console_access.read_console_access": [(read_console_access, with_fixed(ACCESSES, DIRECTORY, IN_FORCE, 9))],
    "keys.bundle_changes.BundleChange.verify_approval": [
        (BUNDLE_CHANGE.verify_approval, with_fixed(one_of(*TOKENS), WITNESSES, DIRECTORY, IN_FORCE)),
    ],
    "keys.bundle_changes.BundleChange.require_approved": [
        (BUNDLE_CHANGE.require_approved, with_fixed(one_of(TOKENS), WITNESSES, DIRECTORY, IN_FORCE, 9)),
    ],
    "keys.bundle_changes.require_version": [(require_version, one_of(1, 2))],
    "keys.console_access.require_provider": [(require_provider, one_of("https://login.council.example"))],
    "keys.console_access.verify_console_access": [
        (verify_console_access, with_fixed(ACCESSES, DIRECTORY, IN_FORCE, None)),
        (verify_console_access, with_fixed(one_of(*TOKENS), DIRECTORY, IN_FORCE, 9)),
    ],
    "keys.id_token.read_jwks": [(read_jwks, of_bytes(KEY_SET))],
    "keys.outgoing.parse_target": [
        (partial(parse_target, is_demo=True), texts("https://sign-in.example:8443/tenant?x=1"))
    ],
    "keys.promises.verify_promise": [(verify_promise, with_fixed(texts(PROMISE), LOG_VKEY))],
    "keys.sign_in.read_object": [(read_object, with_fixed(of_bytes(KEY_SET), 4096, "jwks"))],
    "keys.sign_in.read_providers": [
        (read_providers, with_fixed(one_of([PROVIDER]), Path("hub.toml"), "production")),
        (lambda table: read_providers([table], Path("hub.toml"), "demo"), members_of(PROVIDER)),
    ],
    "keys.sign_in.read_pushed": [(read_pushed, members_of(PUSHED))],
    "keys.directory.Directory.verify": [
        (DIRECTORY.verify, with_fixed(root_signed(item["jws"], kind), kind, used(kind), IN_FORCE))
        for kind, item in STATEMENTS.items()
    ],
    "keys.directory.Directory.verify_revocation": [
        (DIRECTORY.verify_revocation, with_fixed(one_of(*TOKENS), 9)),
        *(
            (
                DIRECTORY.verify_revocation,
                with_fixed(signed(StatementType.REVOCATION, revoked(kid), HOLDERS[signer]), 9),
            )
            for kid, signer in (
                (OF_POLICE, OF_POLICE),
                (OF_POLICE, AGENCY.root.kid),
                (AGENCY.root.kid, AGENCY.root.kid),
            )
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
        (verify_compact, with_fixed(one_of(item["jws"]), kind.value, HOLDERS[item["key"]].public))
        for kind, item in STATEMENTS.items()
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
    "keys.log_keys.LogKeyClaim.verify": [(LOG_KEY_CLAIM.verify, with_fixed(one_of(LOG_KEY_SIGNATURES), OFFICERS))],
    "keys.log_keys.LogKeyClaim.verify_some": [
        (LOG_KEY_CLAIM.verify_some, with_fixed(one_of(LOG_KEY_SIGNATURES), OFFICERS))
    ],
    "keys.log_keys.read_claim": [(read_claim, with_fixed(members_of(LOG_KEY_CLAIM.to_json()), ORIGIN))],
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
    "policies.bundle_files.parse_files": [(parse_files, texts(render_files(BUNDLE)))],
    "policies.bundle_files.require_texts": [(require_texts, one_of(as_texts(BUNDLE)))],
    "policies.bundles.parse_bundle": [(parse_bundle, bundles())],
    "policies.case.parse_consent": [(parse_consent, consents())],
    "policies.case.read_consents": [(read_consents, consents().map(lambda item: ([item],)))],
    "policies.case.require_detail": [(require_detail, one_of({"fragment": "1" * 32, "sha256": "0" * 64}))],
    "policies.case.require_effect": [
        (require_effect, one_of({"ends": 1, "stays": 0, "opens": 0, "flagged": 0, "sha256": "0" * 64}))
    ],
    "policies.engine.parse_policies": [(lambda text: parse_policies("f.cedar", text), texts(*POLICY_FILES))],
    "policies.engine.parse_schema": [(parse_schema, texts(render_schema()))],
    "policies.language.check_text": [(lambda text: check_text("f.cedar", text), texts(*POLICY_FILES))],
    "policies.model.Basis.from_json": [(Basis.from_json, one_of(BASIS))],
    "policies.consent.ConsentScope.from_json": [(ConsentScope.from_json, one_of(CONSENT["scope"]))],
    "policies.header.Handling.from_json": [(Handling.from_json, one_of(FRAGMENT["header"]["handling"]))],
    "policies.header.Header.from_json": [(Header.from_json, one_of(header().to_json(), FRAGMENT["header"]))],
    "policies.model.Member.from_json": [(Member.from_json, one_of(*MEMBERSHIP["members"]))],
    "policies.model.Membership.from_json": [(Membership.from_json, objects(MEMBERSHIP))],
    "policies.protocol.read_answer_version": [
        (read_answer_version, with_fixed(texts("1"), 1)),
        (read_answer_version, st.tuples(st.none() | st.text(max_size=9), st.integers(0, 9))),
    ],
    "policies.protocol.require_version_floor": [(require_version_floor, one_of(1))],
    "policies.reading.parse_time": [(parse_time, one_of("2026-01-31T12:00:00Z"))],
    "policies.reading.require_agency": [(require_agency, one_of("example-council"))],
    "policies.reading.require_digest": [(require_digest, with_fixed(one_of("0" * 64), "x"))],
    "policies.reading.require_id": [(require_id, with_fixed(one_of("0" * 32), "x"))],
    "policies.reading.require_members": [(require_members, with_fixed(one_of({"a": 1, "b": 2}), ("a", "b"), "x"))],
    "policies.reading.require_number": [(require_number, with_fixed(one_of(7), "x"))],
    "policies.retention.require_rule": [(require_rule, one_of("police-mopi-1"))],
    "policies.reading.require_term": [
        (lambda text: require_term(Category, text, "x"), one_of("identity")),
        (lambda text: require_term(Category, text, "x", shown=True), one_of("identity")),
    ],
}

VERIFIED_BEFORE = {
    "keys.erasures.read_allowed": "an entry of the log's form; Directory.verify reads the statements in it; attack 16",
    "keys.erasures.verify_word": "a word in such an entry, or one that is kept; Directory.verify reads it; attack 16",
    "policies.legal_tables.parse_bases": "a TOML document; called by parse_bundle",
    "policies.legal_tables.parse_gateways": "a TOML document; called by parse_bundle",
    "policies.retention.parse_term": "a word that Directory.verify read; tests/policies/test_keeping_rules",
    "policies.retention.parse_wanted": "a word that Directory.verify read; tests/policies/test_keeping_rules",
    "policies.retention.read_retention": "words that Directory.verify read; tests/policies/test_keeping_rules",
    "policies.break_glass.read_broken": "words that Directory.verify read; what is not of the form is none",
    "keys.emergencies.verify_both": "a token, and the one in it, both read by Directory.verify; attack 90",
    "policies.emergency.read_asked": "a word that Directory.verify read; tests/policies/test_emergency",
    "policies.exclusions.read_exclusions": "words that Directory.verify read; what is not of the form is none",
    "policies.exclusions.parse_proposal": "a word that Directory.verify read; tests/policies/test_exclusions",
    "keys.fetching._Wire.open": "a connection; what comes over it goes into the readers of keys.sign_in; attack 63",
    "keys.provider_link.ProviderClient.parse_response_token": "an answer that read_object has read",
    "keys.spans.Span.from_json": "a part of evidence, whose reader refuses what has not its form; attack 6",
    "keys.checkpoints.verify_cosignature": "a parsed line; test_properties_flips",
    "keys.envelopes.verify_fragment": "a parsed fragment; test_properties_flips",
    "keys.revocation.verify_revocation": "called by the directory's; tests/keys",
    "keys.witness_changes.WitnessChange.require_approved": "statements read by Directory.verify; test_witness_changes",
    "keys.witness_changes.WitnessChange.verify_approval": "a statement read by Directory.verify; test_witness_changes",
    "keys.witness_changes.require_follows": "a set read by WitnessSet.from_json; test_witness_changes",
    "keys.sealing.open_channel": "a parsed channel; test_properties_flips",
    "keys.sealing.open_fragment": "a parsed fragment; test_properties_flips",
    "keys.sealing.parse_header": "raises ValueError by its contract; called by decrypt_hpke9 alone",
    "policies.bundle_files.load_files": "files; what it returns goes into parse_bundle",
    "policies.own_forbids.read_own_files": "files of the agency itself; with_own_forbids reads them, test_own_forbids",
    "policies.testing.parse_facts": "a TOML document that was read; tests/hub/test_policy_commands",
    "policies.testing.parse_rows": "a TOML document; called by parse_bundle",
    "policies.bundles.load_bundle": "files; calls parse_bundle",
    "policies.bundles.read_files": "files; what it returns goes into parse_bundle",
}
