"""Requests that carry a file: kept in memory to their last byte, few at once, and gone when they are answered."""

from __future__ import annotations

import threading
from io import BytesIO
from typing import IO

from flask import Request, g

AT_ONCE = 2
"""Long requests that this process takes in at the same time; each holds a thread while it comes and is read."""
MAX_BUFFER_BYTES = 1024 * 1024
"""Of all fields of a long request that are no files, and of what werkzeug's parser looks at at once."""


class InMemoryRequest(Request):
    """A request whose files never touch a disk: werkzeug puts what is longer than 500 kB into a temporary file."""

    def _get_file_stream(
        self,
        total_content_length: int | None,  # noqa: ARG002 - werkzeug's signature
        content_type: str | None,  # noqa: ARG002
        filename: str | None = None,  # noqa: ARG002
        content_length: int | None = None,  # noqa: ARG002
    ) -> IO[bytes]:
        return BytesIO()


class PlaceTaken(Exception):
    """As many long requests as are taken at once are here already, or one of the same person is."""


class Places:
    """Who sends something long now: ``AT_ONCE`` people, each one request. ``repr`` shows how many."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Places, {len(self._taken)} taken>"

    def take(self, member: str) -> None:
        """Take a place until the request is over. Raises ``PlaceTaken``."""
        with self._lock:
            if member in self._taken or len(self._taken) >= AT_ONCE:
                raise PlaceTaken
            self._taken.add(member)
        g.place = (self, member)

    def leave(self, member: str) -> None:
        """Give the place back."""
        with self._lock:
            self._taken.discard(member)


def leave_place(_error: BaseException | None = None) -> None:
    """Give back the place of a request that is over, if it took one."""
    held = g.pop("place", None)
    if held is not None:
        places, member = held
        places.leave(member)
