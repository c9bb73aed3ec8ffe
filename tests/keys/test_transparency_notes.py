"""Signed notes, verifier keys, checkpoints, cosignatures and tile paths: forms, limits, and what must not verify."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.notes import KEY_ID_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURES, require_name
from keys.private import PrivateKey
from keys.transparency import (
    EMPTY_ROOT,
    Checkpoint,
    NoteInvalid,
    ProofInvalid,
    SignatureLine,
    SignatureType,
    TilePath,
    UnverifiedNote,
    VerifierKey,
    checkpoint_text,
    entry_bytes,
    parse_note,
    verify_checkpoint,
    verify_cosignature,
)

# C2SP signed-note, "Verifier keys", "Example".
EXAMPLE_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
# C2SP tlog-cosignature: a checkpoint with a cosignature; the specification gives no verifier keys for it.
EXAMPLE_COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

ORIGIN = "nrm-hub.example/test"
WITNESS = f"{ORIGIN}/witness/felpersham-care"
AT = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ROOT = hashlib.sha256(b"root").digest()
LOG_KEY = PrivateKey("Ed25519", b"\x01" * 32)
LOG_VKEY = log_vkey(ORIGIN, LOG_KEY)
ED_KEY = PrivateKey("Ed25519", b"\x02" * 32)
PQ_KEY = PrivateKey("ML-DSA-44", b"\x03" * 32)
NOTE = sign_checkpoint(ORIGIN, 7, ROOT, LOG_KEY)


def example_checkpoint() -> Checkpoint:
    return verify_checkpoint(NOTE, LOG_VKEY)


def test_the_specifications_example_note_verifies() -> None:
    """The key and note printed in C2SP signed-note parse, verify and render back byte for byte."""
    key, note = VerifierKey.parse(EXAMPLE_VKEY), parse_note(EXAMPLE_NOTE)
    assert (key.name, key.kind, key.key_id.hex()) == ("example.com/foo", SignatureType.ED25519, "530d903a")
    assert note.text == "This is an example message.\n"
    assert (key.render(), note.render()) == (EXAMPLE_VKEY, EXAMPLE_NOTE)
    assert key.made(note.signatures[0])
    key.verify(note.signatures[0].signature, note.text.encode())
    with pytest.raises(NoteInvalid, match="530d903a does not verify"):
        key.verify(note.signatures[0].signature, b"This is another message.\n")


def test_the_specifications_cosigned_checkpoint_has_the_described_form() -> None:
    """The example of tlog-cosignature: 4 bytes key id, 8 bytes time 1679315147, 64 bytes signature."""
    note = parse_note(EXAMPLE_COSIGNED)
    assert note.render() == EXAMPLE_COSIGNED
    line = note.signatures[1]
    assert line.name == "witness.example.com/w1"
    assert int.from_bytes(line.signature[:8], "big") == 1679315147
    assert len(line.signature) == 72


def test_a_note_text_may_hold_empty_lines() -> None:
    """The text ends at the last empty line (signed-note's own first example has one in its text)."""
    line = parse_note(EXAMPLE_NOTE).signatures[0].render()
    assert parse_note(f"one\n\ntwo\n\n{line}\n").text == "one\n\ntwo\n"


@pytest.mark.parametrize(
    ("note", "match"),
    [
        ("", "an empty line"),
        ("text only\n", "an empty line"),
        (EXAMPLE_NOTE[:-1], "end in newline"),
        (EXAMPLE_NOTE.replace("example message", "example\tmessage"), "control character"),
        (EXAMPLE_NOTE.replace("\n", "\r\n"), "control character"),
        (EXAMPLE_NOTE.replace("— ", "- "), "expected an em dash"),
        (EXAMPLE_NOTE.replace("foo U", "foo  U"), "one space between"),
        (EXAMPLE_NOTE.replace("aQM=", "aQN="), "canonical form of base64"),
        (EXAMPLE_NOTE.replace("aQM=", "aQM"), "standard base64"),
        (EXAMPLE_NOTE.replace("Uw2Q", "Uw-Q"), "standard base64"),
        ("text\n\n— name AAAAAA==\n", "key id of 4 bytes and a signature"),
        ("text\n\n— na+me AAAAAAAA\n", "a space, a plus"),
        ("text\n\n— na\u00a0me AAAAAAAA\n", "a space, a plus"),
        ("text\n\n—  AAAAAAAA\n", "expected 1 to 255 bytes"),
        ("text\n\n\n", "signature lines"),
        ("\ud800\n\n— name AAAAAAAA\n", "UTF-8"),
        ("text\n\n— name " + "A" * 9000 + "\n", "longer than 8192"),
        (None, "expected text"),
        (b"text", "expected text"),
    ],
)
def test_a_malformed_note_is_refused(note: object, match: str) -> None:
    """Every departure from the form has its refusal."""
    with pytest.raises(NoteInvalid, match=match):
        parse_note(note)


def test_a_note_has_limits_that_are_checked_first() -> None:
    """Size in bytes, number of signatures."""
    line = "— name AAAAAAAA\n"
    assert len(parse_note("text\n\n" + line * MAX_SIGNATURES).signatures) == 64
    with pytest.raises(NoteInvalid, match="got 65 signatures, at most 64"):
        parse_note("text\n\n" + line * (MAX_SIGNATURES + 1))
    with pytest.raises(NoteInvalid, match=str(MAX_NOTE_BYTES)):
        parse_note("é" * (MAX_NOTE_BYTES // 2) + "\n\n" + line)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_only_our_refusals_escape_the_parsers(text: str) -> None:
    """Any text is parsed or refused in our words."""
    for parse in (parse_note, VerifierKey.parse, SignatureLine.parse, TilePath.parse, require_name):
        try:
            parse(text)
        except ProofInvalid:
            continue


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=100), st.binary(min_size=4, max_size=4), st.text(min_size=1, max_size=80))
def test_signature_lines_round_trip(signature: bytes, key_id: bytes, name: str) -> None:
    """A line that renders parses back to itself."""
    try:
        require_name(name)
    except NoteInvalid:
        return
    line = SignatureLine(name, key_id, signature)
    assert SignatureLine.parse(line.render()) == line


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("example.com/foo", "expected name"),
        (EXAMPLE_VKEY.replace("530d903a", "530D903A"), "its id is not the one"),
        (EXAMPLE_VKEY.replace("530d903a", "530d903b"), "its id is not the one"),
        (EXAMPLE_VKEY.replace("foo", "bar"), "its id is not the one"),
        (EXAMPLE_VKEY[:-4], "expected 32 bytes of public key, got 29"),
        (EXAMPLE_VKEY.replace("+Aeky", "+Auky"), "0x01, 0x04 or 0x06"),
        ("example.com/foo+00000000+", "0x01, 0x04 or 0x06"),
        ("x" * 5000 + "++", "at most 4096"),
        (7, "expected name"),
    ],
)
def test_a_malformed_verifier_key_is_refused(text: object, match: str) -> None:
    """A vkey with another id, type or size is not pinned by accident."""
    with pytest.raises(NoteInvalid, match=match):
        VerifierKey.parse(text)


def test_verifier_keys_of_each_type_round_trip_and_differ() -> None:
    """One public key under two types has two ids (tlog-cosignature, key ids)."""
    as_log, as_witness = log_vkey(WITNESS, ED_KEY), witness_vkey(WITNESS, ED_KEY)
    post_quantum = witness_vkey(WITNESS, PQ_KEY)
    assert as_log.public == as_witness.public
    assert as_log.key_id != as_witness.key_id
    for key, prefix, size in ((as_log, 1, 32), (as_witness, 4, 32), (post_quantum, 6, 1312)):
        assert VerifierKey.parse(key.render()) == key
        material = base64.b64decode(key.render().split("+", 2)[2])
        assert (material[0], len(material)) == (prefix, size + 1)
        expected = hashlib.sha256(WITNESS.encode() + b"\n" + material).digest()[:KEY_ID_BYTES]
        assert key.key_id == expected


def test_a_signed_checkpoint_verifies_and_has_three_lines() -> None:
    """The text is that of tlog-checkpoint, byte for byte; the empty tree has its own root."""
    checkpoint = example_checkpoint()
    assert checkpoint.text == f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n"
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 7, ROOT)
    assert verify_checkpoint(sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, LOG_KEY), LOG_VKEY).size == 0


def signed(text: str, key: PrivateKey = LOG_KEY, name: str = ORIGIN) -> str:
    """Sign any text as the log would, to see what a signed but malformed head does."""
    return UnverifiedNote(text, (SignatureLine(name, log_vkey(name, key).key_id, key.sign(text.encode())),)).render()


ROOT_TEXT = base64.b64encode(ROOT).decode()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"{ORIGIN}\n7\n{ROOT_TEXT}\nextension\n", "got 4 lines"),
        (f"{ORIGIN}\n7\n", "got 2 lines"),
        (f"{ORIGIN}\n07\n{ROOT_TEXT}\n", "without leading zeros"),
        (f"{ORIGIN}\n-7\n{ROOT_TEXT}\n", "tree size"),
        (f"{ORIGIN}\n٧\n{ROOT_TEXT}\n", "tree size"),
        (f"{ORIGIN}\n{2**53}\n{ROOT_TEXT}\n", "tree size"),
        (f"{ORIGIN}\n{'9' * 40}\n{ROOT_TEXT}\n", "tree size"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-4]}\n", "expected 44 characters"),
        (f"{ORIGIN}\n7\n{ROOT_TEXT[:-2]}==\n", "root"),
        (f"{ORIGIN}\n0\n{ROOT_TEXT}\n", "empty tree"),
        (f"{ORIGIN}x\n7\n{ROOT_TEXT}\n", "origin is not the name"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str, match: str) -> None:
    """A signature does not make a head of what is none."""
    with pytest.raises(NoteInvalid, match=match):
        verify_checkpoint(signed(text), LOG_VKEY)


def test_a_head_that_the_log_did_not_sign_is_refused() -> None:
    """No line of the pinned key, a bent signature, a changed text, a key of another type."""
    other = PrivateKey("Ed25519", b"\x09" * 32)
    with pytest.raises(NoteInvalid, match="no signature of the pinned log key"):
        verify_checkpoint(sign_checkpoint(ORIGIN, 7, ROOT, other), LOG_VKEY)
    with pytest.raises(NoteInvalid, match="does not verify"):
        verify_checkpoint(NOTE.replace("\n7\n", "\n8\n"), LOG_VKEY)
    with pytest.raises(NoteInvalid, match="does not verify"):
        verify_checkpoint(NOTE + signed("other\n").split("\n\n")[1], LOG_VKEY)
    with pytest.raises(NoteInvalid, match="type 0x01"):
        verify_checkpoint(NOTE, witness_vkey(ORIGIN, LOG_KEY))


def test_what_cannot_be_a_head_is_not_signed() -> None:
    """A wrong size or root is refused before the key is used."""
    for size, root in ((-1, ROOT), (2**53, ROOT), (7, b"short"), (0, ROOT)):
        with pytest.raises(ProofInvalid):
            checkpoint_text(ORIGIN, size, root)
    with pytest.raises(NoteInvalid):
        sign_checkpoint("two words", 7, ROOT, LOG_KEY)


def test_an_ed25519_cosignature_signs_the_specified_text() -> None:
    """Type 0x04, checked against the bytes written out as tlog-cosignature prints them."""
    line = SignatureLine.parse(cosign(example_checkpoint(), WITNESS, ED_KEY, at=AT))
    message = f"cosignature/v1\ntime 1769860800\n{ORIGIN}\n7\n{ROOT_TEXT}\n".encode()
    assert line.signature[:8] == (1769860800).to_bytes(8, "big")
    ED_KEY.public.ed25519().verify(line.signature[8:], message)
    assert verify_cosignature(example_checkpoint(), line, witness_vkey(WITNESS, ED_KEY)) == AT


def test_an_mldsa_cosignature_signs_the_specified_structure() -> None:
    """Type 0x06, checked against ``cosigned_message`` written out by hand."""
    line = SignatureLine.parse(cosign(example_checkpoint(), WITNESS, PQ_KEY, at=AT))
    assert len(line.signature) == 8 + 2420
    message = (
        bytes.fromhex("737562747265652f76310a00")
        + bytes([len(WITNESS)])
        + WITNESS.encode()
        + (1769860800).to_bytes(8, "big")
        + bytes([len(ORIGIN)])
        + ORIGIN.encode()
        + (0).to_bytes(8, "big")
        + (7).to_bytes(8, "big")
        + ROOT
    )
    PQ_KEY.public.mldsa44().verify(line.signature[8:], message)
    assert verify_cosignature(example_checkpoint(), line, witness_vkey(WITNESS, PQ_KEY)) == AT


@pytest.mark.parametrize("private", [ED_KEY, PQ_KEY], ids=["0x04", "0x06"])
def test_a_cosignature_holds_for_its_head_time_and_witness_only(
    private: PrivateKey,
) -> None:
    """Another head, another time, no time, another key, a cut signature: refused."""
    key = witness_vkey(WITNESS, private)
    head = example_checkpoint()
    line = SignatureLine.parse(cosign(head, WITNESS, private, at=AT))
    other = verify_checkpoint(sign_checkpoint(ORIGIN, 8, ROOT, LOG_KEY), LOG_VKEY)
    with pytest.raises(NoteInvalid, match="does not verify"):
        verify_cosignature(other, line, key)
    for timestamp in (1769860801, 1):
        moved = SignatureLine(WITNESS, line.key_id, timestamp.to_bytes(8, "big") + line.signature[8:])
        with pytest.raises(NoteInvalid, match="does not verify"):
            verify_cosignature(head, moved, key)
    for signature in (bytes(8) + line.signature[8:], b"\xff" * 8 + line.signature[8:], line.signature[:8], b"\x01"):
        with pytest.raises(NoteInvalid, match="expected a time"):
            verify_cosignature(head, SignatureLine(WITNESS, line.key_id, signature), key)
    with pytest.raises(NoteInvalid, match="does not verify"):
        verify_cosignature(head, SignatureLine(WITNESS, line.key_id, line.signature[:-1]), key)
    with pytest.raises(NoteInvalid, match="not the one of the expected witness key"):
        verify_cosignature(head, line, witness_vkey(WITNESS + "x", private))


def test_a_logs_own_key_makes_no_cosignature() -> None:
    """Type 0x01 signs notes; it is not asked for a cosignature."""
    line = SignatureLine(ORIGIN, LOG_VKEY.key_id, (1).to_bytes(8, "big") + b"x" * 64)
    with pytest.raises(NoteInvalid, match="0x04 or 0x06"):
        verify_cosignature(example_checkpoint(), line, LOG_VKEY)


def test_a_cosignature_needs_a_real_time() -> None:
    """A naive time or 1970 says nothing."""
    for at in (datetime(2026, 1, 31), datetime(1970, 1, 1, tzinfo=UTC)):  # noqa: DTZ001 (naive on purpose)
        with pytest.raises(ProofInvalid, match="time zone"):
            cosign(example_checkpoint(), WITNESS, PQ_KEY, at=at)


def test_entries_have_two_forms() -> None:
    """0x01 and the body; 0x02 and the salted hash (docs/protocol.md 10.2)."""
    assert entry_bytes(b"{}", None) == b"\x01{}"
    assert entry_bytes(b"{}", b"\x05" * 32) == b"\x02" + hashlib.sha256(b"\x05" * 32 + b"{}").digest()
    with pytest.raises(ProofInvalid, match="expected 32 bytes, got 31"):
        entry_bytes(b"{}", b"\x05" * 31)


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/000", TilePath(0, 0)),
        ("tile/0/x001/x234/067", TilePath(0, 1234067)),
        ("tile/1/000.p/1", TilePath(1, 0, 1)),
        ("tile/63/999.p/255", TilePath(63, 999, 255)),
        ("tile/entries/x001/000.p/112", TilePath(None, 1000, 112)),
    ],
)
def test_tile_paths_round_trip(path: str, tile: TilePath) -> None:
    """The example of tlog-tiles and its neighbours."""
    assert TilePath.parse(path) == tile
    assert tile.render() == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/tile/0/000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/٠٠٠",
        "tile/0/000\n",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/" + "x001/" * 40 + "001",
        "tile/0/../000",
    ],
)
def test_any_other_tile_path_is_refused(path: str) -> None:
    """One tile, one path: nothing else reaches the database or a cache."""
    with pytest.raises(ProofInvalid):
        TilePath.parse(path)
