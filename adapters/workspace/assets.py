"""The files that pages need, read once: style and script made by ``make assets``, and the project's own small scripts.

``make assets`` records the digest of each beside them. A file that is another one, or that nobody recorded, is not
served, and the adapter does not start: no key is unlocked where a script could take it (attack 14). A page names each
with a digest of its content, so that a browser may keep it for as long as it likes and runs no other one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Response, abort, request

from adapters.workspace.refusal import AssetsChanged, AssetsMissing

PREFIX = "/static/"
BUILT = Path(__file__).parent / "static"
FOLDERS = (BUILT, Path(__file__).parent / "script")
PICTURE_STYLE = Path(__file__).parents[1] / "picture" / "templates" / "picture.css"
MANIFEST = "assets.json"
MAX_MANIFEST_BYTES = 64 * 1024
MAX_ASSET_BYTES = 4 * 1024 * 1024
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
COMPONENTS, START = "govuk-frontend.js", "start.js"
NEEDED = frozenset({"pages.css", COMPONENTS, START})
_FOR_GOOD, _ASK_AGAIN = "public, max-age=31536000, immutable", "public, no-cache"
_DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served. ``sha256`` is of its content, in hex."""

    content: bytes
    kind: str
    sha256: str

    @property
    def digest(self) -> str:
        """What its address names it by."""
        return self.sha256[:_DIGEST_CHARS]


class Assets:
    """The files by name. Nothing else is served."""

    def __init__(self, paths: Iterable[Path] | None = None, manifest: Path | None = None) -> None:
        """Read them and hold each against what was recorded. Raises ``AssetsMissing``, ``AssetsChanged``."""
        found = _listed() if paths is None else list(paths)
        self._held: Mapping[str, Asset] = {path.name: _read(path) for path in found}
        missing = NEEDED - set(self._held)
        if missing:
            raise AssetsMissing(f"the pages' {', '.join(sorted(missing))} is missing; build it with: make assets")
        _require_recorded(self._held, read_manifest(manifest or BUILT / MANIFEST))
        # What a script imports has its digest in its address too; the page's tag for it holds the browser to it.
        start = self._held[START].content.replace(
            f'"{PREFIX}{COMPONENTS}"'.encode(), f'"{self.address(COMPONENTS)}"'.encode()
        )
        self._held = {**self._held, START: _asset(START, start)}

    def address(self, name: str) -> str:
        """Return where a page finds a file. Raises ``KeyError`` for a name that is none."""
        return f"{PREFIX}{name}?v={self._held[name].digest}"

    def integrity(self, name: str) -> str:
        """Return a file's digest as its tag names it (W3C Subresource Integrity). Raises ``KeyError``."""
        return "sha256-" + base64.b64encode(bytes.fromhex(self._held[name].sha256)).decode("ascii")

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


def record(manifest: Path = BUILT / MANIFEST) -> None:
    """Write down the digest of each file as it is now. Whoever builds or installs the pages does this, nobody else."""
    said = {path.name: _read(path).sha256 for path in _listed()}
    fresh = manifest.with_name(f"{manifest.name}.{os.getpid()}")
    fresh.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    fresh.replace(manifest)


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return the recorded digests by name. Raises ``AssetsMissing``."""
    said = f"{path.name}, which says what the pages' style and script are, is missing or damaged"
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
        found = json.loads(data) if len(data) <= MAX_MANIFEST_BYTES else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise AssetsMissing(f"{said}; build it with: make assets")
    return found


def _require_recorded(held: Mapping[str, Asset], recorded: Mapping[str, str]) -> None:
    # As bytes: what is recorded may be any text.
    pairs = {name: (asset.sha256.encode(), recorded.get(name, "").encode()) for name, asset in held.items()}
    changed = sorted(name for name, (found, known) in pairs.items() if not hmac.compare_digest(found, known))
    if changed:
        raise AssetsChanged(
            f"the pages' {', '.join(changed)} is not what was built here: nothing is served and no key is unlocked. If "
            "you changed it yourself: make assets. If not, somebody else did: install nrm-hub anew and find out who"
        )


def _listed() -> list[Path]:
    listed = [
        path for folder in FOLDERS if folder.is_dir() for path in sorted(folder.iterdir()) if path.suffix in KINDS
    ]
    return [*listed, PICTURE_STYLE]


def _read(path: Path) -> Asset:
    with path.open("rb") as file:
        content = file.read(MAX_ASSET_BYTES + 1)
    if len(content) > MAX_ASSET_BYTES:
        raise AssetsChanged(f"the pages' {path.name} has more than {MAX_ASSET_BYTES:,} bytes; build it: make assets")
    return _asset(path.name, content)


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, KINDS[Path(name).suffix], hashlib.sha256(content).hexdigest())


if __name__ == "__main__":
    record()
