"""Sessions: what begins and ends them, what a token is worth, what rests in the database."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event

from adapters.store.tables import SessionRow
from adapters.workspace import sessions as module
from adapters.workspace.app import this_session
from adapters.workspace.sessions import MAX_DATA_BYTES, MAX_PER_PERSON, SEEN_STEP, ServerSession, SessionOver
from keys.sessions import ABSOLUTE, COOKIE, IDLE, WANTED_COOKIE, digest_of, is_token, new_token
from tests.adapters.workspace.desk import ISSUER, ORIGIN, SUBJECT, Browser, Desk, Vouched

MINUTE = timedelta(minutes=1)


def is_in(browser: Browser) -> bool:
    return browser.get("/").status_code == 200


def test_the_cookie_is_for_this_host_over_tls_and_no_script(shared: Desk) -> None:
    shared.bind_once()
    answer = shared.browser().sign_in()
    (cookie,) = [item for item in answer.headers.getlist("Set-Cookie") if item.startswith(COOKIE)]
    name, *attributes = cookie.split("; ")
    assert is_token(name.removeprefix(f"{COOKIE}="))
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]


def test_the_database_holds_no_token_and_nothing_of_a_session_that_can_be_read(shared: Desk) -> None:
    browser = shared.signed_in()
    with shared.adapter.store.write() as session:
        rows = session.query(SessionRow).all()
        kept = [b"|".join((row.digest.encode(), str(row.person).encode(), row.sealed_session)) for row in rows]
    whole = b"".join(kept)
    assert digest_of(browser.token).encode() in whole
    assert browser.token.encode() not in whole
    assert SUBJECT.encode() not in whole
    assert b"panel_voting" not in whole


def test_a_row_that_was_changed_or_moved_signs_nobody_in(shared: Desk) -> None:
    """Whoever can write to the database cannot give a session to somebody else."""
    thief, victim = shared.browser(), shared.signed_in()
    thief.token = new_token()
    with shared.adapter.store.write() as session:
        row = session.get(SessionRow, digest_of(victim.token))
        assert row is not None
        copied = {name: getattr(row, name) for name in ("person", "member", "created_at", "seen_at", "sealed_session")}
        session.add(SessionRow(digest=digest_of(thief.token), **copied))
    assert is_in(victim)
    assert not is_in(thief)


def test_a_session_ends_when_nobody_uses_it(shared: Desk) -> None:
    """Use puts the end off; a quarter of an hour without it does not."""
    browser = shared.signed_in()
    for _ in range(3):
        shared.later += IDLE - MINUTE
        assert is_in(browser)
    old = browser.token
    shared.later += IDLE
    answer = browser.get("/")
    assert answer.status_code == 401
    assert "You did not use it for 15 minutes" in answer.text
    assert not is_in(browser)
    browser.token = old
    assert browser.get("/").headers["Location"] == "/sign-in"


def test_use_is_not_written_down_with_every_request(shared: Desk) -> None:
    browser = shared.signed_in()
    digest = digest_of(browser.token)

    def seen() -> str:
        with shared.adapter.store.write() as session:
            row = session.get(SessionRow, digest)
            assert row is not None
            return row.seen_at

    before = seen()
    assert is_in(browser)
    shared.later += SEEN_STEP + MINUTE
    assert is_in(browser)
    assert seen() > before


def test_a_session_ends_after_a_shift_however_much_it_is_used_and_stepped_up(shared: Desk) -> None:
    """Unlocking gives a new token and no more time."""
    browser = shared.signed_in()
    shared.later += timedelta(minutes=10)
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 303
    gone = timedelta(minutes=10)
    while gone + IDLE - MINUTE < ABSOLUTE:
        assert is_in(browser), gone
        shared.later += IDLE - MINUTE
        gone += IDLE - MINUTE
    assert is_in(browser)
    shared.later += ABSOLUTE - gone
    answer = browser.get("/")
    assert answer.status_code == 401
    assert "You signed in 10 hours ago" in answer.text
    assert shared.here.ring.held() == []


def test_a_clock_that_went_back_ends_sessions(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later -= timedelta(hours=1)
    assert not is_in(browser)


def test_the_token_changes_at_sign_in_and_unlocking_and_the_old_one_is_dead(shared: Desk) -> None:
    browser = shared.signed_in()
    first = browser.token
    assert browser.sign_in().status_code == 303
    second = browser.token
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 303
    third = browser.token
    assert len({first, second, third}) == 3
    assert is_in(browser)
    for old in (first, second):
        other = shared.browser()
        other.token = old
        assert not is_in(other)


def test_what_was_kept_before_somebody_signed_in_is_gone(shared: Desk) -> None:
    shared.bind_once()
    browser = shared.browser()
    assert browser.get("/account").headers["Location"] == "/sign-in"
    assert browser.sign_in(wanted="/account").headers["Location"] == "/account"
    found = shared.here.sessions.open(browser.token)
    assert dict(found) == {}


def test_one_person_is_signed_in_in_so_many_places_at_most(shared: Desk) -> None:
    """One more ends the one that was unused for longest."""
    shared.end_all()
    browsers = []
    for _ in range(MAX_PER_PERSON + 1):
        shared.later += timedelta(seconds=2)
        browsers.append(shared.signed_in())
    assert [is_in(browser) for browser in browsers] == [False] + [True] * MAX_PER_PERSON


def test_too_much_in_a_session_is_not_kept_and_who_is_signed_in_stays(shared: Desk) -> None:
    browser = shared.signed_in()
    session = shared.here.sessions.open(browser.token)
    session["note"] = "small"
    shared.here.sessions.save(session)
    assert dict(shared.here.sessions.open(browser.token)) == {"note": "small"}
    session["note"] = "x" * MAX_DATA_BYTES
    shared.here.sessions.save(session)
    assert dict(shared.here.sessions.open(browser.token)) == {}
    assert is_in(browser)


def test_strangers_fill_nothing_but_their_own_share(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that nobody has signed in with are few, the oldest go first, and nobody signed in goes with them."""
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 3)
    browser, tokens = shared.signed_in(), []
    for _ in range(6):
        shared.later += timedelta(seconds=2)
        session = ServerSession(new_token())
        session["note"] = "x"
        shared.here.sessions.save(session)
        tokens.append(session.token)
    kept = [dict(shared.here.sessions.open(token)) != {} for token in tokens]
    assert kept == [False, False, False, True, True, True]
    assert is_in(browser)


def test_attack_77_three_addresses_do_not_push_out_a_sign_in_under_way(
    shared: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a share, and where all is full whoever has most gives way."""
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 20)
    monkeypatch.setattr(module, "MAX_ANONYMOUS_OF_CLIENT", 8)
    shared.end_all()
    tokens = []
    for number in range(61):
        shared.later += timedelta(seconds=2)
        browser = shared.browser()
        browser.token = new_token()
        with shared.app.test_request_context(
            "/",
            base_url=ORIGIN,
            headers={"Cookie": f"{COOKIE}={browser.token}"},
            environ_overrides={"REMOTE_ADDR": f"198.51.100.{number % 3}" if number else "192.0.2.1"},
        ):
            session = this_session()
            session["_state_one"] = {"exp": number}
            shared.here.sessions.save(session)
        tokens.append(browser.token)
    held = [dict(shared.here.sessions.open(token)) != {} for token in tokens]
    assert held[0]
    assert sum(held) == 20
    assert all(held[-3:])


def test_a_stranger_who_only_looks_leaves_no_row(shared: Desk) -> None:
    def rows() -> int:
        with shared.adapter.store.write() as session:
            return session.query(SessionRow).count()

    before = rows()
    assert shared.browser().get("/nothing").status_code == 404
    assert rows() == before


def test_a_request_that_was_under_way_does_not_bring_an_ended_session_back(shared: Desk) -> None:
    browser = shared.signed_in()
    under_way = shared.here.sessions.open(browser.token)
    shared.here.sessions.end_these([digest_of(browser.token)])
    under_way["note"] = "late"
    shared.here.sessions.save(under_way)
    assert not is_in(browser)


def test_a_session_that_ended_while_its_key_was_opened_stays_ended(shared: Desk) -> None:
    """Unlocking takes a second; whoever signs the person out meanwhile has signed them out."""
    browser = shared.signed_in()
    under_way = shared.here.sessions.open(browser.token)
    assert shared.here.sessions.end_all(shared.member) >= 1
    with pytest.raises(SessionOver):
        shared.here.sessions.step_up(under_way, two_factor=True)
    assert under_way.who is None
    assert shared.here.sessions.list_signed_in(member=shared.member) == []
    assert not is_in(browser)


def test_a_provider_that_is_configured_no_more_takes_its_sessions_along(shared: Desk) -> None:
    browser, guard = shared.signed_in(), shared.here.guard
    try:
        guard.issuers = frozenset({ISSUER})
        assert is_in(browser)
        guard.issuers = frozenset({"https://another.example"})
        answer = browser.get("/")
        assert answer.status_code == 401
        assert "sign-in service that you came with" in answer.text
    finally:
        guard.issuers = None
    assert not is_in(browser)


def test_all_sessions_but_one_end_together(shared: Desk) -> None:
    kept, *others = [shared.signed_in() for _ in range(3)]
    assert shared.here.sessions.end_all(shared.member, but=digest_of(kept.token)) == 2
    assert is_in(kept)
    assert not any(is_in(browser) for browser in others)


@pytest.mark.parametrize("token", ["", "x", "'; DROP TABLE session", "a" * 44, "é" * 43, "a" * 100_000])
def test_what_is_no_token_is_nobody(shared: Desk, token: str) -> None:
    found = shared.here.sessions.open(token)
    assert found.who is None
    assert found.token != token


def test_a_session_does_not_show_itself(shared: Desk) -> None:
    browser = shared.signed_in()
    found = shared.here.sessions.open(browser.token)
    assert found.token not in repr(found)
    assert found.who is not None


def test_time_sweeps_what_ended(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later += IDLE + MINUTE
    shared.here.sessions.sweep()
    with shared.adapter.store.write() as session:
        assert session.get(SessionRow, digest_of(browser.token)) is None


def test_where_you_are_signed_in_is_listed_and_ended(shared: Desk) -> None:
    """One other, then all others; somebody else's session cannot be named."""
    shared.end_all()
    here, there, elsewhere = (shared.signed_in() for _ in range(3))
    assert here.get("/account").text.count("Sign out there") == 2
    answer = here.post("/account/sessions/end", session=digest_of(there.token))
    assert answer.headers["Location"] == "/account"
    assert [is_in(item) for item in (here, there, elsewhere)] == [True, False, True]
    assert here.post("/account/sessions/end", session="f" * 64).status_code == 404
    assert here.post("/account/sessions/end", session=digest_of(here.token)).status_code == 404
    assert here.post("/account/sessions/end", session="others").status_code == 303
    assert [is_in(item) for item in (here, elsewhere)] == [True, False]


def test_what_a_row_says_survives_json(shared: Desk) -> None:
    browser = shared.signed_in(Vouched(amr=("pwd", "otp")))
    who = shared.here.sessions.who_has(digest_of(browser.token))
    assert who is not None
    assert who.methods == ("pwd", "otp")
    assert who.roles == ("panel_voting",)
    assert json.dumps(who.auth_time)


def test_a_token_that_nobody_has_takes_no_lock_and_waits_for_none(shared: Desk) -> None:
    """Anybody may bring any token before anything is counted: while somebody writes, they get their page at once."""
    asked: list[str] = []

    def keep(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    stranger, engine = shared.browser(), shared.adapter.store.engine
    stranger.token = new_token()
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        event.listen(engine, "before_cursor_execute", keep)
        try:
            began = time.monotonic()
            assert shared.here.sessions.open(stranger.token).who is None
            assert time.monotonic() - began < 2
        finally:
            event.remove(engine, "before_cursor_execute", keep)
            writer.execute("ROLLBACK")
    assert "BEGIN IMMEDIATE" not in asked
    assert {statement.split()[0] for statement in asked} == {"BEGIN", "SELECT"}


def test_thousands_of_visits_do_not_end_a_sign_in_under_way(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only asks for pages keeps no row: their browser keeps where they wanted to go."""
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 3)
    sessions, token = shared.here.sessions, new_token()
    begun = sessions.open(token)
    begun["_state_mine"] = {"exp": 1}
    sessions.save(begun)

    def anonymous() -> int:
        with shared.adapter.store.write() as session:
            return session.query(SessionRow).filter(SessionRow.person.is_(None)).count()

    before, visitor = anonymous(), shared.browser()
    for _ in range(50):
        answer = visitor.get("/account")
        assert answer.status_code == 303
        visitor.client.delete_cookie(COOKIE, domain="fern-health.localhost")
    assert anonymous() == before
    (cookie,) = [item for item in answer.headers.getlist("Set-Cookie") if item.startswith(WANTED_COOKIE)]
    assert cookie.startswith(f"{WANTED_COOKIE}=/account; ")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax", "Max-Age=900"} <= set(cookie.split("; "))
    again = sessions.open(token)
    assert dict(again) == {"_state_mine": {"exp": 1}}
    # What came to its end makes room at once.
    again.clear()
    sessions.save(again)
    assert anonymous() == before - 1


def test_one_factor_does_not_push_out_two(shared: Desk) -> None:
    """Whoever has the first factor alone signs in often: where the person works with two factors goes on."""
    mine = shared.signed_in()
    for _ in range(2 * MAX_PER_PERSON):
        shared.later += timedelta(seconds=1)
        shared.signed_in(Vouched(is_two_factor=False))
    assert is_in(mine)
    assert len(shared.here.sessions.list_signed_in(member=shared.member)) == MAX_PER_PERSON
