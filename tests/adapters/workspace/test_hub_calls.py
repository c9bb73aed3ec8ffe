"""Opening a case asks the hub as often for a large case as for a small one: one pull, and what goes with it.

Nor does it ask its own database more often, or keep another writer waiting more often than it has something to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from adapters.picture.page import SHOWN_ROWS
from adapters.store.database import Session, Store
from tests.adapters.workspace.desk import Browser, Desk
from tests.scene import CARE

MORE = SHOWN_ROWS + 10
MOST_WRITE_LOCKS = 7
"""The head, the entries followed, the answer kept, what was looked at; and three that may have something to write."""
MOST_WRITTEN = 4
"""Of these, those that do write when nothing new has come: each waits for the disk."""
MOST_TRANSACTIONS = 50


@contextmanager
def counted(desk: Desk) -> Iterator[list[str]]:
    """Note method and path, without ids and query, of each request to the hub."""
    asked: list[str] = []
    client = desk.adapter.client
    real = client._http.send

    def send(request: httpx.Request, **more: Any) -> httpx.Response:
        asked.append(f"{request.method} {re.sub('[0-9a-f]{32,}', '…', request.url.path)}")
        return real(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client._http, "send", send)
        yield asked


def opening(desk: Desk, browser: Browser) -> tuple[list[str], str]:
    """Open the case; return what the hub was asked meanwhile, and the page."""
    with counted(desk) as asked:
        answer = browser.get(f"/cases/{desk.scene.main}/picture?purpose=panel_review")
    assert answer.status_code == 200
    return asked, answer.text


def fragments_in(page: str) -> int:
    """How many fragments the page says were opened."""
    found = re.search(r"(\d+) fragments opened by you", page)
    assert found is not None
    return int(found[1])


def test_the_hub_is_asked_as_often_for_a_large_case_as_for_a_small_one(desk: Desk) -> None:
    browser = desk.unlocked()
    opening(desk, browser)  # the first one also takes in what is asked once
    asked, page = opening(desk, browser)
    few = fragments_in(page)
    assert asked.count("POST /v1/cases/…/pull") == 1
    contents = [{"kind": "concern", "summary": f"Seen again, number {n}", "fields": {}} for n in range(MORE)]
    assert desk.scene[CARE].share(desk.scene.main, *contents).refused == 0
    desk.scene.witness()
    first, page = opening(desk, browser)  # takes in what came, all of it together
    assert first.count("POST /v1/cases/…/pull") == 1
    assert len(first) <= len(asked) + 2, first
    again, page = opening(desk, browser)
    assert fragments_in(page) == few + MORE
    assert again == asked
    # The page shows as many rows as any page does, and leads to the others.
    assert page.count('<article class="evidence"') == SHOWN_ROWS
    assert f"/cases/{desk.scene.main}/evidence" in page


@contextmanager
def transactions() -> Iterator[list[str]]:
    """Note each transaction on the adapter's own database: read, locked (it could have written), written."""
    noted: list[str] = []
    writing, reading = Store.write, Store.read

    def changes(session: Session) -> int:
        session.flush()
        return int(session.connection().exec_driver_sql("SELECT total_changes()").scalar_one())

    @contextmanager
    def write(store: Store) -> Iterator[Session]:
        with writing(store) as session:
            before = changes(session)
            yield session
            noted.append("locked" if changes(session) == before else "written")

    @contextmanager
    def read(store: Store) -> Iterator[Session]:
        with reading(store) as session:
            yield session
            noted.append("read")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "write", write)
        patch.setattr(Store, "read", read)
        yield noted


def test_an_opening_takes_few_transactions_whatever_the_size_of_the_case(desk: Desk) -> None:
    """Hardly any of them keeps a writer waiting, and those that wait for the disk are what is recorded."""
    browser = desk.unlocked()
    opening(desk, browser)
    with transactions() as few:
        opening(desk, browser)
    assert 0 < few.count("written") <= MOST_WRITTEN, few
    assert few.count("written") + few.count("locked") <= MOST_WRITE_LOCKS, few
    assert len(few) <= MOST_TRANSACTIONS, few
    contents = [{"kind": "concern", "summary": f"Seen again, number {n}", "fields": {}} for n in range(MORE)]
    assert desk.scene[CARE].share(desk.scene.main, *contents).refused == 0
    desk.scene.witness()
    opening(desk, browser)
    with transactions() as many:
        opening(desk, browser)
    assert sorted(many) == sorted(few)


def test_a_page_that_is_held_already_takes_no_write_lock(desk: Desk) -> None:
    """Whoever writes meanwhile, a picture that is open is shown."""
    browser = desk.unlocked()
    opening(desk, browser)
    with transactions() as noted:
        assert browser.get(f"/cases/{desk.scene.main}/picture?held=1").status_code == 200
    assert noted
    assert set(noted) == {"read"}, noted
