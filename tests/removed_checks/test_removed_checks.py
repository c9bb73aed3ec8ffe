"""Each check that is taken out is missed by its tests; each attack has one; each attack test is behind one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import absent
from tests.removed_checks.page import PAGE, render
from tests.removed_checks.rows import (
    ATTACKS,
    REPOSITORY,
    Edit,
    Row,
    attack_tests,
    load_exceptions,
    load_rows,
    load_seen,
    one_for_each_attack,
    without_parameters,
)
from tests.removed_checks.running import Copy, judge

ROWS = load_rows()
ARGUED = 12
"""Nothing is added to the exceptions without another one leaving them."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_taken_out_stands_there_once(row: Row) -> None:
    """One after the other, as they are taken out: an edit may not be of a text that another one has changed."""
    texts: dict[str, str] = {}
    for edit in row.edits:
        before = texts.get(edit.file) or (REPOSITORY / edit.file).read_text(encoding="utf-8")
        texts[edit.file] = edit.apply(before)
        assert texts[edit.file] != before
        assert not edit.file.startswith("tests/")
    for name, text in texts.items():
        if name.endswith(".py"):
            compile(text, name, "exec")


def test_every_attack_has_a_check_that_is_missed_or_a_reason() -> None:
    argued = {number for test in load_exceptions() for number in attack_tests()[test]}
    assert {number for row in ROWS for number in row.attacks} | argued >= set(ATTACKS)
    assert {number for row in ROWS for number in row.attacks} <= set(ATTACKS)


def test_every_attack_test_stands_behind_a_check_or_says_why_not() -> None:
    tests, missed = attack_tests(), {without_parameters(test) for row in ROWS for test in row.fails}
    exceptions = load_exceptions()
    assert len(tests) > 100
    assert sorted(set(tests) - missed - set(exceptions)) == []
    assert sorted(set(exceptions) - set(tests)) == [], "these tests are gone"
    assert sorted(set(exceptions) & missed) == [], "these leave the list: a check stands behind them"
    assert len(exceptions) <= ARGUED
    assert all(len(because) > 40 for because in exceptions.values())


def test_a_row_names_tests_of_its_attacks() -> None:
    """Or tests of other folders that the threat model cites for them."""
    tests = attack_tests()
    for row in ROWS:
        named = {number for test in row.fails for number in tests.get(without_parameters(test), row.attacks)}
        assert named & set(row.attacks), row.name


def test_the_page_says_what_the_rows_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(ROWS, load_seen(), load_exceptions())


# What the runner holds for a finding


def noted(test: str, outcome: str, *kinds: str, phase: str = "call", message: str = "") -> dict[str, object]:
    return {"test": test, "phase": phase, "outcome": outcome, "kinds": list(kinds), "message": message}


def test_only_a_failure_of_the_test_itself_counts() -> None:
    row = Row("made-up", (1,), "Something", (Edit("a", "b", "c"),), ("t::x",), None)
    assert judge(row, 1, [noted("t::x", "failed", "AssertionError")], "").wrong == ()
    assert judge(row, 1, [noted("t::x[1]", "failed", "Failed"), noted("t::x[2]", "failed", "Failed")], "").wrong == ()
    for code, notes in (
        (0, [noted("t::x", "passed")]),
        (1, [noted("t::x[1]", "failed", "Failed"), noted("t::x[2]", "passed")]),
        (1, [noted("t::x", "failed", "ImportError")]),
        (1, [noted("t::x", "failed", "ModuleNotFoundError", "ImportError")]),
        (1, [noted("t::x", "failed", "RuntimeError")]),
        (1, [noted("t::x", "failed", "AssertionError", phase="setup")]),
        (1, [noted("t::x", "failed", "AssertionError", message="assert (372.36 - 371.02) < 1.0")]),
        (0, [noted("t::x", "skipped", phase="setup")]),
        (1, [noted("t::y", "failed", "AssertionError")]),
        (2, []),
        (4, []),
    ):
        assert judge(row, code, notes, "").wrong, notes


def test_a_text_that_is_gone_or_stands_twice_is_named() -> None:
    for text in ("nothing of it", "a check, a check"):
        with pytest.raises(ValueError, match="expected the text to take out once"):
            Edit("x.py", "a check", "").apply(text)


# All of it


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of the tree, its scene played."""
    made = Copy(tmp_path_factory.mktemp("removed"))
    made.prepare(test for row in ROWS for test in row.fails)
    return made


@pytest.mark.slow
def test_every_process_of_a_run_imports_the_copy(copy: Copy, tmp_path: Path) -> None:
    """Also one that a run starts, from wherever: else a check that is taken out would still stand in a hub process."""
    assert copy.imported_by_a_process_of_a_process(tmp_path) == {str(copy.tree)}


@pytest.mark.slow
@pytest.mark.parametrize("row", one_for_each_attack(ROWS)[::3], ids=lambda row: row.name)
def test_without_the_check_its_tests_fail(copy: Copy, row: Row) -> None:
    """One row for every third attack; all of them take half an hour: ``python -m tests.removed_checks``."""
    if row.needs == "browser":
        from tests.browser.chromium import AXE, find_chromium

        if find_chromium() is None or not AXE.is_file():
            absent("chromium (Debian package chromium), or axe-core (make assets)")
    assert copy.play(row).wrong == ()
