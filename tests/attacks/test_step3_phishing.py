"""Attack 82 of step 3: a relay between a panel member's browser and their workspace gets nowhere with their passkey."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from adapters.workspace.sessions import SessionLine
from tests.browser.chromium import Authenticator, Desktop
from tests.browser.relay import Relay, asking_for, claiming
from tests.browser.workspace import Office

pytestmark = pytest.mark.slow


@pytest.fixture
def relay(office: Office) -> Iterator[Relay]:
    """A relay in front of the workspace, under a name of its own."""
    made = Relay(office.served)
    made.served.start()
    yield made
    made.served.stop()


@pytest.fixture
def member(office: Office, new_desktop: Callable[[], Desktop]) -> tuple[Desktop, Authenticator]:
    """A panel member at their own browser, who has registered a passkey at the real workspace and signed out."""
    desktop = new_desktop()
    device = desktop.plug_in()
    office.sign_in(desktop.page)
    office.unlock(desktop.page)
    office.add_passkey(desktop.page, "blue key")
    office.use_passkey(desktop.page)
    desktop.page.wait_for_url(f"{office.served.origin}/")
    office.sign_out(desktop.page)
    return desktop, device


def sessions(office: Office) -> list[SessionLine]:
    return office.here.sessions.list_signed_in(member=office.member)


def lured(office: Office, relay: Relay, page: Page) -> None:
    """The member signs in through the relay: it has their session, and their passphrase would open the key."""
    office.sign_in(page, relay.served.origin)
    assert page.url == f"{relay.served.origin}/"
    assert relay.stolen
    assert [one.two_factor for one in sessions(office)] == [False]


def assert_nothing_gained(office: Office, page: Page, relay: Relay) -> None:
    assert [one.two_factor for one in sessions(office)] == [False]
    assert office.here.ring.held() == []
    page.goto(office.picture.replace(office.served.origin, relay.served.origin))
    page.wait_for_url(re.compile("/unlock"))


def test_attack_82_the_browser_does_not_use_a_passkey_on_a_relays_page(
    office: Office, relay: Relay, member: tuple[Desktop, Authenticator]
) -> None:
    page, device = member[0].page, member[1]
    lured(office, relay, page)
    count = device.credentials()[0]["signCount"]
    office.use_passkey(page, relay.served.origin)
    expect(page.get_by_role("status")).to_contain_text(
        "The browser refused: this page is not where your passkeys belong"
    )
    assert device.credentials()[0]["signCount"] == count
    assert relay.passed == []
    assert_nothing_gained(office, page, relay)


def test_attack_82_asking_for_passkeys_of_its_own_name_finds_none(
    office: Office, relay: Relay, member: tuple[Desktop, Authenticator]
) -> None:
    page = member[0].page
    relay.on_page = asking_for("other.localhost")
    lured(office, relay, page)
    office.use_passkey(page, relay.served.origin)
    expect(page.get_by_role("status")).to_contain_text("Nothing was confirmed")
    assert relay.passed == []
    assert_nothing_gained(office, page, relay)


@pytest.mark.parametrize("lies", [False, True])
def test_attack_82_an_answer_given_on_a_relays_page_is_refused(
    office: Office, relay: Relay, member: tuple[Desktop, Authenticator], lies: bool
) -> None:
    """Even an authenticator that were fooled into signing says where; changing that breaks the signature."""
    desktop, device = member
    page = desktop.page
    (credential,) = device.credentials()
    device.remove()
    desktop.plug_in().take_in(credential, rpId="other.localhost", signCount=100)
    relay.on_page = asking_for("other.localhost")
    if lies:
        relay.on_answer = claiming(office.served.origin)
    lured(office, relay, page)
    office.use_passkey(page, relay.served.origin)
    expect(page.get_by_role("main")).to_contain_text("The passkey was not accepted: it answered another question")
    assert relay.passed == [("/passkeys/used", 403)]
    assert_nothing_gained(office, page, relay)


def test_attack_82_a_passphrase_that_a_relay_passes_on_shows_no_content(
    office: Office, relay: Relay, member: tuple[Desktop, Authenticator]
) -> None:
    """What the passkey is for: the relay passes a typed passphrase on and the key opens, yet no content is shown."""
    page = member[0].page
    lured(office, relay, page)
    page.goto(f"{relay.served.origin}/unlock")
    page.get_by_label("Passphrase of your key", exact=True).fill(office.passphrase)
    page.get_by_role("button", name="Unlock", exact=True).click()
    page.wait_for_url(re.compile("/account|/passkeys"))
    assert len(office.here.ring.held()) == 1
    page.goto(office.picture.replace(office.served.origin, relay.served.origin))
    expect(page).to_have_url(re.compile("/unlock"))
    assert [one.two_factor for one in sessions(office)] == [False]
