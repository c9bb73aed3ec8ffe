"""Who takes part: acceptances, a second agency's endorsement, hand-over, departures, and what a replay is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from policies.membership import CaseStatements, Said, Standing, standing_of, widens
from policies.model import AgencyId, CaseId, Malformed, Member, MemberId, Membership
from policies.vocabulary import AgencyKind, AgePath, AgeSource, CaseStage, Role

UNTIL = datetime(2026, 6, 30, tzinfo=UTC)
CASE = CaseId("c" * 32)
CARE, POLICE, HEALTH, CHARITY = (AgencyId(name) for name in ("care", "police", "health", "charity"))
KINDS = {
    CARE: AgencyKind.SOCIAL_CARE,
    POLICE: AgencyKind.POLICE,
    HEALTH: AgencyKind.HEALTH,
    CHARITY: AgencyKind.CHARITY,
}
LEAD = Member(CARE, MemberId("1" * 32), (Role.LEAD_PROFESSIONAL,), UNTIL)
CHAIR = Member(POLICE, MemberId("2" * 32), (Role.PANEL_CHAIR, Role.PANEL_VOTING), UNTIL)
VOTER = Member(HEALTH, MemberId("3" * 32), (Role.PANEL_VOTING,), UNTIL)
WORKER = Member(CHARITY, MemberId("4" * 32), (Role.PRACTITIONER,), UNTIL)
THREE = (CARE, POLICE, HEALTH)
FOUR = (*THREE, CHARITY)


class Chain:
    """A case as its agencies say it. Each method is one statement; ``standing`` is what follows from all of them."""

    def __init__(self, *agencies: AgencyId, members: Sequence[Member] = (LEAD,)) -> None:
        self.memberships: list[Said] = []
        self.others: dict[str, list[Said]] = {"acceptances": [], "endorsements": [], "departures": []}
        self.list(*agencies, members=members)

    @property
    def newest(self) -> Membership:
        """The newest membership as signed."""
        return Membership.from_json(self.memberships[-1].members)

    def digest(self, number: int = -1) -> str:
        """The digest of a membership."""
        return self.memberships[number].digest

    def list(
        self,
        *agencies: AgencyId,
        members: Sequence[Member] = (LEAD,),
        lead: AgencyId = CARE,
        by: AgencyId | None = None,
    ) -> Chain:
        """The next membership."""
        number = len(self.memberships)
        membership = Membership(
            case=CASE,
            sequence=number,
            previous=self.memberships[-1].digest if number else None,
            lead=lead,
            age_path=AgePath.CHILD,
            age_source=AgeSource.STATED,
            case_stage=CaseStage.REFERRED,
            agencies=tuple((agency, KINDS[agency]) for agency in agencies),
            members=tuple(members),
        )
        self.memberships.append(Said(f"{number:064x}", by or CARE, membership.to_json()))
        return self

    def hand_over(self, lead: AgencyId, by: AgencyId = CARE) -> Chain:
        """The next membership, with another lead and otherwise the same."""
        newest = self.newest
        return self.list(*[agency for agency, _ in newest.agencies], members=newest.members, lead=lead, by=by)

    def accept(self, *entries: Member, issuer: AgencyId, number: int = -1) -> Chain:
        """An agency's acceptance of a membership."""
        members = {"membership": self.digest(number), "members": [entry.to_json() for entry in entries]}
        return self._say("acceptances", issuer, members)

    def endorse(self, issuer: AgencyId, number: int = -1) -> Chain:
        """An agency's endorsement of a membership."""
        return self._say("endorsements", issuer, {"membership": self.digest(number)})

    def leave(self, issuer: AgencyId, *people: Member, number: int = -1) -> Chain:
        """An agency's departure, whole or of people."""
        members = [person.member for person in people] or None
        return self._say("departures", issuer, {"membership": self.digest(number), "members": members})

    def _say(self, kind: str, issuer: AgencyId, members: dict[str, Any]) -> Chain:
        self.others[kind].append(Said("e" * 64, issuer, members))
        return self

    @property
    def standing(self) -> Standing:
        """Who takes part; the same in whatever order it was said."""
        found = standing_of(CaseStatements(self.memberships, **self.others))
        reversed_ = {name: list(reversed(said)) for name, said in self.others.items()}
        assert standing_of(CaseStatements(self.memberships, **reversed_)) == found
        return found

    @property
    def agencies(self) -> set[str]:
        """Which agencies take part."""
        return {str(agency) for agency, _ in self.standing.effective.agencies}

    @property
    def people(self) -> set[str]:
        """The agencies of the people who count."""
        return {agency for agency, _ in self.standing.accepted}


# --- people ---

BOTH, ALONE = (LEAD, VOTER), (LEAD,)
NARROWER = replace(VOTER, until=UNTIL - timedelta(days=1))
WIDER = replace(VOTER, roles=(Role.PANEL_ADVISER, Role.PANEL_VOTING))


@pytest.mark.parametrize(
    ("lists", "accepted", "counts"),
    [
        ([BOTH], [(0, VOTER)], True),
        ([BOTH], [], False),
        ([BOTH], [(0, WIDER)], False),
        ([BOTH, BOTH, BOTH], [(0, VOTER)], True),
        ([BOTH, ALONE, BOTH], [(0, VOTER)], False),
        ([BOTH, ALONE, BOTH], [(0, VOTER), (2, VOTER)], True),
        ([BOTH, (LEAD, WIDER), BOTH], [(0, VOTER)], False),
        ([BOTH, (LEAD, NARROWER), BOTH], [(0, VOTER), (1, NARROWER)], False),
        ([BOTH, (LEAD, NARROWER)], [(0, VOTER), (1, NARROWER)], True),
        ([ALONE, BOTH], [(0, VOTER)], False),
        ([ALONE, BOTH, (LEAD, CHAIR, VOTER)], [(1, VOTER)], True),
    ],
)
def test_an_acceptance_counts_while_its_entry_stands_unbroken(
    lists: list[tuple[Member, ...]], accepted: list[tuple[int, Member]], counts: bool
) -> None:
    """From the list it names onwards; taken out, or changed in between, means to be asked again (attack 20)."""
    chain = Chain(*THREE, members=lists[0])
    for members in lists[1:]:
        chain.list(*THREE, members=members)
    for number, entry in accepted:
        chain.accept(entry, issuer=HEALTH, number=number)
    assert chain.people == ({CARE, HEALTH} if counts else {CARE})


def test_nobody_accepts_for_another_agency() -> None:
    """Nor for a list that is not of this case."""
    chain = Chain(*THREE, members=BOTH).accept(VOTER, issuer=POLICE)
    assert chain.people == {CARE}
    chain.others["acceptances"].append(Said("e" * 64, HEALTH, {"membership": "7" * 64, "members": [VOTER.to_json()]}))
    assert chain.people == {CARE}


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("acceptances", {"membership": [], "members": []}),
        ("acceptances", {"membership": None, "members": []}),
        ("acceptances", {"membership": "0" * 64, "members": {}}),
        ("acceptances", {"membership": "0" * 64, "members": [1]}),
        ("endorsements", {"membership": None}),
        ("endorsements", {"membership": "list"}),
        ("departures", {"membership": 1, "members": None}),
        ("departures", {"membership": "0" * 64, "members": []}),
        ("departures", {"membership": "0" * 64, "members": "1" * 32}),
        ("departures", {"membership": "0" * 64, "members": ["name"]}),
        ("departures", {"membership": "0" * 64, "members": ["1" * 32, "1" * 32]}),
        ("departures", {"membership": "0" * 64, "members": ["2" * 32, "1" * 32]}),
    ],
)
def test_a_statement_of_another_form_is_refused(kind: str, members: dict[str, Any]) -> None:
    """Wrong types are named, not run into."""
    chain = Chain(*THREE)
    chain.others[kind].append(Said("e" * 64, HEALTH, members))
    with pytest.raises(Malformed):
        _ = chain.standing


def test_a_case_needs_a_membership() -> None:
    """Without a list there is nobody."""
    with pytest.raises(Malformed, match="no membership"):
        standing_of(CaseStatements(()))


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [(VOTER, None, True), (VOTER, VOTER, False), (NARROWER, VOTER, False), (WIDER, VOTER, True), (VOTER, WIDER, False)],
)
def test_what_widens_an_entry(new: Member, old: Member | None, expected: bool) -> None:
    """A new person, another role, a later end."""
    assert widens(new, old) is expected


# --- agencies ---


def test_an_agency_waits_until_a_second_one_endorses_it() -> None:
    """Attack 86: the lead alone adds nobody; its people count for nothing either, accepted or not."""
    chain = Chain(*THREE).list(*FOUR, members=(LEAD, WORKER)).accept(WORKER, issuer=CHARITY)
    assert chain.agencies == set(THREE)
    assert chain.people == {CARE}
    assert chain.standing.waiting == ((CHARITY, AgencyKind.CHARITY),)
    assert chain.standing.may_endorse == {POLICE, HEALTH}
    chain.endorse(CARE).endorse(CHARITY)
    assert chain.agencies == set(THREE)
    chain.endorse(HEALTH)
    assert chain.agencies == set(FOUR)
    assert chain.people == {CARE, CHARITY}
    assert (chain.standing.waiting, chain.standing.may_endorse) == ((), frozenset())


@pytest.mark.parametrize("first", [2, 3])
def test_an_endorsement_is_of_one_list_and_holds_while_it_is_not_broken(first: int) -> None:
    """Taken out and listed again: an endorsement of the list before is worth nothing (attack 21)."""
    chain = Chain(*THREE).list(*FOUR).endorse(HEALTH)
    for _ in range(first - 1):
        chain.list(*FOUR)
    assert chain.agencies == set(FOUR)
    chain.list(*THREE)
    assert chain.agencies == set(THREE)
    chain.list(*FOUR)
    assert chain.agencies == set(THREE)
    assert chain.endorse(POLICE).agencies == set(FOUR)


def test_an_endorsement_of_an_earlier_list_adds_nobody_listed_later() -> None:
    """What somebody endorsed is the list they saw."""
    chain = Chain(CARE, POLICE).list(*THREE).list(*FOUR).endorse(POLICE, number=1)
    assert chain.agencies == set(THREE)
    assert chain.standing.waiting == ((CHARITY, AgencyKind.CHARITY),)


def test_whoever_waits_endorses_nobody() -> None:
    """Two strangers of the lead do not bring each other in."""
    chain = Chain(CARE, POLICE).list(*FOUR).endorse(HEALTH).endorse(CHARITY)
    assert chain.agencies == {CARE, POLICE}


def test_the_opening_and_the_first_agency_need_nobody() -> None:
    """Before anybody else takes part there is nothing of anybody else's; of two at once neither is the first."""
    assert Chain(*FOUR).agencies == set(FOUR)
    assert Chain(CARE).list(CARE, POLICE).agencies == {CARE, POLICE}
    with pytest.raises(Malformed, match="the first agency is added alone"):
        _ = Chain(CARE).list(CARE, POLICE, HEALTH).standing
    assert Chain(CARE).list(CARE, POLICE).list(*THREE).agencies == {CARE, POLICE}


@pytest.mark.parametrize("opened", [(CARE, POLICE), (CARE,)])
def test_a_lead_that_made_itself_alone_adds_nobody(opened: tuple[AgencyId, ...]) -> None:
    """Everybody taken out first, then a stranger: others have taken part, so it is not the first agency any more."""
    chain = Chain(*opened)
    if len(opened) == 1:
        chain.list(CARE, POLICE)
    chain.list(CARE)
    assert chain.agencies == {CARE}
    with pytest.raises(Malformed, match="open a new case"):
        _ = chain.list(CARE, CHARITY).standing


def test_an_agency_and_its_only_endorser_are_not_exchanged() -> None:
    """A list that takes the last other agency out cannot add one; taking somebody out is never held up by one."""
    with pytest.raises(Malformed, match="open a new case"):
        _ = Chain(CARE, POLICE).list(CARE, CHARITY).standing
    chain = Chain(CARE, POLICE).list(CARE, POLICE, CHARITY).list(CARE, CHARITY)
    assert chain.agencies == {CARE}


# --- the lead ---


def test_a_hand_over_needs_the_successor_and_another_agency() -> None:
    """Attack 86: until both have endorsed this very list the old lead leads; each order is the same."""
    for order in permutations((HEALTH, POLICE)):
        chain = Chain(*THREE, members=BOTH).accept(VOTER, issuer=HEALTH).hand_over(HEALTH)
        assert (chain.standing.effective.lead, chain.standing.successor) == (CARE, HEALTH)
        assert chain.standing.may_endorse == {HEALTH, POLICE}
        chain.endorse(CARE).endorse(order[0])
        assert chain.standing.effective.lead == CARE
        assert chain.standing.may_endorse == {order[1]}
        chain.endorse(order[1])
        assert (chain.standing.effective.lead, chain.standing.successor) == (HEALTH, None)
        assert chain.people == {CARE, HEALTH}


def test_in_a_case_of_two_the_successor_is_the_second_agency() -> None:
    """Both have signed, and there is nobody else."""
    chain = Chain(CARE, HEALTH).hand_over(HEALTH)
    assert chain.standing.effective.lead == CARE
    assert chain.endorse(HEALTH).standing.effective.lead == HEALTH


def test_a_hand_over_changes_nothing_else_and_leads_to_who_takes_part() -> None:
    """So that whoever endorses it endorses that."""
    with pytest.raises(Malformed, match="nothing but the lead"):
        _ = Chain(*THREE).list(*FOUR, lead=HEALTH).standing
    with pytest.raises(Malformed, match="nothing but the lead"):
        _ = Chain(*THREE).list(*THREE, members=BOTH, lead=HEALTH).standing
    with pytest.raises(Malformed, match="an agency that takes part"):
        _ = Chain(*THREE).list(*FOUR).hand_over(CHARITY).standing


def test_who_leads_signs_the_next_list() -> None:
    """Before the hand-over counts the old lead, which takes it back by that; afterwards the new one only."""
    chain = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH)
    chain.list(*THREE)
    assert (chain.standing.effective.lead, chain.standing.successor) == (CARE, None)
    chain = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH).endorse(POLICE)
    with pytest.raises(Malformed, match="not signed by the lead"):
        _ = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH).endorse(POLICE).list(*THREE).standing
    chain.list(POLICE, HEALTH, members=(), lead=HEALTH, by=HEALTH)
    assert chain.agencies == {POLICE, HEALTH}
    with pytest.raises(Malformed, match="not signed by the lead"):
        _ = Chain(*THREE).list(*THREE, lead=HEALTH, by=HEALTH).standing


def test_the_old_leads_people_stay_and_new_ones_are_accepted() -> None:
    """What the old lead signed is its own word for its people; for others of it the new lead has none."""
    other = replace(LEAD, member=MemberId("9" * 32))
    chain = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH).endorse(POLICE)
    chain.list(*THREE, members=(LEAD, other, VOTER), lead=HEALTH, by=HEALTH)
    assert chain.standing.accepted == {(CARE, LEAD.member), (HEALTH, VOTER.member)}
    chain.accept(LEAD, other, issuer=CARE)
    assert (CARE, other.member) in chain.standing.accepted


# --- leaving ---


def test_an_agency_leaves_by_its_own_statement() -> None:
    """At once, with its people; relisted by the lead alone it is not back, and its old words do not bring it back."""
    chain = Chain(*THREE, members=BOTH).accept(VOTER, issuer=HEALTH).leave(HEALTH)
    assert chain.agencies == {CARE, POLICE}
    assert chain.people == {CARE}
    chain.accept(VOTER, issuer=HEALTH, number=0)
    assert chain.people == {CARE}
    chain.list(*THREE, members=BOTH).accept(VOTER, issuer=HEALTH, number=0).endorse(POLICE, number=0)
    assert chain.agencies == {CARE, POLICE}
    assert chain.people == {CARE}
    assert chain.endorse(POLICE).agencies == set(THREE)
    assert chain.people == {CARE}
    assert chain.accept(VOTER, issuer=HEALTH).people == {CARE, HEALTH}


def test_an_agency_takes_its_own_people_out() -> None:
    """Only its own; they stay out until a later list has them and the agency accepts that one."""
    chain = Chain(*THREE, members=(LEAD, CHAIR, VOTER)).accept(VOTER, issuer=HEALTH).accept(CHAIR, issuer=POLICE)
    chain.leave(POLICE, VOTER)
    assert chain.people == {CARE, POLICE, HEALTH}
    chain.leave(HEALTH, VOTER)
    assert chain.people == {CARE, POLICE}
    assert chain.standing.effective.find_member(HEALTH, VOTER.member) is None
    chain.list(*THREE, members=(LEAD, CHAIR, VOTER))
    assert chain.people == {CARE, POLICE}
    assert chain.accept(VOTER, issuer=HEALTH).people == {CARE, POLICE, HEALTH}


def test_what_somebody_endorsed_before_they_left_holds() -> None:
    """It was a member agency's word then; who has left endorses nothing new."""
    chain = Chain(*THREE).list(*FOUR).endorse(HEALTH).leave(HEALTH)
    assert chain.agencies == {CARE, POLICE, CHARITY}
    chain = Chain(*THREE).list(*FOUR).leave(HEALTH)
    assert chain.standing.may_endorse == {POLICE}


def test_the_lead_leaves_by_handing_over() -> None:
    """A case without a lead has nobody to take people out."""
    with pytest.raises(Malformed, match="hands over the lead before it leaves"):
        _ = Chain(*THREE).leave(CARE).standing
    chain = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH).endorse(POLICE).leave(CARE)
    assert (chain.standing.effective.lead, chain.agencies) == (HEALTH, {POLICE, HEALTH})


def test_who_has_left_takes_no_lead_over() -> None:
    """Even with everybody's endorsement."""
    chain = Chain(*THREE).hand_over(HEALTH).endorse(HEALTH).leave(HEALTH).endorse(POLICE)
    assert (chain.standing.effective.lead, chain.standing.successor) == (CARE, None)


def test_the_next_list_is_made_from_who_remains() -> None:
    """Who waits stays listed, who left does not."""
    chain = Chain(*THREE, members=BOTH).list(*FOUR, members=(LEAD, VOTER, WORKER)).leave(HEALTH)
    remaining = chain.standing.remaining
    assert [agency for agency, _ in remaining.agencies] == [CARE, POLICE, CHARITY]
    assert remaining.members == (LEAD, WORKER)
