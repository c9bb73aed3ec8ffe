"""Rules of a case that hold whoever asks: consent, membership, limits. Each is tried against the whole application."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from adapters.hub_client import HubRefused
from adapters.release.regranting import Regranter
from hub.audit import read_audit, render_audit
from hub.exchange import room
from hub.setting_up import verify_hub
from keys.jose import statement_digest
from keys.sealing import make_channel
from keys.statements import StatementType, make_statement, peek
from keys.uses import KeyUse
from policies.vocabulary import Gateway
from tests.hub.api.test_pull_refused import CONSENTED, consent
from tests.hub.api.test_push_refused import is_refused, make_lines, of_kind, resign, send, submit
from tests.scene import CARE, CHARITY, HEALTH, POLICE, Scene, bundle, now


@pytest.fixture
def fresh(make_scene: Callable[[], Scene]) -> Scene:
    """A copy of its own, just witnessed."""
    scene = make_scene().embed()
    scene.witness()
    return scene


def _summaries(scene: Scene) -> list[Any]:
    return [item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened]


def test_a_withdrawn_consent_does_not_come_back_to_life(fresh: Scene) -> None:
    """Given, withdrawn, given again by whomever: what rested on the first stays refused, here and in kept pulls."""
    care, health, police = fresh[CARE], fresh[HEALTH], fresh[POLICE]
    care.book.record_consent(fresh.main, consent("given"))
    fresh.witness()
    assert health.share(fresh.main, CONSENTED, gateway=Gateway.CLDC_CONSENT).refused == 0
    assert CONSENTED["summary"] in _summaries(fresh)
    care.book.record_consent(fresh.main, consent("withdrawn"))
    police.follower.sync_cases()
    police.book.record_consent(fresh.main, consent("given"))
    fresh.witness()
    view = police.pull(fresh.main, "chair").view
    assert CONSENTED["summary"] not in [item.content["summary"] for item in view.opened]
    assert [item.rules for item in view.refused] == [("consent-gateway-needs-consent",)]
    # The hub alone decided; the adapter decides the same on its own.
    assert view.withheld_by_hub == ()


def test_a_basis_on_consent_names_the_consent(fresh: Scene) -> None:
    """Without the digest nobody could say which consent a sharing ended with."""
    care, health = fresh[CARE], fresh[HEALTH]
    care.book.record_consent(fresh.main, consent("given"))
    fresh.witness()
    lines = make_lines(health, fresh.main, gateway=Gateway.CLDC_CONSENT)
    send(health, fresh.main, *[line for line in lines if line["type"] != "disclosure"])
    line = of_kind(lines, "disclosure")
    bases = copy.deepcopy(peek(line["statement"]).members["bases"])
    bases[0]["consent"] = None
    token = resign(health, StatementType.DISCLOSURE, line["statement"], bases=bases)
    problem = is_refused(send(health, fresh.main, {**line, "statement": token})[0], "malformed", 422)
    assert "names the consent it rests on" in problem["detail"]
    assert send(health, fresh.main, line)[0]["status"] == "accepted"


def test_nobody_cannot_give_or_refuse_consent(fresh: Scene) -> None:
    """The hub refuses the statement too, whoever made it."""
    care = fresh[CARE]
    token = care.book.record_consent(fresh.main, consent("given")).token
    newest = care.book.load(fresh.main).consents[-1]
    for state in ("given", "refused"):
        changed = {"sequence": 1, "previous": newest.digest, **consent(state, given_by="nobody")}
        assert submit(care, resign(care, StatementType.CONSENT, token, **changed)) == (422, "malformed")


def test_the_lead_alone_does_not_bring_a_removed_member_back(fresh: Scene) -> None:
    """Taken out and listed again: the person's agency must accept again before anything reaches them (attack 20)."""
    care, health, police = fresh[CARE], fresh[HEALTH], fresh[POLICE]
    voter = (HEALTH, health.people["voter"])
    members = care.book.load(fresh.main).state.membership.members
    care.book.change_members(fresh.main, [item for item in members if item.agency != HEALTH])
    care.book.change_members(fresh.main, list(members))
    fresh.witness()
    accepted = police.book.load(fresh.main).state.accepted
    assert voter not in accepted
    assert (POLICE, police.people["chair"]) in accepted
    with pytest.raises(HubRefused) as refusal:
        health.pull(fresh.main, "voter")
    assert refusal.value.status == 404
    health.book.accept(fresh.main)
    fresh.witness()
    assert voter in police.book.load(fresh.main).state.accepted
    # Who comes back is somebody new: what they had is theirs again only as its originators grant it.
    assert health.pull(fresh.main, "voter").view.opened == ()
    for party in (care, police):
        Regranter(party.store, party.book, bundle()).run([fresh.main])
    assert len(health.pull(fresh.main, "voter").view.opened) == 2


def test_a_certificate_that_ran_out_stops_no_removal(make_scene: Callable[[], Scene]) -> None:
    """A year later nobody's certificate is valid: whoever is taken out is out, and nobody is given more."""
    scene = make_scene().embed(clock=lambda: now() + timedelta(days=400))
    care, case = scene[CARE], scene.main
    verified = care.book.load(case)
    current = verified.membership[-1]
    later = now() + timedelta(days=400)

    def change(members: list[dict[str, Any]]) -> tuple[int, str]:
        newest = care.client.get(f"/v1/cases/{case}")["membership"]
        said = {"sequence": len(newest), "previous": statement_digest(newest[-1]), "members": members}
        token = resign(care, StatementType.MEMBERSHIP, current.token, **said, issued_at=later)
        return submit(care, token)

    stays = [item for item in current.members["members"] if item["agency"] != HEALTH]
    longer = [{**item, "until": "2030-01-01T00:00:00Z"} for item in stays]
    assert len(stays) == len(current.members["members"]) - 1
    assert change(longer) == (422, "not_certified")
    assert change(stays) == (200, "accepted")
    assert change(list(current.members["members"])) == (422, "not_certified")


def test_a_statement_has_no_room_for_words(fresh: Scene) -> None:
    """Neither in the detail of a refusal nor in the code of a void: the hub would read them."""
    health = fresh[HEALTH]
    refusal = {
        "recipient_agency": None,
        "category": "concern",
        "request": None,
        "code": "consent",
        "reviewer": health.people["voter"],
        "detail": None,
    }
    token = health.book.refuse(fresh.main, refusal).token
    for detail in ({"fragment": "Invented words", "sha256": "0" * 64}, {"fragment": "0" * 32, "sha256": "words"}):
        assert submit(health, resign(health, StatementType.REFUSAL, token, detail=detail)) == (422, "malformed")
    lines = make_lines(health, fresh.main)
    send(health, fresh.main, *[line for line in lines if line["type"] != "disclosure"])
    said = peek(of_kind(lines, "disclosure")["statement"])
    members = {name: said.members[name] for name in ("case", "channel", "sequence", "previous")}
    for code, status in (("Invented words", "refused"), ([], "refused"), ("policy", "accepted")):
        void = make_statement(
            StatementType.VOID,
            {**members, "refused": "0" * 64, "code": code},
            issuer=HEALTH,
            signer=health.keys.keys["signing"],
            issued_at=now(),
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        )
        result = send(health, fresh.main, {"type": "void", "statement": void})[0]
        assert (result["status"], void) == (status, void)


def test_an_agency_fills_only_its_own_part_of_a_case(fresh: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit nothing more, but what ends a sharing: a withdrawal, a removal. Others are not touched."""
    monkeypatch.setattr(room, "MAX_STATEMENTS_PER_CASE_AND_AGENCY", 3)
    care, health = fresh[CARE], fresh[HEALTH]
    refusal = {
        "recipient_agency": None,
        "category": "concern",
        "request": None,
        "code": "consent",
        "reviewer": care.people["lead"],
        "detail": None,
    }
    care.book.record_consent(fresh.main, consent("given"))
    care.book.refuse(fresh.main, refusal)
    members = list(care.book.load(fresh.main).state.membership.members)
    shorter = [replace(item, until=item.until - timedelta(days=1)) for item in members]
    for act in (lambda: care.book.refuse(fresh.main, refusal), lambda: care.book.change_members(fresh.main, shorter)):
        with pytest.raises(HubRefused) as refused:
            act()
        assert (refused.value.status, refused.value.code) == (413, "too_many")
    care.book.record_consent(fresh.main, consent("withdrawn"))
    with pytest.raises(HubRefused):
        care.book.record_consent(fresh.main, consent("refused"))
    care.book.change_members(fresh.main, [item for item in members if item.agency != HEALTH])
    health.book.refuse(fresh.main, {**refusal, "reviewer": health.people["voter"]})


def _channel_line(scene: Scene, kind: KeyUse = KeyUse.MEMBER_HPKE) -> dict[str, Any]:
    """A new channel from health to the police's chair, or to the police's intake."""
    health, police = scene[HEALTH], scene[POLICE]
    person = kind is KeyUse.MEMBER_HPKE
    keys = police.member_keys["chair"] if person else police.keys
    channel = os.urandom(16).hex()
    sealed, _ = make_channel(scene.main, HEALTH, keys.keys[kind.value].public, channel)
    members = {
        "case": scene.main,
        "channel": channel,
        "recipient": sealed.recipient,
        "recipient_agency": POLICE,
        "recipient_member": police.people["chair"] if person else None,
        "use": kind.value,
        "sha256": sealed.digest,
    }
    statement = make_statement(
        StatementType.CHANNEL,
        members,
        issuer=HEALTH,
        signer=health.keys.keys["signing"],
        issued_at=now(),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    return {"type": "channel", "jwe": sealed.to_jwe(), "statement": statement}


def test_few_channels_lead_to_one_key(fresh: Scene) -> None:
    """One more than the limit is refused, in one batch and in the next; the first again is a repeat."""
    health = fresh[HEALTH]
    lines = [_channel_line(fresh) for _ in range(room.MAX_CHANNELS_TO_ONE_KEY + 1)]
    results = send(health, fresh.main, *lines, lines[0])
    assert [item["status"] for item in results] == ["accepted"] * (len(lines) - 1) + ["refused", "repeated"]
    is_refused(results[-2], "too_many", 413)
    is_refused(send(health, fresh.main, _channel_line(fresh))[0], "too_many", 413)
    assert send(health, fresh.main, _channel_line(fresh, KeyUse.INTAKE))[0]["status"] == "accepted"


def test_an_agency_has_so_many_channels_in_a_case(fresh: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the originator's own; another originator is not touched by it."""
    monkeypatch.setattr(room, "MAX_CHANNELS_PER_CASE_AND_AGENCY", 1)
    health = fresh[HEALTH]
    results = send(health, fresh.main, _channel_line(fresh), _channel_line(fresh, KeyUse.INTAKE))
    assert results[0]["status"] == "accepted"
    is_refused(results[1], "too_many", 413)


def test_opening_a_case_says_nothing_about_the_cases_there_are(fresh: Scene) -> None:
    """An id that is taken is answered like an id that cannot be, to parties and strangers alike."""
    charity, care = fresh[CHARITY], fresh[CARE]
    before = fresh.log_types()
    for party, case in ((charity, fresh.other), (charity, fresh.main), (care, fresh.main)):
        name = party.home.agency
        members = {
            "case": case,
            "sequence": 0,
            "previous": None,
            "lead": name,
            "age_path": "child",
            "age_source": "stated",
            "case_stage": "referred",
            "agencies": [{"agency": name, "kind": party.home.kind.value}],
            "members": [],
        }
        token = make_statement(
            StatementType.MEMBERSHIP,
            members,
            issuer=name,
            signer=party.keys.keys["signing"],
            issued_at=now(),
            statement_id=os.urandom(16).hex(),
            checkpoint=None,
        )
        with pytest.raises(HubRefused) as refusal:
            party.client.post("/v1/statements", {"statement": token})
        assert (refusal.value.status, refusal.value.code) == (422, "malformed")
        assert "the case id is not acceptable" in str(refusal.value)
    assert fresh.log_types() == before


def _bodies(scene: Scene) -> list[dict[str, Any]]:
    rows = scene.sql('SELECT body FROM log_entry WHERE "case" = ? ORDER BY position', scene.main)
    return [json.loads(row[0]) for row in rows]


def test_refused_lines_leave_one_entry_a_push(fresh: Scene) -> None:
    """Policy, facts and signature by code and rules, in the case's chain; what was sent with them is taken."""
    care = fresh[CARE]
    lines = make_lines(care, fresh.main)
    send(care, fresh.main, *[line for line in lines if line["type"] != "disclosure"])
    line = of_kind(lines, "disclosure")
    said = peek(line["statement"]).members
    facts = said["decisions"][0]["facts"]
    other = {"gateway": "CDA1998_S115", "article6": "A6_F"}
    changes: list[dict[str, Any]] = [
        {"decisions": [{**said["decisions"][0], "facts": {**facts, "category": "narrative"}}]},
        {
            "bases": [{**said["bases"][0], **other}],
            "decisions": [{**said["decisions"][0], "facts": {**facts, **other}}],
        },
    ]
    wrong = [{**line, "statement": resign(care, StatementType.DISCLOSURE, line["statement"], **it)} for it in changes]
    stranger = care.member_keys["lead"].keys["member-signing"]
    forged = resign(care, StatementType.DISCLOSURE, line["statement"], signer=stranger)
    stale = resign(care, StatementType.DISCLOSURE, line["statement"], membership="0" * 64)
    before = _bodies(fresh)
    batch = [*wrong, wrong[1], {**line, "statement": forged}, {**line, "statement": stale}, {"type": "x"}, line]
    results = send(care, fresh.main, *batch)
    assert [item["status"] for item in results] == ["refused"] * 6 + ["accepted"]
    disclosure, denied = _bodies(fresh)[len(before) :]
    assert (disclosure["type"], denied["type"]) == ("disclosure", "denied")
    assert (denied["act"], denied["agency"], denied["member"], denied["code"]) == ("push", CARE, None, "refused")
    counted = {item["code"]: (item["count"], item["rules"]) for item in denied["lines"]}
    assert set(counted) == {"policy", "facts_differ", "signature"}
    assert counted["facts_differ"] == (1, [])
    assert counted["signature"] == (1, [])
    assert counted["policy"] == (2, results[1]["problem"]["rules"])
    assert denied["rules"] == sorted(results[1]["problem"]["rules"]) != []
    assert verify_hub(fresh.hub.config, fresh.hub.passphrase).ok
    page = render_audit(read_audit(fresh.hub.config, fresh.hub.passphrase))
    assert "Tried to share and was refused, 4 lines of one push" in page
    # Nobody's chain is disturbed by it.
    view = fresh[POLICE].pull(fresh.main, "chair").view
    assert (view.withheld_by_hub, view.unverified) == ((), ())


def test_other_refused_lines_leave_nothing(fresh: Scene) -> None:
    """What is malformed, stale or out of turn is the ordinary trouble of a connection, not an attempt."""
    care = fresh[CARE]
    lines = make_lines(care, fresh.main)
    before = fresh.log_types()
    stale = resign(care, StatementType.DISCLOSURE, of_kind(lines, "disclosure")["statement"], membership="0" * 64)
    results = send(care, fresh.main, {"type": "x"}, {"type": "disclosure", "statement": stale, "grants": []}, 7)
    assert {item["status"] for item in results} == {"refused"}
    assert fresh.log_types() == before
