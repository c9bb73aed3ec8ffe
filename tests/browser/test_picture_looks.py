"""The pages of an opened case, narrow and wide: axe-core, no scrolling sideways, and what a printer gets.

``NRM_TEST_SHOTS`` names a folder for pictures of them all, to be looked at.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.adapters.workspace.desk import Vouched
from tests.adapters.workspace.invented_open import hold, view_of
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.workspace import Office

pytestmark = pytest.mark.slow
WIDTHS = (320, 1280)
MOST_PIXELS_NARROW = 35_000
"""How long the picture of sixty fragments may be on a telephone."""


def look(page: Page, name: str) -> dict[int, int]:
    """Look at the page as it now is at each width; return how long it is at each."""
    heights = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        folder = os.environ.get("NRM_TEST_SHOTS")
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
        assert_no_axe_violations(page)
        found = page.evaluate("document.documentElement.scrollWidth")
        assert found <= width, f"{name}: {found} wide at {width} (WCAG 1.4.10)"
        heights[width] = page.evaluate("document.documentElement.scrollHeight")
    return heights


def test_the_pages_of_an_opened_case(office: Office, new_desktop: Callable[[], Desktop]) -> None:
    desktop = new_desktop()
    page, origin, case = desktop.page, office.served.origin, office.scene.main
    office.who = Vouched()
    office.sign_in(page)
    office.unlock(page)
    made = hold(office.here, view_of(case, office.member, 60))
    page.goto(f"{origin}/cases/{case}/picture?held=1")
    heights = look(page, "picture")
    assert heights[320] < MOST_PIXELS_NARROW
    first = made.picture.evidence[0].provenance.fragment
    corrected = next(row for row in made.picture.evidence if row.older)
    for name, path in {
        "fragment": f"fragments/{first}",
        "fragment-versions": f"fragments/{corrected.provenance.fragment}",
        "fragment-not-shown": f"fragments/{made.view.refused[0].fragment}",
        "chronology": "chronology",
        "chronology-chosen": "chronology?agency=northshire-police&kind=offence",
        "evidence": "evidence?page=2",
        "search": "search",
    }.items():
        page.goto(f"{origin}/cases/{case}/{path}")
        look(page, name)
    page.goto(f"{origin}/cases/{case}/search")
    page.get_by_label("Words").fill('exämple "stay near"')
    page.get_by_role("button", name="Search").click()
    look(page, "search-none")
    page.get_by_label("Words").fill('"stay near" sister')
    page.get_by_role("button", name="Search").click()
    assert set(page.locator("mark").all_inner_texts()) == {"stay near", "sister"}
    look(page, "search-found")
    page.get_by_label("Words").fill("")
    page.get_by_role("button", name="Search").click()
    look(page, "search-error")
    folder = os.environ.get("NRM_TEST_SHOTS")
    page.goto(f"{origin}/cases/{case}/picture?held=1")
    assert not page.locator(".on-paper").is_visible()
    assert not page.locator(".evidence .facts").last.is_visible()
    page.emulate_media(media="print")
    # What is folded is open on paper; what only a screen can use is not there.
    assert page.locator(".on-paper").is_visible()
    assert all(item.is_visible() for item in page.locator(".evidence .facts").all())
    assert all(item.is_visible() for item in page.locator("tbody tr").all())
    for gone in (".service-case-nav", "#contents", ".govuk-service-navigation", "footer", ".more"):
        assert not page.locator(gone).first.is_visible(), gone
    assert_head_on_each_sheet(page.pdf())
    if folder:
        page.set_viewport_size({"width": 800, "height": 800})
        page.screenshot(path=str(Path(folder) / "picture-print.png"), full_page=True)


def assert_head_on_each_sheet(pdf: bytes) -> None:
    """The same words, who printed and the manifest, are drawn on every sheet."""
    drawn = []
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            stream = zlib.decompress(packed)
        except zlib.error:
            continue
        texts = re.findall(rb"BT\n(.*?)ET\n", stream, re.DOTALL)
        lines = {b"".join(re.findall(rb"<([0-9A-Fa-f]+)> Tj", text)) for text in texts}
        if texts:
            drawn.append({line for line in lines if len(line) >= 4 * len("f" * 64)})
    assert len(drawn) >= 5
    # Who printed, one line or two of it as digits fall: nothing else of that length stands on every sheet.
    assert 1 <= len(set.intersection(*drawn)) <= 2
