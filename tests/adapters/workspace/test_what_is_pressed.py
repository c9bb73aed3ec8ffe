"""What the button of a release does: what was shown, in its own case, with its reasons, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.release.drafts import Draft, DraftRefused, DraftState, hold, keep_authored, list_drafts, replace_authored
from adapters.release.forms import keep_why
from adapters.release.pressing import press
from adapters.release.releasing import ReleaseTerms
from adapters.release.writing import Author
from adapters.store.rows import pending_lines
from adapters.store.tables import OutboxRow
from adapters.workspace import cases, releasing
from policies.vocabulary import Category, Gateway, OverrideReason, Purpose, Role
from tests.adapters.picture.test_receiving import consent
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.test_writing_pages import RECORD, begin, drafts_of, release, send, shown_digest
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.scene import CARE, REVIEW, Scene, now


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Two agencies' workspaces over a copy of the scene of its own."""
    with both(scene_source, make_scene) as made:
        yield made


def waiting(desks: TwoDesks, case: str) -> int:
    with desks.council.adapter.store.write() as session:
        return len(pending_lines(session, case, 100))


def test_a_release_sends_what_waits_in_its_own_case_only(fresh: TwoDesks) -> None:
    """What waits in another child's case is neither sent nor told of: not by a release, not by sending what waits."""
    case, other, adapter = fresh.scene.main, fresh.scene.other, fresh.council.adapter
    adapter.follower.sync_cases()
    draft = keep_authored(adapter.store, other, Category.CONCERN, RECORD, now())
    chosen = [item for item in list_drafts(adapter.store, other) if item.draft == draft]
    assert adapter.releaser.release(other, chosen, ReleaseTerms(REVIEW)).fragments
    lines = waiting(fresh, other)
    assert lines > 0
    fresh.scene[CARE].write(case, RECORD)
    browser = fresh.council.unlocked()
    assert "Released and sent" in release(fresh.council, browser, *drafts_of(fresh.council)).text
    assert (waiting(fresh, case), waiting(fresh, other)) == (0, lines)
    assert send(browser, f"/cases/{case}/drafts/send").status_code == 303
    assert waiting(fresh, other) == lines
    assert send(browser, f"/cases/{other}/drafts/send").status_code == 303
    assert waiting(fresh, other) == 0


OVERRIDE = {
    "purposes": "panel_review",
    "gateway": "CLDC_PUBLIC_INTEREST",
    "override": "serious_harm",
    "necessity": "An invented reason",
    "role": "lead_professional",
    "job_title": "Social worker (invented)",
}


def objected(desks: TwoDesks, browser: Browser) -> str:
    """One record shared on consent that is withdrawn since; return its draft."""
    case, party = desks.scene.main, desks.scene[CARE]
    party.book.record_consent(case, consent("given"))
    desks.see()
    party.write(case, RECORD)
    (draft,) = drafts_of(desks.council)
    release(desks.council, browser, draft, gateway="CLDC_CONSENT")
    party.book.record_consent(case, consent("withdrawn"))
    desks.see()
    return draft


@pytest.mark.parametrize(
    "changes", [{"necessity": "Another invented reason"}, {"job_title": "Team manager (invented)"}]
)
def test_words_that_were_changed_since_are_shown_again(fresh: TwoDesks, changes: dict[str, str]) -> None:
    """The reason of an override, and whose it is, leave as they were shown."""
    browser = fresh.council.unlocked()
    confirm = begin(fresh.council, browser, objected(fresh, browser), **OVERRIDE)
    stale = shown_digest(browser.get(confirm))
    assert send(browser, confirm.removesuffix("/confirm"), **{**OVERRIDE, **changes}).status_code == 303
    again = send(browser, confirm, shown=stale)
    assert again.status_code == 409
    assert send(browser, confirm, shown=shown_digest(again)).status_code == 303


def test_nobody_overrides_in_a_role_that_is_theirs_no_more(fresh: TwoDesks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed while the page was open: a practitioner still, not the lead professional as whom they decided."""
    browser, real = fresh.council.unlocked(), cases._listed
    confirm = begin(fresh.council, browser, objected(fresh, browser), **OVERRIDE)
    shown = shown_digest(browser.get(confirm))
    monkeypatch.setattr(
        cases,
        "_listed",
        lambda *asked: None if (found := real(*asked)) is None else replace(found, roles=("practitioner",)),
    )
    assert browser.get(confirm).status_code == 404
    assert send(browser, confirm, shown=shown).status_code == 404


def test_terms_changed_while_it_is_pressed_change_nothing_of_it(
    fresh: TwoDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another window, between the look and the press: what was shown is what leaves, and what is said of it."""
    browser, real = fresh.council.unlocked(), releasing.make_plan
    fresh.scene[CARE].write(fresh.scene.main, RECORD)
    confirm = begin(fresh.council, browser, *drafts_of(fresh.council))
    shown = shown_digest(browser.get(confirm))

    def change_meanwhile(*asked: Any) -> Any:
        plan = real(*asked)
        in_hand = fresh.council.here.ring.get(fresh.council.here.ring.held()[-1]).in_hand
        (found,) = in_hand._under_way.values()
        found.chosen = replace(found.chosen, purposes=(Purpose.SAFEGUARDING,))
        return plan

    pressed: list[Purpose] = []
    real_press = releasing.press

    def noted(adapter: Any, case: str, drafts: Any, terms: Any, why: Any) -> Any:
        pressed.extend(item.purpose for item in terms)
        return real_press(adapter, case, drafts, terms, why)

    monkeypatch.setattr(releasing, "make_plan", change_meanwhile)
    monkeypatch.setattr(releasing, "press", noted)
    assert send(browser, confirm, shown=shown).status_code == 303
    assert pressed == [Purpose.PANEL_REVIEW]


@pytest.mark.parametrize("is_held", [True, False])
def test_an_override_does_not_leave_without_its_reasons(fresh: TwoDesks, is_held: bool) -> None:
    """Held by somebody since they were kept: nothing is released. Else the words stand before what they explain."""
    case, adapter, browser = fresh.scene.main, fresh.council.adapter, fresh.council.unlocked()
    draft = objected(fresh, browser)
    chosen = [item for item in list_drafts(adapter.store, case) if item.draft == draft]
    terms = ReleaseTerms(REVIEW, gateway=Gateway.CLDC_PUBLIC_INTEREST, override=OverrideReason.SERIOUS_HARM)
    by = Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", now())

    def why() -> Draft:
        kept = keep_why(adapter.store, case, by, "An invented reason", "override")
        if is_held:
            hold(adapter.store, kept.draft)
        return kept

    with adapter.store.write() as session:
        before = session.query(OutboxRow).count()
    if is_held:
        with pytest.raises(DraftRefused, match="is held"):
            press(adapter, case, chosen, [terms], why)
        with adapter.store.write() as session:
            assert session.query(OutboxRow).count() == before
        return
    done = press(adapter, case, chosen, [terms], why)
    assert done.stopped is None
    assert done.released[0][1].grants > 0
    with adapter.store.write() as session:
        made = [row.kind for row in session.query(OutboxRow).order_by(OutboxRow.number)][before:]
    assert made[0] == "fragment"
    assert made.count("disclosure") > 1


@pytest.mark.parametrize("is_there", [False, True])
def test_a_correction_leaves_a_hold_on(fresh: TwoDesks, is_there: bool) -> None:
    """Also where another draft says the same already."""
    store, case = fresh.council.adapter.store, fresh.scene.main
    said = {"kind": "request", "fields": {}, "source": {"format": "authored"}}
    first, second = ({**said, "summary": f"An invented request {number}"} for number in (1, 2))
    old = keep_authored(store, case, Category.REQUEST, first, now())
    if is_there:
        keep_authored(store, case, Category.REQUEST, second, now())
    hold(store, old)
    new = replace_authored(store, case, old, Category.REQUEST, second, now())
    states = {item.draft: item.state for item in list_drafts(store, case)}
    assert old not in states
    assert states[new] is DraftState.HELD
