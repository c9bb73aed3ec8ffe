"""One head of the log: the note its own key signed, and the cosignatures witnesses put beneath it. Verification only.

Sources: C2SP tlog-checkpoint, tlog-cosignature (types 0x04 and 0x06), signed-note. Signing is in ``keys.cosigning``;
how many cosignatures make a head believable is in ``keys.witnesses``.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from keys.merkle import EMPTY_ROOT, HASH_BYTES, MAX_TREE_SIZE, ProofInvalid, parse_hash
from keys.notes import NoteInvalid, SignatureLine, SignatureType, VerifierKey, parse_note, require_name, require_signed

TIMESTAMP_BYTES = 8
_MAX_TIMESTAMP = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the log that the log's own key signed. ``verify_checkpoint`` builds it from a received note.

    ``text`` is the signed note text as received, final newline included; ``signatures`` are all lines of the note, of
    which only the log's has been verified.
    """

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[SignatureLine, ...]


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Write the three lines of a checkpoint (C2SP tlog-checkpoint, "Note text"). Raises ``ProofInvalid``."""
    require_name(origin)
    if not 0 <= size <= MAX_TREE_SIZE or len(root) != HASH_BYTES or (size == 0 and root != EMPTY_ROOT):
        raise ProofInvalid("checkpoint: expected a tree size and the root hash of 32 bytes that belongs to it")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode('ascii')}\n"


def verify_checkpoint(note: str, log_vkey: VerifierKey) -> Checkpoint:
    """Verify that the log signed this head, and return it. Raises ``NoteInvalid``; ``NotSigned`` without its line.

    Steps: (1) limits and form of the note; (2) a line of the pinned log key is there, and every line that claims to be
    of that key verifies over the received text; (3) the text is a checkpoint whose origin is the log key's name.
    Lines of other keys, of a replaced log key too, are not looked at; nor are cosignatures: ``require_quorum`` does.
    """
    unverified = parse_note(note)
    require_signed(unverified, log_vkey, "checkpoint")
    origin, size, root = _read_text(unverified.text)
    if origin != log_vkey.name:
        raise NoteInvalid("checkpoint: its origin is not the name of the pinned log key")
    return Checkpoint(origin, size, root, unverified.text, unverified.signatures)


def _read_text(text: str) -> tuple[str, int, bytes]:
    lines = text[:-1].split("\n")
    # tlog-checkpoint allows extension lines, but an ML-DSA-44 cosignature does not cover them: here they are refused.
    if len(lines) != 3:
        raise NoteInvalid(f"checkpoint: expected the lines origin, size and root, got {len(lines)} lines")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > MAX_TREE_SIZE:
        raise NoteInvalid(f"checkpoint: expected a tree size from 0 to {MAX_TREE_SIZE} without leading zeros")
    try:
        size, root = int(lines[1]), parse_hash(lines[2])
    except ProofInvalid as error:
        raise NoteInvalid(f"checkpoint: root {error}") from error
    if size == 0 and root != EMPTY_ROOT:
        raise NoteInvalid("checkpoint: the root of an empty tree is not SHA-256 of nothing")
    return require_name(lines[0]), size, root


def cosignature_message(vkey: VerifierKey, checkpoint: Checkpoint, timestamp: int) -> bytes:
    """Return the bytes a cosignature of this key's type signs (C2SP tlog-cosignature). Raises ``NoteInvalid``.

    Type 0x04: ``cosignature/v1``, the time, the note text. Type 0x06: the ``cosigned_message`` structure with start 0.
    """
    if vkey.kind is SignatureType.COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {timestamp}\n{checkpoint.text}".encode()
    if vkey.kind is SignatureType.COSIGNATURE_MLDSA44:
        name, origin = vkey.name.encode(), checkpoint.origin.encode()
        return b"".join(
            (
                b"subtree/v1\n\x00",
                bytes([len(name)]) + name,
                timestamp.to_bytes(TIMESTAMP_BYTES, "big"),
                bytes([len(origin)]) + origin,
                (0).to_bytes(8, "big"),
                checkpoint.size.to_bytes(8, "big"),
                checkpoint.root,
            )
        )
    raise NoteInvalid("cosignature: expected a key of type 0x04 or 0x06")


def verify_cosignature(checkpoint: Checkpoint, line: SignatureLine, vkey: VerifierKey) -> datetime:
    """Verify one cosignature line and return its time (UTC, whole seconds). Raises ``NoteInvalid``.

    A timestamp of 0 is refused: it makes no statement that this head was the newest (tlog-witness, add-checkpoint).
    Times in the future are not judged here: no clock is at hand; a quorum's q-th newest time cannot be moved past an
    honest witness's by fewer liars than q.
    """
    if not vkey.made(line):
        raise NoteInvalid("cosignature: name or key id is not the one of the expected witness key")
    message_time = int.from_bytes(line.signature[:TIMESTAMP_BYTES], "big")
    if len(line.signature) <= TIMESTAMP_BYTES or not 0 < message_time <= _MAX_TIMESTAMP:
        raise NoteInvalid("cosignature: expected a time after 1970 and before 9999, and a signature")
    vkey.verify(line.signature[TIMESTAMP_BYTES:], cosignature_message(vkey, checkpoint, message_time))
    return datetime.fromtimestamp(message_time, UTC)
