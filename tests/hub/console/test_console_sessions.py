"""Sessions of the console: kept by digest, ended by time, by their owner, and at once by whatever lets nobody in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.console import security
from hub.console import sessions as module
from hub.console.sessions import ServerSession
from hub.console.standing import Guard
from hub.store.console_sessions import ConsoleSessionRow
from keys.sessions import COOKIE, WANTED_COOKIE, digest_of, new_token
from policies.vocabulary import Role
from tests.hub.console.desk import SUBJECT, Desk, provider, vouched
from tests.postgres import only_sqlite
from tests.scene import CARE, HEALTH


def rows(desk: Desk) -> list[ConsoleSessionRow]:
    """Every session that is kept."""
    with desk.services.moment.read() as store:
        found = store.query(ConsoleSessionRow).all()
        store.expunge_all()
    return found


def test_the_store_keeps_digests_and_no_account(desk: Desk) -> None:
    """A copy of it signs nobody in and says of nobody who they are."""
    only_sqlite("it reads the bytes of the store")
    browser = desk.signed_in()
    path = desk.scene.hub.home / "hub-moment.db"
    [row] = [row for row in rows(desk) if row.digest == digest_of(browser.token)]
    held = b"".join(path.with_name(name).read_bytes() for name in (path.name, f"{path.name}-wal"))
    assert row.data.encode() in held, "it looks where the session is"
    assert browser.token.encode() not in held
    assert SUBJECT.encode() not in held
    assert json.loads(row.data)["who"]["member"] == desk.officer


def test_the_token_changes_at_sign_in(desk: Desk) -> None:
    """Whoever knew the one before is nobody (session fixation)."""
    browser = desk.browser()
    browser.get("/console/sign-in")
    planted = browser.token
    assert planted
    browser.sign_in()
    assert browser.token != planted
    other = desk.browser()
    other.token = planted
    assert other.get("/console/").status_code == 303
    other.token = browser.token
    assert other.get("/console/").status_code == 200
    browser.sign_in()
    assert other.get("/console/").status_code == 303, "signing in again leaves nothing of the session before"


def test_a_made_up_token_is_nobody(desk: Desk) -> None:
    """Whatever its form."""
    for token in (new_token(), "x", "a" * 5000, digest_of(desk.signed_in().token)):
        browser = desk.browser()
        browser.token = token
        assert browser.get("/console/").status_code == 303


@pytest.mark.parametrize(
    ("later", "says"), [(timedelta(minutes=15), "15 minutes"), (timedelta(hours=-1), None)], ids=["idle", "clock back"]
)
def test_a_session_that_is_not_used_ends(desk: Desk, later: timedelta, says: str | None) -> None:
    """And a clock that went back ends it too."""
    desk.give(desk.word(days=30, since=timedelta(days=-1)))
    browser = desk.signed_in()
    desk.later = later
    answer = browser.get("/console/")
    assert answer.status_code == 401
    assert says is None or says in answer.text
    desk.later = timedelta(0)
    assert browser.get("/console/").status_code == 303


def test_use_keeps_it_up_to_the_limit(desk: Desk) -> None:
    """Ten hours after signing in it ends, however busy."""
    browser = desk.signed_in()
    for minutes in range(10, 600, 10):
        desk.later = timedelta(minutes=minutes)
        assert browser.get("/console/account").status_code == 200, minutes
    desk.later = timedelta(hours=10)
    answer = browser.get("/console/account")
    assert answer.status_code == 401
    assert "10 hours ago" in answer.text


def test_signing_out_ends_it_on_the_server(desk: Desk) -> None:
    """The token is worthless then, wherever it was copied to."""
    browser, copy = desk.signed_in(), desk.browser()
    copy.token = browser.token
    assert copy.get("/console/").status_code == 200
    assert browser.post("/console/sign-out").status_code == 200
    assert copy.get("/console/").status_code == 303


def test_where_somebody_is_signed_in_and_ending_it(desk: Desk) -> None:
    """Each other one, or all others; never somebody else's."""
    desk.give(desk.word(subject="colleague"))
    here, there, third = desk.signed_in(), desk.signed_in(), desk.signed_in()
    colleague = desk.signed_in(vouched(subject="colleague"))
    page = here.get("/console/account").text
    listed = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
    assert {digest_of(there.token), digest_of(third.token)} <= set(listed)
    assert digest_of(colleague.token) not in page
    for wrong in (digest_of(colleague.token), digest_of(here.token), "", "x", "0" * 64):
        assert here.post("/console/account/sessions/end", session=wrong).status_code == 404
    assert here.post("/console/account/sessions/end", session=digest_of(there.token)).status_code == 303
    assert there.get("/console/").status_code == 303
    assert third.get("/console/").status_code == 200
    assert here.post("/console/account/sessions/end", session="others").status_code == 303
    assert third.get("/console/").status_code == 303
    assert colleague.get("/console/").status_code == here.get("/console/").status_code == 200


def test_so_many_sessions_of_one_person(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more ends the one unused for longest; those of nobody do not pile up either."""
    monkeypatch.setattr(module, "MAX_PER_PERSON", 2)
    desk.give(desk.word(subject="busy"))
    opened = []
    for number in range(3):
        desk.later = timedelta(seconds=number)
        opened.append(desk.signed_in(vouched(subject="busy")))
    assert [browser.get("/console/").status_code for browser in opened] == [303, 200, 200]
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 3)
    for number in range(6):
        begin(desk, number)
    assert sum(row.account is None for row in rows(desk)) <= 3


def test_one_factor_does_not_push_out_two(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the first factor alone signs in often: where the officer works with two factors goes on."""
    monkeypatch.setattr(module, "MAX_PER_PERSON", 2)
    desk.give(desk.word(subject="pushed"))
    mine = desk.signed_in(vouched(subject="pushed"))
    for number in range(4):
        desk.later = timedelta(seconds=number + 1)
        desk.signed_in(vouched(subject="pushed", two=False))
    assert mine.get("/console/").status_code == 200


def begin(desk: Desk, number: int) -> ServerSession:
    """A browser in which a sign-in is under way."""
    session = desk.here.sessions.open(new_token())
    session[f"_state_{number}"] = {"exp": number}
    desk.here.sessions.save(session)
    return session


def test_thousands_of_visits_do_not_end_a_sign_in_under_way(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever only asks for pages keeps no row: their browser keeps where they wanted to go."""
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 3)
    monkeypatch.setattr(security, "CLIENT_PER_MINUTE", 1_000_000)
    mine = begin(desk, 1)
    before = len(rows(desk))
    visitor = desk.browser()
    for _ in range(50):
        answer = visitor.get("/console/log")
        assert answer.status_code == 303
        visitor.get("/console/sign-in")
        visitor.client.delete_cookie(COOKIE, domain="127.0.0.1")
    assert len(rows(desk)) == before
    (cookie,) = [item for item in answer.headers.getlist("Set-Cookie") if item.startswith(WANTED_COOKIE)]
    assert cookie.startswith(f"{WANTED_COOKIE}=/console/log; ")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax", "Max-Age=900"} <= set(cookie.split("; "))
    assert dict(desk.here.sessions.open(mine.token)) == {"_state_1": {"exp": 1}}
    # What came to its end makes room at once.
    again = desk.here.sessions.open(mine.token)
    again.clear()
    desk.here.sessions.save(again)
    assert len(rows(desk)) == before - 1


def test_attack_77_three_addresses_do_not_push_out_a_sign_in_under_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has a share, and where all is full whoever has most gives way; whichever process they ask."""
    monkeypatch.setattr(module, "MAX_ANONYMOUS", 20)
    monkeypatch.setattr(module, "MAX_ANONYMOUS_OF_CLIENT", 8)
    desk.end_all()
    second, _ = desk.build()
    other = module.Sessions(second.moment, desk.clock)
    tokens = []
    for number in range(61):
        desk.later = timedelta(seconds=number)
        sessions = (desk.here.sessions, other)[number % 2]
        session = sessions.open(new_token())
        session.client = f"198.51.100.{number % 3}" if number else "192.0.2.1"
        session["_state_one"] = {"exp": number}
        sessions.save(session)
        tokens.append(session.token)
    held = [dict(desk.here.sessions.open(token)) != {} for token in tokens]
    assert held[0]
    assert sum(held) == 20
    assert all(held[-3:])


def test_an_address_is_that_of_the_request(desk: Desk) -> None:
    with desk.app.test_request_context("/console/", environ_overrides={"REMOTE_ADDR": "192.0.2.9"}) as context:
        assert context.session.client == "192.0.2.9"


def test_a_session_holds_so_much(desk: Desk) -> None:
    """More than that is forgotten; whoever is signed in stays so."""
    browser = desk.signed_in()
    sessions = desk.here.sessions
    session = sessions.open(browser.token)
    session["pile"] = "x" * module.MAX_DATA_BYTES
    sessions.save(session)
    assert dict(sessions.open(browser.token)) == {}
    assert browser.get("/console/").status_code == 200


def test_a_session_that_ended_meanwhile_is_not_brought_back(desk: Desk) -> None:
    """A request that was slow writes nothing into what is gone."""
    browser = desk.signed_in()
    sessions = desk.here.sessions
    slow = sessions.open(browser.token)
    sessions.end_these([slow.digest])
    slow["next"] = "/console/log"
    sessions.save(slow)
    assert browser.get("/console/").status_code == 303


def test_expired_rows_are_deleted(desk: Desk) -> None:
    """Sessions whose time is over."""
    browser = desk.signed_in()
    desk.later = timedelta(hours=1)
    desk.signed_in()
    assert digest_of(browser.token) not in {row.digest for row in rows(desk)}


# --- who is let in ---


def test_an_account_that_no_agency_named_is_told_what_to_say(desk: Desk) -> None:
    """The two values, and nobody is signed in."""
    browser = desk.browser()
    answer = browser.sign_in(vouched(subject="some<b>body"))
    assert answer.status_code == 403
    assert "https://login.fern-health.example" in answer.text
    assert "some&lt;b&gt;body" in answer.text
    assert browser.get("/console/").status_code == 303


@pytest.mark.parametrize("subject", ["", "ü", "x" * 256, "two\nlines"])
def test_a_subject_that_cannot_be_named_is_nobody(desk: Desk, subject: str) -> None:
    """And the page does not fail."""
    assert desk.browser().sign_in(vouched(subject=subject)).status_code == 403


def test_a_provider_speaks_for_its_own_agency_only(desk: Desk) -> None:
    """The health agency's word on an account at its provider lets nobody in for another agency, or by another one."""
    assert desk.browser().sign_in(vouched(CARE)).status_code == 403
    assert desk.browser().sign_in(vouched(issuer="https://elsewhere.example")).status_code == 403
    officer = desk.add_person(CARE, Role.IG_OFFICER)
    desk.give(desk.word(CARE, member=officer), by=CARE)
    assert desk.browser().sign_in(vouched(CARE)).status_code == 403, "its provider is the health agency's"


def test_one_factor_is_not_enough(desk: Desk) -> None:
    """It is said; signing out and looking where one is signed in are possible."""
    browser = desk.signed_in(vouched(two=False))
    for path in ("/console/", "/console/log", f"/console/cases/{desk.scene.main}"):
        assert browser.get(path).headers["Location"] == "/console/second-factor"
    answer = browser.get("/console/second-factor")
    assert answer.status_code == 403
    assert "two factors" in answer.text
    assert browser.get("/console/account").status_code == 200
    assert desk.signed_in().get("/console/second-factor").headers["Location"] == "/console/"


def test_a_provider_that_is_taken_out_ends_its_sessions(desk: Desk) -> None:
    """The settings of the process that answers count."""
    browser = desk.signed_in()
    kept, desk.providers = desk.providers, (provider(CARE, "https://login.care.example", "care"),)
    try:
        _, hub = desk.build()
    finally:
        desk.providers = kept
    other = desk.browser(hub)
    other.token = browser.token
    answer = other.get("/console/")
    assert answer.status_code == 401
    assert "sign-in service" in answer.text
    guard = Guard(replace(desk.services), ())
    assert guard.admit(vouched(HEALTH)) is None


def test_without_providers_nobody_can_sign_in(desk: Desk) -> None:
    """The address says so; the API works."""
    kept, desk.providers = desk.providers, ()
    try:
        services, hub = desk.build_bare()
    finally:
        desk.providers = kept
    with hub.test_client() as client:
        answer = client.get("/console/", base_url=desk.scene.hub.issuer)
        assert answer.status_code == 503
        assert "nobody can look" in answer.text
        assert client.get("/health", base_url=desk.scene.hub.issuer).status_code == 200
    assert services.config.providers == ()
