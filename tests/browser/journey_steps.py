"""What people do on the pages of a workspace in the tests of journeys: write, review, release, ask, answer, consent.

``NRM_TEST_SHOTS`` names a folder for pictures of the pages, to be looked at.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.chromium import assert_no_axe_violations
from tests.browser.two_offices import OfficeOf
from tests.scene import now

WIDTHS = (320, 1280)
WORDS = "She said that she does not want the panel to read it any more."


def says(page: Page, words: str) -> None:
    """Wait until the page says it."""
    expect(page.get_by_role("main")).to_contain_text(words)


def says_not(page: Page, words: str) -> None:
    """Wait until the page does not say it."""
    expect(page.get_by_role("main")).not_to_contain_text(words)


def looked_at(page: Page, name: str) -> None:
    """No rule of axe-core is broken and nothing is too wide, narrow and wide; a picture of each where asked for."""
    folder = os.environ.get("NRM_TEST_SHOTS")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if folder:
            page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
        assert_no_axe_violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width} (WCAG 1.4.10)"


def press(page: Page, name: str) -> None:
    """Press a button and wait for the page that follows."""
    page.get_by_role("button", name=name, exact=True).last.click()
    page.wait_for_load_state()


# --- the keyboard alone ---


def tab_to(page: Page, selector: str) -> None:
    """Press the tab key until something has the focus: a person without a mouse."""
    for _ in range(200):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"nobody comes to {selector} with the tab key")


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    """Go to something with the tab key and press a key there."""
    tab_to(page, selector)
    page.keyboard.press(key)


def type_into(page: Page, selector: str, text: str) -> None:
    """Go to a field with the tab key and type."""
    tab_to(page, selector)
    page.keyboard.type(text)


# --- the child's agreement ---


def agree(office: OfficeOf, page: Page) -> None:
    """Record that the child agrees, as a practitioner does."""
    page.goto(office.address("consent"))
    looked_at(page, "consent-none")
    page.get_by_role("link", name="They agree").click()
    looked_at(page, "consent-form")
    press(page, "Continue")
    says(page, "There is a problem")
    looked_at(page, "consent-form-wrong")
    page.get_by_label("The child", exact=True).check()
    page.get_by_label("Worries that the child is exploited, and notes about them").check()
    page.get_by_label("Assessments, plans and services").check()
    page.get_by_label("Police", exact=True).check()
    page.get_by_label("Health", exact=True).last.check()
    page.get_by_label("Review by the panel").check()
    page.get_by_label("Yes, they understand").check()
    page.get_by_label("Who assessed that?").select_option(label="Social worker")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("No interpreter was needed").check()
    page.get_by_label("Yes, what they said is written down").check()
    press(page, "Continue")
    press(page, "Record it")
    says(page, "The child: Agreed")


def take_back(office: OfficeOf, page: Page, *, ends: int) -> None:
    """Find the button, answer three questions, look at what ends, confirm."""
    page.goto(office.address("consent"))
    looked_at(page, "consent-agreed")
    press(page, "They take their agreement back")
    looked_at(page, "consent-take-back")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("No interpreter was needed").check()
    page.get_by_label("Yes, what they said is written down").check()
    page.get_by_label("What was said").fill(WORDS)
    page.get_by_label("Your job").fill("Social worker (invented)")
    press(page, "Continue")
    says(page, f"This ends ({ends})")
    says(page, "Fernshire health")
    looked_at(page, "consent-confirm")
    press(page, "Change something")
    expect(page.get_by_label("What was said")).to_have_value(WORDS)
    press(page, "Continue")
    press(page, "Record it")
    says(page, f"This ended ({ends})")
    says(page, "cannot be called back")
    looked_at(page, "consent-told")


# --- records, review and release ---


def bring_in(office: OfficeOf, page: Page, path: Path, child: str) -> None:
    """Put a file in, read what its reader found, say whose records they are."""
    page.goto(office.address("upload"))
    page.get_by_label("The file", exact=True).set_input_files(path)
    press(page, "Read the file")
    page.wait_for_url(re.compile("/upload/whose"))
    page.get_by_role("radio", name=re.compile(child)).check()
    press(page, "Continue")
    page.wait_for_url(re.compile("/upload/kept"))


def release(office: OfficeOf, page: Page, drafts: Sequence[str], *, gateway: str = "", name: str = "") -> None:
    """Review drafts (those whose name begins so), choose what for, see who would get them, release and send."""
    page.goto(office.address("drafts"))
    for draft in drafts:
        boxes = page.get_by_role("checkbox", name=re.compile(rf"^Release this\s*:\s*{draft}")).all()
        assert boxes, f"no draft begins with {draft!r}"
        for box in boxes:
            box.check()
    press(page, "Choose what it is shared for")
    page.get_by_role("checkbox", name="Review by the panel").check()
    if gateway:
        page.get_by_text("More choices").click()
        page.get_by_label("Power or duty to share").select_option(gateway)
    if name:
        looked_at(page, f"{name}-terms")
    press(page, "Show who would get it")
    says(page, "Fernshire health")
    if name:
        looked_at(page, f"{name}-confirm")
    press(page, "Release and send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Released and sent")
    if name:
        looked_at(page, f"{name}-done")


# --- a question and its answer ---


def ask(office: OfficeOf, page: Page, whom: str, what: str) -> None:
    """With the mouse: write a request to another agency, review it, release it."""
    page.goto(office.address("write"))
    looked_at(page, "choose")
    page.get_by_role("link", name="Ask another agency for information").click()
    press(page, "Keep as a draft")
    expect(page).to_have_title(re.compile("^Error: "))
    looked_at(page, "request-errors")
    page.get_by_role("radio", name=whom).check()
    page.get_by_label("What do you need to know?").fill(what)
    page.get_by_label("Why do you need it?").fill("To know where she is safe")
    due = now().date() + timedelta(days=10)
    for label, number in (("Day", due.day), ("Month", due.month), ("Year", due.year)):
        page.get_by_label(label, exact=True).fill(str(number))
    page.get_by_label("Your job").fill("Named nurse (invented)")
    looked_at(page, "request")
    press(page, "Keep as a draft")
    says(page, what)
    looked_at(page, "drafts")
    release(office, page, ("",), name="request")


def answer(office: OfficeOf, page: Page, what: str, text: str) -> None:
    """With the keyboard only: find the request, answer it, review it, release it."""
    page.goto(office.address("requests"))
    says(page, what)
    looked_at(page, "requests")
    press_on(page, "a[href*='to_request=']")
    page.wait_for_url(re.compile("/write/answer"))
    looked_at(page, "answer")
    type_into(page, "textarea[name=text]", text)
    type_into(page, "input[name=job_title]", "Social worker (invented)")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/drafts"))
    ticks = page.get_by_role("checkbox", name=re.compile(r"^Release this\s*:\s*Answer"))
    expect(ticks).to_have_count(1)
    press_on(page, f"#{ticks.get_attribute('id')}", "Space")
    press_on(page, "#drafts > button")
    page.wait_for_url(re.compile("/release/"))
    press_on(page, "input[name=purposes][value=panel_review]", "Space")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/confirm"))
    press_on(page, "form[action$='/confirm'] button")
    page.wait_for_url(re.compile("/done"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Released and sent")
