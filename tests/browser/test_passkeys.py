"""Passkeys in a real browser, whose authenticators are simulated: the script, the pages and the workspace together."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.adapters.workspace.desk import AGENCY
from tests.attacks.key_acts import revoke_person
from tests.browser.chromium import Desktop, assert_no_axe_violations
from tests.browser.workspace import Office

pytestmark = pytest.mark.slow
NewDesktop = Callable[[], Desktop]


def says(page: Page, words: str) -> None:
    expect(page.get_by_role("main")).to_contain_text(words)


def test_add_sign_out_and_come_back_with_the_passkey(office: Office, new_desktop: NewDesktop) -> None:
    """One factor and the passphrase, a passkey; then one factor and the passkey, which unlocks."""
    desktop = new_desktop()
    device, page = desktop.plug_in(), desktop.page
    office.sign_in(page)
    office.unlock(page)
    page.goto(f"{office.served.origin}/passkeys")
    assert_no_axe_violations(page)
    page.get_by_role("link", name="Add a passkey").click()
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Continue").click()
    says(page, "There is a problem")
    assert_no_axe_violations(page)
    page.get_by_label("Name of the passkey").fill("blue key")
    page.get_by_label("Passphrase of your key", exact=True).fill(office.passphrase)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("button", name="Make the passkey")).to_be_visible()
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Make the passkey").click()
    page.wait_for_url(re.compile("/passkeys/use"))
    assert len(device.credentials()) == 1
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(f"{office.served.origin}/")
    page.goto(office.picture)
    says(page, "2 fragments opened by you")
    page.goto(f"{office.served.origin}/passkeys")
    says(page, "Second factor, and unlocks your key")
    says(page, "Have two")
    assert_no_axe_violations(page)
    for verb in ("Rename", "Remove"):
        page.goto(f"{office.served.origin}/passkeys")
        page.get_by_role("link", name=f"{verb} blue key").click()
        assert_no_axe_violations(page)
    office.sign_out(page)

    office.sign_in(page)
    page.goto(office.picture)
    page.wait_for_url(re.compile("/unlock"))
    assert_no_axe_violations(page)
    page.get_by_role("link", name="Use your passkey").click()
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(office.picture)
    says(page, "2 fragments opened by you")
    page.goto(f"{office.served.origin}/account")
    says(page, "unlocked, by your passkey")
    assert_no_axe_violations(page)


def test_an_authenticator_without_prf_leaves_the_passphrase(office: Office, new_desktop: NewDesktop) -> None:
    desktop = new_desktop()
    desktop.plug_in(has_prf=False)
    page = desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "plain key")
    office.sign_out(page)
    office.sign_in(page)
    office.use_passkey(page)
    says(page, "It cannot unlock your key")
    assert_no_axe_violations(page)
    office.unlock(page)
    page.goto(office.picture)
    says(page, "2 fragments opened by you")


def test_the_passphrase_works_without_the_passkey_and_content_waits_for_it(
    office: Office, new_desktop: NewDesktop
) -> None:
    """A lost authenticator: the key opens by its passphrase; the second factor is still missing, and that is said."""
    desktop = new_desktop()
    device, page = desktop.plug_in(), desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "blue key")
    office.sign_out(page)
    device.remove()
    desktop.plug_in()
    office.sign_in(page)
    office.use_passkey(page)
    expect(page.get_by_role("status")).to_contain_text("Nothing was confirmed")
    assert_no_axe_violations(page)
    page.get_by_role("link", name="Use your passphrase instead").click()
    office.unlock(page)
    page.goto(f"{office.served.origin}/")
    says(page, "Your key is unlocked, by your passphrase")
    page.goto(office.picture)
    says(page, "Pictures also need a second factor")


def test_an_authenticator_that_does_not_know_its_user_is_not_enough(office: Office, new_desktop: NewDesktop) -> None:
    desktop = new_desktop()
    device, page = desktop.plug_in(), desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "blue key")
    office.sign_out(page)
    device.verifies_user(False)
    office.sign_in(page)
    office.use_passkey(page)
    expect(page.get_by_role("status")).to_contain_text("Nothing was confirmed")
    page.goto(office.picture)
    page.wait_for_url(re.compile("/unlock"))


def test_without_script_the_page_says_what_to_do(office: Office, new_desktop: NewDesktop) -> None:
    desktop = new_desktop()
    desktop.plug_in()
    page = desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "blue key")
    page.route("**/passkey.js*", lambda route: route.abort())
    page.goto(f"{office.served.origin}/passkeys/use")
    says(page, "Using a passkey needs a script that your browser did not run.")
    expect(page.get_by_role("button", name="Use your passkey")).to_have_count(0)
    expect(page.get_by_role("link", name="Use your passphrase instead")).to_be_visible()
    desktop.problems.clear()


def test_a_changed_script_is_not_run(office: Office, new_desktop: NewDesktop) -> None:
    desktop = new_desktop()
    desktop.plug_in()
    page = desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "blue key")
    page.route("**/passkey.js*", lambda route: route.fulfill(body="window.stolen = 1", content_type="text/javascript"))
    page.goto(f"{office.served.origin}/passkeys/use")
    says(page, "Using a passkey needs a script that your browser did not run.")
    assert page.evaluate("window.stolen") is None
    assert any("integrity" in problem for problem in desktop.problems)
    desktop.problems.clear()


def test_a_copied_authenticator_is_refused(office: Office, new_desktop: NewDesktop) -> None:
    """The copy's counter stands where it was when it was made."""
    owner, thief = new_desktop(), new_desktop()
    device, copied = owner.plug_in(), thief.plug_in()
    office.sign_in(owner.page)
    office.unlock(owner.page)
    office.add_passkey(owner.page, "blue key")
    (credential,) = device.credentials()
    copied.take_in(credential)
    for _ in range(2):
        office.use_passkey(owner.page)
        owner.page.wait_for_url(f"{office.served.origin}/")
    office.sign_in(thief.page)
    office.use_passkey(thief.page)
    says(thief.page, "A copy of this passkey seems to exist")
    assert_no_axe_violations(thief.page)
    thief.page.goto(office.picture)
    thief.page.wait_for_url(re.compile("/unlock"))
    owner.page.goto(f"{office.served.origin}/passkeys")
    says(owner.page, "Nothing any more: a copy of it seems to exist")
    assert [code for code, _ in office.scene.alarms(AGENCY)] == ["passkey_copied"]


def test_a_revoked_member_is_thrown_out_within_a_second(office: Office, new_desktop: NewDesktop) -> None:
    """In the open browser: what they do next after their adapter knows shows that they are signed out."""
    desktop = new_desktop()
    desktop.plug_in()
    page = desktop.page
    office.sign_in(page)
    office.unlock(page)
    office.add_passkey(page, "blue key")
    office.use_passkey(page)
    page.wait_for_url(f"{office.served.origin}/")
    page.goto(office.picture)
    says(page, "2 fragments opened by you")
    revoke_person(office.scene[AGENCY], "voter")
    office.scene.witness()
    since = time.monotonic()
    page.reload()
    says(page, "Your key has ended")
    assert time.monotonic() - since < 1
    assert "opened by you" not in page.content()
    assert office.here.ring.held() == []
    assert_no_axe_violations(page)
