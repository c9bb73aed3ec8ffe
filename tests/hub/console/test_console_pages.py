"""The console's pages as an officer sees them: home, a case's account and its trace, the public log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise

import lxml.html
import pytest
from flask import render_template

from adapters.membership import plan_departure
from hub.audit import read_audit, render_audit
from hub.audit_agreements import Agreements
from hub.audit_counts import CaseAudit
from hub.audit_words import Names
from hub.console import case_account, security
from hub.console.case_account import CaseAccount
from hub.console.public_log import make_public_line
from hub.setting_up import verify_hub
from hub.store.ledger_rows import StoredEntry
from policies import unusual
from policies.unusual import Deed
from tests.hub.console.desk import ISSUER, SUBJECT, Desk, vouched
from tests.scene import CANARIES, CARE, CHARITY, HEALTH, POLICE, Scene, bundle


@pytest.fixture(scope="module")
def worked(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A hub where something was shared, read, refused, and where the charity has left the main case."""
    desk = Desk(make_scene())
    desk.give()
    desk.scene.witness()
    yield desk
    desk.close()


def main_of(text: str) -> lxml.html.HtmlElement:
    """The page's main part."""
    found: lxml.html.HtmlElement = lxml.html.fromstring(text).xpath("//main")[0]
    return found


def words_of(node: lxml.html.HtmlElement) -> str:
    """What stands in it."""
    return " ".join(" ".join(node.itertext()).split())


def newest_body(desk: Desk) -> dict[str, object]:
    """What the newest entry of the log says."""
    found: dict[str, object] = json.loads(desk.scene.sql("SELECT body FROM log_entry ORDER BY position DESC")[0][0])
    return found


def test_home_says_who_you_are_how_far_the_log_was_seen_and_your_cases(worked: Desk) -> None:
    """Numbers as the log has them."""
    browser = worked.signed_in()
    page = main_of(browser.get("/console/").text)
    text = words_of(page)
    assert worked.officer in text
    assert "Fernshire health" in text
    [[entries]] = worked.scene.sql("SELECT COUNT(*) FROM log_entry")
    [[witnessed]] = worked.scene.sql("SELECT MAX(size) FROM checkpoint WHERE witnessed_at IS NOT NULL")
    assert f"Entries {entries} Seen by a quorum of witnesses the first {witnessed} entries, on" in text
    links = page.xpath(".//tbody//a/@href")
    assert sorted(links) == sorted(f"/console/cases/{case}" for case in (worked.scene.main, worked.scene.other))
    query = 'SELECT COUNT(*) FROM log_entry WHERE "case" = ? AND type = ?'
    for row in page.xpath(".//tbody/tr"):
        case = row.xpath(".//a/@href")[0].rpartition("/")[2]
        shown = [words_of(cell) for cell in row.xpath("./td")][1:]
        listed = [
            worked.scene.sql(f"{query} AND body NOT LIKE '%\"items\":0,%'", case, "disclosure")[0][0],
            sum(worked.scene.sql(query, case, kind)[0][0] for kind in ("refusal", "void", "denied")),
            worked.scene.sql(query, case, "viewed")[0][0],
            worked.scene.sql(query, case, "audited")[0][0],
        ]
        assert shown == [str(number) for number in listed]
        assert listed[0] > 0


def test_a_look_is_recorded_in_the_case_before_the_page_is_given(worked: Desk) -> None:
    """With who looked, by which word of their agency, and at how much; the page shows it as its newest entry."""
    browser, case = worked.signed_in(), worked.scene.main
    entries = len(worked.scene.log_types(case))
    answer = browser.get(f"/console/cases/{case}")
    assert answer.status_code == 200
    body = newest_body(worked)
    [[access]] = worked.scene.sql(
        "SELECT digest FROM console_access WHERE provider = ? ORDER BY log_index DESC LIMIT 1", ISSUER
    )
    assert {name: body[name] for name in ("type", "case", "case_seq", "agency", "member", "access", "entries")} == {
        "type": "audited",
        "case": case,
        "case_seq": entries + 1,
        "agency": HEALTH,
        "member": worked.officer,
        "access": access,
        "entries": entries + 1,
    }
    text = words_of(main_of(answer.text))
    assert f"This page rests on {entries + 1} entries of the case" in text
    assert f"Looked at the account of this case, its first {entries + 1} entries" in text
    assert f"member {worked.officer[:8]}" in text
    report = verify_hub(worked.services.config, worked.scene.hub.passphrase)
    assert report.ok, report.render()


def test_every_agency_of_the_case_can_see_that_somebody_looked(worked: Desk) -> None:
    """It is an entry of the case like any other: its adapters follow it, and go on working."""
    scene = worked.scene
    worked.signed_in().get(f"/console/cases/{scene.main}")
    seq = newest_body(worked)["case_seq"]
    scene.witness()
    for agency in (CARE, POLICE, HEALTH, CHARITY):
        answer = scene[agency].client.get(f"/v1/cases/{scene.main}/log", after=seq - 1)  # type: ignore[operator]
        [entry] = answer["entries"]
        assert json.loads(entry["body"])["type"] == "audited"
        assert scene.alarms(agency) == [], agency


def test_the_trace_cannot_be_taken_away(worked: Desk) -> None:
    """A hub that shows the case without it shows a feed with a gap: the adapters refuse it."""
    scene = worked.scene
    worked.signed_in().get(f"/console/cases/{scene.main}")
    position = newest_body(worked)["case_seq"]
    row = scene.sql('SELECT * FROM log_entry WHERE "case" = ? AND case_seq = ?', scene.main, position)[0]
    scene.witness()
    worked.signed_in().get(f"/console/cases/{scene.main}")
    scene.sql('DELETE FROM log_entry WHERE "case" = ? AND case_seq = ?', scene.main, position)
    try:
        assert not verify_hub(worked.services.config, worked.scene.hub.passphrase).ok
    finally:
        scene.sql(f"INSERT INTO log_entry VALUES ({', '.join('?' * len(row))})", *row)


def test_if_nothing_can_be_recorded_nothing_is_shown(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry and the reading are one transaction."""
    browser, case = worked.signed_in(), worked.scene.main

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(case_account.CaseAct, "record", fail)
    before = len(worked.scene.log_types())
    answer = browser.get(f"/console/cases/{case}")
    assert answer.status_code == 500
    assert case[:8] not in answer.text
    assert "disk" not in answer.text
    assert len(worked.scene.log_types()) == before


def test_a_look_at_what_is_not_theirs_is_recorded(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same entry and the same page for another agency's case and for none; it names neither."""
    monkeypatch.setattr(security, "DENIED_PER_MINUTE", 1_000)
    browser, scene = worked.signed_in(), worked.scene
    row = scene.sql('SELECT * FROM case_party WHERE "case" = ? AND agency = ?', scene.other, HEALTH)[0]
    scene.sql('DELETE FROM case_party WHERE "case" = ? AND agency = ?', scene.other, HEALTH)
    try:
        found = []
        for case in (scene.other, "0" * 32):
            before = len(scene.log_types())
            answer = browser.get(f"/console/cases/{case}")
            assert scene.log_types()[before:] == ["denied"]
            body = newest_body(worked)
            assert scene.other not in json.dumps(body)
            found.append((answer.status_code, words_of(main_of(answer.text)), {**body, "at": ""}))
        before = len(scene.log_types())
        assert browser.get("/console/cases/no-case-id").status_code == 404
        assert len(scene.log_types()) == before
    finally:
        scene.sql(f"INSERT INTO case_party VALUES ({', '.join('?' * len(row))})", *row)
    assert found[0] == found[1]
    status, text, body = found[0]
    assert status == 404
    assert "There is no such page, or it is not for you" in text
    assert body == {
        "type": "denied",
        "at": "",
        "agency": HEALTH,
        "member": worked.officer,
        "act": "look",
        "statement": None,
        "code": "not_found",
        "rules": [],
        "lines": None,
    }
    report = verify_hub(worked.services.config, scene.hub.passphrase)
    assert report.ok, report.render()
    page = render_audit(read_audit(worked.services.config, scene.hub.passphrase))
    assert "Asked to look at the account of a case, and was answered as if there were no such case" in page


def test_denied_looks_do_not_fill_the_log(worked: Desk) -> None:
    """Five a minute of one officer; more are refused and leave nothing."""
    worked.later += timedelta(minutes=10)
    browser, before = worked.signed_in(), len(worked.scene.log_types())
    said = [browser.get(f"/console/cases/{number:032x}").status_code for number in range(12)]
    assert set(said) == {404, 429}
    assert 5 <= said.count(404) <= 10, "two windows at most"
    assert len(worked.scene.log_types()) == before + said.count(404)
    assert browser.get(f"/console/cases/{worked.scene.main}").status_code == 200


def test_a_denied_look_that_cannot_be_recorded_is_no_answer(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry and the answer are one step."""

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    worked.later += timedelta(minutes=10)
    monkeypatch.setattr(case_account, "record_caseless", fail)
    answer = worked.signed_in().get(f"/console/cases/{'1' * 32}")
    assert answer.status_code == 500
    assert "it may be recorded all the same that you looked" in words_of(main_of(answer.text))


def test_the_page_shows_no_content_and_no_account(worked: Desk) -> None:
    """What is sealed is not there, nor who the officer is at their provider."""
    browser = worked.signed_in()
    for path in ("/console/", "/console/log", f"/console/cases/{worked.scene.main}", "/console/account"):
        text = browser.get(path).text
        assert not any(canary in text for canary in CANARIES)
        assert SUBJECT not in text
        assert "\N{REPLACEMENT CHARACTER}" not in text


def test_an_agency_that_left_sees_what_happened_until_then(make_scene: Callable[[], Scene]) -> None:
    """And the entry by which it left is the last; its look is recorded all the same."""
    desk = Desk(make_scene())
    try:
        scene, health = desk.scene, desk.scene[HEALTH]
        desk.give()
        membership = health.book.load(scene.main).standing
        health.book.make(plan_departure(membership, HEALTH, None))
        left = len(scene.log_types(scene.main))
        scene.witness()
        browser = desk.signed_in()
        assert browser.get(f"/console/cases/{scene.main}").status_code == 200
        answer = browser.get(f"/console/cases/{scene.main}")
        text = words_of(main_of(answer.text))
        assert f"This page rests on {left} entries of the case" in text
        assert "Your agency has left the case" in text
        assert "Looked at the account" not in text
        assert scene.log_types(scene.main)[left:] == ["audited", "audited"]
        assert newest_body(desk)["entries"] == left
        home = words_of(main_of(browser.get("/console/").text))
        assert f"Account of case {scene.main[:8]} left" in home
    finally:
        desk.close()


def test_an_entry_that_was_changed_is_marked(make_scene: Callable[[], Scene]) -> None:
    """The page recomputes each entry of the case and its leaf."""
    desk = Desk(make_scene())
    try:
        desk.give()
        case = desk.scene.main
        desk.scene.sql(
            """UPDATE log_entry SET body = replace(body, 'concern', 'meeting')
            WHERE "case" = ? AND type = 'fragment' AND case_seq = (SELECT MIN(case_seq) FROM log_entry
            WHERE "case" = ? AND type = 'fragment')""",
            case,
            case,
        )
        text = words_of(main_of(desk.signed_in().get(f"/console/cases/{case}").text))
        assert "1 entry does not agree with the log" in text
        assert text.count("Does not verify") == 1
    finally:
        desk.close()


def test_a_case_that_is_too_long_is_said_to_be(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cut off in silence; that somebody asked is recorded."""
    monkeypatch.setattr(case_account, "MAX_ENTRIES", 3)
    before = worked.scene.log_types().count("audited")
    answer = worked.signed_in().get(f"/console/cases/{worked.scene.other}")
    assert answer.status_code == 413
    assert "nrm-hub audit" in answer.text
    assert worked.scene.log_types().count("audited") == before + 1


def test_the_public_log_tells_each_entry_in_words(worked: Desk) -> None:
    """The newest first, on as many pages as it takes; nothing of any case."""
    browser = worked.signed_in()
    page = main_of(browser.get("/console/log").text)
    rows = [[words_of(cell) for cell in row] for row in page.xpath(".//tbody/tr")]
    public = worked.scene.sql("SELECT COUNT(*) FROM log_entry WHERE case_seq IS NULL AND type != 'denied'")[0][0]
    assert len(rows) == min(50, public)
    assert [int(row[0]) for row in rows] == sorted((int(row[0]) for row in rows), reverse=True)
    kinds = {row[2] for row in rows}
    assert {"Console access", "Key certified", "Agency enrolled", "Witnesses named", "Beginning of the log"} <= kinds
    assert not any("cannot be read" in row[4] for row in rows)
    text = words_of(page)
    assert f"Let member {worked.officer[:8]} look at this console by their account at {ISSUER}" in text
    assert "as information governance officer" in text
    assert worked.scene.main[:8] not in text
    for wrong in ("0", "x", "2", "-1", "1.0", "١", "99999999999999999999"):
        assert browser.get(f"/console/log?page={wrong}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        None,
        "[]",
        '{"at":"x","type":"certificate","statement":"a.b.c"}',
        '{"type":"unheard_of"}',
        '{"type":"witnesses"}',
    ],
    ids=str,
)
def test_a_damaged_public_entry_is_said_to_be_unreadable(body: str | None) -> None:
    """And the page goes on."""
    line = make_public_line(StoredEntry(7, "certificate", None, None, b"", body, None), Names())
    assert "cannot be read" in line.told


def test_what_agencies_wrote_is_escaped_and_made_visible(worked: Desk) -> None:
    """Also in the templates that the written account shares."""
    wild = "<script>alert(1)</script>\u202etxt.exe"
    case = CaseAudit("ab" * 16, Names({"x": wild}))
    case.people = [("x", "cd" * 16, wild, "")]
    account = CaseAccount(case, Agreements({bundle().digest: bundle()}), (), 1, 0, left=False)
    with worked.app.test_request_context("/console/", base_url=worked.scene.hub.issuer):
        text = render_template("case.html", account=account, audit=account, case=case)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert "\N{REPLACEMENT CHARACTER}txt.exe" in text


def test_the_pages_are_built_to_be_read_by_everybody(worked: Desk) -> None:
    """Language, title, one first heading, headings in order, names of tables and forms, a way past the navigation."""
    browser = worked.signed_in()
    for path in ("/console/", "/console/log", "/console/account", f"/console/cases/{worked.scene.main}"):
        page = lxml.html.fromstring(browser.get(path).text)
        assert page.get("lang") == "en-GB"
        assert page.findtext(".//title")
        assert len(page.xpath("//h1")) == len(page.xpath("//main")) == 1
        levels = [int(node.tag[1]) for node in page.xpath("//main//*[self::h1 or self::h2 or self::h3 or self::h4]")]
        assert all(after - before <= 1 for before, after in pairwise(levels)), (path, levels)
        assert all(table.xpath("./caption") for table in page.xpath("//table"))
        assert all(head.get("scope") for head in page.xpath("//th"))
        assert page.xpath("//a[@href='#main-content']")
        ids = page.xpath("//@id")
        assert len(ids) == len(set(ids)), path


def test_the_same_officer_by_two_accounts_is_one_person_in_the_log(worked: Desk) -> None:
    """The entry names the member, and the word that let this account in."""
    worked.give(worked.word(subject="second-account"))
    worked.signed_in(vouched(subject="second-account")).get(f"/console/cases/{worked.scene.other}")
    body = newest_body(worked)
    assert body["member"] == worked.officer
    [[access]] = worked.scene.sql("SELECT digest FROM console_access ORDER BY log_index DESC LIMIT 1")
    assert body["access"] == access


def test_home_says_what_was_more_than_usual(worked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the officer's own agency; nothing is said while nothing is."""
    assert "more than is usual" not in worked.signed_in().get("/console/").text
    monkeypatch.setitem(unusual.MOST_IN_AN_HOUR, Deed.SHOWN, 0)  # type: ignore[arg-type]
    worked.scene[HEALTH].pull(worked.scene.main, "voter")
    text = words_of(main_of(worked.signed_in().get("/console/").text))
    assert "Look at this: more than is usual" in text
    assert "records were shown to its people more than 0 times" in text
