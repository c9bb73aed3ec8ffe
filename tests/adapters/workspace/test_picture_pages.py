"""The pages of an opened case: picture, fragments, chronology, evidence, search, notes; one pull for them all."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from lxml import html

from adapters.picture.inbox import Inbox
from adapters.picture.notes import MAX_NOTE_CHARS
from adapters.store.rows import inbox_of_case
from adapters.workspace.listing import ROWS
from policies.vocabulary import Purpose
from tests.adapters.picture.invented_case import fid
from tests.adapters.workspace.desk import Browser, Desk
from tests.adapters.workspace.invented_open import hold, view_of
from tests.attacks.exclusion_acts import exclude
from tests.scene import POLICE

NAMES = "Robin Example"
WORDS = "call her aunt <b>first</b>"


def at(desk: Desk, rest: str) -> str:
    return f"/cases/{desk.scene.main}/{rest}"


def opened(desk: Desk) -> Browser:
    browser = desk.unlocked()
    assert browser.get(at(desk, "picture?purpose=panel_review")).status_code == 200
    return browser


@pytest.fixture
def reading(shared: Desk) -> Browser:
    """A browser in which the scene's case is open."""
    return opened(shared)


@pytest.fixture
def large(shared: Desk) -> Iterator[Browser]:
    """A browser in which an invented case of 130 fragments is open."""
    browser = shared.unlocked()
    hold(shared.here, view_of(shared.scene.main, shared.member, 130))
    return browser


def fragments_of(desk: Desk, browser: Browser) -> list[str]:
    """The addresses of fragments' pages that the picture leads to."""
    text = browser.get(at(desk, "picture?held=1")).text
    return list(dict.fromkeys(re.findall(r'href="(/cases/[0-9a-f]{32}/fragments/[0-9a-f]{32})"', text)))


def text_of(page: str) -> str:
    return " ".join(html.fromstring(page).text_content().split())


# --- one pull ---


def test_one_pull_serves_every_page(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Picture again, each fragment, its check, chronology, evidence and search ask the hub for nothing more."""
    asked: list[str] = []
    client = shared.adapter.follower.client
    for name in [item for item in dir(type(client)) if item.startswith(("get", "post"))]:
        was = getattr(type(client), name)

        def count(self: Any, path: str, *args: Any, _was: Any = was, **more: Any) -> Any:
            asked.append(path)
            return _was(self, path, *args, **more)

        monkeypatch.setattr(type(client), name, count)
    browser = opened(shared)
    pulls = [path for path in asked if path.endswith("/pull")]
    assert pulls == [f"/v1/cases/{shared.scene.main}/pull"]
    asked.clear()
    viewed = shared.scene.log_types(shared.scene.main).count("viewed")
    links = fragments_of(shared, browser)
    assert len(links) >= 2
    for path in [*links, at(shared, "chronology"), at(shared, "evidence"), at(shared, "search")]:
        assert browser.get(path).status_code == 200
    assert browser.post(f"{links[0]}/check", form_of=links[0]).status_code == 200
    assert browser.post(at(shared, "search"), form_of=links[0], words="the").status_code == 200
    assert asked == []
    assert shared.scene.log_types(shared.scene.main).count("viewed") == viewed


@pytest.mark.parametrize("rest", ["picture?held=1", "chronology", "evidence", "search", f"fragments/{'a' * 32}"])
def test_what_is_not_open_is_opened_first(shared: Desk, rest: str) -> None:
    """Nothing open, and open for too long: to the page that opens it. A case that is not theirs: no such page."""
    browser = shared.unlocked()
    answer = browser.get(at(shared, rest))
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(at(shared, "picture?purpose="))
    assert browser.get(f"/cases/{'0' * 32}/{rest}").status_code == 404
    assert shared.signed_in().get(at(shared, rest)).headers["Location"] == "/unlock"


def test_a_case_that_was_open_for_too_long_is_opened_anew(shared: Desk, reading: Browser) -> None:
    assert reading.get(at(shared, "chronology")).status_code == 200
    shared.later = timedelta(minutes=14)
    assert reading.get(at(shared, "chronology")).status_code == 200
    shared.later = timedelta(minutes=16)
    assert reading.get(at(shared, "chronology")).status_code == 303


# --- a fragment ---


def test_every_reference_leads_to_a_page_that_is_there(shared: Desk, large: Browser) -> None:
    """Matrix cells, evidence and rows of the chronology; each page shows its fragment."""
    tree = html.fromstring(large.get(at(shared, "picture?held=1")).text)
    for section in ("elements", "evidence", "chronology", "disagreements"):
        links = tree.xpath(f"//section[@aria-labelledby='{section}']//a[contains(@href, '/fragments/')]/@href")
        assert len(links) >= 4, section
        for link in links[:3]:
            page = large.get(link)
            assert page.status_code == 200
            assert "Who said it, how they know, on which basis" in page.text
    local = {link for link in tree.xpath("//a/@href") if link.startswith("#")}
    assert {link[1:] for link in local} <= set(tree.xpath("//@id"))


def test_a_fragment_by_its_short_name_and_one_that_is_none(shared: Desk, large: Browser) -> None:
    assert "F3: " in large.get(at(shared, "fragments/F3")).text
    for name in ("F9999", "0" * 32, "x" * 200, "..%2f..", "%00"):
        assert large.get(at(shared, f"fragments/{name}")).status_code == 404
    shown = text_of(large.get(at(shared, f"fragments/{fid('refused')}")).text)
    assert "Not shown to you" in shown
    assert "Held by: Northshire NHS Trust" in shown
    assert large.post(at(shared, f"fragments/{fid('refused')}/check")).status_code == 404


def test_checking_again_says_what_was_checked_and_what_was_not(shared: Desk, reading: Browser) -> None:
    link = fragments_of(shared, reading)[0]
    shown = text_of(reading.post(f"{link}/check", form_of=link).text)
    assert "Checked just now: it holds." in shown
    for words in ("have the digest", "The signature is that of", "of the log names this digest", "Opened again"):
        assert words in shown
    assert "Whether what it says is true. No program can tell." in shown


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda line: line["jwe"].update(ciphertext=line["jwe"]["ciphertext"][::-1]), "not a sealed|not those"),
        (lambda line: line.update(jws=line["jws"][:-8] + "AAAAAAAA"), "The signature is not one of"),
        (lambda line: line["receipt"].update(index=line["receipt"]["index"] - 1), "does not lead from the entry"),
        (lambda line: line["grant"].update(encrypted_key="A" * len(line["grant"]["encrypted_key"])), "not open again"),
    ],
)  # fmt: skip
def test_what_was_changed_since_does_not_hold(shared: Desk, reading: Browser, spoil: Any, said: str) -> None:
    """Bytes, signature, place in the log or grant: the page says which, and not that it holds."""
    link = fragments_of(shared, reading)[0]
    inbox, open_for = Inbox(shared.adapter.store), Purpose.PANEL_REVIEW
    pull = inbox.load(shared.scene.main, shared.member, open_for)
    lines = copy.deepcopy(pull.lines)
    for line in lines:
        if line.get("type") == "fragment":
            spoil(line)
    inbox.keep(shared.scene.main, shared.member, open_for, replace(pull, lines=lines))
    shown = text_of(reading.post(f"{link}/check", form_of=link).text)
    assert "Checked just now: it does not hold." in shown
    assert re.search(f"Does not hold: [^.]*({said})", shown)
    assert "it holds" not in shown


# --- a person's own note ---


def test_a_note_is_its_writers_own(desk: Desk) -> None:
    """On picture and page, as text; sealed twice at rest; on no paper; outlives a pull; deletable."""
    browser = opened(desk)
    link = fragments_of(desk, browser)[0]
    answer = browser.post(f"{link}/note", form_of=link, note=WORDS)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{link}#own-note")
    for path in (link, at(desk, "picture?held=1"), at(desk, "evidence"), at(desk, "picture?purpose=panel_review")):
        page = browser.get(path).text
        assert "call her aunt &lt;b&gt;first" in page, path
    raw = (desk.adapter.home.folder / "store.db").read_bytes()
    assert b"her aunt" not in raw
    sealed = Inbox(desk.adapter.store).notes(desk.scene.main, desk.member)
    assert list(sealed) == [link[-32:]]
    assert "aunt" not in str(sealed)
    assert browser.post(f"{link}/note/delete", form_of=link).status_code == 303
    assert Inbox(desk.adapter.store).notes(desk.scene.main, desk.member) == {}
    assert "her aunt" not in browser.get(link).text


def test_a_note_goes_with_what_it_is_about(desk: Desk) -> None:
    """With the case for whoever is excluded, and with a fragment that is not in what was pulled any more."""
    browser = opened(desk)
    first, second, *_ = fragments_of(desk, browser)
    for link in (first, second):
        browser.post(f"{link}/note", form_of=link, note=WORDS)
    inbox = Inbox(desk.adapter.store)
    (purpose,) = [item for member, item in inbox.readers(desk.scene.main) if member == desk.member]
    pull = inbox.load(desk.scene.main, desk.member, purpose)
    inbox.keep(desk.scene.main, desk.member, purpose, pull.without({first[-32:]: ("some-rule",)}))
    assert list(inbox.notes(desk.scene.main, desk.member)) == [second[-32:]]
    exclude(desk.scene, desk.scene.main, (desk.adapter.home.agency, desk.member), second=(POLICE, "chair"))
    desk.adapter.receiver.drop_refused(desk.scene.main)
    assert inbox.notes(desk.scene.main, desk.member) == {}
    with desk.adapter.store.write() as session:
        assert [row for row in inbox_of_case(session, desk.scene.main) if row.member == desk.member] == []


@pytest.mark.parametrize(
    ("note", "said"),
    [("", "Write something"), (" \r\n ", "Write something"), ("x" * (MAX_NOTE_CHARS + 1), "at most 4,000 characters")],
)
def test_a_note_that_is_not_kept_says_why(shared: Desk, reading: Browser, note: str, said: str) -> None:
    link = fragments_of(shared, reading)[0]
    answer = reading.post(f"{link}/note", form_of=link, note=note)
    assert answer.status_code == 422
    tree = html.fromstring(answer.text)
    assert said in tree.xpath("string(//div[@class='govuk-error-summary'])")
    assert tree.xpath("//div[@class='govuk-error-summary']//a/@href") == ["#note"]
    assert tree.xpath("//title/text()")[0].startswith("Error: ")


def test_a_note_on_what_was_not_given_is_kept_by_nobody(shared: Desk, reading: Browser) -> None:
    link = fragments_of(shared, reading)[0]
    assert reading.post(at(shared, f"fragments/{'0' * 32}/note"), form_of=link, note=WORDS).status_code == 404
    assert reading.post(at(shared, "fragments/F1/note"), form_of=link, note=WORDS).status_code == 404


def test_a_note_of_a_key_that_is_lost_can_only_be_deleted(shared: Desk, reading: Browser) -> None:
    link = fragments_of(shared, reading)[0]
    Inbox(shared.adapter.store).set_note(shared.scene.main, shared.member, link[-32:], "AAAA")
    assert "does not open with the key you have now" in reading.get(link).text
    assert reading.get(at(shared, "picture?held=1")).status_code == 200
    assert reading.post(f"{link}/note/delete", form_of=link).status_code == 303


# --- chronology and evidence ---


@pytest.mark.parametrize("name", ["chronology", "evidence"])
def test_a_long_list_has_pages_and_is_chosen_by_agency_and_kind(shared: Desk, large: Browser, name: str) -> None:
    """Each row once over all pages; a choice stays in the links; only codes stand in addresses."""
    rows = "//tbody/tr" if name == "chronology" else "//article"
    first = html.fromstring(large.get(at(shared, name)).text)
    assert len(first.xpath(rows)) == ROWS
    total = int(re.search(r"1 to 50 of (\d+)", first.text_content())[1])  # type: ignore[index]
    assert total > ROWS
    pages = -(-total // ROWS)
    refs: list[str] = []
    for number in range(1, pages + 1):
        tree = html.fromstring(large.get(at(shared, f"{name}?page={number}")).text)
        refs += tree.xpath("//article/h2/@id") if name == "evidence" else tree.xpath("//tbody/tr/th/text()")
        count = len(tree.xpath(rows))
        assert count == (ROWS if number < pages else total - ROWS * (pages - 1))
    assert len(refs) == total
    assert name == "chronology" or len(set(refs)) == total
    chosen = html.fromstring(large.get(at(shared, f"{name}?agency=northshire-council&kind=plan")).text)
    assert set(chosen.xpath(f"{rows}//span[contains(@class, 'kind')]/text()")) == {"Children’s social care"}
    assert 0 < len(chosen.xpath(rows)) < total
    assert chosen.xpath("//option[@selected]/@value") == ["northshire-council", "plan"]
    council = html.fromstring(large.get(at(shared, f"{name}?agency=northshire-council&page=1")).text)
    for link in council.xpath("//nav[contains(@class, 'govuk-pagination')]//a/@href"):
        assert re.fullmatch(rf"/cases/[0-9a-f]{{32}}/{name}\?agency=northshire-council(&page=\d+)?", link)


@pytest.mark.parametrize(
    "query", ["page=0", "page=999", "page=x", "page=%F0", "agency=nobody", "kind=<b>", "kind=vote"]
)
def test_a_choice_that_is_none_is_no_page(shared: Desk, large: Browser, query: str) -> None:
    assert large.get(at(shared, f"chronology?{query}")).status_code == 404


def test_a_long_picture_shows_the_newest_and_says_so(shared: Desk, large: Browser) -> None:
    tree = html.fromstring(large.get(at(shared, "picture?held=1")).text)
    assert len(tree.xpath("//section[@aria-labelledby='chronology']//tbody/tr")) == ROWS
    assert len(tree.xpath("//article[@class='evidence']")) == ROWS
    assert "Here stand the newest 50 of" in tree.text_content()
    assert "Here stand the 50 that were shared last, of 129." in tree.text_content()


# --- search ---


def test_search_marks_what_it_finds_and_leaves_no_trace(
    shared: Desk, large: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked by a form; the words are in the answer and in no address, header, cookie, log or database."""
    caplog.set_level(logging.DEBUG)
    path, words = at(shared, "search"), 'SISTER "stay near"'
    answer = large.post(path, form_of=path, words=words)
    tree = html.fromstring(answer.text)
    assert {"sister", "stay near"} == set(tree.xpath("//mark/text()"))
    assert tree.xpath("//input[@name='words']/@value") == [words]
    assert all("/fragments/" in link for link in tree.xpath("//article//a/@href"))
    assert "sister" not in str(answer.headers).lower() + caplog.text.lower()
    assert b"SISTER" not in (shared.adapter.home.folder / "store.db").read_bytes()
    assert tree.xpath(f"//form[@action='{path}']/@method") == ["post"]
    assert "mark>" not in large.get(f"{path}?words=sister").text


def test_search_of_nothing_and_of_too_much(shared: Desk, large: Browser) -> None:
    path = at(shared, "search")
    for words, said in (("", "Enter at least one word"), ("x" * 201, "at most 200 characters")):
        answer = large.post(path, form_of=path, words=words)
        assert answer.status_code == 422
        assert said in html.fromstring(answer.text).xpath("string(//div[@class='govuk-error-summary'])")
    none = large.post(path, form_of=path, words="giraffe").text
    assert "No fragment you opened holds all of these words" in none
    many = large.post(path, form_of=path, words="2").text
    assert re.search(r"\d+ more lines are not shown", many)
    assert many.count("<article") == 100


# --- every page ---

CANARY = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \u202e\x1b[31m http://evil.example p\u0430ul"


def test_attack_67_what_others_wrote_is_text_on_every_page(shared: Desk) -> None:
    """Markup, templates, direction marks and links in every value of every fragment, on every page of the case."""

    def planted(item: Any) -> Any:
        if isinstance(item, dict):
            return {name: one if name == "state" else planted(one) for name, one in item.items()}
        if isinstance(item, list):
            return [planted(one) for one in item]
        return f"{item} {CANARY}" if isinstance(item, str) and " " in item else item

    browser = shared.unlocked()
    view = view_of(shared.scene.main, shared.member, 26)
    view = replace(
        view,
        opened=tuple(replace(item, content=planted(item.content)) for item in view.opened),
        agency_names={name: f"{words} {CANARY}" for name, words in view.agency_names.items()},
    )
    made = hold(shared.here, view)
    pages = [browser.get(at(shared, rest)).text for rest in ("picture?held=1", "chronology", "evidence")]
    pages += [browser.get(at(shared, f"fragments/{row.provenance.fragment}")).text for row in made.picture.evidence]
    pages.append(browser.post(at(shared, "search"), form_of=at(shared, "search"), words="onerror").text)
    found = browser.post(at(shared, "search"), form_of=at(shared, "search"), words=CANARY[:150]).text
    assert len(pages) > 25
    for page in [*pages, found]:
        tree = html.fromstring(page)
        assert tree.xpath("//img | //iframe | //object | //style") == []
        assert all(node.get("src", "").startswith("/static/") for node in tree.xpath("//script"))
        assert [name for node in tree.iter() for name in node.attrib if name.startswith("on") or name == "style"] == []
        assert all(re.match(r"[/#]", link) for link in tree.xpath("//a/@href"))
        assert "49 \u202e" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
    assert sum("&lt;script&gt;" in page for page in pages) > 20
    assert any("[U+202E]" in page for page in pages)


@pytest.mark.parametrize("rest", ["picture?held=1", "chronology", "evidence", "search", "fragments/F1"])
def test_paper_says_who_printed_when_what_for_and_from_which_set(shared: Desk, large: Browser, rest: str) -> None:
    tree = html.fromstring(large.get(at(shared, rest)).text)
    (head,) = tree.xpath("//div[@class='on-paper']")
    said = " ".join(head.text_content().split())
    assert said.startswith("OFFICIAL-SENSITIVE")
    assert f"Printed by Fernshire health, member {shared.member[:8]} (lead professional)" in said
    assert re.search(r"\d+ \w+ \d{4}, \d\d:\d\d (GMT|BST)\.", said)
    assert "For: review by the panel." in said
    assert f"manifest): {'f' * 64}" in said
    assert not tree.xpath("//title[contains(., 'Robin')]")


# --- what stands in the sections ---


def test_the_sections_of_a_framed_picture(large: Browser, shared: Desk) -> None:
    """Context after the chronology, what was not seen apart, concern in the plan; times by UK clocks and never UTC."""
    tree = html.fromstring(large.get(at(shared, "picture?held=1")).text)
    sections = {item.get("aria-labelledby"): item for item in tree.xpath("//section[@aria-labelledby]")}
    names = list(sections)
    assert names.index("surroundings") == names.index("chronology") + 1 == names.index("elements") - 1
    said = {name: " ".join(section.text_content().split()) for name, section in sections.items()}
    assert "Movement, of any distance" in said["surroundings"]
    assert "Transit: Taken to Northshire by car; where: Leeds, GB" in said["surroundings"]
    assert (
        "No safeguarding issues identified (code 861931000000100)" in said["elements"].partition("Looked for, not")[2]
    )
    assert "Concerned that the child will be exploited again" in said["plan"]
    assert "Who opened what" in said["use"]
    assert "UTC" not in tree.text_content()
    (means,) = sections["elements"].xpath(".//tr[th[starts-with(., 'Means')]]/td[@data-label='Missing']")
    assert means.text_content().strip() == "Not required for a child"


def test_accounts_of_the_same_days_stand_side_by_side_on_the_pages_of_the_chronology(
    large: Browser, shared: Desk
) -> None:
    """Whatever the page, and of a chosen agency too; each account leads to its fragment."""
    for query in ("page=1", "page=2", "agency=northshire-police"):
        page = html.fromstring(large.get(at(shared, f"chronology?{query}")).text)
        groups = page.xpath("//div[@class='together']")
        beside = {ref for group in groups for ref in group.xpath(".//a/text()")}
        rows = page.xpath("//tbody/tr[contains(., 'Together in time')]")
        assert rows
        assert {row.xpath(".//span[@class='source']/a/text()")[0] for row in rows} <= beside
        for account in page.xpath("//ul[@class='beside']/li"):
            assert account.xpath(".//dt/text()") == ["When", "How they know", "Where it stands"]
            assert account.xpath(".//a/@href")[0].startswith(at(shared, "fragments/"))
        assert all(len(group.xpath("./ul[@class='beside']/li")) >= 2 for group in groups)


# --- whose case it is ---


def whose(page: str) -> tuple[str, str]:
    """The title of a page, and the line above it that says whose case it is."""
    tree = html.fromstring(page)
    (line,) = tree.xpath("//nav//p[@data-whose]")
    assert not line.xpath("ancestor-or-self::*[contains(@class, 'visually-hidden')]")
    return tree.findtext(".//title") or "", " ".join(line.text_content().split())


@pytest.mark.parametrize("rest", ["readers", "consent", "requests"])
def test_each_page_says_whose_case_it_is(large: Browser, shared: Desk, rest: str) -> None:
    """Name and number as it is open in this session; the number stands in the title, which windows show."""
    case = shared.scene.main[:8]
    title, line = whose(large.get(at(shared, rest)).text)
    assert f" – case {case} – nrm-hub" in title
    assert line == f"Case {case}: {NAMES}"


def test_the_picture_names_its_case_once_in_the_title(large: Browser, shared: Desk) -> None:
    title, line = whose(large.get(at(shared, "picture?held=1")).text)
    assert title.count(shared.scene.main[:8]) == 1
    assert line.startswith(f"Case {shared.scene.main[:8]}")


def test_no_name_stands_where_nothing_is_open(shared: Desk) -> None:
    """Signed in without the key, with the key and nothing open, and when it was open for too long."""
    case, path = shared.scene.main[:8], at(shared, "readers")
    assert whose(shared.signed_in().get(path).text)[1] == f"Case {case}"
    browser = shared.unlocked()
    assert whose(browser.get(path).text)[1] == f"Case {case}"
    hold(shared.here, view_of(shared.scene.main, shared.member, 130))
    assert whose(browser.get(path).text)[1] == f"Case {case}: {NAMES}"
    assert whose(shared.signed_in().get(path).text)[1] == f"Case {case}"
    shared.later = timedelta(minutes=14)
    browser.get(path)
    shared.later = timedelta(minutes=16)
    assert whose(browser.get(path).text)[1] == f"Case {case}"


def test_a_name_is_text_and_is_made_neutral(large: Browser, shared: Desk) -> None:
    (held,) = [
        item
        for digest in shared.here.ring.held()
        for item in shared.here.ring.get(digest).opened._held.values()  # type: ignore[union-attr]
    ]
    object.__setattr__(held.picture.header, "names", ("Wren <b>x</b>\u202e", "Robin"))
    page = large.get(at(shared, "readers")).text
    assert "<b>x</b>" not in page
    assert "\u202e" not in page
    assert whose(page)[1].endswith(" / Robin")
    assert html.fromstring(page).xpath("count(//nav//p[@data-whose]//bdi)") == 1
