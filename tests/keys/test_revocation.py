"""Revocations: what a key counts for after its end, and who may end it (attacks 22, 25, 32)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from keys_material import AT, key

from keys.certificates import AgencyRecord, Certificate, NotCertified, verify_agency, verify_certificate
from keys.directory import Directory
from keys.jose import SignatureRefused
from keys.private import PrivateKey
from keys.revocation import RevocationReason
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import Malformed, render_time

AGENCIES = ("example-police", "example-council", "example-trust", "example-charity")
POLICE, COUNCIL, TRUST, CHARITY = AGENCIES
MEMBER, COLLEAGUE = "1" * 32, "2" * 32
DAY = timedelta(days=1)


def root(agency: str) -> PrivateKey:
    return key("Ed25519", f"root of {agency}")


def own(agency: str, use: KeyUse = KeyUse.SIGNING, member: str | None = None) -> PrivateKey:
    alg = "HPKE-9-KE" if use in (KeyUse.MEMBER_HPKE, KeyUse.INTAKE, KeyUse.ARCHIVE) else "Ed25519"
    return key(alg, f"{agency} {use.value} {member}")


def sign(kind: StatementType, members: dict[str, Any], signer: PrivateKey, issuer: str) -> str:
    return make_statement(
        kind, members, issuer=issuer, signer=signer, issued_at=AT, statement_id="0" * 32, checkpoint=None
    )


def enrolled(agency: str, name: str = "", log_index: int = 0, kind: str = "police") -> AgencyRecord:
    signer = key("Ed25519", f"root of {agency}{name}")
    members = {"agency": agency, "kind": kind, "name": "Example", "root": dict(signer.public.jwk)}
    return verify_agency(sign(StatementType.AGENCY, members, signer, agency), log_index)


def certified(
    agency: str,
    use: KeyUse = KeyUse.SIGNING,
    member: str | None = None,
    *,
    log_index: int = 1,
    record: AgencyRecord | None = None,
    signer: PrivateKey | None = None,
    certified_key: PrivateKey | None = None,
) -> Certificate:
    members = {
        "agency": agency,
        "use": use.value,
        "key": dict((certified_key or own(agency, use, member)).public.jwk),
        "member": member,
        "roles": [] if member is None else ["practitioner"],
        "not_before": render_time(AT - DAY),
        "not_after": render_time(AT + DAY),
    }
    token = sign(StatementType.CERTIFICATE, members, signer or root(agency), agency)
    return verify_certificate(token, record or enrolled(agency), log_index)


def directory() -> Directory:
    found = Directory([enrolled(agency) for agency in AGENCIES], [certified(agency) for agency in AGENCIES])
    for member in (MEMBER, COLLEAGUE):
        for use in (KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE):
            found.add_certificate(certified(POLICE, use, member))
    return found


def revocation_token(
    revoked: PrivateKey,
    signer: PrivateKey,
    *,
    agency: str = POLICE,
    issuer: str = POLICE,
    reason: str = "lost",
    valid_until: int | None = None,
) -> str:
    members = {"agency": agency, "key": revoked.public.kid, "valid_until": valid_until, "reason": reason}
    return sign(StatementType.REVOCATION, members, signer, issuer)


def revoke(found: Directory, token: str, log_index: int = 10) -> None:
    found.add_revocation(found.verify_revocation(token, log_index))


PERSON = own(POLICE, KeyUse.MEMBER_SIGNING, MEMBER)
READING = own(POLICE, KeyUse.MEMBER_HPKE, MEMBER)


def can_act(found: Directory, log_index: int | None = None) -> bool:
    try:
        found.require_key(PERSON.public.kid, KeyUse.MEMBER_SIGNING, POLICE, AT, member=MEMBER, log_index=log_index)
    except NotCertified:
        return False
    return True


@pytest.mark.parametrize("signer", [root(POLICE), own(POLICE), PERSON], ids=["root", "agency", "the person"])
def test_a_revoked_key_acts_no_more_and_what_it_did_before_stays(signer: PrivateKey) -> None:
    """Whoever may revoke it: from the position on it is nothing, before it is what it was."""
    found = directory()
    assert can_act(found)
    revoke(found, revocation_token(PERSON, signer), 10)
    assert [can_act(found, at) for at in (9, 10, 11, None)] == [True, False, False, False]
    with pytest.raises(NotCertified, match=r"was revoked \(lost\) and counts only below log position 10"):
        found.require_key(PERSON.public.kid, KeyUse.MEMBER_SIGNING, POLICE, AT, member=MEMBER)


def test_a_compromise_reaches_back_to_the_position_named() -> None:
    """Valid until position n: what was signed from there on was somebody else."""
    found = directory()
    revoke(found, revocation_token(PERSON, root(POLICE), reason="compromised", valid_until=4), 10)
    assert [can_act(found, at) for at in (3, 4, 9)] == [True, False, False]


@pytest.mark.parametrize(
    ("signer", "issuer"),
    [
        (own(POLICE, KeyUse.MEMBER_SIGNING, COLLEAGUE), POLICE),
        (own(COUNCIL), COUNCIL),
        (root(COUNCIL), COUNCIL),
        (root(COUNCIL), POLICE),
        (key("Ed25519", "stranger"), POLICE),
    ],
    ids=["a colleague", "another agency", "another root", "another root as ours", "a stranger"],
)
def test_nobody_else_revokes(signer: PrivateKey, issuer: str) -> None:
    """A colleague, another agency, its root, a stranger."""
    with pytest.raises(NotCertified, match="may not revoke"):
        directory().verify_revocation(revocation_token(PERSON, signer, issuer=issuer), 10)


def test_a_person_ends_their_own_keys_only() -> None:
    """Their reading key too; nobody's beside."""
    found = directory()
    revoke(found, revocation_token(READING, PERSON))
    with pytest.raises(NotCertified):
        found.newest_key(KeyUse.MEMBER_HPKE, POLICE, AT, member=MEMBER)
    assert found.newest_key(KeyUse.MEMBER_HPKE, POLICE, AT, member=COLLEAGUE)
    with pytest.raises(NotCertified, match="may not revoke"):
        found.verify_revocation(revocation_token(own(POLICE), PERSON), 11)


def test_an_agency_signing_key_ends_itself_and_then_nothing_more() -> None:
    """Its last word is against itself; the root goes on."""
    found = directory()
    revoke(found, revocation_token(own(POLICE), own(POLICE), reason="compromised"), 10)
    with pytest.raises(NotCertified, match="may not revoke"):
        found.verify_revocation(revocation_token(PERSON, own(POLICE)), 11)
    revoke(found, revocation_token(PERSON, root(POLICE)), 12)
    assert not can_act(found)


@pytest.mark.parametrize(
    ("change", "refusal", "why"),
    [
        ({"valid_until": 11}, Malformed, "up to 10"),
        ({"valid_until": -1}, Malformed, "valid_until"),
        ({"reason": "because"}, Malformed, "reason"),
        ({"reason": "superseded", "valid_until": 3}, Malformed, "expected null"),
        ({"agency": COUNCIL}, NotCertified, "may not revoke"),
    ],
)
def test_a_revocation_of_another_form_is_refused(change: dict[str, Any], refusal: type[Exception], why: str) -> None:
    """A position ahead, a reason of no list, another agency's key."""
    with pytest.raises(refusal, match=why):
        directory().verify_revocation(revocation_token(PERSON, root(POLICE), **change), 10)


def test_a_key_that_is_not_the_agencys_is_not_revoked() -> None:
    """The root of one agency says nothing of another's keys, nor of keys that nobody has."""
    for revoked in (own(COUNCIL), key("Ed25519", "nobody's")):
        with pytest.raises(NotCertified, match=f"is not a key of {POLICE}"):
            directory().verify_revocation(revocation_token(revoked, root(POLICE)), 10)


def test_another_type_of_statement_revokes_nothing() -> None:
    """A certificate is no revocation."""
    with pytest.raises(SignatureRefused, match="not of the expected type"):
        directory().verify_revocation(certified(POLICE).statement.token, 10)


def test_a_superseded_key_may_still_be_read_with_and_a_lost_one_not() -> None:
    """A planned rotation loses nobody anything; a loss ends reading at once."""
    found = directory()
    newer = key("HPKE-9-KE", "newer")
    found.add_certificate(
        certified(POLICE, KeyUse.MEMBER_HPKE, MEMBER, log_index=9, certified_key=newer),
    )
    revoke(found, revocation_token(READING, root(POLICE), reason="superseded"))
    named = {"use": KeyUse.MEMBER_HPKE, "agency": POLICE, "at": AT, "member": MEMBER}
    assert found.readable_keys(**named) == {READING.public.kid, newer.public.kid}
    assert found.newest_key(**named).key == newer.public
    revoke(found, revocation_token(READING, root(POLICE), reason="lost"), 11)
    assert found.readable_keys(**named) == {newer.public.kid}
    revoke(found, revocation_token(newer, root(POLICE), reason="superseded"), 12)
    assert found.readable_keys(**named) == frozenset()


def test_who_left_reads_nothing_with_what_they_had_before() -> None:
    """Attack 86. Somebody whose key was replaced, who left, and came back with another key, is somebody new."""
    found = directory()
    second, third = key("HPKE-9-KE", "second"), key("HPKE-9-KE", "third")
    found.add_certificate(certified(POLICE, KeyUse.MEMBER_HPKE, MEMBER, log_index=9, certified_key=second))
    revoke(found, revocation_token(READING, root(POLICE), reason="superseded"), 10)
    assert found.left_at(POLICE, MEMBER) == -1
    revoke(found, revocation_token(second, root(POLICE), reason="lost"), 11)
    # That they left is recorded of a key that was lost before, too.
    revoke(found, revocation_token(second, root(POLICE), reason="left"), 12)
    revoke(found, revocation_token(second, root(POLICE), reason="compromised"), 13)
    found.add_certificate(certified(POLICE, KeyUse.MEMBER_HPKE, MEMBER, log_index=14, certified_key=third))
    assert (found.left_at(POLICE, MEMBER), found.left_at(POLICE, COLLEAGUE)) == (12, -1)
    # A replaced key does not come back to them by another certificate.
    found.add_certificate(certified(POLICE, KeyUse.MEMBER_HPKE, MEMBER, log_index=15))
    named = {"use": KeyUse.MEMBER_HPKE, "agency": POLICE, "at": AT, "member": MEMBER}
    assert found.readable_keys(**named) == {third.public.kid}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_revocations_the_strictest_counts(order: tuple[int, int]) -> None:
    """An earlier end and the end of reading, whichever came first: nothing that narrowed widens again."""
    found = directory()
    listed = [
        found.verify_revocation(revocation_token(PERSON, root(POLICE), reason="superseded"), 5),
        found.verify_revocation(revocation_token(PERSON, root(POLICE), reason="compromised"), 9),
    ]
    for number in order:
        found.add_revocation(listed[number])
    (one,) = found.revocations
    assert (one.valid_until, one.reason) == (5, RevocationReason.COMPROMISED)


def test_certifying_a_revoked_key_again_changes_nothing() -> None:
    """A key that was revoked stays so."""
    found = directory()
    revoke(found, revocation_token(PERSON, root(POLICE)))
    found.add_certificate(certified(POLICE, KeyUse.MEMBER_SIGNING, MEMBER, log_index=12))
    assert not can_act(found)


# The root


def test_one_agency_alone_does_not_revoke_anothers_root_and_a_quorum_does() -> None:
    """Attack 32. Of three others two: all that it certified ends, and what it certifies later is ignored."""
    found = directory()
    assert found.root_quorum(POLICE) == 2
    for issuer in (COUNCIL, COUNCIL):
        revoke(found, revocation_token(root(POLICE), own(issuer), issuer=issuer, reason="compromised"), 8)
    assert can_act(found)
    assert len(found.voices_against(root(POLICE).public.kid)) == 1
    revoke(found, revocation_token(root(POLICE), own(TRUST), issuer=TRUST, reason="compromised"), 10)
    # From the word on that was still needed, and a third says nothing more.
    revoke(found, revocation_token(root(POLICE), own(CHARITY), issuer=CHARITY, reason="compromised"), 11)
    assert [can_act(found, at) for at in (9, 10, None)] == [True, False, False]
    late = certified(POLICE, KeyUse.MEMBER_SIGNING, "3" * 32, log_index=11)
    found.add_certificate(late)
    assert found.ignored == (late,)
    with pytest.raises(NotCertified, match="may not revoke"):
        found.verify_revocation(revocation_token(own(POLICE), root(POLICE)), 12)


@pytest.mark.parametrize("until", [0, 2, 9])
def test_other_agencies_never_date_a_root_back(until: int) -> None:
    """Attack 32: two agencies, or two stolen keys, would undo all that a third ever said. The root itself may."""
    found = directory()
    for issuer in (COUNCIL, TRUST, CHARITY):
        with pytest.raises(NotCertified, match="other agencies end a root from their word on"):
            found.verify_revocation(
                revocation_token(root(POLICE), own(issuer), issuer=issuer, reason="compromised", valid_until=until), 10
            )
    named = revocation_token(root(POLICE), own(COUNCIL), issuer=COUNCIL, reason="compromised", valid_until=10)
    assert found.verify_revocation(named, 10).valid_until == 10
    revoke(found, revocation_token(root(POLICE), root(POLICE), reason="compromised", valid_until=until), 10)
    assert [can_act(found, at) for at in (until - 1, until)] == [True, False]


def test_only_who_is_heard_speaks_against_a_root() -> None:
    """Attack 32: whoever was enrolled and is not pinned raises the number that is needed, and is none of them."""
    found = Directory(
        [enrolled(agency) for agency in AGENCIES],
        [*(certified(agency) for agency in AGENCIES), certified(POLICE, KeyUse.MEMBER_SIGNING, MEMBER)],
        heard={POLICE, COUNCIL, TRUST},
    )
    kid = root(POLICE).public.kid
    for number, issuer in enumerate((CHARITY, COUNCIL), 10):
        revoke(found, revocation_token(root(POLICE), own(issuer), issuer=issuer, reason="compromised"), number)
    assert [item.issuer for item in found.voices_against(kid)] == [COUNCIL]
    assert can_act(found)
    revoke(found.copy(), revocation_token(root(POLICE), own(TRUST), issuer=TRUST, reason="compromised"), 12)
    assert can_act(found)
    revoke(found, revocation_token(root(POLICE), own(TRUST), issuer=TRUST, reason="compromised"), 12)
    assert [can_act(found, at) for at in (11, 12)] == [True, False]


def test_a_voice_of_a_key_that_was_taken_before_it_spoke_is_none() -> None:
    """Attack 32: two stolen signing keys, one after the other is known, do not end a third agency's root."""
    found = directory()
    named = {"reason": "compromised"}
    revoke(found, revocation_token(root(POLICE), own(COUNCIL), issuer=COUNCIL, **named), 10)
    taken = revocation_token(own(COUNCIL), root(COUNCIL), agency=COUNCIL, issuer=COUNCIL, valid_until=8, **named)
    revoke(found, taken, 11)
    revoke(found, revocation_token(root(POLICE), own(TRUST), issuer=TRUST, **named), 12)
    assert can_act(found)


def test_a_signing_key_that_was_only_replaced_has_spoken_for_good() -> None:
    """What it said before its planned end counts."""
    found = directory()
    revoke(found, revocation_token(root(POLICE), own(COUNCIL), issuer=COUNCIL), 10)
    replaced = revocation_token(own(COUNCIL), root(COUNCIL), agency=COUNCIL, issuer=COUNCIL, reason="superseded")
    revoke(found, replaced, 11)
    revoke(found, revocation_token(root(POLICE), own(TRUST), issuer=TRUST), 12)
    assert not can_act(found)


def test_only_the_root_dates_the_end_of_a_signing_key_back() -> None:
    """Attack 28: the thief of a signing key ends it, and does not undo what its agency said before."""
    found = directory()
    with pytest.raises(NotCertified, match="only its agency's root"):
        found.verify_revocation(revocation_token(own(POLICE), own(POLICE), valid_until=2), 10)
    revoke(found, revocation_token(own(POLICE), own(POLICE)), 10)
    revoke(found, revocation_token(own(POLICE), root(POLICE), valid_until=2), 11)
    assert [(item.valid_until, item.refused_from) for item in found.revocations] == [(2, 10)]


def test_what_the_hub_could_take_is_told_from_what_still_counts() -> None:
    """A key that was in foreign hands: from ``valid_until`` on it does not count, from its end on nothing was taken."""
    found = directory()
    revoke(found, revocation_token(PERSON, root(POLICE), reason="lost"), 10)
    revoke(found, revocation_token(PERSON, root(POLICE), reason="compromised", valid_until=4), 20)
    asked = {"use": KeyUse.MEMBER_SIGNING, "agency": POLICE, "at": AT, "member": MEMBER}
    assert found.require_key(PERSON.public.kid, **asked, log_index=9, as_taken=True).key == PERSON.public
    for position, as_taken in ((9, False), (10, True), (None, True)):
        with pytest.raises(NotCertified, match="was revoked"):
            found.require_key(PERSON.public.kid, **asked, log_index=position, as_taken=as_taken)


def test_a_replaced_key_under_a_taken_root_is_read_with_no_more() -> None:
    """Whatever a root certified ends with it, a key that was replaced before included."""
    found = directory()
    revoke(found, revocation_token(READING, root(POLICE), reason="superseded"), 10)
    revoke(found, revocation_token(root(POLICE), root(POLICE), reason="compromised"), 12)
    again, new_root = enrolled(POLICE, " again", 20), key("Ed25519", f"root of {POLICE} again")
    found.add_agency(again)
    fresh = key("HPKE-9-KE", "fresh")
    found.add_certificate(
        certified(POLICE, KeyUse.MEMBER_HPKE, MEMBER, log_index=21, record=again, signer=new_root, certified_key=fresh)
    )
    named = {"use": KeyUse.MEMBER_HPKE, "agency": POLICE, "at": AT, "member": MEMBER}
    assert found.readable_keys(**named) == {fresh.public.kid}


def test_a_root_ends_itself_and_its_agency_enrols_again_with_another() -> None:
    """The new root speaks from then on; what the old one certified before still proves old acts."""
    found = directory()
    again = enrolled(POLICE, " again", 20)
    with pytest.raises(NotCertified, match="two root keys"):
        found.add_agency(again)
    revoke(found, revocation_token(root(POLICE), root(POLICE), reason="compromised"), 10)
    found.add_agency(again)
    newer = key("Ed25519", "newer")
    found.add_certificate(
        certified(
            POLICE, log_index=21, record=again, signer=key("Ed25519", f"root of {POLICE} again"), certified_key=newer
        )
    )
    assert found.newest_key(KeyUse.SIGNING, POLICE, AT).key == newer.public
    assert can_act(found, 9)
    assert not can_act(found)
    with pytest.raises(NotCertified, match="two root keys"):
        found.add_agency(enrolled(POLICE, "", 30))


def test_a_root_is_not_superseded_and_an_agency_does_not_change_its_kind() -> None:
    """What a rule rests on stays."""
    found = directory()
    with pytest.raises(Malformed, match="never superseded"):
        found.verify_revocation(revocation_token(root(POLICE), root(POLICE), reason="superseded"), 10)
    revoke(found, revocation_token(root(POLICE), root(POLICE)))
    with pytest.raises(NotCertified, match="before as police"):
        found.add_agency(enrolled(POLICE, " again", 20, "health"))


def test_a_member_of_the_agency_does_not_revoke_its_root_nor_does_its_signing_key() -> None:
    """The root is above them."""
    for signer in (own(POLICE), PERSON):
        with pytest.raises(NotCertified, match="may not revoke"):
            directory().verify_revocation(revocation_token(root(POLICE), signer), 10)


def test_a_copy_is_added_to_alone() -> None:
    """Others read the directory meanwhile."""
    found = directory()
    later = found.copy()
    revoke(later, revocation_token(PERSON, root(POLICE)))
    assert (can_act(found), can_act(later)) == (True, False)


def test_only_the_root_or_the_person_dates_a_persons_signing_key_back() -> None:
    """Whoever holds the agency's signing key could otherwise undo every vote of its people."""
    found = directory()
    back = {"reason": "compromised", "valid_until": 2}
    with pytest.raises(NotCertified, match="only its agency's root dates"):
        found.verify_revocation(revocation_token(PERSON, own(POLICE), **back), 10)
    for signer in (root(POLICE), PERSON):
        assert found.verify_revocation(revocation_token(PERSON, signer, **back), 10).valid_until == 2
    # A reading key signs nothing: there is nothing to undo.
    assert found.verify_revocation(revocation_token(READING, own(POLICE), **back), 10)


def test_what_ended_a_root_stays_in_a_directory_of_fewer() -> None:
    """How many are needed, too: everybody who is enrolled is one of them."""
    found = directory()
    limited = found.limited_to({POLICE, COUNCIL})
    assert set(limited.agencies) == {POLICE, COUNCIL}
    assert limited.root_quorum(POLICE) == found.root_quorum(POLICE) == 2
    with pytest.raises(NotCertified):
        limited.newest_key(KeyUse.SIGNING, TRUST, AT)
    for issuer in (TRUST, CHARITY):
        revoke(found, revocation_token(root(POLICE), own(issuer), issuer=issuer, reason="compromised"))
    assert not can_act(found)
    assert not can_act(found.limited_to({POLICE, COUNCIL}))
