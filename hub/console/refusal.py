"""The refusals of the console, apart from what needs a web framework."""

from __future__ import annotations

from hub.config import ConfigRefused


class ConsoleRefused(ConfigRefused):
    """The console cannot be served. The text says what is missing and which command brings it."""


class AssetsMissing(ConsoleRefused):
    """The pages' style and script were not built."""
