"""What goes wrong with a database as a whole, in words of our own: the driver's could hold a name or a password."""

from __future__ import annotations


class AddressRefused(ValueError):
    """An address of a database that is not taken, with what was expected. It never repeats the address."""


class StoreUnavailable(Exception):
    """The database did not do what was asked of it, and no caller is at fault.

    ``is_open`` says that it went away while an act was being committed: the act is recorded whole or not at all, and
    nobody here knows which. Every act of the protocol may be repeated with the same bytes and is then found.
    """

    _code = "unavailable"

    def __init__(self, text: str, *, is_open: bool = False) -> None:
        super().__init__(text)
        self.is_open = is_open

    @property
    def code(self) -> str:
        """The stable code of this refusal."""
        return "outcome_unknown" if self.is_open else self._code


class StoreFull(StoreUnavailable):
    """The disk is full. Nothing of the act was recorded; what was recorded before is there and can be read."""

    _code = "storage_full"


class StoreFailed(StoreUnavailable):
    """The disk did not do what it said, or holds something else than was written.

    What a process has in its memory says nothing of the disk any more: it must end, and its next start reads what is
    there. ``hub.store.database`` lets nothing be read or written after one of these.
    """

    _code = "store_failed"
