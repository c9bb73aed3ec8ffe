"""Who may not pull, what a pull no longer gives, and that a denial tells nothing (attacks 20, 36, 37, 38, 44)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.hub_client import HubRefused
from keys.private import PrivateKey
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.vocabulary import Category, Gateway, Purpose
from tests.consents import asked
from tests.scene import CARE, CHARITY, CONTENTS, HEALTH, POLICE, Party, Scene, now

UNKNOWN = "f" * 32
CONSENTED = {"kind": "concern", "summary": "Shared because the child agreed", "fields": {}}


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    """One copy for what changes nothing but the log."""
    made = make_scene().embed()
    made.witness()
    return made


@pytest.fixture
def fresh(embedded: Scene) -> Scene:
    """A copy of its own."""
    embedded.witness()
    return embedded


def ask(
    party: Party,
    case: str,
    member: str | None,
    signer: PrivateKey,
    *,
    named: str | None = None,
    age: timedelta = timedelta(),
    purpose: str = "panel_review",
    issuer: str | None = None,
) -> httpx.Response:
    """Send a pull and return the whole response, refused or not."""
    token = make_statement(
        StatementType.PULL,
        {"case": named or case, "member": member, "purpose": purpose},
        issuer=issuer or party.home.agency,
        signer=signer,
        issued_at=now() - age,
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    return send(party, case, token)


class Keeping(httpx.BaseTransport):
    """Passes requests on and keeps the newest answer, refused or not."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.newest = httpx.Response(500)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Read the whole answer, keep it, hand out a fresh one of the same bytes."""
        answer = self._inner.handle_request(request)
        body = answer.read()
        self.newest = httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


def send(party: Party, case: str, token: str) -> httpx.Response:
    """Send a pull statement through the party's client, keeping the response."""
    http = party.client._http
    inner = http._transport
    http._transport = keeping = Keeping(inner)
    try:
        party.client.post_for_lines(f"/v1/cases/{case}/pull", {"statement": token}, party.reader_of(token))
    except HubRefused:
        pass
    finally:
        http._transport = inner
    return keeping.newest


def by_person(party: Party, label: str) -> tuple[str, PrivateKey]:
    """Return a person's id and signing key."""
    return party.people[label], party.member_keys[label].keys[KeyUse.MEMBER_SIGNING.value]


def shape(response: httpx.Response) -> tuple[int, Any, set[str], dict[str, str]]:
    """Return everything of an answer that a caller could tell two answers apart by."""
    values = {name: value for name, value in response.headers.items() if name not in ("date", "dpop-nonce")}
    return response.status_code, response.json(), set(response.headers), values


def newest(scene: Scene) -> dict[str, Any]:
    """Return the newest log body."""
    body: dict[str, Any] = json.loads(scene.sql("SELECT body FROM log_entry ORDER BY position DESC LIMIT 1")[0][0])
    return body


def test_a_non_member_is_answered_exactly_like_an_unknown_case(scene: Scene) -> None:
    """A colleague in an agency of the case, a person of another agency, a case that is not there: one answer."""
    constable, worker = scene[POLICE], scene[CHARITY]
    answers = []
    for party, label, case, code in (
        (constable, "constable", UNKNOWN, "not_found"),
        (constable, "constable", scene.main, "not_a_member"),
        (worker, "worker", scene.main, "not_a_member"),
        (worker, "worker", scene.other, "not_found"),
    ):
        member, key = by_person(party, label)
        answers.append(shape(ask(party, case, member, key)))
        entry = newest(scene)
        assert (entry["type"], entry["agency"], entry["member"], entry["act"]) == (
            "denied",
            party.home.agency,
            member,
            "pull",
        )
        assert entry["code"] == code
        assert ("case" in entry) == (code == "not_a_member")
    assert answers[0][0] == 404
    assert all(answer == answers[0] for answer in answers)


def test_reading_a_case_that_is_not_ones_own_is_answered_like_an_unknown_case(scene: Scene) -> None:
    """The same for every other route of a case."""
    charity = scene[CHARITY]
    for path in ("/v1/cases/{}", "/v1/cases/{}/log"):
        problems = []
        for case in (scene.other, UNKNOWN):
            with pytest.raises(HubRefused) as refusal:
                charity.client.get(path.format(case))
            problems.append((refusal.value.status, refusal.value.extra))
        assert problems[0] == problems[1]
        assert problems[0][0] == 404
    assert scene.other not in [item["case"] for item in charity.client.get("/v1/cases")["cases"]]


def test_every_denied_attempt_leaves_its_own_entry(scene: Scene) -> None:
    """Three attempts, three entries."""
    member, key = by_person(scene[POLICE], "constable")
    before = scene.log_types().count("denied")
    for _ in range(3):
        assert ask(scene[POLICE], scene.main, member, key).status_code == 404
    assert scene.log_types().count("denied") == before + 3


def test_a_pull_signed_by_somebody_else_is_refused(scene: Scene) -> None:
    """Not by a stranger, not by a colleague in another's name, not by the agency for a person."""
    police = scene[POLICE]
    chair = police.people["chair"]
    entries = scene.log_types()
    for signer in (
        PrivateKey.generate("Ed25519"),
        by_person(police, "constable")[1],
        police.keys.keys[KeyUse.SIGNING.value],
        by_person(scene[HEALTH], "voter")[1],
    ):
        response = ask(police, scene.main, chair, signer)
        assert response.status_code == 422
        assert response.json()["type"] == "urn:nrmhub:problem:signature"
    assert scene.log_types() == entries


def test_a_pull_is_brought_by_the_persons_own_agency(scene: Scene) -> None:
    """Another agency that holds a signed pull cannot use it."""
    member, key = by_person(scene[POLICE], "chair")
    response = ask(scene[HEALTH], scene.main, member, key, issuer=POLICE)
    assert (response.status_code, response.json()["type"]) == (403, "urn:nrmhub:problem:issuer")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"named": UNKNOWN}, 422, "case"),
        ({"age": timedelta(minutes=6)}, 422, "clock"),
        ({"age": timedelta(minutes=-6)}, 422, "clock"),
        ({"purpose": "curiosity"}, 422, "malformed"),
        ({"purpose": ""}, 422, "malformed"),
    ],
)
def test_a_pull_of_something_else_is_refused(scene: Scene, changed: dict[str, Any], status: int, code: str) -> None:
    """Another case than the address, another time than now, a purpose that is none."""
    member, key = by_person(scene[POLICE], "chair")
    response = ask(scene[POLICE], scene.main, member, key, **changed)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:nrmhub:problem:{code}")


def test_a_purpose_for_which_nothing_was_shared_gives_nothing(scene: Scene) -> None:
    """What was shared for the panel is not there for another purpose."""
    opened = scene[POLICE].pull(scene.main, "chair", Purpose.SAFEGUARDING)
    assert opened.view.opened == ()
    assert opened.view.refused == ()


def test_the_same_pull_again_is_answered_and_recorded_once(fresh: Scene) -> None:
    """The answer got lost and the client asks again with the same statement."""
    police = fresh[POLICE]
    member, key = by_person(police, "chair")
    first = ask(police, fresh.main, member, key)
    token = json.loads(first.request.content)["statement"]
    entries = fresh.log_types()
    again = send(police, fresh.main, token)
    assert again.status_code == 200
    assert fresh.log_types() == entries
    one, two = ([json.loads(line) for line in item.text.splitlines()] for item in (first, again))
    assert one[0]["receipt"]["body"] == two[0]["receipt"]["body"]
    assert [line for line in one if line["type"] == "fragment"] == [line for line in two if line["type"] == "fragment"]


def test_a_repeated_pull_gives_nothing_that_was_not_recorded(fresh: Scene) -> None:
    """Between the two, something more was shared: the entry of the first does not cover it, so sign a new one."""
    police = fresh[POLICE]
    member, key = by_person(police, "chair")
    first = ask(police, fresh.main, member, key)
    assert fresh[CARE].share(fresh.main, CONSENTED).refused == 0
    entries = fresh.log_types()
    again = send(police, fresh.main, json.loads(first.request.content)["statement"])
    assert (again.status_code, again.json()["type"]) == (409, "urn:nrmhub:problem:pull_repeated")
    assert fresh.log_types() == entries
    assert len(police.pull(fresh.main, "chair").view.opened) == 3


def test_a_membership_that_ended_gives_nothing(make_scene: Callable[[], Scene]) -> None:
    """Members are in a case until a time; after it they are answered as strangers, and the entry says why."""
    scene = make_scene().embed()
    member, key = by_person(scene[POLICE], "chair")
    assert ask(scene[POLICE], scene.main, member, key).status_code == 200
    scene.embed(clock=lambda: now() + timedelta(days=31))
    token = make_statement(
        StatementType.PULL,
        {"case": scene.main, "member": member, "purpose": "panel_review"},
        issuer=POLICE,
        signer=key,
        issued_at=now() + timedelta(days=31),
        statement_id=os.urandom(16).hex(),
        checkpoint=None,
    )
    assert send(scene[POLICE], scene.main, token).status_code == 404
    assert (newest(scene)["type"], newest(scene)["code"]) == ("denied", "ended")


def test_a_removed_member_gets_nothing_more(fresh: Scene) -> None:
    """Removed from the list: the next pull is denied, and the next release does not wrap to them (attack 20)."""
    care = fresh[CARE]
    chair = fresh[POLICE].people["chair"]
    members = fresh[CARE].book.load(fresh.main).state.membership.members
    care.book.change_members(fresh.main, [item for item in members if item.member != chair])
    with pytest.raises(HubRefused) as refusal:
        fresh[POLICE].pull(fresh.main, "chair")
    assert (refusal.value.status, newest(fresh)["code"]) == (404, "not_a_member")
    fresh[HEALTH].follower.sync_cases()
    fresh[HEALTH].book.accept(fresh.main)
    fresh.witness()
    assert care.share(fresh.main, CONSENTED).refused == 0
    channels = fresh.sql(
        "SELECT c.recipient_member FROM channel c JOIN disclosure d ON d.channel = c.channel"
        ' WHERE c.originator = ? AND c."case" = ? AND d.sequence > 1',
        CARE,
        fresh.main,
    )
    assert (chair,) not in channels
    assert channels


def consent(state: str, **changed: Any) -> dict[str, Any]:
    """Return a consent statement's members."""
    given = state == "given"
    return {
        "state": state,
        "reason": "none",
        "given_by": "child",
        "scope": {
            "categories": [Category.CONCERN.value] if given else [],
            "recipients": ["police", "health", "social_care"] if given else [],
            "purposes": [Purpose.PANEL_REVIEW.value] if given else [],
        },
        "wishes": "recorded",
        **asked(state),
        "expires_at": None,
        "detail": None,
        **changed,
    }


def test_withdrawn_consent_ends_what_rests_on_it_and_nothing_else(fresh: Scene) -> None:
    """A pull before the withdrawal gives both; one after it gives what rests on a duty, and names what it refuses."""
    health, police = fresh[HEALTH], fresh[POLICE]
    fresh[CARE].book.record_consent(fresh.main, consent("given"))
    fresh.witness()
    assert health.share(fresh.main, CONSENTED, gateway=Gateway.CLDC_CONSENT).refused == 0
    before = police.pull(fresh.main, "chair")
    assert CONSENTED in [item.content for item in before.view.opened]
    assert len(before.view.opened) == 3
    fresh[CARE].book.record_consent(fresh.main, consent("withdrawn"))
    after = police.pull(fresh.main, "chair")
    assert sorted(item.content["summary"] for item in after.view.opened) == sorted(item["summary"] for item in CONTENTS)
    assert [(item.agency, item.rules) for item in after.view.refused] == [(HEALTH, ("consent-gateway-needs-consent",))]
    entry = newest(fresh)
    assert (entry["type"], len(entry["fragments"])) == ("viewed", 2)
    assert [item["rules"] for item in entry["refused"]] == [["consent-gateway-needs-consent"]]
    # What was pulled before is decided again at each opening: the withdrawal reaches the kept copy too.
    police.sync()
    kept = police.receiver.reopen(fresh.main, police.people["chair"], police.member_keys["chair"], Purpose.PANEL_REVIEW)
    assert CONSENTED not in [item.content for item in kept.view.opened]


def test_a_fragment_shared_on_consent_after_the_withdrawal_is_refused(fresh: Scene) -> None:
    """Sealed before the withdrawal, pushed after it: the hub decides under the newest consent."""
    health = fresh[HEALTH]
    fresh[CARE].book.record_consent(fresh.main, consent("given"))
    fresh.witness()
    health.write(fresh.main, CONSENTED)
    health.release(fresh.main, gateway=Gateway.CLDC_CONSENT)
    fresh[CARE].book.record_consent(fresh.main, consent("withdrawn"))
    report = health.outbox.push_all()
    assert {problem["type"] for problem in report.problems} == {"urn:nrmhub:problem:stale_consent"}
    assert CONSENTED not in [item.content for item in fresh[POLICE].pull(fresh.main, "chair").view.opened]


def test_consent_ends_by_itself(make_scene: Callable[[], Scene]) -> None:
    """A consent with an end covers nothing after it."""
    scene = make_scene().embed()
    scene.witness()
    ends = (now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    scene[CARE].book.record_consent(scene.main, consent("given", expires_at=ends))
    scene.witness()
    assert scene[HEALTH].share(scene.main, CONSENTED, gateway=Gateway.CLDC_CONSENT).refused == 0
    assert len(scene[POLICE].pull(scene.main, "chair").view.opened) == 3
    scene.embed(clock=lambda: now() + timedelta(hours=3))
    after = scene[POLICE].pull(scene.main, "chair")
    assert len(after.view.opened) == 2
    assert [item.rules for item in after.view.refused] == [("consent-gateway-needs-consent",)]


def test_an_originator_that_left_does_not_stop_the_case(fresh: Scene) -> None:
    """The lead takes the charity out of the case: what the others shared is still there, what it shared is refused."""
    care, charity = fresh[CARE], fresh[CHARITY]
    assert charity.share(fresh.main, CONSENTED).refused == 0
    assert len(fresh[POLICE].pull(fresh.main, "chair").view.opened) == 3
    verified = care.book.load(fresh.main)
    current = verified.state.membership
    new = replace(
        current,
        sequence=current.sequence + 1,
        previous=verified.state.membership_digest,
        agencies=tuple(item for item in current.agencies if item[0] != CHARITY),
    )
    care.book.send(StatementType.MEMBERSHIP, new.to_json())
    for name in (POLICE, HEALTH):
        fresh[name].follower.sync_cases()
        fresh[name].book.accept(fresh.main)
    opened = fresh[POLICE].pull(fresh.main, "chair")
    assert len(opened.view.opened) == 2
    assert [(item.agency, item.rules) for item in opened.view.refused] == [(CHARITY, ("membership-active",))]
