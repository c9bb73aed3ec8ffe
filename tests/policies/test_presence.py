"""Since when somebody is in a case without a break: what ends it, and what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from test_membership import CARE, HEALTH, LEAD, POLICE, THREE, UNTIL, VOTER, Chain

from policies.model import Malformed, Member
from policies.presence import Who, is_from_before, present_since
from policies.vocabulary import Role

WHO: Who = (VOTER.agency, VOTER.member)
BOTH, ALONE = (LEAD, VOTER), (LEAD,)
NARROWER = replace(VOTER, until=UNTIL - timedelta(days=1))
WIDER = replace(VOTER, roles=(Role.PANEL_ADVISER, Role.PANEL_VOTING))


def since(chain: Chain) -> dict[Who, int]:
    """The same in whatever order departures were said."""
    found = present_since(chain.memberships, chain.others["departures"])
    assert present_since(chain.memberships, list(reversed(chain.others["departures"]))) == found
    return found


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ([BOTH], 0),
        ([ALONE], None),
        ([ALONE, BOTH, BOTH], 1),
        ([BOTH, ALONE], None),
        ([BOTH, ALONE, BOTH], 2),
        ([BOTH, ALONE, BOTH, ALONE, BOTH, BOTH], 4),
        ([BOTH, ALONE, (LEAD, NARROWER), (LEAD, WIDER)], 2),
        ([BOTH, (LEAD, NARROWER), BOTH, (LEAD, WIDER)], 0),
    ],
)
def test_a_list_without_somebody_ends_it_and_a_changed_entry_does_not(
    lists: list[tuple[Member, ...]], expected: int | None
) -> None:
    chain = Chain(*THREE, members=lists[0])
    for members in lists[1:]:
        chain.list(*THREE, members=members)
    assert since(chain).get(WHO) == expected
    assert since(chain)[LEAD.agency, LEAD.member] == 0


def test_a_departure_ends_it_until_a_later_list() -> None:
    """One of a person ends theirs; one of an agency that of all of its people, and its own."""
    chain = Chain(*THREE, members=BOTH).leave(HEALTH, VOTER)
    assert WHO not in since(chain)
    assert since(chain)[HEALTH, None] == 0
    assert since(chain.list(*THREE, members=BOTH))[WHO] == 1
    chain.leave(HEALTH)
    assert {agency for agency, _ in since(chain)} == {CARE, POLICE}
    chain.list(*THREE, members=BOTH)
    assert (since(chain)[WHO], since(chain)[HEALTH, None], since(chain)[CARE, None]) == (2, 2, 0)


def test_an_agency_that_was_not_listed_is_new_with_its_people() -> None:
    chain = Chain(*THREE, members=BOTH).list(CARE, POLICE).list(*THREE, members=BOTH)
    assert (since(chain)[HEALTH, None], since(chain)[WHO], since(chain)[POLICE, None]) == (2, 2, 0)


def test_a_departure_from_another_agencys_person_or_an_unknown_list_ends_nothing() -> None:
    chain = Chain(*THREE, members=BOTH).leave(POLICE, VOTER)
    assert since(chain)[WHO] == 0
    chain.memberships[-1] = replace(chain.memberships[-1], digest="f" * 64)
    chain.leave(HEALTH, VOTER)
    chain.memberships[-1] = replace(chain.memberships[-1], digest="0" * 64)
    assert since(chain)[WHO] == 0


def test_a_departure_of_another_form_is_refused() -> None:
    chain = Chain(*THREE, members=BOTH).leave(HEALTH, VOTER)
    said = chain.others["departures"][0]
    broken = replace(said, members={**said.members, "members": []})
    with pytest.raises(Malformed, match="departure members"):
        present_since(chain.memberships, [broken])


def test_what_stands_before_the_return_is_from_before() -> None:
    held = {WHO: 2}
    assert [is_from_before(held, WHO, position) for position in (-1, 1, 2, 3)] == [True, True, False, False]
    # Of somebody who was there all along nothing is, wherever it stands; nor of who is out: policy refuses them.
    assert not is_from_before({WHO: 0}, WHO, 0)
    assert not is_from_before({}, WHO, 0)
