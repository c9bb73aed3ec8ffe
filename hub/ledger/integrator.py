"""The thread of a serving process that gives waiting entries their positions where nobody waits for them.

Every process of a hub has one, and each tries again and again; whoever gets the right to place does it for all, and
loses it with its transaction. So none is needed in particular: the next one goes on where one died.
"""

from __future__ import annotations

import logging
import threading
import time

from hub.ledger.errors import LedgerDamaged
from hub.ledger.sequencing import HELD_UP_SECONDS, MAX_BATCH, insist, place_some
from hub.store.database import Database
from hub.store.errors import StoreUnavailable

INTERVAL_SECONDS = 0.1
AFTER_FAILURE_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


class Integrator:
    """One process's part in placing. On SQLite, where nothing ever waits, it does nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._held_up_since: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in a thread that does not keep the process alive."""
        if self._database.gives_places_later:
            self._thread = threading.Thread(target=self._run, name="integrator", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End after the batch that is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = INTERVAL_SECONDS
        while not self._stopping.wait(pause):
            try:
                pause = self.once()
            except StoreUnavailable:
                pause = AFTER_FAILURE_SECONDS
            except LedgerDamaged as error:
                # Acts are refused for it as well; here it is said even while nobody acts.
                _LOG.error("no entry can be given its place: %s", error.detail)
                pause = AFTER_FAILURE_SECONDS
            except Exception as error:  # noqa: BLE001 - a thread that ended would be missed by nobody
                _LOG.error("unexpected %s while giving places", type(error).__name__)
                pause = AFTER_FAILURE_SECONDS

    def once(self) -> float:
        """Place one batch and return after how many seconds to look again.

        Raises ``StoreUnavailable`` and ``LedgerDamaged``.
        """
        placed = place_some(self._database)
        if placed is None or placed.count or not placed.left:
            self._held_up_since = None
        elif self._held_up_since is None:
            self._held_up_since = time.monotonic()
        elif time.monotonic() - self._held_up_since >= HELD_UP_SECONDS:
            self._held_up_since = None
            insist(self._database)
        return 0.0 if placed is not None and placed.count >= MAX_BATCH else INTERVAL_SECONDS
