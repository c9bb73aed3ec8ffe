"""The refusals of notifications, apart from what sends them: pages and commands know them."""

from __future__ import annotations


class NotifyRefused(ValueError):
    """A person's wish how to be told is none. ``field`` names what is wrong, the text says what was expected.

    ``message`` is a text of the catalogue, with ``values`` for its places (``%(name)s``).
    """

    def __init__(self, field: str, message: str, **values: str) -> None:
        super().__init__(message % values if values else message)
        self.field, self.message, self.values = field, message, values


class CarrierDown(Exception):
    """Whoever carries messages did not take one, and would take no other now. The text has no address in it."""


class AddressRejected(Exception):
    """Whoever carries messages will never take one for this address."""
