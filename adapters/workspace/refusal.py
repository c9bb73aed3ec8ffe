"""The refusals of the workspace, apart from what needs a web framework: commands know them as well."""

from __future__ import annotations

from datetime import timedelta


class AssetsMissing(Exception):
    """The pages' style and script were not built."""


class AssetsChanged(AssetsMissing):
    """The pages' style or script is not what was recorded when it was built (attack 14)."""


class PeopleRefused(ValueError):
    """Somebody cannot be bound or unbound like this. The text says what was expected."""


class UnlockRefused(ValueError):
    """A key was not opened. The text is for the person: what, and what they can do. ``wait`` is how long, if at all."""

    def __init__(self, message: str, wait: timedelta | None = None) -> None:
        super().__init__(message)
        self.wait = wait
