"""Who leaves the workspace leaves nothing behind at the hub: their token is refused there within a second.

Against the hub as users run it. Whoever has a copy of the token and of the key that it is bound to has nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.hub_client import HubClient, HubUnreachable
from adapters.runtime import Adapter
from adapters.workspace import leaving
from adapters.workspace.serving import _tend
from keys.sessions import IDLE
from tests.adapters.workspace.desk import AGENCY, Browser, Desk
from tests.scene import Scene, opened_keys

SECOND = 1.0


@pytest.fixture(scope="module")
def desk(scene_source: Path, make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """A workspace whose hub is another process."""
    environ = json.loads((scene_source / "scene.json").read_text())["environ"][AGENCY]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.home.read_key_file", opened_keys)
        scene = make_scene().start()
        scene.witness()
        adapter = Adapter(scene[AGENCY].home, environ=environ)
        yield Desk(scene, adapter, environ)
        adapter.store.close()


@dataclass
class Copied:
    """A person's token as a thief in the process's memory would copy it, with the key that it is bound to."""

    client: HubClient
    token: str

    def status(self) -> int:
        """What the hub answers to a request with it, asked again where it only wants a fresh nonce."""
        path, issuer = "/v1/cases", self.client._issuer
        for _ in range(2):
            proof = self.client._proving.prove("GET", f"{issuer}{path}", self.client._nonce, self.token)
            answer = httpx.get(f"{issuer}{path}", headers={"Authorization": f"DPoP {self.token}", "DPoP": proof})
            self.client._nonce = answer.headers["DPoP-Nonce"]
            if "use_dpop_nonce" not in answer.headers.get("WWW-Authenticate", ""):
                break
        return answer.status_code


def reading(desk: Desk) -> tuple[Browser, Copied]:
    """Somebody who has read a case, and a copy of the token with which they did."""
    browser = desk.unlocked()
    assert browser.get(f"/cases/{desk.scene.main}/picture").status_code == 200
    client = desk.adapter.client
    (token,) = [held[0] for key, held in client._tokens.items() if key is not None and key[0] == desk.member]
    copied = Copied(client, token)
    assert copied.status() == 403, "good, though not for this address: it is a person's"
    return browser, copied


def assert_dead(desk: Desk, copied: Copied, since: float) -> None:
    """Forgotten here at once, refused there within a second."""
    assert not [key for key in desk.adapter.client._tokens if key is not None and key[0] == desk.member]
    while copied.status() != 401:
        assert time.monotonic() - since < SECOND
    assert time.monotonic() - since < SECOND + 0.5


def by_signing_out(_desk: Desk, browser: Browser) -> None:
    assert browser.post("/sign-out").status_code == 200


def by_locking(_desk: Desk, browser: Browser) -> None:
    assert browser.post("/lock").status_code == 303


def by_ending_it_elsewhere(desk: Desk, browser: Browser) -> None:
    other = desk.signed_in()
    assert other.post("/account/sessions/end", form_of="/account", session="others").status_code == 303


def by_idling(desk: Desk, browser: Browser) -> None:
    """Nobody asks for anything any more: the process itself looks."""
    right, stop = desk.here.sessions._clock, threading.Event()
    # The sessions' clock alone: the hub knows what time it is.
    desk.here.sessions._clock = lambda: right() + IDLE
    tending = threading.Thread(target=_tend, args=(desk.here, stop))
    tending.start()
    while desk.here.ring.held():
        time.sleep(0.01)
    desk.here.sessions._clock = right
    stop.set()
    tending.join()


@pytest.mark.parametrize("leave", [by_signing_out, by_locking, by_ending_it_elsewhere, by_idling])
def test_a_persons_token_ends_as_they_leave(desk: Desk, leave: Callable[[Desk, Browser], None]) -> None:
    browser, copied = reading(desk)
    leave(desk, browser)
    assert_dead(desk, copied, time.monotonic())
    desk.end_all()


def test_somebody_who_comes_back_gets_another_token(desk: Desk) -> None:
    browser, copied = reading(desk)
    by_locking(desk, browser)
    assert_dead(desk, copied, time.monotonic())
    assert browser.post("/unlock", passphrase=desk.passphrase).status_code == 303
    assert browser.get(f"/cases/{desk.scene.main}/picture").status_code == 200
    desk.end_all()


def test_a_token_fetched_by_a_page_that_was_under_way_ends_too(desk: Desk) -> None:
    """They sign out while their own pull holds the hub; it fetches a token after they have left."""
    browser, copied = reading(desk)
    with desk.here.hub() as adapter:
        by_signing_out(desk, browser)
        late = next(iter(desk.adapter.client._tokens), None)
        assert late is None or late[0] != desk.member
        adapter.client._tokens[desk.member, ("pwd",)] = (copied.token, time.monotonic() + 100)
    began = time.monotonic()
    desk.here.leaving._waiting.join()
    assert_dead(desk, copied, began)


def test_a_hub_that_does_not_answer_holds_up_nobody(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page comes at once, the token is forgotten here; what went wrong keeps nobody else's alive."""
    browser, copied = reading(desk)
    hanging = threading.Event()

    def hang(tokens: tuple[str, ...]) -> None:
        hanging.wait(10)
        raise HubUnreachable("invented")

    with monkeypatch.context() as patch:
        patch.setattr(desk.adapter.client, "give_back", hang)
        began = time.monotonic()
        by_signing_out(desk, browser)
        assert time.monotonic() - began < SECOND
        assert not [key for key in desk.adapter.client._tokens if key is not None]
        hanging.set()
        desk.here.leaving._waiting.join()
    assert copied.status() == 403, "the hub could not be told: it dies of age"
    again, later = reading(desk)
    by_signing_out(desk, again)
    assert_dead(desk, later, time.monotonic())


def test_more_than_can_wait_are_only_forgotten(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, _ = reading(desk)
    monkeypatch.setattr(leaving.queue.Queue, "put_nowait", lambda *_: (_ for _ in ()).throw(leaving.queue.Full))
    by_signing_out(desk, browser)
    assert not [key for key in desk.adapter.client._tokens if key is not None]


def test_a_process_that_ends_tells_the_hub_of_everybody(desk: Desk) -> None:
    _, copied = reading(desk)
    began = time.monotonic()
    desk.here.close()
    assert time.monotonic() - began < leaving.LAST_SECONDS + 0.5
    assert_dead(desk, copied, began)
