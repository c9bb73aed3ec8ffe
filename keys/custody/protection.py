"""That nobody but the holder can read or replace a key's file. Production refuses one that others can get at."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from keys.custody.interface import CustodyRefused

FILE_MODE = 0o600
FOLDER_MODE = 0o700
_OTHERS = 0o077


def require_private(path: Path) -> None:
    """Raise ``CustodyRefused`` unless a file and its folder are open to their owner only, and that is us or root.

    A file that is not there is left to whoever opens it.
    """
    try:
        kept, folder = path.lstat(), path.parent.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise CustodyRefused(f"{path.name} cannot be looked at") from error
    if not stat.S_ISREG(kept.st_mode):
        raise CustodyRefused(f"{path.name} is not a plain file; in production a key is no link and no device")
    _require_closed(path.name, kept, FILE_MODE)
    _require_closed(f"the folder of {path.name}", folder, FOLDER_MODE)


def _require_closed(name: str, kept: os.stat_result, mode: int) -> None:
    if kept.st_uid not in (os.geteuid(), 0):
        raise CustodyRefused(f"{name} belongs to another user; in production a key is its user's own")
    if kept.st_mode & _OTHERS:
        raise CustodyRefused(
            f"{name} is open to others (mode {stat.S_IMODE(kept.st_mode):04o}); production expects {mode:04o}: "
            f"chmod {mode:o}"
        )
