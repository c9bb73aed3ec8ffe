"""Words that somebody typed before their session was closed: they get them back, nobody else does, nothing is done."""

from __future__ import annotations

import html as entities
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from lxml import html
from werkzeug.test import TestResponse

from adapters.release.drafts import list_drafts
from adapters.store.tables import DraftRow, SessionRow
from adapters.workspace.access import MAX_FORM_BYTES, can_show_again, limit_of, need_of
from adapters.workspace.kept_words import KEPT_FOR, MOST_FORMS
from adapters.workspace.security import CLIENT_PER_MINUTE, PERSON_PER_MINUTE, Rate
from adapters.workspace.sessions import MAX_PER_PERSON
from adapters.workspace.typed_pages import MAX_PREVIEW_CHARS
from keys.sessions import IDLE
from tests.adapters.workspace.desk import ISSUER, ORIGIN, SUBJECT, Browser, Vouched
from tests.adapters.workspace.front_desk import FrontDesk, front
from tests.attacks.hostile_text import TEXTS
from tests.scene import now

__all__ = ["front"]

CANARY = "Brackenholt-Sparrow-7731"
WORDS = f"She said: I want to stay with my brother. {CANARY}\r\nAnd then nothing more."
ENDED = IDLE + timedelta(seconds=1)
OTHER = Vouched(subject="another-account")
_AT = now()
TYPED = {
    "state": "recorded",
    "own_words": WORDS,
    "words_are": "as_said",
    "asked_on-day": str(_AT.day),
    "asked_on-month": str(_AT.month),
    "asked_on-year": str(_AT.year),
    "how": "On a walk",
    "job_title": "Social worker",
}


@pytest.fixture(autouse=True)
def _as_it_was(front: FrontDesk) -> Iterator[None]:
    before = {draft.draft for draft in list_drafts(front.adapter.store, front.case)}
    front.here.per_person = Rate(PERSON_PER_MINUTE)
    front.here.per_client = Rate(CLIENT_PER_MINUTE)
    yield
    with front.adapter.store.write() as session:
        for row in session.query(DraftRow).where(DraftRow.draft.not_in(before)):
            session.delete(row)
    front.later = timedelta(0)
    front.end_all()
    front.bind_once()
    for who in {one.who for one in front.here.words._kept.values()}:
        front.here.words.forget(who)


@pytest.fixture
def drafts(front: FrontDesk) -> int:
    """How many drafts there were before."""
    return len(list_drafts(front.adapter.store, front.case))


def token_of(browser: Browser, path: str = "/") -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', browser.get(path).text)
    assert found is not None
    return found[1]


def send(browser: Browser, path: str, token: str, site: str = "same-origin", **fields: Any) -> TestResponse:
    """Send a form that was loaded earlier, with the token that it had."""
    headers = {"Origin": "null", "Sec-Fetch-Site": site}
    data = {"form_token": token, **(fields or TYPED)}
    return browser.client.post(path, base_url=ORIGIN, data=data, headers=headers)


def come_back(front: FrontDesk, browser: Browser, who: Vouched | None = None) -> TestResponse:
    assert browser.sign_in(who).status_code == 303
    return browser.post("/unlock", passphrase=front.passphrase)


def put_back(browser: Browser) -> TestResponse:
    """Press the button that puts the words back into their form."""
    tree = html.fromstring(browser.get("/typed").text)
    (form,) = tree.xpath("//main//form[contains(@action, 'again=1')]")
    fields = {item.get("name"): item.get("value") for item in form.xpath(".//input")}
    return send(browser, form.get("action"), **{"token": fields.pop("form_token"), **fields})


def area(page: str, name: str) -> str:
    return str(html.fromstring(page).xpath(f"string(//textarea[@name='{name}'])")).strip()


def lines(text: str) -> str:
    return text.replace("\r\n", "\n")


# --- who gets them back ---


@pytest.mark.parametrize("swept", [False, True])
def test_words_that_were_sent_too_late_are_there_after_signing_in_again(
    front: FrontDesk, drafts: int, swept: bool
) -> None:
    browser = front.unlocked()
    token = token_of(browser, front.at("wishes"))
    front.later = ENDED
    if swept:
        front.here.sessions.sweep()
    answer = send(browser, front.at("wishes"), token)
    assert answer.status_code == 401
    assert "What you typed was not sent. It is kept for you until" in answer.text
    assert CANARY not in answer.text
    assert come_back(front, browser).headers["Location"] == "/typed"
    page = browser.get("/typed").text
    assert CANARY in page
    assert len(list_drafts(front.adapter.store, front.case)) == drafts
    again = put_back(browser)
    assert again.status_code == 200
    assert lines(area(again.text, "own_words")) == lines(WORDS)
    assert "Nothing of them was sent" in again.text
    assert len(list_drafts(front.adapter.store, front.case)) == drafts
    # Until they are sent they stay; then they are gone.
    assert CANARY in browser.get("/typed").text
    assert send(browser, front.at("wishes"), token_of(browser)).status_code == 303
    assert len(list_drafts(front.adapter.store, front.case)) == drafts + 1
    assert "Nothing is kept for you" in browser.get("/typed").text


def test_words_sent_while_the_key_is_locked_wait_for_it(front: FrontDesk, drafts: int) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    assert browser.post("/lock").status_code == 303
    answer = send(browser, front.at("wishes"), token)
    assert answer.headers["Location"] == "/unlock"
    assert "Unlock your key to get it back" in browser.get("/unlock").text
    assert CANARY not in browser.get("/").text
    assert browser.get("/typed").status_code == 303
    assert browser.post("/unlock", passphrase=front.passphrase).headers["Location"] == "/typed"
    assert lines(area(put_back(browser).text, "own_words")) == lines(WORDS)
    assert len(list_drafts(front.adapter.store, front.case)) == drafts


def test_a_form_from_before_unlocking_in_another_window_is_shown_again_and_not_acted_on(
    front: FrontDesk, drafts: int
) -> None:
    browser = front.unlocked()
    token = token_of(browser, front.at("wishes"))
    assert browser.post("/lock").status_code == 303
    assert browser.post("/unlock", passphrase=front.passphrase).status_code == 303
    assert token_of(browser) != token
    assert send(browser, front.at("wishes"), token).headers["Location"] == "/typed"
    assert CANARY in browser.get("/typed").text
    assert len(list_drafts(front.adapter.store, front.case)) == drafts


def test_the_next_person_at_the_same_browser_does_not_get_them(front: FrontDesk) -> None:
    """Another account, even one of the same key: what one typed the other never sees."""
    front.bind_once()
    front.here.people.bind(ISSUER, OTHER.subject, front.member)
    browser = front.unlocked()
    token = token_of(browser)
    front.later = ENDED
    assert send(browser, front.at("wishes"), token).status_code == 401
    assert come_back(front, browser, OTHER).headers["Location"] == "/"
    for path in ("/typed", "/", front.at("wishes")):
        assert CANARY not in browser.get(path).text
    assert "Nothing is kept for you" in browser.get("/typed").text
    # Nor does somebody who is signed in keep words for another, or get them by sending the other's form.
    assert send(browser, front.at("wishes"), token).status_code == 403
    assert "Nothing is kept for you" in browser.get("/typed").text
    # They are still there for whose they are.
    assert come_back(front, browser).headers["Location"] == "/typed"
    assert CANARY in browser.get("/typed").text
    front.here.people.unbind(ISSUER, OTHER.subject)


def test_words_are_sealed_under_their_persons_name(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    front.later = ENDED
    send(browser, front.at("wishes"), token)
    (item,) = front.here.words._kept.values()
    assert CANARY.encode() not in item.sealed
    assert CANARY not in repr(front.here.words) + repr(item)


# --- when they are forgotten ---


def test_signing_out_forgets_them(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    assert browser.post("/lock").status_code == 303
    assert send(browser, front.at("wishes"), token).headers["Location"] == "/unlock"
    assert browser.post("/sign-out").status_code == 200
    assert come_back(front, browser).headers["Location"] == "/"
    assert "Nothing is kept for you" in browser.get("/typed").text


def test_a_form_that_is_sent_after_signing_out_is_not_kept(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/sign-out")
    front.later = ENDED
    assert send(browser, front.at("wishes"), token).status_code == 403
    assert come_back(front, browser).headers["Location"] == "/"


def test_ending_other_places_forgets_them(front: FrontDesk) -> None:
    browser, other = front.unlocked(), front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    send(browser, front.at("wishes"), token)
    assert other.post("/account/sessions/end", session="others").status_code == 303
    assert front.here.words._kept == {}


@pytest.mark.parametrize("how", ["unbound", "ended by a command", "time"])
def test_they_are_forgotten_without_a_request(front: FrontDesk, how: str) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    send(browser, front.at("wishes"), token)
    front.here.drop_ended()
    assert len(front.here.words._kept) == 1
    if how == "unbound":
        front.here.people.unbind(ISSUER, SUBJECT)
    elif how == "ended by a command":
        with front.adapter.store.write() as session:
            session.query(SessionRow).delete()
    else:
        front.later = KEPT_FOR
    front.here.drop_ended()
    assert front.here.words._kept == {}


def test_a_session_that_somebody_ended_keeps_nothing(front: FrontDesk) -> None:
    """Ended by a command, before its time: the page that is still open is not its person's to use."""
    browser = front.unlocked()
    token = token_of(browser)
    front.end_all()
    answer = send(browser, front.at("wishes"), token)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in"
    assert send(browser, "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS).status_code == 403
    assert front.here.words._kept == {}
    # Nor does it once its time would have been over, swept or not, whoever holds the page.
    front.later = ENDED
    for _ in range(2):
        for holder in (browser, front.browser()):
            answer = send(holder, "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS)
            assert answer.status_code == 403
            send(holder, front.at("wishes"), token)
        front.here.sessions.sweep()
    assert front.here.words._kept == {}


def test_one_session_too_many_ends_one_that_keeps_nothing(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    for _ in range(MAX_PER_PERSON):
        front.later += timedelta(seconds=1)
        front.unlocked()
    front.later = 2 * ENDED
    front.here.sessions.sweep()
    assert send(browser, "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS).status_code == 403
    assert front.here.words._kept == {}


def test_words_go_with_a_session_that_is_ended_after_longer_use(front: FrontDesk) -> None:
    """Kept, used on past the end that it had then, and then ended by a command: the words end with it."""
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    send(browser, front.at("wishes"), token)
    for minutes in (10, 20):
        front.later = timedelta(minutes=minutes)
        assert browser.get("/").status_code == 200
    front.here.drop_ended()
    assert len(front.here.words._kept) == 1
    with front.adapter.store.write() as session:
        session.query(SessionRow).delete()
    front.here.drop_ended()
    assert front.here.words._kept == {}


@pytest.mark.parametrize("swept", [False, True])
def test_a_form_from_before_unlocking_is_kept_after_the_end_and_not_before(front: FrontDesk, swept: bool) -> None:
    """Unlocking gives a session a new name: forms that it was given before are still its own."""
    browser = front.unlocked()
    token = token_of(browser, front.at("wishes"))
    browser.post("/lock")
    browser.post("/unlock", passphrase=front.passphrase)
    for minutes in (10, 20):
        front.later = timedelta(minutes=minutes)
        assert browser.get("/").status_code == 200
    # Somebody has the page and not the session, which goes on.
    assert send(front.browser(), front.at("wishes"), token).status_code == 403
    assert front.here.words._kept == {}
    front.later += ENDED
    if swept:
        front.here.sessions.sweep()
    assert send(browser, front.at("wishes"), token).status_code == 401
    assert come_back(front, browser).headers["Location"] == "/typed"
    assert CANARY in browser.get("/typed").text


def test_only_so_many_sessions_are_known_to_have_run_out(front: FrontDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is not known any more nothing is kept."""
    monkeypatch.setattr("adapters.workspace.sessions.MOST_RUN_OUT", 1)
    first, second = front.unlocked(), front.unlocked()
    tokens = [token_of(first), token_of(second)]
    front.later = ENDED
    assert first.get("/stay/left").status_code == second.get("/stay/left").status_code == 401
    answers = [
        send(front.browser(), "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS).status_code
        for token in tokens
    ]
    assert answers == [403, 200]


def test_after_their_time_they_are_not_shown(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    front.later = ENDED
    send(browser, front.at("wishes"), token)
    front.later = ENDED + KEPT_FOR
    assert come_back(front, browser).headers["Location"] == "/"
    assert CANARY not in browser.get("/typed").text


def test_so_many_forms_and_no_more(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    paths = [front.at("wishes"), front.at("strategy/convene"), front.at("strategy/record"), front.at("record/1")]
    for path in (*paths, paths[-1]):
        assert send(browser, path, token).headers["Location"] == "/unlock"
    kept = [path for _person, _member, path in front.here.words._kept]
    assert kept == paths[-MOST_FORMS:]


def test_they_can_be_put_aside(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    send(browser, front.at("wishes"), token)
    browser.post("/unlock", passphrase=front.passphrase)
    assert browser.post("/typed/forget", typed_for=front.at("wishes")).headers["Location"] == "/typed"
    assert "Nothing is kept for you" in browser.get("/typed").text


def test_words_stay_kept_until_their_form_has_succeeded(front: FrontDesk, drafts: int) -> None:
    """A problem in another field is no reason to forget them."""
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    send(browser, front.at("wishes"), token)
    browser.post("/unlock", passphrase=front.passphrase)
    assert browser.post(front.at("wishes"), **{**TYPED, "how": ""}).status_code == 422
    assert CANARY in browser.get("/typed").text
    assert browser.post(front.at("wishes"), **TYPED).status_code == 303
    assert "Nothing is kept for you" in browser.get("/typed").text
    assert len(list_drafts(front.adapter.store, front.case)) == drafts + 1


# --- what stays as strict as it was ---


def test_nothing_is_kept_of_a_form_that_nobody_was_given(front: FrontDesk) -> None:
    browser = front.unlocked()
    assert send(browser, front.at("wishes"), "x" * 43).status_code == 403
    front.later = ENDED
    assert send(browser, front.at("wishes"), "x" * 43).status_code == 403
    assert send(front.browser(), "/typed/keep", "x" * 43, typed_for=front.at("wishes")).status_code == 403
    assert front.here.words._kept == {}


def test_nothing_is_kept_of_what_another_site_sends(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    front.later = ENDED
    assert send(browser, front.at("wishes"), token, site="cross-site").status_code == 403
    assert front.here.words._kept == {}


@pytest.mark.parametrize("path", ["/unlock", "/passkeys/add", "/account/sessions/end", "/typed/forget", "/nothing"])
def test_nothing_is_kept_of_forms_without_content(front: FrontDesk, path: str) -> None:
    """Above all no passphrase."""
    browser = front.unlocked()
    token = token_of(browser)
    front.later = ENDED
    send(browser, path, token, passphrase="four words of mine")
    send(browser, "/typed/keep", token, typed_for=path, passphrase="four words of mine")
    assert front.here.words._kept == {}


def test_words_are_in_no_row_address_cookie_or_log(front: FrontDesk, caplog: pytest.LogCaptureFixture) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    with caplog.at_level(logging.DEBUG):
        front.later = ENDED
        answer = send(browser, front.at("wishes"), token)
        back = come_back(front, browser)
        page = browser.get("/typed")
    assert CANARY in page.text
    assert page.headers["Cache-Control"] == "no-store"
    for one in (answer, back, page):
        assert CANARY not in str(one.headers)
    assert CANARY not in caplog.text
    for file in front.adapter.home.folder.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file


def test_a_page_of_kept_words_is_text_only(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    for words in TEXTS[::8]:
        send(browser, front.at("wishes"), token, **{**TYPED, "own_words": f"{words} and more"})
        send(browser, f"/cases/{front.case}/fragments/{'a' * 32}/note", token, note=f"{words} and more")
        browser.post("/unlock", passphrase=front.passphrase)
        tree = html.fromstring(browser.get("/typed").text)
        assert len(tree.xpath("//main//form")) == 3
        assert tree.xpath("//main//script | //main//img | //main//iframe | //main//*[@onerror]") == []
        browser.post("/lock")
        token = token_of(browser)


# --- forms that are shown again ---


def test_every_form_with_words_of_a_case_can_be_shown_again(front: FrontDesk) -> None:
    """Those that cannot are named: their words are shown to be copied, or they have none."""
    posts = {rule.endpoint for rule in front.app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    content = {name for name in posts if need_of(front.app, name) == "unlocked"}
    assert sorted(name for name in content if not can_show_again(front.app, name)) == [
        "drafts.choose",
        "drafts.hold_back",
        "drafts.let_go",
        "drafts.send",
        "fragments.check",
        "fragments.delete_note",
        "fragments.write_note",
        "intake.choose",
        "intake.drop_indicators",
        "intake.drop_record",
        "intake.keep_indicators",
        "intake.keep_record",
        "intake.read_upload",
        "intake.take_back_now",
        "release.choose_terms",
        "release.release_now",
        "search.search",
    ]


@pytest.mark.parametrize(
    "path",
    ["wishes", "strategy/convene", "strategy/record", "record/1", "write/professional_view", "indicators"],
)
def test_showing_a_form_again_does_nothing_else(front: FrontDesk, drafts: int, path: str) -> None:
    browser = front.opened()
    names = {item.get("name") for item in html.fromstring(browser.get(front.at(path)).text).xpath("//main//*[@name]")}
    fields = {name: "one two" for name in names - {"form_token", "send", "add", "take"} if name}
    answer = browser.post(front.at(f"{path}?again=1"), **fields)
    assert answer.status_code == 200, answer.text
    assert "These are your words from before" in answer.text
    assert "one two" in answer.text
    assert len(list_drafts(front.adapter.store, front.case)) == drafts


def test_nothing_else_can_be_asked_to_show_itself_again(front: FrontDesk) -> None:
    browser = front.opened()
    assert browser.post(front.at("drafts/send?again=1")).status_code == 400


def test_where_a_form_cannot_be_shown_its_words_can_be_copied(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    note = f"Ask her aunt.\nNot by telephone. {CANARY}" + " more" * 400
    send(browser, f"/cases/{front.case}/fragments/{'a' * 32}/note", token, note=note)
    browser.post("/unlock", passphrase=front.passphrase)
    page = entities.unescape(browser.get("/typed").text)
    assert note in page
    assert "again=1" not in page


def test_all_words_can_be_copied_should_the_form_not_be_there_any_more(front: FrontDesk) -> None:
    """Also of a form that can be shown again: its address may answer nobody by then."""
    browser = front.unlocked()
    token = token_of(browser)
    browser.post("/lock")
    long, wish = f"{'She said much. ' * 60}{CANARY}", "That I am scared (invented)"
    send(browser, front.at("wishes"), token, **{**TYPED, "own_words": long, "wants_people_to_know": wish})
    browser.post("/unlock", passphrase=front.passphrase)
    tree = html.fromstring(browser.get("/typed").text)
    (shown,) = tree.xpath("//main//details[not(@open)]")
    assert {long, wish} <= {item.text_content() for item in shown.xpath(".//bdi")}
    previews = tree.xpath("//main//bdi[not(ancestor::details)]")
    assert [len(item.text_content()) for item in previews] == [MAX_PREVIEW_CHARS]


def test_forms_of_several_steps_survive_a_lock(front: FrontDesk) -> None:
    browser = front.opened()
    first = {"prs_FirstName": f"Juniper {CANARY}"}
    assert browser.post(front.at("record/1"), **first).headers["Location"].endswith("/record/2")
    front.later = ENDED
    front.here.drop_ended()
    assert come_back(front, browser).headers["Location"] == "/"
    assert CANARY in browser.get(front.at("record/1")).text
    # And they are forgotten when somebody signs out.
    browser.post("/sign-out")
    come_back(front, browser)
    assert CANARY not in browser.get(front.at("record/1")).text


# --- what a page's script hands over ---


def test_a_script_hands_words_over_before_and_after_the_end(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    for at in (IDLE - timedelta(minutes=1), ENDED):
        front.later = at
        answer = send(browser, "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS)
        assert answer.json == {"state": "kept"}
        assert len(front.here.words._kept) == 1
    assert browser.get("/stay/left").status_code == 401
    assert come_back(front, browser).headers["Location"] == "/typed"
    assert lines(area(put_back(browser).text, "own_words")) == lines(WORDS)


def test_a_script_hands_over_as_much_as_a_form_may_hold(front: FrontDesk) -> None:
    """Words of 12,000 Cyrillic letters are more than 64 KiB as they are sent."""
    browser, words = front.unlocked(), "\N{CYRILLIC SMALL LETTER ZHE}" * 12_000
    token = token_of(browser)
    answer = send(browser, "/typed/keep", token, typed_for=front.at("wishes"), own_words=words)
    assert answer.json == {"state": "kept"}
    assert area(put_back(browser).text, "own_words") == words
    stranger = send(front.browser(), "/typed/keep", token, typed_for=front.at("wishes"), own_words=words)
    assert stranger.status_code == 413


def test_handing_words_over_is_no_use_of_the_session(front: FrontDesk) -> None:
    browser = front.unlocked()
    token = token_of(browser)
    front.later = IDLE - timedelta(minutes=1)
    send(browser, "/typed/keep", token, typed_for=front.at("wishes"), own_words=WORDS)
    front.later = ENDED
    assert browser.get("/stay/left").status_code == 401


# --- what is too long ---


@pytest.mark.parametrize("words", ["long words " * 12_000, "\N{CHERRY BLOSSOM} " * 30_000])
def test_what_is_too_long_for_its_field_is_shown_again(front: FrontDesk, drafts: int, words: str) -> None:
    """More than 64 KiB as it is sent: each field says what is too long, and no word is lost."""
    browser = front.opened()
    for path, name in (("wishes", "own_words"), ("write/professional_view", "view")):
        answer = browser.post(front.at(path), **{**(TYPED if path == "wishes" else {}), name: words})
        assert answer.status_code == 422
        assert area(answer.text, name) == words.strip()
    assert len(list_drafts(front.adapter.store, front.case)) == drafts


def test_what_is_longer_than_all_forms_is_not_read(front: FrontDesk) -> None:
    browser = front.opened()
    assert limit_of(front.app, "consent.keep_wishes") == MAX_FORM_BYTES
    answer = browser.post(front.at("wishes"), own_words="x" * (MAX_FORM_BYTES + 1))
    assert answer.status_code == 413
    assert "Go back and shorten it" in answer.text


def test_whoever_is_not_signed_in_sends_nothing_long(front: FrontDesk) -> None:
    answer = send(front.browser(), front.at("wishes"), "x" * 43, own_words="x" * 70_000)
    assert answer.status_code == 413
