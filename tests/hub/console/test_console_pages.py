"""The console's pages, as an officer sees them."""

from __future__ import annotations

from tests.hub.console.desk import Desk
from tests.scene import CARE


def test_smoke(desk: Desk) -> None:
    browser = desk.signed_in()
    for path in ("/console/", "/console/log", "/console/account", f"/console/cases/{desk.scene.main}"):
        answer = browser.get(path)
        print(path, answer.status_code, answer.text[:3000] if answer.status_code != 200 else len(answer.text))
        assert answer.status_code == 200
