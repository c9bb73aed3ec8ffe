"""A clock that one chapter sets ahead: nobody who plays the demo waits until a quorum's last look is ten minutes old.

Hub and adapters take their clock as an argument; the programs that people run always give them the machine's. The
demo's own processes give them this one. Only the copies that the chapter is played on ever have another time.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.runtime import Adapter
from hub.services import open_services

NAME = "clock"
"""The file in the demo's folder that says how many minutes ahead its processes are; without it they are not."""


def set_ahead(file: Path, minutes: int) -> None:
    """Set the clocks of the demo's processes ahead of the machine's."""
    file.write_text(str(minutes), encoding="utf-8")


def clock_of(file: Path) -> Callable[[], datetime]:
    """Return a clock that goes by the machine's and by what the file says."""

    def now() -> datetime:
        ahead = int(file.read_text(encoding="utf-8")) if file.exists() else 0
        return datetime.now(UTC) + timedelta(minutes=ahead)

    return now


def go_by(file: Path) -> None:
    """Give hub and adapters of this process that clock where nobody names another."""
    for made in (Adapter.__init__, open_services):
        defaults = made.__kwdefaults__
        if "clock" not in (defaults or {}):
            raise RuntimeError(f"{made.__qualname__}: expected a clock among its arguments")
        made.__kwdefaults__ = {**defaults, "clock": clock_of(file)}


def main() -> None:
    """Run a program's command: the file, the program's module, its arguments."""
    file, module, *arguments = sys.argv[1:]
    go_by(Path(file))
    sys.argv = [module, *arguments]
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
