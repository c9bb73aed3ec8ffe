"""``python -m bench``: measure, print a table, write var/bench.json. How to read it: docs/bench.md."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.browsing import measure_browsing
from bench.comparing import measure_comparing
from bench.deciding import measure_deciding
from bench.federation import federation
from bench.log import measure_log
from bench.material import make_agencies
from bench.measuring import Bench, Result
from bench.picture import measure_picture
from bench.refusing import measure_refusing
from bench.regranting import measure_regranting
from bench.report import print_missing, print_table, write_json
from bench.scale import FULL, TINY, Scale
from bench.sealing import measure_opening, measure_sealing
from bench.sharing import measure_push, measure_release

WIDTH = 140


def run(scale: Scale, console: Console, *, only_browser: bool = False) -> list[Result]:
    """Measure everything, or what a browser shows, on invented agencies in a temporary folder."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="nrm-hub-bench-") as name,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        folder, bench = Path(name), Bench(scale.rounds, progress)
        if only_browser:
            with federation(folder, make_agencies(scale.recipients)) as fed:
                return measure_browsing(bench, scale, fed)
        results = [*measure_sealing(bench, scale), *measure_opening(bench, scale), *measure_refusing(bench, scale)]
        results += measure_picture(bench, scale)
        agencies = make_agencies(scale.recipients)
        results += measure_deciding(bench, scale, agencies)
        results += measure_comparing(bench, scale, agencies)
        results += measure_log(bench, scale, folder)
        with bench.step("a hub and four adapters", 1) as advance, federation(folder, agencies) as fed:
            advance()
            results += measure_release(bench, scale, fed)
            # Before keys are rotated: the reader opens with those of the beginning.
            results += measure_browsing(bench, scale, fed)
            results += measure_regranting(bench, scale, fed)
            results += measure_push(bench, scale, fed, folder)
        return results


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("var/bench.json"),
    show_default=True,
    help="Where the numbers are written.",
)
@click.option("--tiny", is_flag=True, help="Tiny counts: shows that the bench runs; its numbers mean nothing.")
@click.option("--only", type=click.Choice(["browser"]), help="Measure this alone: the picture in chromium.")
def main(output: Path, tiny: bool, only: str | None) -> None:
    """Measure the main acts against baselines in the same run, print a table, write the numbers.

    Example: python -m bench --output var/bench.json
    """
    scale = TINY if tiny else FULL
    # A file or a pipe has no width of its own; a table for eighty columns would be folded into a column of words.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    started = time.monotonic()
    results = run(scale, console, only_browser=only is not None)
    print_table(results, scale, console)
    if only is None:
        print_missing(results, scale, console)
    write_json(results, output)
    console.print(f"{len(results)} ratios in {time.monotonic() - started:.0f} s; written to {output}")


if __name__ == "__main__":
    main()
