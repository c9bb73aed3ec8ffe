"""Hear from the hub that its log has changed, within a second: a thread that waits there beside the watch.

What it hears is a signed head, held against the highest one ever seen; what ends keys of this agency counts at once,
the rest is for the watch's next look. A hub that does not answer, or does not let it wait, is asked again later and
later: until then the watch looks at its own interval.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from adapters.ended_at_once import end_at_once
from adapters.following import Follower
from adapters.hub_client import HubRefused
from adapters.refusal import LogRefused
from adapters.runtime import Adapter
from adapters.working_keys import working_key
from keys.uses import KeyUse
from policies.model import Malformed, require_number

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
BETWEEN_SECONDS = 0.05
HEARD_SECONDS = 40.0
"""So long after its last word the hub counts as one that says when something is new; it answers every 20 seconds."""
WAIT_PATH = "/v1/log/wait"


class Listener:
    """Waits at the hub, and says when there is something to look at."""

    def __init__(self, adapter: Adapter, tell: Callable[[], None]) -> None:
        """``tell`` is called when the log, or what a quorum has seen of it, has changed."""
        self._adapter, self._tell = adapter, tell
        self._stop = threading.Event()
        self._following: Follower | None = None
        self._keys: object = None
        self._known = (0, 0)
        self._heard_at: float | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether the hub says by itself when something is new, and a quorum has seen all there is."""
        is_heard = self._heard_at is not None and time.monotonic() - self._heard_at < HEARD_SECONDS
        return is_heard and self._known[0] == self._known[1]

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        threading.Thread(target=self.run, name="listening", daemon=True).start()

    def stop(self) -> None:
        """End after the answer that is waited for."""
        self._stop.set()

    def run(self) -> None:
        """Wait, tell and wait again until stopped; whatever goes wrong makes a pause, each longer than the last."""
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                if self.hear():
                    pause = FIRST_PAUSE_SECONDS
                    # A hub that has news all the time is heard in turns.
                    self._stop.wait(BETWEEN_SECONDS)
                    continue
                # Nothing after its longest wait, or at once: a hub that does not wait is not asked without end.
                pause = FIRST_PAUSE_SECONDS
            except HubRefused as error:
                # Too many wait there: soon there is room, and what is new is said at once even without.
                pause = FIRST_PAUSE_SECONDS if error.code == "too_many_waiting" else pause
            except LogRefused:
                # Somebody has to see it: the alarm is kept, and the watch's next look says it on the page.
                self._tell()
            except Exception:  # noqa: BLE001 - the watch goes on by itself, and says what is wrong with the hub
                if self._heard_at is not None:
                    # A hub that was gone may wait for its witnesses: the watch looks at its own interval at once.
                    self._heard_at = None
                    self._tell()
            self._stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def hear(self) -> bool:
        """Wait for one answer and take it in; return whether it was news. Raises what client and follower raise."""
        follower = self._follower()
        size, witnessed = self._known
        answer = follower.client.get(WAIT_PATH, after=size, witnessed=witnessed)
        known = _read(answer)
        try:
            end_at_once(follower, str(answer["checkpoint"]))
        finally:
            # What is wrong with an answer is wrong once: the same one is not waited for again.
            is_news, self._known = known != self._known, known
            self._heard_at = time.monotonic()
        if is_news:
            self._tell()
        return is_news

    def _follower(self) -> Follower:
        """Return a follower with a connection of its own and the keys that the agency has by now."""
        adapter = self._adapter
        if self._following is None or self._keys is not adapter.keys:
            self._keys = adapter.keys
            client = adapter.connect(working_key(adapter.keys.keys, KeyUse.SIGNING))
            self._following = Follower(adapter.home, adapter.store, client, adapter.pin, adapter.clock)
        return self._following


def _read(answer: object) -> tuple[int, int]:
    try:
        if not isinstance(answer, dict) or not isinstance(answer["checkpoint"], str):
            raise Malformed("expected sizes and a head")
        return require_number(answer["size"], "size"), require_number(answer["witnessed"], "witnessed")
    except (Malformed, KeyError) as error:
        raise LogRefused("answer", "the hub's word that the log has changed is not of the agreed form") from error
