"""The words of an exclusion and of an emergency are for the people whom their own command gives them, on no page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.commands.exclusions import _send_words
from adapters.commands.sharing import _chosen_drafts
from adapters.excluding import plan_add, require_leads, words_of_exclusion
from adapters.notifying.chosen import By, Chosen
from adapters.notifying.waiting import things_of
from adapters.release.drafts import DraftRefused, DraftState, keep_authored, list_drafts, list_for_review
from adapters.release.forms import keep_why
from adapters.release.pressing import make_plan
from adapters.release.releasing import ReleaseTerms
from adapters.release.writing import Author
from adapters.store.tables import DraftRow
from policies.vocabulary import Category, Role
from tests.adapters.workspace.test_writing_pages import drafts_of, send
from tests.adapters.workspace.writing_desks import TwoDesks, both
from tests.attacks.exclusion_acts import LEAD, VOTER, person, say
from tests.scene import CARE, POLICE, REVIEW, Scene, now

WORDS = "Larkspur-Quillfeather-3301 is an invented cousin of the child"
SUMMARY = "The words of a statement of"


@pytest.fixture
def fresh(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[TwoDesks]:
    """Two agencies' workspaces over a copy of the scene of its own."""
    with both(scene_source, make_scene) as made:
        yield made


def author() -> Author:
    return Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", now())


def exclude_with_words(desks: TwoDesks) -> str:
    """The council's lead says with words that the police's chair is to be kept out; return the draft of the words."""
    adapter, case = desks.council.adapter, desks.scene.main
    adapter.follower.sync_cases()
    me, excluded = person(desks.scene, LEAD), (POLICE, desks.scene[POLICE].people["chair"])
    readers = require_leads(adapter.book.load(case), [person(desks.scene, VOTER)[1]], me, excluded)
    before = {item.draft for item in list_drafts(adapter.store, case)}
    detail = _send_words(adapter, case, words_of_exclusion(author(), WORDS, excluded=excluded), readers)
    assert detail is not None
    said = plan_add(adapter.book.load(case), me, excluded, days=14, at=adapter.clock(), detail=detail)
    say(desks.scene, LEAD, said)
    (draft,) = {item.draft for item in list_drafts(adapter.store, case)} - before
    return draft


@pytest.mark.parametrize("state", [DraftState.RELEASED, DraftState.DRAFT, DraftState.HELD])
def test_the_words_of_an_exclusion_are_on_no_page_and_in_no_release(fresh: TwoDesks, state: DraftState) -> None:
    """Released to the leads it names, or waiting for a quorum: nobody of the case's people reads or releases it."""
    draft, case, adapter = exclude_with_words(fresh), fresh.scene.main, fresh.council.adapter
    with adapter.store.write() as session:
        row = session.get(DraftRow, draft)
        assert row is not None
        assert row.state == DraftState.RELEASED.value
        row.state = state.value
    browser = fresh.council.unlocked()
    for path in ("drafts", "drafts?show=released"):
        page = browser.get(f"/cases/{case}/{path}")
        assert page.status_code == 200
        assert WORDS not in page.text
        assert SUMMARY not in page.text
    assert send(browser, f"/cases/{case}/drafts", draft=draft).status_code == 404
    assert send(browser, f"/cases/{case}/drafts/{draft}/hold").status_code == 404
    assert send(browser, f"/cases/{case}/drafts/{draft}/free").status_code == 404
    with pytest.raises(DraftRefused, match="not one of this case"):
        make_plan(adapter, case, [draft], [ReleaseTerms(REVIEW, originator_release=True)])
    assert draft not in [item.draft for item in _chosen_drafts(list_drafts(adapter.store, case), ())]


@pytest.mark.parametrize("kind", ["exclusion", "emergency"])
def test_words_that_wait_are_not_counted_and_nobody_is_told_of_them(fresh: TwoDesks, kind: str) -> None:
    """The home page and the notifications count what the people of the case may review, and nothing else."""
    council, case = fresh.council, fresh.scene.main
    adapter = council.adapter
    with adapter.store.write() as session:
        for row in session.query(DraftRow).filter(DraftRow.state == DraftState.DRAFT.value):
            row.state = DraftState.HELD.value
    why = keep_why(adapter.store, case, author(), WORDS, kind)
    assert why.draft in drafts_of(council)
    assert why.draft not in [item.draft for item in list_for_review(adapter.store, case)]
    browser, cases = council.unlocked(), [adapter.book.load(case)]

    def told() -> list[str]:
        chosen = Chosen(True, By.EMAIL, "lead@care.example")
        with adapter.store.write() as session:
            found = things_of(session, adapter, council.member, chosen, cases, adapter.clock())
        return [name for name in found if name.startswith("draft:")]

    assert told() == []
    assert "draft to review" not in browser.get("/").text
    keep_authored(adapter.store, case, Category.CONCERN, {"kind": "concern", "summary": "Another", "fields": {}}, now())
    assert told() == [f"draft:{case}"]
    assert "1 draft to review" in browser.get("/").text


def test_the_words_of_a_consent_are_reviewed_as_ever(fresh: TwoDesks) -> None:
    """Only what its own command handles is left out."""
    store, case = fresh.scene[CARE].store, fresh.scene.main
    why = keep_why(store, case, author(), WORDS, "consent")
    assert why.draft in [item.draft for item in list_for_review(store, case)]
    assert WORDS in fresh.council.unlocked().get(f"/cases/{case}/drafts").text
