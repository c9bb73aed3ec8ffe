"""docs/fapi.md: every requirement has one row, every row its test or the reason for having none."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "fapi.md"
EXCUSED = ("not applicable", "by whoever runs it")
HEADING = "| clause | requirement | how it is met | test |"
CLAUSES = {
    "5.2.1": 5,
    "5.2.2": 2,
    "5.2.3": 3,
    "5.3.2.1": 14,
    "5.3.2.2": 14,
    "5.3.3.1": 13,
    "5.3.3.2": 7,
    "5.3.4": 5,
    "5.4.1": 4,
}
"""How many numbered requirements each clause of the profile has."""


def sections() -> dict[str, list[list[str]]]:
    """The tables of the page by heading, each row's four cells."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|") and line != HEADING and not line.startswith("|---"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4, line[:60]
            found.setdefault(heading, []).append(cells)
    return found


def numbers_of(clause: str) -> set[tuple[str, int]]:
    """The requirements that a first cell names: ``5.3.3.1-2, -5``, ``5.3.2.2-1 to -14``, ``5.4.1-1.2``."""
    section, _, rest = clause.partition("-")
    numbers = [int(item) for item in re.findall(r"(?:^|-)(\d+)", rest)]
    if " to " in rest:
        numbers = list(range(numbers[0], numbers[1] + 1))
    return {(section, number) for number in numbers}


def test_every_numbered_requirement_has_a_row() -> None:
    """Both kinds of client answer for the clauses of clients."""
    tables = sections()
    assert len(tables) == 6
    wanted = {(section, number) for section, count in CLAUSES.items() for number in range(1, count + 1)}
    named = {item for rows in tables.values() for row in rows for item in numbers_of(row[0])}
    assert wanted - named == set()
    assert {item for item in named if item[0] in CLAUSES} - wanted == set()


def test_every_named_test_exists() -> None:
    cited = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8"))
    assert len(cited) > 50
    for path, name in cited:
        file = REPOSITORY / path
        assert file.is_file(), path
        assert re.search(rf"(?m)^def {name}\(", file.read_text(encoding="utf-8")), f"{path}: {name}"


def test_a_row_without_a_test_says_why() -> None:
    """Met and shown, not applicable, or met by whoever runs it."""
    for rows in sections().values():
        for clause, _, how, test in rows:
            if test == "-":
                assert how.startswith(EXCUSED), clause
            else:
                assert re.fullmatch(r"`tests/[^`]+`(, `tests/[^`]+`)*", test), clause
