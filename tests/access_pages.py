"""Every page of the workspace and of the console, asked by every kind of person: two more tables of docs/access.md.

``python -m tests.access_table`` writes them; a test beside each application's own compares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adapters.workspace.access import routes as workspace_routes
from adapters.workspace.security import Rate
from hub.console.access import routes as console_routes
from tests.adapters.workspace.desk import AGENCY, TEST_SIGN_IN, Vouched
from tests.adapters.workspace.desk import Desk as Workspace
from tests.attacks.exclusion_acts import exclude
from tests.attacks.key_acts import revoke_person
from tests.hub.console.desk import TEST_SIGN_IN as CONSOLE_SIGN_IN
from tests.hub.console.desk import Desk as Console
from tests.hub.console.desk import vouched
from tests.scene import HEALTH, POLICE

UNKNOWN = "0123456789abcdef" * 2
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
        assert browser.post(path, form_of=None).status_code in (400, 401, 403)
        return "no: form"
    return said(browser.post(path, form_of=form_of))


MANY = 100_000
EXCLUDED = "the same, excluded from the case since"
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
    desk.here.per_person, desk.here.per_client = Rate(MANY), Rate(MANY)
    people: dict[str, Callable[[], Any]] = {
        "nobody": desk.browser,
        "one factor": lambda: bound(Vouched(is_two_factor=False)),
        "one factor, key unlocked": lambda: desk.unlocked(Vouched(is_two_factor=False)),
        "two factors": bound,
        "two factors, key unlocked": desk.unlocked,
        EXCLUDED: _after(
            lambda: exclude(desk.scene, desk.scene.main, (AGENCY, desk.member), second=CHAIR), desk.unlocked
        ),
        "the same, keys revoked since": desk.unlocked,
    }
    return _play(desk, people, workspace_routes(desk.app), TEST_SIGN_IN, "/unlock", UNKNOWN, lambda: _revoke(desk))


def _revoke(desk: Workspace) -> None:
    revoke_person(desk.scene[AGENCY], "voter")
    desk.scene.witness()


def console_table(desk: Console) -> Table:
    """Play every route of the console. The officer's access is ended at the end."""
    people: dict[str, Callable[[], Any]] = {
        "nobody": desk.browser,
        "an officer, one factor": lambda: desk.signed_in(vouched(two=False)),
        "an officer": desk.signed_in,
        EXCLUDED: _after(
            lambda: exclude(desk.scene, desk.scene.main, (HEALTH, desk.officer), second=CHAIR), desk.signed_in
        ),
        "an officer whose keys were revoked since": desk.signed_in,
    }
    return _play(
        desk,
        people,
        console_routes(desk.app),
        CONSOLE_SIGN_IN,
        "/console/account",
        desk.foreign_case(),
        lambda: desk.revoke(desk.officer),
    )


def _play(
    desk: Any,
    people: dict[str, Callable[[], Any]],
    found: list[Any],
    only_in_tests: str,
    form_of: str,
    other: str,
    end: Callable[[], Any],
) -> Table:
    made: Table = {}
    *before, last = people
    for name in before:
        for method, rule, need in found:
            for row, path in _paths(method, rule, desk, other):
                if rule != only_in_tests:
                    cells = made.setdefault(row, {"needs": "nobody" if need is None else need.value})
                    cells[name] = _ask(people[name](), method, path, form_of)
    waiting = {row: people[last]() for row in made}
    end()
    for method, rule, _ in found:
        for row, path in _paths(method, rule, desk, other):
            if rule != only_in_tests:
                made[row][last] = _ask(waiting[row], method, path, form_of)
    return made


def _paths(method: str, rule: str, desk: Any, other: str) -> list[tuple[str, str]]:
    """Return a rule's rows: what it is called on the page, and an address for it. A case is asked for twice."""
    named = "pages.css" if "static" in rule else "health"
    path = rule.replace("<name>", named).replace("<passkey>", "0" * 32).replace("<path:name>", named)
    if "<case>" not in rule:
        return [(f"{method} {rule}", path)]
    return [
        (f"{method} {rule}", path.replace("<case>", desk.scene.main)),
        (f"{method} {rule} of a case that is not theirs", path.replace("<case>", other)),
    ]


__all__ = ["console_table", "require_as_stranger", "workspace_table"]
