"""Home's list of what waits, news on the pages of an opened case, pages of key states, and how somebody is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from lxml import html

from adapters.home import Home
from adapters.news import News, news_since, waits_for_new_key
from adapters.notifying.chosen import chosen_of
from adapters.picture.disagreements import DisagreementItem, DisagreementKind
from adapters.release.drafts import keep_authored
from adapters.store.notify_rows import looked
from adapters.store.rows import write_setting
from adapters.workspace.asked import Urgency
from adapters.workspace.cases import MyCase
from adapters.workspace.news import say_news
from adapters.workspace.people import Lost
from keys.sessions import IDLE
from policies.vocabulary import Category, Role
from tests.adapters.workspace.desk import AGENCY, Browser, Desk
from tests.scene import CANARIES, CARE, POLICE, now

MORE = {"kind": "concern", "summary": f"More of {CANARIES[0]}", "fields": {}}


def picture(desk: Desk) -> str:
    return f"/cases/{desk.scene.main}/picture?purpose=panel_review"


def news_address(desk: Desk) -> str:
    with desk.adapter.store.read() as session:
        row = looked(session, desk.member, desk.scene.main)
        assert row is not None
        return f"/cases/{desk.scene.main}/news?since={row.case_seq}"


def waits(browser: Browser) -> list[str]:
    tree = html.fromstring(browser.get("/").text)
    return [" ".join(item.text_content().split()) for item in tree.xpath("//li[@class='service-waits__item']")]


# --- news ---


def test_news_come_in_counts_without_a_pull_and_without_content(desk: Desk) -> None:
    browser = desk.unlocked()
    browser.get(picture(desk))
    views = desk.scene.log_types(desk.scene.main).count("viewed")
    assert browser.get(news_address(desk)).get_json() == {"state": "open", "words": ""}
    for agency in (CARE, POLICE):
        desk.scene[agency].share(desk.scene.main, MORE)
    desk.scene.witness()
    answer = browser.get(news_address(desk))
    assert answer.get_json() == {"state": "open", "words": "Since you opened this: 2 new records."}
    assert answer.headers["Cache-Control"] == "no-store"
    assert CANARIES[0] not in answer.text
    assert desk.scene.log_types(desk.scene.main).count("viewed") == views
    assert "2 new records since you last looked" in " ".join(waits(browser))
    # Without script it stands on the next page of the case that is loaded.
    assert "Since you opened this: 2 new records." in browser.get(f"/cases/{desk.scene.main}/readers").text
    browser.get(picture(desk))
    assert browser.get(news_address(desk)).get_json()["words"] == ""
    assert "since you last looked" not in " ".join(waits(browser))


def test_nobody_else_learns_of_news(shared: Desk) -> None:
    """No session, a locked key, another's case, a case that is none, a number that is none; each said in a word."""
    stranger, address = shared.browser(), f"/cases/{shared.scene.main}/news?since=0"
    assert (stranger.get(address).status_code, stranger.get(address).get_json()) == (401, {"state": "ended"})
    locked = shared.signed_in()
    assert (locked.get(address).status_code, locked.get(address).get_json()) == (403, {"state": "locked"})
    browser = shared.unlocked()
    assert {browser.get(f"/cases/{case}/news?since=0").status_code for case in ("ab" * 16, "x")} == {404}
    for since in ("", "-1", "1e3", "1" * 10, "\u0661"):
        assert browser.get(f"/cases/{shared.scene.main}/news?since={since}").status_code == 400


def test_asking_for_news_keeps_no_page_for_later(shared: Desk) -> None:
    """After unlocking nobody is led to what a script had asked for."""
    browser = shared.signed_in()
    browser.get(f"/cases/{shared.scene.main}/news?since=0")
    assert browser.post("/unlock", passphrase=shared.passphrase).headers["Location"] == "/"


def test_asking_for_news_prolongs_no_session(desk: Desk) -> None:
    """A page that is left open asks and asks; after 15 minutes without use the session and the key have ended."""
    browser = desk.unlocked()
    browser.get(picture(desk))
    address, minute = news_address(desk), timedelta(minutes=1)
    steps = int(IDLE / minute)
    for _ in range(steps - 1):
        desk.later += minute
        assert browser.get(address).status_code == 200
    desk.later += 2 * minute
    assert browser.get(address).status_code == 401
    desk.here.drop_ended()
    assert desk.here.ring.held() == []
    # The same with a person's own use in between: that does prolong it.
    used = desk.unlocked()
    for _ in range(4):
        desk.later += IDLE / 2
        assert used.get("/").status_code == 200


def test_a_member_who_is_taken_out_is_told_that_the_case_is_not_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = desk.unlocked()
    browser.get(picture(desk))
    address = news_address(desk)
    monkeypatch.setattr("adapters.workspace.cases.my_cases", lambda _: [])
    assert browser.get(address).status_code == 404


def test_the_line_on_a_page(desk: Desk) -> None:
    """Only where the case was opened; its script is ours, with its digest; its words are text."""
    browser, page = desk.unlocked(), f"/cases/{desk.scene.main}/readers"
    assert "data-news" not in browser.get(page).text
    browser.get(picture(desk))
    tree = html.fromstring(browser.get(page).text)
    (line,) = tree.xpath("//section[@data-news]")
    assert line.get("data-news") == news_address(desk)
    (status,) = line.xpath(".//*[@role='status']")
    assert status.text_content() == ""
    (script,) = tree.xpath("//script[contains(@src, 'news.js')]")
    assert script.get("integrity") == desk.here.assets.integrity("news.js")
    assert line.xpath(".//a/@href") == [picture(desk)]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (News(0, 0, 0, 9), ""),
        (News(1, 0, 0, 9), "Since you opened this: 1 new record."),
        (News(3, 1, 0, 9), "Since you opened this: 3 new records; 1 record erased."),
        (News(0, 2, 2, 9), "Since you opened this: 2 records erased; consent or who takes part has changed."),
    ],
)
def test_words_of_news(shared: Desk, found: News, words: str) -> None:
    with shared.app.test_request_context():
        assert say_news(found) == words
    assert found.is_any is bool(words)


def test_counts_of_news(shared: Desk) -> None:
    """Of other agencies only what they gave this person, and no more than they brought or gave since."""
    member, store = shared.member, shared.adapter.store

    def channel(agency: str, to: str | None, *disclosed: tuple[int, int], key: str = "k1") -> dict[str, object]:
        return {"agency": agency, "member": to, "disclosed": [list(item) for item in disclosed], "recipient": key}

    held = {
        "seq": 40,
        "channels": {
            "a": channel("one", member, (5, 2), (30, 3)),
            "b": channel("two", member, (31, 4)),
            "c": channel("three", "somebody else", (32, 9)),
            "d": channel(AGENCY, member, (33, 9)),
        },
        "agencies": {
            "one": {"fragments": [3, 4, 28, 29]},
            "two": {"fragments": [6, 7, 8, 9]},
            "three": {"fragments": [25]},
        },
        "erased": [[1, {"case_seq": 35, "entries": [[3, 100], [2, 99]]}], [2, {"case_seq": 8, "entries": [[4, 101]]}]],
        "statements": {"consents": [[12, "d", 1], [36, "e", 2]]},
    }
    with store.write() as session:
        write_setting(session, "feed:of-this-test", held)
        found = news_since(session, "of-this-test", AGENCY, member, 20)
        assert found == News(new=2 + 4, erased=1, words=1, up_to=40, newest=31)
        assert news_since(session, "of-this-test", AGENCY, member, 40) == News(0, 0, 0, 40)
        assert news_since(session, "a case never followed", AGENCY, member, 0) == News(0, 0, 0, 0)
        assert waits_for_new_key(session, "of-this-test", AGENCY, member, {"k1", "k2"}) == ()
        assert waits_for_new_key(session, "of-this-test", AGENCY, member, {"k2"}) == ("one", "two")


# --- home ---


def test_home_lists_what_waits_and_pulls_nothing(desk: Desk) -> None:
    browser = desk.unlocked()
    views = desk.scene.log_types().count("viewed")
    found = waits(browser)
    assert [item.startswith("2 records that you have not looked at") for item in found] == [True, False]
    assert found[1].startswith("Open the case to see")
    assert desk.scene.log_types().count("viewed") == views
    browser.get(picture(desk))
    assert waits(browser) == []
    assert "Nothing waits for you" in browser.get("/").text
    desk.later = timedelta(hours=71)
    assert waits(desk.unlocked())[0].startswith("Soon First 72 hours")


def test_a_clock_that_ran_out_stays_and_is_listed_first(desk: Desk) -> None:
    """A day that was missed does not vanish from home: it stands above all else, and in the case's own row."""
    desk.later = timedelta(hours=73)
    browser = desk.unlocked()
    assert waits(browser)[0].startswith("Overdue First 72 hours since this case was opened: Time ran out on ")
    (row,) = html.fromstring(browser.get("/").text).xpath("//td[@data-label='Clocks']")
    assert "First 72 hours since this case was opened: Time ran out on " in " ".join(row.text_content().split())
    assert min(Urgency) is Urgency.RAN_OUT


def test_a_disagreement_of_ours_with_a_day_is_listed(desk: Desk) -> None:
    browser = desk.unlocked()
    browser.get(picture(desk))
    (held,) = [
        item
        for digest in desk.here.ring.held()
        for item in desk.here.ring.get(digest).opened._held.values()  # type: ignore[union-attr]
    ]
    hostile = "Whether <b>it</b>\u202e happened"

    def point(owner: str, due: str, status: str = "open") -> DisagreementItem:
        return DisagreementItem(DisagreementKind.WRITTEN, hostile, (), status, owner, due, None, "", "f" * 32)

    listed = (point(AGENCY, "2099-05-06"), point(CARE, "2099-05-06"), point(AGENCY, "2099-05-06", "resolved"))
    object.__setattr__(held.picture, "disagreements", listed)
    text = browser.get("/").text
    assert text.count("A disagreement to settle, due on 6 May 2099") == 1
    assert "<b>it</b>" not in text
    assert "\u202e" not in text


def test_drafts_are_counted_for_whoever_may_review_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.scene[AGENCY].write(desk.scene.main, MORE)
    browser = desk.unlocked()
    assert "draft" not in " ".join(waits(browser))
    mine = desk.app.extensions["workspace_cases"].cases_of(desk.here, desk.member)
    as_lead = [
        MyCase(item.case, (Role.LEAD_PROFESSIONAL.value,), item.until, True, item.opened_at, item.clocks)
        for item in mine
    ]
    monkeypatch.setattr("adapters.workspace.pages.my_cases", lambda _: as_lead)
    assert "1 draft to review before it is shared" in " ".join(waits(browser))


def test_the_panels_people_are_told_of_their_own_drafts(desk: Desk) -> None:
    """What the panel writes waits for the panel; their agency's records do not."""
    keep_authored(desk.adapter.store, desk.scene.main, Category.REQUEST, {"summary": "An invented request"}, now())
    desk.scene[AGENCY].write(desk.scene.main, MORE)
    assert "1 draft to review before it is shared" in " ".join(waits(desk.unlocked()))


def test_an_empty_home_says_so(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = shared.unlocked()
    monkeypatch.setattr("adapters.workspace.pages.what_waits", lambda *_: [])
    assert "Nothing waits for you that can be told without opening a case." in browser.get("/").text
    assert [item.value for item in Urgency] == sorted(item.value for item in Urgency)


# --- key states ---


def test_a_key_that_is_not_here(desk: Desk) -> None:
    browser = desk.signed_in()
    kept = desk.key_file.read_bytes()
    desk.key_file.unlink()
    # The key file is part of what a session was for: whoever signs in now is shown what happened.
    browser = desk.signed_in()
    page = browser.get("/unlock").text
    assert "Your key is not on this system" in page
    assert "Ask the people who run nrm-hub at your agency where your key is kept" in page
    assert 'name="passphrase"' not in page
    desk.key_file.write_bytes(kept)
    desk.key_file.chmod(0o600)


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (Lost.REVOKED, "Your key was revoked"),
        (Lost.OVER, "The time of your key is over"),
        (Lost.NOT_YET, "certified from a later time on"),
        (Lost.UNKNOWN, "does not stand in the log as the witnesses have seen it"),
    ],
)
def test_whoever_cannot_work_is_told_why_and_what_to_do(
    shared: Desk, monkeypatch: pytest.MonkeyPatch, lost: Lost, says: str
) -> None:
    shared.bind_once()
    monkeypatch.setattr(shared.here.guard, "standing", lambda _: None)
    monkeypatch.setattr(shared.here.guard, "why_lost", lambda _: lost)
    answer = shared.browser().sign_in()
    assert answer.status_code == 403
    assert says in answer.text
    assert "What you can do" in answer.text


def test_why_a_key_does_not_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = desk.here.guard
    assert guard.why_lost("ab" * 16) is Lost.UNKNOWN
    desk.later = timedelta(days=4000)
    assert guard.why_lost(desk.member) is Lost.OVER
    desk.later = -timedelta(days=4000)
    assert guard.why_lost(desk.member) is Lost.NOT_YET
    desk.later = timedelta(0)
    monkeypatch.setattr("adapters.workspace.people.ended_keys", lambda _session, kids: frozenset(kids))
    assert guard.why_lost(desk.member) is Lost.REVOKED


def test_a_case_that_is_not_accepted_yet_says_what_to_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = desk.signed_in()
    waiting = [MyCase(desk.scene.main, ("panel_voting",), now() + timedelta(days=9), False, now(), ())]
    for module in ("pages", "key_states"):
        monkeypatch.setattr(f"adapters.workspace.{module}.my_cases", lambda _: waiting)
    assert waits(browser)[0].startswith("Your agency has not accepted yet that you are in this case")
    page = browser.get(f"/cases/{desk.scene.main}/state")
    assert "Ask the people who run nrm-hub at your agency to accept it" in page.text
    assert browser.get(f"/cases/{desk.scene.other}/state").status_code == 404


def test_a_new_key_that_was_not_granted_to_yet(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = desk.signed_in()
    assert "This case is open to you" in browser.get(f"/cases/{desk.scene.main}/state").text
    for module in ("waits", "key_states"):
        monkeypatch.setattr(f"adapters.workspace.{module}.reading_kids", lambda _: frozenset({"a-new-key"}))
    assert sum("agencies have not granted again to your new key" in item for item in waits(browser)) == 1
    page = browser.get(f"/cases/{desk.scene.main}/state").text
    assert "Agencies still have to grant to your new key" in page
    assert CARE in page
    assert POLICE in page


# --- how somebody is told ---

TABLE = {"server": "127.0.0.1", "security": "none", "from": "nrm-hub@health.example", "domains": ["health.example"]}


@pytest.fixture
def telling(desk: Desk) -> Browser:
    """A browser at a desk whose home names a mail server."""
    workspace = {"origin": "http://fern-health.localhost:8443", "bind": "127.0.0.1:8443"}
    home = desk.adapter.home
    tables = {"notifications": TABLE, "workspace": workspace}
    desk.adapter.home = Home(home.folder, home.agency, home.kind, home.name, home.environment, tables)
    desk.__post_init__()
    return desk.signed_in()


def test_somebody_chooses_how_they_are_told(desk: Desk, telling: Browser) -> None:
    page = "/account/notifications"
    assert "You get no message" in telling.get("/account").text
    form = {"is_on": "yes", "by": "email", "address": "me@health.example", "pace": "daily", "daily_at": "08:15"}
    answer = telling.post(page, form_of=page, **form, quiet_from="19:00", quiet_to="07:00", reads="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{page}?done=1")
    shown = telling.get(f"{page}?done=1").text
    assert "What you chose counts from now on." in shown
    assert 'value="me@health.example"' in shown
    chosen = chosen_of(desk.adapter.store, desk.member)
    assert chosen is not None
    assert (chosen.is_on, chosen.reads, chosen.alarms) == (True, True, False)
    assert "You get a message when you have something to do" in telling.get("/account").text
    telling.post(page, form_of=page, forget="yes")
    assert chosen_of(desk.adapter.store, desk.member) is None


def test_what_is_wrong_is_said_at_the_field_and_what_was_typed_is_kept(desk: Desk, telling: Browser) -> None:
    page = "/account/notifications"
    answer = telling.post(page, form_of=page, is_on="yes", by="email", address="me@elsewhere.example", pace="hourly")
    assert answer.status_code == 422
    tree = html.fromstring(answer.text)
    assert tree.findtext(".//title").startswith("Error: ")
    assert tree.xpath("//*[contains(@class, 'govuk-error-summary')]//a/@href") == ["#address"]
    assert tree.xpath("//input[@id='address']/@value") == ["me@elsewhere.example"]
    assert "ends in @health.example" in answer.text
    assert chosen_of(desk.adapter.store, desk.member) is None


def test_where_nothing_carries_messages_the_account_says_so(shared: Desk) -> None:
    browser = shared.signed_in()
    assert "sends no messages" in browser.get("/account").text
    assert browser.get("/account/notifications").status_code == 404
