"""A process that gives places to a log's waiting entries until it is killed.

Run as ``python -m tests.hub.ledger.placer URL loop|middle``. ``middle`` stops inside its first batch, with everything
written and nothing committed, and says so on standard output.
"""

from __future__ import annotations

import sys
import time

from hub.ledger import sequencing
from hub.ledger.integrator import Integrator
from hub.store.database import Database


def main(url: str, how: str) -> None:
    """Place until killed."""
    database = Database(url)
    if how == "middle":
        with database.placing() as (session, may):
            assert may
            assert sequencing.place_batch(session).count
            _say("in the middle")
            time.sleep(3600)
    integrator = Integrator(database)
    _say("placing")
    while True:
        integrator.once()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
