"""Takes the pictures of ``docs/screenshots/``: ``make screenshots``. Everything that is on them is invented.

The demo is told and served (``python -m demo --serve``); chromium follows its tour (docs/tour.md), signed in as the
people whom the tour names, and takes each page on a narrow and a wide screen. So a step of the tour that does not go
as it says stops it. Each file has a palette, so that it stays small. ``--demo FILE`` takes them of a demo that serves
already, whose output is in that file.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

from tests.browser.chromium import REPOSITORY, Desktop, chromium, find_chromium
from tests.browser.demo_site import Account, accounts_of, served, sign_in, unlock
from tests.browser.small_png import smaller
from tests.scene import now

FOLDER = REPOSITORY / "docs" / "screenshots"
WIDTHS = {"narrow": 390, "wide": 1280}
HEIGHT, MOST_HEIGHT = 900, 1_800
MAX_BYTES, MAX_ALL = 150_000, 4_000_000
WAITS_MS = 40_000
LATER = REPOSITORY / "demo" / "files" / "charity-htcds-later.csv"


@dataclass(frozen=True)
class Visitor:
    """One of the tour's people in a browser of their own."""

    account: Account
    page: Page

    @property
    def case(self) -> str:
        """The address of the one case."""
        self.page.goto(self.account.at("/"))
        link = self.page.get_by_role("link", name=re.compile("^Picture of case")).get_attribute("href")
        found = re.match("/cases/[0-9a-f]{32}", link or "")
        assert found is not None, link
        return self.account.at(found[0])

    def shoot(self, name: str, part: Locator | None = None) -> None:
        """Take what is shown from its top, or one part of it, on each screen."""
        for label, width in WIDTHS.items():
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} at {width}"
            box = {"x": 0.0, "y": 0.0, "width": float(width), "height": self._height()}
            if part is not None:
                found = part.bounding_box()
                assert found is not None, f"{name} is not shown"
                box |= {"y": found["y"] + self.page.evaluate("scrollY"), "height": min(MOST_HEIGHT, found["height"])}
            taken = self.page.screenshot(full_page=True, clip=box, animations="disabled")  # type: ignore[arg-type]
            (FOLDER / f"{name}-{label}.png").write_bytes(smaller(taken))
        self.page.set_viewport_size({"width": WIDTHS["wide"], "height": HEIGHT})

    def _height(self) -> float:
        return float(min(MOST_HEIGHT, self.page.evaluate("document.documentElement.scrollHeight")))

    def press(self, name: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=name, exact=True).last.click()
        self.page.wait_for_load_state()

    def follow(self, name: str) -> None:
        """Follow a link of the case's line of pages, or another."""
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.wait_for_load_state()

    def says(self, words: str) -> None:
        """Wait until the page says it."""
        self.page.get_by_role("main").filter(has_text=words).wait_for(timeout=WAITS_MS)


def lead_reads(lead: Visitor) -> None:
    """Steps 1 to 3: home, unlock, the picture and its parts, a fragment, search."""
    page, account = lead.page, lead.account
    sign_in(page, account)
    lead.says("What waits for you")
    page.get_by_role("link", name=re.compile("^Picture of case")).click()
    page.wait_for_url(re.compile("/unlock"))
    lead.shoot("unlock")
    unlock(page, account)
    case = lead.case
    page.goto(f"{case}/picture")
    lead.says("I want it to stop")
    lead.shoot("picture")
    for name in ("chronology", "elements", "disagreements", "gaps"):
        lead.shoot(name, page.locator(f"section[aria-labelledby={name}]"))
    page.goto(account.at("/"))
    lead.says("Cases that list you")
    lead.shoot("home")
    page.goto(f"{case}/picture?held=1")
    page.locator(
        "section[aria-labelledby=evidence] article h3 a, section[aria-labelledby=evidence] article a"
    ).first.click()
    lead.says("Who said it, how they know, on which basis")
    lead.shoot("fragment")
    lead.follow("Search")
    page.get_by_role("main").get_by_role("textbox").first.fill("Juniper")
    lead.press("Search")
    lead.says("Juniper")
    lead.shoot("search")


def lead_writes(lead: Visitor) -> None:
    """Steps 4 and 5: a request, a view."""
    page = lead.page
    lead.follow("Requests")
    lead.says("Who collected her from school")
    lead.shoot("requests")
    lead.follow("Ask another agency for information")
    page.get_by_role("radio", name=re.compile("Hospitals")).check()
    page.get_by_label("What do you need to know?").fill("Was she seen by a nurse after the night of 11 March?")
    page.get_by_label("Why do you need it?").fill("She had a burn that nobody has looked at since.")
    due = now().date() + timedelta(days=5)
    for label, number in (("Day", due.day), ("Month", due.month), ("Year", due.year)):
        page.get_by_label(label, exact=True).fill(str(number))
    page.get_by_label("Your job").fill("Social worker (invented)")
    lead.shoot("request")
    lead.press("Keep as a draft")
    lead.follow("Write")
    lead.shoot("write")
    lead.follow("Give your professional view")
    page.get_by_label("What do you think, and why?").fill("She ate with the family, and slept through two nights.")
    page.get_by_label("Your job").fill("Social worker (invented)")
    lead.press("Keep as a draft")


def lead_releases(lead: Visitor) -> None:
    """Step 6: review, terms, who would get it, release."""
    page = lead.page
    lead.follow("Review and release")
    lead.says("Was she seen by a nurse")
    lead.shoot("review")
    page.locator("article", has_text="She is calmer").get_by_role("checkbox").check()
    lead.press("Choose what it is shared for")
    page.get_by_role("checkbox", name="Review by the panel").check()
    lead.press("Show who would get it")
    lead.says("Check what leaves, and to whom")
    lead.shoot("confirm")
    lead.press("Release and send")
    lead.says("Released and sent")


def lead_releases_more(lead: Visitor) -> None:
    """What the chair is told of while they read: the view. The request goes to the agency that it asks."""
    lead.follow("Review and release")
    lead.page.locator("article", has_text="slept through two nights").get_by_role("checkbox").check()
    lead.press("Choose what it is shared for")
    lead.page.get_by_role("checkbox", name="Review by the panel").check()
    lead.press("Show who would get it")
    lead.press("Release and send")
    lead.says("Released and sent")


def chair_reads(chair: Visitor, lead: Visitor) -> None:
    """Steps 7 and 8: what is new, and a line that says so by itself."""
    page = chair.page
    sign_in(page, chair.account)
    unlock(page, chair.account)
    page.goto(f"{chair.case}/picture")
    chair.says("Since you last looked")
    chair.says("She is calmer")
    lead_releases_more(lead)
    page.get_by_role("status").filter(has_text="Since you opened this:").wait_for(timeout=WAITS_MS)
    chair.shoot("news")


def lead_looks_around(lead: Visitor) -> None:
    """Steps 9 and 10, and pages beside the case."""
    page, account = lead.page, lead.account
    page.goto(f"{lead.case}/picture")
    lead.follow("Strategy discussion")
    lead.says("A foster family two towns away")
    lead.shoot("strategy")
    lead.follow("Who read what")
    lead.says("Who read what your agency shared")
    lead.shoot("readers")
    for name, path in (("account", "/account"), ("notifications", "/account/notifications")):
        page.goto(account.at(path))
        lead.shoot(name)
    page.goto(account.at("/accessibility"))
    lead.shoot("accessibility")


def practitioner_adds(worker: Visitor) -> None:
    """Step 11: a file, whose it is, what its reader found; indicators."""
    page = worker.page
    sign_in(page, worker.account)
    unlock(page, worker.account)
    case = worker.case
    page.goto(f"{case}/picture")
    worker.follow("Add records")
    worker.shoot("upload")
    page.get_by_label("The file", exact=True).set_input_files(LATER)
    worker.press("Read the file")
    page.wait_for_url(re.compile("/upload/whose"))
    worker.shoot("match")
    page.get_by_role("radio", name=re.compile("Junipre")).check()
    worker.press("Continue")
    worker.says("is not in the list of 'Methods of Control'")
    worker.shoot("findings")
    page.goto(f"{case}/indicators")
    for label, text in (("Day", "12"), ("Month", "3"), ("Year", "2026")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("What is the job of whoever observed it?").fill("youth worker")
    worker.press("Continue")
    page.locator("#CTL02").check()
    page.locator("details:has(#CTL02\\.seen) summary").click()
    page.locator("#CTL02\\.seen").fill("Looked at the man in the car before each answer")
    page.locator("#CTL03-2").check()
    worker.shoot("indicators")


def practitioner_asks_for_consent(worker: Visitor) -> None:
    """Step 12: where consent stands, and what taking it back would do; nothing is recorded."""
    page = worker.page
    worker.follow("Consent and wishes")
    worker.says("They take their agreement back")
    worker.shoot("consent")
    worker.press("They take their agreement back")
    page.get_by_label("Yes", exact=True).check()
    page.get_by_label("No interpreter was needed").check()
    page.get_by_label("Yes, what they said is written down").check()
    page.get_by_label("What was said").fill("She does not want the panel to read it any more.")
    page.get_by_label("Your job").fill("Support worker (invented)")
    worker.press("Continue")
    worker.says("What it changes in what your agency shares")
    worker.shoot("consent-effect")


def officer_looks(officer: Visitor) -> None:
    """Step 13: what the hub itself knows."""
    sign_in(officer.page, officer.account)
    officer.page.get_by_role("link", name=re.compile("^Account of")).click()
    officer.page.wait_for_load_state()
    officer.shoot("console")


def follow_the_tour(browser: Browser, accounts: Mapping[str, Account]) -> None:
    """Go through the steps of the tour in their order, and take the pages."""
    people = {kind: Visitor(account, Desktop(browser.new_context()).page) for kind, account in accounts.items()}
    lead, worker = people["lead professional"], people["practitioner"]
    lead_reads(lead)
    lead_writes(lead)
    lead_releases(lead)
    chair_reads(people["panel chair"], lead)
    lead_looks_around(lead)
    practitioner_adds(worker)
    practitioner_asks_for_consent(worker)
    officer_looks(people["information governance officer"])


@contextmanager
def _accounts(demo: Path | None) -> Iterator[Mapping[str, Account]]:
    if demo is not None:
        yield accounts_of(demo.read_text(encoding="utf-8"))
        return
    with tempfile.TemporaryDirectory() as folder, served(Path(folder) / "demo") as found:
        yield found


def main() -> int:
    """Take them all; return how many are larger than they may be."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots", description=__doc__)
    parser.add_argument("--demo", type=Path, help="the output of a demo that serves already")
    arguments, path = parser.parse_args(), find_chromium()
    if path is None:
        sys.stderr.write("chromium is not here (Debian package chromium; NRM_TEST_CHROMIUM names another place)\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    before = set(FOLDER.glob("*.png"))
    started = now().timestamp()
    with _accounts(arguments.demo) as accounts, chromium(path) as browser:
        follow_the_tour(browser, accounts)
    for left in before:
        if left.stat().st_mtime < started:
            left.unlink()
    sizes = {item.name: item.stat().st_size for item in sorted(FOLDER.glob("*.png"))}
    sys.stdout.write("".join(f"{name} {size:,} bytes\n" for name, size in sizes.items()))
    too_large = [name for name, size in sizes.items() if size > MAX_BYTES]
    sys.stdout.write(
        f"{len(sizes)} files, {sum(sizes.values()):,} bytes; too large: {', '.join(too_large) or 'none'}\n"
    )
    return len(too_large) + (sum(sizes.values()) > MAX_ALL)


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
