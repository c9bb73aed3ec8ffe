"""Signed by a real key, of any JSON in every member: statements and pushes are answered, and never with a fault."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.hub_client import HubRefused
from keys.canonical import canonical_bytes
from keys.jose import sign_compact
from keys.statements import MEMBERS, StatementType
from policies.model import render_time
from tests.consents import asked
from tests.scene import CARE, HEALTH, POLICE, Party, Scene, now

FUZZED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2**53 - 1),
    st.text(max_size=5),
    st.sampled_from(["0" * 32, "f" * 64, CARE, "concern", "given", "nobody", "practitioner", "2026-01-31T12:00:00Z"]),
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OF_A_CASE = (
    StatementType.MEMBERSHIP,
    StatementType.ACCEPTANCE,
    StatementType.ENDORSEMENT,
    StatementType.DEPARTURE,
    StatementType.CONSENT,
    StatementType.REFUSAL,
)
OF_A_PUSH = (StatementType.CHANNEL, StatementType.DISCLOSURE, StatementType.VOID)


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for everything here; what is accepted stays."""
    made = make_scene().embed()
    made.witness()
    return made


def good_members(scene: Scene, kind: StatementType) -> dict[str, Any]:
    """Members that get as far as can be, for all but the one that is exchanged."""
    care = scene[CARE]
    state = care.book.load(scene.main)
    membership = state.membership[-1]
    consent: dict[str, Any] = {
        "sequence": len(state.consents),
        "previous": state.consents[-1].digest if state.consents else None,
        "state": "withdrawn",
        "reason": "none",
        "given_by": "child",
        "scope": {"categories": [], "recipients": [], "purposes": []},
        "wishes": "recorded",
        **asked("withdrawn"),
        "expires_at": None,
        "detail": None,
    }
    channel = scene.sql(
        "SELECT c.channel, c.recipient, c.recipient_member, d.sequence, d.digest FROM channel c"
        " JOIN disclosure d ON d.channel = c.channel"
        ' WHERE c.originator = ? AND c."case" = ? AND c.recipient_agency = ? ORDER BY d.sequence DESC',
        CARE,
        scene.main,
        POLICE,
    )[0]
    number = {"channel": channel[0], "sequence": channel[3] + 1, "previous": channel[4]}
    to = {"recipient": channel[1], "recipient_agency": POLICE, "recipient_member": channel[2]}
    said = {
        StatementType.MEMBERSHIP: {
            **membership.members,
            "sequence": len(state.membership),
            "previous": membership.digest,
        },
        StatementType.ACCEPTANCE: {"membership": membership.digest, "members": []},
        StatementType.ENDORSEMENT: {"membership": membership.digest},
        StatementType.DEPARTURE: {"membership": membership.digest, "members": [care.people["lead"]]},
        StatementType.CONSENT: consent,
        StatementType.REFUSAL: {
            "recipient_agency": HEALTH,
            "category": "concern",
            "request": None,
            "code": "consent",
            "reviewer": care.people["lead"],
            "detail": None,
        },
        StatementType.CHANNEL: {**to, "channel": os.urandom(16).hex(), "use": "member-hpke", "sha256": "0" * 64},
        StatementType.DISCLOSURE: {
            **to,
            **number,
            "membership": membership.digest,
            "bundle": care.releaser.bundle.digest,
            "bases": [],
            "decisions": [],
            "items": [],
            "not_given": [{"sha256": "0" * 64, "code": "held"}],
        },
        StatementType.VOID: {**number, "refused": "0" * 64, "code": "policy"},
    }[kind]
    return {"case": scene.main, **said}


def token_of(party: Party, kind: StatementType, members: dict[str, Any]) -> str:
    """Sign whatever it is."""
    payload = {
        "id": os.urandom(16).hex(),
        "issuer": party.home.agency,
        "issued_at": render_time(now() - timedelta(seconds=1)),
        "checkpoint": None,
        **members,
    }
    return sign_compact(canonical_bytes(payload), kind.value, party.keys.keys["signing"])


@pytest.mark.parametrize("kind", OF_A_CASE)
def test_a_statement_with_anything_in_a_member_is_answered(scene: Scene, kind: StatementType) -> None:
    """Each member of each type of statement, and the common ones."""
    names = sorted(MEMBERS[kind] | {"id", "issuer", "issued_at", "checkpoint"})
    base = good_members(scene, kind)

    @FUZZED
    @given(st.sampled_from(names), ANY)
    def check(name: str, value: Any) -> None:
        status = 200
        try:
            scene[CARE].client.post("/v1/statements", {"statement": token_of(scene[CARE], kind, {**base, name: value})})
        except HubRefused as refusal:
            status = refusal.status
        assert status < 500, (name, value)

    check()


@pytest.mark.parametrize("kind", OF_A_PUSH)
def test_a_line_with_anything_in_a_member_is_answered(scene: Scene, kind: StatementType) -> None:
    """The same within a push, statement and what stands beside it."""
    names = sorted(MEMBERS[kind] | {"id", "issuer", "issued_at", "checkpoint"})
    beside = {StatementType.CHANNEL: "jwe", StatementType.DISCLOSURE: "grants"}.get(kind)
    base = good_members(scene, kind)
    sealed = scene.sql("SELECT jwe FROM channel LIMIT 1")[0][0]

    @FUZZED
    @given(st.sampled_from(names), ANY, ANY)
    def check(name: str, value: Any, other: Any) -> None:
        line: dict[str, Any] = {"type": kind.name.lower()}
        line["statement"] = token_of(scene[CARE], kind, {**base, name: value})
        good: Any = [] if beside == "grants" else json.loads(sealed)
        lines = [{**line, **({} if beside is None else {beside: part})} for part in (good, other)]
        answer = scene[CARE].client.post_lines(f"/v1/cases/{scene.main}/push", lines)
        assert all(item["status"] != "refused" or item["problem"]["status"] < 500 for item in answer[:-2])

    check()


@pytest.mark.parametrize("value", [True, "1", [1], None])
def test_a_number_is_a_whole_number(scene: Scene, value: Any) -> None:
    """What only compares equal is not the first number of a channel, here the one to the agency's own archive."""
    query = 'SELECT channel FROM channel WHERE originator = ? AND "case" = ? AND "use" = \'archive\''
    channel = scene.sql(query, CARE, scene.main)[0][0]
    members = {"case": scene.main, "channel": channel, "previous": None, "refused": "0" * 64, "code": "policy"}
    token = token_of(scene[CARE], StatementType.VOID, {**members, "sequence": value})
    answer = scene[CARE].client.post_lines(f"/v1/cases/{scene.main}/push", [{"type": "void", "statement": token}])
    assert (answer[0]["status"], answer[0]["problem"]["status"]) == ("refused", 409)
