"""An administrator removes the passkeys of somebody who lost them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from adapters.store.passkeys import passkeys_of_member
from adapters.workspace.passkeys import Caller, Passkeys
from adapters.workspace.people import person_digest
from keys.custody.secret import Secret
from tests.adapters.hands import Hands
from tests.adapters.workspace.desk import ISSUER, ORIGIN, SUBJECT, Desk
from tests.soft_authenticator import SoftAuthenticator


@pytest.fixture
def hands(shared: Desk) -> Iterator[Hands]:
    """The administrator's command line; nobody has a passkey before and after."""
    forget(shared)
    yield Hands(shared.adapter.home.folder, shared.environ)
    forget(shared)


def forget(desk: Desk) -> None:
    from adapters.store.tables import PasskeyRow

    with desk.adapter.store.write() as session:
        session.query(PasskeyRow).delete()


def give(desk: Desk, label: str, *, has_prf: bool = True) -> str:
    """Let the desk's person have a passkey."""
    passkeys: Passkeys = desk.app.extensions["passkeys"]
    caller = Caller(person_digest(ISSUER, SUBJECT), desk.member, os.urandom(32).hex(), True, True)
    options = passkeys.begin_adding(caller, label, Secret(desk.passphrase))
    return passkeys.finish_adding(caller, SoftAuthenticator(ORIGIN, has_prf=has_prf).make(options)).passkey


def held(desk: Desk) -> list[str]:
    with desk.adapter.store.write() as session:
        return [item.passkey for item in passkeys_of_member(desk.adapter.store, session, desk.member)]


def test_passkeys_are_listed_without_their_secrets(shared: Desk, hands: Hands) -> None:
    one, two = give(shared, "blue key"), give(shared, "laptop", has_prf=False)
    said = hands.run("people", "passkeys", "list").output.splitlines()
    assert len(said) == 2
    assert {line.split()[1] for line in said} == {one, two}
    assert all(line.startswith(shared.member) for line in said)
    assert [line for line in said if "second factor, opens the key) blue key" in line and "never used" in line]
    assert [line for line in said if line.endswith("(second factor) laptop")]
    assert hands.run("people", "passkeys", "list", "--member", "ab" * 16).output == ""


def test_a_lost_passkey_is_removed_and_its_owner_signed_out(shared: Desk, hands: Hands) -> None:
    browser = shared.unlocked()
    lost, kept = give(shared, "blue key"), give(shared, "laptop")
    args = ("people", "passkeys", "remove", "--member", shared.member, "--passkey", lost)
    said = hands.run(*args, "--dry-run").output
    assert f"Removed for good: {lost}" in said
    assert "Passkeys left: 1" in said
    assert "Nothing was changed." in said
    assert browser.get("/").status_code == 200
    assert sorted(held(shared)) == sorted([lost, kept])
    assert hands.run(*args).output.endswith("Removed.\n")
    assert held(shared) == [kept]
    assert browser.get("/").headers["Location"] == "/sign-in"
    hands.run("people", "passkeys", "remove", "--member", shared.member)
    assert held(shared) == []


def test_what_cannot_be_removed(shared: Desk, hands: Hands) -> None:
    kept = give(shared, "blue key")
    for args in (
        ("--member", "ab" * 16),
        ("--member", "ab" * 16, "--passkey", kept),
        ("--member", shared.member, "--passkey", "cd" * 16),
    ):
        assert "has no such passkey" in hands.refused("people", "passkeys", "remove", *args)
    for args in (("--member", "x"), ("--member", shared.member, "--passkey", "x")):
        assert "expected 32" in hands.refused("people", "passkeys", "remove", *args)
    assert held(shared) == [kept]
