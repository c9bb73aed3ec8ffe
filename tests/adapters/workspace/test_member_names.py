"""What an agency calls its own members: on its own pages, in its own database under seal, and nowhere else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from lxml import html

from adapters.store.tables import MemberNameRow, PersonRow
from adapters.workspace.people import MAX_NAME_CHARS, read_name
from adapters.workspace.refusal import PeopleRefused
from policies.model import Malformed, Recipient
from tests.adapters.hands import Hands
from tests.adapters.workspace.desk import ISSUER, SUBJECT, Browser, Desk
from tests.adapters.workspace.two_desks import ON_A_DUTY, both
from tests.e2e.test_canaries import found_in
from tests.scene import CARE, HEALTH, Scene

NAME = "Morag Ní Invented-O’Name"
HOSTILE = [
    "",
    "   ",
    "12345678",
    "x" * (MAX_NAME_CHARS + 1),
    "Ann\u202eetirW",
    "Ann\u2066x",
    "Ann\x1b[31m",
    "Ann\x00",
    "Ann\u200bExample",
    "Аnn Example",
    "A" + "\u0301" * 9,
    " " * (4 * MAX_NAME_CHARS) + "Ann",
]


@pytest.fixture
def unnamed(shared: Desk) -> Iterator[Desk]:
    """Bound, and without a name, before and after."""
    with shared.adapter.store.write() as session:
        session.query(PersonRow).delete()
        session.query(MemberNameRow).delete()
    shared.bind()
    yield shared
    with shared.adapter.store.write() as session:
        session.query(PersonRow).delete()
        session.query(MemberNameRow).delete()


def footer(browser: Browser, path: str = "/") -> str:
    (line,) = html.fromstring(browser.get(path).text).xpath("//footer//p[contains(., 'You are signed in as')]")
    return " ".join(line.text_content().split())


def test_a_member_is_called_by_name_on_every_page_of_their_own_agency(unnamed: Desk) -> None:
    browser = unnamed.signed_in()
    assert footer(browser) == f"You are signed in as {unnamed.member[:8]}."
    unnamed.here.people.name(unnamed.member, f"  {NAME}  ")
    assert footer(browser) == f"You are signed in as {NAME} ({unnamed.member[:8]})."
    for path in ("/", "/account"):
        assert f"<bdi>{NAME}</bdi>" in browser.get(path).text
    unnamed.here.people.name(unnamed.member, None)
    assert footer(browser) == f"You are signed in as {unnamed.member[:8]}."
    assert "can give you a name on its own pages" in browser.get("/account").text


def test_what_looks_like_markup_stays_text(unnamed: Desk) -> None:
    unnamed.here.people.name(unnamed.member, "<b>Ann</b> %(member)s {{ 7*7 }}")
    shown = unnamed.signed_in().get("/").text
    assert "<b>Ann" not in shown
    assert "&lt;b&gt;Ann&lt;/b&gt; %(member)s {{ 7*7 }}" in shown


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_hides_or_passes_for_another_is_refused(unnamed: Desk, name: str) -> None:
    """And the refusal quotes nothing of it."""
    with pytest.raises(PeopleRefused, match="name: expected") as refused:
        unnamed.here.people.name(unnamed.member, name)
    assert not name.strip() or name not in str(refused.value)
    with pytest.raises(PeopleRefused):
        unnamed.here.people.bind(ISSUER, "another", unnamed.member, name)
    assert unnamed.here.people.names() == {}
    assert unnamed.here.people.find(ISSUER, "another") is None


@pytest.mark.parametrize("name", [NAME, "محمد مثال", "Мария Пример", "Zoë", "Ann Мария", "李示例"])
def test_names_of_any_language_are_taken(name: str) -> None:
    assert read_name(name) == name


def test_only_somebody_who_signs_in_has_a_name(unnamed: Desk) -> None:
    people = unnamed.here.people
    with pytest.raises(PeopleRefused, match="nobody signs in as member abababab"):
        people.name("ab" * 16, NAME)
    with pytest.raises(Malformed):
        people.name("not an id", NAME)
    people.bind(ISSUER, "second", unnamed.member, NAME)
    people.unbind(ISSUER, "second")
    assert people.names() == {unnamed.member: NAME}, "somebody is bound to the member still"
    people.unbind(ISSUER, SUBJECT)
    assert people.names() == {}


def test_the_name_rests_sealed(unnamed: Desk) -> None:
    unnamed.here.people.name(unnamed.member, NAME)
    assert found_in(unnamed.adapter.home.folder, ("Morag Ní Invented", "Invented-O")) == []
    with unnamed.adapter.store.write() as session:
        (row,) = session.query(MemberNameRow)
        assert (row.member, NAME.encode() in row.sealed_name) == (unnamed.member, False)


def test_the_administrator_names_lists_and_takes_a_name_away(unnamed: Desk) -> None:
    hands, member = Hands(unnamed.adapter.home.folder, unnamed.environ), unnamed.member
    unnamed.here.people.unbind(ISSUER, SUBJECT)
    who = ("--issuer", ISSUER, "--subject", SUBJECT, "--member", member, "--name", NAME)
    assert f"call them {NAME}" in hands.run("people", "bind", *who, "--dry-run").output
    assert unnamed.here.people.names() == {}
    hands.run("people", "bind", *who)
    assert f"{member} called {NAME} {ISSUER}" in hands.run("people", "list").output
    assert "is called Zoë Invented" in hands.run("people", "name", "--member", member, "Zoë Invented").output
    assert unnamed.here.people.names() == {member: "Zoë Invented"}
    assert "expected a name" in hands.refused("people", "name", "--member", member)
    assert "expected a name" in hands.refused("people", "name", "--member", member, NAME, "--remove")
    assert "has no name here" in hands.run("people", "name", "--member", member, "--remove").output
    assert "called" not in hands.run("people", "list").output


def test_a_name_is_shown_for_our_own_members_and_leaves_the_agency_nowhere(
    scene_source: Path,
    make_scene: Callable[[], Scene],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not to the hub, in a log line or on the page of another agency, while people open, read and release."""
    sent: list[bytes] = []
    passes_on = httpx.WSGITransport.handle_request

    def recorded(self: httpx.WSGITransport, request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url).encode() + repr(request.headers.raw).encode() + request.read())
        return passes_on(self, request)

    monkeypatch.setattr(httpx.WSGITransport, "handle_request", recorded)
    caplog.set_level(logging.DEBUG)
    with both(scene_source, make_scene) as desks:
        lead, voter = desks.care.unlocked(), desks.health.unlocked()
        desks.care.here.people.name(desks.care.member, NAME)
        desks.health.here.people.name(desks.health.member, "Zoë Invented")
        desks.scene[CARE].sync()
        assert desks.scene[CARE].share(desks.case, ON_A_DUTY).refused == 0
        desks.scene.witness()
        desks.hear()
        theirs = voter.get(desks.address("picture?purpose=panel_review")).text
        desks.scene[CARE].sync()
        ours = lead.get(desks.address("picture?purpose=safeguarding")).text
        assert f"<bdi>{NAME}</bdi>" in section(ours)
        assert "Zoë" not in ours
        assert desks.health.member[:8] in section(ours), "another agency's person stays digits"
        assert "<bdi>Zoë Invented</bdi>" in section(theirs)
        desks.scene[CARE].sync()
        readers = lead.get(desks.address("readers")).text
        assert f"member {desks.health.member[:8]}" in readers
        assert "Zoë" not in readers
        desks.scene[HEALTH].sync()
    assert sent, "the hub was asked"
    said = b"\n".join(sent)
    for text in ("Invented", "Morag"):
        assert text.encode() not in said
        assert text not in caplog.text


def test_another_agency_s_person_borrows_no_name_by_using_our_member_s_id(
    scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    from adapters.workspace.consent_views import own_people
    from adapters.workspace.release_words import recipient_words

    with both(scene_source, make_scene) as desks:
        desks.care.bind()
        desks.care.here.people.name(desks.care.member, NAME)
        people, verified = own_people(desks.care.adapter), desks.care.adapter.book.load(desks.case)
        ours = recipient_words(verified, Recipient(CARE, desks.care.member), people)
        assert ours.endswith(f"(\u2068{NAME}\u2069, {desks.care.member[:8]})")
        assert NAME not in recipient_words(verified, Recipient(HEALTH, desks.care.member), people)


def section(page: str) -> str:
    """The record of use of a picture, as it is written."""
    (found,) = html.fromstring(page).xpath("//section[@aria-labelledby='use']")
    return str(html.tostring(found, encoding="unicode"))
