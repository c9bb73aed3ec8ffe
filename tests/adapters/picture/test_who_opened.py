"""Who opened what: whoever leads or chairs sees each person of the case, others themselves; not known is not "no"."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from invented_case import AT, COUNCIL, HEALTH, POLICE, case_view
from lxml import html

from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.picture.use import NOT_KNOWN, NOT_OPENED, SEE_EVERYBODY, Openers
from adapters.picture.view import CaseView, Reading, ReadingsKnown
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Role

ME, VOTER, GONE = "ab" * 16, "cd" * 16, "ef" * 16
LAST = datetime(2026, 5, 31, 23, 30, tzinfo=UTC)
READINGS = (
    Reading(HEALTH, VOTER, "panel_review", LAST, 3, 4),
    Reading(COUNCIL, ME, "nrm_referral", LAST, 1, 1),
    Reading(POLICE, None, "safeguarding", LAST, 1, 2),
    Reading(HEALTH, VOTER, "safeguarding", LAST, 1, 1),
)


def view_of(*roles: Role, readings: tuple[Reading, ...] | None = READINGS) -> CaseView:
    view = case_view()
    members = (
        *view.case.membership.members,
        Member(AgencyId(HEALTH), MemberId(VOTER), (Role.PANEL_VOTING,), AT + timedelta(days=1)),
        Member(AgencyId(POLICE), MemberId("12" * 16), (Role.PANEL_ADVISER,), AT + timedelta(days=1)),
        Member(AgencyId(POLICE), MemberId(GONE), (Role.PANEL_VOTING,), AT),
    )
    case = replace(view.case, membership=replace(view.case.membership, members=members))
    return replace(view, case=case, reader_roles=roles, readings=readings)


@pytest.mark.parametrize("role", sorted(SEE_EVERYBODY))
def test_whoever_leads_or_chairs_sees_each_person_of_the_case(role: Role) -> None:
    """Each purpose in words, the time by UK clocks; nothing known of somebody is said as that."""
    found = assemble(view_of(role)).record_of_use.openers
    assert [(row.agency, row.member, row.roles, row.opened) for row in found.rows] == [
        (COUNCIL, ME, ("lead_professional",),
         "once on 1 June 2026, 00:30 BST, for: National Referral Mechanism referral; 1 record"),
        (HEALTH, VOTER, ("panel_voting",),
         "3 times, last on 1 June 2026, 00:30 BST, for: review by the panel; at most 4 records at a time; "
         "once on 1 June 2026, 00:30 BST, for: safeguarding; 1 record"),
        (POLICE, "12" * 16, ("panel_adviser",), NOT_KNOWN),
        (POLICE, None, (), "once on 1 June 2026, 00:30 BST, for: safeguarding; 2 records"),
    ]  # fmt: skip
    assert [row.is_reader for row in found.rows] == [True, False, False, False]
    assert "what Northshire Council itself shared" in found.sentence
    assert "does not mean that they have not read" in found.sentence


def known(since: datetime | None, erased: int = 0, role: Role = Role.PANEL_CHAIR) -> Openers:
    view = replace(view_of(role), readings_known=ReadingsKnown(since, erased))
    return assemble(view).record_of_use.openers


def test_a_whole_list_says_so_and_who_has_not_opened_it() -> None:
    found = known(None)
    assert found.sentence.endswith("whoever opened it. No entry is missing.")
    assert [row.opened for row in found.rows if row.member == "12" * 16] == [NOT_OPENED]


@pytest.mark.parametrize(
    ("since", "erased", "said"),
    [
        (LAST, 0, "From 1 June 2026, 00:30 BST on every opening of the case by anybody stands here"),
        (None, 1, "1 entry of the case was erased before it was read here"),
        (LAST, 2, "2 entries of the case were erased before they were read here"),
    ],
)
def test_a_list_that_is_not_whole_says_from_when_on_and_claims_nothing_of_anybody(
    since: datetime | None, erased: int, said: str
) -> None:
    found = known(since, erased)
    assert said in found.sentence
    assert "No entry is missing" not in found.sentence
    assert [row.opened for row in found.rows if row.member == "12" * 16] == [NOT_KNOWN]


def test_a_member_of_the_panel_sees_themselves_however_much_is_known() -> None:
    found = known(None, role=Role.PANEL_VOTING)
    assert [(row.agency, row.member) for row in found.rows] == [(COUNCIL, ME)]
    assert "Here stands when you opened the case." in found.sentence


@pytest.mark.parametrize("role", sorted(set(Role) - SEE_EVERYBODY))
def test_others_see_only_themselves(role: Role) -> None:
    found = assemble(view_of(role)).record_of_use.openers
    assert [(row.agency, row.member) for row in found.rows] == [(COUNCIL, ME)]
    assert "is shown to whoever leads it or chairs its panel" in found.sentence


def test_a_person_of_another_agency_with_the_same_id_is_somebody_else() -> None:
    other = Reading(POLICE, ME, "panel_review", LAST, 1, 1)
    assert assemble(view_of(Role.PANEL_VOTING, readings=(other,))).record_of_use.openers.rows == ()


def test_where_the_log_was_not_asked_nothing_is_claimed() -> None:
    found = assemble(view_of(Role.PANEL_CHAIR, readings=None)).record_of_use.openers
    assert (found.sentence, found.rows) == ("Who else opened the case is not told here.", ())


def test_the_page_shows_it_in_the_record_of_use() -> None:
    tree = html.fromstring(render_page(assemble(view_of(Role.PANEL_CHAIR))))
    (table,) = tree.xpath("//section[@aria-labelledby='use']//table")
    lines = [" ".join(row.text_content().split()) for row in table.xpath("./tbody/tr")]
    assert lines[0].startswith("Northshire Council, member abababab (you)")
    assert lines[2] == "Northshire Police, member 12121212panel adviser" + NOT_KNOWN
    assert lines[3].startswith("Northshire Police, its intakenot listed in the case now")
