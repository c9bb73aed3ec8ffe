"""What the verifier is given from elsewhere: an agency's pin file, and a state of the log that somebody kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from keys.canonical import NotCanonical, canonical_bytes, unique_members
from keys.fingerprints import group_fingerprint, normalise_fingerprint
from keys.merkle import MAX_TREE_SIZE, parse_hash
from keys.notes import MAX_NOTE_BYTES, parse_note
from keys.refusal import KeysRefusal
from keys.transparency import ProofInvalid, VerifierKey, WitnessSet
from policies.model import Malformed, require_agency, require_digest, require_members

MAX_PIN_BYTES = 1024 * 1024
PIN_MEMBERS = ("issuer", "origin", "log_vkey", "witnesses", "roots", "officers", "protocol")


class GivenRefused(KeysRefusal):
    """A file that was given beside the export is not one. The text says which and what was expected."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What an agency pinned (docs/protocol.md section 14.2). ``fingerprint``: what people read out of it."""

    origin: str
    log_vkey: VerifierKey
    witnesses: WitnessSet
    officers: str
    roots: Mapping[str, tuple[str, ...]]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A state of the log that somebody kept: how many entries, and the root over them. It is believed as given."""

    origin: str
    size: int
    root: bytes


def read_pin(path: Path) -> Pin:
    """Read a pin file. Raises ``GivenRefused``."""
    try:
        data = json.loads(_read(path, "pin file", MAX_PIN_BYTES), object_pairs_hook=unique_members)
        got = require_members(data, PIN_MEMBERS, "pin file")
        roots = {
            str(require_agency(agency)): tuple(normalise_fingerprint(print_) for print_ in prints.split("+"))
            for agency, prints in got["roots"].items()
        }
        return Pin(
            origin=str(got["origin"]),
            log_vkey=VerifierKey.parse(got["log_vkey"]),
            witnesses=WitnessSet.from_json(got["witnesses"]),
            officers=require_digest(got["officers"], "officers"),
            roots=roots,
            fingerprint=group_fingerprint(canonical_bytes(data)),
        )
    except (Malformed, ProofInvalid, NotCanonical) as error:
        raise GivenRefused(f"pin file: {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise GivenRefused("pin file: expected what nrm-hub pin wrote") from error


def read_kept_head(path: Path) -> KeptHead:
    """Read a checkpoint that was kept, as a note or as its first three lines. Raises ``GivenRefused``."""
    text = _read(path, "kept head", MAX_NOTE_BYTES).decode("utf-8", "replace")
    try:
        origin, size, root = head_of(parse_note(text).text if "\n\n" in text else text)
    except (KeysRefusal, ValueError) as error:
        raise GivenRefused("kept head: expected a checkpoint of the log: its name, its size and its root") from error
    return KeptHead(origin, size, root)


def head_of(text: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint's text, which nobody has verified. Raises ``ValueError``."""
    lines = text.removesuffix("\n").split("\n")
    if len(lines) != 3 or not lines[1].isascii() or not lines[1].isdigit() or len(lines[1]) > 16:
        raise ValueError("expected the lines origin, size and root")
    size = int(lines[1])
    if not 1 <= size <= MAX_TREE_SIZE:
        raise ValueError("expected a size from 1")
    return lines[0], size, parse_hash(lines[2])


def _read(path: Path, what: str, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise GivenRefused(f"{what}: {path.name} cannot be read") from error
    if len(data) > limit:
        raise GivenRefused(f"{what}: expected at most {limit:,} bytes")
    return data
