"""The refusals of what a hub shows, of the log and of a case, and of what an adapter's own home holds."""

from __future__ import annotations


class LogRefused(Exception):
    """The log, or what the hub says of it, does not hold. Nothing that rests on it is done; an alarm is kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CaseRefused(Exception):
    """A case cannot be believed or used as asked. The text says what, expected and got; no names of people.

    ``words`` say it to a person: a sentence where a page shows them. ``for_terminal`` stands in the text alone.
    """

    def __init__(self, words: str, for_terminal: str = "") -> None:
        super().__init__(words + for_terminal)
        self.words = words


class HomeRefused(ValueError):
    """An adapter's home is missing something, or holds something it must not."""
