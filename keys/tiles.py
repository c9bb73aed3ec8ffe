"""Paths of the log's tiles and entry bundles (C2SP tlog-tiles, "Merkle Tree" and "Log entries"): one path per tile."""

from __future__ import annotations

import re
from dataclasses import dataclass

from keys.merkle import MAX_TREE_SIZE, ProofInvalid

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_TILE_LEVEL = 63
MAX_TILE_PATH_CHARS = 64
_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TilePath:
    """One tile: ``level`` 0 to 63, or None for a bundle of entries; ``index`` along its level; ``width`` 1 to 256.

    Width 256 is a full tile and has no suffix in its path.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if self.level is not None and not 0 <= self.level <= MAX_TILE_LEVEL:
            raise ProofInvalid(f"tile: expected a level from 0 to {MAX_TILE_LEVEL}")
        if not 0 <= self.index <= MAX_TREE_SIZE // TILE_WIDTH:
            raise ProofInvalid(f"tile: expected an index from 0 to {MAX_TREE_SIZE // TILE_WIDTH}")
        if not 1 <= self.width <= TILE_WIDTH:
            raise ProofInvalid(f"tile: expected a width from 1 to {TILE_WIDTH}")

    @classmethod
    def parse(cls, path: str) -> TilePath:
        """Read ``tile/<L>/<N>[.p/<W>]`` or ``tile/entries/<N>[.p/<W>]``. Raises ``ProofInvalid`` for any other text."""
        match = _PATH.fullmatch(path) if len(path) <= MAX_TILE_PATH_CHARS else None
        if match is None:
            raise ProofInvalid("tile path: expected tile/<level>/<index> as tlog-tiles writes it")
        level = None if match["level"] == "entries" else int(match["level"])
        index = int(match["index"].replace("x", "").replace("/", ""))
        tile = cls(level, index, int(match["width"] or TILE_WIDTH))
        if tile.render() != path:
            raise ProofInvalid("tile path: not the one spelling of this tile")
        return tile

    def render(self) -> str:
        """Write the path below the log's prefix, without a leading slash; ``parse`` reads it back."""
        level = "entries" if self.level is None else str(self.level)
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        index = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        suffix = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{index}{suffix}"
