"""Passphrases and PINs: where they come from, and that they are not shown by accident.

They come from a file descriptor, a file, the environment or a terminal, never from a command line: every user of a
machine can read those.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from keys.custody.interface import CustodyRefused

MAX_SECRET_BYTES = 4 * 1024
MAX_DESCRIPTOR = 65_535
HIDDEN = "(not shown)"


class Secret(str):
    """Text that is used as it is, and printed, formatted and logged as ``(not shown)``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a passphrase or PIN is never pickled")


def read_secret(variable: str, what: str, environ: Mapping[str, str] = os.environ, *, ask: bool = False) -> Secret:
    """Return a secret from ``<variable>_FD``, ``<variable>_FILE`` or ``<variable>``, the first that is set.

    With ``ask``, a terminal is asked where none is set. ``what`` names it for people. Raises ``CustodyRefused``.
    """
    descriptor, named, text = (environ.get(f"{variable}{end}", "") for end in ("_FD", "_FILE", ""))
    if descriptor:
        return _checked(_read_descriptor(f"{variable}_FD", descriptor), f"{variable}_FD")
    if named:
        return _checked(_read_file(f"{variable}_FILE", named), f"{variable}_FILE")
    if text:
        return Secret(text)
    if ask and sys.stdin.isatty():
        return _checked(getpass.getpass(f"{what}: ").encode("utf-8", "surrogateescape"), what)
    raise CustodyRefused(f"no {what}: set {variable}_FILE (or {variable})")


def _read_descriptor(variable: str, text: str) -> bytes:
    if not text.isascii() or not text.isdigit() or int(text[:6]) > MAX_DESCRIPTOR:
        raise CustodyRefused(f"{variable}: expected the number of an open file descriptor")
    try:
        with os.fdopen(int(text), "rb") as file:
            return file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError):
        raise CustodyRefused(f"{variable} names no file descriptor that can be read") from None


def _read_file(variable: str, named: str) -> bytes:
    # No cause and no path in the text: either could show what is in the file.
    try:
        with Path(named).open("rb") as file:
            return file.read(MAX_SECRET_BYTES + 1)
    except (OSError, ValueError):
        raise CustodyRefused(f"{variable} names a file that cannot be read") from None


def _checked(data: bytes, where: str) -> Secret:
    if len(data) > MAX_SECRET_BYTES:
        raise CustodyRefused(f"{where}: expected at most {MAX_SECRET_BYTES:,} bytes, got more")
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise CustodyRefused(f"{where}: expected text in UTF-8, got something else") from None
    if not text:
        raise CustodyRefused(f"{where}: expected a secret, got nothing")
    return Secret(text)
