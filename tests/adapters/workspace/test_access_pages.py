"""The workspace's table in docs/access.md comes out as the page says."""

from __future__ import annotations

from tests.access_pages import require_as_stranger, workspace_table
from tests.access_table import PAGE, on_page, render
from tests.adapters.workspace.desk import Desk


def test_attack_43_every_page_answers_every_person_as_the_table_says(desk: Desk) -> None:
    """Route times person, from the application's own routes."""
    found = workspace_table(desk)
    require_as_stranger(found, "two factors, key unlocked")
    assert render(found) == on_page(PAGE.read_text(encoding="utf-8"), "workspace")
