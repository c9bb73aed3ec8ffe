"""Home's list of what waits: what the records of an opened case ask; of other cases, that they have to be opened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from lxml import html

from adapters.picture.clocks import ClockKind
from adapters.picture.referral import Referral
from adapters.picture.view import OpenedFragment
from adapters.release import authored
from adapters.release.strategy import DiscussionState, strategy_discussion
from adapters.uk_time import uk_clock_words, uk_day, uk_day_end
from adapters.workspace.asked import Urgency
from adapters.workspace.cases import MyCase, _agreement_ends, _listed
from policies.consent import NO_SCOPE, Consent, Consents
from policies.vocabulary import (
    AgePath,
    CaseStage,
    Category,
    Competence,
    ConsentReason,
    ConsentState,
    ConsentSubject,
    GivenBy,
    Role,
    WishesState,
)
from tests.adapters.picture.invented_case import AUTHOR, POLICE, case_view, opened, record, value
from tests.adapters.workspace.desk import AGENCY, Browser, Desk
from tests.adapters.workspace.invented_open import hold
from tests.scene import now

HOSTILE = "<script>alert(1)</script> http://evil.example \u202egnp"
TODAY = uk_day(now())
DAY = timedelta(days=1)


def by_today() -> authored.Author:
    return replace(AUTHOR, written_at=now())


def waits(browser: Browser) -> list[str]:
    tree = html.fromstring(browser.get("/").text)
    return [" ".join(item.text_content().split()) for item in tree.xpath("//li[@class='service-waits__item']")]


def link_of(browser: Browser, words: str) -> str:
    tree = html.fromstring(browser.get("/").text)
    (found,) = [item for item in tree.xpath("//li[@class='service-waits__item']//a") if words in item.text_content()]
    return str(found.get("href"))


def open_case(
    desk: Desk, items: Iterable[OpenedFragment], stage: CaseStage = CaseStage.BEFORE_REFERRAL, **changes: Any
) -> Browser:
    """A browser in which the scene's case is open with these fragments, pulled this very moment."""
    browser = desk.unlocked()
    case = desk.scene.main
    renamed = [replace(item, header=replace(item.header, case=case)) for item in items]
    at = desk.here.clock()
    view = case_view(renamed, at=at, opened_at=changes.pop("opened_at", at))
    membership = replace(view.case.membership, case=case, case_stage=stage)
    hold(desk.here, replace(view, case=replace(view.case, membership=membership), **changes))
    return browser


def invitation(day: date) -> OpenedFragment:
    content = strategy_discussion(
        by_today(),
        held_on=day,
        agencies=[AGENCY],
        state=DiscussionState.PLANNED,
        starts_at="14:30",
        how_to_join="By call",
        reasons=HOSTILE,
    )
    return opened("plan", POLICE, Category.STRATEGY_DISCUSSION, content)


def action(due: date) -> OpenedFragment:
    content = authored.safeguarding_action(
        by_today(), action=HOSTILE, why="Safety", owner=AGENCY, due=due, state=authored.ActionState.PLANNED
    )
    return opened("action", POLICE, Category.SAFEGUARDING_ACTION, content)


def not_heard(day: date) -> OpenedFragment:
    content = authored.wishes_and_feelings(
        replace(AUTHOR, written_at=now() - 20 * DAY),
        state=WishesState.CHILD_NOT_READY,
        absent_reason="Too tired to talk",
        ask_again_on=day,
        best_placed_to_ask="The school nurse",
    )
    return opened("wishes", AGENCY, Category.WISHES_AND_FEELINGS, content)


def offence(**more: object) -> OpenedFragment:
    content = record(Category.OFFENCE, "Offence", {"hub_Offence": [{"role": value("defendant"), **more}]})
    return opened("offence", POLICE, Category.OFFENCE, content)


def protection(start: datetime) -> OpenedFragment:
    status = value("Police protection", "/ep[1]", code="L1", scheme="ssda903-ls")
    content = record(
        Category.PLACEMENT, "Placement", {"hub_Placement": [{"legal_status": status}]}, start=start.isoformat()
    )
    return opened("protection", POLICE, Category.PLACEMENT, content)


def missing(end: date) -> OpenedFragment:
    content = record(Category.MISSING_EPISODE, "Missing", {}, start=(end - DAY).isoformat(), end=end.isoformat())
    return opened("missing", POLICE, Category.MISSING_EPISODE, content)


def refused(day: date) -> OpenedFragment:
    fields = {"hub_Question": value("rg"), "hub_Outcome": value("negative"), "hub_HeldOn": value(day.isoformat())}
    content = record(Category.DECISION, "Decision", fields, start=day.isoformat())
    return opened("decision", POLICE, Category.DECISION, content)


def born(day: date) -> OpenedFragment:
    content = record(Category.IDENTITY, "Identity", {"prs_Birthdate": value(day.isoformat())})
    return opened("identity", POLICE, Category.IDENTITY, content)


# --- an opened case ---


def test_what_an_opened_case_asks_is_listed_the_most_urgent_first(desk: Desk) -> None:
    items = [
        invitation(TODAY + DAY),
        action(TODAY - DAY),
        not_heard(TODAY),
        protection(now() - timedelta(hours=10)),
        missing(TODAY - 9 * DAY),
        offence(),
    ]
    browser = open_case(desk, items)
    views = desk.scene.log_types().count("viewed")
    found = [item for item in waits(browser) if "not looked at" not in item]
    assert [item.split(":")[0].split(",")[0] for item in found] == [
        "Overdue Return interview",
        "Overdue An action for your agency",
        "Soon Northshire Police invites you to a strategy discussion on " + _words(TODAY + DAY),
        "Due Ask the child again what they wish and feel",
        "Due Police protection",
        "The child stands as alleged offender",
        "The child stands as alleged offender",
        "The child stands as alleged offender",
    ]
    assert f"{uk_clock_words(TODAY + DAY, '14:30')}; your agency has not answered" in found[2]
    assert "the day is today. Best placed to ask:, case " in found[3]
    assert "The school nurse" in found[3]
    assert desk.scene.log_types().count("viewed") == views, "looking at home is no entry in the log"
    browser.post("/lock")
    assert [item[:27] for item in waits(browser) if "not looked at" not in item] == ["Open the case to see what i"]


def _words(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def test_what_others_wrote_stays_their_text(desk: Desk) -> None:
    """Words of the invitation and of the action: no element, no link, no turned direction."""
    page = open_case(desk, [invitation(TODAY), action(TODAY)]).get("/").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "http://evil.example" not in html.fromstring(page).xpath("//a/@href")


@pytest.mark.parametrize(
    ("items", "words", "leads_to"),
    [
        ([invitation(TODAY)], "invites you to a strategy discussion", "/cases/{}/strategy"),
        ([action(TODAY)], "An action for your agency, due on", "/cases/{}/picture?held=1#plan"),
        ([not_heard(TODAY - DAY)], "the day was", "/cases/{}/wishes"),
        ([offence()], "what is the next court date?", "/cases/{}/picture?held=1#offences"),
        ([missing(TODAY)], "Return interview:", "/cases/{}/picture?held=1#clocks"),
    ],
)
def test_each_leads_to_where_it_is_done(shared: Desk, items: list[OpenedFragment], words: str, leads_to: str) -> None:
    browser = open_case(shared, items)
    address = link_of(browser, words)
    assert address == leads_to.format(shared.scene.main)


@pytest.mark.parametrize(
    ("items", "starts"),
    [
        ([refused(TODAY - 5 * DAY)], "Due Reconsideration: Day 5 of 30"),
        ([refused(TODAY - 29 * DAY)], "Soon Reconsideration: Day 29 of 30"),
        ([refused(TODAY - 40 * DAY)], "Overdue Reconsideration: Time ran out on"),
        ([protection(now() - timedelta(hours=60))], "Soon Police protection: 1"),
        ([missing(TODAY)], "Due Return interview: 3 days left"),
    ],
)
def test_clocks_that_need_content(shared: Desk, items: list[OpenedFragment], starts: str) -> None:
    """Police protection, the return interview and reconsideration run from their own records."""
    browser = open_case(shared, items, CaseStage.DECIDED)
    found = [item for item in waits(browser) if "not looked at" not in item]
    assert [item[: len(starts)] for item in found] == [starts]


@pytest.mark.parametrize(
    ("days", "starts"),
    [
        (200, None),
        (60, "Soon 18th birthday: 60 days left: the child turns 18 on"),
        (0, "Due 18th birthday: The child turned 18 on"),
    ],
)
def test_the_18th_birthday_is_pointed_out_ahead_and_says_what_it_asks(
    shared: Desk, days: int, starts: str | None
) -> None:
    on = TODAY + days * DAY
    birth = date(on.year - 18, on.month, on.day) if (on.month, on.day) != (2, 29) else date(on.year - 18, 3, 1)
    found = [item for item in waits(open_case(shared, [born(birth)])) if "not looked at" not in item]
    assert [item[: len(starts or "")] for item in found] == ([] if starts is None else [starts])
    if starts is not None:
        assert "they must agree to stay in the National Referral Mechanism" in found[0]


def test_an_opened_case_knows_its_route(shared: Desk) -> None:
    """The birth date tells what the list of cases cannot: nobody is told of a clock that is not theirs."""
    referral = Referral(now() - 20 * DAY, AgePath.CHILD, has_panel=False)
    young, old = TODAY.replace(year=TODAY.year - 10, day=1), TODAY.replace(year=TODAY.year - 18, day=1) + 40 * DAY
    both = waits(open_case(shared, [born(young)], CaseStage.REFERRED, referral=referral))
    assert sum("It cannot be told here which of the two routes decides" in item for item in both) == 1
    one = waits(open_case(shared, [born(old)], CaseStage.REFERRED, referral=referral))
    assert any(item.startswith("Overdue Reasonable grounds decision, national route: Time ran out") for item in one)
    assert not any("pilot" in item or "cannot be told" in item for item in one)


@pytest.mark.parametrize(
    ("stage", "hearing", "asked"),
    [
        (CaseStage.BEFORE_REFERRAL, None, ["Mechanism considered?", "of the exploitation?", "opened says"]),
        (CaseStage.REFERRED, None, ["of the exploitation?", "opened says"]),
        (CaseStage.REFERRED, TODAY + DAY, ["of the exploitation?"]),
        (CaseStage.CLOSED, None, []),
    ],
)
def test_an_offence_asks_until_a_record_answers(
    shared: Desk, stage: CaseStage, hearing: date | None, asked: list[str]
) -> None:
    more = {} if hearing is None else {"next_hearing": value(hearing.isoformat())}
    found = [item for item in waits(open_case(shared, [offence(**more)], stage)) if "not looked at" not in item]
    prompts = [item.partition(", case ")[0] for item in found if item.startswith("The child stands")]
    assert len(prompts) == len(asked)
    assert all(said.endswith(words) for said, words in zip(prompts, asked, strict=True))
    assert any(item.startswith("Due The child is due in court on ") for item in found) is (hearing is not None)


# --- without content ---


def test_a_case_that_is_not_open_says_that_it_must_be_opened(shared: Desk) -> None:
    (said,) = [item for item in waits(shared.unlocked()) if item.startswith("Open the case")]
    for thing in ("requests", "invitations", "actions", "ask the child again", "clocks", "disagreements", "offence"):
        assert thing in said


@pytest.mark.parametrize("stage", list(CaseStage))
def test_home_stays_calm_in_a_case_that_is_decided(shared: Desk, stage: CaseStage) -> None:
    """The first 72 hours that ran out are no more on home once nobody can do anything about them."""
    verified = shared.adapter.book.load(shared.scene.main)
    membership = replace(verified.state.membership, case_stage=stage)
    changed = replace(verified, state=replace(verified.state, membership=membership))
    mine = _listed(changed, AGENCY, shared.member, verified.opened_at + timedelta(hours=73))
    assert mine is not None
    has_window = ClockKind.RISK_WINDOW_72H in [clock.kind for clock in mine.clocks]
    assert has_window is (stage not in (CaseStage.DECIDED, CaseStage.CLOSED))


def agreed(expires_at: datetime | None, given_by: GivenBy = GivenBy.CHILD) -> Consent:
    return Consent(
        digest="d" * 64,
        subject=ConsentSubject.SHARING,
        state=ConsentState.GIVEN,
        reason=ConsentReason.NONE,
        given_by=given_by,
        giver=None,
        competence=Competence.COMPETENT,
        scope=NO_SCOPE,
        wishes=WishesState.RECORDED,
        expires_at=expires_at,
        about=None,
    )


def test_when_an_agreement_ends_is_a_signed_fact(shared: Desk) -> None:
    verified, at = shared.adapter.book.load(shared.scene.main), now()

    def ends(*said: Consent) -> datetime | None:
        return _agreement_ends(replace(verified, state=replace(verified.state, consent=Consents.of(said))), at)

    assert ends() is None
    assert ends(agreed(None)) is None
    assert ends(agreed(at + DAY)) == at + DAY
    assert ends(agreed(at - DAY)) == at - DAY
    withdrawn = replace(agreed(None), digest="e" * 64, state=ConsentState.WITHDRAWN)
    assert ends(agreed(at - DAY), withdrawn) is None, "who took it back is not asked because of its day"


@pytest.mark.parametrize(
    ("ends_in", "role", "starts"),
    [
        (-DAY, Role.PRACTITIONER, "Overdue What was agreed to ran out on "),
        (2 * DAY, Role.LEAD_PROFESSIONAL, "Soon What was agreed to runs out on "),
        (8 * DAY, Role.PRACTITIONER, None),
        (-DAY, Role.PANEL_VOTING, None),
    ],
)
def test_an_agreement_that_runs_out_is_asked_about_again_by_whoever_records_it(
    shared: Desk, monkeypatch: pytest.MonkeyPatch, ends_in: timedelta, role: Role, starts: str | None
) -> None:
    browser = shared.unlocked()
    mine = shared.app.extensions["workspace_cases"].cases_of(shared.here, shared.member)
    asked: list[MyCase] = [replace(item, roles=(role.value,), agreement_ends=now() + ends_in) for item in mine]
    monkeypatch.setattr("adapters.workspace.pages.my_cases", lambda _: asked)
    found = [item for item in waits(browser) if "What was agreed to" in item]
    assert [item[: len(starts or "")] for item in found] == ([] if starts is None else [starts])
    if starts is not None:
        assert link_of(browser, "What was agreed to").endswith("/consent")


def test_the_day_that_is_named_is_the_agreements_last(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Consent until a day lasts to its end by clocks in the UK."""
    last = uk_day(now()) + 3 * DAY
    mine = shared.app.extensions["workspace_cases"].cases_of(shared.here, shared.member)
    asked = [replace(item, roles=("practitioner",), agreement_ends=uk_day_end(last)) for item in mine]
    monkeypatch.setattr("adapters.workspace.pages.my_cases", lambda _: asked)
    found = [item for item in waits(shared.unlocked()) if "What was agreed to" in item]
    assert found
    assert all(f"{last.day} {last:%B %Y}" in item for item in found)


def test_urgency_is_an_order() -> None:
    assert sorted(Urgency) == list(Urgency)
    assert Urgency.RAN_OUT < Urgency.OVER < Urgency.SOON < Urgency.DUE < Urgency.PROMPT < Urgency.CLOSED
