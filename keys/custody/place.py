"""Where a holder's token is: a module and a label, in a small file of the holder's folder. The PIN is never in it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from keys.custody.interface import CustodyRefused
from keys.custody.keyfile import write_private_file

PLACE_NAME = "token.toml"
MAX_PLACE_BYTES = 8 * 1024
MAX_LABEL_BYTES = 32
"""PKCS #11 v3.0 section 3.2: a token's label is 32 bytes, padded with blanks."""
MAX_PATH_CHARS = 1024


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """``module`` is the absolute path of a PKCS #11 library, ``label`` the token's own label."""

    module: Path
    label: str

    def __post_init__(self) -> None:
        text = str(self.module)
        if not self.module.is_absolute() or len(text) > MAX_PATH_CHARS or not text.isprintable():
            raise CustodyRefused("token module: expected the whole path of a library, beginning with /")
        if not self.label.isprintable() or not 1 <= len(self.label.encode("utf-8")) <= MAX_LABEL_BYTES:
            raise CustodyRefused(f"token label: expected 1 to {MAX_LABEL_BYTES} bytes of printable text")
        if self.label != self.label.rstrip():
            raise CustodyRefused("token label: it ends in a blank, which a token cannot keep")


def read_place(folder: Path) -> TokenPlace | None:
    """Return where the token of this folder is, None where its keys rest in a file. Raises ``CustodyRefused``."""
    path = folder / PLACE_NAME
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PLACE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CustodyRefused(f"{path} cannot be read") from error
    try:
        if len(raw) > MAX_PLACE_BYTES:
            raise ValueError("too long")
        data = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CustodyRefused(f"{path} is not readable TOML of at most {MAX_PLACE_BYTES:,} bytes") from error
    if set(data) != {"module", "label"} or not all(isinstance(item, str) for item in data.values()):
        raise CustodyRefused(f"{path}: expected exactly module and label, both text")
    return TokenPlace(Path(data["module"]), data["label"])


def write_place(folder: Path, place: TokenPlace) -> None:
    """Keep where the token is."""
    # Printable text as JSON writes it is a basic string of TOML.
    lines = [
        f"{name} = {json.dumps(text, ensure_ascii=False)}\n"
        for name, text in (("module", str(place.module)), ("label", place.label))
    ]
    write_private_file(folder / PLACE_NAME, "".join(lines).encode("utf-8"))
