"""The pages about passkeys, in a browser without script whose authenticator is software."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from adapters.workspace.passkey_pages import SCRIPT, script_integrity
from adapters.workspace.unlocking import FREE_TRIES
from keys.custody.secret import Secret
from tests.adapters.workspace.desk import ORIGIN, Browser, Desk, Vouched
from tests.soft_authenticator import SoftAuthenticator

ONE_FACTOR = Vouched(amr=("pwd",), is_two_factor=False)


def options_on(page: str) -> dict[str, Any]:
    found = re.search(r'data-options="([^"]+)"', page)
    assert found is not None, page
    said: dict[str, Any] = json.loads(html.unescape(found[1]))
    return said


def add(desk: Desk, browser: Browser, device: SoftAuthenticator, label: str = "blue key") -> str:
    """Add a passkey; return where the browser is led."""
    page = browser.post("/passkeys/add", "/passkeys/add", label=label, passphrase=desk.passphrase)
    assert page.status_code == 200, page.text
    added = browser.post("/passkeys/added", answer=device.make(options_on(page.text)))
    assert added.status_code == 303, added.text
    return added.headers["Location"]


def use(browser: Browser, device: SoftAuthenticator) -> Any:
    """Use a passkey; return the answer."""
    return browser.post("/passkeys/used", answer=device.use(options_on(browser.get("/passkeys/use").text)))


def first_of(browser: Browser, verb: str) -> str:
    found = re.search(rf'href="(/passkeys/[0-9a-f]{{32}}/{verb})"', browser.get("/passkeys").text)
    assert found is not None
    return found[1]


def test_the_first_time_and_the_time_after(desk: Desk) -> None:
    """One factor, passphrase, passkey: two factors. Then one factor and the passkey, which unlocks the key as well."""
    device, picture = SoftAuthenticator(ORIGIN), f"/cases/{desk.scene.main}/picture?purpose=panel_review"
    browser = desk.unlocked(ONE_FACTOR)
    assert browser.get(picture).headers["Location"] == "/unlock"
    assert add(desk, browser, device) == "/passkeys/use"
    before = browser.token
    assert use(browser, device).status_code == 303
    assert browser.token != before
    assert browser.get(picture).status_code == 200
    assert "You have one. Have two" in browser.get("/account").text
    browser = desk.signed_in(ONE_FACTOR)
    assert browser.get(picture).headers["Location"] == "/unlock"
    assert 'href="/passkeys/use"' in browser.get("/unlock").text
    answer = use(browser, device)
    assert (answer.status_code, answer.headers["Location"]) == (303, picture)
    assert browser.get(picture).status_code == 200
    assert "unlocked, by your passkey" in browser.get("/account").text


def test_without_prf_the_page_says_that_the_passphrase_is_still_needed(desk: Desk) -> None:
    device = SoftAuthenticator(ORIGIN, has_prf=False)
    browser = desk.unlocked()
    assert add(desk, browser, device) == "/passkeys?done=added-locked"
    listed = browser.get("/passkeys?done=added-locked").text
    assert "cannot open your key" in listed
    assert "You still need your passphrase" in listed
    browser = desk.signed_in(ONE_FACTOR)
    answer = use(browser, device)
    assert answer.status_code == 200
    assert "It cannot unlock your key" in answer.text
    browser.post("/unlock", passphrase=desk.passphrase)
    assert "two factors" in browser.get("/account").text
    assert browser.get(f"/cases/{desk.scene.main}/picture?purpose=panel_review").status_code == 200


def test_a_passkey_that_should_have_opened_the_key_and_does_not(desk: Desk) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(desk, desk.unlocked(), device)
    device.secret = bytes(32)
    browser = desk.signed_in(ONE_FACTOR)
    answer = use(browser, device)
    assert "It should have unlocked your key too, and did not" in answer.text
    assert "Your key is locked" in browser.get("/").text


def test_a_wrapped_passphrase_that_no_longer_opens_the_key(desk: Desk) -> None:
    device = SoftAuthenticator(ORIGIN)
    browser = desk.unlocked()
    page = browser.post("/passkeys/add", "/passkeys/add", label="blue key", passphrase=desk.passphrase)
    # What is to be wrapped is not the passphrase that opens the key any more.
    pending = desk.app.extensions["passkeys"]._ceremonies._pending
    for key, ceremony in pending.items():
        pending[key] = replace(ceremony, passphrase=Secret("a passphrase of before"))
    browser.post("/passkeys/added", answer=device.make(options_on(page.text)))
    browser = desk.signed_in(ONE_FACTOR)
    answer = use(browser, device)
    assert answer.status_code == 403
    assert "It should have unlocked your key too, and did not" in answer.text


def test_nobody_adds_without_an_open_key_and_the_passphrase(desk: Desk) -> None:
    browser = desk.signed_in()
    assert browser.get("/passkeys/add").headers["Location"] == "/unlock"
    assert browser.post("/passkeys/add", label="x", passphrase=desk.passphrase).headers["Location"] == "/unlock"
    browser = desk.unlocked()
    wrong = browser.post("/passkeys/add", "/passkeys/add", label="blue key", passphrase="not the passphrase")
    assert wrong.status_code == 403
    assert "That passphrase does not open your key" in wrong.text
    assert 'value="blue key"' in wrong.text
    assert "not the passphrase" not in wrong.text
    nameless = browser.post("/passkeys/add", "/passkeys/add", label=" ", passphrase=desk.passphrase)
    assert nameless.status_code == 403
    assert "the name: expected 1 to 40 characters" in nameless.text
    for _ in range(FREE_TRIES):
        browser.post("/passkeys/add", "/passkeys/add", label="blue key", passphrase="not the passphrase")
    waits = browser.post("/passkeys/add", "/passkeys/add", label="blue key", passphrase=desk.passphrase)
    assert waits.status_code == 429


def test_nobody_signed_in_sees_nothing(desk: Desk) -> None:
    browser = desk.browser()
    for path in ("/passkeys", "/passkeys/add", "/passkeys/use", f"/passkeys/{'0' * 32}/remove"):
        assert browser.get(path).headers["Location"] == "/sign-in"
    assert browser.post("/passkeys/used", answer="{}").status_code in (303, 403)


def test_whoever_has_a_passkey_uses_it_before_changing_anything(desk: Desk) -> None:
    device = SoftAuthenticator(ORIGIN)
    owner = desk.unlocked()
    add(desk, owner, device)
    rename, remove = first_of(owner, "rename"), first_of(owner, "remove")
    thief = desk.unlocked(ONE_FACTOR)
    for path in ("/passkeys", "/passkeys/add", rename, remove):
        assert thief.get(path).headers["Location"] == "/passkeys/use"
    assert thief.post("/passkeys/add", label="x", passphrase=desk.passphrase).headers["Location"] == "/passkeys/use"
    assert thief.post(rename, label="mine").status_code == 403
    assert thief.post(remove, passphrase=desk.passphrase).status_code == 403
    assert "blue key" in owner.get("/passkeys").text


def test_rename_and_remove(desk: Desk) -> None:
    browser = desk.unlocked()
    add(desk, browser, SoftAuthenticator(ORIGIN), "blue <key> & co")
    assert "blue &lt;key&gt; &amp; co" in browser.get("/passkeys").text
    rename, remove = first_of(browser, "rename"), first_of(browser, "remove")
    bad = browser.post(rename, rename, label="x" * 41)
    assert (bad.status_code, "the name: expected" in bad.text) == (403, True)
    assert browser.post(rename, rename, label="green key").headers["Location"] == "/passkeys?done=renamed"
    assert "green key" in browser.get("/passkeys?done=renamed").text
    assert "This is your last passkey" in browser.get(remove).text
    add(desk, browser, SoftAuthenticator(ORIGIN), "second")
    assert "This is your last passkey" not in browser.get(remove).text
    assert "Have two" not in browser.get("/passkeys").text
    wrong = browser.post(remove, remove, passphrase="not the passphrase")
    assert (wrong.status_code, "That passphrase does not open your key" in wrong.text) == (403, True)
    assert "green key" in browser.get("/passkeys").text
    elsewhere = desk.unlocked()
    assert elsewhere.get("/passkeys").status_code == 200
    assert browser.post(remove, remove, passphrase=desk.passphrase).headers["Location"] == "/passkeys?done=removed"
    # Whoever has the authenticator may have signed in with it: every other session ends, and its key is given up.
    assert elsewhere.get("/passkeys").status_code != 200
    assert len(desk.here.ring.held()) == 1
    assert "green key" not in browser.get("/passkeys").text
    assert "Have two" in browser.get("/passkeys").text


@pytest.mark.parametrize("passkey", ["0" * 32, "x", "A" * 32, "%00", "0" * 33])
def test_no_such_passkey_is_no_such_page(desk: Desk, passkey: str) -> None:
    browser = desk.unlocked()
    for verb in ("rename", "remove"):
        assert browser.get(f"/passkeys/{passkey}/{verb}").status_code == 404
        assert browser.post(f"/passkeys/{passkey}/{verb}", label="x", passphrase=desk.passphrase).status_code == 404


def test_what_is_not_accepted_is_said_on_a_page(desk: Desk) -> None:
    device = SoftAuthenticator(ORIGIN)
    browser = desk.unlocked()
    add(desk, browser, device)
    browser = desk.signed_in(ONE_FACTOR)
    elsewhere = replace(device, origin="http://fern-health.localhost:9999")
    answer = use(browser, elsewhere)
    assert answer.status_code == 403
    assert "The passkey was not accepted: it answered another question" in answer.text
    assert "one factor" in browser.get("/account").text
    assert browser.post("/passkeys/used", answer="x" * 20_000).status_code == 403
    assert browser.post("/passkeys/used").status_code == 403


def test_a_form_without_its_token_is_refused(desk: Desk) -> None:
    browser = desk.unlocked()
    for path in ("/passkeys/add", "/passkeys/added", "/passkeys/used", f"/passkeys/{'0' * 32}/remove"):
        assert browser.post(path, None, label="x", passphrase=desk.passphrase).status_code == 403


def test_the_pages_hold_no_script_of_their_own_and_name_the_one_they_load(desk: Desk) -> None:
    browser = desk.unlocked()
    page = browser.post("/passkeys/add", "/passkeys/add", label="blue key", passphrase=desk.passphrase)
    (tag,) = re.findall(r"<script[^>]*passkey[^>]*>", page.text)
    assert f'integrity="{script_integrity()}"' in tag
    address = re.search(r'src="([^"]+)"', tag)
    assert address is not None
    served = browser.get(html.unescape(address[1]))
    assert served.data == SCRIPT.read_bytes()
    assert served.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in served.headers["Cache-Control"]
    assert re.findall(r"<script[^>]*></script>", page.text) == re.findall(r"<script.*?</script>", page.text, re.DOTALL)
    assert re.search(r"<[^>]+\s(on\w+|style)=", page.text) is None
    assert "<style" not in page.text
    assert "passphrase" not in html.unescape(re.search(r'data-options="([^"]+)"', page.text)[1])  # type: ignore[index]
    # Without the script the page says what to do.
    assert "needs a script that your browser did not run" in page.text
