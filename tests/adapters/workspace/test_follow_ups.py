"""What comes of what was asked, done or planned, walked over two agencies in both directions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from werkzeug.test import TestResponse

from adapters.picture.model import Picture
from adapters.picture.requests import RequestState
from adapters.runtime import Adapter
from adapters.workspace.opened import OpenCase
from policies.model import AgencyId, Member, MemberId
from policies.vocabulary import Role
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.test_writing_pages import (
    begin,
    day_parts,
    drafts_of,
    fields_of,
    problems_of,
    release,
    request_form,
    send,
    shown_digest,
)
from tests.adapters.workspace.writing_desks import AgencyDesk, TwoDesks, both
from tests.scene import CARE, HEALTH, POLICE, Scene, now, opened_keys

COUNCIL_BY = {"role": "lead_professional", "job_title": "Social worker (invented)"}
HEALTH_BY = {"role": "panel_voting", "job_title": "Named nurse (invented)"}
POLICE_BY = {"role": "practitioner", "job_title": "Detective (invented)"}
PROTECT = "safeguarding"
"""The purpose for which a practitioner reads actions and discussions."""
REASON = "The record names another child; ask us about this one (invented)"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Two agencies' workspaces over a copy of the scene of their own."""
    with both(scene_source, make_scene) as made:
        yield made


@dataclass
class ConstableDesk(AgencyDesk):
    """The workspace of the police, for a practitioner."""

    @property
    def member(self) -> str:
        return self.scene[POLICE].people["constable"]


@contextmanager
def with_constable(desks: TwoDesks, scene_source: Path) -> Iterator[AgencyDesk]:
    """The case lists a practitioner of the police as well, whose agency has accepted it."""
    scene = desks.scene
    care, police = scene[CARE], scene[POLICE]
    members = list(care.book.load(scene.main).state.membership.members)
    until = members[0].until
    more = Member(AgencyId(POLICE), MemberId(police.people["constable"]), (Role.PRACTITIONER,), until)
    care.book.change_members(scene.main, [*members, more])
    police.sync()
    police.book.accept(scene.main)
    scene.witness()
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][POLICE]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        adapter = Adapter(police.home, environ=environ)
        adapter.__dict__["client"] = police.client
        desk = ConstableDesk(scene, adapter, environ, agency=POLICE)
        yield desk
        adapter.store.close()


def take_in(desks: TwoDesks, *more: AgencyDesk) -> None:
    desks.see()
    for desk in more:
        desk.adapter.follower.sync()
        desk.adapter.follower.sync_cases()


def opened(desk: AgencyDesk, browser: Browser, purpose: str = "panel_review") -> OpenCase:
    """Open the case in a browser; return what it holds."""
    answer = browser.get(f"/cases/{desk.scene.main}/picture?purpose={purpose}")
    assert answer.status_code == 200
    held = desk.here.ring.get(desk.here.ring.held()[-1])
    assert held is not None
    return next(iter(held.opened._held.values()))


def picture_of(desk: AgencyDesk, browser: Browser, purpose: str = "panel_review") -> Picture:
    return opened(desk, browser, purpose).picture


def write(desk: AgencyDesk, browser: Browser, kind: str, purpose: str = "panel_review", **typed: Any) -> None:
    """Write, review and release."""
    answer = send(browser, f"/cases/{desk.scene.main}/write/{kind}", **typed)
    assert answer.status_code == 303, problems_of(answer)
    done = release(desk, browser, *drafts_of(desk), purposes=[purpose])
    assert "Released and sent" in done.text


def link_to(page: TestResponse, words: str) -> str:
    """Where a link of these words leads."""
    found = re.search(rf'href="([^"]+)"[^>]*>{words}', page.text)
    assert found is not None, words
    return found[1].replace("&amp;", "&")


def ticked(page: TestResponse) -> set[str]:
    return set(re.findall(r'name="only" type="checkbox" value="([^"]+)" checked', page.text))


# --- whom a request goes to ---


@pytest.mark.parametrize("asks", ["panel", "council"])
def test_the_agency_that_is_asked_is_ticked_and_with_its_asker_alone_given_it(fresh: TwoDesks, asks: str) -> None:
    """Preselected, said in words; released as it stands nobody else is given it."""
    desk: AgencyDesk = getattr(fresh, asks)
    case, browser, other = fresh.scene.main, desk.unlocked(), CARE if asks == "panel" else HEALTH
    by = HEALTH_BY if asks == "panel" else COUNCIL_BY
    assert send(browser, f"/cases/{case}/write/request", **request_form(to_agency=other, **by)).status_code == 303
    begun = send(browser, f"/cases/{case}/drafts", draft=drafts_of(desk))
    terms = browser.get(begun.headers["Location"])
    assert ticked(terms) == {CARE, HEALTH}
    assert "You ask:" in terms.text
    assert "Nobody else in the case is told that you asked" in terms.text
    sent = send(browser, begun.headers["Location"], purposes=["panel_review"], only=sorted(ticked(terms)))
    confirm = browser.get(sent.headers["Location"])
    assert "Only those whom you ticked" in confirm.text
    gets = confirm.text[confirm.text.index("Who gets it") :]
    assert "Fernshire police" not in gets
    done = send(browser, sent.headers["Location"], shown=shown_digest(confirm))
    assert done.status_code == 303
    assert POLICE not in {agency for agency, _fragment in granted(fresh.scene, case)}
    assert other in {agency for agency, _fragment in granted(fresh.scene, case)}


def granted(scene: Scene, case: str) -> set[tuple[str, str]]:
    """To which agencies the hub holds grants of requests."""
    rows = scene.sql(
        'SELECT c.recipient_agency, f.fragment FROM "grant" g JOIN fragment f ON f.fragment = g.fragment '
        "JOIN channel c ON c.channel = g.channel WHERE f.\"case\" = ? AND f.category = 'request'",
        case,
    )
    return {(agency, fragment) for agency, fragment in rows}


def test_whoever_releases_a_request_can_send_it_to_others_too(fresh: TwoDesks) -> None:
    """What was changed stays changed; taken out altogether, it is limited to nobody."""
    case, browser = fresh.scene.main, fresh.council.unlocked()
    send(browser, f"/cases/{case}/write/request", **request_form(to_agency=HEALTH, **COUNCIL_BY))
    confirm = begin(fresh.council, browser, *drafts_of(fresh.council), only=[HEALTH, POLICE])
    again = browser.get(confirm.removesuffix("/confirm"))
    assert ticked(again) == {HEALTH, POLICE}
    everybody = begin(fresh.council, browser, *drafts_of(fresh.council))
    assert "Only those whom you ticked" not in browser.get(everybody).text
    assert ticked(browser.get(everybody.removesuffix("/confirm"))) == set()


def test_a_request_released_with_something_else_limits_nothing_unseen(fresh: TwoDesks) -> None:
    case, browser = fresh.scene.main, fresh.council.unlocked()
    send(browser, f"/cases/{case}/write/request", **request_form(to_agency=HEALTH, **COUNCIL_BY))
    fresh.scene[CARE].write(case, {"kind": "concern", "summary": "An invented record", "fields": {}})
    begun = send(browser, f"/cases/{case}/drafts", draft=drafts_of(fresh.council))
    terms = browser.get(begun.headers["Location"])
    assert ticked(terms) == set()
    assert "release it by itself" in terms.text


# --- refusing a request ---


@pytest.mark.parametrize("asks", ["panel", "council"])
def test_a_request_is_refused_with_its_reason_and_answered_after_all(fresh: TwoDesks, asks: str) -> None:
    """The asker sees the reason beside the request and in the gaps; a later answer takes the refusal back."""
    asker, asked = (fresh.panel, fresh.council) if asks == "panel" else (fresh.council, fresh.panel)
    by, answers_by = (HEALTH_BY, COUNCIL_BY) if asks == "panel" else (COUNCIL_BY, HEALTH_BY)
    case, theirs, ours = fresh.scene.main, asker.unlocked(), asked.unlocked()
    write(asker, theirs, "request", **request_form(to_agency=asked.agency, **by))
    fresh.see()
    fresh.open_case(ours)
    address = link_to(ours.get(f"/cases/{case}/requests"), "Refuse it, with the reason")
    form = ours.get(address)
    assert "asks (" in form.text
    short = send(ours, f"/cases/{case}/write/refusal", **{**fields_of(form.text), **answers_by})
    assert [where for where, _words in problems_of(short)] == ["because", "text"]
    typed = {**fields_of(form.text), **answers_by, "because": "not_relevant", "text": REASON}
    write(asked, ours, "refusal", **typed)
    fresh.see()
    fresh.open_case(theirs)
    page = theirs.get(f"/cases/{case}/requests").text
    assert "Refused with reason" in page
    assert REASON in page
    assert "What we hold does not bear on what is asked" in page
    picture = picture_of(asker, theirs)
    assert picture.gaps.open_requests == ()
    (refused,) = picture.gaps.refused_requests
    assert (refused.to_agency, refused.state, refused.answers[-1].because) == (
        asked.agency,
        RequestState.REFUSED,
        "not_relevant",
    )
    shown = theirs.get(f"/cases/{case}/picture?held=1").text
    gaps = shown[shown.index("Requests refused with reason") :]
    assert REASON in gaps[: gaps.index("</section>")]
    fresh.open_case(ours)
    later = ours.get(link_to(ours.get(f"/cases/{case}/requests"), "Answer it after all"))
    write(asked, ours, "answer", **{**fields_of(later.text), **answers_by, "text": "We looked again (invented)"})
    fresh.see()
    assert picture_of(asker, theirs).gaps.refused_requests == ()
    page = theirs.get(f"/cases/{case}/requests").text
    assert "Answered" in page
    assert REASON in page


def test_only_the_agency_that_is_asked_refuses(fresh: TwoDesks) -> None:
    case, browser = fresh.scene.main, fresh.council.unlocked()
    write(fresh.council, browser, "request", **request_form(to_agency=HEALTH, **COUNCIL_BY))
    fresh.see()
    held = opened(fresh.council, browser)
    own = held.picture.gaps.open_requests[0].fragment
    assert browser.get(f"/cases/{case}/write/refusal?to_request={own}").status_code == 404
    typed = {"to_request": own, "because": "policy", "text": REASON, **COUNCIL_BY}
    answer = send(browser, f"/cases/{case}/write/refusal", **typed)
    assert answer.status_code == 422
    assert "Choose a request to your agency" in answer.text


def test_a_refusal_that_is_a_draft_opens_in_its_own_form_again(fresh: TwoDesks) -> None:
    case, asker, ours = fresh.scene.main, fresh.panel.unlocked(), fresh.council.unlocked()
    write(fresh.panel, asker, "request", **request_form())
    fresh.see()
    fresh.open_case(ours)
    form = ours.get(link_to(ours.get(f"/cases/{case}/requests"), "Refuse it, with the reason"))
    typed = {**fields_of(form.text), **COUNCIL_BY, "because": "law_forbids", "text": REASON}
    assert send(ours, f"/cases/{case}/write/refusal", **typed).status_code == 303
    (draft,) = drafts_of(fresh.council)
    review = ours.get(f"/cases/{case}/drafts").text
    assert "Refused because" in review
    assert "The law forbids it" in review
    again = ours.get(f"/cases/{case}/drafts/{draft}/correct")
    assert "Refuse a request, with the reason" in again.text
    assert fields_of(again.text)["because"] == ["law_forbids"]


# --- what came of an action, a referral ---

ACTION = {
    "action": "A place for tonight (invented)",
    "why": "She is not safe",
    "owner": POLICE,
    "state": "planned",
    "involves_ictg": "no",
}
REFERRAL = {"to_service": "Advocate", "what_for": "Somebody to speak for her (invented)", "state": "in_progress"}


def test_what_came_of_an_action_is_recorded_by_the_agency_that_does_it(fresh: TwoDesks, scene_source: Path) -> None:
    """One row with the newest state and every record of it, in the picture of both; the first stays as written."""
    case = fresh.scene.main
    with with_constable(fresh, scene_source) as police:
        council, constable = fresh.council.unlocked(), police.unlocked()
        write(fresh.council, council, "safeguarding_action", PROTECT, **ACTION, **day_parts("due", 2), **COUNCIL_BY)
        take_in(fresh, police)
        opened(police, constable, PROTECT)
        page = constable.get(f"/cases/{case}/picture?held=1")
        form = constable.get(link_to(page, "What came of it"))
        assert "It stays as it was written" in form.text
        sent = fields_of(form.text)
        assert sent["action"] == [ACTION["action"]]
        assert "state" not in sent
        missing = send(constable, f"/cases/{case}/write/safeguarding_action", **{**sent, **POLICE_BY, "state": "done"})
        assert [where for where, _words in problems_of(missing)] == ["outcome"]
        done = {**sent, **POLICE_BY, "state": "done", "outcome": "She slept there (invented)"}
        write(police, constable, "safeguarding_action", PROTECT, **done)
        take_in(fresh, police)
        for desk, browser in ((fresh.council, council), (police, constable)):
            (row,) = [item for item in picture_of(desk, browser, PROTECT).plan if item.what == ACTION["action"]]
            assert (row.state, row.outcome) == ("done", "She slept there (invented)")
            assert [(step.agency, step.state) for step in row.history] == [(CARE, "planned"), (POLICE, "done")]
            assert not row.is_overdue
            shown = browser.get(f"/cases/{case}/picture?held=1").text
            assert "2 records of it" in shown
        again = council.get(link_to(council.get(f"/cases/{case}/write"), "Record what came of it"))
        assert fields_of(again.text)["follows"] == [row.history[-1].fragment]


@pytest.mark.parametrize(
    ("state", "outcome"), [("accepted", ""), ("refused", "Too old for it (invented)"), ("done", "They met (invented)")]
)
def test_what_came_of_a_referral_is_accepted_refused_or_done(fresh: TwoDesks, state: str, outcome: str) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    write(fresh.council, council, "service_referral", **REFERRAL, **day_parts("referred_on", 0), **COUNCIL_BY)
    fresh.see()
    picture_of(fresh.council, council)
    form = council.get(link_to(council.get(f"/cases/{case}/write"), "Record what came of it"))
    typed = {**fields_of(form.text), **COUNCIL_BY, "state": state}
    if outcome:
        refused = send(council, f"/cases/{case}/write/service_referral", **typed)
        assert [where for where, _words in problems_of(refused)] == ["outcome"]
    write(fresh.council, council, "service_referral", **{**typed, "outcome": outcome})
    fresh.see()
    (row,) = picture_of(fresh.council, council).plan
    assert (row.state, row.outcome) == (state, outcome)
    assert [step.state for step in row.history] == ["in_progress", state]
    page = council.get(f"/cases/{case}/write").text
    assert f"({state})" in page


def test_what_is_not_in_the_case_is_not_followed(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    fresh.open_case(council)
    for kind in ("safeguarding_action", "service_referral"):
        assert council.get(f"/cases/{case}/write/{kind}?follows={'0' * 32}").status_code == 404
    typed = {**ACTION, **day_parts("due", 2), **COUNCIL_BY, "follows": "0" * 32}
    answer = send(council, f"/cases/{case}/write/safeguarding_action", **typed)
    assert answer.status_code == 422
    assert drafts_of(fresh.council) == []


# --- a strategy discussion ---


def plan(day: int = 1) -> dict[str, Any]:
    return {
        **day_parts("held_on", day),
        "starts_at": "9.30",
        "how_to_join": "Room 2, or by video",
        "agencies": [CARE, HEALTH, POLICE],
        "reasons": "Found far from home (invented)",
        "job_title": "Social worker (invented)",
    }


def convene(desk: AgencyDesk, browser: Browser, purpose: str = "panel_review") -> None:
    answer = send(browser, f"/cases/{desk.scene.main}/strategy/convene", **plan())
    assert answer.status_code == 303, problems_of(answer)
    release(desk, browser, *drafts_of(desk), purposes=[purpose])


def test_an_invited_agency_answers_itself_and_both_see_it_beside_the_conveners_words(fresh: TwoDesks) -> None:
    """First remotely, then not at all, with the reason; the record of the discussion stands beside it."""
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    convene(fresh.council, council)
    fresh.see()
    opened(fresh.panel, panel)
    page = panel.get(f"/cases/{case}/strategy")
    address = link_to(page, "Answer for your agency")
    form = panel.get(address)
    assert "Found far from home (invented)" in form.text
    assert "Room 2, or by video" in form.text
    remote = {**fields_of(form.text), **HEALTH_BY, "coming": "coming_remotely", "text": "A named nurse (invented)"}
    invites, waits = "invites you to a strategy discussion", "the answer waits among your drafts"
    assert invites in panel.get("/").text
    assert send(panel, f"/cases/{case}/write/invitation_answer", **remote).status_code == 303
    assert waits in panel.get("/").text
    assert "Released and sent" in release(fresh.panel, panel, *drafts_of(fresh.panel)).text
    assert "Your agency has released an answer" in panel.get(f"/cases/{case}/strategy").text
    assert invites not in panel.get("/").text
    fresh.see()
    opened(fresh.panel, panel)
    assert "A strategy discussion in which your agency takes part, on" in panel.get("/").text
    opened(fresh.council, council)
    assert "A strategy discussion that your agency called together, on" in council.get("/").text
    silent = {**fields_of(form.text), **HEALTH_BY, "coming": "not_coming"}
    refused = send(panel, f"/cases/{case}/write/invitation_answer", **silent)
    assert [where for where, _words in problems_of(refused)] == ["text"]
    write(fresh.panel, panel, "invitation_answer", **{**silent, "text": "The ward is closed (invented)"})
    fresh.see()
    for desk, browser in ((fresh.council, council), (fresh.panel, panel)):
        (row,) = picture_of(desk, browser).plan
        assert row.discussion is not None
        own = {item.agency: [reply.coming for reply in item.own] for item in row.discussion.invited}
        assert own == {CARE: [], HEALTH: ["coming_remotely", "not_coming"], POLICE: []}
        page = browser.get(f"/cases/{case}/strategy").text
        assert "The ward is closed (invented)" in page
        assert "A named nurse (invented)" in page
        assert "no answer of its own was opened" in page
        assert "calls it together" in page
        assert "in which your agency takes part" not in browser.get("/").text, "it said that it does not come"
        assert "Your agency has released an answer" not in page
        assert "The ward is closed (invented)" in browser.get(f"/cases/{case}/picture?held=1").text
    record = council.get(link_to(council.get(f"/cases/{case}/strategy"), "Record what came of it"))
    assert "The ward is closed (invented)" in record.text
    held = {
        "plan": fields_of(record.text)["plan"],
        **day_parts("held_on", 0),
        **{f"answer-{name}": "will_come" for name in (CARE, HEALTH, POLICE)},
        **{f"attended-{name}": "in_the_room" for name in (CARE, HEALTH, POLICE)},
        "answer-fern-charity": "not_invited",
        "threshold_met": "yes",
        "reasons": "Found with adults unknown to the family (invented)",
        "police_protection": "no",
        "police_protection_why": "She is safe tonight (invented)",
        "outcome": "A joint enquiry (invented)",
        "next_steps": "Both visit tomorrow (invented)",
        "job_title": "Social worker (invented)",
    }
    answer = send(council, f"/cases/{case}/strategy/record", **held)
    assert answer.status_code == 303, problems_of(answer)
    release(fresh.council, council, *drafts_of(fresh.council))
    fresh.see()
    rows = {str(row.state): row for row in picture_of(fresh.council, council).plan}
    assert set(rows) == {"planned", "held"}
    planned, was_held = rows["planned"].discussion, rows["held"].discussion
    assert planned is not None
    assert was_held is not None
    assert planned.came_of_it == (rows["held"].statement.provenance.fragment,)
    (health,) = [item for item in was_held.invited if item.agency == HEALTH]
    assert (health.answer, health.own[-1].coming) == ("will_come", "not_coming")
    page = council.get(f"/cases/{case}/strategy").text
    assert "by this record: Said they would come" in re.sub(r"\s+", " ", page)
    assert "that your agency called together" not in council.get("/").text
    picture = html.fromstring(council.get(f"/cases/{case}/picture?held=1").text)
    plans = [
        " ".join(" ".join(row.itertext()).split()) for row in picture.xpath("//section[@aria-labelledby='plan']//tr")
    ]
    (took,) = [row for row in plans if "took place" in row]
    assert took.startswith("Strategy discussion Why: Found with adults unknown")
    assert "took place: A joint enquiry (invented)" in took
    assert "What happens next: Both visit tomorrow (invented)" in took
    assert any("planned; what came of it: F" in row for row in plans)
    assert "Answer for your agency" not in page


def test_the_convener_answers_an_invitation_of_the_police(fresh: TwoDesks, scene_source: Path) -> None:
    """The other direction: the police call it together, social care answers."""
    case = fresh.scene.main
    with with_constable(fresh, scene_source) as police:
        council, constable = fresh.council.unlocked(), police.unlocked()
        convene(police, constable, PROTECT)
        take_in(fresh, police)
        picture_of(fresh.council, council, PROTECT)
        form = council.get(link_to(council.get(f"/cases/{case}/write"), "Answer the invitation"))
        typed = {**fields_of(form.text), **COUNCIL_BY, "coming": "coming"}
        write(fresh.council, council, "invitation_answer", PROTECT, **typed)
        take_in(fresh, police)
        (row,) = picture_of(police, constable, PROTECT).plan
        assert row.discussion is not None
        assert [item.own[0].coming for item in row.discussion.invited if item.own] == ["coming"]


def test_a_plan_that_came_to_nothing_says_why_and_starts_no_clock(fresh: TwoDesks) -> None:
    case, council = fresh.scene.main, fresh.council.unlocked()
    convene(fresh.council, council)
    fresh.see()
    picture_of(fresh.council, council)
    form = council.get(link_to(council.get(f"/cases/{case}/strategy"), "It was not held"))
    chosen = {"plan": fields_of(form.text)["plan"], "job_title": "Social worker (invented)"}
    short = send(council, f"/cases/{case}/strategy/not-held", **chosen)
    assert short.status_code == 422
    assert "Write why it was not held" in short.text
    typed = {**chosen, "reasons": "She was in hospital (invented)", "next_steps": "On Monday instead (invented)"}
    assert send(council, f"/cases/{case}/strategy/not-held", **typed).status_code == 303
    release(fresh.council, council, *drafts_of(fresh.council))
    fresh.see()
    picture = picture_of(fresh.council, council)
    rows = {row.state: row for row in picture.plan}
    assert set(rows) == {"planned", "not_held"}
    assert not rows["planned"].is_overdue
    assert not [clock for clock in picture.clocks if clock.kind.value == "initial_conference" and clock.due]
    page = council.get(f"/cases/{case}/strategy").text
    assert "She was in hospital (invented)" in page
    assert "It was not held" not in page
    assert council.get(f"/cases/{case}/strategy/not-held?follows={'0' * 32}").status_code == 404
    nothing = council.get(f"/cases/{case}/strategy/not-held").text
    assert "nobody has followed up yet" in nothing


def test_who_is_not_invited_has_nothing_to_answer(fresh: TwoDesks) -> None:
    case, council, panel = fresh.scene.main, fresh.council.unlocked(), fresh.panel.unlocked()
    answer = send(council, f"/cases/{case}/strategy/convene", **{**plan(), "agencies": [CARE, POLICE]})
    assert answer.status_code == 303
    release(fresh.council, council, *drafts_of(fresh.council))
    fresh.see()
    (row,) = picture_of(fresh.panel, panel).plan
    fragment = row.statement.provenance.fragment
    assert "Answer for your agency" not in panel.get(f"/cases/{case}/strategy").text
    assert panel.get(f"/cases/{case}/write/invitation_answer?to_request={fragment}").status_code == 404
    assert panel.get(f"/cases/{case}/write/invitation_answer").status_code == 404
    typed = {"to_request": fragment, "coming": "coming", **HEALTH_BY}
    assert send(panel, f"/cases/{case}/write/invitation_answer", **typed).status_code == 422
    assert fresh.panel.here.clock() - now() < timedelta(minutes=1)
