"""Writing, reviewing, releasing and answering in the workspace, over a real scene of two agencies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import html
from werkzeug.test import TestResponse

from adapters.release.authored import request as build_request
from adapters.release.drafts import DraftState, keep_authored, list_drafts
from adapters.release.strategy import DiscussionState, strategy_discussion
from adapters.release.writing import Author
from adapters.store.tables import DraftRow, OutboxRow
from adapters.workspace.release_terms import addressed_agencies
from policies.vocabulary import Category, Role
from tests.adapters.picture.test_receiving import consent
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.writing_desks import AgencyDesk, TwoDesks, both
from tests.attacks.exclusion_acts import exclude
from tests.scene import CARE, HEALTH, POLICE, Scene, now

SECRET = "Marigold-Thistlewood-9917 saw the invented grey door"
ANSWER = "Nothing is held of Sorrel-Penhaligon-4410, an invented name"
RECORD = {"kind": "concern", "summary": "An invented record of the council", "fields": {}}
CHAIR = (POLICE, "chair")


@pytest.fixture(scope="module")
def desks(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Two agencies' workspaces over one copy of the scene, for tests that add and take away nothing."""
    with both(scene_source, make_scene) as made:
        yield made


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """The same over a copy of its own."""
    with both(scene_source, make_scene) as made:
        yield made


def day_parts(name: str, ahead: int = 7) -> dict[str, str]:
    day: date = now().date() + timedelta(days=ahead)
    return {f"{name}-day": str(day.day), f"{name}-month": str(day.month), f"{name}-year": str(day.year)}


def request_form(**changes: str) -> dict[str, str]:
    return {
        "to_agency": CARE,
        "what": SECRET,
        "why": "To plan where the child is safe",
        **day_parts("due"),
        "role": "panel_voting",
        "job_title": "Named nurse (invented)",
        "send": "keep",
        **changes,
    }


def send(browser: Browser, path: str, **form: Any) -> TestResponse:
    """Send a form; the form token of the home page holds for every form of a session."""
    return browser.post(path, form_of="/", **form)


def problems_of(page: TestResponse) -> list[str]:
    return re.findall(r'<a href="#([^"]+)">\s*(.*?)\s*</a>', page.text[page.text.index("<main") :], re.DOTALL)


def drafts_of(desk: AgencyDesk, *states: DraftState) -> list[str]:
    listed = list_drafts(desk.adapter.store, desk.scene.main, states or (DraftState.DRAFT,))
    return [item.draft for item in listed]


def begin(desk: AgencyDesk, browser: Browser, *drafts: str, **terms: Any) -> str:
    """Choose drafts and terms; return the address of the confirmation."""
    case = desk.scene.main
    answer = send(browser, f"/cases/{case}/drafts", draft=list(drafts))
    assert answer.status_code == 303, problems_of(answer)
    answer = send(browser, answer.headers["Location"], **{"purposes": ["panel_review"], **terms})
    assert answer.status_code == 303, problems_of(answer)
    return str(answer.headers["Location"])


def shown_digest(page: TestResponse) -> str:
    found = re.search(r'name="shown" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


def release(desk: AgencyDesk, browser: Browser, *drafts: str, **terms: Any) -> TestResponse:
    """Go through all pages; return what came of it."""
    confirm = begin(desk, browser, *drafts, **terms)
    page = browser.get(confirm)
    assert page.status_code == 200, page.text
    answer = send(browser, confirm, shown=shown_digest(page))
    assert answer.status_code == 303, problems_of(answer)
    return browser.get(answer.headers["Location"])


def ask(desks: TwoDesks, browser: Browser) -> TestResponse:
    """Write a request as the panel's member, release it for the panel, let the witnesses see it."""
    answer = send(browser, f"/cases/{desks.scene.main}/write/request", **request_form())
    assert answer.status_code == 303, problems_of(answer)
    done = release(desks.panel, browser, *drafts_of(desks.panel))
    desks.see()
    return done


def test_a_request_is_asked_answered_and_read(fresh: TwoDesks) -> None:
    """Write, review, release; the other agency sees it with its day, answers, releases; the first reads the answer."""
    case, panel, council = fresh.scene.main, fresh.panel.unlocked(), fresh.council.unlocked()
    assert "Released and sent" in ask(fresh, panel).text
    fresh.open_case(council)
    page = council.get(f"/cases/{case}/requests").text
    assert SECRET in page
    assert "in 7 days" in page
    link = re.search(r'href="([^"]+write/answer\?to_request=[0-9a-f]{32})"', page)
    assert link is not None
    form = council.get(link[1])
    assert SECRET in form.text
    fragment = link[1].rpartition("=")[2]
    assert re.search(rf'value="{fragment}" checked', form.text)
    typed = {
        "to_request": fragment,
        "text": ANSWER,
        "derived_from": fragment,
        "role": "lead_professional",
        "job_title": "Social worker (invented)",
    }
    in_drafts, released = "Your agency has an answer among its drafts", "Your agency has released an answer"
    assert in_drafts not in page
    answer = send(council, f"/cases/{case}/write/answer", **typed)
    assert answer.status_code == 303, problems_of(answer)
    assert in_drafts in council.get(f"/cases/{case}/requests").text
    assert "the answer waits among your drafts" in council.get("/").text
    review = council.get(f"/cases/{case}/drafts").text
    assert ANSWER in review
    assert "Social worker (invented)" in review
    mine = list_drafts(fresh.council.adapter.store, case, [DraftState.DRAFT])
    assert mine[0].content["derived_from"] == [fragment]
    assert "handling" in mine[0].content
    assert "Released and sent" in release(fresh.council, council, mine[0].draft).text
    page = council.get(f"/cases/{case}/requests").text
    assert in_drafts not in page
    assert released in page
    assert "A request to answer" not in council.get("/").text
    fresh.see()
    fresh.open_case(council)
    page = council.get(f"/cases/{case}/requests").text
    assert released not in page
    assert ANSWER in page
    fresh.open_case(panel)
    page = panel.get(f"/cases/{case}/requests").text
    assert ANSWER in page
    assert "Answered" in page


def test_what_is_given_for_another_purpose_is_said_and_led_to(fresh: TwoDesks) -> None:
    """A request released for safeguarding is in no picture for the panel: that one, and its requests, say so."""
    case, panel, council = fresh.scene.main, fresh.panel.unlocked(), fresh.council.unlocked()
    assert send(panel, f"/cases/{case}/write/request", **request_form()).status_code == 303
    begun = send(panel, f"/cases/{case}/drafts", draft=drafts_of(fresh.panel))
    terms = html.fromstring(panel.get(begun.headers["Location"]).text)
    (usual,) = terms.xpath("//*[contains(@class, 'govuk-checkboxes__hint')][contains(., 'opens for this first')]")
    assert usual.getparent().xpath("string(.//input/@value)") == "panel_review"
    only = terms.xpath("//input[@name='only'][@checked]/@value")
    confirm = send(panel, begun.headers["Location"], purposes=["safeguarding"], only=only)
    page = panel.get(confirm.headers["Location"])
    assert send(panel, confirm.headers["Location"], shown=shown_digest(page)).status_code == 303
    fresh.see()
    fresh.open_case(council)
    picture = council.get(f"/cases/{case}/picture?held=1").text
    assert SECRET not in picture
    found = html.fromstring(picture)
    said = "1 fragment was given to you for another purpose, safeguarding: by"
    assert said in " ".join(found.xpath("string(//main)").split())
    address = f"/cases/{case}/picture?purpose=safeguarding"
    assert len(found.xpath(f"//a[@href='{address}']")) == 2, "in the head and under the gaps"
    requests = council.get(f"/cases/{case}/requests").text
    assert SECRET not in requests
    assert said in requests
    assert f'href="{address}"' in requests
    assert "In what you have open, nobody has asked your agency" in requests
    theirs = council.get(address).text
    assert SECRET in theirs
    assert "for another purpose, safeguarding" not in theirs
    assert SECRET in council.get(f"/cases/{case}/requests").text


@pytest.mark.parametrize("kind", ["request", "answer", "professional_view", "disagreement", "meeting"])
def test_each_form_opens_and_says_what_is_missing(desks: TwoDesks, kind: str) -> None:
    case, browser = desks.scene.main, desks.panel.unlocked()
    desks.open_case(browser)
    page = browser.get(f"/cases/{case}/write/{kind}")
    assert page.status_code == 200
    answer = send(browser, f"/cases/{case}/write/{kind}", job_title="Nurse (invented)", role="panel_voting")
    assert answer.status_code == 422
    assert "<title>Error: " in answer.text
    assert "There is a problem" in answer.text
    linked = set(re.findall(r'<a href="#([^"]+)"', answer.text)) - {"main-content"}
    assert linked
    assert all(f'id="{name}"' in answer.text for name in linked)


def test_whom_a_draft_speaks_to_and_who_gets_nothing_of_it_is_named(desks: TwoDesks) -> None:
    """A request whose agency was taken out, a plan that invites whoever the purpose leaves out."""
    case, panel = desks.scene.main, desks.panel.unlocked()
    store, at = desks.panel.adapter.store, now()
    by = Author(Role.PANEL_VOTING, "Named nurse (invented)", at)
    week = at.date() + timedelta(days=7)
    asks = build_request(by, to_agency=CARE, what="What is held", why="To plan", due=week)
    plan = strategy_discussion(
        by,
        state=DiscussionState.PLANNED,
        held_on=week,
        starts_at="09:30",
        agencies=[CARE, POLICE],
        reasons="Seen far from home (invented)",
        how_to_join="By telephone",
    )
    request = keep_authored(store, case, Category.REQUEST, asks, at)
    discussion = keep_authored(store, case, Category.STRATEGY_DISCUSSION, plan, at)
    listed = {item.draft: item for item in list_drafts(store, case, [DraftState.DRAFT])}
    assert addressed_agencies(listed[request]) == [CARE]
    assert sorted(addressed_agencies(listed[discussion])) == sorted([CARE, POLICE])
    page = panel.get(begin(desks.panel, panel, request, only=[HEALTH])).text
    (warning,) = html.fromstring(page).xpath("//*[contains(@class, 'govuk-warning-text__text')]")
    said = " ".join(warning.text_content().split())
    assert "1. Request speaks to" in said
    assert "and nobody there gets it. Choose another purpose, or tick them." in said
    page = panel.get(begin(desks.panel, panel, request)).text
    assert "nobody there gets it" not in page
    with store.write() as session:
        for name in (request, discussion):
            session.delete(session.get(DraftRow, name))


def test_whoever_releases_reads_all_that_is_sealed(fresh: TwoDesks) -> None:
    """What a reader of files could not read, or wrote otherwise, goes with the record as the source has it."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    told, days, code = "about 3 weeks, aunt at 5 Hiddenlane (invented)", "3. of May (invented)", "ZZ-14-invented"
    base = {"locator": "file:3:7", "scheme": None, "code": None}
    fields = {
        "cas_IncomingReferralDate": {**base, "value": None, "state": "unreadable", "as_written": told},
        "hub_ObservedOn": {**base, "value": "2026-05-03", "state": "given", "as_written": days},
        "vic_MethodsOfControl": [{**base, "value": None, "state": "unreadable", "as_written": None, "code": code}],
        "hub_Concern": [{"seen": {**base, "value": None, "state": "unreadable", "as_written": told}}],
    }
    content = {"kind": "concern", "summary": "Invented", "fields": fields, "source": {"format": "table"}}
    name = keep_authored(fresh.council.adapter.store, case, Category.CONCERN, content, now())
    review = council.get(f"/cases/{case}/drafts").text
    confirm = begin(fresh.council, council, name)
    for page in (review, council.get(confirm).text):
        assert page.count(told) == 2
        assert days in page
        assert code in page
        assert "As written in the source, and shared with it:" in page
    assert send(council, confirm, shown=shown_digest(council.get(confirm))).status_code == 303
    fresh.see()
    fresh.open_case(panel)
    found = panel.post(f"/cases/{case}/search", form_of="/", words="hiddenlane").text
    (address,) = set(re.findall(rf'href="(/cases/{case}/fragments/[^"#]+)', found))
    shown = panel.get(address).text
    assert shown.count(told) == 2
    assert days in shown


@pytest.mark.parametrize("kind", ["request", "answer", "professional_view", "disagreement", "meeting"])
def test_somebody_with_two_roles_says_as_what_they_write(desks: TwoDesks, kind: str) -> None:
    case, chair = desks.scene.main, desks.chair.unlocked()
    desks.open_case(chair)
    page = chair.get(f"/cases/{case}/write/{kind}")
    assert page.status_code == 200
    assert "As what do you write?" in page.text
    assert "Chair of the panel" in page.text
    assert "Voting member of the panel" in page.text
    answer = send(chair, f"/cases/{case}/write/{kind}", job_title="Officer (invented)")
    assert "Choose as what you write" in answer.text


def test_somebody_with_two_roles_says_as_what_they_share_against_an_objection(fresh: TwoDesks) -> None:
    case, care = fresh.scene.main, fresh.scene[CARE]
    listed = care.book.load(case).state.membership.members
    both_roles = (Role.LEAD_PROFESSIONAL, Role.PRACTITIONER)
    care.book.change_members(
        case, [replace(item, roles=both_roles) if item.agency == CARE else item for item in listed]
    )
    fresh.see()
    council = fresh.council.unlocked()
    fresh.open_case(council)
    typed = {**request_form(), "to_agency": POLICE, "role": "lead_professional"}
    assert send(council, f"/cases/{case}/write/request", **typed).status_code == 303
    begun = send(council, f"/cases/{case}/drafts", draft=drafts_of(fresh.council))
    page = council.get(begun.headers["Location"])
    assert page.status_code == 200
    assert "As what do you decide this?" in page.text
    assert "Practitioner" in page.text


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (
            "professional_view",
            {
                "view": "She was told what to say (invented)",
                "concern_for_future": "yes",
                "elements-count": "1",
                "elements-0-element": "purpose",
                "elements-0-exploitation": "CRI",
                "elements-0-bearing": "supports",
                "elements-0-evidence": "FRAGMENT",
            },
        ),
        (
            "disagreement",
            {
                "point": "Whether she went by herself (invented)",
                "positions-count": "2",
                "positions-0-agency": CARE,
                "positions-0-position": "She was taken",
                "positions-0-evidence": "FRAGMENT",
                "positions-1-agency": POLICE,
                "positions-1-position": "She went",
                "status": "open",
                "owner": CARE,
                **day_parts("due"),
            },
        ),
        (
            "safeguarding_action",
            {
                "action": "A place for tonight (invented)",
                "why": "She is not safe",
                "owner": CARE,
                "state": "done",
                "outcome": "She is there",
                "involves_ictg": "no",
            },
        ),
        (
            "service_referral",
            {
                "to_service": "other",
                "other_service": "An invented club",
                "what_for": "Company",
                **day_parts("referred_on", 0),
                "state": "not_done",
                "outcome": "No place (invented)",
            },
        ),
        (
            "meeting",
            {
                **day_parts("held_on", 0),
                "question": "rg",
                "agencies": [CARE, POLICE],
                "is_quorate": "no",
                "minutes": "Invented minutes",
            },
        ),
    ],
)
def test_each_kind_is_kept_and_opens_again_as_it_was_typed(desks: TwoDesks, kind: str, typed: dict[str, Any]) -> None:
    """Kept as a draft; in its form again it asks for nothing anew, and what is sent from there takes its place."""
    case, browser = desks.scene.main, desks.council.unlocked()
    desks.open_case(browser)
    held = next(
        iter(
            re.findall(
                r'name="derived_from" type="checkbox" value="([0-9a-f]{32})"',
                browser.get(f"/cases/{case}/write/safeguarding_action").text,
            )
        )
    )
    typed = {name: held if value == "FRAGMENT" else value for name, value in typed.items()}
    by = {"role": "lead_professional", "job_title": "Social worker (invented)"}
    before = set(drafts_of(desks.council))
    answer = send(browser, f"/cases/{case}/write/{kind}", **typed, **by)
    assert answer.status_code == 303, problems_of(answer)
    (draft,) = set(drafts_of(desks.council)) - before
    page = browser.get(f"/cases/{case}/drafts/{draft}/correct")
    assert page.status_code == 200
    sent = fields_of(page.text)
    answer = send(browser, f"/cases/{case}/drafts/{draft}/correct", **{**sent, **by})
    assert answer.status_code == 303, problems_of(answer)
    (again,) = set(drafts_of(desks.council)) - before
    listed = {item.draft: item.content for item in list_drafts(desks.council.adapter.store, case)}
    assert draft == again or draft not in listed
    first = listed[again]["fields"]
    assert all(text in str(first) for text in typed.values() if isinstance(text, str) and " " in text)


def fields_of(page: str) -> dict[str, Any]:
    """Return what a browser would send of the big form: what stands in it, nothing typed."""
    main = page[page.index("<main") : page.index("</main")]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", main, re.DOTALL):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        kind = re.search(r'type="([^"]+)"', tag)
        if name is None or (kind and kind[1] in ("radio", "checkbox") and " checked" not in tag):
            continue
        found.setdefault(name[1], []).append(value[1] if value else "")
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', main, re.DOTALL):
        found.setdefault(name, []).append(text.strip())
    return {name: values for name, values in found.items() if name not in ("form_token", "role", "job_title")}


def test_a_group_is_added_and_taken_out_without_script_and_nothing_is_lost(desks: TwoDesks) -> None:
    case, browser = desks.scene.main, desks.council.unlocked()
    path = f"/cases/{case}/write/disagreement"
    typed = {"positions-count": "2", "positions-0-position": "first words", "positions-1-position": "second words"}
    more = send(browser, path, add="positions", **typed).text
    assert 'name="positions-2-position"' in more
    assert "first words" in more
    assert "second words" in more
    typed |= {"positions-count": "3", "positions-2-position": "third words"}
    less = send(browser, path, remove="positions-0", **typed).text
    assert "first words" not in less
    assert less.index("second words") < less.index("third words")
    assert 'name="positions-2-position"' not in less


def test_words_that_are_too_long_stay_and_the_refusal_says_how_long(desks: TwoDesks) -> None:
    browser = desks.panel.unlocked()
    answer = send(browser, f"/cases/{desks.scene.main}/write/request", **request_form(what="z" * 4_001))
    assert answer.status_code == 422
    assert "at most 4,000 characters, and it has 4,001" in answer.text
    assert "z" * 4_001 in answer.text


def test_an_agency_that_stands_twice_is_refused_at_the_second_place(desks: TwoDesks) -> None:
    typed = {"positions-count": "3"}
    for number, agency in enumerate((CARE, POLICE, CARE)):
        typed |= {f"positions-{number}-agency": agency, f"positions-{number}-position": "words"}
    answer = send(desks.council.unlocked(), f"/cases/{desks.scene.main}/write/disagreement", **typed)
    problems = dict(problems_of(answer))
    assert "stands above already" in problems["positions-2-agency"]
    assert not {"positions", "positions-0-agency", "positions-1-agency"} & set(problems)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"due-day": "31", "due-month": "2"}, "Enter a real day"),
        ({**day_parts("due", -1)}, "The day must be today or later"),
        ({**day_parts("due", 400)}, "Check the year: it is too far from today"),
        ({"to_agency": "nobody-here"}, "Choose an agency of this case"),
        ({"job_title": ""}, "Enter your job"),
        ({"role": "panel_chair"}, "Choose as what you write"),
        ({"what": "a bell \x07 in it"}, "cannot be read"),
    ],
)
def test_a_refusal_stands_at_its_question(desks: TwoDesks, changes: dict[str, str], says: str) -> None:
    browser = desks.panel.unlocked()
    answer = send(browser, f"/cases/{desks.scene.main}/write/request", **request_form(**changes))
    assert answer.status_code == 422
    assert says in answer.text
    assert drafts_of(desks.panel) == []


def test_a_field_that_the_form_does_not_have_is_refused(desks: TwoDesks) -> None:
    browser = desks.panel.unlocked()
    answer = send(browser, f"/cases/{desks.scene.main}/write/request", **request_form(restricted="no"))
    assert answer.status_code == 400
    assert drafts_of(desks.panel) == []


def test_a_record_that_is_not_open_to_the_writer_is_not_quoted(desks: TwoDesks) -> None:
    browser = desks.panel.unlocked()
    desks.open_case(browser)
    by = {"role": "panel_voting", "job_title": "Nurse (invented)", "view": "A view"}
    path = f"/cases/{desks.scene.main}/write/professional_view"
    answer = send(browser, path, **by, derived_from="0123456789abcdef" * 2)
    assert answer.status_code == 422
    assert "not open to you any more" in answer.text


def test_the_panels_people_review_what_is_the_panels_and_nothing_else(fresh: TwoDesks) -> None:
    """Their agency's records are not theirs to read as drafts; an action to keep safe is not theirs to write."""
    case, browser = fresh.scene.main, fresh.panel.unlocked()
    fresh.scene[HEALTH].write(case, RECORD)
    (record,) = drafts_of(fresh.panel)
    assert RECORD["summary"] not in browser.get(f"/cases/{case}/drafts").text
    for path in (f"drafts/{record}/hold", f"drafts/{record}/free"):
        assert send(browser, f"/cases/{case}/{path}").status_code == 404
    assert send(browser, f"/cases/{case}/drafts", draft=record).status_code == 404
    assert browser.get(f"/cases/{case}/write/safeguarding_action").status_code == 404
    assert browser.get(f"/cases/{case}/write/wishes_and_feelings").status_code == 404
    assert browser.get(f"/cases/{case}/write/nothing").status_code == 404


def test_somebody_with_no_part_in_it_has_no_such_pages(fresh: TwoDesks, monkeypatch: pytest.MonkeyPatch) -> None:
    """An information governance officer: not offered, not there."""
    from adapters.workspace import cases

    real = cases._listed
    monkeypatch.setattr(
        cases,
        "_listed",
        lambda *asked: None if (found := real(*asked)) is None else replace(found, roles=("ig_officer",)),
    )
    case, browser = fresh.scene.main, fresh.panel.unlocked()
    for path in ("write", "write/request", "drafts", "requests", f"release/{'a' * 32}"):
        assert browser.get(f"/cases/{case}/{path}").status_code == 404, path
    assert send(browser, f"/cases/{case}/write/request", **request_form()).status_code == 404
    shown = browser.get(f"/cases/{case}/readers").text
    assert "Who read what" in shown
    assert "/write" not in shown


def test_an_excluded_person_has_no_such_pages(fresh: TwoDesks) -> None:
    case, browser = fresh.scene.main, fresh.panel.unlocked()
    assert browser.get(f"/cases/{case}/drafts").status_code == 200
    exclude(fresh.scene, case, (HEALTH, fresh.panel.member), second=CHAIR)
    for path in ("write", "write/request", "drafts", "requests"):
        assert browser.get(f"/cases/{case}/{path}").status_code == 404
    assert send(browser, f"/cases/{case}/write/request", **request_form()).status_code == 404
    assert drafts_of(fresh.panel) == []


def test_another_cases_draft_is_not_there(desks: TwoDesks) -> None:
    store, other = desks.council.adapter.store, desks.scene.other
    draft = keep_authored(store, other, Category.CONCERN, RECORD, now())
    browser, case = desks.council.unlocked(), desks.scene.main
    assert send(browser, f"/cases/{case}/drafts", draft=draft).status_code == 404
    assert send(browser, f"/cases/{case}/drafts/{draft}/hold").status_code == 404
    assert browser.get(f"/cases/{case}/drafts/{draft}/correct").status_code == 404
    assert browser.get(f"/cases/{other}/drafts").status_code == 200


def test_a_release_under_way_is_its_own_cases_only(desks: TwoDesks) -> None:
    browser, council = desks.council.unlocked(), desks.council
    keep_authored(council.adapter.store, desks.scene.other, Category.CONCERN, RECORD, now())
    (draft, *_rest) = [item.draft for item in list_drafts(council.adapter.store, desks.scene.other, [DraftState.DRAFT])]
    answer = send(browser, f"/cases/{desks.scene.other}/drafts", draft=draft)
    token = answer.headers["Location"].rpartition("/")[2]
    answer = browser.get(f"/cases/{desks.scene.main}/release/{token}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/cases/{desks.scene.main}/drafts")
    somebody_else = desks.council.unlocked()
    answer = somebody_else.get(f"/cases/{desks.scene.other}/release/{token}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/cases/{desks.scene.other}/drafts")


def test_hold_take_it_off_and_what_is_held_is_not_released(fresh: TwoDesks) -> None:
    case, browser = fresh.scene.main, fresh.council.unlocked()
    fresh.scene[CARE].write(case, RECORD)
    (draft,) = drafts_of(fresh.council)
    confirm = begin(fresh.council, browser, draft)
    page = browser.get(confirm)
    assert send(browser, f"/cases/{case}/drafts/{draft}/hold").status_code == 303
    assert "Held" in browser.get(f"/cases/{case}/drafts").text
    assert send(browser, f"/cases/{case}/drafts", draft=draft).status_code == 422
    late = send(browser, confirm, shown=shown_digest(page))
    assert late.status_code == 422
    assert "is held" in late.text
    assert drafts_of(fresh.council, DraftState.RELEASED) != [draft]
    assert send(browser, f"/cases/{case}/drafts/{draft}/free").status_code == 303
    assert drafts_of(fresh.council) == [draft]


def test_pressed_twice_it_is_released_once(fresh: TwoDesks) -> None:
    browser, council = fresh.council.unlocked(), fresh.council
    fresh.scene[CARE].write(fresh.scene.main, RECORD)
    confirm = begin(council, browser, *drafts_of(council))
    page = browser.get(confirm)
    assert "voting member of the panel" in page.text
    assert "unconfirmed" in page.text
    first = send(browser, confirm, shown=shown_digest(page))
    types = fresh.scene.log_types(fresh.scene.main)
    second = send(browser, confirm, shown=shown_digest(page))
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert fresh.scene.log_types(fresh.scene.main) == types
    assert "Released and sent" in browser.get(first.headers["Location"]).text


def test_a_confirmation_that_is_not_what_was_shown_releases_nothing(fresh: TwoDesks) -> None:
    """Another draft's words, other terms, another case since: shown again, and the next press holds."""
    case, browser, council = fresh.scene.main, fresh.council.unlocked(), fresh.council
    fresh.scene[CARE].write(case, RECORD)
    drafts = drafts_of(council)
    confirm = begin(council, browser, *drafts)
    stale = shown_digest(browser.get(confirm))
    answer = send(browser, confirm.removesuffix("/confirm"), purposes=["safeguarding"])
    assert answer.status_code == 303
    again = send(browser, confirm, shown=stale)
    assert again.status_code == 409
    assert "Nothing was released" in again.text
    assert drafts_of(council) == drafts
    stale = shown_digest(again)
    exclude(fresh.scene, case, (HEALTH, fresh.panel.member), second=CHAIR)
    again = send(browser, confirm, shown=stale)
    assert again.status_code == 409
    assert drafts_of(council) == drafts
    fresh.see()
    assert send(browser, confirm, shown=shown_digest(browser.get(confirm))).status_code == 303
    assert drafts_of(council) == []


def test_without_a_quorum_nothing_is_released_and_it_can_be_tried_again(fresh: TwoDesks) -> None:
    browser, council = fresh.council.unlocked(), fresh.council
    fresh.scene[CARE].write(fresh.scene.main, RECORD)
    drafts = drafts_of(council)
    confirm = begin(council, browser, *drafts)
    digest = shown_digest(browser.get(confirm))
    council.later = timedelta(minutes=12)
    answer = send(browser, confirm, shown=digest)
    assert answer.status_code == 503
    assert "No quorum of witnesses" in answer.text
    assert "emergency" in answer.text
    assert drafts_of(council) == drafts


def test_where_the_hub_is_down_pages_say_so_and_what_was_released_waits(
    fresh: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adapters.hub_client import HubUnreachable
    from adapters.release.outbox import Outbox

    browser, council, case = fresh.council.unlocked(), fresh.council, fresh.scene.main
    fresh.scene[CARE].write(case, RECORD)
    confirm = begin(council, browser, *drafts_of(council))
    digest = shown_digest(browser.get(confirm))
    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "push_case", _unreachable)
        answer = send(browser, confirm, shown=digest)
        done = browser.get(answer.headers["Location"])
        assert "something is left to do" in done.text
        assert "The hub does not answer" in done.text
        assert send(browser, f"/cases/{case}/drafts/send").status_code == 503
    assert "has not been sent yet" in browser.get(f"/cases/{case}/drafts").text
    assert send(browser, f"/cases/{case}/drafts/send").status_code == 303
    assert "has not been sent yet" not in browser.get(f"/cases/{case}/drafts").text
    with council.adapter.store.write() as session:
        assert session.query(OutboxRow).filter(OutboxRow.state == "pending").count() == 0

    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no hub", request=request)

    fresh.scene[CARE].write(case, {**RECORD, "summary": "Another invented record"})
    confirm = begin(council, browser, *drafts_of(council))
    council.adapter.client.close()
    council.adapter.__dict__.pop("client")
    for name in ("follower", "book", "agreements", "retriever"):
        council.adapter.__dict__.pop(name, None)
    assert HubUnreachable is not None
    answer = browser.get(confirm)
    assert answer.status_code == 503
    assert "The hub does not answer" in answer.text


def _unreachable(*_asked: Any) -> Any:
    from adapters.hub_client import HubUnreachable

    raise HubUnreachable("the hub does not answer")


def test_what_came_of_a_disagreement_is_recorded_from_it(fresh: TwoDesks) -> None:
    case, browser = fresh.scene.main, fresh.council.unlocked()
    fresh.open_case(browser)
    typed = {
        "point": "Whether she went by herself (invented)",
        "positions-count": "2",
        "positions-0-agency": CARE,
        "positions-0-position": "She was taken",
        "positions-1-agency": POLICE,
        "positions-1-position": "She went",
        "status": "open",
        "owner": CARE,
        **day_parts("due"),
        "role": "lead_professional",
        "job_title": "Social worker (invented)",
    }
    assert send(browser, f"/cases/{case}/write/disagreement", **typed).status_code == 303
    release(fresh.council, browser, *drafts_of(fresh.council))
    fresh.see()
    fresh.open_case(browser)
    page = browser.get(f"/cases/{case}/write").text
    link = re.search(r'href="([^"]+follows=[0-9a-f]{32})"', page)
    assert link is not None
    form = browser.get(link[1])
    sent = fields_of(form.text)
    assert sent["positions-1-position"] == ["She went"]
    by = {"role": "lead_professional", "job_title": "Social worker (invented)"}
    later = {**sent, **by, "status": "resolved", "explanation": "The camera shows the car (invented)"}
    answer = send(browser, f"/cases/{case}/write/disagreement", **later)
    assert answer.status_code == 303, problems_of(answer)
    release(fresh.council, browser, *drafts_of(fresh.council))
    fresh.see()
    fresh.open_case(browser)
    held = fresh.council.here.ring.get(fresh.council.here.ring.held()[-1])
    assert held is not None
    items = next(iter(held.opened._held.values())).picture.disagreements
    written = [item for item in items if item.kind.value == "written"]
    assert len(written) == 2
    first, second = sorted(written, key=lambda item: item.status)
    assert (first.status, second.status) == ("open", "resolved")
    assert first.followed_by == (second.fragment,)
    assert second.follows == first.fragment
    nowhere = browser.get(f"/cases/{case}/write/disagreement?follows={'0' * 32}")
    assert nowhere.status_code == 404


def test_nothing_typed_stands_in_the_clear(fresh: TwoDesks, caplog: pytest.LogCaptureFixture) -> None:
    """Not in an address, a header, a log, a session, the adapter's database; not after a refusal either."""
    case, browser, panel = fresh.scene.main, fresh.panel.unlocked(), fresh.panel
    caplog.set_level("DEBUG")
    answers = [
        send(browser, f"/cases/{case}/write/request", **request_form(why="")),
        send(browser, f"/cases/{case}/write/request", **request_form()),
    ]
    (draft,) = drafts_of(panel)
    answers.append(send(browser, f"/cases/{case}/drafts", draft=draft))
    answers.append(send(browser, answers[-1].headers["Location"], purposes="panel_review"))
    answers.append(send(browser, answers[-1].headers["Location"], shown="0" * 64))
    assert answers[0].status_code == 422
    words = SECRET.partition(" ")[0]
    for answer in answers:
        assert words not in str(answer.headers)
    assert words not in caplog.text
    home = panel.adapter.home.folder
    found = [path for path in home.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]
    assert found == []
    assert any(path.suffix in (".db", ".sqlite") or "db" in path.name for path in home.rglob("*"))
    assert words not in repr(panel.here.ring.get(panel.here.ring.held()[-1]))
    kept = panel.here.sessions.open(browser.token)
    assert kept.who is not None
    assert words not in str(dict(kept))


def test_against_an_objection_only_with_a_reason_that_goes_with_it_once(fresh: TwoDesks) -> None:
    """Shared on consent, withdrawn since: refused; then with the reason typed, which is kept once and sent along."""
    case, browser, council, party = fresh.scene.main, fresh.council.unlocked(), fresh.council, fresh.scene[CARE]
    party.book.record_consent(case, consent("given"))
    fresh.see()
    party.write(case, RECORD)
    (draft,) = drafts_of(council)
    release(council, browser, draft, gateway="CLDC_CONSENT")
    party.book.record_consent(case, consent("withdrawn"))
    fresh.see()
    confirm = begin(council, browser, draft, gateway="CLDC_PUBLIC_INTEREST")
    refused = browser.get(confirm)
    assert refused.status_code == 422
    assert "there is an objection now" in refused.text
    assert "--" not in re.sub(r"<[^>]*>", "", refused.text[refused.text.index("<main") :])
    terms = {"purposes": "panel_review", "gateway": "CLDC_PUBLIC_INTEREST", "override": "serious_harm"}
    by = {"role": "lead_professional", "job_title": "Social worker (invented)"}
    path = confirm.removesuffix("/confirm")
    missing = send(browser, path, **terms, **by)
    assert missing.status_code == 422
    assert "necessary and proportionate, in at most" in missing.text
    assert send(browser, path, **terms, **by, necessity=SECRET).status_code == 303
    page = browser.get(confirm)
    assert "Against an objection that stands: To prevent serious harm" in page.text
    assert SECRET in page.text
    for _twice in range(2):
        answer = send(browser, confirm, shown=shown_digest(page))
        assert answer.status_code == 303
    assert "Released and sent" in browser.get(answer.headers["Location"]).text
    why = [item for item in list_drafts(council.adapter.store, case) if item.category is Category.STATEMENT_DETAIL]
    assert [item.state for item in why] == [DraftState.RELEASED]
    assert why[0].content["fields"]["hub_StatementWords"]["value"] == SECRET


def test_the_panels_people_override_nobody(desks: TwoDesks) -> None:
    case, browser = desks.scene.main, desks.panel.unlocked()
    answer = send(browser, f"/cases/{case}/write/request", **request_form())
    assert answer.status_code == 303
    (draft,) = drafts_of(desks.panel)
    answer = send(browser, f"/cases/{case}/drafts", draft=draft)
    page = browser.get(answer.headers["Location"])
    assert "against an objection" not in page.text
    terms = {"purposes": "panel_review", "override": "serious_harm", "necessity": "x", "role": "panel_voting"}
    assert send(browser, answer.headers["Location"], **terms, job_title="Nurse").status_code == 422
    with desks.panel.adapter.store.write() as session:
        session.query(DraftRow).filter(DraftRow.draft == draft).delete()


# --- links to where a person may go ---


def links_of(page: str) -> dict[str, str]:
    """The links of a page: words and address."""
    return {" ".join(item.text_content().split()): item.get("href") for item in html.fromstring(page).xpath("//a")}


def test_adding_records_is_offered_to_those_who_may_alone(desks: TwoDesks) -> None:
    """To the lead with all ways to do it; a member of the panel is led to no page that refuses them."""
    case = desks.scene.main
    council, panel = desks.council.unlocked(), desks.panel.unlocked()
    desks.open_case(council)
    theirs, ours = links_of(council.get(f"/cases/{case}/write").text), links_of(panel.get(f"/cases/{case}/write").text)
    ways = {
        "Add records": f"/cases/{case}/upload",
        "Write down what was observed": f"/cases/{case}/indicators",
        "Type a record": f"/cases/{case}/record",
        "Record what the child wishes and feels": f"/cases/{case}/wishes",
    }
    assert {name: theirs.get(name) for name in ways} == ways
    assert not set(ways) & set(ours)
    for address in ways.values():
        assert council.get(address).status_code == 200
