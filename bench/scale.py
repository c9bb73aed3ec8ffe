"""How much is measured: the counts of the whole bench, and tiny ones that only show that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts. ``rounds`` are the timed rounds of work that only computes; work that waits for a disk has fewer."""

    rounds: int
    fragments: int
    recipients: int
    content_bytes: int
    push_lines: int
    small_log: int
    large_log: int
    appends: int
    generated: int


FULL = Scale(
    rounds=30,
    fragments=50,
    recipients=10,
    content_bytes=4096,
    push_lines=100,
    small_log=1_000,
    large_log=1_000_000,
    appends=100,
    generated=10_000,
)
TINY = Scale(
    rounds=1,
    fragments=2,
    recipients=2,
    content_bytes=1024,
    push_lines=3,
    small_log=5,
    large_log=20,
    appends=2,
    generated=60,
)
