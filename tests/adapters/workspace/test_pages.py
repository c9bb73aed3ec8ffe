"""The pages around the work, in a browser without script."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from lxml import html

from adapters.alarms import MEANINGS
from adapters.hub_client import HubRefused, HubUnreachable
from adapters.picture.receiving import Receiver
from adapters.refusal import CaseRefused, LogRefused
from adapters.store.rows import raise_alarm
from adapters.store.tables import AlarmRow
from adapters.workspace.app import is_own_path
from adapters.workspace.cases import MyCase
from keys.sessions import WANTED_COOKIE
from policies.model import Member, MemberId
from policies.vocabulary import CaseStage, Role
from tests.adapters.workspace.desk import AGENCY, Desk, Vouched
from tests.scene import CARE, now

PURPOSE = "purpose=panel_review"
CHANGES = r'value="[^"]*"|datetime="\d\d:\d\d"|\d\d:\d\d (?=GMT|BST)'
"""What differs from one look at the same page to the next: the form's token, and until when one is signed in."""


def picture(desk: Desk, case: str = "") -> str:
    return f"/cases/{case or desk.scene.main}/picture?{PURPOSE}"


def test_a_day_at_the_desk(shared: Desk) -> None:
    """Sent to sign in and unlock on the way to a picture, then there; home says who one is."""
    shared.bind_once()
    browser = shared.browser()
    assert browser.get(picture(shared)).headers["Location"] == "/sign-in"
    assert browser.sign_in(wanted=picture(shared)).headers["Location"] == "/unlock"
    assert browser.get(picture(shared)).headers["Location"] == "/unlock"
    assert browser.post("/unlock", passphrase=shared.passphrase).headers["Location"] == picture(shared)
    shown = browser.get(picture(shared))
    assert shown.status_code == 200
    assert "2 fragments opened by you" in shown.text
    home = browser.get("/").text
    who = ("Fernshire health", shared.member, "voting member of the panel", "with two factors")
    for said in (*who, "open to you", "First 72 hours"):
        assert said in home
    assert f'href="{picture(shared)}"' in home
    assert browser.post("/sign-out").status_code == 200
    assert browser.get("/").headers["Location"] == "/sign-in"


@pytest.mark.parametrize(
    ("stage", "purpose"),
    [
        (CaseStage.BEFORE_REFERRAL, "safeguarding"),
        (CaseStage.REFERRED, "panel_review"),
        (CaseStage.DECIDED, "panel_review"),
        (CaseStage.CLOSED, "safeguarding"),
    ],
)
def test_the_list_leads_to_what_the_stage_gives(stage: CaseStage, purpose: str) -> None:
    """Before the referral and in a closed case nothing is given for the panel: the link would lead to nothing."""
    assert MyCase("0" * 32, (), now(), is_accepted=True, opened_at=now(), clocks=(), stage=stage).purpose == purpose


def test_the_picture_is_in_the_frame_of_the_pages(shared: Desk) -> None:
    """Its style from a file, no policy of its own, the navigation of the case; in a file it stays whole in itself."""
    tree = html.fromstring(shared.unlocked().get(picture(shared)).text)
    assert tree.xpath("//style | //meta[@http-equiv]") == []
    styles = tree.xpath("//link[@rel='stylesheet']/@href")
    assert styles == [shared.here.assets.address(name) for name in ("pages.css", "picture.css")]
    assert tree.xpath("//nav[contains(@class, 'service-case-nav')]//a[@aria-current='page']/text()") == ["Picture"]
    assert len(tree.xpath("//h1")) == len(tree.xpath("//main")) == 1
    assert [shared.browser().get(style).status_code for style in styles] == [200, 200]


def test_each_reading_is_an_entry_in_the_log(shared: Desk) -> None:
    browser = shared.unlocked()
    before = shared.scene.log_types(shared.scene.main).count("viewed")
    browser.get(picture(shared))
    assert shared.scene.log_types(shared.scene.main).count("viewed") == before + 1


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_makes_nobody_read(shared: Desk, site: str) -> None:
    """A link from elsewhere leads to the list of cases: what is read leaves a trace in a person's name."""
    browser = shared.unlocked()
    before = shared.scene.log_types(shared.scene.main).count("viewed")
    assert browser.get(picture(shared), Sec_Fetch_Site=site).headers["Location"] == "/"
    assert browser.get(picture(shared), Sec_Purpose="prefetch").headers["Location"] == "/"
    assert shared.scene.log_types(shared.scene.main).count("viewed") == before
    assert browser.get(picture(shared), Sec_Fetch_Site="none").status_code == 200


@pytest.mark.parametrize("is_signed_in", [False, True])
def test_where_another_site_led_is_not_kept_for_later(shared: Desk, is_signed_in: bool) -> None:
    """Followed before signing in, or before unlocking: afterwards it is the list of cases, not the picture."""
    browser = shared.signed_in() if is_signed_in else shared.browser()
    shared.bind_once()
    browser.get(picture(shared), Sec_Fetch_Site="cross-site")
    if not is_signed_in:
        assert browser.sign_in().headers["Location"] == "/"
    assert browser.post("/unlock", passphrase=shared.passphrase).headers["Location"] == "/"


def test_a_case_that_is_not_theirs_is_a_case_that_is_not(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer for no such case, one that does not list them, no id at all, and what the hub refuses."""
    asked = []
    pull = Receiver.pull

    def counted(self: Receiver, case: str, *rest: Any) -> Any:
        asked.append(case)
        return pull(self, case, *rest)

    monkeypatch.setattr(Receiver, "pull", counted)
    browser = shared.unlocked()
    answers = [browser.get(picture(shared, case)) for case in (shared.scene.other, "ab" * 16, "not-an-id", "%F0%9F")]
    assert asked == []

    def refuse(*_: Any) -> Any:
        raise HubRefused(404, {"type": "urn:nrmhub:problem:not_found", "detail": "words of the hub"})

    monkeypatch.setattr(Receiver, "pull", refuse)
    answers.append(browser.get(picture(shared)))
    answers.append(browser.get("/nothing/of/the/kind"))
    said = {(item.status_code, re.sub(CHANGES, "", item.text), tuple(sorted(item.headers.keys()))) for item in answers}
    assert len(said) == 1
    assert answers[0].status_code == 404
    assert "not for you" in answers[0].text


def test_a_case_that_lists_them_no_more_is_gone(desk: Desk) -> None:
    """As soon as the membership without them is here: home and picture."""
    browser = desk.unlocked()
    assert browser.get(picture(desk)).status_code == 200
    care = desk.scene[CARE]
    standing = care.book.load(desk.scene.main).state.membership.members
    care.book.change_members(desk.scene.main, [item for item in standing if item.member != desk.member])
    desk.scene[AGENCY].sync()
    assert browser.get(picture(desk)).status_code == 404
    assert "No case lists you" in browser.get("/").text


def test_a_case_that_waits_for_the_agency_is_listed_and_not_read(desk: Desk) -> None:
    browser = desk.unlocked()
    care, case = desk.scene[CARE], desk.scene.other
    listed = care.book.load(case).state.membership.members
    until = max(item.until for item in listed)
    mine = Member(desk.adapter.home.agency, MemberId(desk.member), (Role.PANEL_VOTING,), until)  # type: ignore[arg-type]
    care.book.change_members(case, [*listed, mine])
    desk.scene[AGENCY].sync()
    assert "waiting for your agency to accept" in browser.get("/").text
    assert browser.get(picture(desk, case)).status_code == 404
    desk.scene[AGENCY].book.accept(case)
    assert browser.get(picture(desk, case)).status_code == 200


def test_a_purpose_that_is_none_is_refused(shared: Desk) -> None:
    answer = shared.unlocked().get(f"/cases/{shared.scene.main}/picture?purpose=curiosity")
    assert answer.status_code == 400
    assert "curiosity" not in answer.text


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (HubUnreachable("words"), "The hub does not answer"),
        (HubRefused(500, {"type": "urn:nrmhub:problem:ledger", "detail": "words"}), "The hub refused (ledger)"),
        (LogRefused("withheld", "words"), "does not hold (withheld)"),
        (CaseRefused("words"), "cannot be read as it stands now"),
    ],
)
def test_what_was_not_opened_is_said_without_the_words_of_others(
    shared: Desk, error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    browser = shared.unlocked()
    monkeypatch.setattr(Receiver, "pull", fail)
    answer = browser.get(picture(shared))
    assert answer.status_code == 503
    assert says in answer.text
    assert "Nothing was opened" in answer.text or "nothing was opened" in answer.text
    assert "words" not in answer.text


def test_what_nobody_expected_is_said_by_its_kind_only_in_the_log(
    shared: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise TypeError("a secret in an error")

    browser = shared.unlocked()
    monkeypatch.setattr(Receiver, "pull", fail)
    with caplog.at_level(logging.DEBUG):
        answer = browser.get(picture(shared))
    assert answer.status_code == 500
    assert "Something went wrong" in answer.text
    assert "TypeError" in caplog.text
    assert "a secret" not in caplog.text + answer.text


def test_alarms_are_counted_and_not_shown(shared: Desk) -> None:
    browser = shared.signed_in()
    assert "alarm" not in browser.get("/").text
    with shared.adapter.store.write() as session:
        raise_alarm(session, "fork", "text of an alarm", "2026-01-31T12:00:00Z")
    shown = browser.get("/").text
    with shared.adapter.store.write() as session:
        session.query(AlarmRow).delete()
    assert "Tell the people who run nrm-hub at your agency: 1 alarm waits on its status page." in shown
    assert shown.count('id="alarms"') == 1
    # What waits for the person stands above it.
    assert shown.index('id="waits"') < shown.index('id="alarms"') < shown.index("Cases that list you")
    assert "text of an alarm" not in shown
    assert MEANINGS["fork"].means not in shown


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/", True),
        ("/account", True),
        ("/nothing?purpose=x", True),
        ("//evil.example", False),
        ("https://evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("", False),
        ("account", False),
        ("/a\nb", False),
        ("/é", False),
        ("/" + "x" * 400, False),
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(shared: Desk, path: str, is_ours: bool) -> None:
    """Also where the session says so: it is looked at again when it is used."""
    assert is_own_path(path) is is_ours
    shared.bind_once()
    assert shared.browser().sign_in(wanted=path).headers["Location"] == (path if is_ours else "/")


def test_a_page_that_was_asked_for_is_come_to_from_a_provider_of_another_site(shared: Desk) -> None:
    """The browser then says that another site leads there, and goes on saying so along the redirects."""
    shared.bind_once()
    browser, wanted = shared.browser(), picture(shared)
    assert browser.sign_in(wanted=wanted, Sec_Fetch_Site="cross-site").headers["Location"] == "/unlock"
    assert browser.get("/unlock", Sec_Fetch_Site="cross-site").status_code == 200
    assert browser.post("/unlock", form_of="/unlock", passphrase=shared.passphrase).headers["Location"] == wanted
    assert browser.get(wanted).status_code == 200
    again = shared.browser()
    assert again.sign_in(wanted="/account", Sec_Fetch_Site="cross-site").headers["Location"] == "/account"
    # What was come to is not come to once more.
    assert again.post("/unlock", form_of="/unlock", passphrase=shared.passphrase).headers["Location"] == "/"


def test_at_a_shared_desk_nobody_is_led_where_somebody_else_asked_to_go(shared: Desk) -> None:
    """Whoever asks for the list of cases, or is led here by another site, drops what was asked for before."""
    for path, site in (("/", "same-origin"), ("/account", "cross-site")):
        browser = shared.browser()
        browser.get(picture(shared))
        assert browser.client.get_cookie(WANTED_COOKIE, "fern-health.localhost") is not None
        browser.get(path, Sec_Fetch_Site=site)
        assert browser.client.get_cookie(WANTED_COOKIE, "fern-health.localhost") is None
    # By itself the browser's cookie leads nowhere: it is read on the page of signing in, and is gone with it.
    browser.get(picture(shared))
    assert browser.sign_in().headers["Location"] == "/"


@pytest.mark.parametrize("path", ["/", "/unlock", "/account", "/nothing"])
def test_pages_are_whole_without_script(shared: Desk, path: str) -> None:
    """One heading of the first rank, a title that says the same, a way past the header, labels for every field."""
    for browser in (shared.signed_in(Vouched(is_two_factor=False)), shared.unlocked()):
        tree = html.fromstring(browser.get(path).text)
        assert tree.get("lang") == "en-GB"
        (title,), (heading,) = tree.xpath("//head/title/text()"), tree.xpath("//h1/text()")
        assert heading in title
        assert tree.xpath("//a[@class='govuk-skip-link']/@href") == ["#main-content"]
        assert tree.xpath("//main[@id='main-content']")
        for field in tree.xpath("//input[not(@type='hidden')]"):
            assert tree.xpath(f"//label[@for='{field.get('id')}']")
        for form in tree.xpath("//form"):
            assert form.get("method") == "post"
            assert form.xpath(".//input[@name='form_token']")
            assert form.xpath(".//button[@type='submit'] | .//button[not(@type)]")
        assert "crown" not in browser.get(path).text.lower()


def test_an_error_is_tied_to_its_field(shared: Desk) -> None:
    tree = html.fromstring(shared.signed_in().post("/unlock", passphrase="").text)
    (summary,) = tree.xpath("//*[@class='govuk-error-summary']")
    assert summary.xpath(".//a/@href") == ["#passphrase"]
    assert tree.xpath("//input[@id='passphrase']/@aria-describedby") == ["passphrase-error"]
    assert tree.xpath("//head/title/text()")[0].startswith("Error: ")
