"""Which releases our own disclosures show to have been to everybody: only where nothing else can have been meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from adapters.cases import VerifiedCase
from adapters.release.bases import default_basis
from adapters.release.offers_again import find_offers
from keys.statements import Statement
from policies.model import AgencyId, CaseId, FragmentId, Handling, Header, Member, MemberId, Membership
from policies.vocabulary import AgencyKind, AgePath, AgeSource, CaseStage, Category, Purpose, Role

OPENED = (AgePath.CHILD, AgeSource.STATED, CaseStage.REFERRED)
CASE, FRAGMENT, DIGEST, FIRST, SECOND = "c" * 32, "f" * 32, "d" * 64, "1" * 64, "2" * 64
CARE, POLICE, HEALTH = "fern-care", "fern-police", "fern-health"
LEAD, CHAIR, VOTER, NEW = ((CARE, "1" * 32), (POLICE, "2" * 32), (HEALTH, "3" * 32), (POLICE, "4" * 32))
REVIEW, REFERRAL = Purpose.PANEL_REVIEW, Purpose.NRM_REFERRAL
UNTIL = datetime(2027, 1, 1, tzinfo=UTC)
BASIS = default_basis(AgencyKind.SOCIAL_CARE, Category.CONCERN, REVIEW)


def membership(digest: str, *people: tuple[str, str]) -> Any:
    members = tuple(
        Member(AgencyId(agency), MemberId(name), (Role.PANEL_VOTING,), UNTIL) for agency, name in sorted(people)
    )
    agencies = (
        (AgencyId(CARE), AgencyKind.SOCIAL_CARE),
        (AgencyId(HEALTH), AgencyKind.HEALTH),
        (AgencyId(POLICE), AgencyKind.POLICE),
    )
    number = 0 if digest == FIRST else 1
    previous = None if digest == FIRST else FIRST
    made = Membership(
        CaseId(CASE),
        number,
        previous,
        AgencyId(CARE),
        AgePath.CHILD,
        AgeSource.STATED,
        CaseStage.REFERRED,
        agencies,
        members,
    )
    return SimpleNamespace(digest=digest, issuer=CARE, members=made.to_json())


def case(*memberships: Any, accepted: tuple[tuple[str, str], ...] = (CHAIR, VOTER, NEW)) -> VerifiedCase:
    acceptances = [SimpleNamespace(issuer=agency, members={"members": [{"member": name}]}) for agency, name in accepted]
    listed = memberships or (membership(FIRST, LEAD, CHAIR, VOTER),)
    return cast(VerifiedCase, SimpleNamespace(membership=listed, acceptances=acceptances))


def told(
    who: tuple[str, str | None],
    *purposes: Purpose,
    code: str | None = None,
    named: str = FIRST,
    basis: Any = BASIS,
) -> Statement:
    """A disclosure to somebody: given for these purposes, or not given with a code."""
    said = {
        "recipient_agency": who[0],
        "recipient_member": who[1],
        "membership": named,
        "bases": [replace(basis, purpose=purpose).to_json() for purpose in purposes],
        "items": [{"fragment": FRAGMENT, "basis": number} for number in range(len(purposes))],
        "not_given": [] if code is None else [{"sha256": DIGEST, "code": code}],
    }
    return cast(Statement, SimpleNamespace(members=said))


def found(
    *disclosures: Statement, of: VerifiedCase | None = None, category: Category = Category.CONCERN
) -> set[Purpose]:
    header = Header(FragmentId(FRAGMENT), CaseId(CASE), AgencyId(CARE), category, Handling(), 1, None, UNTIL, "0" * 64)
    offers = find_offers(of or case(), CARE, {FRAGMENT: (DIGEST, header)}, disclosures)
    assert {fragment for fragment, _ in offers} <= {FRAGMENT}
    return {purpose for _, purpose in offers}


def test_everybody_was_given_it_or_told_why_not() -> None:
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, REVIEW)) == {REVIEW}
    for code in ("policy", "consent"):
        assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, code=code)) == {REVIEW}


def test_somebody_who_was_told_held_or_nothing_was_not_asked_about() -> None:
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, code="held")) == set()
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW)) == set()
    # The newest word counts: held then, refused by policy since it was released to all.
    first = told(VOTER, code="held")
    assert found(first, told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, code="policy")) == {REVIEW}


def test_a_refusal_speaks_for_one_purpose_only() -> None:
    """Of two it could be the other's: released to all for the one, to named people for the other."""
    both = (told(LEAD, REVIEW, REFERRAL), told(CHAIR, REVIEW, REFERRAL))
    assert found(*both, told(VOTER, code="policy")) == set()
    assert found(*both, told(VOTER, REVIEW)) == {REVIEW}


def test_of_one_reader_alone_nobody_can_say() -> None:
    alone = case(membership(FIRST, CHAIR))
    assert found(told(CHAIR, REVIEW), of=alone) == set()


def test_who_was_never_accepted_was_not_to_be_asked_about() -> None:
    waiting = case(accepted=(CHAIR,))
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), of=waiting) == {REVIEW}


def test_who_came_later_says_nothing_of_the_release() -> None:
    grown = case(membership(FIRST, LEAD, CHAIR, VOTER), membership(SECOND, LEAD, CHAIR, VOTER, NEW))
    shared = (told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, REVIEW))
    assert found(*shared, of=grown) == {REVIEW}
    # Released under the second list, everybody of it counts.
    later = [told(who, REVIEW, named=SECOND) for who in (LEAD, CHAIR, VOTER)]
    assert found(*later, of=grown) == set()


def test_two_bases_are_no_one_release() -> None:
    other = replace(BASIS, expires_at=UNTIL)
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, REVIEW, basis=other)) == set()
    released = replace(BASIS, originator_release=True)
    assert found(told(LEAD, REVIEW), told(CHAIR, REVIEW), told(VOTER, REVIEW, basis=released)) == {REVIEW}


def test_intakes_are_asked_about_for_cards_only() -> None:
    shared = [told(who, REVIEW) for who in (LEAD, CHAIR, VOTER)]
    assert found(*shared, category=Category.SUBJECT_CARD) == set()
    intakes = [told((agency, None), REVIEW) for agency in (POLICE, HEALTH)]
    assert found(*shared, *intakes, category=Category.SUBJECT_CARD) == {REVIEW}
