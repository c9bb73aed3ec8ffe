"""open(seal(x)) = x and parse(render(x)) = x, whatever x is, over the form that travels."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties_material import (
    AGENCIES,
    CONTENTS,
    DIGESTS,
    FEW,
    HANDLINGS,
    IDS,
    PROFILE,
    SIGNERS,
    TIMES,
    headers,
    sets_of,
)

from keys.canonical import canonical_bytes, parse_canonical
from keys.cosigning import cosign, log_vkey, sign_checkpoint, witness_vkey
from keys.envelopes import BUCKET_BYTES, MAX_CONTENT_BYTES, SealedChannel, SealedFragment, verify_fragment
from keys.jose import EC_ORDERS, b64u, b64u_decode, parse_public_jwk, sign_compact, verify_compact
from keys.merkle import EMPTY_ROOT
from keys.notes import SignatureLine, VerifierKey, parse_note
from keys.private import PrivateKey
from keys.sealing import (
    ChannelKey,
    ContentKey,
    ContentRefused,
    make_channel,
    open_channel,
    open_fragment,
    seal,
    unwrap,
    wrap,
)
from keys.statements import MEMBERS, CheckpointRef, StatementType, make_statement, peek, verify_statement
from keys.storage import Vault
from keys.transparency import verify_checkpoint, verify_cosignature
from policies.consent import ConsentScope
from policies.model import Basis, Handling, Header, Member, Membership
from policies.vocabulary import (
    AgencyKind,
    AgePath,
    AgeSource,
    Article6,
    CaseStage,
    Category,
    Condition,
    Gateway,
    Purpose,
    Role,
)
from tests.keys.keys_material import CANONICAL_VALUES, header, key

SECRETS = st.binary(min_size=32, max_size=32)


def travelled(value: Any) -> Any:
    """Return what another party reads of a value that was sent as JSON."""
    return json.loads(json.dumps(value))


def received(sealed: SealedFragment) -> SealedFragment:
    return SealedFragment.parse(travelled(sealed.to_jwe()), travelled(sealed.jws))


# What is sealed


@PROFILE
@given(CONTENTS, headers(), SIGNERS, SECRETS)
def test_what_was_sealed_opens(content: dict[str, Any], made: Header, signer: PrivateKey, kek: bytes) -> None:
    """Any content under any header, signed under any algorithm, over the wire and through a grant."""
    sealed, cek = seal(content, made, signer)
    got = received(sealed)
    assert got.header == replace(made, commitment=got.header.commitment)
    assert verify_fragment(got, signer.public) == sealed.digest
    channel = ChannelKey(made.case, kek)
    assert open_fragment(got, unwrap(travelled(wrap(cek, channel)), channel)) == content


BORDERS = [(bucket, bucket + by) for bucket in BUCKET_BYTES for by in (-1, 0, 1)]


@pytest.mark.parametrize("letter", ["x", "\u017e", "\U0001f600"])
@pytest.mark.parametrize(("bucket", "size"), BORDERS)
def test_what_was_sealed_opens_at_every_border(bucket: int, size: int, letter: str) -> None:
    """Content of exactly this many bytes takes the smallest bucket that holds it; over the largest it is refused."""
    frame, wide = len(canonical_bytes({"fill": ""})), len(letter.encode())
    # Blanks at the end of a text inside are content, not padding.
    content = {"fill": letter * ((size - frame) // wide) + " " * ((size - frame) % wide)}
    assert len(canonical_bytes(content)) == size
    if size > MAX_CONTENT_BYTES:
        with pytest.raises(ContentRefused, match=f"the limit is {MAX_CONTENT_BYTES}"):
            seal(content, header(), key("Ed25519"))
        return
    sealed, cek = seal(content, header(), key("Ed25519"))
    expected = bucket if size <= bucket else 2 * bucket
    assert len(b64u_decode(sealed.ciphertext, max_bytes=MAX_CONTENT_BYTES)) == expected
    assert open_fragment(received(sealed), cek) == content


@FEW
@given(IDS, AGENCIES, IDS, SECRETS)
def test_what_was_sent_through_a_channel_arrives(case: str, originator: str, channel: str, seed: bytes) -> None:
    """To any recipient, in any case, from anyone: and no part of the context may differ."""
    recipient = PrivateKey("HPKE-9-KE", seed)
    sealed, kek = make_channel(case, originator, recipient.public, channel)
    got = SealedChannel.parse(travelled(sealed.to_jwe()))
    assert got == sealed
    assert open_channel(got, case, originator, channel, recipient) == kek


@PROFILE
@given(SECRETS, SECRETS)
def test_a_grant_gives_the_key_back(kek: bytes, cek: bytes) -> None:
    """Whatever the two keys are."""
    channel = ChannelKey("", kek)
    assert unwrap(wrap(ContentKey(cek), channel), channel) == ContentKey(cek)


@PROFILE
@given(SECRETS, st.text(st.characters(codec="utf-8")), st.binary(max_size=200))
def test_what_is_kept_at_rest_opens(secret: bytes, name: str, data: bytes) -> None:
    """Under its own name."""
    assert Vault(secret).open(name, Vault(secret).seal(name, data)) == data


# What is signed


@PROFILE
@given(st.binary(max_size=300), st.text(st.characters(codec="utf-8"), max_size=30), SIGNERS)
def test_what_was_signed_verifies(payload: bytes, typ: str, signer: PrivateKey) -> None:
    """Any bytes under any type."""
    assert verify_compact(travelled(sign_compact(payload, typ, signer)), typ, signer.public) == payload


CHECKPOINTS = st.none() | st.builds(CheckpointRef, st.integers(0, 2**53 - 1), DIGESTS)


@PROFILE
@given(st.data(), st.sampled_from(StatementType), AGENCIES, IDS, TIMES, CHECKPOINTS, SIGNERS)
def test_a_statement_says_what_was_stated(
    data: st.DataObject,
    kind: StatementType,
    issuer: str,
    name: str,
    at: datetime,
    checkpoint: CheckpointRef | None,
    signer: PrivateKey,
) -> None:
    """Every type, with any values of its members."""
    members = {member: data.draw(CANONICAL_VALUES) for member in sorted(MEMBERS[kind])}
    token = make_statement(
        kind, members, issuer=issuer, signer=signer, issued_at=at, statement_id=name, checkpoint=checkpoint
    )
    got = verify_statement(travelled(token), kind, signer.public)
    assert (dict(got.members), got.issuer, got.id, got.issued_at, got.checkpoint) == (
        members,
        issuer,
        name,
        at,
        checkpoint,
    )
    assert (peek(token).issuer, dict(peek(token).members)) == (issuer, members)


NAMES = st.from_regex(r"[a-z0-9./-]{1,60}", fullmatch=True)
ROOTS = st.tuples(st.integers(1, 2**53 - 1), SECRETS) | st.just((0, EMPTY_ROOT))
COSIGNED = st.datetimes(datetime(1970, 1, 2), datetime(9990, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@FEW
@given(NAMES, NAMES, ROOTS, COSIGNED, st.sampled_from(["Ed25519", "ML-DSA-44"]))
def test_a_head_and_its_cosignature_verify(
    origin: str, witness: str, head: tuple[int, bytes], at: datetime, alg: str
) -> None:
    """Any origin, size, root, witness and time; note, line and verifier key read back as they were written."""
    log, cosigner = key("Ed25519", "log"), key(alg, "witness")
    note = sign_checkpoint(origin, *head, log)
    assert parse_note(note).render() == note
    checkpoint = verify_checkpoint(note, log_vkey(origin, log))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (origin, *head)
    text, vkey = cosign(checkpoint, witness, cosigner, at=at), witness_vkey(witness, cosigner)
    line = SignatureLine.parse(text)
    assert line.render() == text
    assert VerifierKey.parse(vkey.render()) == vkey
    assert verify_cosignature(checkpoint, line, vkey) == at


# What is written


@PROFILE
@given(
    st.sampled_from(["Ed25519", "ES256", "HPKE-9-KE", "ML-DSA-44"]),
    st.integers(1, EC_ORDERS["P-256"] - 1).map(lambda number: number.to_bytes(32, "big")),
)
def test_a_key_reads_back(alg: str, seed: bytes) -> None:
    """Private and public half, over JSON."""
    made = PrivateKey(alg, seed)
    assert PrivateKey.from_jwk(travelled(made.to_jwk())).to_jwk() == made.to_jwk()
    assert parse_public_jwk(travelled(dict(made.public.jwk))) == made.public


@PROFILE
@given(CANONICAL_VALUES)
def test_canonical_bytes_read_back(value: Any) -> None:
    """And the text form of bytes."""
    assert parse_canonical(canonical_bytes(value)) == value
    assert b64u_decode(b64u(canonical_bytes(value))) == canonical_bytes(value)


MEMBERS_OF_CASE = st.builds(
    Member,
    AGENCIES,
    IDS,
    sets_of(Role).map(lambda roles: tuple(role for role in roles if role is not Role.INTAKE) or (Role.PRACTITIONER,)),
    TIMES,
)
BASES = st.builds(
    Basis,
    st.sampled_from(Purpose),
    st.sampled_from(Gateway),
    st.sampled_from(Article6),
    st.sampled_from(Condition),
    st.none() | DIGESTS,
    st.booleans(),
    st.none() | TIMES,
)
SCOPES = st.builds(
    ConsentScope,
    st.frozensets(st.sampled_from(Category)),
    st.frozensets(st.sampled_from(AgencyKind)),
    st.frozensets(st.sampled_from(Purpose)),
)


@st.composite
def memberships(draw: st.DrawFn) -> Membership:
    """Give a whole membership: every member's agency listed, the lead among them."""
    members = draw(st.lists(MEMBERS_OF_CASE, max_size=4, unique_by=lambda member: (member.agency, member.member)))
    lead = draw(AGENCIES)
    names = sorted({lead, *(member.agency for member in members)})
    sequence = draw(st.integers(0, 5))
    return Membership(
        case=draw(IDS),
        sequence=sequence,
        previous=None if sequence == 0 else draw(DIGESTS),
        lead=lead,
        age_path=draw(st.sampled_from(AgePath)),
        age_source=draw(st.sampled_from(AgeSource)),
        case_stage=draw(st.sampled_from(CaseStage)),
        agencies=tuple((name, draw(st.sampled_from(AgencyKind))) for name in names),
        members=tuple(members),
    )


@PROFILE
@given(HANDLINGS | headers() | MEMBERS_OF_CASE | BASES | SCOPES | memberships())
def test_a_value_of_a_decision_reads_back(
    value: Handling | Header | Member | Basis | ConsentScope | Membership,
) -> None:
    """Each kind of value, over JSON."""
    assert type(value).from_json(travelled(value.to_json())) == value
