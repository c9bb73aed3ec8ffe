"""What stands before every page: host, form, size, rate; and what every answer says to the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Request
from werkzeug.exceptions import TooManyRequests
from werkzeug.test import EnvironBuilder

from adapters.workspace import security
from adapters.workspace.access import Need, is_quiet, need_of, routes
from adapters.workspace.assets import Assets
from adapters.workspace.refusal import AssetsMissing
from adapters.workspace.security import MAX_REQUEST_BYTES, Rate, client_of
from tests.adapters.workspace.desk import ORIGIN, TEST_SIGN_IN, Browser, Desk

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def paths(desk: Desk) -> list[str]:
    return ["/", "/unlock", "/account", "/nothing", f"/cases/{desk.scene.main}/picture", "/sign-out", "/%00"]


def test_every_answer_carries_every_header(shared: Desk) -> None:
    """Whoever asks, whatever the answer: pages, redirects, refusals."""
    seen = set()
    for browser in (shared.browser(), shared.signed_in(), shared.unlocked()):
        for path in paths(shared):
            answer = browser.get(path)
            seen.add(answer.status_code)
            assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
            assert "Permissions-Policy" in answer.headers
            assert "Strict-Transport-Security" not in answer.headers
    assert {200, 303, 404} <= seen


def test_over_tls_browsers_are_told_to_stay_there(shared: Desk) -> None:
    from flask import Response

    answer = security.secure(Response("x"), policy="x", is_https=True)
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_pages_have_nothing_inline_and_nothing_from_elsewhere(shared: Desk) -> None:
    browser = shared.unlocked()
    for path in paths(shared):
        text = browser.get(path).text
        assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert set(re.findall(r'(?:src|href|action)="([a-z]+:|//)', text)) == set(), path


def test_a_form_may_lead_to_the_providers_that_are_configured() -> None:
    assert "form-action 'self' https://a.example https://b.example;" in security.content_policy(
        ["https://b.example", "https://a.example"]
    )


@pytest.mark.parametrize(
    "host", ["evil.example", "fern-health.localhost", "fern-health.localhost:1", "127.0.0.1:8443", "localhost:8443", ""]
)
def test_another_name_is_answered_nothing(shared: Desk, host: str) -> None:
    """A page whose name was made to lead here (DNS rebinding) reads nothing and signs nobody in."""
    browser = shared.signed_in()
    for path in ("/", TEST_SIGN_IN, "/static/pages.css"):
        answer = browser.client.get(path, base_url=ORIGIN, headers={"Host": host})
        assert answer.status_code == 400
        assert shared.member not in answer.text
        assert "Set-Cookie" not in answer.headers


def test_the_name_counts_in_any_case(shared: Desk) -> None:
    browser = shared.signed_in()
    assert browser.client.get("/", base_url=ORIGIN, headers={"Host": "Fern-Health.localhost:8443"}).status_code == 200


def post(browser: Browser, headers: dict[str, str], **form: str) -> int:
    return browser.client.post("/lock", base_url=ORIGIN, data=form, headers=headers).status_code


OURS = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        (OURS, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": ORIGIN}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": ORIGIN}, True),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": f"{ORIGIN}.evil.example"}, False),
        ({"Origin": ORIGIN.replace("8443", "8444")}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "null"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"}, False),
    ],
)
def test_only_a_page_of_ours_changes_anything(shared: Desk, headers: dict[str, str], is_ours: bool) -> None:
    """Even with the right form token."""
    browser = shared.signed_in()
    token = shared.here.sessions.open(browser.token).form_token
    assert post(browser, headers, form_token=token) == (303 if is_ours else 403)


def test_a_form_belongs_to_one_session(shared: Desk) -> None:
    """No token, another person's, one of before the last change of the session, one that is no text."""
    browser, other = shared.signed_in(), shared.signed_in()
    token = shared.here.sessions.open(browser.token).form_token
    assert post(browser, OURS) == 403
    assert post(browser, OURS, form_token="") == 403
    assert post(browser, OURS, form_token="é" * 43) == 403
    assert post(other, OURS, form_token=token) == 403
    assert post(browser, {**OURS, "X-Form-Token": token}) == 303
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 303
    assert post(browser, OURS, form_token=token) == 403


def test_signing_out_needs_the_form_as_well(shared: Desk) -> None:
    browser = shared.signed_in()
    assert browser.client.post("/sign-out", base_url=ORIGIN, headers=OURS).status_code == 403
    assert browser.get("/").status_code == 200


def test_a_request_larger_than_any_form_is_not_read(shared: Desk) -> None:
    browser = shared.signed_in()
    answer = browser.post("/lock", form_of=None, form_token="x" * (MAX_REQUEST_BYTES + 1))
    assert answer.status_code == 413
    assert "longer than these pages can take" in answer.text


def test_an_address_longer_than_any_of_ours_is_not_read(shared: Desk) -> None:
    assert shared.browser().get("/?x=" + "y" * security.MAX_PATH_CHARS).status_code == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_find_nothing(shared: Desk, method: str) -> None:
    answer = shared.signed_in().client.open("/", method=method, base_url=ORIGIN, headers=OURS)
    assert answer.status_code in (403, 404)


def test_so_many_requests_and_then_a_wait() -> None:
    """A bucket that refills steadily, one for each name; whoever waits as told is answered."""
    at = [0.0]
    rate = Rate(60, clock=lambda: at[0])
    for _ in range(60):
        rate.take("one")
    with pytest.raises(TooManyRequests) as refused:
        rate.take("one")
    rate.take("another")
    wait: Any = refused.value.retry_after
    assert 1 <= wait <= 2
    at[0] += wait
    rate.take("one")


def test_counting_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "MAX_COUNTED", 10)
    rate = Rate(5)
    for number in range(100):
        rate.take(str(number))
    assert len(rate._buckets) == 10


@pytest.mark.parametrize("name", ["per_client", "per_person", "per_stranger"])
def test_whoever_asks_too_often_is_told_when_to_come_back(
    shared: Desk, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = shared.signed_in() if name != "per_stranger" else shared.browser()
    monkeypatch.setattr(shared.here, name, Rate(1))
    ask = (lambda: browser.post("/lock", form_of=None)) if name == "per_stranger" else (lambda: browser.get("/"))
    ask()
    answer = ask()
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert "Too many requests" in answer.text


@pytest.mark.parametrize(
    ("address", "forwarded", "fronts", "counted"),
    [
        ("192.0.2.7", "", (), "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", (), "192.0.2.7"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", ("127.0.0.1",), "203.0.113.9"),
        ("127.0.0.1", "", ("127.0.0.1",), "127.0.0.1"),
        ("127.0.0.1", "<script>", ("127.0.0.1",), "unknown"),
        ("2001:db8:1:2:3::4", "", (), "2001:db8:1:2::/64"),
        ("", "", (), "unknown"),
    ],
)
def test_whom_a_request_is_counted_under(address: str, forwarded: str, fronts: tuple[str, ...], counted: str) -> None:
    builder = EnvironBuilder(headers={"X-Forwarded-For": forwarded}, environ_overrides={"REMOTE_ADDR": address})
    assert client_of(Request(builder.get_environ()), fronts) == counted


# --- one rule for every route ---

EXPECTED = {
    ("GET", "/"): Need.SIGNED_IN,
    ("GET", "/account"): Need.SIGNED_IN,
    ("POST", "/account/sessions/end"): Need.SIGNED_IN,
    ("GET", "/cases/<case>/picture"): Need.UNLOCKED,
    ("GET", "/favicon.ico"): Need.OPEN,
    ("POST", "/lock"): Need.SIGNED_IN,
    ("GET", TEST_SIGN_IN): Need.OPEN,
    ("POST", "/sign-out"): Need.OPEN,
    ("GET", "/static/<name>"): Need.OPEN,
    ("GET", "/stay"): Need.SIGNED_IN,
    ("GET", "/stay/left"): Need.SIGNED_IN,
    ("GET", "/stay/more"): Need.SIGNED_IN,
    ("GET", "/typed"): Need.UNLOCKED,
    ("POST", "/typed/forget"): Need.SIGNED_IN,
    ("POST", "/typed/keep"): Need.OPEN,
    ("GET", "/unlock"): Need.SIGNED_IN,
    ("POST", "/unlock"): Need.SIGNED_IN,
}


def test_every_route_declares_what_it_needs(shared: Desk) -> None:
    """The table of the product's routes, line by line: a new one must be thought about."""
    found = {(method, rule): need for method, rule, need in routes(shared.app)}
    assert None not in found.values()
    assert {key: found.get(key) for key in EXPECTED} == EXPECTED


def test_every_route_is_answered_as_it_declares(shared: Desk) -> None:
    """To nobody signed in, with one factor, with two, unlocked: each route of the application."""
    from tests.adapters.workspace.desk import Vouched

    browsers = {
        "nobody": shared.browser(),
        "one": shared.signed_in(Vouched(is_two_factor=False)),
        "one, unlocked": shared.unlocked(Vouched(is_two_factor=False)),
        "two": shared.signed_in(),
        "unlocked": shared.unlocked(),
    }
    sent_away = {
        Need.SIGNED_IN: {"nobody": "/sign-in"},
        Need.TWO_FACTORS: {"nobody": "/sign-in", "one": "/unlock", "one, unlocked": "/unlock"},
        Need.UNLOCKED: {"nobody": "/sign-in", "one": "/unlock", "one, unlocked": "/unlock", "two": "/unlock"},
    }
    told_quietly = {item.rule for item in shared.app.url_map.iter_rules() if is_quiet(shared.app, item.endpoint)}
    assert told_quietly == {"/cases/<case>/news", "/stay/left", "/stay/more", "/typed/keep"}
    walked = 0
    for method, rule, need in routes(shared.app):
        if method != "GET" or need in (None, Need.OPEN):
            continue
        walked += 1
        path = re.sub("<int:[a-z]+>", "1", rule.replace("<case>", shared.scene.main))
        for name, browser in browsers.items():
            answer = browser.get(path)
            away = sent_away[need].get(name)
            if rule in told_quietly and away is not None:
                # A page's script is told so in a word, not led elsewhere.
                assert answer.status_code == (401 if name == "nobody" else 403), (rule, name)
                continue
            led = answer.headers.get("Location") if answer.status_code == 303 else None
            if away is None:
                # To another page of the case, where this one needs something first; never to the door.
                assert led is None or led.startswith("/cases/"), (rule, name)
            else:
                assert led == away, (rule, name)
    assert walked >= 4


def test_what_declares_nothing_is_answered_to_nobody(shared: Desk) -> None:
    """Also where somebody forgot: the view is not run, and the answer is that of a page that is not there."""
    ran = []

    def forgotten() -> str:
        ran.append(1)
        return "x"

    app = shared.app
    app._got_first_request = False
    app.add_url_rule("/forgotten", view_func=forgotten)
    assert need_of(app, "forgotten") is None
    browser = shared.unlocked()
    answer, absent = browser.get("/forgotten"), browser.get("/nothing")
    assert (answer.status_code, answer.text) == (absent.status_code, absent.text.replace("/nothing", "/forgotten"))
    assert ran == []
    del app.view_functions["forgotten"]


# --- files ---


def test_files_are_served_by_name_and_kept_by_digest(shared: Desk) -> None:
    browser = shared.browser()
    address = shared.here.assets.address("pages.css")
    kept = browser.get(address)
    assert (kept.status_code, kept.mimetype) == (200, "text/css")
    assert kept.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert browser.get("/static/pages.css").headers["Cache-Control"] == "public, no-cache"
    again = browser.get("/static/pages.css", If_None_Match=kept.headers["ETag"])
    assert again.status_code == 304
    for name in ("absent.css", "..%2fapp.py", "%2e%2e/app.py", "govuk-frontend.LICENSE.txt", ".hidden"):
        assert browser.get(f"/static/{name}").status_code == 404
    assert "Set-Cookie" not in kept.headers


def test_pages_without_their_style_do_not_start(tmp_path: Any) -> None:
    with pytest.raises(AssetsMissing, match="make assets"):
        Assets([])
