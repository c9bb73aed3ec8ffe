"""``Prefer: respond-async`` at a real hub: a signed promise in place of a receipt, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from adapters.store.promise_rows import promised_by_case
from adapters.store.tables import OutboxRow
from hub.api.promises import MAX_PREFER_CHARS, is_preferred
from keys.jose import b64u_decode
from keys.promises import CLOCKS_APART, MAX_MERGE_DELAY, Promise, verify_promise
from keys.statements import StatementType
from keys.transparency import VerifierKey, entry_bytes, leaf_hash
from tests.hub.api.raw import Raw
from tests.hub.api.test_push_refused import make_lines, of_kind
from tests.scene import CARE, POLICE, Scene, now

ASKED = {"Prefer": "respond-async"}


@pytest.fixture(scope="module", autouse=True)
def _witnessed(scene: Scene) -> None:
    """However long ago the federation was built, a quorum has seen its log now."""
    scene.witness()


@pytest.mark.parametrize(
    ("header", "is_asked"),
    [
        ("respond-async", True),
        ("Respond-Async", True),
        ("respond-async, wait=10", True),
        ('return=minimal; x="a,b" , respond-async;foo', True),
        ('respond-async=""', True),
        ("", False),
        ("wait=10", False),
        ("respond-asynchronously", False),
        ('other="a, respond-async"', False),
        ("return=respond-async", False),
        (f"respond-async,{'x' * MAX_PREFER_CHARS}", False),
    ],
)
def test_which_preferences_are_one_for_a_promise(header: str, is_asked: bool) -> None:
    assert is_preferred(header) is is_asked


def post(raw: Raw, scene: Scene, lines: list[dict[str, Any]], **headers: str) -> httpx.Response:
    """Push lines by hand to the main case."""
    return raw.send(
        "POST",
        f"/v1/cases/{scene.main}/push",
        content="".join(json.dumps(line) + "\n" for line in lines),
        headers={"Content-Type": "application/x-ndjson", **headers},
    )


def read_promise(scene: Scene, note: str) -> Promise:
    """The promise, by the key that the agencies pinned, given just now."""
    promise = verify_promise(note, VerifierKey.parse(scene[CARE].home.pin().log_vkey))
    assert promise.until == promise.given_at + MAX_MERGE_DELAY
    assert abs(promise.given_at - now()) < CLOCKS_APART
    return promise


def leaf_of(shown: dict[str, Any]) -> bytes:
    return leaf_hash(entry_bytes(shown["body"].encode(), b64u_decode(shown["salt"])))


def test_a_push_is_promised_its_place_and_gets_it(scene: Scene, raw: Raw) -> None:
    lines = make_lines(scene[CARE], scene.main)
    answer = post(raw, scene, lines, **ASKED)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    *results, promised, checkpoint, end = [json.loads(line) for line in answer.text.splitlines()]
    assert (checkpoint["type"], end) == ("checkpoint", {"type": "end", "lines": len(lines)})
    promise = read_promise(scene, promised["note"])
    assert (promise.case, promised["type"]) == (scene.main, "promise")
    assert promise.checkpoint is not None
    assert {line["status"] for line in results} == {"accepted"}
    assert {line["receipt"] for line in results} == {None}
    found = {(json.loads(line["promise"]["body"])["case_seq"], leaf_of(line["promise"])) for line in results}
    assert found == {(item.case_seq, item.leaf) for item in promise.entries}

    again = post(raw, scene, lines)
    assert (again.status_code, "Preference-Applied" in again.headers) == (200, False)
    proven = [json.loads(line) for line in again.text.splitlines()][:-2]
    assert {line["status"] for line in proven} == {"repeated"}
    for line, before in zip(proven, results, strict=True):
        assert line["receipt"]["index"] >= promise.size
        assert {name: line["receipt"][name] for name in ("body", "salt")} == before["promise"]
    # What has its place is proven, whoever would have waited for no place.
    once_more = post(raw, scene, lines, **ASKED)
    assert [json.loads(line)["receipt"] for line in once_more.text.splitlines()[:-2]] != [None] * len(lines)
    assert once_more.status_code == 200


def test_a_push_of_which_nothing_was_taken_promises_nothing(scene: Scene, raw: Raw) -> None:
    [line, *_] = make_lines(scene[CARE], scene.main)
    answer = post(raw, scene, [{**line, "more": 1}], **ASKED)
    assert (answer.status_code, json.loads(answer.text.splitlines()[0])["status"]) == (200, "refused")
    assert "promise" not in answer.text


def test_a_push_of_which_some_was_taken_promises_that(scene: Scene, raw: Raw) -> None:
    known, new = (of_kind(make_lines(scene[CARE], scene.main), "fragment") for _ in range(2))
    assert post(raw, scene, [known]).status_code == 200
    answer = post(raw, scene, [known, new, {"type": "void"}], **ASKED)
    results = [json.loads(line) for line in answer.text.splitlines()]
    kinds = [(line["status"], line["receipt"] is None, line["promise"] is None) for line in results[:-3]]
    assert kinds == [("repeated", False, True), ("accepted", True, False), ("refused", True, True)]
    assert len(read_promise(scene, results[-3]["note"]).entries) == 1


def statement(scene: Scene) -> str:
    """A refusal to share, signed by the police."""
    party = scene[POLICE]
    members = {
        "case": scene.main,
        "recipient_agency": CARE,
        "category": "concern",
        "request": None,
        "code": "not_relevant",
        "reviewer": next(iter(party.people.values())),
        "detail": None,
    }
    return party.book._sign(StatementType.REFUSAL, members, party.book.signing)


def test_a_statement_is_promised_its_place(scene: Scene, make_raw: Callable[[str], Raw]) -> None:
    police, said = make_raw(POLICE), {"statement": statement(scene)}
    answer = police.send("POST", "/v1/statements", json=said, headers=ASKED)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (202, "respond-async")
    got = answer.json()
    assert set(got) == {"status", "promised", "promise", "checkpoint"}
    [entry] = read_promise(scene, got["promise"]).entries
    assert entry.leaf == leaf_of(got["promised"])
    again = police.send("POST", "/v1/statements", json=said)
    [receipt] = again.json()["receipts"]
    assert (again.status_code, again.json()["status"]) == (200, "repeated")
    assert {name: receipt[name] for name in ("body", "salt")} == got["promised"]


def test_what_is_refused_is_refused_whoever_waits(scene: Scene, raw: Raw) -> None:
    answer = raw.send("POST", "/v1/statements", json={"statement": "x" * 30}, headers=ASKED)
    assert answer.status_code == 422
    assert "Preference-Applied" not in answer.headers


def test_a_route_that_promises_nothing_answers_as_ever(scene: Scene, raw: Raw) -> None:
    answer = raw.send("GET", "/v1/cases", headers=ASKED)
    assert (answer.status_code, "Preference-Applied" in answer.headers) == (200, False)


def test_an_adapter_is_promised_and_takes_the_receipts_in_across_the_hubs_death(scene: Scene) -> None:
    """Recorded, promised, killed: what was promised stands in the log of the next process, and is found there."""
    police = scene[POLICE]
    police.witness()
    police.sync()
    with police.store.write() as session:
        session.query(OutboxRow).delete()
    police.write(scene.main, {"kind": "concern", "summary": "An invented note for a hub that dies", "fields": {}})
    police.release(scene.main)
    report = replace(police.outbox, takes_promises=True).push_all()
    assert (report.accepted, report.promised >= 1) == (0, True)
    with police.store.write() as session:
        [waiting] = promised_by_case(session)
    assert (waiting["case"], waiting["lines"]) == (scene.main, report.promised)
    scene.hub.kill()
    scene.start()
    police.sync()
    with police.store.write() as session:
        rows = session.query(OutboxRow).all()
        assert {(row.state, row.receipt is None) for row in rows} == {("accepted", False)}
        assert promised_by_case(session) == []
    assert scene.alarms(POLICE) == []
