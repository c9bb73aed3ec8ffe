"""One flipped bit, wherever it is, in whatever was sealed or signed: refused, and opening always says the same.

Three who tamper: somebody on the way, who cannot sign; an originator who signs what was tampered with; whoever hands a
reader parts past the checks of form. The first meets form or signature, the other two the opening itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from properties_material import (
    CONTENTS,
    FEW,
    IDS,
    POSITIONS,
    PROFILE,
    SIGNERS,
    flip,
    headers,
    outcome,
)

from keys.canonical import canonical_bytes
from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.envelopes import FRAGMENT_TYP, SealedChannel, SealedFragment, verify_fragment
from keys.jose import b64u, b64u_decode, sign_compact, statement_digest
from keys.notes import SignatureLine
from keys.private import PrivateKey
from keys.sealing import (
    ChannelKey,
    ContentKey,
    OpenRefused,
    decrypt_hpke9,
    make_channel,
    open_channel,
    open_fragment,
    parse_header,
    seal,
    unwrap,
    wrap,
)
from keys.statements import MEMBERS, StatementType, make_statement, verify_statement
from keys.storage import Vault
from keys.transparency import verify_checkpoint, verify_cosignature
from policies.model import Header
from tests.keys.keys_material import AT, CASE, CHANNEL, header, key

REFUSED = f"OpenRefused: {OpenRefused()}"
PARTS = ("protected", "iv", "ciphertext", "tag")
CHANNEL_PARTS = ("protected", "encrypted_key", "iv", "ciphertext", "tag")
ORIGINATOR = "example-police"
RECIPIENT = key("HPKE-9-KE")
CANARY = "Zebedee Marchbanks"
SEALED_CHANNEL, KEK = make_channel(CASE, ORIGINATOR, RECIPIENT.public, CHANNEL)
SECRETS = st.binary(min_size=32, max_size=32)


def signed_again(sealed: SealedFragment, signer: PrivateKey) -> SealedFragment:
    """Return a fragment signed, as it is now, by its own originator."""
    return replace(sealed, jws=sign_compact(canonical_bytes({"sha256": sealed.digest}), FRAGMENT_TYP, signer))


# Fragments


@PROFILE
@given(CONTENTS, headers(), SIGNERS, st.sampled_from(PARTS), POSITIONS)
def test_a_fragment_with_a_flipped_bit(
    content: dict[str, Any], made: Header, signer: PrivateKey, part: str, position: int
) -> None:
    """On the way it is refused as no such envelope; past that, it does not open, in the one way there is."""
    sealed, cek = seal({**content, "who": CANARY}, made, signer)
    damaged = replace(sealed, **{part: flip(getattr(sealed, part), position)})
    on_the_way = outcome(
        lambda: verify_fragment(SealedFragment.parse(damaged.to_jwe(), damaged.jws), signer.public),
    )
    assert on_the_way.startswith("EnvelopeRefused: ")
    assert CANARY not in on_the_way
    assert outcome(open_fragment, damaged, cek) == REFUSED
    resigned = signed_again(damaged, signer)
    assert verify_fragment(resigned, signer.public) == damaged.digest
    assert outcome(open_fragment, resigned, cek) == REFUSED


HEADER_CHANGES: dict[str, Any] = {
    "fragment": "f" * 32,
    "case": "f" * 32,
    "agency": "another-agency",
    "category": "identity",
    "handling": {"code": "C", "instructions": []},
    "sealed_at": "2031-02-03T04:05:06Z",
    "commitment": "f" * 64,
}


@PROFILE
@given(headers(), st.sampled_from(sorted(HEADER_CHANGES)))
def test_a_header_of_the_right_form_with_another_value(made: Header, member: str) -> None:
    """The form holds, the originator signs it, and still it does not open: the header is in the encryption."""
    signer = key("Ed25519")
    sealed, cek = seal({"who": CANARY}, made, signer)
    said = sealed.header.to_json()
    if said[member] == HEADER_CHANGES[member]:
        return
    protected = b64u(canonical_bytes({**said, member: HEADER_CHANGES[member]}))
    other = signed_again(replace(sealed, protected=protected), signer)
    received = SealedFragment.parse(other.to_jwe(), other.jws)
    verify_fragment(received, signer.public)
    assert outcome(open_fragment, received, cek) == REFUSED


@PROFILE
@given(CONTENTS, st.sets(st.sampled_from(PARTS), min_size=1, max_size=3), SIGNERS)
def test_parts_of_two_fragments_do_not_mix(content: dict[str, Any], taken: set[str], signer: PrivateKey) -> None:
    """Any of the parts from another fragment of the same originator, signed anew, under either key."""
    sealed, cek = seal(content, header(), signer)
    other, other_cek = seal(content, header(fragment="e" * 32), signer)
    mixed = signed_again(replace(sealed, **{part: getattr(other, part) for part in taken}), signer)
    received = SealedFragment.parse(mixed.to_jwe(), mixed.jws)
    assert {outcome(open_fragment, received, cek), outcome(open_fragment, received, other_cek)} == {REFUSED}


@PROFILE
@given(POSITIONS)
def test_a_fragments_signature_with_a_flipped_bit(position: int) -> None:
    """Header, payload or signature of the JWS."""
    signer = key("Ed25519")
    sealed, _ = seal({"who": CANARY}, header(), signer)
    parts = sealed.jws.split(".")
    for index in range(3):
        damaged = ".".join([*parts[:index], flip(parts[index], position), *parts[index + 1 :]])
        said = outcome(lambda jws=damaged: verify_fragment(SealedFragment.parse(sealed.to_jwe(), jws), signer.public))
        assert said.startswith("EnvelopeRefused: sealed fragment: ")


# Keys and grants


@PROFILE
@given(SECRETS, SECRETS, POSITIONS)
def test_a_grant_or_a_key_with_a_flipped_bit(cek: bytes, kek: bytes, position: int) -> None:
    """The wrapped key, the channel's key, the content key."""
    grant = wrap(ContentKey(cek), ChannelKey("", kek))
    assert outcome(unwrap, flip(grant, position), ChannelKey("", kek)) == REFUSED
    assert outcome(unwrap, grant, ChannelKey("", b64u_decode(flip(b64u(kek), position)))) == REFUSED
    sealed, right = seal({"who": CANARY}, header(), key("Ed25519"))
    assert outcome(open_fragment, sealed, ContentKey(b64u_decode(flip(b64u(right.secret), position)))) == REFUSED


# Channels


def opened(sealed: SealedChannel, recipient: PrivateKey = RECIPIENT) -> str:
    return outcome(open_channel, sealed, CASE, ORIGINATOR, CHANNEL, recipient)


@PROFILE
@given(st.sampled_from(CHANNEL_PARTS), POSITIONS)
def test_a_channel_with_a_flipped_bit(part: str, position: int) -> None:
    """The form may refuse it; if not, it does not open. Handed over past the form, it does not open either."""
    damaged = flip(getattr(SEALED_CHANNEL, part), position)
    on_the_way = outcome(lambda: opened_or_refused({**SEALED_CHANNEL.to_jwe(), part: damaged}))
    assert on_the_way == REFUSED or (part == "protected" and on_the_way.startswith("EnvelopeRefused: channel"))
    assert opened(replace(SEALED_CHANNEL, **{part: damaged})) == REFUSED


def opened_or_refused(jwe: dict[str, str]) -> ChannelKey:
    return open_channel(SealedChannel.parse(jwe), CASE, ORIGINATOR, CHANNEL, RECIPIENT)


@PROFILE
@given(POSITIONS)
def test_a_channels_encapsulated_secret_with_a_flipped_bit(position: int) -> None:
    """The header's form holds: it is the key agreement that fails, in the same words."""
    said = parse_header(SEALED_CHANNEL.protected)
    protected = b64u(canonical_bytes({**said, "ek": flip(said["ek"], position)}))
    assert outcome(lambda: opened_or_refused({**SEALED_CHANNEL.to_jwe(), "protected": protected})) == REFUSED


@FEW
@given(IDS, IDS, SECRETS)
def test_a_channel_in_another_context(case: str, channel: str, seed: bytes) -> None:
    """Another case, originator, channel, recipient; also where the envelope says that it is for that recipient."""
    stranger = PrivateKey("HPKE-9-KE", seed)
    for said in (
        outcome(open_channel, SEALED_CHANNEL, case, ORIGINATOR, CHANNEL, RECIPIENT),
        outcome(open_channel, SEALED_CHANNEL, CASE, "example-council", CHANNEL, RECIPIENT),
        outcome(open_channel, SEALED_CHANNEL, CASE, ORIGINATOR, channel, RECIPIENT),
        opened(SEALED_CHANNEL, stranger),
        opened(replace(SEALED_CHANNEL, recipient=stranger.public.kid), stranger),
        outcome(decrypt_hpke9, SEALED_CHANNEL.to_jwe(), stranger, b""),
    ):
        assert said == REFUSED


# Statements


DISCLOSURE = StatementType.DISCLOSURE
SAID_OF_HEADERS = (
    "a part of the JWS is not in its canonical form",
    "the JWS header must have exactly alg, kid and typ",
    "the JWS header's kid is not a SHA-256 thumbprint",
    "statement is not of the expected type",
    "statement is not signed by the expected key",
)


@PROFILE
@given(SIGNERS, IDS, POSITIONS)
def test_a_disclosure_with_a_flipped_bit(signer: PrivateKey, name: str, position: int) -> None:
    """Of payload and signature the answer is always the same; of the header it names the rule, never the value."""
    members = dict.fromkeys(sorted(MEMBERS[DISCLOSURE]), CANARY)
    token = make_statement(
        DISCLOSURE, members, issuer=ORIGINATOR, signer=signer, issued_at=AT, statement_id=name, checkpoint=None
    )
    head, payload, signature = token.split(".")
    for damaged in (f"{head}.{flip(payload, position)}.{signature}", f"{head}.{payload}.{flip(signature, position)}"):
        said = outcome(verify_statement, damaged, DISCLOSURE, signer.public)
        assert said == "SignatureRefused: signature does not verify"
        assert statement_digest(damaged) != statement_digest(token)
    said = outcome(verify_statement, f"{flip(head, position)}.{payload}.{signature}", DISCLOSURE, signer.public)
    assert said.startswith(tuple(f"SignatureRefused: {text}" for text in SAID_OF_HEADERS)), said
    assert CANARY not in said


# Heads and files


@FEW
@given(POSITIONS, st.sampled_from(["Ed25519", "ML-DSA-44"]))
def test_a_head_or_a_cosignature_with_a_flipped_bit(position: int, alg: str) -> None:
    """The log's signature, the root, a witness's signature and its time."""
    log, cosigner, origin, witness = key("Ed25519", "log"), key(alg, "witness"), "log.example", "log.example/witness/a"
    root, other = bytes(range(32)), b64u_decode(flip(b64u(bytes(range(32))), position))
    note = sign_checkpoint(origin, 7, root, log)
    vkey, checkpoint = log_vkey(origin, log), verify_checkpoint(note, log_vkey(origin, log))
    text, _, rest = note.partition("\n\n")
    line = SignatureLine.parse(rest.rstrip("\n"))
    damaged = replace(line, signature=b64u_decode(flip(b64u(line.signature), position)))
    assert outcome(verify_checkpoint, f"{text}\n\n{damaged.render()}\n", vkey).startswith("NoteInvalid")
    changed_root = sign_checkpoint(origin, 7, other, log).partition("\n\n")[0]
    assert outcome(verify_checkpoint, f"{changed_root}\n\n{rest}", vkey).startswith("NoteInvalid")
    cosigned = SignatureLine.parse(cosign(checkpoint, witness, cosigner, at=AT))
    for place in (position % 64, 64 + position % ((len(cosigned.signature) - 8) * 8)):
        changed = replace(cosigned, signature=b64u_decode(flip(b64u(cosigned.signature), place)))
        said = outcome(verify_cosignature, checkpoint, changed, witness_vkey(witness, cosigner))
        assert said.startswith("NoteInvalid"), place


@PROFILE
@given(SECRETS, st.binary(max_size=80), POSITIONS)
def test_a_file_at_rest_with_a_flipped_bit(secret: bytes, data: bytes, position: int) -> None:
    """Also under another name or another secret: always the same words."""
    sealed = Vault(secret).seal("row", data)
    damaged = b64u_decode(flip(b64u(sealed), position))
    stranger = Vault(b64u_decode(flip(b64u(secret), position)))
    said = {
        outcome(Vault(secret).open, "row", damaged),
        outcome(Vault(secret).open, "row", sealed[:-1]),
        outcome(Vault(secret).open, "row", b""),
        outcome(Vault(secret).open, "other", sealed),
        outcome(stranger.open, "row", sealed),
    }
    assert said == {"StorageRefused: sealed bytes do not open with this agency's storage secret"}
