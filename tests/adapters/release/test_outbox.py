"""Between a release and the hub's answer: decided again, stopped, refused, lost on the way, and never stuck."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.following import LogRefused
from adapters.hub_client import HubUnreachable
from adapters.release.drafts import list_drafts
from adapters.release.proving import verify_receipt
from adapters.release.releasing import ReleaseTerms
from adapters.store.tables import GrantedRow, NotGivenRow, OutboxRow, OwnChannelRow
from keys.canonical import canonical_bytes
from keys.jose import b64u
from keys.statements import StatementType, peek
from keys.transparency import entry_bytes, leaf_hash
from policies.vocabulary import Gateway, OverrideReason
from tests.adapters.test_following import consent
from tests.attacks.hostile import about, lie
from tests.scene import CARE, CHARITY, HEALTH, POLICE, REVIEW, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
NEXT = {"kind": "concern", "summary": "Another invented note", "fields": {}}
SCOPE = {
    "categories": ["concern"],
    "recipients": ["charity", "health", "police", "social_care"],
    "purposes": ["panel_review"],
}


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    """A copy in which the child agrees to what health shares."""
    embedded.witness()
    embedded[CARE].book.record_consent(embedded.main, {**consent("given"), "scope": SCOPE})
    embedded.witness()
    return embedded


class Wire(httpx.BaseTransport):
    """Keeps every push that leaves, and breaks the way to the hub or back."""

    def __init__(self, honest: Any) -> None:
        self.honest, self.pushed = honest, b""
        self.way_out: Exception | None = None
        self.way_back: Exception | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.way_out is not None:
            raise self.way_out
        is_push = request.url.path.endswith("/push")
        self.pushed += request.read() if is_push else b""
        answer: httpx.Response = self.honest.handle_request(request)
        if is_push and self.way_back is not None:
            raise self.way_back
        return answer

    def count(self, kind: str) -> int:
        """How many lines of a kind left."""
        return self.pushed.count(f'"type":"{kind}"'.encode())


def wired(scene: Scene, agency: str) -> Wire:
    wire = Wire(scene.transport)
    scene.use(wire, agency)
    scene.transport = wire.honest
    return wire


def release_on_consent(party: Party, case: str, content: dict[str, Any] = NOTE) -> int:
    party.write(case, content)
    return party.release(case, gateway=Gateway.CLDC_CONSENT).grants


def release_all(party: Party, case: str, override: OverrideReason = OverrideReason.NONE) -> int:
    """Release every draft again, also those that were sealed before."""
    terms = ReleaseTerms(REVIEW, override=override)
    return party.releaser.release(case, list_drafts(party.store, case), terms).grants


def rows(party: Party, table: type[Any]) -> list[Any]:
    with party.store.write() as session:
        found = list(session.query(table))
        session.expunge_all()
    return found


def states(party: Party, kind: str) -> list[str]:
    return [row.state for row in rows(party, OutboxRow) if row.kind == kind]


def opened(scene: Scene) -> list[str]:
    return [item.content["summary"] for item in scene[POLICE].pull(scene.main, "chair").view.opened]


# --- decided again before it leaves ---


def test_what_is_not_permitted_any_more_does_not_leave(scene: Scene) -> None:
    """The child withdrew between release and push: no disclosure and no grant leaves, each number is closed."""
    care, health, wire = scene[CARE], scene[HEALTH], wired(scene, HEALTH)
    grants = release_on_consent(health, scene.main)
    assert grants > 0
    care.book.record_consent(scene.main, {**consent("withdrawn")})
    health.follower.sync_cases()
    report = health.outbox.push_all()
    assert (wire.count("disclosure"), wire.count("void")) == (0, grants)
    assert report.refused == grants
    assert {peek(row_statement(row)).members["code"] for row in voids(health)} == {"stale_consent"}
    assert rows(health, GrantedRow) == []
    assert states(health, "void") == ["accepted"] * grants
    # On another footing it is released again, and the chain goes on behind the void.
    assert health.release(scene.main).grants == 0
    health.write(scene.main, NEXT)
    assert health.share(scene.main).refused == 0
    assert "Another invented note" in opened(scene)


def voids(party: Party) -> list[OutboxRow]:
    return [row for row in rows(party, OutboxRow) if row.kind == "void"]


def row_statement(row: OutboxRow) -> str:
    return str(json.loads(row.line)["statement"])


def test_a_basis_that_ran_out_does_not_leave(scene: Scene) -> None:
    """Time alone ends a sharing; the recipient is told that there is something, and by which code."""
    health, wire = scene[HEALTH], wired(scene, HEALTH)
    health.write(scene.main, NOTE)
    terms = ReleaseTerms(REVIEW, expires_at=now() + timedelta(minutes=2))
    assert health.releaser.release(scene.main, list_drafts(health.store, scene.main), terms).grants > 0
    health.clock = lambda: now() + timedelta(minutes=3)
    report = health.outbox.push_all()
    assert wire.count("disclosure") == 0
    assert {problem["type"].rpartition(":")[2] for problem in report.problems} == {"policy"}
    assert all(problem["rules"] for problem in report.problems)
    assert {row.code for row in rows(health, NotGivenRow)} == {"policy"}


def test_a_recipient_who_was_taken_out_gets_nothing_that_waits(scene: Scene) -> None:
    care, health, wire = scene[CARE], scene[HEALTH], wired(scene, HEALTH)
    health.write(scene.main, NOTE)
    health.release(scene.main)
    listed = care.book.load(scene.main).state.membership.members
    care.book.change_members(scene.main, [item for item in listed if item.agency != POLICE])
    health.follower.sync_cases()
    report = health.outbox.push_all()
    assert wire.count("disclosure") == 0
    assert {problem["type"].rpartition(":")[2] for problem in report.problems} == {"stale_membership"}
    assert release_all(health, scene.main) > 0
    assert health.outbox.push_all().refused == 0
    joined = 'SELECT 1 FROM "grant" g JOIN channel c ON c.channel = g.channel'
    assert scene.sql(f"{joined} WHERE c.originator = ? AND c.recipient_agency = ?", HEALTH, POLICE) == []
    assert scene.sql(f"{joined} WHERE c.originator = ? AND c.recipient_agency = ?", HEALTH, CARE) != []


def test_nothing_leaves_while_a_statement_is_kept_back(scene: Scene) -> None:
    """The hub hides the withdrawal; its own log has it: what waits goes on waiting."""
    care, health = scene[CARE], scene[HEALTH]
    release_on_consent(health, scene.main)
    care.book.record_consent(scene.main, consent("withdrawn"))
    hidden = about(f"/v1/cases/{scene.main}", lambda answer: {**answer, "consents": answer["consents"][:1]})
    lie(scene, hidden, HEALTH)
    for act in (health.follower.sync_cases, health.outbox.push_all):
        with pytest.raises(LogRefused) as refusal:
            act()
        assert refusal.value.code == "withheld"
    assert set(states(health, "disclosure")) == {"pending"}


def test_what_may_have_left_is_asked_for_again(scene: Scene) -> None:
    """The answer was lost: only the hub knows. The line is sent again as it is, even where it would be stopped now."""
    care, health, wire = scene[CARE], scene[HEALTH], wired(scene, HEALTH)
    grants = release_on_consent(health, scene.main)
    wire.way_back = httpx.ReadError("lost")
    with pytest.raises(HubUnreachable):
        health.outbox.push_all()
    wire.way_back = None
    care.book.record_consent(scene.main, consent("withdrawn"))
    health.follower.sync_cases()
    report = health.outbox.push_all()
    assert (report.refused, report.accepted) == (0, 0)
    assert set(states(health, "disclosure")) == {"accepted"}
    assert len(rows(health, GrantedRow)) == grants
    assert NOTE["summary"] not in opened(scene)
    # The chain is whole: the next number is taken.
    health.write(scene.main, NEXT)
    assert health.share(scene.main).refused == 0
    assert NEXT["summary"] in opened(scene)


def test_what_cannot_have_left_is_decided_again(scene: Scene) -> None:
    """Nobody was at the hub's address: the withdrawal that came meanwhile stops it."""
    care, health, wire = scene[CARE], scene[HEALTH], wired(scene, HEALTH)
    release_on_consent(health, scene.main)
    wire.way_out = httpx.ConnectError("nobody")
    with pytest.raises(HubUnreachable):
        health.outbox.push_all()
    wire.way_out = None
    care.book.record_consent(scene.main, consent("withdrawn"))
    health.follower.sync_cases()
    assert health.outbox.push_all().refused > 0
    assert wire.count("disclosure") == 0


def test_a_sending_that_reached_nobody_takes_back_itself_only(scene: Scene) -> None:
    """Two pushes at once: the first finds no hub; meanwhile the second reached it and lost the answer.

    What the second sent may be at the hub, so it is asked for again as it is, never stopped as if it had not left.
    """
    care, health, wire = scene[CARE], scene[HEALTH], wired(scene, HEALTH)
    grants = release_on_consent(health, scene.main)
    first_waits, second_is_done = threading.Event(), threading.Event()
    threads: list[int] = []
    honest = health.follower.client.post_lines

    def post_lines(path: str, lines: Any, **rest: Any) -> list[Any]:
        threads.append(threading.get_ident())
        if len(set(threads)) == 1:
            first_waits.set()
            assert second_is_done.wait(30)
            raise HubUnreachable("nobody is there", nothing_left=True)
        wire.way_back = httpx.ReadError("lost")
        return honest(path, lines, **rest)

    health.follower.client.post_lines = post_lines  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(health.outbox.push_all)
        assert first_waits.wait(30)
        second = pool.submit(health.outbox.push_all)
        assert isinstance(second.exception(30), HubUnreachable)
        second_is_done.set()
        assert isinstance(first.exception(30), HubUnreachable)
    assert len(set(threads)) == 2
    assert {row.has_left for row in rows(health, OutboxRow)} == {1}
    health.follower.client.post_lines = honest  # type: ignore[method-assign]
    wire.way_back = None
    care.book.record_consent(scene.main, {**consent("withdrawn")})
    health.follower.sync_cases()
    report = health.outbox.push_all()
    assert (report.refused, report.accepted) == (0, 0)
    assert set(states(health, "disclosure")) == {"accepted"}
    assert states(health, "void") == []
    assert len(rows(health, GrantedRow)) == grants


def test_two_sendings_that_reached_nobody_leave_no_count(scene: Scene) -> None:
    """Each takes back its own: the line counts as never sent, and is decided again."""
    health, wire = scene[HEALTH], wired(scene, HEALTH)
    release_on_consent(health, scene.main)
    wire.way_out = httpx.ConnectError("nobody")
    with ThreadPoolExecutor(2) as pool:
        for item in [pool.submit(health.outbox.push_all) for _ in range(2)]:
            assert isinstance(item.exception(60), HubUnreachable)
    assert {row.has_left for row in rows(health, OutboxRow)} == {0}


def test_lines_of_an_ended_case_wait(scene: Scene) -> None:
    """And do not stop those of another case."""
    health, wire = scene[HEALTH], wired(scene, HEALTH)
    for case in (scene.main, scene.other):
        health.write(case, NOTE)
        health.release(case)
    honest = scene.transport
    lie(scene, about("/v1/cases", lambda answer: {"cases": _without(answer["cases"], scene.main)}), HEALTH)
    health.follower.sync_cases()
    wire.honest = honest
    scene.use(wire, HEALTH)
    assert health.outbox.push_all().refused == 0
    pushed = {row.case: row.state for row in rows(health, OutboxRow) if row.kind == "fragment"}
    assert pushed == {scene.main: "pending", scene.other: "accepted"}


def _without(listed: list[dict[str, Any]], case: str) -> list[dict[str, Any]]:
    return [item for item in listed if item["case"] != case]


# --- numbers of a channel ---


def test_a_void_that_waited_too_long_does_not_block_its_channel(embedded: Scene) -> None:
    """Refused, its void not sent for a day, a new disclosure queued behind: signed anew, and the channel goes on."""
    off = [timedelta()]
    scene = embedded.embed(clock=lambda: now() + off[0])
    scene.witness()
    care, health = scene[CARE], scene[HEALTH]
    care.book.record_consent(scene.main, {**consent("given"), "scope": SCOPE})
    scene.witness()
    assert release_on_consent(health, scene.main) > 0
    care.book.record_consent(scene.main, consent("withdrawn"))
    # The withdrawal is not known here yet: the hub refuses, and the process ends before the voids leave.
    first = health.outbox._push_batch(scene.main, health.book.load(scene.main))
    assert first is not None
    assert first.refused > 0
    off[0] = timedelta(hours=25)
    scene.use(scene.transport)
    scene.witness()
    health.write(scene.main, NEXT)
    assert health.release(scene.main).grants > 0
    health.outbox.push_all()
    assert "dropped" in states(health, "disclosure")
    assert release_all(health, scene.main, OverrideReason.LEGAL_DUTY) > 0
    report = health.outbox.push_all()
    assert (report.refused, report.problems) == (0, [])
    assert NEXT["summary"] in opened(scene)
    signed = [peek(row_statement(row)).members for row in voids(health) if row.state == "accepted"]
    assert {said["code"] for said in signed} == {"stale_consent"}
    assert len(signed) == first.refused


def test_a_void_that_is_always_refused_ends(scene: Scene) -> None:
    """A hub that takes no void: each is tried once, the push ends, and its number is free."""
    care, health = scene[CARE], scene[HEALTH]
    release_on_consent(health, scene.main)
    care.book.record_consent(scene.main, consent("withdrawn"))
    health.follower.sync_cases()

    def no_void(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        problem = {"type": "urn:nrmhub:problem:clock", "detail": "no"}
        kinds = [row.kind for row in rows(health, OutboxRow) if row.state == "pending"]
        return [
            {**line, "status": "refused", "receipt": None, "problem": problem} if kind == "void" else line
            for line, kind in zip(lines, kinds, strict=False)
        ] + lines[-2:]

    lie(scene, about("/push", no_void), HEALTH)
    health.outbox.push_all()
    assert "refused" in states(health, "void")
    assert "pending" not in states(health, "void")
    assert {row.last_sequence for row in rows(health, OwnChannelRow)} == {0}


@pytest.mark.parametrize(
    "problem",
    [
        None,
        {},
        {"type": 7},
        {"type": "urn:nrmhub:problem:policy", "fragment": [], "rules": None},
        {"type": "urn:nrmhub:problem:policy", "fragment": {"a": 1}, "rules": {"a": 1}},
        {"type": "x" * 10_000, "rules": ["y" * 10_000]},
    ],
)
def test_a_refusal_of_any_shape_closes_the_number(scene: Scene, problem: Any) -> None:
    """With a code of the list; the hub takes the voids."""
    health = scene[HEALTH]
    health.write(scene.main, NOTE)
    health.release(scene.main)

    def refuse(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kinds = [row.kind for row in rows(health, OutboxRow) if row.state == "pending"]
        return [
            {**line, "status": "refused", "receipt": None, "problem": problem} if kind == "disclosure" else line
            for line, kind in zip(lines, kinds, strict=False)
        ] + lines[-2:]

    lie(scene, about("/push", refuse), HEALTH)
    first = health.outbox._push_batch(scene.main, health.book.load(scene.main))
    assert first is not None
    assert first.refused > 0
    assert {peek(row_statement(row)).type for row in voids(health)} == {StatementType.VOID}
    assert {peek(row_statement(row)).members["code"] for row in voids(health)} <= {"policy", "unknown"}


# --- receipts ---


def changed(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return ("0" if value[:1] != "0" else "1") + value[1:] if isinstance(value, str) else {"code": "C"}


BOUND = {
    "channel": ("type", "case", "agency", "channel", "statement", "recipient_agency", "recipient_member"),
    "fragment": ("type", "case", "agency", "fragment", "sha256", "category", "handling", "archive"),
    "disclosure": ("type", "case", "agency", "channel", "statement", "recipient_agency", "recipient_member", "items"),
    "void": ("type", "case", "agency", "channel", "statement"),
}


@pytest.mark.parametrize("kind", BOUND)
def test_a_receipt_speaks_of_what_was_pushed(scene: Scene, kind: str) -> None:
    """Each member of the entry that the line itself says: another value, or none, is no receipt of it."""
    care, health = scene[CARE], scene[HEALTH]
    if kind == "void":
        release_on_consent(health, scene.main)
        care.book.record_consent(scene.main, consent("withdrawn"))
        health.follower.sync_cases()
        health.outbox.push_all()
    else:
        health.share(scene.main, NOTE)
    row = next(
        row
        for row in rows(health, OutboxRow)
        if row.kind == kind and row.state == "accepted" and _has_member(json.loads(row.receipt)["body"], kind)
    )
    body = json.loads(json.loads(row.receipt)["body"])
    verify_receipt(*alone(body), row, HEALTH)
    for name in BOUND[kind]:
        others = [{**body, name: changed(body[name])}, {key: value for key, value in body.items() if key != name}]
        for other in others:
            with pytest.raises(LogRefused) as refusal:
                verify_receipt(*alone(other), row, HEALTH)
            assert refusal.value.code == "receipt", name
    with pytest.raises(LogRefused):
        verify_receipt(*alone(body), row, CHARITY)


def _has_member(body: str, kind: str) -> bool:
    return kind in ("fragment", "void") or json.loads(body)["recipient_member"] is not None


def alone(body: dict[str, Any]) -> tuple[dict[str, Any], int, bytes]:
    """A receipt, size and root of a log that has this entry only: what a hub can make of any words."""
    salt, text = b"s" * 32, canonical_bytes(copy.deepcopy(body))
    receipt = {"index": 0, "body": text.decode(), "salt": b64u(salt), "inclusion": []}
    return receipt, 1, leaf_hash(entry_bytes(text, salt))


def test_an_entry_of_another_agency_is_no_receipt(scene: Scene) -> None:
    """The hub answers with another agency's real entry."""
    health = scene[HEALTH]
    health.write(scene.main, NOTE)
    health.release(scene.main)
    theirs: list[Any] = []
    lie(scene, about("/push", _keeping(theirs)), CARE)
    scene[CARE].share(scene.main, NOTE)
    scene.use(scene.transport)

    def swap(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**line, "receipt": theirs[0]} for line in lines[:-2]] + lines[-2:]

    lie(scene, about("/push", swap), HEALTH)
    with pytest.raises(LogRefused) as refusal:
        health.outbox.push_all()
    assert refusal.value.code == "receipt"


def _keeping(kept: list[Any]) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept.extend(line["receipt"] for line in lines[:-2])
        return lines

    return change
