"""What goes wrong with a database as a whole, in words of our own: the driver's could hold a name or a password."""

from __future__ import annotations


class AddressRefused(ValueError):
    """An address of a database that is not taken, with what was expected. It never repeats the address."""


class StoreUnavailable(Exception):
    """The database did not do what was asked of it, and no caller is at fault.

    ``is_open`` says that it went away while an act was being committed: the act is recorded whole or not at all, and
    nobody here knows which. Every act of the protocol may be repeated with the same bytes and is then found.
    """

    def __init__(self, text: str, *, is_open: bool = False) -> None:
        super().__init__(text)
        self.is_open = is_open
