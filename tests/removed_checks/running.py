"""Plays a row: a copy of the tree, a check taken out of it, the named tests run there, and how they ended."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.removed_checks.noting import VARIABLE
from tests.removed_checks.rows import REPOSITORY, Row, without_parameters
from tests.scene import SCENE_VARIABLE, template

COPIED = ("adapters", "hub", "keys", "policies", "tests", "docs", "assets", "pyproject.toml", "package.json")
LINKED = ("node_modules",)
PACKAGES = ("adapters", "hub", "keys", "policies")
MAX_SECONDS = 900
"""For the tests of one row, walks through every page among them, on a busy machine. A check that is taken out must not
keep anybody waiting for ever."""

NOT_A_FINDING = frozenset(
    {"SyntaxError", "ImportError", "NameError", "TypeError", "AttributeError", "RuntimeError", "OSError"}
)
"""What a broken edit raises, or a hub that does not start. A test that ends so has not seen that the check is gone."""
TOO_SLOW = re.compile(r"assert \(?\d+\.\d+ - \d+\.\d+\)? <")
"""A comparison of two times: on a machine with much else to do it says nothing of the check."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the tests of a row ended: what each saw, and what is wrong with that (nothing, if it is empty)."""

    seen: dict[str, str]
    wrong: tuple[str, ...]


class Copy:
    """A copy of the tree that nobody else uses, and a scene that was played with every check in place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, folder / "tree"
        self.tree.mkdir()
        leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in COPIED:
            path = REPOSITORY / name
            if path.is_dir():
                shutil.copytree(path, self.tree / name, ignore=leave_out)
            elif path.is_file():
                shutil.copy(path, self.tree / name)
        for name in LINKED:
            if (REPOSITORY / name).exists():
                (self.tree / name).symlink_to((REPOSITORY / name).resolve())
        shared = REPOSITORY.parent / "shared"
        if shared.is_dir():
            (folder / "shared").symlink_to(shared.resolve())

    def environ(self) -> dict[str, str]:
        """Return the environment of a run: this tree's modules for the run and for every process that it starts."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))}
        made = {"PYTHONPATH": str(self.tree), "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, **made, SCENE_VARIABLE: str(self.folder / "played")}

    def prepare(self, tests: Iterable[str]) -> None:
        """Play the scene, find every test and compile the tree, so that the runs need not.

        Raises ``ValueError`` where a test is not found.
        """
        played = self.folder / "played"
        played.mkdir(exist_ok=True)
        template(played)
        environ = {name: value for name, value in self.environ().items() if name != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-m", "pytest", "-q", "--collect-only", *sorted(set(tests))]
        ran = subprocess.run(command, cwd=self.tree, env=environ, capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise ValueError(f"the tests are not all found\n{ran.stdout[-3000:]}")

    def imported_by_a_process_of_a_process(self, where: Path) -> set[str]:
        """Return the folders from which a process that a run's process starts elsewhere takes the packages."""
        inner = (
            f"import {', '.join(PACKAGES)}; print(*({', '.join(f'{name}.__file__' for name in PACKAGES)},), sep='\\n')"
        )
        outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
        ran = subprocess.run(
            [sys.executable, "-c", outer], cwd=where, env=self.environ(), capture_output=True, text=True, check=True
        )
        return {str(Path(line).parents[1]) for line in ran.stdout.splitlines()}

    @contextmanager
    def without(self, row: Row) -> Iterator[None]:
        """Take a row's check out, and put it back. Raises ``ValueError`` where its text is not there."""
        paths = {self.tree / edit.file for edit in row.edits}
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}
        try:
            for edit in row.edits:
                path = self.tree / edit.file
                path.write_text(edit.apply(path.read_text(encoding="utf-8")), encoding="utf-8")
                # Python takes a compiled module for its source by time and size: the time must be another one.
                os.utime(path, ns=(0, 0))
            yield
        finally:
            for path, (data, at) in before.items():
                path.write_bytes(data)
                os.utime(path, ns=(at, at))

    def play(self, row: Row) -> Ended:
        """Run a row's tests without its check. Raises ``ValueError`` where the check is not found any more."""
        notes = self.folder / "notes"
        notes.unlink(missing_ok=True)
        options = ["-q", "-p", "tests.removed_checks.noting", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command = [sys.executable, "-m", "pytest", *options, "--basetemp", str(self.folder / "run"), *row.fails]
        environ = {**self.environ(), VARIABLE: str(notes)}
        with self.without(row):
            try:
                ran = subprocess.run(
                    command,
                    cwd=self.tree,
                    env=environ,
                    capture_output=True,
                    text=True,
                    timeout=MAX_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Ended({}, (f"the tests did not end within {MAX_SECONDS} seconds",))
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return judge(row, ran.returncode, [json.loads(line) for line in lines], ran.stdout[-3000:])


def judge(row: Row, code: int, notes: list[dict[str, object]], said: str) -> Ended:
    """Return what the tests saw. Each test of the row must have failed in its own body, by what it found; of a test
    that is named without its parameters, with each of them."""
    seen, wrong = {}, []
    if code not in (0, 1):
        wrong.append(f"pytest ended with {code}: the tests were not played\n{said}")
    for test in row.fails:
        mine = [note for note in notes if test in (note["test"], without_parameters(str(note["test"])))]
        failed = [note for note in mine if note["outcome"] == "failed"]
        broken = [note for note in failed if _is_broken(note)]
        passed = [str(note["test"]) for note in mine if (note["phase"], note["outcome"]) == ("call", "passed")]
        if broken:
            wrong.append(
                f"{test} broke ({_kinds(broken[0])[0]} in its {broken[0]['phase']}), and found nothing\n{said}"
            )
        elif not mine or any(note["outcome"] == "skipped" for note in mine):
            wrong.append(f"{test} was not played\n{said}")
        elif passed:
            wrong.append(f"passes although this is taken out ({row.without}): {', '.join(passed)}")
        else:
            seen[test] = ", ".join(sorted({_in_words(_kinds(note)) for note in failed}))
    return Ended(seen, tuple(wrong))


def _is_broken(note: dict[str, object]) -> bool:
    is_other = note["phase"] != "call" or bool(NOT_A_FINDING & set(_kinds(note)))
    return is_other or TOO_SLOW.search(str(note["message"])) is not None


def _kinds(note: dict[str, object]) -> list[str]:
    kinds = note["kinds"]
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else []


def _in_words(kinds: list[str]) -> str:
    return {"AssertionError": "assertion", "Failed": "not refused"}.get(kinds[0], kinds[0])
