"""docs/removed-checks.md, as the rows have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.removed_checks.rows import REPOSITORY, Row

PAGE = REPOSITORY / "docs" / "removed-checks.md"

BEGINNING = """# Checks taken out, and the tests that fail then

A test that passes shows little until it has been seen to fail. Each row below is a check against one of the attacks of
the [threat model](threat-model.md): `tests/removed_checks` takes it out of a copy of the tree and runs the tests in the
fourth column there. Each of them must then fail in its own body, by an assertion or because nothing was refused; a test
that breaks (an import, a name, a fixture) does not count. Where a test is named without its parameters, each of its
cases must. With the check in place the same tests pass: they are part of every run.

`python -m tests.removed_checks` plays every row, or those that are named, and writes into the last column what it saw:
an assertion, something that was not refused, or the refusal that came instead. *Not played yet* is a row that was added
or changed since. `tests/removed_checks/test_removed_checks.py` plays one row for every third attack with the slow
tests and fails where a test passes without its check, or where a text that is to be taken out has gone from the tree.
A row that names several layers takes them out at once: each alone is not missed, because the others still hold.

"""


def render(rows: Sequence[Row], seen: Mapping[str, str], exceptions: Mapping[str, str]) -> str:
    """Return the page. ``seen`` says by a row's digest how its tests failed."""
    lines = ["| attack | what is taken out | where | tests that fail then | seen |", "|---|---|---|---|---|"]
    for row in sorted(rows, key=lambda item: (item.attacks, item.name)):
        numbers = ", ".join(str(number) for number in row.attacks)
        places = ", ".join(f"`{name}`" for name in dict.fromkeys(edit.file for edit in row.edits))
        tests = ", ".join(f"`{test}`" for test in row.fails)
        lines.append(f"| {numbers} | {row.without} | {places} | {tests} | {seen.get(row.digest, 'not played yet')} |")
    lines += ["", "## Tests behind which no single check stands", ""]
    lines += ["What they show holds by what is not there, or by a library. Taking a check out would not show it.", ""]
    lines += ["| test | why |", "|---|---|"]
    lines += [f"| `{test}` | {because} |" for test, because in sorted(exceptions.items())]
    return BEGINNING + "\n".join(lines) + "\n"
