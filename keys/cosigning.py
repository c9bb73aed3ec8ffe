"""Signing heads of the log: the log's own signature, and a witness's cosignatures. ``keys.transparency`` verifies.

Private keys are the objects of ``cryptography``; they come from custody and never stand in this module.
"""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from keys.checkpoints import TIMESTAMP_BYTES, Checkpoint, checkpoint_text, cosignature_message
from keys.merkle import ProofInvalid
from keys.notes import SignatureLine, SignatureType, UnverifiedNote, VerifierKey

LogPrivateKey = ed25519.Ed25519PrivateKey
WitnessPrivateKey = ed25519.Ed25519PrivateKey | mldsa.MLDSA44PrivateKey


def log_vkey(origin: str, private: LogPrivateKey) -> VerifierKey:
    """Return the verifier key of a log: its name is the origin line (C2SP tlog-checkpoint, "Signatures")."""
    return VerifierKey(origin, SignatureType.ED25519, private.public_key().public_bytes_raw())


def witness_vkey(name: str, private: WitnessPrivateKey) -> VerifierKey:
    """Return the verifier key of a witness, of type 0x04 for an Ed25519 key and 0x06 for an ML-DSA-44 key."""
    return VerifierKey(name, _cosignature_type(private), private.public_key().public_bytes_raw())


def sign_checkpoint(origin: str, size: int, root: bytes, private: LogPrivateKey) -> str:
    """Return the signed note of a head. Raises ``ProofInvalid`` for a size, root or origin that cannot be one.

    A log must never sign two heads that contradict each other. That is not checked here, where one head is all there
    is to see: ``hub.ledger`` checks it before it asks for a signature.
    """
    text = checkpoint_text(origin, size, root)
    line = SignatureLine(origin, log_vkey(origin, private).key_id, private.sign(text.encode("utf-8")))
    return UnverifiedNote(text, (line,)).render()


def cosign(checkpoint: Checkpoint, name: str, private: WitnessPrivateKey, *, at: datetime) -> str:
    """Return one cosignature line, without newline, of type 0x04 or 0x06 by the kind of key (C2SP tlog-cosignature).

    ``checkpoint`` is a verified one; that it is consistent with the newest head this witness ever cosigned is for the
    caller to check and remember first. ``at`` is aware; whole seconds are signed. Raises ``ProofInvalid``.
    """
    if at.tzinfo is None or at.timestamp() < 1:
        raise ProofInvalid("cosignature: expected a time after 1970 with its time zone")
    key, timestamp = witness_vkey(name, private), int(at.timestamp())
    signature = private.sign(cosignature_message(key, checkpoint, timestamp))
    return SignatureLine(name, key.key_id, timestamp.to_bytes(TIMESTAMP_BYTES, "big") + signature).render()


def _cosignature_type(private: WitnessPrivateKey) -> SignatureType:
    if isinstance(private, mldsa.MLDSA44PrivateKey):
        return SignatureType.COSIGNATURE_MLDSA44
    return SignatureType.COSIGNATURE_ED25519
