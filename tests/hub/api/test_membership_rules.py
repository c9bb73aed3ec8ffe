"""What the hub takes of who takes part: endorsements, hand-overs, departures; and what it answers to all others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from adapters.membership import plan_addition, plan_departure, plan_endorsement, plan_hand_over
from hub.audit import read_audit, render_audit
from hub.exchange import room
from hub.setting_up import verify_hub
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.membership import Standing
from policies.model import AgencyId
from policies.vocabulary import AgencyKind
from tests.hub.api.test_push_refused import resign, submit
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, now

INVITED = ((AgencyId(CHARITY), AgencyKind.CHARITY),)
CONFLICT, MALFORMED, ISSUER, NOT_FOUND = (409, "conflict"), (422, "malformed"), (403, "issuer"), (404, "not_found")


@pytest.fixture
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """A copy of its own, just witnessed. The charity takes no part in ``other``."""
    made = make_scene().embed()
    made.witness()
    return made


def standing(scene: Scene, agency: str, case: str) -> Standing:
    """The newest state as an agency sees it."""
    scene[agency].follower.sync_cases()
    return scene[agency].book.load(case).standing


def say(scene: Scene, agency: str, kind: StatementType, **members: Any) -> tuple[int, str]:
    """Sign something about ``other``'s newest list, whatever it is, and bring it."""
    party = scene[agency]
    token = make_statement(
        kind,
        {"case": scene.other, "membership": standing(scene, CARE, scene.other).digest, **members},
        issuer=agency,
        signer=party.keys.keys[KeyUse.SIGNING.value],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    return submit(party, token)


def test_an_endorsement_is_of_something_that_waits(scene: Scene) -> None:
    """By a second agency, of the newest list, once; anything else changes nothing."""
    before = scene.log_types()
    kind = StatementType.ENDORSEMENT
    assert say(scene, POLICE, kind) == CONFLICT
    assert say(scene, CARE, kind) == ISSUER
    assert say(scene, CHARITY, kind) == NOT_FOUND
    assert say(scene, POLICE, kind, membership="0" * 64) == CONFLICT
    assert say(scene, POLICE, kind, membership="words") == MALFORMED
    assert say(scene, POLICE, kind, case="words") == MALFORMED
    assert say(scene, POLICE, kind, case="f" * 32) == NOT_FOUND
    assert scene.log_types() == before
    care = scene[CARE]
    care.book.make(plan_addition(standing(scene, CARE, scene.other), CARE, INVITED, []))
    assert say(scene, POLICE, kind) == (200, "accepted")
    assert say(scene, POLICE, kind) == CONFLICT
    assert say(scene, HEALTH, kind) == CONFLICT
    assert say(scene, CHARITY, kind) == CONFLICT
    assert scene.log_types(scene.other)[-2:] == ["membership", "endorsement"]
    assert "Endorsed the newest membership list" in render_audit(read_audit(scene.hub.config, scene.hub.passphrase))
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok


def test_a_departure_names_who_is_in(scene: Scene) -> None:
    """Of its own agency, of the newest list, each once; not the lead as a whole."""
    before = scene.log_types()
    kind, chair = StatementType.DEPARTURE, scene[POLICE].people["chair"]
    for members in (
        [],
        [scene[CARE].people["lead"]],
        [chair, chair],
        ["words"],
        "words",
        1,
        [scene[HEALTH].people["voter"]],
    ):
        assert say(scene, POLICE, kind, members=members) == MALFORMED
    assert say(scene, CARE, kind, members=None) == CONFLICT
    assert say(scene, CHARITY, kind, members=None) == NOT_FOUND
    assert say(scene, POLICE, kind, members=[chair], membership="0" * 64) == CONFLICT
    assert scene.log_types() == before
    assert say(scene, POLICE, kind, members=[chair]) == (200, "accepted")
    assert say(scene, POLICE, kind, members=[chair]) == MALFORMED
    assert say(scene, POLICE, kind, members=None) == (200, "accepted")
    assert say(scene, POLICE, kind, members=None) == NOT_FOUND
    assert scene.sql('SELECT agency FROM case_agency WHERE "case" = ? ORDER BY agency', scene.other) == [
        (CARE,),
        (HEALTH,),
    ]
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok
    page = render_audit(read_audit(scene.hub.config, scene.hub.passphrase))
    assert "Took its own people out of the case" in page
    assert "Left the case with all of its people" in page


def test_no_limit_holds_up_who_leaves(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agency whose part of the case is full says nothing more, except that it goes."""
    scene[CARE].book.make(plan_addition(standing(scene, CARE, scene.other), CARE, INVITED, []))
    monkeypatch.setattr(room, "MAX_STATEMENTS_PER_CASE_AND_AGENCY", 1)
    assert say(scene, POLICE, StatementType.ENDORSEMENT) == (413, "too_many")
    assert say(scene, POLICE, StatementType.DEPARTURE, members=None) == (200, "accepted")


def test_an_agency_that_waits_is_a_stranger(scene: Scene) -> None:
    """It sees nothing of the case until it is endorsed, and nothing again once it is taken out or has left."""
    charity, care = scene[CHARITY], scene[CARE]

    def listed() -> bool:
        return scene.other in [item["case"] for item in charity.client.get("/v1/cases")["cases"]]

    care.book.make(plan_addition(standing(scene, CARE, scene.other), CARE, INVITED, []))
    assert not listed()
    scene[HEALTH].book.make(plan_endorsement(standing(scene, HEALTH, scene.other), HEALTH))
    assert listed()
    charity.book.make(plan_departure(standing(scene, CHARITY, scene.other), CHARITY, None))
    assert not listed()
    # The lead's next list of people does not bring back who left.
    newest = standing(scene, CARE, scene.other)
    care.book.change_members(scene.other, list(newest.effective.members))
    assert CHARITY not in [agency for agency, _ in standing(scene, CARE, scene.other).listed.agencies]


def test_a_hand_over_moves_the_lead_and_nothing_else(scene: Scene) -> None:
    """The hub names the new lead once both have endorsed; a list that mixes it with something else is refused."""
    care, case = scene[CARE], scene.other

    def lead() -> list[str]:
        return [item["lead"] for item in care.client.get("/v1/cases")["cases"] if item["case"] == case]

    newest = standing(scene, CARE, case)
    base = newest.remaining.to_json() | {"sequence": newest.listed.sequence + 1, "previous": newest.digest}
    token = care.book.load(case).membership[-1].token
    for changed in ({"members": []}, {"age_path": "not_sure"}):
        mixed = resign(care, StatementType.MEMBERSHIP, token, **{**base, "lead": POLICE, **changed})
        assert submit(care, mixed) == CONFLICT
    more = replace(newest.remaining, agencies=(*newest.remaining.agencies, *INVITED)).to_json()["agencies"]
    outside = resign(care, StatementType.MEMBERSHIP, token, **{**base, "agencies": more, "lead": CHARITY})
    assert submit(care, outside) == CONFLICT
    care.book.make(plan_hand_over(newest, CARE, AgencyId(POLICE)))
    assert lead() == [CARE]
    for agency in (HEALTH, POLICE):
        assert lead() == [CARE]
        scene[agency].book.make(plan_endorsement(standing(scene, agency, case), agency))
    assert lead() == [POLICE]
    members = standing(scene, POLICE, case).effective.members
    scene[POLICE].book.change_members(case, [item for item in members if item.agency != CARE])
    assert (CARE, care.people["lead"]) not in standing(scene, HEALTH, case).accepted
    assert verify_hub(scene.hub.config, scene.hub.passphrase).ok
