"""Attack 67 by number in a real browser: no page runs, asks for or complains about anything that others wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from adapters.picture.model import assemble
from adapters.picture.page import render_page
from adapters.workspace.security import Rate
from tests.adapters.workspace.desk import Vouched
from tests.attacks.hostile_case import filled
from tests.attacks.hostile_text import TEXTS, one_after_another
from tests.browser.chromium import Desktop
from tests.browser.looks import NARROW, Round, wider_than
from tests.browser.workspace import Office
from tests.walked import MANY, Filled

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]


def watched(page: Page, origin: str) -> list[str]:
    """Note from now on each dialog, each request elsewhere, each window and each breach of the page's policy."""
    found: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((origin, "about:", "file:")):
            found.append(f"request: {request.url}")

    def dialog(shown: Any) -> None:
        found.append(f"dialog: {shown.message}")
        shown.dismiss()

    page.on("request", asked)
    page.on("dialog", dialog)
    page.on("popup", lambda shown: found.append(f"window: {shown.url}"))
    page.add_init_script(
        "document.addEventListener('securitypolicyviolation', event => "
        "{ console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`); });"
    )
    return found


def test_attack_67_no_page_runs_asks_or_complains(
    office: Office, new_desktop: NewDesktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases and forms full of it, narrow, wide and in print: nothing happens, and nobody has to scroll sideways."""
    in_cases, in_forms = one_after_another(), one_after_another()
    members = {"write": in_cases, "signed": None}
    monkeypatch.setattr("adapters.runtime.Receiver", type("FilledNow", (Filled,), members))
    office.here.per_person, office.here.per_client = Rate(MANY), Rate(MANY)
    office.who = Vouched()
    desktop = new_desktop()
    page = desktop.page
    found = watched(page, office.served.origin)
    office.sign_in(page)
    office.unlock(page)
    looked: list[str] = []

    def look(name: str) -> None:
        looked.append(name)
        page.emulate_media(media="print")
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": NARROW, "height": 800})
        if wider_than(page, NARROW):
            found.append(f"{name} is wider than {NARROW}")

    going = Round(office.served.app, page, office.served.origin, look)  # type: ignore[arg-type]
    going.go(office.picture.removeprefix(office.served.origin), "/", "/account", "/passkeys", "/unlock")
    going.send_forms(in_forms)
    assert len(looked) > 8
    assert found == []
    assert desktop.problems == []


def test_attack_67_a_saved_page_runs_nothing(new_desktop: NewDesktop, tmp_path: Path) -> None:
    """The picture as one file, opened from a disk: its own policy holds there."""
    desktop = new_desktop()
    found = watched(desktop.page, "file:")
    for first in range(0, len(TEXTS), 40):
        path = tmp_path / f"{first}.html"
        path.write_text(
            render_page(assemble(filled(one_after_another(TEXTS[first:] + TEXTS[:first])))), encoding="utf-8"
        )
        desktop.page.goto(path.as_uri())
        assert desktop.page.locator("bdi").count() > 100
    assert found == []
    assert desktop.problems == []


def test_attack_67_the_watch_sees_what_it_looks_for(new_desktop: NewDesktop, tmp_path: Path) -> None:
    """A page that takes text for markup is noticed: its dialog, and what it asks for elsewhere."""
    desktop = new_desktop()
    found = watched(desktop.page, "file:")
    path = tmp_path / "careless.html"
    path.write_text("<!DOCTYPE html><p>" + "<img src=x onerror=\"alert('zq9')\"><img src='http://zq9.example/x'>")
    desktop.page.goto(path.as_uri())
    desktop.page.wait_for_load_state()
    assert any(item.startswith("dialog: zq9") for item in found)
    assert any(item.startswith("request: http://zq9.example") for item in found)
    desktop.problems.clear()
