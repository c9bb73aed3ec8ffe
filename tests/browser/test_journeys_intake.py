"""In a real browser: a practitioner brings records in from a file, says whose they are, and observes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from adapters.release.drafts import list_drafts, matches_of
from adapters.runtime import Adapter
from policies.vocabulary import Category
from tests.adapters.workspace.desk import Vouched
from tests.adapters.workspace.front_desk import front_scene, table
from tests.browser.chromium import Desktop
from tests.browser.test_every_page import look
from tests.browser.workspace import Office
from tests.scene import CARE, Scene

pytestmark = pytest.mark.slow
ROWS = (
    "Rowan,Madeup-Testcase,2011-05-17,PossibleVictimOfTrafficking,,About a twin",
    "Junipre,Madeup-Testcase,2011-17-05,PossibleVictimOfTrafficking,DebtBondage;Nonsense,Collected by a grey van",
    "Ash,Elsewhere,2008,,,About somebody else",
)


class FrontOffice(Office):
    """The workspace of the agency that leads the case."""

    @property
    def member(self) -> str:
        """The lead professional."""
        return self.scene[CARE].people["lead"]


@pytest.fixture
def front_office(
    make_scene: Callable[[], Scene], scene_source: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FrontOffice]:
    """That workspace behind an address, its hub inside the test."""
    from tests.scene import opened_keys

    monkeypatch.setattr("adapters.home.read_key_file", opened_keys)
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][CARE]
    scene = front_scene(make_scene)
    adapter = Adapter(scene[CARE].home, environ=environ)
    adapter.__dict__["client"] = scene[CARE].client
    opened = FrontOffice(scene, adapter, environ["NRM_MEMBER_PASSPHRASE"])
    opened.who = Vouched()
    yield opened
    opened.close()
    adapter.store.close()


def continue_(page: Page, name: str = "Continue") -> None:
    """Press the button that goes on."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def test_records_come_in(front_office: FrontOffice, new_desktop: Callable[[], Desktop]) -> None:
    """A file, the match, its findings, the drafts; a typed record; what was observed."""
    office, page = front_office, new_desktop().page
    base = f"{office.served.origin}/cases/{office.scene.main}"
    office.sign_in(page)
    office.unlock(page)
    page.goto(office.picture)
    page.goto(f"{base}/upload")
    look(page, "intake-upload")
    page.get_by_label("The file", exact=True).set_input_files(
        {"name": "note.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 invented"}
    )
    continue_(page, "Read the file")
    assert page.title().startswith("Error: ")
    look(page, "intake-refused")
    page.get_by_label("The file", exact=True).set_input_files(
        {"name": "cases.csv", "mimeType": "text/csv", "buffer": table(*ROWS)}
    )
    continue_(page, "Read the file")
    page.wait_for_url(re.compile("/upload/whose"))
    look(page, "intake-whose")
    page.get_by_role("radio", name=re.compile("Junipre")).check()
    continue_(page)
    page.wait_for_url(re.compile("/upload/kept"))
    assert "is not in the list of 'Methods of Control'" in page.inner_text("main")
    look(page, "intake-kept")
    store = office.here.adapter.store
    ((_, drafts),) = matches_of(store, office.scene.main).items()
    assert "Collected by a grey van" in str([draft.content for draft in drafts])
    assert "twin" not in str([draft.content for draft in drafts])
    page.goto(f"{base}/upload")
    look(page, "intake-upload-again")
    typed_record(page, base)
    observations(page, base)
    concerns = [draft for draft in list_drafts(store, office.scene.main) if draft.category is Category.CONCERN]
    assert any("Always looks at the man first" in draft.summary for draft in concerns)
    page.goto(f"{base}/upload")
    page.get_by_role("button", name="Take these drafts back").first.click()
    page.wait_for_url(re.compile("/take-back"))
    look(page, "intake-taken-back")


def typed_record(page: Page, base: str) -> None:
    """Type a record, with a slip that is shown at its field."""
    page.goto(f"{base}/record")
    look(page, "intake-record")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("First name").fill("Juniper")
    page.get_by_label("Year").fill("11")
    continue_(page, "Save and continue")
    assert page.title().startswith("Error: The child")
    look(page, "intake-record-error")
    page.get_by_label("Year").fill("2011")
    continue_(page, "Save and continue")
    continue_(page, "Save and continue")
    look(page, "intake-record-3")
    page.get_by_label("Forced labour").check()
    continue_(page, "Save and check")
    look(page, "intake-record-check")
    continue_(page, "Keep as drafts")
    page.wait_for_url(re.compile("/upload/kept"))


def observations(page: Page, base: str) -> None:
    """Observe, the words folded until something was seen."""
    page.goto(f"{base}/indicators")
    look(page, "intake-indicators")
    for label, text in (("Day", "1"), ("Month", "2"), ("Year", "2026")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("What is the job of whoever observed it?").fill("youth worker")
    continue_(page)
    assert not page.locator("#CTL02\\.seen").is_visible()
    page.locator("#CTL02").check()
    page.locator("#CTL03-2").check()
    continue_(page, "Save and continue")
    assert page.title().startswith("Error: ")
    assert page.locator("#CTL02\\.seen").is_visible()
    page.locator("#CTL02\\.seen").fill("Always looks at the man first")
    look(page, "intake-indicator-group")
    continue_(page, "Save and check")
    look(page, "intake-indicator-check")
    continue_(page, "Keep as drafts")
    page.wait_for_url(re.compile("/upload/kept"))
