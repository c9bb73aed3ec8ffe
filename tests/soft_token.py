"""PKCS #11 tokens in software (SoftHSM 2), each in a folder of its own, with a PIN invented for it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11

from keys.custody import modules
from keys.custody.modules import CALLS, start, stop
from keys.custody.place import TokenPlace

MODULES = tuple(
    Path(folder) / "libsofthsm2.so"
    for folder in (
        "/usr/lib/softhsm",
        "/usr/lib/x86_64-linux-gnu/softhsm",
        "/usr/lib/aarch64-linux-gnu/softhsm",
        "/usr/lib64/softhsm",
        "/usr/local/lib/softhsm",
    )
)
TOOL = "softhsm2-util"


def find_module() -> Path | None:
    """Return SoftHSM's library where it and its tool are installed."""
    return next((path for path in MODULES if path.is_file() and shutil.which(TOOL)), None)


@dataclass(frozen=True)
class SoftTokens:
    """A folder of tokens, and the settings by which SoftHSM finds it."""

    folder: Path
    module: Path

    @property
    def settings(self) -> Path:
        """SoftHSM's own configuration; ``SOFTHSM2_CONF`` names it."""
        return self.folder / "softhsm2.conf"

    @property
    def kept(self) -> Path:
        """Where the tokens are."""
        return self.folder / "tokens"

    def prepare(self, *, mechanisms: str = "ALL") -> None:
        """Write the settings; ``mechanisms`` names those the tokens offer, after a minus those they do not."""
        self.kept.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(
            f"directories.tokendir = {self.kept}\nobjectstore.backend = file\nlog.level = ERROR\n"
            f"slots.mechanisms = {mechanisms}\n"
        )

    def make(self, label: str) -> SoftToken:
        """Make a token with a fresh PIN."""
        pin, officer = secrets.token_hex(4), secrets.token_hex(8)
        command = [TOOL, "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", officer]
        environ = {**os.environ, "SOFTHSM2_CONF": str(self.settings)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return SoftToken(self, TokenPlace(self.module, label), pin)


def give_up() -> None:
    """End every module, whoever left it open, so that the next test starts its own."""
    with CALLS:
        for path in list(modules._OPEN):
            pkcs11.lib(path).finalize()
        modules._OPEN.clear()


@dataclass(frozen=True)
class SoftToken:
    """One token."""

    tokens: SoftTokens
    place: TokenPlace
    pin: str

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Open the token with nothing of the project between, as somebody else's program would."""
        with CALLS:
            module = start(self.place)
            try:
                token = module.get_token(token_label=self.place.label)
                with token.open(rw=True, user_pin=self.pin) as session:
                    yield session
            finally:
                stop(self.place)

    def labels(self) -> list[str]:
        """Return the labels of everything in the token."""
        with self.session() as session:
            return sorted(found[pkcs11.Attribute.LABEL] for found in list(session.get_objects()))
