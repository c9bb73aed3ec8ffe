"""The bench runs from end to end with tiny counts; what it measures then means nothing and is not looked at."""

from __future__ import annotations

import io
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.progress import Progress

from bench.__main__ import main
from bench.browsing import NAMES, find_chromium, measure_browsing
from bench.measuring import Bench, Result
from bench.profile import WHAT
from bench.profile import main as profile
from bench.report import explain, print_missing
from bench.sampling import Samples, looking
from bench.scale import FULL, TINY
from keys.canonical import canonical_bytes


@pytest.mark.slow
def test_the_bench_runs_and_writes_its_ratios(tmp_path: Path) -> None:
    """Every comparison is there once, in the form that docs/bench.md describes, and the table names each."""
    output = tmp_path / "var" / "bench.json"
    result = CliRunner().invoke(main, ["--tiny", "--output", str(output)])
    assert result.exit_code == 0, result.output
    listed = json.loads(output.read_text(encoding="utf-8"))
    words = explain(TINY)
    assert [item["name"] for item in listed] == list(dict.fromkeys(item["name"] for item in listed))
    missing = set() if find_chromium() else set(NAMES)
    assert {item["name"] for item in listed} == set(words) - missing
    for item in listed:
        assert set(item) == {"name", "ratio", "baseline", "value", "unit"}
        assert item["unit"] in {"ms", "us per entry", "us per proof"}
        assert all(math.isfinite(item[name]) and item[name] > 0 for name in ("ratio", "baseline", "value"))
        assert words[item["name"]] in result.output


@pytest.mark.slow
def test_the_browsers_part_is_measured_alone(tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    result = CliRunner().invoke(main, ["--tiny", "--only", "browser", "--output", str(output)])
    assert result.exit_code == 0, result.output
    listed = json.loads(output.read_text(encoding="utf-8"))
    assert {item["name"] for item in listed} == (set(NAMES) if find_chromium() else set())


def test_what_needs_a_browser_is_named_missing_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured, nothing fails, and each ratio that is not there is named."""
    monkeypatch.setattr("bench.browsing.find_chromium", lambda: None)
    console = Console(record=True, quiet=False, width=140, file=io.StringIO())
    nothing: Any = None
    assert measure_browsing(nothing, TINY, nothing) == []
    there = [Result(name, 1.0, 1.0, 1.0, "ms") for name in explain(TINY) if name not in NAMES]
    print_missing(there, TINY, console)
    said = console.export_text()
    assert [line.split()[1] for line in said.splitlines()] == [name for name in explain(TINY) if name in NAMES]
    assert set(NAMES) < set(explain(TINY))


def test_the_pages_table_is_that_of_the_bench() -> None:
    """docs/bench.md explains every ratio that the bench gives, and no other."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    # A ratio's name has its parts; the page's tables of what the writers do have words of one part.
    explained = {name for name in named if "." in name}
    assert explained == set(explain(FULL))


def test_a_ratio_is_the_median_of_its_pairs() -> None:
    """One untimed round, then the jobs take turns in both orders; values are per item."""
    ticks, order = iter(range(10_000)), []
    seconds = {"slow": 3, "fast": 1}
    now = 0.0

    def job(name: str) -> None:
        nonlocal now
        order.append(name)
        now += seconds[name] + next(ticks) / 1e9

    with Progress(console=Console(quiet=True)) as progress:
        (result,) = Bench(3, progress).compare(
            ("one",), lambda: job("slow"), (lambda: job("fast"),), per_round=10, clock=lambda: now
        )
    assert order == ["fast", "slow", "slow", "fast", "fast", "slow", "slow", "fast"]
    assert result.to_json() == {"name": "one", "ratio": 3.0, "baseline": 100.0, "value": 300.0, "unit": "ms"}


@pytest.mark.slow
@pytest.mark.parametrize("what", WHAT)
def test_a_profile_runs_and_names_its_work(what: str) -> None:
    result = CliRunner().invoke(profile, [what, "--tiny"])
    assert result.exit_code == 0, result.output
    assert "ms of processor time" in result.output


def test_a_look_is_counted_for_the_innermost_part() -> None:
    """What the library's JSON does is whoever's who called it: here nobody's of the hub, in the canonical form its."""
    samples, until = Samples(), time.process_time() + 0.2
    with looking((samples,)):
        while time.process_time() < until:
            canonical_bytes({"a": 1})
        assert samples.seen.total() == 0
        with samples.taken():
            until = time.process_time() + 0.5
            while time.process_time() < until:
                canonical_bytes({str(number): [number] for number in range(100)})
    assert samples.took[0] >= 0.5
    assert dict(samples.shares())["canonical JSON, base64"] > 0.5
