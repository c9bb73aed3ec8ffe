"""Paired measurement: the act and its baseline take turns, and the ratio is the median of the pairs.

Noise of a shared machine lasts longer than one pair, so it falls on both sides of a ratio. Work that only computes is
measured in processor time of this process, which other processes do not lengthen; work that waits for a disk or
another process is measured by the wall clock.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median

from rich.progress import Progress

Clock = Callable[[], float]
Job = Callable[[], object]
MILLISECONDS = 1000.0


@dataclass(frozen=True, slots=True)
class Result:
    """One line. ``value`` and ``baseline`` are medians in ``unit``; ``ratio`` is the median of the pairs' ratios."""

    name: str
    ratio: float
    baseline: float
    value: float
    unit: str

    def to_json(self) -> dict[str, str | float]:
        """Return the members of ``var/bench.json``, rounded to what a measurement can say."""
        return {name: item if isinstance(item, str) else _rounded(item) for name, item in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where measurements go: how many rounds each takes, and the bar that shows them."""

    rounds: int
    progress: Progress

    def compare(
        self,
        names: Sequence[str],
        job: Job,
        baselines: Sequence[Job],
        *,
        unit: str = "ms",
        per_round: int = 1,
        clock: Clock = time.process_time,
        divide_rounds_by: int = 1,
    ) -> list[Result]:
        """Measure a job against one or more baselines, one result for each, named in the same order.

        Each round runs all of them once, first in the one and then in the other order; an untimed round comes first.
        ``unit`` is ``ms``, or ``us``; ``per_round`` is how many items one round handles: times are per item.
        """
        rounds = max(1, self.rounds // divide_rounds_by)
        jobs = [job, *baselines]
        times: list[list[float]] = [[] for _ in jobs]
        factor = MILLISECONDS * (1000.0 if unit.startswith("us") else 1.0) / per_round
        with self.step(names[0], rounds + 1) as advance, _settled_memory():
            for number in range(rounds + 1):
                order = range(len(jobs)) if number % 2 else range(len(jobs) - 1, -1, -1)
                for place in order:
                    taken = _timed(jobs[place], clock) * factor
                    if number:
                        times[place].append(taken)
                advance()
        return [paired(name, times[0], baseline, unit) for name, baseline in zip(names, times[1:], strict=True)]

    @contextmanager
    def step(self, what: str, total: int) -> Iterator[Callable[[], None]]:
        """Show a piece of work of ``total`` parts; the value is called after each."""
        if not self.progress.console.is_terminal:
            self.progress.console.print(f"measuring: {what}")
        task = self.progress.add_task(what, total=total)
        try:
            yield lambda: self.progress.advance(task)
        finally:
            self.progress.remove_task(task)


@contextmanager
def _settled_memory() -> Iterator[None]:
    """Set aside what is there already, so that collecting what a job leaves behind is quick."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _timed(job: Job, clock: Clock) -> float:
    # What earlier jobs left behind is not collected at this one's expense.
    gc.collect()
    started = clock()
    job()
    return clock() - started


def paired(name: str, values: Sequence[float], baselines: Sequence[float], unit: str) -> Result:
    """Return one line from times that were taken in turns, as many of the one as of the other."""
    ratios = [value / baseline for value, baseline in zip(values, baselines, strict=True)]
    return Result(name, median(ratios), median(baselines), median(values), unit)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
