"""A bundle's files as one text, to be carried and kept: a JSON object of names and texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from policies.bundles import MAX_FILES, read_files
from policies.rules import BundleRefused

MAX_BUNDLE_CHARS = 768 * 1024
"""Of all files of a bundle together, as they are carried between agencies."""


def load_files(folder: Path | None = None) -> dict[str, bytes]:
    """Read the files of a bundle; without a folder, of the agreement this package ships. Raises ``BundleRefused``."""
    return read_files(files("policies") / "bundle" if folder is None else folder)


def require_texts(listed: object) -> dict[str, str]:
    """Return a bundle's files as they are carried: names and texts. Raises ``BundleRefused``.

    Whether they are a bundle is for ``parse_bundle`` to say.
    """
    if not isinstance(listed, Mapping) or not 1 <= len(listed) <= MAX_FILES:
        raise BundleRefused(f"bundle: expected an object of 1 to {MAX_FILES} files")
    if not all(isinstance(item, str) for pair in listed.items() for item in pair):
        raise BundleRefused("bundle: expected each file as a text")
    if sum(len(name) + len(text) for name, text in listed.items()) > MAX_BUNDLE_CHARS:
        raise BundleRefused(f"bundle: expected at most {MAX_BUNDLE_CHARS} characters in all files together")
    return dict(listed)


def render_files(contents: Mapping[str, bytes]) -> str:
    """Return a bundle's files as one text. Raises ``BundleRefused``."""
    return json.dumps(as_texts(contents), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def parse_files(text: str) -> dict[str, bytes]:
    """Read what ``render_files`` wrote. Raises ``BundleRefused``."""
    if len(text) > 2 * MAX_BUNDLE_CHARS:
        raise BundleRefused(f"bundle: expected at most {2 * MAX_BUNDLE_CHARS} characters")
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleRefused("bundle: not a JSON object of files") from error
    return as_bytes(require_texts(listed))


def as_texts(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return files as texts. Raises ``BundleRefused`` where one is not UTF-8."""
    try:
        return {name: data.decode("utf-8") for name, data in contents.items()}
    except UnicodeDecodeError as error:
        raise BundleRefused("bundle: expected UTF-8 text in every file") from error


def as_bytes(texts: Mapping[str, str]) -> dict[str, bytes]:
    """Return carried texts as the files' bytes. Raises ``BundleRefused``."""
    try:
        return {name: text.encode("utf-8") for name, text in texts.items()}
    except UnicodeEncodeError as error:
        raise BundleRefused("bundle: expected Unicode text in every file") from error
