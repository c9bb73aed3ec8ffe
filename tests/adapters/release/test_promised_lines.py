"""A push that waits for no position: promised, shown as such, settled from the log, and never lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.following import LogRefused
from adapters.hub_client import HubUnreachable
from adapters.release.outbox import PushReport
from adapters.store.monitor_rows import unlogged_lines
from adapters.store.promise_rows import PROMISED, promised_by_case
from adapters.store.tables import OutboxRow, OwnFragmentRow
from keys.promises import MAX_MERGE_DELAY
from tests.adapters.hands import Hands
from tests.attacks.hostile import about, lie
from tests.scene import CARE, POLICE, Party, Scene, now

NOTE = {"kind": "concern", "summary": "An invented note", "fields": {}}
LATER = MAX_MERGE_DELAY + timedelta(minutes=6)


@pytest.fixture
def scene(embedded: Scene) -> Scene:
    embedded.witness()
    with embedded[CARE].store.write() as session:
        session.query(OutboxRow).delete()
    return embedded


def push(party: Party) -> PushReport:
    return replace(party.outbox, takes_promises=True).push_all()


def released(scene: Scene) -> Party:
    care = scene[CARE]
    care.write(scene.main, NOTE)
    care.release(scene.main)
    return care


def lines(party: Party) -> dict[str, set[bool]]:
    """State of every line, and whether it has a receipt."""
    found: dict[str, set[bool]] = {}
    with party.store.write() as session:
        for row in session.query(OutboxRow):
            found.setdefault(row.state, set()).add(row.receipt is not None)
    return found


def settle(scene: Scene) -> None:
    """Give every entry that waits its place, as a hub's integrator does, and follow the cases."""
    assert scene.database is not None
    with scene.database.write():
        pass
    scene[CARE].follower.sync_cases()


def waiting(party: Party) -> list[dict[str, Any]]:
    with party.store.write() as session:
        return promised_by_case(session)


def test_what_is_promised_is_shown_and_then_proven(scene: Scene, scene_source: Path) -> None:
    care = released(scene)
    report = push(care)
    assert (report.accepted, report.repeated, report.refused) == (0, 0, 0)
    assert lines(care) == {PROMISED: {False}}
    [one] = waiting(care)
    assert (one["case"], one["lines"]) == (scene.main, report.promised)
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    shown = json.loads(Hands(care.home.folder, environ).run("status").output)
    assert shown["promised_not_yet_in_the_log"] == [one]
    with care.store.write() as session:
        [line] = session.query(OutboxRow).filter_by(kind="fragment")
        fragment = session.get(OwnFragmentRow, line.subject)
        assert fragment is not None
        assert not fragment.is_accepted
    # Nothing is sent twice for want of a receipt.
    assert push(care) == PushReport()
    settle(scene)
    assert lines(care) == {"accepted": {True}}
    assert waiting(care) == []
    with care.store.write() as session:
        assert all(row.is_accepted for row in session.query(OwnFragmentRow).filter_by(case=scene.main))
        assert unlogged_lines(session, scene.main) == []
    scene.witness()
    assert scene.alarms(CARE) == []


def test_an_answer_that_was_lost_is_given_again(scene: Scene) -> None:
    """The hub recorded it, and its promise never came: the same again is proven or promised, and taken once."""
    care, honest = released(scene), scene.transport
    assert honest is not None

    class Lost(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response = honest.handle_request(request)
            if request.url.path.endswith("/push"):
                raise httpx.ReadError("cut")
            return response

    scene.use(Lost(), CARE)
    with pytest.raises(HubUnreachable):
        push(care)
    scene.use(honest)
    assert lines(care) == {"pending": {False}}
    report = push(care)
    assert report.promised + report.repeated >= 2
    settle(scene)
    assert lines(care) == {"accepted": {True}}
    assert scene.alarms(CARE) == []


def test_a_hub_that_promises_nothing_is_waited_for(scene: Scene) -> None:
    """The preference is the hub's to take: receipts are receipts."""
    care, honest = released(scene), scene.transport
    assert honest is not None

    class Deaf(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.headers.pop("Prefer", None)
            return honest.handle_request(request)

    scene.use(Deaf(), CARE)
    report = push(care)
    assert (report.promised, report.accepted >= 2) == (0, True)
    assert lines(care) == {"accepted": {True}}


def test_a_line_erased_here_meanwhile_is_forgotten(scene: Scene) -> None:
    care = released(scene)
    push(care)
    with care.store.write() as session:
        session.delete(session.query(OutboxRow).filter_by(kind="fragment").one())
    settle(scene)
    assert lines(care) == {"accepted": {True}}
    assert waiting(care) == []


def test_a_place_that_the_log_has_and_the_case_does_not_show(make_scene: Callable[[], Scene]) -> None:
    """The hub keeps the case's entries back: by the deadline the adapter looks in the tree, and has its receipts."""
    scene = make_scene().embed()
    scene.witness()
    care = released(scene)
    push(care)
    settled = waiting(care)
    hide = about("/log", lambda answer: {**answer, "entries": []})
    lie(scene, hide, CARE)
    scene[CARE].follower.sync_cases()
    assert waiting(care) == settled
    late = scene.embed(clock=lambda: now() + LATER)
    assert late.database is not None
    with late.database.write():
        pass
    for party in late.parties.values():
        party.witness()
    lie(late, hide, CARE)
    care.follower.sync()
    assert waiting(care) == []
    with care.store.write() as session:
        assert all(row.receipt for row in session.query(OutboxRow).filter_by(case=late.main))
    care.follower.sync_cases()
    assert {code for code, _ in late.alarms(CARE)} == {"omission"}
    [text] = {text for _, text in late.alarms(CARE) if "acknowledged" in text and "fragment" in text}
    assert "the case's entries do not have it" in text


def test_a_tree_that_is_not_shown_or_is_another(make_scene: Callable[[], Scene]) -> None:
    """Where the hub does not show what a promise is looked for in, that is said, and the promise stays open."""
    scene = make_scene().embed()
    scene.witness()
    care = released(scene)
    push(care)
    late = scene.embed(clock=lambda: now() + LATER)
    late[POLICE].book.refuse(
        late.other,
        {
            "recipient_agency": CARE,
            "category": "concern",
            "request": None,
            "code": "not_relevant",
            "reviewer": next(iter(late[POLICE].people.values())),
            "detail": None,
        },
    )
    for party in late.parties.values():
        party.witness()

    def garbled(path: str, answer: Any) -> Any:
        return bytes(len(answer)) if "/tile/0/" in path else answer

    lie(late, garbled, CARE)
    with pytest.raises(LogRefused, match="shows a tree that is not the one of its signed head"):
        care.follower.sync()
    assert waiting(care) != []
    assert {code for code, _ in late.alarms(CARE)} == {"directory"}
