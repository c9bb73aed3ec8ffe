"""Who is whom: bound by issuer and subject, by command, and never by anything a provider says besides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.store.tables import PersonRow
from adapters.workspace.people import MAX_IDENTITIES, person_digest
from adapters.workspace.refusal import PeopleRefused
from policies.model import Malformed
from tests.adapters.hands import Hands
from tests.adapters.workspace.desk import ISSUER, SUBJECT, Desk, Vouched
from tests.scene import POLICE


@pytest.fixture
def unbound(shared: Desk) -> Iterator[Desk]:
    """Nobody is bound, before and after."""
    forget(shared)
    yield shared
    forget(shared)


def forget(desk: Desk) -> None:
    with desk.adapter.store.write() as session:
        session.query(PersonRow).delete()


@pytest.fixture
def hands(unbound: Desk) -> Hands:
    """The administrator's command line."""
    return Hands(unbound.adapter.home.folder, unbound.environ)


def test_whoever_is_not_bound_sees_what_to_tell_their_administrator(unbound: Desk) -> None:
    """And is not signed in."""
    browser = unbound.browser()
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert "You are not known here" in answer.text
    assert ISSUER in answer.text
    assert SUBJECT in answer.text
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [
        (ISSUER, SUBJECT.upper()),
        (ISSUER, f"{SUBJECT} "),
        (f"{ISSUER}/", SUBJECT),
        ("https://other.example", SUBJECT),
        (f"{ISSUER}\0", SUBJECT),
    ],
)
def test_only_the_very_same_issuer_and_subject_are_somebody(unbound: Desk, issuer: str, subject: str) -> None:
    unbound.bind()
    assert unbound.browser().sign_in(Vouched(issuer=issuer, subject=subject)).status_code == 403


def test_hostile_values_of_a_provider_stay_text(unbound: Desk) -> None:
    answer = unbound.browser().sign_in(Vouched(subject="<script>alert(1)</script>\u202e"))
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]" in answer.text


def test_somebody_bound_whose_keys_do_not_count_is_told_so(unbound: Desk) -> None:
    unbound.here.people.bind(ISSUER, SUBJECT, "ab" * 16)
    answer = unbound.browser().sign_in()
    assert answer.status_code == 403
    assert "You cannot work here now" in answer.text
    assert "Your key does not stand in the log as the witnesses have seen it" in answer.text


def test_who_is_whom_rests_sealed(unbound: Desk) -> None:
    unbound.bind()
    with unbound.adapter.store.write() as session:
        (row,) = session.query(PersonRow)
        assert row.person == person_digest(ISSUER, SUBJECT)
        assert SUBJECT.encode() not in row.sealed_identity
    (found,) = unbound.here.people.list_bound()
    assert (found.issuer, found.subject, found.member) == (ISSUER, SUBJECT, unbound.member)


def test_what_cannot_be_bound(unbound: Desk) -> None:
    people, member = unbound.here.people, unbound.member
    for issuer, subject in [
        ("login.example", "x"),
        (ISSUER, ""),
        (ISSUER, "x" * 256),
        (ISSUER, "é"),
        (ISSUER, "a\nb"),
        (f"https://{'x' * 400}", "x"),
    ]:
        with pytest.raises(PeopleRefused, match="expected"):
            people.bind(issuer, subject, member)
    with pytest.raises(Malformed):
        people.bind(ISSUER, SUBJECT, "not an id")
    people.bind(ISSUER, SUBJECT, member)
    with pytest.raises(PeopleRefused, match="bound to this member already"):
        people.bind(ISSUER, SUBJECT, member)
    with pytest.raises(PeopleRefused, match="unbind them there first"):
        people.bind(ISSUER, SUBJECT, "ab" * 16)
    for number in range(MAX_IDENTITIES - 1):
        people.bind(ISSUER, f"another {number}", member)
    with pytest.raises(PeopleRefused, match="unbind one first"):
        people.bind(ISSUER, "one too many", member)
    with pytest.raises(PeopleRefused, match="nobody is bound"):
        people.unbind(ISSUER, "nobody")


# --- the commands ---


def test_binding_by_hand(unbound: Desk, hands: Hands) -> None:
    """What it will do is said first; a dry run does nothing; then they sign in; unbinding ends it at once."""
    args = ("--issuer", ISSUER, "--subject", SUBJECT)
    said = hands.run("people", "bind", "--member", unbound.member, *args, "--dry-run").output
    assert f"can sign in as member {unbound.member}" in said
    assert "panel_voting" in said
    assert "Nothing was changed." in said
    assert unbound.browser().sign_in().status_code == 403
    assert "Bound." in hands.run("people", "bind", "--member", unbound.member, *args).output
    browser = unbound.browser()
    assert browser.sign_in().status_code == 303
    listed = hands.run("people", "list").output
    assert unbound.member in listed
    assert f"{ISSUER} {SUBJECT}" in listed
    assert "signed in 1 time\n" in listed
    said = hands.run("people", "unbind", *args, "--dry-run").output
    assert "Signed in now: 1 time;" in said
    assert browser.get("/").status_code == 200
    assert "Unbound." in hands.run("people", "unbind", *args).output
    assert browser.get("/").status_code == 303
    assert hands.run("people", "list").output == ""


def test_signing_somebody_out_by_hand(unbound: Desk, hands: Hands) -> None:
    browsers = [unbound.unlocked(), unbound.signed_in()]
    assert "2 sessions ended" in hands.run("people", "sign-out", "--member", unbound.member).output
    assert [browser.get("/").status_code for browser in browsers] == [303, 303]
    unbound.here.drop_ended()
    assert unbound.here.ring.held() == []
    assert browsers[0].sign_in().status_code == 303


def test_only_people_of_this_agency_whose_keys_count_are_bound(unbound: Desk, hands: Hands) -> None:
    args = ("--issuer", ISSUER, "--subject", SUBJECT)
    for member in ("ab" * 16, unbound.scene[POLICE].people["chair"]):
        assert "no person of this agency whose keys count" in hands.refused("people", "bind", "--member", member, *args)
    assert "nobody is bound" in hands.refused("people", "unbind", *args)


def test_a_provider_that_the_settings_do_not_name_is_refused(unbound: Desk, hands: Hands) -> None:
    """Nobody could sign in there: a typing error would otherwise be found out by the person."""
    path = unbound.adapter.home.folder / "adapter.toml"
    before = path.read_text()
    try:
        path.write_text(f'{before}\n[[sign_in]]\nissuer = "https://other.example"\n')
        args = ("--member", unbound.member, "--issuer", ISSUER, "--subject", SUBJECT)
        assert "expected one of those in adapter.toml" in hands.refused("people", "bind", *args)
    finally:
        path.write_text(before)
