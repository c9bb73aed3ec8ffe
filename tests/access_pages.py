"""Every page of the workspace and of the console, asked by every kind of person: two more tables of docs/access.md.

``python -m tests.access_table`` writes them; a test beside each application's own compares.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from adapters.workspace.access import routes as workspace_routes
from adapters.workspace.security import Rate
from adapters.workspace.sessions import ServerSession, Sessions, SignedIn
from hub.console.access import routes as console_routes
from keys.sessions import new_token
from policies.model import Member, render_time
from policies.vocabulary import Role
from tests.adapters.workspace.desk import AGENCY, TEST_SIGN_IN, Vouched
from tests.adapters.workspace.desk import Desk as Workspace
from tests.attacks.exclusion_acts import exclude
from tests.attacks.key_acts import revoke_person
from tests.hub.console.desk import TEST_SIGN_IN as CONSOLE_SIGN_IN
from tests.hub.console.desk import Desk as Console
from tests.hub.console.desk import provider, vouched
from tests.scene import CARE, CHARITY, HEALTH, POLICE, now

UNKNOWN = "0123456789abcdef" * 2
THEIR_ISSUER = "https://login.fern-charity.example"
Table = dict[str, dict[str, str]]
LED = {"/sign-in": "no: sign in", "/console/sign-in": "no: sign in", "/console/second-factor": "no: second factor"}


def said(answer: Any) -> str:
    """Return what an answer comes to: let in, led elsewhere, or not there."""
    where = answer.headers.get("Location", "")
    if where in LED:
        return LED[where]
    if where == "/unlock":
        return "no: unlock"
    if answer.status_code == 404:
        return "no: not there"
    assert answer.status_code != 500
    # Let in, and what was sent is refused for what it is (no such passkey, a wrong passphrase).
    return {401: "no: sign in", 403: "yes, refused"}.get(answer.status_code, "yes")


def _ask(browser: Any, method: str, path: str, form_of: str) -> str:
    if method == "GET":
        return said(browser.get(path))
    if "form_token" not in browser.get(form_of).text:
        # Whoever is shown no page with a form has nothing to send.
        refused = browser.post(path, form_of=None)
        # A long body is read for nobody who may not send it: they are sent away before their form's token is looked at.
        is_sent_away = refused.headers.get("Location") in ("/sign-in", "/unlock")
        assert refused.status_code in (400, 401, 403) or is_sent_away, (method, path)
        return "no: form"
    return said(browser.post(path, form_of=form_of))


MANY = 100_000
ELSEWHERE = "a person of another agency, signed in there"
ENDED = "the same, whose membership of the case has ended"
EXCLUDED = "the same, excluded from the case since"
OTHER_OFFICER, LET_IN_NO_MORE = "an officer of another agency", "an officer whose access has ended"
CHAIR = (POLICE, "chair")


def _after(once: Callable[[], Any], then: Callable[[], Any]) -> Callable[[], Any]:
    """Return what brings somebody in, after something that happens before the first time only."""
    done: list[Any] = []

    def bring_in() -> Any:
        if not done:
            done.append(once())
        return then()

    return bring_in


def require_as_stranger(found: Table, before: str) -> None:
    """Fail unless whoever is excluded is answered of the case as of one that is not theirs, and else as before."""
    strange = " of a case that is not theirs"
    assert sum(strange in row for row in found) >= 1
    for row, cells in found.items():
        assert cells[EXCLUDED] == found.get(row + strange, cells)[before], row


def workspace_table(desk: Workspace) -> Table:
    """Play every route of the workspace. The desk's person is excluded on the way and revoked at the end."""
    bound = desk.signed_in
    # One person asks for every page here, in every state: how fast somebody may ask has tests of its own.
    desk.here.per_person, desk.here.per_client, desk.here.per_stranger = Rate(MANY), Rate(MANY), Rate(MANY)
    people: dict[str, Callable[[], Any]] = {
        "nobody": desk.browser,
        ELSEWHERE: lambda: _from_elsewhere(desk),
        "one factor": lambda: bound(Vouched(is_two_factor=False)),
        "one factor, key unlocked": lambda: desk.unlocked(Vouched(is_two_factor=False)),
        "two factors": bound,
        "two factors, key unlocked": desk.unlocked,
        ENDED: _after(lambda: _leave(desk, listed), desk.unlocked),
        EXCLUDED: _after(lambda: _come_back_and_exclude(desk, listed), desk.unlocked),
        "the same, keys revoked since": desk.unlocked,
    }
    listed: list[Member] = []
    cases = desk.scene.main, UNKNOWN
    with patch("adapters.unlocks.MOST_AN_HOUR", MANY):
        return _play(desk, people, workspace_routes(desk.app), TEST_SIGN_IN, "/unlock", cases, lambda: _revoke(desk))


def _from_elsewhere(desk: Workspace) -> Any:
    """Bring somebody whom another agency's own provider and workspace know well, with their session there."""
    browser, party = desk.browser(), desk.scene[POLICE]
    theirs = Vouched(issuer="https://login.fern-police.example", subject="subject-of-a-constable")
    assert browser.sign_in(theirs).status_code == 403
    session = ServerSession(new_token())
    who = SignedIn("0" * 64, party.people["chair"], True, ("pwd", "mfa"), render_time(now()), (), "", theirs.issuer)
    there = Sessions(party.store, now)
    there.sign_in(session, who)
    assert there.open(session.token).who == who
    browser.token = session.token
    return browser


def _leave(desk: Workspace, listed: list[Member]) -> None:
    book, case = desk.scene[CARE].book, desk.scene.main
    listed += book.load(case).state.membership.members
    book.change_members(case, [item for item in listed if item.member != desk.member])
    desk.scene[AGENCY].sync()


def _come_back_and_exclude(desk: Workspace, listed: list[Member]) -> None:
    desk.scene[CARE].book.change_members(desk.scene.main, listed)
    desk.scene[AGENCY].sync()
    desk.scene[AGENCY].book.accept(desk.scene.main)
    exclude(desk.scene, desk.scene.main, (AGENCY, desk.member), second=CHAIR)


def _revoke(desk: Workspace) -> None:
    revoke_person(desk.scene[AGENCY], "voter")
    desk.scene.witness()


def console_table(desk: Console) -> Table:
    """Play every route of the console. The officer's access is ended at the end.

    The case is one of three agencies, so that there is an officer of another.
    """
    case = desk.scene.other
    desk.providers = (*desk.providers, provider(CHARITY, THEIR_ISSUER, "charity"))
    desk.services, desk.hub = desk.build()
    other = desk.add_person(CHARITY, Role.IG_OFFICER)
    desk.give(desk.word(CHARITY, member=other, issuer=THEIR_ISSUER), by=CHARITY)
    desk.give(desk.word(subject="ended", days=1))
    people: dict[str, Callable[[], Any]] = {
        "nobody": desk.browser,
        OTHER_OFFICER: lambda: desk.signed_in(vouched(CHARITY, issuer=THEIR_ISSUER)),
        LET_IN_NO_MORE: lambda: _let_in_no_more(desk),
        "an officer, one factor": lambda: desk.signed_in(vouched(two=False)),
        "an officer": desk.signed_in,
        EXCLUDED: _after(lambda: exclude(desk.scene, case, (HEALTH, desk.officer), second=CHAIR), desk.signed_in),
        "an officer whose keys were revoked since": desk.signed_in,
    }
    return _play(
        desk,
        people,
        console_routes(desk.app),
        CONSOLE_SIGN_IN,
        "/console/account",
        (case, desk.foreign_case()),
        lambda: desk.revoke(desk.officer),
    )


def _let_in_no_more(desk: Console) -> Any:
    """Bring an officer who was let in for a day, two days later; those after them come today again."""
    browser = desk.browser()
    desk.later = timedelta(days=2)
    try:
        assert browser.sign_in(vouched(subject="ended")).status_code == 403
    finally:
        desk.later = timedelta(0)
    return browser


def _play(
    desk: Any,
    people: dict[str, Callable[[], Any]],
    found: list[Any],
    only_in_tests: str,
    form_of: str,
    cases: tuple[str, str],
    end: Callable[[], Any],
) -> Table:
    made: Table = {}
    *before, last = people
    for name in before:
        for method, rule, need in found:
            for row, path in _paths(method, rule, cases):
                if rule != only_in_tests:
                    cells = made.setdefault(row, {"needs": "nobody" if need is None else need.value})
                    cells[name] = _ask(people[name](), method, path, form_of)
    waiting = {row: people[last]() for row in made}
    end()
    for method, rule, _ in found:
        for row, path in _paths(method, rule, cases):
            if rule != only_in_tests:
                made[row][last] = _ask(waiting[row], method, path, form_of)
    return made


def _paths(method: str, rule: str, cases: tuple[str, str]) -> list[tuple[str, str]]:
    """Return a rule's rows: what it is called on the page, and an address for it. A case is asked for twice."""
    named = "pages.css" if "static" in rule else "health"
    path = rule.replace("<name>", named).replace("<passkey>", "0" * 32).replace("<path:name>", named)
    path = path.replace("<kind>", "agreed").replace("<statement>", "0" * 64)
    path = path.replace("<int:number>", "1").replace("<int:step>", "1")
    if "<case>" not in rule:
        return [(f"{method} {rule}", path)]
    return [
        (f"{method} {rule}", path.replace("<case>", cases[0])),
        (f"{method} {rule} of a case that is not theirs", path.replace("<case>", cases[1])),
    ]


__all__ = ["console_table", "require_as_stranger", "workspace_table"]
