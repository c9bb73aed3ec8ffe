"""Passkeys without a browser: what is accepted of an authenticator in software, and everything that is not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.alarms import MEANINGS, read_alarms
from adapters.store.database import Store
from adapters.store.passkeys import passkeys_of_member
from adapters.store.tables import PasskeyRow
from adapters.workspace.ceremonies import LASTS, MAX_PENDING, Ceremonies, Purpose
from adapters.workspace.passkey_answers import MAX_ANSWER_BYTES, PasskeyNotAccepted
from adapters.workspace.passkey_checks import Site
from adapters.workspace.passkeys import MAX_LABEL_CHARS, MAX_PASSKEYS, NOT_ASKED, NOT_YOURS, Caller, Passkeys
from keys.custody.secret import Secret
from keys.jose import b64u, b64u_decode
from keys.storage import StorageRefused, Vault
from tests.soft_authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, SoftAuthenticator, vouched_for

ORIGIN = "https://workspace.care.example"
PASSPHRASE = Secret("a long enough passphrase")
KIM = Caller("a" * 64, "1" * 32, "5" * 64, is_two_factor=False, is_unlocked=True)
AFTER = replace(KIM, is_two_factor=True)
SAM = Caller("b" * 64, "2" * 32, "6" * 64, is_two_factor=True, is_unlocked=True)
WORDS = "answered another question"


class Clock:
    now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.db", Vault(os.urandom(32)))
    yield opened
    opened.close()


@pytest.fixture
def passkeys(store: Store, clock: Clock) -> Passkeys:
    return Passkeys(store, Site(ORIGIN, "workspace.care.example", "An agency"), clock)


def add(passkeys: Passkeys, device: SoftAuthenticator, caller: Caller = KIM, label: str = "blue key") -> str:
    return passkeys.finish_adding(caller, device.make(passkeys.begin_adding(caller, label, PASSPHRASE))).passkey


def use(passkeys: Passkeys, device: SoftAuthenticator, caller: Caller = KIM) -> Secret | None:
    return passkeys.finish_using(caller, device.use(passkeys.begin_using(caller))).passphrase


# --- what works ---


def test_a_passkey_is_added_used_and_opens_the_passphrase(passkeys: Passkeys, clock: Clock) -> None:
    device = SoftAuthenticator(ORIGIN)
    passkey = add(passkeys, device)
    clock.now += timedelta(hours=1)
    opened = use(passkeys, device, replace(KIM, is_unlocked=False, session="7" * 64))
    assert opened is not None
    assert opened.encode() == PASSPHRASE.encode()
    (shown,) = passkeys.listed(KIM)
    assert (shown.passkey, shown.label, shown.unlocks, shown.is_stopped) == (passkey, "blue key", True, False)
    assert (shown.added_at, shown.used_at) == ("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z")


def test_an_authenticator_without_prf_is_a_second_factor_and_opens_nothing(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN, has_prf=False)
    add(passkeys, device)
    assert "extensions" not in passkeys.begin_using(KIM)
    assert use(passkeys, device) is None
    assert [one.unlocks for one in passkeys.listed(KIM)] == [False]


def test_a_prf_output_that_does_not_open_still_leaves_a_second_factor(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    device.secret = os.urandom(32)
    assert use(passkeys, device) is None


def test_an_authenticator_that_keeps_no_counter_is_used_again_and_again(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN, step=0)
    add(passkeys, device)
    assert [use(passkeys, device) is None for _ in range(3)] == [False, False, False]


def test_the_browser_is_asked_for_what_the_rules_say(passkeys: Passkeys) -> None:
    made = passkeys.begin_adding(KIM, "blue key", PASSPHRASE)
    assert made["rp"] == {"id": "workspace.care.example", "name": "An agency"}
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["attestation"] == "none"
    assert made["timeout"] == 300_000
    assert len(b64u_decode(made["extensions"]["prf"]["eval"]["first"])) == 32
    assert KIM.member not in json.dumps(made)
    assert KIM.person not in json.dumps(made)
    assert "passphrase" not in json.dumps(made)
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    again = passkeys.begin_adding(AFTER, "green key", PASSPHRASE)
    assert [item["id"] for item in again["excludeCredentials"]] == [b64u(device.credential)]
    assert again["user"]["id"] == made["user"]["id"]
    asked = passkeys.begin_using(KIM)
    assert (asked["rpId"], asked["userVerification"]) == ("workspace.care.example", "required")
    assert asked["allowCredentials"] == [{"id": b64u(device.credential), "type": "public-key", "transports": ["usb"]}]
    assert len(b64u_decode(asked["challenge"])) == 32


# --- adding: refusals ---


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flags": PRESENT}, WORDS),
        ({"flags": VERIFIED}, WORDS),
        ({"origin": "https://workspace.care.example.attacker.example"}, WORDS),
        ({"origin": "http://workspace.care.example"}, WORDS),
        ({"rp_id": "care.example"}, WORDS),
        ({"client_data": {"challenge": b64u(bytes(32))}}, WORDS),
        ({"client_data": {"type": "webauthn.get"}}, WORDS),
        ({"client_data": {"crossOrigin": True}}, "not of the form"),
        ({"client_data": {"topOrigin": "https://attacker.example"}}, "not of the form"),
        ({"attestation": {"fmt": "android-key", "attStmt": {}}}, WORDS),
        ({"attestation": {"fmt": "none", "attStmt": {"sig": b"x"}}}, WORDS),
        ({"credential": bytes(1024)}, "not of the form"),
        ({"flags": PRESENT | VERIFIED | BACKED_UP}, WORDS),
    ],
)
def test_a_new_passkey_is_refused(passkeys: Passkeys, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(PasskeyNotAccepted, match=str(words)):
        add(passkeys, SoftAuthenticator(**{"origin": ORIGIN, **changed}))
    assert passkeys.listed(KIM) == []


def test_what_names_another_credential_than_it_made_is_refused(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    answer = json.loads(device.make(passkeys.begin_adding(KIM, "blue key", PASSPHRASE)))
    with pytest.raises(PasskeyNotAccepted, match=WORDS):
        passkeys.finish_adding(KIM, json.dumps({**answer, "id": b64u(bytes(32))}))


@pytest.mark.parametrize("form", ["fido-u2f", "packed", "android-safetynet"])
def test_a_vouched_for_authenticator_is_not_looked_at(
    passkeys: Passkeys, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No chain of certificates was asked for: one that would verify is refused before anything reads it."""
    looked: list[object] = []
    monkeypatch.setattr("adapters.workspace.passkey_checks.verify_registration_response", lambda **_: looked.append(_))
    statement = {"ver": "1", "response": b"a.b.c"}
    device = SoftAuthenticator(ORIGIN, attestation={"fmt": form, "attStmt": statement})
    answer = json.loads(device.make(passkeys.begin_adding(KIM, "blue key", PASSPHRASE)))
    if form != "android-safetynet":
        answer["response"] = vouched_for(answer["response"], form)
    with pytest.raises(PasskeyNotAccepted, match=WORDS):
        passkeys.finish_adding(KIM, json.dumps(answer))
    assert looked == []


def test_a_credential_that_signs_for_itself_is_taken(passkeys: Passkeys) -> None:
    """Browsers hand that over as it is (section 5.1.3 step 21): nobody vouches for anything in it."""
    device = SoftAuthenticator(ORIGIN)
    answer = json.loads(device.make(passkeys.begin_adding(KIM, "blue key", PASSPHRASE)))
    answer["response"] = vouched_for(answer["response"], "packed", device)
    passkeys.finish_adding(KIM, json.dumps(answer))
    assert use(passkeys, device) is not None


def test_a_locked_key_adds_nothing(passkeys: Passkeys) -> None:
    locked = replace(KIM, is_unlocked=False)
    with pytest.raises(PasskeyNotAccepted, match="first open your key"):
        passkeys.begin_adding(locked, "blue key", PASSPHRASE)
    options = passkeys.begin_adding(KIM, "blue key", PASSPHRASE)
    with pytest.raises(PasskeyNotAccepted, match="first open your key"):
        passkeys.finish_adding(locked, SoftAuthenticator(ORIGIN).make(options))


def test_whoever_has_one_must_use_it_before_anything_is_changed(passkeys: Passkeys) -> None:
    """A stolen passphrase alone neither adds a thief's passkey nor removes the owner's."""
    passkey = add(passkeys, SoftAuthenticator(ORIGIN))
    tries: list[Callable[[], object]] = [
        lambda: passkeys.begin_adding(KIM, "the thief's", PASSPHRASE),
        lambda: passkeys.rename(KIM, passkey, "other"),
        lambda: passkeys.remove(KIM, passkey),
    ]
    for attempt in tries:
        with pytest.raises(PasskeyNotAccepted, match="use a passkey if you have one"):
            attempt()
    assert [one.label for one in passkeys.listed(KIM)] == ["blue key"]


def test_the_same_authenticator_is_not_added_twice_by_anybody(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    options = passkeys.begin_adding(SAM, "theirs", PASSPHRASE)
    with pytest.raises(PasskeyNotAccepted, match="registered already"):
        passkeys.finish_adding(SAM, device.make(options))


def test_there_is_a_limit(passkeys: Passkeys) -> None:
    waiting = SoftAuthenticator(ORIGIN)
    for number in range(MAX_PASSKEYS - 1):
        add(passkeys, SoftAuthenticator(ORIGIN), AFTER, f"key {number}")
    elsewhere = replace(AFTER, session="8" * 64)
    late = waiting.make(passkeys.begin_adding(elsewhere, "late", PASSPHRASE))
    add(passkeys, SoftAuthenticator(ORIGIN), AFTER, "the last")
    with pytest.raises(PasskeyNotAccepted, match=f"limit is {MAX_PASSKEYS}"):
        passkeys.begin_adding(AFTER, "one more", PASSPHRASE)
    with pytest.raises(PasskeyNotAccepted, match=f"limit is {MAX_PASSKEYS}"):
        passkeys.finish_adding(elsewhere, late)
    assert len(passkeys.listed(AFTER)) == MAX_PASSKEYS


@pytest.mark.parametrize("label", ["", "   ", "x" * (MAX_LABEL_CHARS + 1), "a\u202eb", "x" * 10_000])
def test_a_name_is_one_short_line(passkeys: Passkeys, label: str) -> None:
    with pytest.raises(PasskeyNotAccepted, match="the name: expected"):
        passkeys.begin_adding(KIM, label, PASSPHRASE)
    passkey = add(passkeys, SoftAuthenticator(ORIGIN))
    with pytest.raises(PasskeyNotAccepted, match="the name: expected"):
        passkeys.rename(AFTER, passkey, label)


# --- the question: once, five minutes, one session, one purpose ---


def test_a_question_is_answered_once(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN, step=0)
    options = passkeys.begin_adding(KIM, "blue key", PASSPHRASE)
    passkeys.finish_adding(KIM, device.make(options))
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_adding(AFTER, SoftAuthenticator(ORIGIN).make(options))
    answer = device.use(passkeys.begin_using(KIM))
    passkeys.finish_using(KIM, answer)
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_using(KIM, answer)


def test_a_wrong_answer_uses_the_question_up(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    answer = device.use(passkeys.begin_using(KIM))
    with pytest.raises(PasskeyNotAccepted, match="not of the form"):
        passkeys.finish_using(KIM, "{}")
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_using(KIM, answer)


def test_a_question_stands_for_five_minutes(passkeys: Passkeys, clock: Clock) -> None:
    device = SoftAuthenticator(ORIGIN)
    options = passkeys.begin_adding(KIM, "blue key", PASSPHRASE)
    clock.now += LASTS
    with pytest.raises(PasskeyNotAccepted, match="more than five minutes ago"):
        passkeys.finish_adding(KIM, device.make(options))
    add(passkeys, device)
    answer = device.use(passkeys.begin_using(KIM))
    clock.now += LASTS - timedelta(seconds=1)
    passkeys.finish_using(KIM, answer)
    answer = device.use(passkeys.begin_using(KIM))
    clock.now += LASTS
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_using(KIM, answer)


def test_a_question_is_of_one_session(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    answer = device.use(passkeys.begin_using(KIM))
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_using(replace(KIM, session="9" * 64), answer)


def test_a_question_is_for_one_purpose(passkeys: Passkeys) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    options = passkeys.begin_adding(AFTER, "green key", PASSPHRASE)
    asked = {"challenge": options["challenge"], "rpId": options["rp"]["id"]}
    with pytest.raises(PasskeyNotAccepted, match=str(NOT_ASKED)):
        passkeys.finish_using(AFTER, device.use(asked))


def test_questions_are_held_in_limited_number_and_keep_no_passphrase_longer() -> None:
    clock = Clock()
    held = Ceremonies(clock)
    for number in range(MAX_PENDING + 10):
        held.begin(f"{number:064x}", Purpose.ADD, passphrase=PASSPHRASE)
    assert held.take(f"{0:064x}", Purpose.ADD) is None
    assert held.take(f"{MAX_PENDING:064x}", Purpose.ADD) is not None
    clock.now += LASTS
    held.begin("f" * 64, Purpose.USE)
    assert len(held._pending) == 1
    clock.now -= timedelta(hours=1)
    assert held.take("f" * 64, Purpose.USE) is None
    assert "enough" not in repr(held.begin("f" * 64, Purpose.ADD, passphrase=PASSPHRASE))


# --- using: refusals ---


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flags": PRESENT}, WORDS),
        ({"flags": VERIFIED}, WORDS),
        ({"flags": PRESENT | VERIFIED | ELIGIBLE}, WORDS),
        ({"origin": "https://other.care.example"}, WORDS),
        ({"rp_id": "other.care.example"}, WORDS),
        ({"client_data": {"challenge": b64u(bytes(32))}}, WORDS),
        ({"client_data": {"type": "webauthn.create"}}, WORDS),
        ({"client_data": {"crossOrigin": True}}, "not of the form"),
        ({"handle": bytes(32)}, NOT_YOURS),
        ({"credential": bytes(32)}, NOT_YOURS),
        ({"key": SoftAuthenticator(ORIGIN).key}, WORDS),
    ],
)
def test_a_used_passkey_is_refused(passkeys: Passkeys, store: Store, changed: dict[str, Any], words: str) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    with pytest.raises(PasskeyNotAccepted, match=str(words)):
        use(passkeys, replace(device, **changed))
    # Nothing that was refused stops the passkey, or raises an alarm.
    assert read_alarms(store) == []
    assert use(passkeys, device) is not None


def test_an_unsigned_lie_about_the_counter_stops_nothing(passkeys: Passkeys, store: Store) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    with pytest.raises(PasskeyNotAccepted, match=WORDS):
        use(passkeys, replace(device, sign_count=-1, key=SoftAuthenticator(ORIGIN).key))
    assert read_alarms(store) == []
    assert passkeys.has_usable(KIM)


def test_a_copied_authenticator_is_refused_stopped_and_raises_an_alarm(passkeys: Passkeys, store: Store) -> None:
    device = SoftAuthenticator(ORIGIN)
    passkey = add(passkeys, device)
    thief = copy(device)
    use(passkeys, device)
    with pytest.raises(PasskeyNotAccepted, match="a copy of this passkey seems to exist"):
        use(passkeys, thief)
    (alarm,) = read_alarms(store)
    assert alarm.code == "passkey_copied"
    assert alarm.code in MEANINGS
    assert alarm.text == f"passkey {passkey} of member {KIM.member}: counter 2, expected above 2"
    assert [one.is_stopped for one in passkeys.listed(KIM)] == [True]
    assert not passkeys.has_usable(KIM)
    # The one that is further on would go unseen: neither is accepted any more.
    with pytest.raises(PasskeyNotAccepted, match="no passkey that can be used"):
        use(passkeys, device)


def test_a_stopped_passkey_is_refused_beside_one_that_works(passkeys: Passkeys) -> None:
    device, other = SoftAuthenticator(ORIGIN), SoftAuthenticator(ORIGIN)
    add(passkeys, device)
    add(passkeys, other, AFTER, "green key")
    thief = copy(device)
    use(passkeys, device)
    with pytest.raises(PasskeyNotAccepted, match="a copy"):
        use(passkeys, thief)
    asked = passkeys.begin_using(KIM)
    assert [item["id"] for item in asked["allowCredentials"]] == [b64u(other.credential)]
    with pytest.raises(PasskeyNotAccepted, match="a copy"):
        passkeys.finish_using(KIM, device.use(asked))
    assert use(passkeys, other) is not None


def test_nobody_uses_names_or_removes_the_passkey_of_somebody_else(passkeys: Passkeys) -> None:
    """Not another person, and not another person who was bound to the same member after them."""
    device = SoftAuthenticator(ORIGIN)
    passkey = add(passkeys, device)
    for stranger in (SAM, replace(SAM, member=KIM.member), replace(SAM, person=KIM.person)):
        add(passkeys, SoftAuthenticator(ORIGIN), stranger, "their own")
        with pytest.raises(PasskeyNotAccepted, match=str(NOT_YOURS)):
            use(passkeys, device, stranger)
        tries: list[Callable[[], object]] = [
            lambda who=stranger: passkeys.rename(who, passkey, "mine now"),  # type: ignore[misc]
            lambda who=stranger: passkeys.remove(who, passkey),  # type: ignore[misc]
        ]
        for attempt in tries:
            with pytest.raises(PasskeyNotAccepted, match="no such passkey of yours"):
                attempt()
        assert passkeys.find(stranger, passkey) is None
    assert [one.label for one in passkeys.listed(KIM)] == ["blue key"]


def test_whoever_has_none_is_asked_for_none(passkeys: Passkeys) -> None:
    with pytest.raises(PasskeyNotAccepted, match="no passkey that can be used"):
        passkeys.begin_using(KIM)


def hostile_answers() -> list[str]:
    good = {"id": "AAAA", "response": {"clientDataJSON": b64u(b"{}")}, "prf": None}
    response = {"clientDataJSON": b64u(b'{"type":1,"challenge":2,"origin":[]}'), "transports": []}
    return [
        "",
        "null",
        "[]",
        "7",
        "{",
        "[" * 10_000,
        '{"id":' * 2_000,
        json.dumps({**good, "id": 7}),
        json.dumps({**good, "response": None}),
        json.dumps({**good, "prf": "AAAA"}),
        json.dumps({**good, "prf": {}}),
        json.dumps({**good, "response": {"clientDataJSON": b64u(b"[" * 1_500)}}),
        json.dumps({**good, "response": {**response, "attestationObject": b64u(b"\xff" * 50)}}),
        json.dumps({**good, "response": {**response, "attestationObject": b64u(b"\x81" * 4_000)}}),
        json.dumps({**good, "response": {**response, "attestationObject": ""}}),
        json.dumps({**good, "response": {**response, "attestationObject": b64u(bytes(9_000))}}),
        json.dumps({**good, "response": {**response, "attestationObject": "", "transports": ["usb"] * 9}}),
        json.dumps(good) + " " * MAX_ANSWER_BYTES,
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer: answer + " " * MAX_ANSWER_BYTES, "expected at most 16,384 bytes"),
        (lambda answer: answer.replace('"prf": "', '"prf": "AA', 1), "not of the form"),
        (lambda answer: re.sub('"prf": ".{4}', '"prf": "', answer, count=1), "not of the form"),
        (lambda answer: answer.replace('"usb"', ", ".join(['"usb"'] * 9)), "not of the form"),
    ],
)
def test_an_answer_that_is_good_but_for_one_thing(passkeys: Passkeys, change: Callable[[str], str], words: str) -> None:
    answer = SoftAuthenticator(ORIGIN).make(passkeys.begin_adding(KIM, "blue key", PASSPHRASE))
    assert change(answer) != answer
    with pytest.raises(PasskeyNotAccepted, match=str(words)):
        passkeys.finish_adding(KIM, change(answer))


def test_whatever_a_form_holds_is_refused_in_our_words(passkeys: Passkeys) -> None:
    add(passkeys, SoftAuthenticator(ORIGIN))
    for answer in hostile_answers():
        passkeys.begin_adding(AFTER, "blue key", PASSPHRASE)
        passkeys.begin_using(AFTER)
        for finish in (passkeys.finish_adding, passkeys.finish_using):
            with pytest.raises(PasskeyNotAccepted) as refused:
                finish(AFTER, answer)
            assert refused.value.__cause__ is None
            assert len(str(refused.value)) < 200


# --- changing ---


def test_a_passkey_is_renamed_and_removed(passkeys: Passkeys, store: Store) -> None:
    device = SoftAuthenticator(ORIGIN)
    passkey = add(passkeys, device)
    passkeys.rename(AFTER, passkey, "  work   laptop ")
    assert [one.label for one in passkeys.listed(AFTER)] == ["work laptop"]
    passkeys.remove(AFTER, passkey)
    assert passkeys.listed(AFTER) == []
    add(passkeys, device)
    assert use(passkeys, device) is not None


# --- at rest ---


def test_nothing_of_a_passkey_can_be_read_in_the_database(passkeys: Passkeys, store: Store, tmp_path: Path) -> None:
    device = SoftAuthenticator(ORIGIN)
    add(passkeys, device, label="an unusual label")
    store.close()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert KIM.member.encode() in stored
    for secret in (PASSPHRASE.encode(), device.credential, b"an unusual label", b64u(device.credential).encode()):
        assert secret not in stored


def test_a_row_that_was_given_to_somebody_else_does_not_open(passkeys: Passkeys, store: Store) -> None:
    passkey = add(passkeys, SoftAuthenticator(ORIGIN))
    with store.write() as session:
        session.get_one(PasskeyRow, passkey).person = SAM.person
        session.get_one(PasskeyRow, passkey).member = SAM.member
    with pytest.raises(StorageRefused):
        passkeys.listed(SAM)


def test_records_show_no_secret(passkeys: Passkeys, store: Store) -> None:
    add(passkeys, SoftAuthenticator(ORIGIN))
    with store.write() as session:
        (record,) = passkeys_of_member(store, session, None)
    assert repr(record) == f"<PasskeyRecord {record.passkey} (contents not shown)>"
