"""The rows of ``tests/removed_checks/*.toml``: a check, how it is taken out, and the tests that must fail then."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
SEEN = FOLDER / "seen.json"
ATTACKS = (*range(1, 34), 40, *range(42, 47), 53, 54, 57, 61, 62, 63, *range(67, 76), 77, *range(81, 91))
"""The attacks whose tests have been seen to fail, by number of the project's list."""

_MEMBERS = {"attacks", "without", "edits", "fails", "needs"}


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of a file and what stands in its place."""

    file: str
    find: str
    put: str

    def apply(self, text: str) -> str:
        """Return the file's text with the check taken out. Raises ``ValueError`` where it does not stand there once."""
        count = text.count(self.find)
        if count != 1:
            raise ValueError(f"{self.file}: expected the text to take out once, found it {count} times: {self.find!r}")
        return text.replace(self.find, self.put)


@dataclass(frozen=True, slots=True)
class Row:
    """One check. Several edits are several layers that stand against the same attack: alone neither is missed."""

    name: str
    attacks: tuple[int, ...]
    without: str
    edits: tuple[Edit, ...]
    fails: tuple[str, ...]
    needs: str | None
    """What a machine may lack: ``browser``."""

    @property
    def digest(self) -> str:
        """A digest of what is taken out and which tests must fail: what was seen of another row says nothing of it."""
        said = [[[edit.file, edit.find, edit.put] for edit in self.edits], list(self.fails)]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def load_rows() -> tuple[Row, ...]:
    """Return all rows, file by file. Raises ``ValueError`` where a row has not exactly the members of the form."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        for number, row in enumerate(tomllib.loads(path.read_text(encoding="utf-8"))["row"], 1):
            found.append(_row(f"{path.stem}-{number:02d}", row))
    return tuple(found)


def one_for_each_attack(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the first row of each attack: what is played with the slow tests."""
    covered: set[int] = set()
    chosen = []
    for row in rows:
        if not covered.issuperset(row.attacks):
            chosen.append(row)
            covered.update(row.attacks)
    return tuple(chosen)


def _row(name: str, row: dict[str, Any]) -> Row:
    if not {"attacks", "without", "edits", "fails"} <= set(row) <= _MEMBERS:
        raise ValueError(f"{name}: expected some of {sorted(_MEMBERS)}, got {sorted(row)}")
    edits = tuple(Edit(**edit) for edit in row["edits"])
    if not edits or not row["fails"] or not row["attacks"]:
        raise ValueError(f"{name}: a row has attacks, edits and tests")
    tests = tuple(row["fails"])
    return Row(name, tuple(row["attacks"]), row["without"], edits, tests, row.get("needs"))


def load_exceptions() -> dict[str, str]:
    """Return the attack tests behind which no check stands that could be taken out, and why."""
    found = tomllib.loads((FOLDER / "exceptions" / "without_a_check.toml").read_text(encoding="utf-8"))["exception"]
    return {item["test"]: item["because"] for item in found}


def load_seen() -> dict[str, str]:
    """Return by the digest of a row how its tests failed when it was played last."""
    found: dict[str, str] = json.loads(SEEN.read_text(encoding="utf-8"))
    return found


def keep_seen(rows: Sequence[Row], seen: Mapping[str, str]) -> None:
    """Write what was seen of these rows, and nothing of rows that are no more."""
    held = {row.digest: seen[row.digest] for row in rows if row.digest in seen}
    SEEN.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def without_parameters(test: str) -> str:
    """Return the id of a test without the part in brackets."""
    return test.partition("[")[0]


def attack_tests() -> dict[str, tuple[int, ...]]:
    """Return every test of ``tests/attacks`` that is named after one of the attacks, with its numbers."""
    found = {}
    for path in sorted((REPOSITORY / "tests" / "attacks").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            said = re.match(r"test_attack((?:_(?:and_)?\d\d)+)_", getattr(node, "name", ""))
            numbers = tuple(int(number) for number in re.findall(r"\d\d", said[1])) if said is not None else ()
            if set(numbers) & set(ATTACKS):
                found[f"{path.relative_to(REPOSITORY).as_posix()}::{getattr(node, 'name', '')}"] = numbers
    return found
