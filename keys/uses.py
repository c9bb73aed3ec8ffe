"""What a certified key is for, and which algorithms serve it (docs/protocol.md section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class KeyUse(StrEnum):
    """What a certified key is for (docs/protocol.md section 2)."""

    SIGNING = "signing"
    INTAKE = "intake"
    ARCHIVE = "archive"
    WITNESS = "witness"
    WITNESS_PQ = "witness-pq"
    MEMBER_SIGNING = "member-signing"
    MEMBER_HPKE = "member-hpke"


ALGORITHMS: Mapping[KeyUse, frozenset[str]] = {
    KeyUse.SIGNING: frozenset({"Ed25519", "ES256", "ES384"}),
    KeyUse.INTAKE: frozenset({"HPKE-9-KE"}),
    KeyUse.ARCHIVE: frozenset({"HPKE-9-KE"}),
    KeyUse.WITNESS: frozenset({"Ed25519"}),
    KeyUse.WITNESS_PQ: frozenset({"ML-DSA-44"}),
    KeyUse.MEMBER_SIGNING: frozenset({"Ed25519"}),
    KeyUse.MEMBER_HPKE: frozenset({"HPKE-9-KE"}),
}
MEMBER_USES = frozenset({KeyUse.MEMBER_SIGNING, KeyUse.MEMBER_HPKE})
AGENCY_USES = frozenset(KeyUse) - MEMBER_USES
