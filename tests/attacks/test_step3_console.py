"""Attack 62 by number, at the hub's console: a session is used after its reason is gone, at another process of the hub.

Both processes share a database and a store of the moment, and no memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from keys.revocation import RevocationReason
from keys.sessions import COOKIE
from policies.vocabulary import Role
from tests.hub.console.desk import Browser, Desk, vouched
from tests.scene import HEALTH, Scene

SECONDS = 1.0
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(make_scene: Callable[[], Scene]) -> Iterator[Desk]:
    """One hub for all."""
    desk = Desk(make_scene())
    yield desk
    desk.close()


@pytest.fixture
def desk(made: Desk) -> Desk:
    """The hub, its clock right."""
    made.later = timedelta(0)
    return made


def two_processes(desk: Desk, subject: str, officer: str) -> tuple[Browser, Browser]:
    """An officer signed in, and the same session at another process, where it was used already."""
    desk.give(desk.word(member=officer, subject=subject))
    first = desk.signed_in(vouched(subject=subject))
    _, hub = desk.build()
    second = desk.browser(hub)
    second.token = first.token
    assert first.get("/console/").status_code == second.get("/console/").status_code == 200
    return first, second


def assert_signed_out(browser: Browser, since: float) -> None:
    """The very next request is refused with a page that says so, and soon."""
    answer = browser.get("/console/")
    assert time.monotonic() - since < SECONDS + 1.0  # what ended it travelled through the API first
    assert answer.status_code == 401
    assert "does not let you in here any more" in answer.text
    assert browser.get("/console/").headers["Location"] == "/console/sign-in"


@pytest.mark.parametrize("reason", [RevocationReason.LEFT, RevocationReason.LOST, RevocationReason.COMPROMISED])
def test_attack_62_a_revoked_officer_is_signed_out_at_every_process(desk: Desk, reason: RevocationReason) -> None:
    """Whatever their keys were revoked for."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    first, second = two_processes(desk, f"revoked {reason.value}", officer)
    began = time.monotonic()
    desk.revoke(officer, reason)
    assert_signed_out(second, began)
    assert first.get("/console/").status_code == 303, "it was ended for all"


def test_attack_62_an_ended_access_signs_out_at_every_process(desk: Desk) -> None:
    """The agency's word alone is enough."""
    _, second = two_processes(desk, "ended", desk.officer)
    began = time.monotonic()
    desk.give(desk.word(subject="ended", days=0, since=timedelta(days=-1)))
    assert_signed_out(second, began)


def test_attack_62_an_access_that_runs_out_signs_out(desk: Desk) -> None:
    """By its time, though the session was used all along."""
    desk.give(desk.word(subject="short", days=10 / 24 / 60))
    browser = desk.signed_in(vouched(subject="short"))
    desk.later = timedelta(minutes=9)
    assert browser.get("/console/").status_code == 200
    desk.later = timedelta(minutes=10)
    assert_signed_out(browser, time.monotonic())


def test_attack_62_a_role_that_was_cut_signs_out(desk: Desk) -> None:
    """Certified anew for another role, they are no officer, whatever was signed before."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    _, second = two_processes(desk, "cut", officer)
    began = time.monotonic()
    desk.later = timedelta(seconds=1)
    desk.certify_again(officer, Role.PRACTITIONER)
    assert_signed_out(second, began)


def test_attack_62_an_account_given_to_somebody_else_signs_out(desk: Desk) -> None:
    """The session was the other person's."""
    other = desk.add_person(HEALTH, Role.IG_OFFICER)
    _, second = two_processes(desk, "moved", desk.officer)
    began = time.monotonic()
    desk.give(desk.word(subject="moved", member=other))
    assert_signed_out(second, began)


def test_attack_62_a_look_after_the_end_reads_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Access that ends between the first check and the reading is asked of again, in the reading's own transaction."""
    desk.give(desk.word(subject="racing"))
    browser = desk.signed_in(vouched(subject="racing"))
    taken = desk.here.rates.take

    def end_first(kind: str, name: str, per_minute: int) -> None:
        if kind == "looks":
            desk.give(desk.word(subject="racing", days=0, since=timedelta(days=-1)))
        taken(kind, name, per_minute)

    monkeypatch.setattr(desk.here.rates, "take", end_first)
    answer = browser.get(f"/console/cases/{desk.scene.main}")
    assert answer.status_code == 401
    assert "audited" not in desk.scene.log_types()
    assert "member " not in answer.text


def test_attack_62_a_second_real_process_signs_out_too(desk: Desk, tmp_path: Path) -> None:
    """The same with another process of the operating system, over HTTP."""
    officer = desk.add_person(HEALTH, Role.IG_OFFICER)
    desk.give(desk.word(member=officer, subject="real"))
    browser = desk.signed_in(vouched(subject="real"))
    said = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "tests.hub.console.second_process", str(desk.scene.hub.home)]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, env=said, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, (tmp_path / "log").read_text()
            headers = {"Cookie": f"{COOKIE}={browser.token}", "Host": browser.origin.removeprefix("http://")}
            with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=20) as client:
                assert client.get("/console/").status_code == 200
                desk.revoke(officer)
                began = time.monotonic()
                answer = client.get("/console/")
                assert time.monotonic() - began < SECONDS
                assert answer.status_code == 401
        finally:
            process.terminate()
