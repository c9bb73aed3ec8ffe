"""How long somebody stays signed in: said on every page, put off as often as they like, asked for without using it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from lxml import html

from keys.sessions import ABSOLUTE, IDLE, WARNED, ends_at
from tests.adapters.workspace.desk import Browser, Desk
from tests.scene import now

AT = datetime.fromisoformat("2026-11-22T09:00:00+00:00")
NEARLY = IDLE - timedelta(minutes=1)
A_WHILE = timedelta(seconds=20)


def said_at(at: datetime) -> str:
    return at.astimezone(ZoneInfo("Europe/London")).strftime("%H:%M %Z")


def left(browser: Browser, what: str = "left", **headers: str) -> dict[str, object]:
    answer = browser.get(f"/stay/{what}", **headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_a_session_ends_after_idleness_and_at_the_end_of_the_day_at_the_latest() -> None:
    assert ends_at(AT, AT) == AT + IDLE
    used = AT + ABSOLUTE - timedelta(minutes=5)
    assert ends_at(AT, used) == AT + ABSOLUTE


def test_the_warning_leaves_time_enough() -> None:
    """Success criterion 2.2.1 asks for 20 seconds, and at least ten times: here it is two minutes, and no count."""
    assert timedelta(minutes=1) <= WARNED < IDLE
    assert ABSOLUTE / IDLE > 10


def test_every_page_says_when_it_ends_and_how_to_stay_without_script(shared: Desk) -> None:
    browser = shared.signed_in()
    for path in ("/", "/account", "/unlock", "/accessibility"):
        before = now()
        tree = html.fromstring(browser.get(path).text)
        said = tree.xpath("//footer//*[@id='stay']")[0]
        # Use is written down in steps: the end that is said is never later than the one that comes.
        times = {said_at(at) for at in (before + IDLE - A_WHILE, before + IDLE, now() + IDLE)}
        assert said.xpath("string(*[@data-stay-time])") in times
        (link,) = said.xpath("a[@href='/stay']")
        assert link.get("target") == "_blank"
        assert "opens in a new tab" in link.text_content()
        assert re.search(r"signed out at \d\d:\d\d (GMT|BST)", " ".join(tree.xpath("//header//noscript//text()")))
        assert tree.xpath("//dialog[@role='alertdialog'][@aria-labelledby='stay-title'][@aria-describedby='stay-text']")


def test_nobody_signed_in_is_told_of_no_end(shared: Desk) -> None:
    page = shared.browser().get("/accessibility").text
    assert "data-stay" not in page
    assert "stay.js" not in page


def test_asking_how_long_is_left_is_no_use(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later = NEARLY
    assert 0 < int(str(left(browser)["seconds"])) <= 61
    shared.later = IDLE + timedelta(seconds=1)
    assert browser.get("/stay/left").status_code == 401


def test_staying_can_be_repeated_until_the_end_of_the_day(shared: Desk) -> None:
    browser = shared.signed_in()
    times = 0
    while shared.later + NEARLY < ABSOLUTE - IDLE:
        shared.later += NEARLY
        said = left(browser, "more")
        assert said["can_be_longer"] is True
        assert IDLE.total_seconds() - 2 <= int(str(said["seconds"])) <= IDLE.total_seconds()
        times += 1
    assert times >= 10
    while shared.later + NEARLY < ABSOLUTE - timedelta(minutes=3):
        shared.later += NEARLY
        left(browser, "more")
    shared.later = ABSOLUTE - timedelta(minutes=3)
    said = left(browser, "more")
    assert said["can_be_longer"] is False
    assert int(str(said["seconds"])) <= 3 * 60
    assert "cannot be put off" in html.fromstring(browser.get("/").text).xpath("string(//footer//*[@id='stay'])")


def test_the_link_keeps_it_open_too(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later = NEARLY
    page = browser.get("/stay")
    assert page.status_code == 200
    assert "You are still signed in" in page.text
    assert said_at(now() + NEARLY + IDLE) in page.text or said_at(now() + NEARLY + IDLE - A_WHILE) in page.text
    shared.later = 2 * NEARLY
    assert browser.get("/stay/left").status_code == 200


def test_another_site_keeps_no_session_open(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later = NEARLY
    assert browser.get("/stay/more", Sec_Fetch_Site="cross-site").status_code == 403
    shared.later = IDLE + timedelta(seconds=1)
    assert browser.get("/stay/left").status_code == 401


def test_staying_brings_no_ended_session_back(shared: Desk) -> None:
    browser = shared.signed_in()
    shared.later = IDLE + timedelta(seconds=1)
    assert browser.get("/stay/more").status_code == 401
    assert browser.get("/stay/more").status_code == 401
