"""The one root of everything this package refuses, so that a boundary can catch it whole."""

from __future__ import annotations


class KeysRefusal(ValueError):
    """A key, signature, envelope or file is not accepted. The text says what, expected and got; never content."""
