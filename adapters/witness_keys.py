"""Which of the witness keys in custody signs a head: those in the set that counts, however many were made since. Pure.

A key that another has taken the place of stays in custody under a number (``witness@1``).
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.working_keys import working_key
from keys.jose import Signer
from keys.transparency import Witness, WitnessSet
from keys.uses import KeyUse
from keys.witness_changes import witness_key_bytes

RETIRED = "@"
"""Stands in custody between the use of a key that was replaced and its number."""


def witness_pairs(keys: Mapping[str, Signer], agency: str, witnesses: WitnessSet) -> list[tuple[Signer, Signer]]:
    """Return our pairs of witness keys (Ed25519, ML-DSA-44) to try in this order: the set's, then the newest.

    Raises ``HomeRefused`` where a home has none.
    """
    newest = (working_key(keys, KeyUse.WITNESS), working_key(keys, KeyUse.WITNESS_PQ))
    ours = next((item for item in witnesses.witnesses if item.agency == agency), None)
    if ours is None:
        return [newest]
    ed25519 = _find(keys, KeyUse.WITNESS, ours.ed25519.public)
    mldsa44 = _find(keys, KeyUse.WITNESS_PQ, ours.mldsa44.public)
    if ed25519 is None or mldsa44 is None or (ed25519, mldsa44) == newest:
        return [newest]
    return [(ed25519, mldsa44), newest]


def holds_witness(keys: Mapping[str, Signer], witness: Witness) -> bool:
    """Whether both keys of a witness are among these."""
    found = (
        _find(keys, KeyUse.WITNESS, witness.ed25519.public),
        _find(keys, KeyUse.WITNESS_PQ, witness.mldsa44.public),
    )
    return None not in found


def _find(keys: Mapping[str, Signer], use: KeyUse, public: bytes) -> Signer | None:
    for name, key in keys.items():
        if name.partition(RETIRED)[0] == use.value and witness_key_bytes(use, key.public) == public:
            return key
    return None
