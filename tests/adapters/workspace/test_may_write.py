"""Who may write, review and release what: the whole rule as a table."""

from __future__ import annotations

import pytest

from adapters.workspace.may_write import PANEL_WRITTEN, WRITTEN, may_override, releasable, writable
from policies.vocabulary import Category, Role

ALL, NOTHING = frozenset(Category), frozenset[Category]()
TABLE = {
    Role.LEAD_PROFESSIONAL: (WRITTEN, ALL, True),
    Role.PRACTITIONER: (WRITTEN, ALL, True),
    Role.ICTG: (WRITTEN, ALL, True),
    Role.PANEL_CHAIR: (PANEL_WRITTEN, PANEL_WRITTEN, False),
    Role.PANEL_VOTING: (PANEL_WRITTEN, PANEL_WRITTEN, False),
    Role.PANEL_ADVISER: (PANEL_WRITTEN, PANEL_WRITTEN, False),
    Role.IG_OFFICER: (NOTHING, NOTHING, False),
    Role.INTAKE: (NOTHING, NOTHING, False),
}


def test_the_table_knows_every_role() -> None:
    assert set(TABLE) == set(Role)


@pytest.mark.parametrize("role", list(Role))
def test_each_role(role: Role) -> None:
    assert (writable([role.value]), releasable([role.value]), may_override([role.value])) == TABLE[role]


def test_several_roles_are_all_of_them_and_none_is_nothing() -> None:
    assert releasable(["ig_officer", "panel_voting"]) == PANEL_WRITTEN
    assert releasable(["panel_chair", "practitioner"]) == ALL
    assert writable([]) == NOTHING
    assert writable(["somebody_else"]) == NOTHING


def test_what_the_panel_writes_is_no_record() -> None:
    assert {
        Category.REQUEST,
        Category.ANSWER,
        Category.PROFESSIONAL_VIEW,
        Category.DISAGREEMENT,
        Category.MEETING,
    } == PANEL_WRITTEN
    assert PANEL_WRITTEN < WRITTEN
