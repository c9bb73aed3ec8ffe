"""What was observed becomes a concern in the form that record systems give, and the matrix shows it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from adapters.nrm.typology import INDICATORS, Element, ExploitationType, Presence
from adapters.picture.content import find_part, read_content
from adapters.release.observations import MAX_SEEN_CHARS, observation
from adapters.release.writing import Author, AuthoredRefused
from policies.vocabulary import Category, Role

BY = Author(Role.PRACTITIONER, "youth worker", datetime(2026, 11, 22, 9, 0, tzinfo=UTC))
SEEN = "A man answered each question that was put to the child."


def made(**changes: Any) -> dict[str, Any]:
    """One observation."""
    said = {
        "code": "CTL02",
        "presence": Presence.PRESENT,
        "observed_on": date(2026, 11, 20),
        "observer_role": "youth worker",
        "seen": SEEN,
    }
    return observation(BY, **{**said, **changes})


def test_it_has_the_form_that_other_sources_give() -> None:
    content = read_content(made(place="An invented café"), Category.CONCERN)
    (group,) = content.parts("hub_Concern")
    said = {name: find_part(group, name) for name in ("concern", "presence", "observed_on", "observer_role", "place")}
    assert all(said.values())
    concern = said["concern"]
    assert concern is not None
    assert (concern.code, concern.text) == ("CTL02", INDICATORS["CTL02"].label)
    assert content.notes == ()
    assert content.observed_from == "2026-11-20"
    assert SEEN in content.summary


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "CTL99"},
        {"seen": None},
        {"seen": " "},
        {"seen": "x" * (MAX_SEEN_CHARS + 1)},
        {"observed_on": date(2026, 11, 23)},
        {"observer_role": ""},
        {"place": "two\nlines"},
    ],
)
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(AuthoredRefused) as refused:
        made(**changes)
    assert SEEN not in str(refused.value)


def test_looked_for_and_not_seen_needs_no_words() -> None:
    content = made(presence=Presence.LOOKED_FOR_NOT_SEEN, seen=None)
    assert "looked for and not seen" in content["summary"]


def test_the_matrix_lays_it_where_its_code_belongs() -> None:
    from adapters.picture.model import assemble
    from tests.adapters.picture.invented_case import COUNCIL, case_view, opened

    contents = [
        made(),
        made(code="ACT01", seen="Brought by car from the next street"),
        made(code="SEX03", seen="Asked for pictures"),
        made(code="CRI01", presence=Presence.LOOKED_FOR_NOT_SEEN, seen=None),
    ]
    elements = assemble(
        case_view([opened(f"seen-{number}", COUNCIL, Category.CONCERN, item) for number, item in enumerate(contents)])
    ).elements
    rows = {(row.element, row.exploitation): row for row in elements.rows}
    assert [item.code for item in rows[Element.MEANS, None].supporting] == ["CTL02"]
    assert [item.code for item in rows[Element.ACT, None].supporting] == ["ACT01"]
    assert [item.code for item in rows[Element.PURPOSE, ExploitationType.SEX].supporting] == ["SEX03"]
    assert (Element.PURPOSE, ExploitationType.CRI) not in rows
