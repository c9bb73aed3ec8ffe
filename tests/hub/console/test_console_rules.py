"""Before every page of the console: the one rule, where a request came from, how much and how often; the headers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from hub.console import security
from hub.console.access import Need, needs, routes
from hub.console.app import is_own_path
from hub.store.rates import RateRow
from keys.sessions import WANTED_COOKIE
from tests.hub.console.desk import TEST_SIGN_IN, Browser, Desk, vouched
from tests.scene import HEALTH, now

DECLARED = {
    ("GET", "/console"): Need.OPEN,
    ("GET", "/console/"): Need.IG_OFFICER,
    ("GET", "/console/account"): Need.SIGNED_IN,
    ("POST", "/console/account/sessions/end"): Need.SIGNED_IN,
    ("GET", "/console/cases/<case>"): Need.IG_OFFICER,
    ("GET", "/console/favicon.ico"): Need.OPEN,
    ("GET", "/console/log"): Need.IG_OFFICER,
    ("GET", "/console/second-factor"): Need.SIGNED_IN,
    ("GET", "/console/sign-in"): Need.OPEN,
    ("POST", "/console/sign-in/<name>"): Need.OPEN,
    ("GET", "/console/sign-in/<name>/callback"): Need.OPEN,
    ("GET", "/console/sign-in/jwks.json"): Need.OPEN,
    ("POST", "/console/sign-out"): Need.OPEN,
    ("GET", "/console/static/<name>"): Need.OPEN,
    ("GET", TEST_SIGN_IN): Need.OPEN,
}
TO_SIGN_IN, TO_SECOND_FACTOR = "/console/sign-in", "/console/second-factor"


def test_every_route_declares_its_need(desk: Desk) -> None:
    """A route that is added is added here, by whoever thought about who may ask for it."""
    assert {(method, rule): need for method, rule, need in routes(desk.app)} == DECLARED


def path_of(rule: str, desk: Desk) -> str:
    """A real address for a rule."""
    named = "pages.css" if "static" in rule else "health"
    return rule.replace("<case>", desk.scene.main).replace("<name>", named)


@pytest.mark.parametrize(("method", "rule"), sorted(DECLARED), ids=str)
def test_each_route_answers_those_it_is_for(desk: Desk, method: str, rule: str) -> None:
    """Nobody, somebody with one factor, an officer: each gets what the declared need says, and no more."""
    if rule == TEST_SIGN_IN:
        return
    need = DECLARED[method, rule]
    nobody, one = desk.browser(), desk.signed_in(vouched(two=False))
    answers = {name: ask(browser, method, path_of(rule, desk)) for name, browser in (("nobody", nobody), ("one", one))}
    if need is Need.OPEN:
        assert TO_SECOND_FACTOR not in answers.values()
        assert rule == "/console/sign-in/<name>/callback" or "404" not in answers.values()
    else:
        assert answers["nobody"] == TO_SIGN_IN
        assert (answers["one"] == TO_SECOND_FACTOR) is (need is Need.IG_OFFICER)
    officer = desk.signed_in()
    before = desk.scene.log_types().count("audited")
    assert ask(officer, method, path_of(rule, desk)) not in (TO_SIGN_IN, TO_SECOND_FACTOR) or need is Need.OPEN
    assert desk.scene.log_types().count("audited") - before == (rule == "/console/cases/<case>")


def ask(browser: Browser, method: str, path: str) -> str:
    """Where an answer leads, or its status."""
    form = {"form_of": "/console/sign-in", "session": "others"}
    answer = browser.get(path) if method == "GET" else browser.post(path, **form)
    return answer.headers.get("Location", str(answer.status_code))


def test_a_route_that_declares_nothing_is_nobodys(desk: Desk) -> None:
    """It is answered as if it were not there, to an officer too."""
    _, hub = desk.build()
    console: Flask = hub.extensions["nrmhub_console"]
    console.add_url_rule("/console/forgotten", "forgotten", lambda: "said too much")
    console.add_url_rule("/console/declared", "declared", needs(Need.IG_OFFICER)(lambda: "said"))
    browser = desk.browser(hub)
    browser.sign_in()
    assert browser.get("/console/declared").text == "said"
    answer, absent = browser.get("/console/forgotten"), browser.get("/console/nothing-there")
    assert answer.status_code == absent.status_code == 404
    assert without_tokens(answer.text) == without_tokens(absent.text)


def without_tokens(page: str) -> str:
    """A page without what is different each time."""
    return re.sub(r'value="[A-Za-z0-9_-]{43}"', "", page)


def test_no_answer_tells_that_a_case_exists(desk: Desk) -> None:
    """One that is there and not the agency's, one that is not there, one that cannot be: the same page."""
    browser = desk.signed_in()
    foreign = desk.foreign_case()
    entries = len(desk.scene.log_types())
    answers = [browser.get(f"/console/cases/{case}") for case in (foreign, "0" * 32, "x", "%00", foreign.upper())]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert len({without_tokens(answer.text) for answer in answers}) == 1
    # What has the form of an id leaves the same entry whether it is there or not; neither names a case.
    assert desk.scene.log_types()[entries:] == ["denied", "denied"]


# --- where a request came from ---


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
def test_a_form_of_another_site_does_nothing(desk: Desk, headers: dict[str, str]) -> None:
    """Even with the right form token."""
    browser = desk.signed_in()
    token = browser.form_token()
    answer = browser.client.post(
        "/console/sign-out", base_url=browser.origin, data={"form_token": token}, headers=headers
    )
    assert answer.status_code == 403
    assert browser.get("/console/").status_code == 200
    ours = {"Origin": browser.origin}
    done = browser.client.post("/console/sign-out", base_url=browser.origin, data={"form_token": token}, headers=ours)
    assert done.status_code == 200
    assert browser.get("/console/").status_code == 303


def test_a_form_without_this_sessions_token_does_nothing(desk: Desk) -> None:
    """None, a made-up one, another session's, one in another member's form."""
    browser, other = desk.signed_in(), desk.signed_in()
    for form in ({}, {"form_token": ""}, {"form_token": "x" * 43}, {"form_token": other.form_token()}):
        assert browser.post("/console/sign-out", form_of=None, **form).status_code == 403
    assert browser.get("/console/").status_code == 200
    assert browser.post("/console/sign-out").status_code == 200


def test_nobody_elses_page_makes_somebody_look(desk: Desk) -> None:
    """A link on another site, a frame, a prefetch: the case keeps no trace, for nothing was read."""
    browser, path = desk.signed_in(), f"/console/cases/{desk.scene.main}"
    entries = len(desk.scene.log_types())
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Sec_Purpose": "prefetch"}):
        answer = browser.get(path, **headers)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/console/")
    assert browser.client.head(path, base_url=browser.origin).status_code == 404
    assert len(desk.scene.log_types()) == entries
    assert browser.get(path, Sec_Fetch_Site="none").status_code == 200
    assert len(desk.scene.log_types()) == entries + 1


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1", "127.0.0.1:1"])
def test_only_the_configured_host_is_answered(desk: Desk, host: str) -> None:
    """Else a name that somebody else's DNS leads here would be a way in."""
    browser = desk.signed_in()
    assert browser.client.get("/console/", base_url=browser.origin, headers={"Host": host}).status_code == 400


# --- how much, how often ---


def test_what_is_too_large_is_refused(desk: Desk) -> None:
    """By what it says of its size, and by what it is."""
    browser = desk.signed_in()
    form = {"form_token": browser.form_token(), "more": "x" * security.MAX_REQUEST_BYTES}
    assert browser.post("/console/sign-out", form_of=None, **form).status_code == 413
    assert browser.get("/console/log?page=" + "1" * security.MAX_PATH_CHARS).status_code == 400


def begin_a_minute(desk: Desk) -> None:
    """Put the clock to the beginning of the next minute: what follows is counted in one."""
    desk.later = timedelta(seconds=61 - now().second)


def test_too_many_requests_wait_whichever_process_they_ask(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted together, a minute at a time; the answer says how long."""
    _, second = desk.build()
    begin_a_minute(desk)
    monkeypatch.setattr(security, "PERSON_PER_MINUTE", 6)
    desk.give(desk.word(subject="busy"))
    first = desk.signed_in(vouched(subject="busy"))
    other = desk.browser(second)
    other.token = first.token
    answers = [browser.get("/console/log") for _ in range(5) for browser in (first, other)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 4
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 60
    (key,) = [name for name in desk.here.services.moment.paces._over if name.startswith("c person ")]
    with desk.here.services.moment.read() as session:
        counted = session.execute(select(RateRow.count).where(RateRow.caller == key)).scalars().all()
    assert max(counted) <= 6 + 2, "of those beyond the limit one is written by each process"
    desk.give(desk.word(subject="calm"))
    calm = desk.signed_in(vouched(subject="calm"))
    assert calm.get("/console/log").status_code == 200, "another person does not wait"


def test_looks_at_cases_are_counted_apart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leaves an entry: nobody fills a case with them."""
    begin_a_minute(desk)
    monkeypatch.setattr(security, "LOOKS_PER_MINUTE", 2)
    desk.give(desk.word(subject="curious"))
    browser, path = desk.signed_in(vouched(subject="curious")), f"/console/cases/{desk.scene.main}"
    entries = len(desk.scene.log_types())
    answers = [browser.get(path).status_code for _ in range(5)]
    assert answers == [200, 200, 429, 429, 429]
    assert len(desk.scene.log_types()) - entries == 2


def test_strangers_forms_are_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is not signed in."""
    monkeypatch.setattr(security, "UNSAFE_PER_MINUTE", 0)
    browser = desk.browser()
    assert browser.post("/console/sign-out", form_of="/console/sign-in").status_code == 429
    monkeypatch.setattr(security, "CLIENT_PER_MINUTE", 0)
    assert browser.get("/console/sign-in").status_code == 429
    assert browser.get("/console/static/pages.css").status_code == 200


# --- headers ---


def test_headers_of_every_answer(desk: Desk) -> None:
    """Nothing inline, nothing from elsewhere, no frame, nothing kept, no referrer."""
    browser = desk.signed_in()
    paths = ("/console/", "/console/nothing-there", "/console/sign-in", f"/console/cases/{desk.scene.main}")
    for path in paths:
        headers = browser.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["form-action"] == "'self' https://login.fern-health.example"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert "DPoP-Nonce" not in headers
        assert "Strict-Transport-Security" not in headers, "this hub is reached over http"
    page = browser.get("/console/").text
    assert not re.search(r"<(script|style)(?![^>]* src=)[^>]*>[^<]+<", page)
    assert not re.search(r"\son\w+=|javascript:|style=", page)
    assert not re.search(r"""(?:src|href|action)=["']https?:""", page)


def test_the_cookie_is_for_this_host_over_a_secure_connection_and_no_script(desk: Desk) -> None:
    """As the name's prefix demands (RFC 6265bis)."""
    cookie = desk.browser().sign_in().headers["Set-Cookie"]
    assert re.fullmatch(r"__Host-session=[\w-]{43}; Secure; HttpOnly; Path=/; SameSite=Lax", cookie)


def test_the_api_is_not_touched(desk: Desk) -> None:
    """Its answers stay JSON, without a session; its document names no page."""
    browser = desk.signed_in()
    answer = browser.get("/v1/nothing")
    assert answer.content_type == "application/problem+json"
    assert "Set-Cookie" not in answer.headers
    assert browser.get("/v1/cases").status_code == 401, "a session is no token"
    assert not any("console" in path for path in browser.get("/openapi.json").json["paths"] if path[:4] != "/v1/")
    assert browser.get("/consoles").content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        *("//elsewhere.example", "https://elsewhere.example", "/console\\..", "/console/\n", "/v1/cases", "/consolex"),
        *("/console/../v1", "/console//elsewhere.example", "/console/ü", "/console/" + "x" * 300, "", "console/"),
    ],
)
def test_nobody_is_sent_elsewhere(path: str) -> None:
    """After signing in, to a page of the console only."""
    assert not is_own_path(path)
    assert is_own_path("/console/log?page=2")


def test_whoever_wanted_a_page_comes_to_it(desk: Desk) -> None:
    """After signing in, at a provider of another site too; a case is looked at by a link, for that leaves a trace."""
    browser = desk.browser()
    assert browser.get("/console/log?page=1").headers["Location"] == "/console/sign-in"
    wanted = f"/console/cases/{desk.scene.main}"
    for site in ("same-origin", "cross-site"):
        browser = desk.browser()
        came = browser.sign_in(wanted="/console/log?page=1", Sec_Fetch_Site=site)
        assert came.headers["Location"] == "/console/log?page=1"
        assert browser.get("/console/log?page=1", Sec_Fetch_Site=site).status_code == 200
        assert browser.sign_in(vouched(HEALTH), wanted, Sec_Fetch_Site=site).headers["Location"] == "/console/"
        home = browser.get("/console/", Sec_Fetch_Site=site).text
        assert f'<a class="govuk-link" href="{wanted}">look at that case</a>' in home
        assert "look at that case" not in browser.get("/console/").text, "said once"
        assert browser.get(wanted).status_code == 200
    assert browser.sign_in(vouched(HEALTH), "/v1/cases").headers["Location"] == "/console/"


def test_at_a_shared_desk_nobody_is_led_where_somebody_else_asked_to_go(desk: Desk) -> None:
    """Whoever asks for the first page, or is led here by another site, drops what was asked for before."""
    for path, site in (("/console/", "same-origin"), ("/console/log", "cross-site")):
        browser = desk.browser()
        browser.get(f"/console/cases/{desk.scene.main}")
        assert browser.client.get_cookie(WANTED_COOKIE, "127.0.0.1") is not None
        browser.get(path, Sec_Fetch_Site=site)
        assert browser.client.get_cookie(WANTED_COOKIE, "127.0.0.1") is None
    browser.get(f"/console/cases/{desk.scene.main}")
    # The page of signing in takes it up, says so, and lets the browser forget it.
    first = browser.get("/console/sign-in").text
    assert 'name="wanted" value="/console/cases/' in first
    assert "Was it not you who asked for it?" in first
    assert 'name="wanted"' not in browser.get("/console/sign-in").text
