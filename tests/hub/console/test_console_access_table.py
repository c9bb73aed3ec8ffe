"""The console's table in docs/access.md comes out as the page says."""

from __future__ import annotations

from tests.access_pages import console_table, require_as_stranger
from tests.access_table import PAGE, on_page, render
from tests.hub.console.desk import Desk


def test_attack_43_every_page_answers_every_officer_as_the_table_says(desk: Desk) -> None:
    """Route times person, from the application's own routes."""
    found = console_table(desk)
    require_as_stranger(found, "an officer")
    assert render(found) == on_page(PAGE.read_text(encoding="utf-8"), "console")
