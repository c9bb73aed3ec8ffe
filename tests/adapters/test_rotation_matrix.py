"""Each row of the rotation matrix, played, against what ``docs/rotation.md`` says of it (attacks 22, 25 to 27, 32)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import scene as scenes
from tests.rotation_acts import prepare
from tests.rotation_matrix import PAGE, TABLES, Table, begin, expected, render, rewrite
from tests.scene import Scene

QUICK = {
    ("active", "lost"),
    ("signing", "planned rotation"),
    ("one of four", "both", "compromised"),
    ("two planned rotations of both keys at once",),
}
"""Played also where the slow tests are not."""

ROWS = [
    pytest.param(table, row, id="-".join((table.name, *row)), marks=() if row in QUICK else pytest.mark.slow)
    for table in TABLES
    for row in table.rows
]


@pytest.fixture(scope="module")
def prepared(scene_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene in which everything is shared, read and voted on."""
    return prepare(scene_source, tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def scene(prepared: Path, tmp_path: Path) -> Iterator[Scene]:
    """A copy for one row."""
    copied = scenes.copy(prepared, tmp_path / "copy").embed()
    yield copied
    copied.close()


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_a_row_comes_out_as_the_page_says(scene: Scene, table: Table, row: tuple[str, ...]) -> None:
    """On a difference that is meant: ``python -m tests.rotation_matrix``, and read the page's diff."""
    said = expected(table, PAGE.read_text(encoding="utf-8"))[row]
    assert dict(zip(table.found, table.rows[row](scene), strict=True)) == dict(zip(table.found, said, strict=True))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_page_has_exactly_the_rows_that_are_played(table: Table) -> None:
    """In their order; no row by hand, none left behind."""
    assert list(expected(table, PAGE.read_text(encoding="utf-8"))) == list(table.rows)


def test_the_matrix_crosses_what_it_says() -> None:
    """Every state with every change, every kind of key, and no row twice."""
    rows = {table.name: list(table.rows) for table in TABLES}
    assert len(rows["person"]) == 5 * 4
    assert {row[0] for row in rows["signing"]} == {"signing", "signing of the lead", "root"}
    assert {row[0] for row in rows["opening"]} == {"intake", "archive"}
    assert len(rows["log"]) == 3 * 3
    assert {row[1] for row in rows["witnesses"]} == {"witness", "witness-pq", "both"}
    assert len(QUICK & {row for listed in rows.values() for row in listed}) == len(QUICK)


def test_a_table_is_written_in_its_place_and_read_again() -> None:
    """What is around it stays; a page without its place is refused."""
    table = TABLES[-1]
    outcomes = {row: tuple(f"cell {number}" for number, _ in enumerate(table.found)) for row in table.rows}
    page = f"# Before\n\n{begin(table)}\n| old |\n\nAfter\n"
    once = rewrite(page, table, outcomes)
    assert expected(table, once) == outcomes
    assert once == f"# Before\n\n{begin(table)}\n{render(table, outcomes)}\n\nAfter\n"
    assert rewrite(once, table, outcomes) == once
    for wrong in ("# Before\n", f"{begin(table)}\n| other | head |\n|---|---|\n\n"):
        with pytest.raises(ValueError, match=r"the page has no"):
            expected(table, wrong)
    with pytest.raises(ValueError, match=r"no place"):
        rewrite("# Before\n", table, outcomes)
