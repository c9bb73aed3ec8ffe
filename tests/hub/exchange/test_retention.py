"""Who may say what on keeping a case at the hub, what a hold stops, and what a date does."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.cases import CaseRefused
from adapters.hub_client import HubRefused
from adapters.store.tables import OutboxRow
from hub.retention_commands import run_retention
from hub.setting_up import verify_hub
from keys.statements import StatementType
from policies.model import render_time
from policies.retention import HoldAct, Scope
from tests.retention_acts import confirm, erase_case, erase_own, hold, own, plan, say, set_term, state
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Party, Scene, now


def refused(party: Party, kind: StatementType, members: dict[str, Any]) -> tuple[int, str]:
    """Send what the adapter's own planning would not, and return how the hub answers."""
    with pytest.raises(HubRefused) as caught:
        party.book.send(kind, members)
    return caught.value.status, caught.value.code


def whole(scene: Scene, scope: Scope = Scope.CONTENT) -> dict[str, Any]:
    """The members of a word on a whole case."""
    return {
        "case": scene.main,
        "scope": scope.value,
        "rule": "r1",
        "reason": "retention_ended",
        "fragments": [],
    }


def test_only_who_may_says_it(embedded: Scene) -> None:
    """A whole case and its dates are the lead's; nobody takes back another agency's fragment; a stranger finds none."""
    police, charity = embedded[POLICE], embedded[CHARITY]
    assert refused(police, StatementType.ERASURE, whole(embedded)) == (403, "issuer")
    at = now().replace(microsecond=0)
    dates = {
        "case": embedded.main,
        "closed_at": render_time(at),
        "content_until": render_time(at + timedelta(days=40)),
        "record_until": render_time(at + timedelta(days=40)),
        "rule": "r1",
    }
    assert refused(police, StatementType.RETENTION, dates) == (403, "issuer")
    theirs = dict(plan(embedded[CARE], embedded.main).members)
    assert refused(police, StatementType.ERASURE, theirs) == (422, "fragment")
    assert refused(charity, StatementType.ERASURE, {**theirs, "case": embedded.other}) == (404, "not_found")
    assert not embedded.sql("SELECT 1 FROM erasure")


@pytest.mark.parametrize("changed", [{"sha256": "0" * 64}, {"index": 0}])
def test_a_fragment_is_named_as_it_stands(embedded: Scene, changed: dict[str, Any]) -> None:
    """Its digest and its place are what the originator signs for: another place would empty another entry."""
    members = dict(plan(embedded[POLICE], embedded.main).members)
    members["fragments"] = [{**item, **changed} for item in members["fragments"]]
    assert refused(embedded[POLICE], StatementType.ERASURE, members) == (422, "fragment")


def test_a_whole_case_waits_for_another_agency(embedded: Scene) -> None:
    """The lead's word alone erases nothing, nor does its own agreement."""
    asked = say(embedded[CARE], plan(embedded[CARE], embedded.main, Scope.CONTENT))
    assert not embedded.sql("SELECT 1 FROM erasure")
    members = {"case": embedded.main, "erasure": asked.digest}
    assert refused(embedded[CARE], StatementType.ERASURE_CONFIRMATION, members) == (422, "malformed")
    confirm(embedded[HEALTH], embedded.main, asked.digest)
    assert embedded.sql("SELECT scope FROM erasure") == [("content",)]


def test_a_legal_hold_stops_every_erasure(embedded: Scene) -> None:
    """An originator's, a whole case's, and the date's; once it is lifted they go."""
    case, later = embedded.main, now() + timedelta(days=70)
    set_term(embedded[CARE], case)
    asked = say(embedded[CARE], plan(embedded[CARE], case, Scope.CONTENT))
    placed = hold(embedded[HEALTH], case, HoldAct.PLACE, "voter", days=90)
    own_words = dict(plan(embedded[POLICE], case).members)
    assert refused(embedded[POLICE], StatementType.ERASURE, own_words) == (409, "held")
    members = {"case": case, "erasure": asked.digest}
    assert refused(embedded[POLICE], StatementType.ERASURE_CONFIRMATION, members) == (409, "held")
    assert embedded.database is not None
    done = run_retention(embedded.database, later)
    assert (done.erased, [item.held_by for item in done.held]) == ((), [(HEALTH,)])
    assert not embedded.sql("SELECT 1 FROM erasure")
    hold(embedded[HEALTH], case, HoldAct.LIFT, "voter", named=str(placed.members["hold"]))
    erase_own(embedded[POLICE], case)
    assert run_retention(embedded.database, later).erased[0].scope is Scope.RECORD


def test_a_hold_names_somebody_whom_its_agency_certifies(embedded: Scene) -> None:
    """An id of nobody, or of another agency's people, decides nothing."""
    members = {
        "case": embedded.main,
        "hold": "d" * 32,
        "act": "place",
        "basis": "court_proceedings",
        "until": render_time(now() + timedelta(days=3)),
        "decided_by": embedded[CARE].people["lead"],
    }
    assert refused(embedded[HEALTH], StatementType.HOLD, members) == (422, "not_certified")


def test_the_date_erases_and_the_log_verifies(embedded: Scene) -> None:
    """Content first, the record when its own date has come; nothing before."""
    set_term(embedded[CARE], embedded.main, content=30, record=60)
    assert embedded.database is not None
    assert run_retention(embedded.database, now() + timedelta(days=29)).erased == ()
    # The clock of the test is put on: the entry is dated as it would be then, which the check takes for what it is.
    content = run_retention(embedded.database, now() + timedelta(days=31))
    assert [item.scope for item in content.erased] == [Scope.CONTENT]
    assert not embedded.sql('SELECT 1 FROM fragment WHERE "case" = ?', embedded.main)
    assert run_retention(embedded.database, now() + timedelta(days=31)).erased == ()
    record = run_retention(embedded.database, now() + timedelta(days=61))
    assert [item.scope for item in record.erased] == [Scope.RECORD]
    assert verify_hub(embedded.hub.config, embedded.hub.passphrase).log.faults == ()


def test_nothing_is_brought_to_an_erased_case(embedded: Scene) -> None:
    """Neither records nor statements on keeping it; the erased fragment's id is not taken again."""
    line = police_line(embedded[POLICE], embedded.main)
    erase_case(embedded[CARE], embedded[POLICE], embedded.main, Scope.CONTENT)
    with pytest.raises(HubRefused) as caught:
        embedded[POLICE].client.post_lines(f"/v1/cases/{embedded.main}/push", [line])
    assert (caught.value.status, caught.value.code) == (410, "erased")
    embedded.witness()
    with pytest.raises(CaseRefused, match="nothing is brought to this case any more"):
        embedded[HEALTH].share(embedded.main, {"kind": "concern", "summary": "x", "fields": {}})
    with pytest.raises(HubRefused) as caught:
        embedded[HEALTH].pull(embedded.main, "voter")
    assert (caught.value.status, caught.value.code) == (410, "erased")
    asked = say(embedded[CARE], plan(embedded[CARE], embedded.main, Scope.RECORD))
    confirm(embedded[HEALTH], embedded.main, asked.digest)
    assert refused(embedded[CARE], StatementType.ERASURE, whole(embedded)) == (410, "erased")


def test_an_erased_fragment_is_not_taken_a_second_time(embedded: Scene) -> None:
    """An outbox of an older day that sends it again is told why."""
    police, case = embedded[POLICE], embedded.main
    line = police_line(police, case)
    erase_own(police, case)
    answer = police.client.post_lines(f"/v1/cases/{case}/push", [line])
    assert answer[0]["status"] == "refused"
    assert answer[0]["problem"]["type"] == "urn:nrmhub:problem:erased"
    assert own(police, case) == []


def police_line(party: Party, case: str) -> Any:
    """The line with which an agency brought its first fragment."""
    with party.store.write() as session:
        found = session.query(OutboxRow).filter_by(case=case, kind="fragment").first()
        assert found is not None
        return json.loads(found.line)


def test_an_agency_that_left_still_takes_its_own_back(embedded: Scene) -> None:
    """Its fragments are its own after it has left as well; nothing else is."""
    police, case = embedded[POLICE], embedded.main
    members = dict(plan(police, case).members)
    current = police.book.load(case).standing
    police.book.send(StatementType.DEPARTURE, {"case": case, "membership": current.digest, "members": None})
    police.client.post(
        "/v1/statements", {"statement": police.book._sign(StatementType.ERASURE, members, police.book.signing)}
    )
    assert embedded.sql("SELECT scope FROM erasure") == [("fragments",)]


def test_what_was_said_is_listed(embedded: Scene) -> None:
    """The adapter reads term and hold as they were signed."""
    set_term(embedded[CARE], embedded.main)
    hold(embedded[HEALTH], embedded.main, HoldAct.PLACE, "voter")
    known = state(embedded[POLICE], embedded.main)
    assert known.term is not None
    assert [item.agency for item in known.held(now())] == [HEALTH]
