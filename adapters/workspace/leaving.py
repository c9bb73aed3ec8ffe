"""Give back at the hub what a person held there, when their key is closed here: signed out, locked, ended, idle.

A person's access token lives for five minutes. Where they have left, nothing of this process uses it any more from that
moment on, and the hub is told (RFC 7009) so that nobody else does either. Nobody's page waits for the hub.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import httpx

from adapters.hub_client import HubClient, HubRefused, HubUnreachable
from adapters.runtime import Adapter

MOST_WAITING = 1_000
"""People whose tokens wait to be given back. Beyond, a token is only forgotten here, and dies of age at the hub."""
LAST_SECONDS = 2.0
"""How long a process that ends waits for the hub to be told."""
_LOG = logging.getLogger(__name__)


class Leaving:
    """Tells the hub who has left, in a thread of its own."""

    def __init__(self, adapter: Adapter, hub: Callable[[], AbstractContextManager[Adapter]]) -> None:
        """``hub`` gives the adapter for one piece of work with the hub at a time."""
        self._adapter, self._hub = adapter, hub
        self._waiting: queue.Queue[tuple[HubClient, str, tuple[str, ...]]] = queue.Queue(MOST_WAITING)
        self._lock, self._thread = threading.Lock(), False

    def leave(self, member: str) -> None:
        """Forget a person's tokens at once, and let the hub be told. Never raises, never waits for the hub."""
        client: HubClient | None = self._adapter.__dict__.get("client")
        if client is None:
            return
        try:
            self._waiting.put_nowait((client, member, client.take(member)))
        except queue.Full:
            _LOG.warning("too many people leave at once; the token of one of them is not given back at the hub")
            return
        with self._lock:
            if not self._thread:
                self._thread = True
                threading.Thread(target=self._tell, name="leaving", daemon=True).start()

    def finish(self) -> None:
        """Wait a short while until the hub has been told of everybody: the process ends."""
        done = threading.Thread(target=self._waiting.join, daemon=True)
        done.start()
        done.join(LAST_SECONDS)

    def _tell(self) -> None:
        while True:
            client, member, tokens = self._waiting.get()
            try:
                client.give_back(tokens)
                # A page that was under way as they left may have fetched another one since.
                with self._hub():
                    late = client.take(member)
                client.give_back(late)
            except (HubRefused, HubUnreachable, httpx.HTTPError, RuntimeError) as error:
                # Best effort: within five minutes they are worth nothing by themselves.
                _LOG.warning("a token was not given back at the hub: %s", type(error).__name__)
            except Exception as error:  # noqa: BLE001 - one person's failure must not keep the others' tokens alive
                _LOG.warning("a token was not given back at the hub: unexpected %s", type(error).__name__)
            finally:
                self._waiting.task_done()
