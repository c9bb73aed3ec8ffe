"""The one refusal for what the log, or the hub about it, shows: raised wherever something of it is verified."""

from __future__ import annotations


class LogRefused(Exception):
    """The log, or what the hub says of it, does not hold. Nothing that rests on it is done; an alarm is kept."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
