"""Whose a file's records are, said twice or late: one answer counts, and what is over is not shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from werkzeug.test import TestResponse

from adapters.release.drafts import list_drafts, matches_of
from adapters.store.tables import DraftRow
from adapters.workspace import intake
from adapters.workspace.bodies import AT_ONCE
from adapters.workspace.held import HELD_FOR, HeldWork
from adapters.workspace.opened import OPEN_FOR
from keys.sessions import digest_of
from tests.adapters.workspace.desk import Browser
from tests.adapters.workspace.front_desk import FrontDesk, front, send, table
from tests.scene import now

__all__ = ["front"]

HERS = "Juniper,Madeup-Testcase,2011-05-17,PossibleVictimOfTrafficking,DebtBondage,An invented comment"
OTHER = "Ash,Elsewhere,2008-02-03,,,About somebody else"


@pytest.fixture(autouse=True)
def _as_before(front: FrontDesk) -> Iterator[None]:
    before = {draft.draft for draft in list_drafts(front.adapter.store, front.case)}
    yield
    with front.adapter.store.write() as session:
        for row in session.query(DraftRow).where(DraftRow.draft.not_in(before)):
            session.delete(row)
    front.later *= 0
    front.end_all()


def kept(front: FrontDesk) -> str:
    found = matches_of(front.adapter.store, front.case)
    return " ".join(str(draft.content) for drafts in found.values() for draft in drafts)


def work_of(front: FrontDesk, browser: Browser) -> HeldWork:
    held = front.here.ring.get(digest_of(browser.token))
    assert held is not None
    return held.work


def asked(front: FrontDesk, browser: Browser) -> str:
    """Send a file of two people; return the token of the page that asks whose records are meant."""
    send(browser, front.at("upload"), {"file": ("cases.csv", table(HERS, OTHER))})
    found = re.search(r'name="upload" value="([^"]+)"', browser.get(front.at("upload/whose")).text)
    assert found is not None
    return found[1]


def wait_over(front: FrontDesk, browser: Browser) -> None:
    """Let the time of an open case pass, with the key in use."""
    for _ in range(2):
        front.later += OPEN_FOR / 2 + timedelta(seconds=5)
        assert browser.get("/").status_code == 200


def test_of_two_answers_at_once_one_counts(front: FrontDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the file is read for the first: else two people's records were in one case."""
    browser, read = front.opened(), intake._read_for
    token, second = asked(front, browser), list[TestResponse]()

    def slow(*given: object) -> object:
        monkeypatch.setattr(intake, "_read_for", read)
        # A place is free for it all the same: what was taken, nobody else takes.
        front.here.places.leave(front.member)
        second.append(browser.post(front.at("upload/whose"), upload=token, person="1"))
        return read(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "_read_for", slow)
    first = browser.post(front.at("upload/whose"), upload=token, person="0")
    assert first.headers["Location"].endswith("/upload/kept")
    assert second[0].headers["Location"].endswith("/upload")
    assert "An invented comment" in kept(front)
    assert "somebody else" not in kept(front)
    assert repr(front.here.places) == "<Places, 0 taken>"


def test_saying_whose_it_is_takes_a_place(front: FrontDesk) -> None:
    browser = front.opened()
    token = asked(front, browser)
    with front.app.app_context():
        for number in range(AT_ONCE):
            front.here.places.take(f"member-{number}")
    answer = browser.post(front.at("upload/whose"), upload=token, person="0")
    assert answer.status_code == 503
    assert kept(front) == ""
    for number in range(AT_ONCE):
        front.here.places.leave(f"member-{number}")
    assert browser.post(front.at("upload/whose"), upload=token, person="0").status_code == 303
    assert "An invented comment" in kept(front)


def test_a_file_that_could_not_be_read_again_still_waits(front: FrontDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = front.opened()
    token, work = asked(front, browser), work_of(front, browser)

    def broken(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(intake, "_read_for", broken)
        patch.setitem(front.app.config, "PROPAGATE_EXCEPTIONS", False)
        assert browser.post(front.at("upload/whose"), upload=token, person="0").status_code == 500
    assert work.upload(front.case, now()) is not None
    assert browser.post(front.at("upload/whose"), upload=token, person="0").status_code == 303


def test_a_file_is_taken_once_in_its_case_and_in_time(front: FrontDesk) -> None:
    browser = front.opened()
    token, work = asked(front, browser), work_of(front, browser)
    assert work.take_upload("0" * 32, token, now()) is None
    assert work.take_upload(front.case, "0" * 32, now()) is None
    assert work.take_upload(front.case, token, now() + 2 * HELD_FOR) is None
    taken = work.take_upload(front.case, token, now())
    assert taken is not None
    assert work.take_upload(front.case, token, now()) is None
    work.put_back(taken)
    assert work.upload(front.case, now()) is taken


def test_the_choice_is_shown_as_long_as_the_case_is_open(front: FrontDesk) -> None:
    """It has the child's name, number and birthday in it."""
    browser = front.opened()
    token = asked(front, browser)
    wait_over(front, browser)
    assert "/picture?purpose=" in browser.get(front.at("upload/whose")).headers["Location"]
    answer = browser.post(front.at("upload/whose"), upload=token, person="0")
    assert "/picture?purpose=" in answer.headers["Location"]
    assert kept(front) == ""


def test_what_is_over_is_given_up_without_anybody_asking(front: FrontDesk) -> None:
    """Each second the process looks, also where the key stays open."""
    browser = front.opened()
    asked(front, browser)
    held = front.here.ring.get(digest_of(browser.token))
    assert held is not None
    held.work.fill(front.case, "record", {"title": "words"}, front.here.clock())
    front.here.drop_ended()
    assert (len(held.opened._held), held.work._upload is None, len(held.work._forms)) == (1, False, 1)
    at = front.here.clock()
    held.opened.drop_old(at + OPEN_FOR)
    held.work.drop_old(at + HELD_FOR)
    assert (len(held.opened._held), held.work._upload is None, len(held.work._forms)) == (0, True, 0)
    browser.get(front.at("picture?purpose=panel_review"))
    assert len(held.opened._held) == 1
    wait_over(front, browser)
    front.here.drop_ended()
    assert front.here.ring.held() == [digest_of(browser.token)], "the key is open still"
    assert len(held.opened._held) == 0
