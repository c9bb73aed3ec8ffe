"""What a case's statements must say to be believed: agencies as they are enrolled, people as they are certified."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseRefused, verify_case
from keys.jose import statement_digest
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.model import render_time
from policies.vocabulary import Role
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

CASE = "c" * 32
AGENCIES = ((CARE, "social_care"), (POLICE, "police"), (HEALTH, "health"), (CHARITY, "charity"))


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy whose directory everybody has followed."""
    made = make_scene().embed()
    made.witness()
    return made


def entry(scene: Scene, agency: str, label: str, *roles: str, days: int = 30) -> dict[str, Any]:
    """A member's entry."""
    until = render_time(now() + timedelta(days=days))
    return {"agency": agency, "member": scene[agency].people.get(label, label), "roles": list(roles), "until": until}


def signed(scene: Scene, agency: str, kind: StatementType, members: dict[str, Any], days: int = 0) -> str:
    """A statement by an agency's own key."""
    return make_statement(
        kind,
        members,
        issuer=agency,
        signer=scene[agency].keys.keys[KeyUse.SIGNING.value],
        issued_at=now() + timedelta(days=days),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )


def membership(scene: Scene, *entries: dict[str, Any], before: str | None = None, days: int = 0, **changed: Any) -> str:
    """A membership led by care."""
    members = {
        "case": CASE,
        "sequence": 0 if before is None else 1,
        "previous": None if before is None else statement_digest(before),
        "lead": CARE,
        "age_path": "child",
        "age_source": "stated",
        "case_stage": "before_referral",
        "agencies": [{"agency": agency, "kind": kind} for agency, kind in AGENCIES],
        "members": list(entries),
        **changed,
    }
    return signed(scene, CARE, StatementType.MEMBERSHIP, members, days)


def acceptance(scene: Scene, token: str, agency: str, *entries: dict[str, Any]) -> str:
    """An agency's acceptance of its entries."""
    members = {"case": CASE, "membership": statement_digest(token), "members": list(entries)}
    return signed(scene, agency, StatementType.ACCEPTANCE, members)


def verify(scene: Scene, *memberships: str, acceptances: tuple[str, ...] = ()) -> frozenset[tuple[str, str]]:
    """Verify as the police do; return who counts."""
    answer = {
        "membership": list(memberships),
        "acceptances": list(acceptances),
        "endorsements": [],
        "departures": [],
        "consents": [],
        "refusals": [],
        "opened_at": render_time(now()),
    }
    return verify_case(CASE, answer, scene[POLICE].follower.directory()).state.accepted


def test_an_agency_takes_part_as_what_it_is_enrolled_as(scene: Scene) -> None:
    """A charity that the lead lists as health would be given what the rules give to health (attack 2)."""
    wrong = [{"agency": agency, "kind": "health" if agency == CHARITY else kind} for agency, kind in AGENCIES]
    with pytest.raises(CaseRefused, match="fern-charity is listed as health and enrolled as charity"):
        verify(scene, membership(scene, agencies=wrong))
    first = membership(scene, agencies=wrong)
    with pytest.raises(CaseRefused, match="enrolled as charity"):
        verify(scene, first, membership(scene, before=first))
    with pytest.raises(CaseRefused, match="not-enrolled is not enrolled"):
        verify(scene, membership(scene, agencies=[*wrong[:1], {"agency": "not-enrolled", "kind": "police"}]))
    assert verify(scene, membership(scene)) == frozenset()


@pytest.mark.parametrize(
    ("agency", "label", "roles"),
    [
        (CARE, "a" * 32, ("practitioner",)),
        (CARE, "lead", ("panel_voting",)),
        (CARE, "lead", ("lead_professional", "panel_chair")),
        (POLICE, "constable", ("panel_chair",)),
        (HEALTH, "voter", ("panel_chair", "panel_voting")),
    ],
)
def test_whoever_counts_is_certified_for_the_roles(
    scene: Scene, agency: str, label: str, roles: tuple[str, ...]
) -> None:
    """By their own agency, all of them; a stranger, or one role too many, and nothing of the case is believed."""
    wrong = entry(scene, agency, label, *roles)
    token = membership(scene, wrong)
    accepted = () if agency == CARE else (acceptance(scene, token, agency, wrong),)
    with pytest.raises(CaseRefused, match="is not certified by"):
        verify(scene, token, acceptances=accepted)


def test_whoever_is_listed_and_does_not_count_stops_nothing(scene: Scene) -> None:
    """What the lead lists and nobody accepted gives nothing; the others are believed."""
    chair = entry(scene, POLICE, "chair", "panel_chair")
    token = membership(scene, chair, entry(scene, HEALTH, "b" * 32, "panel_voting"))
    assert verify(scene, token, acceptances=(acceptance(scene, token, POLICE, chair),)) == {
        (POLICE, scene[POLICE].people["chair"])
    }


def test_a_certificate_is_looked_up_for_what_first_gave_the_role(scene: Scene) -> None:
    """When it has run out, an entry that stays or is narrowed is still believed; one that gives more is not."""
    now_listed = entry(scene, CARE, "lead", "lead_professional", days=900)
    shorter = {**now_listed, "until": render_time(now() + timedelta(days=800))}
    longer = {**now_listed, "until": render_time(now() + timedelta(days=1000))}
    first = membership(scene, now_listed)
    lead = (CARE, scene[CARE].people["lead"])
    for entries in ([now_listed], [shorter]):
        assert verify(scene, first, membership(scene, *entries, before=first, days=400)) == {lead}
    with pytest.raises(CaseRefused, match="is not certified by"):
        verify(scene, first, membership(scene, longer, before=first, days=400))


def test_a_lead_lists_nobody_whom_its_own_log_does_not_certify(scene: Scene) -> None:
    """It would make a case that nobody else believes: it is told before it is sent."""
    care = scene[CARE]
    entries = scene.log_types()
    members = list(care.book.load(scene.main).state.membership.members)
    wider = [replace(item, roles=tuple(sorted({*item.roles, Role.ICTG}))) for item in members]
    with pytest.raises(CaseRefused, match="is not certified by"):
        care.book.change_members(scene.main, wider)
    assert scene.log_types() == entries
