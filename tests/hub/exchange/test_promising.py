"""What is promised of acts whose entries wait on a real server: the same again, until they have their places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.exchange.acts import Receipt
from hub.exchange.promising import Promised, make_promise, sort_out
from hub.ledger.sequencing import place_some
from hub.store.database import Database
from keys.promises import MAX_MERGE_DELAY
from keys.statements import CheckpointRef
from keys.transparency import entry_bytes, leaf_hash
from tests import postgres
from tests.hub.ledger.builder import CASE, OTHER_CASE
from tests.hub.ledger.waiting import AT, act, copied, logged, template_with_two_cases

GIVEN_AT = datetime.fromisoformat(AT)
NAMED = CheckpointRef(3, "ab" * 32)


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server of its own: what may be placed depends on every transaction of a server."""
    with postgres.apart() as made:
        yield made


@pytest.fixture(scope="module")
def template(server: postgres.Server) -> Iterator[str]:
    with template_with_two_cases(server) as url:
        yield url


@pytest.fixture
def database(server: postgres.Server, template: str) -> Iterator[Database]:
    with copied(template, server) as made:
        yield made


def leaves(found: Promised) -> set[bytes]:
    return {leaf_hash(entry_bytes(item.body.encode(), item.salt)) for item in found.waiting.values()}


def test_what_waits_is_promised_the_same_again_and_what_has_its_place_is_not(database: Database) -> None:
    first, second = act(database, CASE, "one"), act(database, CASE, "two")
    found = sort_out(database, [first, second, None])
    assert set(found.waiting) == {first, second}
    assert found.places == {}
    assert [json.loads(item.body)["case_seq"] for item in found.waiting.values()] == [1, 2]
    promise = make_promise("hub.example/log", found.waiting.values(), NAMED, GIVEN_AT)
    assert promise is not None
    assert (promise.given_at, promise.until, promise.case) == (GIVEN_AT, GIVEN_AT + MAX_MERGE_DELAY, CASE)
    assert promise.checkpoint == NAMED
    # Asked for again later, it is due by the same time, and of the same entries.
    later = GIVEN_AT + timedelta(minutes=9)
    assert (
        make_promise("hub.example/log", sort_out(database, [second, first]).waiting.values(), NAMED, later) == promise
    )
    shown = found.shown(first)
    assert shown is not None
    assert (found.shown(None), found.place(first)) == (None, None)
    placed = place_some(database)
    assert placed is not None
    assert placed.count == 2
    after = sort_out(database, [first, second])
    assert after.waiting == {}
    assert [after.place(item) for item in (first, second, None)] == [0, 1, None]
    assert (after.shown(first), logged(database)) == (None, ["one", "two"])
    assert leaves(found) == {item.leaf for item in promise.entries}


def test_nothing_is_promised_that_is_overdue(database: Database) -> None:
    ticket = act(database, OTHER_CASE, "three")
    waiting = sort_out(database, [ticket]).waiting.values()
    assert make_promise("hub.example/log", waiting, None, GIVEN_AT + MAX_MERGE_DELAY) is None
    just = make_promise("hub.example/log", waiting, None, GIVEN_AT + MAX_MERGE_DELAY - timedelta(seconds=1))
    assert just is not None


def test_what_was_recorded_just_now_is_promised_once(database: Database) -> None:
    """Also where its position is known, as on SQLite, and where a later line of the push repeats it."""
    body = json.dumps({"at": AT, "case": CASE, "case_seq": 4, "type": "refusal"})
    fresh = Receipt(17, body, bytes(32))
    found = sort_out(database, [fresh, 17, 5])
    assert (dict(found.waiting), dict(found.places)) == ({17: fresh}, {5: 5})
    assert found.shown(17) == found.shown(fresh)
    assert found.shown(17) is not None
    assert (found.place(17), found.place(fresh), found.place(5)) == (None, None, 5)
    made = make_promise("hub.example/log", found.waiting.values(), NAMED, datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert made is not None
    assert [item.case_seq for item in made.entries] == [4]
