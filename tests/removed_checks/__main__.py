"""``python -m tests.removed_checks``: play every row, or those named, and write the page."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.removed_checks.page import PAGE, render
from tests.removed_checks.rows import SEEN, keep_seen, load_exceptions, load_rows, load_seen
from tests.removed_checks.running import Copy


def main(names: list[str]) -> int:
    """Play the rows whose name begins with one of these (all without names); return how many went wrong."""
    known = load_rows()
    rows = [row for row in known if not names or row.name.startswith(tuple(names))]
    began, wrong = time.monotonic(), 0
    held = load_seen() if SEEN.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        copy.prepare(test for row in rows for test in row.fails)
        for row in rows:
            at = time.monotonic()
            try:
                found = copy.play(row)
            except ValueError as error:
                sys.stdout.write(f"{row.name}: {error}\n")
                wrong += 1
                continue
            seen = "; ".join(f"{test.rpartition('::')[2]}: {how}" for test, how in found.seen.items())
            sys.stdout.write(f"{row.name} {time.monotonic() - at:.1f} s {seen}\n")
            sys.stdout.write("".join(f"  WRONG {item}\n" for item in found.wrong))
            sys.stdout.flush()
            wrong += bool(found.wrong)
            held.pop(row.digest, None)
            if not found.wrong:
                held[row.digest] = ", ".join(sorted(set(found.seen.values())))
    sys.stdout.write(f"{len(rows)} rows, {wrong} wrong, {time.monotonic() - began:.0f} s\n")
    keep_seen(known, held)
    PAGE.write_text(render(known, load_seen(), load_exceptions()), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE.name}\n")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
