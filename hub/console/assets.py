"""The files that pages need, read once: style and script made by ``make assets``, and the project's own small scripts.

A page names each with a digest of its content, so that a browser may keep it for as long as it likes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request

from hub.console.refusal import AssetsMissing

PREFIX = "/console/static/"
FOLDERS = tuple(Path(__file__).parent / name for name in ("static", "script", "style"))
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
NEEDED = frozenset({"pages.css", "govuk-frontend.js"})
_FOR_GOOD, _ASK_AGAIN = "public, max-age=31536000, immutable", "public, no-cache"
_DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    content: bytes
    kind: str
    digest: str


class Assets:
    """The files by name. Nothing else is served."""

    def __init__(self, paths: Iterable[Path] | None = None) -> None:
        """Read them. Raises ``AssetsMissing``."""
        found = _listed() if paths is None else list(paths)
        self._held: Mapping[str, Asset] = {path.name: _read(path) for path in found}
        missing = NEEDED - set(self._held)
        if missing:
            raise AssetsMissing(f"the pages' {', '.join(sorted(missing))} is missing; build it with: make assets")

    def address(self, name: str) -> str:
        """Return where a page finds a file. Raises ``KeyError`` for a name that is none."""
        return f"{PREFIX}{name}?v={self._held[name].digest}"

    def serve(self, name: str) -> Response:
        """Answer with a file, or with 404."""
        asset = self._held.get(name)
        if asset is None:
            abort(404)
        response = Response(asset.content, content_type=asset.kind)
        response.headers["Cache-Control"] = _FOR_GOOD if request.args.get("v") == asset.digest else _ASK_AGAIN
        response.set_etag(asset.digest)
        response.make_conditional(request)
        return response


def _listed() -> list[Path]:
    return [path for folder in FOLDERS if folder.is_dir() for path in sorted(folder.iterdir()) if path.suffix in KINDS]


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    return Asset(content, KINDS[path.suffix], hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS])
