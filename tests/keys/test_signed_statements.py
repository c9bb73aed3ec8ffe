"""Statements: exactly the members of their type, in one spelling, under the expected key; the page says the same."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys_material import ANY_JSON, AT, BOUNDED, CANONICAL_VALUES, CASE, key, outcome

from keys.canonical import canonical_bytes
from keys.jose import MAX_STATEMENT_BYTES, SignatureRefused, sign_compact, statement_digest
from keys.statements import (
    COMMON_MEMBERS,
    MEMBERS,
    CheckpointRef,
    StatementType,
    make_statement,
    peek,
    verify_statement,
)
from policies.model import Malformed, parse_time

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
SIGNER = key("Ed25519")
CHECKPOINT = CheckpointRef(7, "0" * 64)
PULL = StatementType.PULL


def made(kind: StatementType, members: dict[str, Any], **change: Any) -> str:
    given_by_default = {
        "issuer": "example-council",
        "signer": SIGNER,
        "issued_at": AT,
        "statement_id": "1" * 32,
        "checkpoint": CHECKPOINT,
    }
    return make_statement(kind, members, **{**given_by_default, **change})


def signed(payload: Any, typ: str = PULL.value) -> str:
    return sign_compact(payload if isinstance(payload, bytes) else canonical_bytes(payload), typ, SIGNER)


def payload_with(**change: Any) -> dict[str, Any]:
    return {
        "case": CASE,
        "member": "2" * 32,
        "purpose": "safeguarding",
        "id": "1" * 32,
        "issuer": "example-council",
        "issued_at": "2026-01-31T12:00:00Z",
        "checkpoint": None,
        **change,
    }


@pytest.mark.parametrize("kind", StatementType)
def test_a_statement_says_what_was_signed(kind: StatementType) -> None:
    """Each type, with and without a checkpoint; peeking sees the same claims."""
    members = {name: f"value of {name}" for name in MEMBERS[kind]}
    for checkpoint in (CHECKPOINT, None):
        token = made(kind, members, checkpoint=checkpoint)
        statement = verify_statement(token, kind, SIGNER.public)
        assert (statement.type, statement.token, statement.digest) == (kind, token, statement_digest(token))
        assert (statement.kid, statement.id, statement.issuer) == (SIGNER.public.kid, "1" * 32, "example-council")
        assert (statement.issued_at, statement.checkpoint, dict(statement.members)) == (AT, checkpoint, members)
        claimed = peek(token)
        assert (claimed.type, claimed.kid, claimed.issuer) == (kind, SIGNER.public.kid, "example-council")
        assert dict(claimed.members) == members


@pytest.mark.parametrize("kind", StatementType)
def test_other_members_are_not_signed(kind: StatementType) -> None:
    """One less, one more, a common one among them."""
    members = dict.fromkeys(MEMBERS[kind])
    for name in MEMBERS[kind]:
        with pytest.raises(Malformed, match="expected exactly the members"):
            made(kind, {member: None for member in members if member != name})
    for name in ("note", *COMMON_MEMBERS):
        with pytest.raises(Malformed, match="expected exactly the members"):
            made(kind, {**members, name: None})


@pytest.mark.parametrize("kind", StatementType)
def test_no_statement_passes_as_another_type(kind: StatementType) -> None:
    """Neither under its own typ, nor re-signed under another's with its own members."""
    token = made(kind, dict.fromkeys(MEMBERS[kind]))
    for other in StatementType:
        if other is not kind:
            with pytest.raises(SignatureRefused, match=re.escape(f"expected {other.value}")):
                verify_statement(token, other, SIGNER.public)
            payload = dict.fromkeys(MEMBERS[kind] | COMMON_MEMBERS)
            # Where two types have the same members, the signed type alone tells them apart.
            why = "expected 32" if MEMBERS[kind] == MEMBERS[other] else "expected exactly the members"
            with pytest.raises(Malformed, match=why):
                verify_statement(signed(payload, other.value), other, SIGNER.public)


def test_another_keys_statement_is_refused() -> None:
    """Peeking still names the key that it claims."""
    token = made(PULL, dict.fromkeys(MEMBERS[PULL]), signer=key("ES256"))
    with pytest.raises(SignatureRefused, match="expected key"):
        verify_statement(token, PULL, SIGNER.public)
    assert peek(token).kid == key("ES256").public.kid


def test_an_unknown_type_is_refused() -> None:
    """Also the fragment signature, which is no statement."""
    for typ in ("JWT", "", "nrmhub-fragment+jws", "nrmhub-pull"):
        with pytest.raises(SignatureRefused, match="not one of this protocol"):
            peek(signed(payload_with(), typ))


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1" * 31},
        {"id": "A" * 32},
        {"id": None},
        {"id": "1" * 32 + "\n"},
        {"issuer": "x"},
        {"issuer": "Example"},
        {"issuer": None},
        {"issuer": "example-council\n"},
        {"issued_at": "2026-01-31T12:00:00.000Z"},
        {"issued_at": "2026-01-31 12:00:00Z"},
        {"issued_at": "2026-01-31T12:00:00z"},
        {"issued_at": "2026-01- 1T12:00:00Z"},
        {"issued_at": "2026-01-31T12:00: 0Z"},
        {"issued_at": "2026-02-29T12:00:00Z"},
        {"issued_at": "2026-01-31T12:00:60Z"},
        {"issued_at": "0999-01-31T12:00:00Z"},
        {"issued_at": "\uff12\uff10\uff12\uff16-01-31T12:00:00Z"},
        {"issued_at": 0},
        {"checkpoint": {}},
        {"checkpoint": {"size": 7}},
        {"checkpoint": {"size": -1, "root": "0" * 64}},
        {"checkpoint": {"size": True, "root": "0" * 64}},
        {"checkpoint": {"size": "7", "root": "0" * 64}},
        {"checkpoint": {"size": 7, "root": "0" * 63}},
        {"checkpoint": {"size": 7, "root": "A" * 64}},
        {"checkpoint": {"size": 7, "root": "0" * 64, "origin": "x"}},
        {"checkpoint": False},
        {"checkpoint": []},
        {"note": ""},
    ],
)
def test_a_payload_of_another_form_is_refused(change: dict[str, Any]) -> None:
    """Soundly signed and still not taken."""
    verify_statement(signed(payload_with()), PULL, SIGNER.public)
    with pytest.raises(Malformed):
        verify_statement(signed(payload_with(**change)), PULL, SIGNER.public)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[]", b"null", b"{ }", b"\xff", b'{"a":1,"a":1}', b"1.5", b"9" * 5000, b"[" * 5000]
)
def test_a_payload_that_is_no_canonical_object_is_refused(payload: bytes) -> None:
    """By verifying and by peeking alike."""
    with pytest.raises(Malformed):
        verify_statement(signed(payload), PULL, SIGNER.public)
    with pytest.raises(Malformed):
        peek(signed(payload))


@BOUNDED
@given(ANY_JSON)
def test_only_our_refusals_escape_from_any_token(token: Any) -> None:
    """Of verifying and of peeking."""
    assert outcome(verify_statement, token, PULL, SIGNER.public).startswith("SignatureRefused")
    assert outcome(peek, token).startswith("SignatureRefused")


@BOUNDED
@given(st.sampled_from(sorted(MEMBERS[PULL] | COMMON_MEMBERS)), CANONICAL_VALUES, st.binary(max_size=30))
def test_only_our_refusals_escape_from_any_payload(name: str, value: Any, raw: bytes) -> None:
    """Each member in turn is anything, then the whole payload is; the signature holds."""
    changed = signed(payload_with(**{name: value}))
    for call in ((verify_statement, changed, PULL, SIGNER.public), (peek, changed), (peek, signed(raw))):
        assert outcome(*call).split(":")[0] in ("accepted", "Malformed")


def test_a_statement_nobody_would_take_is_not_signed() -> None:
    """Over the limit, or by an issuer, with an id, that are none."""
    members = dict.fromkeys(MEMBERS[PULL])
    with pytest.raises(Malformed, match=f"the limit is {MAX_STATEMENT_BYTES}; split it"):
        made(PULL, {**members, "case": "x" * 200_000})
    for change in ({"issuer": "Not An Id"}, {"statement_id": "x"}):
        with pytest.raises(Malformed):
            made(PULL, members, **change)


def test_times_have_one_spelling() -> None:
    """The one that is written."""
    assert parse_time("2026-01-31T12:00:00Z", "time") == AT
    assert parse_time("2026-01-31T11:59:59Z", "time") == AT - timedelta(seconds=1)
    with pytest.raises(Malformed, match="until: expected the form"):
        parse_time("2026-01- 1T12:00:00Z", "until")


# The page


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the table rows of a section of the protocol page, up to the next section."""
    text = PAGE.read_text("utf-8").split(f"\n## {section}")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names_in(cell: str) -> set[str]:
    """Return the member names of a cell, what stands in brackets or describes a list left out."""
    return set(re.findall(r"`([a-z0-9_]+)`", re.sub(r"\([^()]*\)", "", cell)))


def test_the_page_lists_exactly_these_members() -> None:
    """Section 3 and, for the disclosure, section 7."""
    rows = rows_of("3. Statements")
    typed = {row[0].strip("| `"): row[2] for row in rows if len(row) == 3 and row[1] != "signed by"}
    assert set(typed) == {kind.value for kind in StatementType} | {"nrmhub-fragment+jws"}
    for kind in StatementType:
        if kind is StatementType.DISCLOSURE:
            found = {name for row in rows_of("7. Disclosure") for name in names_in(row[0])}
        else:
            found = names_in(typed[kind.value])
        assert found == MEMBERS[kind], kind
    common = {name for row in rows if len(row) == 2 for name in names_in(row[0])}
    assert common == COMMON_MEMBERS
