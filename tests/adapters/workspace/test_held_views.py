"""What a view is held under: the statements that it rests on, never those that came while it was made."""

from __future__ import annotations

import re

import pytest

from adapters.picture.receiving import Receiver
from adapters.store.rows import inbox_of_case
from adapters.workspace import cases
from tests.adapters.picture.test_receiving import consent
from tests.adapters.workspace.desk import Browser, Desk
from tests.scene import CHARITY


def at(desk: Desk, rest: str) -> str:
    return f"/cases/{desk.scene.main}/{rest}"


@pytest.fixture
def browser(desk: Desk) -> Browser:
    """Somebody whose key is open; the child has consented, as everybody knows."""
    desk.scene[CHARITY].book.record_consent(desk.scene.main, consent("given"))
    desk.adapter.follower.sync_cases()
    return desk.unlocked()


def withdraw(desk: Desk) -> None:
    desk.scene[CHARITY].book.record_consent(desk.scene.main, consent("withdrawn"))


@pytest.mark.parametrize("step", ["while it is kept", "while it is assembled"])
def test_a_view_is_not_held_past_a_withdrawal_that_came_meanwhile(
    desk: Desk, browser: Browser, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The watch takes it in after the answer was judged and before the page is there."""
    where, name = (Receiver, "_notice_overrides") if step == "while it is kept" else (cases, "assemble")
    was = getattr(where, name)

    def meanwhile(*given: object) -> object:
        monkeypatch.undo()
        withdraw(desk)
        desk.adapter.follower.sync_cases()
        return was(*given)

    monkeypatch.setattr(where, name, meanwhile)
    assert browser.get(at(desk, "picture?purpose=panel_review")).status_code == 200
    assert browser.get(at(desk, "chronology")).status_code == 303
    assert browser.get(at(desk, "picture?purpose=panel_review")).status_code == 200
    assert browser.get(at(desk, "chronology")).status_code == 200


def test_a_view_that_rests_on_what_its_own_pull_brought_is_held(desk: Desk, browser: Browser) -> None:
    withdraw(desk)
    assert browser.get(at(desk, "picture?purpose=panel_review")).status_code == 200
    assert browser.get(at(desk, "chronology")).status_code == 200


def test_notes_beside_a_damaged_pull_are_refused_in_words(desk: Desk, browser: Browser) -> None:
    picture = browser.get(at(desk, "picture?purpose=panel_review")).text
    link = re.findall(r'href="(/cases/[0-9a-f]{32}/fragments/[0-9a-f]{32})"', picture)[0]
    with desk.adapter.store.write() as session:
        for row in inbox_of_case(session, desk.scene.main):
            row.sealed_answer = b"damaged"
    for answer in (
        browser.post(f"{link}/note", form_of=link, note="words"),
        browser.post(f"{link}/note/delete", form_of=link),
    ):
        assert answer.status_code == 422
        assert "is damaged" in answer.text
