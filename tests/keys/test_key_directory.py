"""The directory: which key may speak for whom, for what, and when. No certificate, no answer."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from keys_material import ANY_JSON, AT, BOUNDED, CANONICAL_VALUES, CASE, key, outcome

from keys.canonical import canonical_bytes
from keys.certificates import AgencyRecord, Certificate, NotCertified, verify_agency, verify_certificate
from keys.directory import Directory
from keys.fingerprints import fingerprint, normalise_fingerprint
from keys.jose import KeyRefused, SignatureRefused
from keys.private import PrivateKey
from keys.statements import MEMBERS, StatementType, make_statement, verify_statement
from keys.uses import AGENCY_USES, ALGORITHMS, MEMBER_USES, KeyUse
from policies.model import Malformed, render_time

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
ROOT, OTHER_ROOT = key("Ed25519", "root"), key("Ed25519", "other root")
MEMBER, OTHER_MEMBER = "1" * 32, "2" * 32
DAY = timedelta(days=1)


def statement(kind: StatementType, members: dict[str, Any], signer: PrivateKey, issuer: str = "example-police") -> str:
    return make_statement(
        kind, members, issuer=issuer, signer=signer, issued_at=AT, statement_id="0" * 32, checkpoint=None
    )


def agency_token(signer: PrivateKey = ROOT, issuer: str = "example-police", **change: Any) -> str:
    members = {"agency": issuer, "kind": "police", "name": "Example Police", "root": dict(ROOT.public.jwk)}
    return statement(StatementType.AGENCY, {**members, **change}, signer, issuer)


def own_key(use: KeyUse) -> PrivateKey:
    return key("Ed25519" if "Ed25519" in ALGORITHMS[use] else next(iter(ALGORITHMS[use])), use.value)


def certificate_token(use: KeyUse = KeyUse.SIGNING, /, signer: PrivateKey = ROOT, **change: Any) -> str:
    person = use in MEMBER_USES
    members = {
        "agency": "example-police",
        "use": use.value,
        "key": dict(own_key(use).public.jwk),
        "member": MEMBER if person else None,
        "roles": ["practitioner"] if person else [],
        "not_before": render_time(AT - DAY),
        "not_after": render_time(AT + DAY),
    }
    return statement(StatementType.CERTIFICATE, {**members, **change}, signer)


AGENCY = verify_agency(agency_token())
OTHER_AGENCY = verify_agency(
    agency_token(OTHER_ROOT, "example-council", kind="social_care", root=dict(OTHER_ROOT.public.jwk))
)


def certified(use: KeyUse = KeyUse.SIGNING, /, **change: Any) -> Certificate:
    return verify_certificate(certificate_token(use, **change), AGENCY)


def directory(*certificates: Certificate) -> Directory:
    return Directory([AGENCY, OTHER_AGENCY], certificates)


# Agencies


def test_an_agency_is_who_its_root_says() -> None:
    """Id, kind, name, root."""
    assert (AGENCY.agency, AGENCY.kind.value, AGENCY.name) == ("example-police", "police", "Example Police")
    assert AGENCY.root == ROOT.public


@pytest.mark.parametrize(
    ("token", "refusal", "why"),
    [
        (certificate_token(), Malformed, "expected an agency statement"),
        (agency_token(OTHER_ROOT), SignatureRefused, "expected key"),
        (agency_token(key("ES256"), root=dict(key("ES256").public.jwk)), KeyRefused, "Ed25519"),
        (agency_token(root=dict(key("HPKE-9-KE").public.jwk)), KeyRefused, "Ed25519"),
        (agency_token(root=ROOT.to_jwk()), KeyRefused, "exactly the members"),
        (agency_token(root="x"), KeyRefused, "object"),
        (agency_token(agency="example-council"), Malformed, "issuer and agency differ"),
        (agency_token(agency="Example"), Malformed, "agency"),
        (agency_token(kind="bank"), Malformed, "not a term of AgencyKind"),
        (agency_token(kind=None), Malformed, "not a term of AgencyKind"),
        (agency_token(name=""), Malformed, "1 to 120 printable"),
        (agency_token(name="x" * 121), Malformed, "1 to 120 printable"),
        (agency_token(name="Example\nPolice"), Malformed, "1 to 120 printable"),
        (agency_token(name="Example\u202ePolice"), Malformed, "1 to 120 printable"),
        (agency_token(name=7), Malformed, "1 to 120 printable"),
        ("", SignatureRefused, "three parts"),
        (None, SignatureRefused, "text"),
    ],
)
def test_an_agency_statement_that_is_wrong_is_refused(token: object, refusal: type[Exception], why: str) -> None:
    """Self-signed by an Ed25519 root, about itself, with a name people can read."""
    with pytest.raises(refusal, match=why):
        verify_agency(token)


def test_the_fingerprint_is_read_out_in_groups() -> None:
    """SHA-256 of the root's canonical JWK; blanks, hyphens and case do not matter to the comparison."""
    shown = fingerprint(ROOT.public)
    assert re.fullmatch(r"([0-9a-f]{4} ){15}[0-9a-f]{4}", shown)
    plain = hashlib.sha256(canonical_bytes(dict(ROOT.public.jwk))).hexdigest()
    for spoken in (shown, shown.upper(), shown.replace(" ", "-"), f" {shown}\n", plain):
        assert normalise_fingerprint(spoken) == plain
    assert fingerprint(OTHER_ROOT.public) != shown


# Certificates


@pytest.mark.parametrize("use", KeyUse)
def test_each_use_takes_its_own_algorithms_only(use: KeyUse) -> None:
    """And says which."""
    for alg in ("Ed25519", "ES256", "ES384", "HPKE-9-KE", "ML-DSA-44"):
        jwk = dict(key(alg, "certified").public.jwk)
        if alg in ALGORITHMS[use]:
            assert certified(use, key=jwk).key.alg == alg
        else:
            with pytest.raises(KeyRefused, match=f"got {alg}"):
                certified(use, key=jwk)


@pytest.mark.parametrize(
    ("change", "refusal", "why"),
    [
        ({"signer": OTHER_ROOT}, SignatureRefused, "expected key"),
        ({"signer": own_key(KeyUse.SIGNING)}, SignatureRefused, "expected key"),
        ({"agency": "example-council"}, Malformed, "own agency"),
        ({"key": dict(ROOT.public.jwk)}, KeyRefused, "for certificates only"),
        ({"key": key("Ed25519").to_jwk()}, KeyRefused, "exactly the members"),
        ({"key": None}, KeyRefused, "object"),
        ({"use": "root"}, Malformed, "not a term of KeyUse"),
        ({"use": ["signing"]}, Malformed, "not a term of KeyUse"),
        ({"member": MEMBER}, Malformed, "neither"),
        ({"member": "x"}, Malformed, "32 lower-case"),
        ({"roles": ["practitioner"]}, Malformed, "neither"),
        ({"roles": None}, Malformed, "a list"),
        ({"roles": ["chief"]}, Malformed, "not a term of Role"),
        ({"not_after": render_time(AT - DAY)}, Malformed, "ends before it begins"),
        ({"not_after": render_time(AT - 2 * DAY)}, Malformed, "ends before it begins"),
        ({"not_before": "2026-01- 1T00:00:00Z"}, Malformed, "not_before"),
        ({"not_after": None}, Malformed, "not_after"),
        ({"use": "member-signing", "roles": ["practitioner"]}, Malformed, "names the member"),
        ({"use": "member-signing", "member": MEMBER}, Malformed, "at least one role"),
        ({"use": "member-signing", "member": MEMBER, "roles": ["practitioner", "ictg"]}, Malformed, "sorted"),
        ({"use": "member-signing", "member": MEMBER, "roles": ["ictg", "ictg"]}, Malformed, "each once"),
        ({"use": "member-signing", "member": MEMBER, "roles": ["intake"]}, Malformed, "not intake"),
    ],
)
def test_a_certificate_that_is_wrong_is_refused(change: dict[str, Any], refusal: type[Exception], why: str) -> None:
    """One thing at a time, signed by the root where the root is not the point."""
    with pytest.raises(refusal, match=why):
        certified(**change)


def test_a_certificate_by_another_issuer_is_refused() -> None:
    """The root signs in its own agency's name only."""
    claims = verify_statement(certificate_token(), StatementType.CERTIFICATE, ROOT.public).members
    token = statement(StatementType.CERTIFICATE, dict(claims), ROOT, "example-council")
    with pytest.raises(Malformed, match="own agency"):
        verify_certificate(token, AGENCY)


@BOUNDED
@given(
    st.sampled_from(sorted(MEMBERS[StatementType.CERTIFICATE])),
    st.sampled_from(sorted(MEMBERS[StatementType.AGENCY])),
    CANONICAL_VALUES,
    ANY_JSON,
)
def test_only_our_refusals_escape(certificate_member: str, agency_member: str, value: Any, token: Any) -> None:
    """Each member in turn is anything, soundly signed; then the token itself is anything."""
    outcome(certified_from, certificate_token(**{certificate_member: value}))
    outcome(verify_agency, agency_token(**{agency_member: value}))
    assert outcome(certified_from, token).startswith("SignatureRefused")
    assert outcome(verify_agency, token).startswith("SignatureRefused")


def certified_from(token: object) -> Certificate:
    return verify_certificate(token, AGENCY)


# Looking up


def test_a_key_is_found_by_all_that_is_certified_about_it() -> None:
    """Key, use, agency, member and time must all fit."""
    mine, person = certified(), certified(KeyUse.MEMBER_SIGNING)
    known = directory(mine, person)
    assert known.require_key(mine.key.kid, KeyUse.SIGNING, "example-police", AT) is mine
    assert known.require_key(person.key.kid, KeyUse.MEMBER_SIGNING, "example-police", AT, member=MEMBER) is person
    wrong: list[tuple[tuple[Any, ...], str | None]] = [
        ((person.key.kid, KeyUse.SIGNING, "example-police", AT), None),
        ((key("Ed25519", "unknown").public.kid, KeyUse.SIGNING, "example-police", AT), None),
        ((mine.key.kid, KeyUse.WITNESS, "example-police", AT), None),
        ((mine.key.kid, KeyUse.SIGNING, "example-council", AT), None),
        ((mine.key.kid, KeyUse.SIGNING, "example-police", AT), MEMBER),
        ((person.key.kid, KeyUse.MEMBER_SIGNING, "example-police", AT), None),
        ((person.key.kid, KeyUse.MEMBER_SIGNING, "example-police", AT), OTHER_MEMBER),
        ((AGENCY.root.kid, KeyUse.SIGNING, "example-police", AT), None),
    ]
    for args, member in wrong:
        with pytest.raises(NotCertified, match="is not certified by"):
            known.require_key(*args, member=member)


def test_validity_begins_with_its_first_second_and_ends_before_its_last() -> None:
    """not_before counts, not_after does not."""
    certificate = certified()
    second = timedelta(seconds=1)
    known = directory(certificate)
    for at, is_valid in ((AT - DAY, True), (AT - DAY - second, False), (AT + DAY - second, True), (AT + DAY, False)):
        assert certificate.is_valid_at(at) is is_valid
        if not is_valid:
            with pytest.raises(NotCertified):
                known.require_key(certificate.key.kid, KeyUse.SIGNING, "example-police", at)
            with pytest.raises(NotCertified, match="no valid key of example-police for signing"):
                known.newest_key(KeyUse.SIGNING, "example-police", at)


def test_the_newest_valid_key_is_the_one_to_wrap_to() -> None:
    """Later beginnings win; one that has not begun, another's or another use's does not count."""
    old = certified(KeyUse.INTAKE)
    earlier = AT - timedelta(hours=2)
    new = certified(KeyUse.INTAKE, key=dict(key("HPKE-9-KE", "new").public.jwk), not_before=render_time(earlier))
    future = certified(
        KeyUse.INTAKE,
        key=dict(key("HPKE-9-KE", "future").public.jwk),
        not_before=render_time(AT + DAY),
        not_after=render_time(AT + 2 * DAY),
    )
    known = directory(new, old, future, certified(KeyUse.ARCHIVE, not_before=render_time(AT)))
    assert known.newest_key(KeyUse.INTAKE, "example-police", AT) is new
    assert known.newest_key(KeyUse.INTAKE, "example-police", earlier - timedelta(hours=1)) is old
    assert len(known.certificates) == 4
    for agency, member in (("example-council", None), ("example-police", MEMBER)):
        with pytest.raises(NotCertified):
            known.newest_key(KeyUse.INTAKE, agency, AT, member=member)


def test_an_empty_directory_knows_nobody() -> None:
    """Empty means no."""
    empty = Directory((), ())
    assert (dict(empty.agencies), empty.certificates) == ({}, ())
    with pytest.raises(NotCertified, match="example-police is not enrolled"):
        empty.get_agency("example-police")
    with pytest.raises(NotCertified):
        empty.require_key(ROOT.public.kid, KeyUse.SIGNING, "example-police", AT)
    assert directory().get_agency("example-police") is AGENCY


def test_two_roots_for_one_agency_are_refused() -> None:
    """The last does not silently win; the same statement twice is no harm."""
    taken_over = verify_agency(agency_token(OTHER_ROOT, root=dict(OTHER_ROOT.public.jwk)))
    with pytest.raises(NotCertified, match="two root keys"):
        Directory([AGENCY, taken_over], ())
    assert Directory([AGENCY, AGENCY], ()).get_agency("example-police") is AGENCY


def test_a_certificate_of_another_root_or_of_nobody_is_refused() -> None:
    """A directory holds only what its own roots signed."""
    taken_over: AgencyRecord = verify_agency(agency_token(OTHER_ROOT, root=dict(OTHER_ROOT.public.jwk)))
    with pytest.raises(NotCertified, match="not signed by the root key listed here"):
        Directory([taken_over], [certified()])
    with pytest.raises(NotCertified, match="not enrolled"):
        Directory([OTHER_AGENCY], [certified()])


def test_a_key_stays_with_whom_it_was_certified_for_first() -> None:
    """Certified again for another agency or another person: ignored and named. Renewed for the same one: taken."""
    chair = certified(KeyUse.MEMBER_HPKE)
    renewed = certified(KeyUse.MEMBER_HPKE, not_after=render_time(AT + 2 * DAY))
    colleague = certified(KeyUse.MEMBER_HPKE, member=OTHER_MEMBER)
    taken = {
        "agency": "example-council",
        "key": dict(own_key(KeyUse.MEMBER_HPKE).public.jwk),
        "not_before": render_time(AT),
    }
    members = {**colleague.statement.members, **taken}
    stolen = verify_certificate(
        statement(StatementType.CERTIFICATE, members, OTHER_ROOT, "example-council"), OTHER_AGENCY
    )
    known = directory(chair, colleague, renewed, stolen)
    assert known.ignored == (colleague, stolen)
    assert known.certificates == (chair, renewed)
    assert known.holder_of(chair.key.kid) == ("example-police", MEMBER)
    assert known.newest_key(KeyUse.MEMBER_HPKE, "example-police", AT, member=MEMBER).key == chair.key
    for agency in ("example-council", "example-police"):
        with pytest.raises(NotCertified):
            known.newest_key(KeyUse.MEMBER_HPKE, agency, AT, member=OTHER_MEMBER)
    with pytest.raises(NotCertified):
        known.require_key(chair.key.kid, KeyUse.MEMBER_HPKE, "example-council", AT, member=OTHER_MEMBER)
    assert directory(stolen, chair).ignored == (chair,)
    assert directory(chair).holder_of(own_key(KeyUse.SIGNING).public.kid) is None


# Statements


def pull(signer: PrivateKey, member: str = MEMBER, issuer: str = "example-police") -> str:
    members = {"case": CASE, "member": member, "purpose": "safeguarding"}
    return statement(StatementType.PULL, members, signer, issuer)


def test_a_members_statement_needs_that_members_key() -> None:
    """Another member, another agency, another kind, another time: refused."""
    person = certified(KeyUse.MEMBER_SIGNING)
    signer = own_key(KeyUse.MEMBER_SIGNING)
    known, kind, use = directory(person, certified()), StatementType.PULL, KeyUse.MEMBER_SIGNING
    assert known.verify(pull(signer), kind, use, AT).members["member"] == MEMBER
    for token in (pull(signer, OTHER_MEMBER), pull(signer, issuer="example-council"), pull(own_key(KeyUse.SIGNING))):
        with pytest.raises(NotCertified):
            known.verify(token, kind, use, AT)
    with pytest.raises(NotCertified):
        known.verify(pull(signer), kind, use, AT + DAY)
    with pytest.raises(NotCertified):
        known.verify(pull(signer), kind, KeyUse.SIGNING, AT)
    with pytest.raises(SignatureRefused, match="expected nrmhub-vote"):
        known.verify(pull(signer), StatementType.VOTE, use, AT)
    void = statement(StatementType.VOID, dict.fromkeys(MEMBERS[StatementType.VOID]), own_key(KeyUse.SIGNING))
    with pytest.raises(SignatureRefused, match="expected nrmhub-pull"):
        known.verify(void, kind, use, AT)
    head, body, signature = pull(signer).split(".")
    with pytest.raises(SignatureRefused, match="does not verify"):
        known.verify(f"{head}.{body}.{signature[:40]}{'A' * 46}", kind, use, AT)


def test_an_agencys_statement_names_no_member_to_the_directory() -> None:
    """A ``member`` that a statement of the agency's own key carries is not looked up."""
    known = directory(certified())
    members = dict.fromkeys(MEMBERS[StatementType.VOID])
    token = statement(StatementType.VOID, members, own_key(KeyUse.SIGNING))
    assert known.verify(token, StatementType.VOID, KeyUse.SIGNING, AT).issuer == "example-police"


def test_the_page_lists_the_same_uses_and_algorithms() -> None:
    """Section 2 of the protocol page."""
    section = PAGE.read_text("utf-8").split("\n## 2. Keys")[1].split("\n## ")[0]
    rows = {
        cells[1].strip(" `"): cells[2] for cells in (line.split("|") for line in section.splitlines()) if len(cells) > 3
    }
    for use in KeyUse:
        text = rows[use.value].replace("P-256 / P-384", "").replace("crv: Ed25519", "Ed25519")
        assert {alg for alg in ("Ed25519", "ES256", "ES384", "HPKE-9-KE", "ML-DSA-44") if alg in text} == ALGORITHMS[
            use
        ]
    assert set(KeyUse) == AGENCY_USES | MEMBER_USES
