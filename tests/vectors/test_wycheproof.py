"""Known attacks: every Wycheproof file, every case, against the functions of ours that stand where the attack would.

``RUNS`` says what became of each case; docs/vectors.md prints it, and a test compares the two. Counts are asserted, so
that a file that moved or shrank cannot turn a test into nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from joserfc.jwk import ECKey

from hub.auth.clients import ASSERTION_TYPES
from hub.auth.dpop import proof_key
from hub.auth.exchange import SUBJECT_TYPE
from hub.auth.jwts import TokenRefused, UnverifiedToken, read_token
from hub.auth.tokens import AccessToken
from keys.jose import (
    EC_ORDERS,
    KeyRefused,
    PublicKey,
    SignatureRefused,
    UnverifiedJws,
    b64u,
    b64u_decode,
    parse_public_jwk,
    verify_compact,
)
from keys.notes import NoteInvalid, SignatureType, VerifierKey
from keys.private import PrivateKey
from keys.sealing import ChannelKey, ContentKey, OpenRefused, decrypt_a256gcm, unwrap
from keys.storage import StorageRefused, Vault

POINT = ("kty", "crv", "x", "y")
STRANGER = ECKey.generate_key("P-256")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "vectors.md"
TYP = "nrmhub-pull+jws"
Case = tuple[dict[str, Any], dict[str, Any]]


class Became(StrEnum):
    """What became of a case; a valid one that is refused has its reason on the page."""

    TAKEN = "valid, taken"
    REFUSED = "invalid, refused"
    DECIDED = "valid, refused by our rule"
    FOREIGN = "not our algorithm, refused"


RUNS: dict[str, dict[Became, int]] = {
    "jose-hpke/HPKE-9-KE-flattened.json": {Became.TAKEN: 1},
    "jose-hpke/HPKE-9-KE-jwk.json": {Became.TAKEN: 1},
    "merkle/consistency.json": {Became.TAKEN: 4, Became.REFUSED: 53},
    "merkle/inclusion.json": {Became.TAKEN: 4, Became.REFUSED: 61},
    "wycheproof/aes_gcm_test.json": {
        Became.TAKEN: 39,
        Became.REFUSED: 29,
        Became.DECIDED: 37,
        Became.FOREIGN: 211,
    },
    "wycheproof/ed25519_test.json": {Became.TAKEN: 88, Became.REFUSED: 63},
    "wycheproof/json_web_key_test.json": {Became.REFUSED: 7, Became.FOREIGN: 19},
    "wycheproof/json_web_signature_test.json": {
        Became.TAKEN: 1,
        Became.REFUSED: 39,
        Became.DECIDED: 1,
        Became.FOREIGN: 360,
    },
    "wycheproof/mldsa_44_verify_test.json": {Became.TAKEN: 75, Became.REFUSED: 103, Became.DECIDED: 2},
}


def cases(vectors_dir: Path, name: str) -> Iterator[Case]:
    """Give every test of a file with its group. Only two marks are in use; none of the files says "acceptable"."""
    content = json.loads((vectors_dir / name).read_text("utf-8"))
    listed = [(group, test) for group in content["testGroups"] for test in group["tests"]]
    assert len(listed) == content["numberOfTests"]
    assert {test["result"] for _, test in listed} == {"valid", "invalid"}
    yield from listed


def is_taken(key: PublicKey | VerifierKey, signature: bytes, data: bytes) -> bool:
    """Say whether a raw signature verifies; other exceptions than our refusals fail the test."""
    try:
        key.verify(signature, data)
    except (SignatureRefused, NoteInvalid):
        return False
    return True


def is_taken_as_jws(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Say whether bytes and signature verify as a statement's, whose header names key, algorithm and type."""
    try:
        UnverifiedJws(key.kid, TYP, key.alg, data, b"", signature).verify(key, TYP)
    except SignatureRefused:
        return False
    return True


# Ed25519: statements and notes


def test_ed25519(vectors_dir: Path) -> None:
    """151 signatures, as a statement's, a log's and a witness's: malleable, truncated, prolonged or wrong ones refused.

    None of the keys is refused.
    """
    name = "wycheproof/ed25519_test.json"
    seen: Counter[Became] = Counter()
    attacks: Counter[str] = Counter()
    for group, test in cases(vectors_dir, name):
        raw = bytes.fromhex(group["publicKey"]["pk"])
        key = parse_public_jwk({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": b64u(raw)})
        signature, data = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
        got = {
            is_taken(key, signature, data),
            is_taken_as_jws(key, signature, data),
            is_taken(VerifierKey("log.example", SignatureType.ED25519, raw), signature, data),
            is_taken(VerifierKey("witness.example", SignatureType.COSIGNATURE_ED25519, raw), signature, data),
        }
        assert got == {test["result"] == "valid"}, test["tcId"]
        seen[Became.TAKEN if True in got else Became.REFUSED] += 1
        attacks.update(flag for flag in test["flags"] if False in got)
    assert seen == RUNS[name]
    assert attacks["SignatureMalleability"] == 8
    assert attacks["InvalidEncoding"] == 22


# ML-DSA-44: cosignatures


def test_mldsa_44(vectors_dir: Path) -> None:
    """180 signatures. Our signatures have no context: one made with a context is refused even where it is valid."""
    name = "wycheproof/mldsa_44_verify_test.json"
    seen: Counter[Became] = Counter()
    lengths = 0
    for group, test in cases(vectors_dir, name):
        raw = bytes.fromhex(group["publicKey"])
        signature, data = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
        try:
            key = parse_public_jwk({"kty": "AKP", "alg": "ML-DSA-44", "pub": b64u(raw)})
            cosigner = VerifierKey("witness.example", SignatureType.COSIGNATURE_MLDSA44, raw)
        except KeyRefused:
            assert test["flags"] == ["IncorrectPublicKeyLength"]
            assert is_refused_vkey(SignatureType.COSIGNATURE_MLDSA44, raw)
            lengths += 1
            seen[Became.REFUSED] += 1
            continue
        got = {is_taken(key, signature, data), is_taken(cosigner, signature, data)}
        expected = test["result"] == "valid" and not test.get("ctx")
        assert got == {expected}, test["tcId"]
        seen[became(test, taken=expected)] += 1
    assert seen == RUNS[name]
    assert lengths == 4


def is_refused_vkey(kind: SignatureType, raw: bytes) -> bool:
    try:
        VerifierKey("witness.example", kind, raw)
    except NoteInvalid:
        return True
    return False


def became(test: dict[str, Any], *, taken: bool) -> Became:
    """Name what became of a case of our algorithms; an invalid one that was taken fails here."""
    if test["result"] == "invalid":
        assert not taken, test["tcId"]
        return Became.REFUSED
    return Became.TAKEN if taken else Became.DECIDED


# AES-GCM: fragments, channels, files at rest


def test_aes_gcm(vectors_dir: Path) -> None:
    """316 messages: what is A256GCM opens as marked, other sizes of key or IV are refused before decryption."""
    name = "wycheproof/aes_gcm_test.json"
    seen: Counter[Became] = Counter()
    files = 0
    for group, test in cases(vectors_dir, name):
        assert group["tagSize"] == 128
        secret, iv = bytes.fromhex(test["key"]), bytes.fromhex(test["iv"])
        ciphertext, tag, aad = (bytes.fromhex(test[part]) for part in ("ct", "tag", "aad"))
        try:
            key = ContentKey(secret)
        except KeyRefused:
            assert len(secret) in (16, 24)
            assert is_refused_everywhere(secret), test["tcId"]
            seen[Became.FOREIGN] += 1
            continue
        try:
            got = decrypt_a256gcm(key, iv, ciphertext, tag, aad) == bytes.fromhex(test["msg"])
            assert got, test["tcId"]
        except OpenRefused:
            got = False
        seen[became(test, taken=got)] += 1
        if got is False and test["result"] == "valid":
            assert len(iv) != 12, test["tcId"]
        files += agrees_at_rest(test, Vault(secret), iv + ciphertext + tag, got) if len(iv) == 12 else 0
    assert seen == RUNS[name]
    assert files == 48


def is_refused_everywhere(secret: bytes) -> bool:
    """Say whether a key of another size is no storage secret, no channel key, and cannot come out of a grant."""
    refusals = 0
    for make in (
        lambda: Vault(secret),
        lambda: ChannelKey("", secret),
        lambda: unwrap(b64u(aes_key_wrap(bytes(32), secret)), ChannelKey("", bytes(32))),
    ):
        try:
            make()
        except (StorageRefused, KeyRefused, OpenRefused):
            refusals += 1
    return refusals == 3


def agrees_at_rest(test: dict[str, Any], vault: Vault, sealed: bytes, taken: bool) -> bool:
    """Run a case through the vault too; its name is text, so additional data that is not UTF-8 cannot be said to it."""
    try:
        name = bytes.fromhex(test["aad"]).decode("utf-8")
    except UnicodeDecodeError:
        return False
    try:
        assert vault.open(name, sealed) == bytes.fromhex(test["msg"])
    except StorageRefused:
        assert not taken, test["tcId"]
        return True
    assert taken, test["tcId"]
    return True


# JWS and JWK: statements


def test_jws(vectors_dir: Path) -> None:
    """401 tokens. None is a statement of ours; the 41 under P-256 keys are also tried on their signature alone.

    One valid ECDSA signature has s in the upper half of the group's order: a statement has one signature, so it is
    refused, and verifies with the other of its two forms.
    """
    name = "wycheproof/json_web_signature_test.json"
    stranger = PrivateKey.generate("ES256").public
    seen: Counter[Became] = Counter()
    for group, test in cases(vectors_dir, name):
        jwk = group.get("public") or group["private"]
        assert is_refused_key(jwk), test["tcId"]
        assert is_refused_statement(test["jws"], stranger), test["tcId"]
        if jwk.get("crv") != "P-256":
            assert jwk["kty"] in ("oct", "RSA") or jwk["crv"] == "P-521"
            assert is_refused_key({member: jwk[member] for member in ("kty", "crv", "alg", "x", "y") if member in jwk})
            seen[Became.FOREIGN] += 1
        elif "alg" not in jwk:
            # Their signatures are sound: what is wrong is the key, which says that it is for something else.
            assert {"use", "key_ops"} & set(jwk)
            seen[Became.REFUSED] += 1
        else:
            taken, turned = es256_verdict(jwk, test["jws"], stranger)
            seen[became(test, taken=taken)] += 1
            assert turned == (test["result"] == "valid" and not taken), test["tcId"]
            if test["comment"] == "rejectsAttackerProvidedEmbeddedJwk":
                assert b'"jwk"' in b64u_decode(test["jws"].split(".")[0])
    assert seen == RUNS[name]


def es256_verdict(jwk: dict[str, str], token: str, stranger: PublicKey) -> tuple[bool, bool]:
    """Say whether a token's signature alone is taken, and whether it would be with s turned into the lower half."""
    key = parse_public_jwk({member: jwk[member] for member in ("kty", "crv", "alg", "x", "y")})
    assert is_refused_statement(token, key)
    signing_input, _, text = token.rpartition(".")
    try:
        signature = b64u_decode(text)
    except ValueError:
        return False, False
    data = signing_input.encode("ascii")
    assert not is_taken_as_jws(stranger, signature, data)
    taken = is_taken_as_jws(key, signature, data)
    other = EC_ORDERS["P-256"] - int.from_bytes(signature[32:], "big")
    if taken or len(signature) != 64 or not 0 < other <= EC_ORDERS["P-256"] // 2:
        return taken, False
    return taken, is_taken_as_jws(key, signature[:32] + other.to_bytes(32, "big"), data)


def is_refused_key(jwk: object) -> bool:
    try:
        parse_public_jwk(jwk)
    except KeyRefused:
        return True
    return False


def is_refused_statement(token: str, key: PublicKey) -> bool:
    try:
        verify_compact(token, TYP, key)
    except SignatureRefused:
        return True
    return False


def test_jwk(vectors_dir: Path) -> None:
    """26 tests, 30 keys: every key is refused as it stands: another kind, or members that a key of ours has not.

    Cut down to our members two of the six EC keys are sound (their tests are about a mixed set and about ``use``);
    those with another curve, algorithm or kind, or a point off the curve, stay refused.
    """
    name = "wycheproof/json_web_key_test.json"
    seen: Counter[Became] = Counter()
    listed, sound = 0, []
    for group, test in cases(vectors_dir, name):
        keys = (group.get("public") or group["private"])["keys"]
        for jwk in keys:
            assert is_refused_key(jwk), test["tcId"]
            listed += 1
            if "crv" in jwk and not is_refused_key({part: jwk[part] for part in ("kty", "crv", "alg", "x", "y")}):
                sound.append(test["tcId"])
        if any("crv" in jwk for jwk in keys):
            assert test["result"] == "invalid", test["tcId"]
            seen[Became.REFUSED] += 1
        else:
            seen[Became.FOREIGN] += 1
    assert seen == RUNS[name]
    assert (listed, sound) == (30, [1, 21])


# The hub's checks of tokens (attack 61)


def is_token_taken(jwk: dict[str, Any], token: str) -> bool:
    """Say whether a JWS's signature is taken by the check of assertions, subject tokens and proofs."""
    algorithm = {"P-256": "ES256", "Ed25519": "Ed25519"}[jwk["crv"]]
    try:
        header = json.loads(b64u_decode(token.split(".")[0]))
        UnverifiedToken(token, header, {}).verify(ECKey.import_key({n: jwk[n] for n in POINT}), algorithm)
    except (TokenRefused, ValueError, KeyError, TypeError):
        return False
    return True


def is_refused_as_any_token(token: str, public: PublicKey) -> bool:
    """Say whether a JWS is refused as access token, as assertion, as subject token and as proof."""
    readings: list[Callable[[], object]] = [
        lambda: AccessToken.read(token, "https://hub.example", SimpleNamespace(public=public)),  # type: ignore[arg-type]
        lambda: read_token(token, types=ASSERTION_TYPES, members={"alg", "kid"}).verify(STRANGER, "ES256"),
        lambda: read_token(token, types={SUBJECT_TYPE}, members={"alg", "kid"}),
        lambda: read_token(token, types={"dpop+jwt"}, members={"alg", "jwk"}),
    ]
    return all(_refuses(reading) for reading in readings)


def _refuses(reading: Callable[[], object]) -> bool:
    try:
        reading()
    except TokenRefused:
        return True
    return False


def test_jws_as_tokens(vectors_dir: Path) -> None:
    """401 tokens: none passes for a token of any of the four kinds; ES256 signatures are judged as marked.

    An ECDSA signature in its upper half is taken here: nobody's digest depends on an assertion's or a proof's bytes,
    and other implementations make both halves. Keys that say that they are for something else never get this far.
    """
    stranger = PrivateKey.generate("ES256").public
    seen: Counter[Became] = Counter()
    refused = 0
    for group, test in cases(vectors_dir, "wycheproof/json_web_signature_test.json"):
        jwk = group.get("public") or group["private"]
        assert is_refused_as_any_token(test["jws"], stranger), test["tcId"]
        refused += 1
        if jwk.get("crv") != "P-256":
            seen[Became.FOREIGN] += 1
        elif "alg" not in jwk:
            assert {"use", "key_ops"} & set(jwk)
            assert is_refused_proof_key(jwk)
            seen[Became.REFUSED] += 1
        else:
            taken = is_token_taken(jwk, test["jws"])
            assert taken == (test["result"] == "valid"), test["tcId"]
            seen[became(test, taken=taken)] += 1
    assert refused == 401
    assert seen == {Became.TAKEN: 2, Became.REFUSED: 39, Became.FOREIGN: 360}


def is_refused_proof_key(jwk: object) -> bool:
    """Say whether a JWK is refused as the key of a proof."""
    return all(_refuses(lambda it=algorithm: proof_key(it, jwk)) for algorithm in ("ES256", "Ed25519"))


def test_jwk_as_proof_keys(vectors_dir: Path) -> None:
    """30 keys of 26 tests: as they stand none is the bare public key that a proof's header may hold."""
    listed, sound = 0, []
    for group, test in cases(vectors_dir, "wycheproof/json_web_key_test.json"):
        for jwk in (group.get("public") or group["private"])["keys"]:
            assert is_refused_proof_key(jwk), test["tcId"]
            listed += 1
            if "crv" in jwk and not is_refused_proof_key({part: jwk[part] for part in POINT}):
                sound.append(test["tcId"])
    # Cut down to their point four are sound: their tests are about a mixed set, another ``alg``, and ``use``.
    assert (listed, sound) == (30, [1, 19, 20, 21])


# docs/vectors.md


def marks(path: Path) -> Counter[str]:
    """Count the cases of a file by what it says of them itself."""
    content = json.loads(path.read_text("utf-8"))
    if isinstance(content, list):
        return Counter("invalid" if case["wantErr"] else "valid" for case in content)
    if "testGroups" not in content:
        return Counter({"valid": 1})
    return Counter(test["result"] for group in content["testGroups"] for test in group["tests"])


def test_every_file_is_run_whole(vectors_dir: Path) -> None:
    """What became of the cases of a file adds up to the file, and no file is left out."""
    found = {path.relative_to(vectors_dir).as_posix(): marks(path) for path in vectors_dir.rglob("*.json")}
    assert set(found) == set(RUNS)
    for name, counts in found.items():
        assert sum(RUNS[name].values()) == counts.total(), name
        assert RUNS[name].get(Became.TAKEN, 0) <= counts["valid"], name
        assert RUNS[name].get(Became.REFUSED, 0) <= counts["invalid"], name
    assert sum(counts.total() for counts in found.values()) == 1198


def test_the_page_says_what_became_of_each_file() -> None:
    """The table of docs/vectors.md has the numbers of ``RUNS`` in its columns, and their sum."""
    text = PAGE.read_text("utf-8")
    heading = [item.value for item in Became]
    assert f"| file | cases | {' | '.join(heading)} |" in text
    rows = re.findall(r"(?m)^\| `([a-z0-9-]+/[\w.-]+)` \| ([\d ,|]+) \|$", text)
    printed = {name: [int(cell.replace(",", "")) for cell in cells.split("|")] for name, cells in rows}
    for name, run in RUNS.items():
        assert printed.pop(name) == [sum(run.values()), *(run.get(item, 0) for item in Became)], name
    assert printed == {}
    total = [sum(run.get(item, 0) for run in RUNS.values()) for item in Became]
    assert f"| together | {' | '.join(f'{number:,}' for number in (sum(total), *total))} |" in text
    for path, test in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text):
        assert f"def {test}(" in (PAGE.parents[1] / path).read_text("utf-8"), test
