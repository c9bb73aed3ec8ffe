"""What a verifier of the log needs, in one place: proofs, notes, checkpoints, cosignatures, quorums, entries.

The parts are in ``keys.merkle`` (hashes and proofs), ``keys.notes`` (signed notes and verifier keys),
``keys.checkpoints`` (heads and cosignatures), ``keys.witnesses`` (quorums) and ``keys.tiles`` (paths). Nothing here
signs: that is ``keys.cosigning``. Sources: RFC 9162; C2SP tlog-tiles, tlog-checkpoint, tlog-cosignature, signed-note.
"""

from __future__ import annotations

import hashlib

from keys.checkpoints import Checkpoint, checkpoint_text, verify_checkpoint, verify_cosignature
from keys.merkle import (
    EMPTY_ROOT,
    ProofInvalid,
    leaf_hash,
    node_hash,
    parse_proof,
    render_proof,
    root_from_inclusion,
    verify_consistency,
    verify_inclusion,
)
from keys.notes import NoteInvalid, SignatureLine, SignatureType, UnverifiedNote, VerifierKey, parse_note
from keys.tiles import TilePath
from keys.witnesses import (
    QuorumCheckpoint,
    QuorumMissing,
    Witness,
    WitnessSet,
    quorum_time,
    require_quorum,
    witness_times,
)

__all__ = [
    "EMPTY_ROOT",
    "SALTED_ENTRY",
    "SALT_BYTES",
    "Checkpoint",
    "NoteInvalid",
    "ProofInvalid",
    "QuorumCheckpoint",
    "QuorumMissing",
    "SignatureLine",
    "SignatureType",
    "TilePath",
    "UnverifiedNote",
    "VerifierKey",
    "Witness",
    "WitnessSet",
    "checkpoint_text",
    "entry_bytes",
    "leaf_hash",
    "node_hash",
    "parse_note",
    "parse_proof",
    "quorum_time",
    "render_proof",
    "require_quorum",
    "root_from_inclusion",
    "verify_checkpoint",
    "verify_consistency",
    "verify_cosignature",
    "verify_inclusion",
    "witness_times",
]

SALT_BYTES = 32
PUBLIC_ENTRY = b"\x01"
SALTED_ENTRY = b"\x02"


def entry_bytes(body: bytes, salt: bytes | None) -> bytes:
    """Return the log entry of a body: 0x01 || body if public (``salt`` None), else 0x02 || SHA-256(salt || body).

    Source: docs/protocol.md section 10.2. ``leaf_hash`` of it is what a receipt's inclusion proof starts from. Raises
    ``ProofInvalid`` unless the salt has 32 bytes.
    """
    if salt is None:
        return PUBLIC_ENTRY + body
    if len(salt) != SALT_BYTES:
        raise ProofInvalid(f"salt: expected {SALT_BYTES} bytes, got {len(salt)}")
    return SALTED_ENTRY + hashlib.sha256(salt + body).digest()
