"""Unlocking: whose keys, for how long, how many tries; and that neither keys nor passphrases show."""

from __future__ import annotations

import contextlib
import logging
from datetime import timedelta

import pytest

from adapters.alarms import meaning_of
from adapters.store.rows import open_alarms
from adapters.store.tables import UnlockAttemptRow
from adapters.workspace.app import mark_two_factor, recognised, this_session, unlock_with
from adapters.workspace.pacing import FREE_TOGETHER, FREE_TRIES, LONGEST_WAIT, TURN, Pace, wait_after
from adapters.workspace.refusal import UnlockRefused
from adapters.workspace.sessions import MAX_PER_PERSON
from adapters.workspace.unlocking import How
from keys.custody.keyfile import KeyFile
from keys.custody.secret import Secret
from keys.sessions import IDLE, digest_of, new_token
from tests.adapters.workspace.desk import Desk, Vouched

WRONG = "not the passphrase of anybody"
SESSION = digest_of(new_token())


def forget_tries(desk: Desk) -> None:
    with desk.adapter.store.write() as session:
        session.query(UnlockAttemptRow).delete()


def test_the_key_is_open_for_this_session_only(shared: Desk) -> None:
    """Another session of the same person has to unlock for itself; signing out, locking and time lock it."""
    first, second = shared.unlocked(), shared.signed_in()
    path = f"/cases/{shared.scene.main}/picture"
    assert shared.here.ring.held() == [digest_of(first.token)]
    assert second.get(path).headers["Location"] == "/unlock"
    assert first.post("/lock").status_code == 303
    assert shared.here.ring.held() == []
    assert first.get(path).headers["Location"] == "/unlock"
    third = shared.unlocked()
    assert third.post("/sign-out").status_code == 200
    assert shared.here.ring.held() == []


def test_nobody_has_to_ask_for_a_key_to_be_given_up(shared: Desk) -> None:
    """The process looks each second: idle time, an end by another process, the end of the process."""
    browser = shared.unlocked()
    shared.here.drop_ended()
    assert shared.here.ring.held() == [digest_of(browser.token)]
    shared.later += IDLE + timedelta(minutes=1)
    shared.here.drop_ended()
    assert shared.here.ring.held() == []
    shared.later *= 0
    shared.end_all()
    browser = shared.unlocked()
    shared.here.sessions._on_end = lambda _: None
    shared.here.sessions.end_these([digest_of(browser.token)])
    shared.here.sessions._on_end = shared.here.ring.drop
    assert shared.here.ring.held() != []
    shared.here.drop_ended()
    assert shared.here.ring.held() == []
    shared.unlocked()
    shared.here.close()
    assert shared.here.ring.held() == []


def test_one_factor_unlocks_and_opens_no_content(shared: Desk) -> None:
    """Then a passkey has to be added; the page says so."""
    browser = shared.signed_in(Vouched(is_two_factor=False))
    answer = browser.post("/unlock", passphrase=shared.passphrase)
    assert answer.headers["Location"] == "/account"
    path = f"/cases/{shared.scene.main}/picture"
    assert browser.get(path).headers["Location"] == "/unlock"
    assert "Pictures also need a second factor" in browser.get("/unlock").text
    # What a passkey does once it has been used:
    with shared.app.test_request_context(
        "/", base_url="http://fern-health.localhost:8443", headers=cookie(browser.token)
    ):
        mark_two_factor(this_session())
        browser.token = this_session().token
    assert browser.get(path).status_code == 200


def cookie(token: str) -> dict[str, str]:
    return {"Cookie": f"__Host-session={token}"}


def test_a_passkey_brings_the_passphrase(shared: Desk) -> None:
    browser = shared.signed_in()
    with shared.app.test_request_context(
        "/", base_url="http://fern-health.localhost:8443", headers=cookie(browser.token)
    ):
        unlock_with(this_session(), Secret(shared.passphrase), How.PASSKEY)
        assert recognised().amr == ("pwd", "mfa", "pop"), "nobody attests hardware"
        browser.token = this_session().token
    assert "Your key is unlocked, by your passkey" in browser.get("/").text


def test_nobody_signed_in_unlocks_nothing(shared: Desk) -> None:
    with shared.app.test_request_context("/", base_url="http://fern-health.localhost:8443"):
        with pytest.raises(ValueError, match="nobody is signed in"):
            unlock_with(this_session(), Secret(shared.passphrase))
        with pytest.raises(ValueError, match="nobody is signed in"):
            mark_two_factor(this_session())


def test_a_wrong_passphrase_is_said_clearly_and_not_repeated(shared: Desk, caplog: pytest.LogCaptureFixture) -> None:
    forget_tries(shared)
    browser = shared.signed_in()
    with caplog.at_level(logging.DEBUG):
        answer = browser.post("/unlock", passphrase=WRONG)
    assert answer.status_code == 403
    assert answer.text.count("That passphrase does not open your key") == 2
    assert "4 more tries before you have to wait" in answer.text
    assert WRONG not in answer.text
    assert WRONG not in caplog.text
    assert shared.here.ring.held() == []
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 303
    with shared.adapter.store.write() as session:
        assert session.query(UnlockAttemptRow).count() == 0


def test_many_wrong_tries_wait_longer_and_longer(shared: Desk) -> None:
    """In the session in which they failed, also for the right one; another session of the person goes on."""
    forget_tries(shared)
    browser = shared.signed_in()
    for _ in range(FREE_TRIES):
        answer = browser.post("/unlock", passphrase=WRONG)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "Wait 30 seconds before the next try" in answer.text
    answer = browser.post("/unlock", passphrase=shared.passphrase)
    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    shared.later += timedelta(seconds=31)
    assert browser.post("/unlock", passphrase=WRONG).headers["Retry-After"] == "60"
    assert shared.signed_in().post("/unlock", passphrase=shared.passphrase).status_code == 303
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 429
    shared.later += timedelta(seconds=61)
    assert browser.post("/unlock", passphrase=shared.passphrase).status_code == 303
    forget_tries(shared)


def failing(desk: Desk, pace: Pace, number: int) -> list[str]:
    """So many failures in sessions of their own, as somebody with the first factor makes them."""
    sessions = [digest_of(new_token()) for _ in range(-(-number // FREE_TRIES))]
    for index in range(number):
        pace.claim(desk.member, sessions[index // FREE_TRIES])
    return sessions


def test_a_stranger_with_the_first_factor_keeps_nobody_out(shared: Desk) -> None:
    """After many failures there are turns, and a stranger's sessions, however many, take nobody's turn."""
    forget_tries(shared)
    live: set[str] = set()
    pace = Pace(shared.adapter.store, shared.adapter.clock, live.__contains__)
    failing(shared, pace, FREE_TOGETHER)
    strangers = [digest_of(new_token()) for _ in range(5)]
    live.update(strangers)
    for stranger in [digest_of(new_token()) for _ in range(40)] + strangers:
        with pytest.raises(UnlockRefused, match="Somebody has tried many passphrases"):
            pace.claim(shared.member, stranger)
    mine = digest_of(new_token())
    live.add(mine)
    with pytest.raises(UnlockRefused) as refused:
        pace.claim(shared.member, mine)
    assert refused.value.wait is not None
    assert refused.value.wait <= 6 * TURN
    for _ in range(6):
        shared.later += TURN
        for number in range(40):
            # Those of sessions that are over stand in nobody's way; live ones come to their turns and no more.
            stranger = strangers[number % 5] if number < 5 else digest_of(new_token())
            with contextlib.suppress(UnlockRefused):
                pace.claim(shared.member, stranger)
    assert pace.claim(shared.member, mine) == 1
    forget_tries(shared)


def test_all_together_get_one_try_in_half_a_minute(shared: Desk) -> None:
    """However many sessions somebody signs in, also after the process was started anew; and the agency is told."""
    forget_tries(shared)
    pace = Pace(shared.adapter.store, shared.adapter.clock, lambda _: True)
    failing(shared, pace, FREE_TOGETHER)
    anew, made = Pace(shared.adapter.store, shared.adapter.clock, lambda _: False), 0
    for _ in range(20):
        shared.later += timedelta(seconds=15)
        for _ in range(5):
            with contextlib.suppress(UnlockRefused):
                anew.claim(shared.member, digest_of(new_token()))
                made += 1
    assert made == 10
    with shared.adapter.store.write() as session:
        raised = [row.text for row in open_alarms(session) if row.code == "unlock_tries"]
    assert raised == [f"member {shared.member}: 20 passphrases in a row did not open the key"]
    assert "people sign-out" in meaning_of("unlock_tries").to_do
    forget_tries(shared)


def test_signing_in_anew_moves_nobodys_turn_away(shared: Desk) -> None:
    """A stranger who signs in every second, each time ending their oldest session, tries with each of the others."""
    forget_tries(shared)
    mine, theirs = digest_of(new_token()), list[str]()
    pace = Pace(shared.adapter.store, shared.adapter.clock, lambda digest: digest == mine or digest in theirs)
    failing(shared, pace, FREE_TOGETHER)
    for _ in range(100):
        shared.later += timedelta(seconds=1)
        theirs = [*theirs[-(MAX_PER_PERSON - 2) :], digest_of(new_token())]
        for digest in theirs:
            with contextlib.suppress(UnlockRefused):
                pace.claim(shared.member, digest)
    with pytest.raises(UnlockRefused, match="Somebody has tried many passphrases") as refused:
        pace.claim(shared.member, mine)
    assert refused.value.wait is not None
    assert refused.value.wait <= MAX_PER_PERSON * TURN
    shared.later += refused.value.wait
    assert pace.claim(shared.member, mine) == 1
    shared.later *= 0
    forget_tries(shared)


def test_a_passkey_waits_for_nobody(shared: Desk) -> None:
    """What failed by passphrase does not count against it, nor it against the passphrase."""
    forget_tries(shared)
    session, opener = digest_of(new_token()), shared.here.unlocker
    for _ in range(FREE_TRIES):
        with pytest.raises(UnlockRefused):
            opener.open(shared.member, Secret(WRONG), session)
    with pytest.raises(UnlockRefused, match="Too many tries"):
        opener.open(shared.member, Secret(shared.passphrase), session)
    assert opener.open(shared.member, Secret(shared.passphrase), session, How.PASSKEY).keys
    for _ in range(FREE_TRIES + 1):
        with pytest.raises(UnlockRefused, match="does not open your key"):
            opener.open(shared.member, Secret(WRONG), digest_of(new_token()), How.PASSKEY)
    assert opener.open(shared.member, Secret(shared.passphrase), digest_of(new_token())).keys
    forget_tries(shared)


def test_a_try_is_counted_before_it_is_made(shared: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many at once, or a process that is killed meanwhile, give no more tries."""
    forget_tries(shared)

    def killed(*_: object) -> KeyFile:
        raise KeyboardInterrupt

    monkeypatch.setattr("adapters.workspace.unlocking.read_key_file", killed)
    for _ in range(FREE_TRIES):
        with pytest.raises(KeyboardInterrupt):
            shared.here.unlocker.open(shared.member, Secret(WRONG), SESSION)
    with pytest.raises(UnlockRefused, match="Too many tries"):
        shared.here.unlocker.open(shared.member, Secret(WRONG), SESSION)
    forget_tries(shared)


def test_the_wait_has_an_end() -> None:
    waits = [wait_after(number) for number in range(60)]
    assert waits[:FREE_TRIES] == [timedelta(0)] * FREE_TRIES
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT


@pytest.mark.parametrize("typed", ["", "x" * 5000, "\ud800" * 12])
def test_what_cannot_be_a_passphrase_is_not_tried(shared: Desk, typed: str) -> None:
    forget_tries(shared)
    with pytest.raises(UnlockRefused):
        shared.here.unlocker.open(shared.member, Secret(typed), SESSION)
    forget_tries(shared)


def test_a_key_that_is_not_here_is_said_to_be_elsewhere(desk: Desk) -> None:
    desk.key_file.unlink()
    browser = desk.signed_in()
    answer = browser.post("/unlock", passphrase=desk.passphrase)
    assert answer.status_code == 403
    assert "Your key is not on this system" in answer.text


def test_a_damaged_key_is_not_told_from_a_wrong_passphrase(desk: Desk) -> None:
    desk.key_file.write_bytes(b"{}")
    answer = desk.signed_in().post("/unlock", passphrase=desk.passphrase)
    assert answer.status_code == 403
    assert "or the key is damaged" in answer.text


def test_open_keys_do_not_show(shared: Desk) -> None:
    browser = shared.unlocked()
    held = shared.here.ring.get(digest_of(browser.token))
    assert held is not None
    for shown in (repr(held), str(held), repr(shared.here.ring), f"{shared.here.ring}"):
        assert "not shown" in shown
        assert held.keys.storage.hex() not in shown


def test_the_keys_go_along_when_the_token_changes(shared: Desk) -> None:
    """A step up after unlocking keeps them; signing in again does not."""
    browser = shared.unlocked()
    with shared.app.test_request_context(
        "/", base_url="http://fern-health.localhost:8443", headers=cookie(browser.token)
    ):
        mark_two_factor(this_session())
        browser.token = this_session().token
    assert shared.here.ring.held() == [digest_of(browser.token)]
    browser.sign_in()
    assert shared.here.ring.held() == []
