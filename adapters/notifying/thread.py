"""The rounds of a process that serves, in a thread of their own: a mail server that is slow holds up nothing else."""

from __future__ import annotations

import threading

from adapters.notifying.rounds import Notifier, Round
from adapters.runtime import Adapter

EVERY_SECONDS = 20.0


class Notifying:
    """Goes round until stopped. Whatever goes wrong in one round does not end the next."""

    def __init__(self, notifier: Notifier, every_seconds: float = EVERY_SECONDS) -> None:
        self._notifier, self._every = notifier, every_seconds
        self._stop = threading.Event()
        self.trouble: str | None = None
        """The kind of what went wrong in the last round, never its words."""

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self.run, name="notifying", daemon=True).start()

    def stop(self) -> None:
        """End after the message that is being handed over."""
        self._stop.set()

    def run(self) -> None:
        """Go round until stopped."""
        while not self._stop.is_set():
            self.go_round()
            self._stop.wait(self._every)

    def go_round(self) -> Round | None:
        """Go round once; None where that ended unexpectedly."""
        try:
            done = self._notifier.run()
        except Exception as error:  # noqa: BLE001 - a thread that ends tells nobody; its kind only, never its words
            self.trouble = f"the last round of notifications ended in {type(error).__name__}; it goes on"
            return None
        self.trouble = None
        return done


def make_notifying(adapter: Adapter) -> Notifying | None:
    """Return the rounds of an adapter; None where its home names nothing that carries messages.

    Raises ``HomeRefused`` and ``CustodyRefused`` for settings that are wrong.
    """
    from adapters.notifying.settings import read_settings

    settings = read_settings(adapter.home)
    return None if settings is None else Notifying(Notifier(adapter, settings))
