"""Attack 44 by number, for the pages: "does not exist" and "not for you" are one answer, at one cost.

The same words, status and headers, and the same questions to the databases: what takes as many looks takes as long.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from hub.console import security
from tests.adapters.workspace.conftest import made as workspace_of
from tests.adapters.workspace.desk import AGENCY
from tests.attacks.exclusion_acts import exclude
from tests.hub.console.desk import Desk as Console
from tests.scene import HEALTH, POLICE, Scene

UNKNOWN = "0123456789abcdef" * 2
CHAIR = (POLICE, "chair")
CHANGES = r'value="[^"]*"|datetime="\d\d:\d\d"|\d\d:\d\d (?=GMT|BST)'
"""What differs from one look at the same page to the next: the form's token, and until when one is signed in."""


@contextmanager
def asked(folder: Path) -> Iterator[list[str]]:
    """Collect what is asked of the databases below a folder meanwhile."""
    found: list[str] = []

    def keep(connection: Any, _cursor: object, statement: str, *_rest: object) -> None:
        if folder in Path(str(connection.engine.url.database)).resolve().parents:
            found.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


def seen(browser: Any, path: str, folder: Path) -> tuple[object, ...]:
    """Return all that somebody learns from asking once, and what it costs."""
    with asked(folder.resolve()) as statements:
        answer = browser.get(path)
    text = re.sub(CHANGES, "", answer.text)
    headers = {name: value for name, value in answer.headers.items() if name not in ("Set-Cookie", "Date")}
    return answer.status_code, text, tuple(sorted(headers.items())), tuple(statements)


def assert_alike(browser: Any, template: str, cases: list[str], folder: Path) -> None:
    for case in cases:
        browser.get(template.format(case))
    found = [seen(browser, template.format(case), folder) for case in cases]
    assert {item[0] for item in found} == {404}
    assert found[0][3], "the databases were looked at"
    assert len(set(found)) == 1


def test_attack_44_the_workspace_answers_of_a_case_that_is_not_theirs_as_of_none(
    scene_source: Path, make_scene: Callable[[], Scene]
) -> None:
    """A case that others have, one that nobody has, and one that they are kept out of."""
    with workspace_of(scene_source, make_scene) as desk:
        exclude(desk.scene, desk.scene.main, (AGENCY, desk.member), second=CHAIR)
        cases = [desk.scene.other, UNKNOWN]
        folder = desk.adapter.home.folder.parent
        assert_alike(desk.unlocked(), "/cases/{}/picture?purpose=panel_review", cases, folder)
        browser, path = desk.unlocked(), f"/cases/{desk.scene.main}/picture?purpose=panel_review"
        for _ in range(2):
            answer = browser.get(path)
        strange = browser.get(path.replace(desk.scene.main, UNKNOWN))
        assert answer.status_code == strange.status_code == 404
        assert re.sub(CHANGES, "", answer.text) == re.sub(CHANGES, "", strange.text)


def test_attack_44_the_console_answers_of_a_case_that_is_not_theirs_as_of_none(
    make_scene: Callable[[], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "DENIED_PER_MINUTE", 100)
    desk = Console(make_scene())
    desk.give()
    exclude(desk.scene, desk.scene.main, (HEALTH, desk.officer), second=CHAIR)
    cases = [desk.foreign_case(), UNKNOWN, desk.scene.main]
    assert_alike(desk.signed_in(), "/console/cases/{}", cases, desk.scene.hub.home)
    desk.close()


pytestmark = pytest.mark.slow
