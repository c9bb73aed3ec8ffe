"""The warning of an 18th birthday: from this agency's own sealed records, each stage once, never the day itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.birthdays import CODE, find_birthdays, warn
from adapters.release.authored import Author
from adapters.release.drafts import keep_authored
from adapters.release.forms import build_content
from policies.vocabulary import Category, Role
from tests.scene import CARE, HEALTH, Party, Scene

WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
CARD = {"first_name": "Juniper", "family_name": "Madeup", "about": "An invented child."}


@pytest.fixture(scope="module")
def scene(make_scene: Callable[[], Scene]) -> Scene:
    return make_scene().embed()


def card(party: Party, case: str, birth_date: str | None) -> None:
    content: dict[str, Any] = build_content(
        Category.SUBJECT_CARD,
        Author(Role.LEAD_PROFESSIONAL, "Social worker (invented)", WRITTEN),
        {**CARD, "birth_date": birth_date},
    )
    keep_authored(party.store, case, Category.SUBJECT_CARD, content, WRITTEN)


def test_each_stage_is_warned_of_once_and_the_day_stands_nowhere(scene: Scene) -> None:
    """Born on 29 February: 18 on 1 March. Nothing far ahead; then 180, 90, 30 and 7 days, and the day."""
    care, case = scene[CARE], scene.main
    care.sync()
    card(care, case, "2008-02-29")
    [found] = find_birthdays(care.store, care.book, [case])
    assert (found.on.isoformat(), found.is_exact) == ("2026-03-01", True)
    days = [
        "2025-08-01",
        "2025-09-10",
        "2025-09-11",
        "2025-12-15",
        "2026-02-01",
        "2026-02-25",
        "2026-03-01",
        "2026-03-09",
    ]
    for day in days:
        warn(care.store, care.book, [case], datetime.fromisoformat(f"{day}T09:00:00+00:00"))
    texts = [text for code, text in scene.alarms(CARE) if code == CODE]
    assert [text.partition("the person ")[2].partition(",")[0] for text in texts] == [
        "turns 18 within 180 days",
        "turns 18 within 90 days",
        "turns 18 within 30 days",
        "turns 18 within 7 days",
        "has turned 18",
    ]
    assert not any("2026" in text or "2008" in text or "Juniper" in text for text in texts)


def test_a_record_that_has_a_year_warns_of_its_first_day(scene: Scene) -> None:
    health, case = scene[HEALTH], scene.main
    health.sync()
    assert find_birthdays(health.store, health.book, [case]) == []
    card(health, case, None)
    assert find_birthdays(health.store, health.book, [case]) == []
    card(health, case, "2009")
    [found] = find_birthdays(health.store, health.book, [case])
    assert (found.on.isoformat(), found.is_exact) == ("2027-01-01", False)
