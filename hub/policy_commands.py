"""``nrm-hub policy``: test, explain, draw and compare agreements. Works on folders; needs no hub and no key."""

from __future__ import annotations

import json
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hub.refusal import Refused
from policies.bundles import load_bundle
from policies.diff import Difference, compare
from policies.engine import Bundle, NotEvaluated
from policies.explain import overdue, render_trace, trace, unconfirmed
from policies.matrix import Matrix, build_matrix, render_csv
from policies.model import Facts, Malformed
from policies.mutation import run_mutants
from policies.rules import BundleRefused
from policies.sentences import render_change, render_difference
from policies.space import AnalysisRefused
from policies.testing import parse_facts, run_table

MAX_FACTS_BYTES = 65_536
MAX_ROWS_SHOWN = 20
FOLDER = click.Path(file_okay=False, path_type=Path)


class PolicyCommands(click.Group):
    """A group whose commands end with the words of a refused agreement instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (BundleRefused, AnalysisRefused, NotEvaluated, Malformed) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=PolicyCommands)
def policy() -> None:
    """Test, explain, draw and compare agreements. Without a folder, the agreement that this program ships.

    \b
    Example: nrm-hub policy test
    """


def _today() -> Any:
    return datetime.now(UTC).date()


def _warn(bundle: Bundle) -> None:
    for line in overdue(bundle, _today()):
        click.echo(line, err=True)
    count = len(unconfirmed(bundle))
    if count:
        click.echo(f"{count} gateways and bases are relied on that nobody has checked against the law.", err=True)


@policy.command(name="test")
@click.argument("folder", type=FOLDER, required=False)
@click.option("--mutate", is_flag=True, help="Also take out every policy and condition: a row has to notice each.")
def policy_test(folder: Path | None, mutate: bool) -> None:
    """Run an agreement's own table of expected decisions. Exit 1 where one differs.

    A failing row is named with its file, what was expected, what came, and which policies determined it.

    \b
    Example: nrm-hub policy test agreement-2 --mutate
    """
    bundle = load_bundle(folder)
    _warn(bundle)
    report = run_table(bundle)
    for failure in report.failures:
        click.echo(str(failure))
    click.echo(f"{report.rows} rows, {len(report.failures)} wrong")
    is_passed = report.is_passed
    if mutate:
        mutation = run_mutants(bundle)
        for mutant in mutation.unnoticed:
            click.echo(f"no row notices {mutant.rule} {mutant.change}")
        for mutant in mutation.without_effect:
            click.echo(f"changes no answer, as other policies say the same: {mutant.rule} {mutant.change}")
        click.echo(f"{mutation.tried} changes, {len(mutation.unnoticed)} unnoticed")
        is_passed = is_passed and mutation.is_passed
    if not is_passed:
        sys.exit(1)


@policy.command()
@click.argument("question", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--row", help="A row of the agreement's own tests instead of a file: the beginning of its name.")
@click.option("--bundle", "folder", type=FOLDER, help="The agreement's folder; else the one that is shipped.")
def explain(question: Path | None, row: str | None, folder: Path | None) -> None:
    """Say why a question is answered as it is: by which rules, what would have to be true, whom to ask.

    The question is a file (TOML or JSON) with every fact, or a row of the tests. What is printed is for information
    governance officers; it also says what the person who asked is told.

    \b
    Example: nrm-hub policy explain question.toml
    """
    bundle = load_bundle(folder)
    if (question is None) is (row is None):
        raise click.UsageError("expected a file with a question, or --row, and not both")
    facts = _read_question(question) if question is not None else _find_row(bundle, str(row))
    for line in render_trace(trace(bundle, facts), _today()):
        click.echo(line)


@policy.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--html", "html_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a page here.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a table here.")
def matrix(folder: Path | None, html_path: Path | None, csv_path: Path | None) -> None:
    """Draw who may see what for which purpose, on which conditions, as the agreement really answers.

    \b
    Example: nrm-hub policy matrix --html matrix.html --csv matrix.csv
    """
    if html_path is None and csv_path is None:
        raise click.UsageError("expected --html, --csv or both")
    bundle = load_bundle(folder)
    _warn(bundle)
    found = build_matrix(bundle)
    if html_path is not None:
        _write(html_path, _render_page(found))
    if csv_path is not None:
        _write(csv_path, render_csv(found))
    given = sum(cell.is_given for cell in found.cells.values())
    click.echo(f"{len(found.cells):,} combinations of role, agency kind, category and purpose; {given:,} are given")


def _render_page(found: Matrix) -> str:
    from hub.policy_pages import render_matrix_page

    return render_matrix_page(found, _today())


@policy.command()
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="Print the difference for a program.")
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Say what a new agreement newly allows and newly refuses, over every question there is.

    Exit 3 where the agreements differ in more ways than can be said.

    \b
    Example: nrm-hub policy diff policies/bundle agreement-2
    """
    bundles = load_bundle(old), load_bundle(new)
    found = compare(*bundles)
    if as_json:
        click.echo(json.dumps(_to_json(found), indent=1))
    else:
        _warn(bundles[1])
        for line in render_difference(found):
            click.echo(line)
    if found.left_out:
        sys.exit(3)


def _to_json(found: Difference) -> dict[str, Any]:
    return {
        "old": {"version": found.old.version, "digest": found.old.digest},
        "new": {"version": found.new.version, "digest": found.new.digest},
        "questions": found.space.questions,
        "combinations": found.space.combinations,
        "asked": found.space.asked,
        "newly_allowed": found.newly_allowed,
        "newly_refused": found.newly_refused,
        "left_out": found.left_out,
        "changes": [
            {
                "kind": change.kind.value,
                "sentence": render_change(found.space, change),
                "rules": list(change.rules),
                "questions": change.questions,
            }
            for change in found.changes
        ],
        "days": [{"code": code, "old": _day(old), "new": _day(new)} for code, old, new in found.days],
        "checks": [{"code": code, "old": old, "new": new} for code, old, new in found.checks],
        "rules": {what: list(names) for what, names in found.rules.items()},
    }


def _day(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())


def _read_question(path: Path) -> Facts:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FACTS_BYTES + 1)
    except OSError as error:
        raise Refused(400, "malformed", f"{path.name}: cannot be read") from error
    if len(data) > MAX_FACTS_BYTES:
        raise Malformed(f"{path.name}: expected at most {MAX_FACTS_BYTES} bytes")
    try:
        text = data.decode("utf-8")
        payload = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{path.name}: expected a TOML document, or JSON where the name ends in .json") from error
    return parse_facts(payload, path.name)


def _find_row(bundle: Bundle, beginning: str) -> Facts:
    found = {row.name: row.facts for row in bundle.rows if row.name.startswith(beginning)}
    if beginning in found:
        return found[beginning]
    if not found:
        raise Malformed("--row: no row of the agreement's tests begins like this")
    if len(found) > 1:
        names = "".join(f"\n  {name}" for name in list(found)[:MAX_ROWS_SHOWN])
        raise Malformed(f"--row: {len(found)} rows begin like this; expected one of them:{names}")
    return next(iter(found.values()))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise Malformed(f"{path.name}: cannot be written") from error
    click.echo(f"written to {path}")
