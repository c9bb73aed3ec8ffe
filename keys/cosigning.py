"""Signing heads of the log: the log's own signature, and a witness's cosignatures. ``keys.transparency`` verifies.

Whatever signs comes from custody, a key in memory or one in a token, and never stands in this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from keys.checkpoints import TIMESTAMP_BYTES, Checkpoint, checkpoint_text, cosignature_message
from keys.jose import KeyRefused, PublicKey, Signer
from keys.merkle import ProofInvalid
from keys.notes import SignatureLine, SignatureType, UnverifiedNote, VerifierKey

_COSIGNATURES: Mapping[str, SignatureType] = {
    "Ed25519": SignatureType.COSIGNATURE_ED25519,
    "ML-DSA-44": SignatureType.COSIGNATURE_MLDSA44,
}


def log_vkey(origin: str, signer: Signer) -> VerifierKey:
    """Return the verifier key of a log: its name is the origin line (C2SP tlog-checkpoint, "Signatures").

    Raises ``KeyRefused`` unless the key is Ed25519.
    """
    return VerifierKey(origin, SignatureType.ED25519, signer.public.ed25519().public_bytes_raw())


def witness_vkey(name: str, signer: Signer) -> VerifierKey:
    """Return the verifier key of a witness, of type 0x04 for an Ed25519 key and 0x06 for an ML-DSA-44 key.

    Raises ``KeyRefused`` for a key of another algorithm.
    """
    kind = _COSIGNATURES.get(signer.public.alg)
    if kind is None:
        raise KeyRefused(f"expected an Ed25519 or ML-DSA-44 key for a witness, got {signer.public.alg}")
    return VerifierKey(name, kind, _raw(signer.public))


def sign_checkpoint(origin: str, size: int, root: bytes, *signers: Signer) -> str:
    """Return the note of a head with a line of each log key, the present one first.

    Raises ``ProofInvalid`` for a size, root or origin that cannot be one.

    A log must never sign two heads that contradict each other. That is not checked here, where one head is all there
    is to see: ``hub.ledger`` checks it before it asks for a signature.
    """
    text = checkpoint_text(origin, size, root)
    signed = text.encode("utf-8")
    lines = tuple(SignatureLine(origin, log_vkey(origin, key).key_id, key.sign(signed)) for key in signers)
    return UnverifiedNote(text, lines).render()


def cosign(checkpoint: Checkpoint, name: str, signer: Signer, *, at: datetime) -> str:
    """Return one cosignature line, without newline, of type 0x04 or 0x06 by the kind of key (C2SP tlog-cosignature).

    ``checkpoint`` is a verified one; that it is consistent with the newest head this witness ever cosigned is for the
    caller to check and remember first. ``at`` is aware; whole seconds are signed. Raises ``ProofInvalid``, and
    ``KeyRefused`` for a key that makes no cosignatures.
    """
    if at.tzinfo is None or at.timestamp() < 1:
        raise ProofInvalid("cosignature: expected a time after 1970 with its time zone")
    key, timestamp = witness_vkey(name, signer), int(at.timestamp())
    signature = signer.sign(cosignature_message(key, checkpoint, timestamp))
    return SignatureLine(name, key.key_id, timestamp.to_bytes(TIMESTAMP_BYTES, "big") + signature).render()


def _raw(key: PublicKey) -> bytes:
    return bytes((key.ed25519() if key.alg == "Ed25519" else key.mldsa44()).public_bytes_raw())
