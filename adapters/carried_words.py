"""Signed revocations in files, for whoever can carry them to the hub: its operator, or another agency.

Their signatures are what counts; who brings them makes no difference. docs/keys.md; attack 25.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.held_keys import KeyChangeRefused
from keys.custody.keyfile import write_private_file
from keys.refusal import KeysRefusal
from keys.revocation import RevocationReason
from keys.statements import StatementType, peek
from policies.model import Malformed, require_members

ASIDE_NAME = "revocations-for-hub.json"
MAX_ASIDES = 20
MAX_ASIDE_BYTES = 1024 * 1024
MAX_CARRIED = 100
"""The hub takes no more in one request."""
_FILE_MEMBERS = ("agency", "certificates", "revocations")


@dataclass(frozen=True, slots=True)
class CarriedWords:
    """Revocations that somebody else signed, with what they say, a sentence a line. Nothing is verified yet."""

    path: Path
    tokens: tuple[str, ...]
    summary: tuple[str, ...]


def read_carried(path: Path) -> CarriedWords:
    """Read a file that another adapter wrote. Raises ``KeyChangeRefused``.

    (1) small enough and of the agreed form; (2) revocations only, of the protocol's form; the hub verifies them.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_ASIDE_BYTES + 1)
    except OSError as error:
        raise KeyChangeRefused(f"{path} cannot be read") from error
    if len(raw) > MAX_ASIDE_BYTES:
        raise KeyChangeRefused(f"{path} has more than {MAX_ASIDE_BYTES:,} bytes")
    try:
        found = require_members(json.loads(raw), _FILE_MEMBERS, "file of revocations")
        tokens, certificates = found["revocations"], found["certificates"]
        if not isinstance(tokens, list) or not 1 <= len(tokens) <= MAX_CARRIED or certificates != []:
            raise ValueError("not revocations alone")
        said = [peek(token) for token in tokens]
        if any(item.type is not StatementType.REVOCATION for item in said):
            raise ValueError("a statement that is no revocation")
        summary = tuple(
            f"Brings the word of {item.issuer} that the key {str(item.members['key'])[:12]} of "
            f"{str(item.members['agency'])[:64]} must not count any more: "
            f"{RevocationReason(item.members['reason']).value}."
            for item in said
        )
    except (KeyError, TypeError, ValueError, RecursionError, KeysRefusal, Malformed) as error:
        raise KeyChangeRefused(
            f"{path} is not a file of revocations as nrm-adapter writes it: 1 to {MAX_CARRIED} of them, and no "
            "certificates"
        ) from error
    return CarriedWords(path, tuple(tokens), summary)


def write_for_hub(path: Path, agency: str, certificates: Sequence[str], revocations: Sequence[str]) -> None:
    """Write a file that the hub's operator takes from anybody: ``nrm-hub revoke``, ``nrm-hub certify``."""
    content = {"agency": agency, "certificates": list(certificates), "revocations": list(revocations)}
    write_private_file(path, json.dumps(content, indent=1).encode())


def require_free(path: Path) -> None:
    """Raise ``KeyChangeRefused`` where there is a file already: signed words in it could be the only ones there are."""
    if path.exists() or path.is_symlink():
        raise KeyChangeRefused(
            f"{path} is there already and was left as it is; nothing was signed. Name a file that is not there yet, "
            "another one for each command; one command takes several keys (--key ID --key ID)"
        )


def keep_aside(folder: Path, agency: str, tokens: Sequence[str]) -> Path:
    """Keep signed revocations in a file for the hub; return it. One that holds others is never overwritten."""
    for path in _asides(folder):
        held = _words_in(path)
        if not path.exists() or (held is not None and held <= _words(tokens)):
            write_for_hub(path, agency, (), tokens)
            return path
    raise KeyChangeRefused(
        f"{MAX_ASIDES} files wait here to be carried to the hub ({ASIDE_NAME} and so on): bring them there first "
        "(nrm-hub revoke FILE), then move them away"
    )


def forget_aside(folder: Path, tokens: Sequence[str]) -> None:
    """Delete the files whose every word is among these, which are proven to stand in the log."""
    for path in _asides(folder):
        held = _words_in(path)
        if held is not None and held <= _words(tokens):
            path.unlink()


def _asides(folder: Path) -> list[Path]:
    first = folder / ASIDE_NAME
    return [first, *(first.with_stem(f"{first.stem}-{number}") for number in range(2, MAX_ASIDES + 1))]


def _words(tokens: Sequence[str]) -> frozenset[tuple[str, ...]]:
    """Return what revocations say and whose key says so: when it was signed makes no difference."""
    said = [peek(token) for token in tokens]
    return frozenset(
        (item.kid, item.issuer, *(f"{item.members[name]}" for name in sorted(item.members))) for item in said
    )


def _words_in(path: Path) -> frozenset[tuple[str, ...]] | None:
    """Return what the revocations in a file say, None where it is not there or is not one of ours."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_ASIDE_BYTES + 1)
        return _words(json.loads(raw)["revocations"]) if len(raw) <= MAX_ASIDE_BYTES else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, KeysRefusal, Malformed):
        return None
