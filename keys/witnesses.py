"""The pinned witnesses, and what makes a quorum of them (docs/protocol.md section 10.3). Verification only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from keys.checkpoints import Checkpoint, verify_checkpoint, verify_cosignature
from keys.merkle import ProofInvalid
from keys.notes import MAX_SIGNATURES, NoteInvalid, SignatureLine, SignatureType, VerifierKey
from policies.model import Malformed, require_agency

# A note with the log's lines (of its key and of the one before) and two of every witness stays within MAX_SIGNATURES.
MAX_LOG_LINES = 2
MAX_WITNESSES = (MAX_SIGNATURES - MAX_LOG_LINES) // 2


class QuorumMissing(ProofInvalid):
    """Fewer pinned witnesses than the quorum have cosigned this checkpoint."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One agency's adapter as a witness: its cosigner name and its two keys."""

    agency: str
    ed25519: VerifierKey
    mldsa44: VerifierKey

    def __post_init__(self) -> None:
        if self.ed25519.kind is not SignatureType.COSIGNATURE_ED25519:
            raise NoteInvalid("witness: the first key is not of type 0x04")
        if self.mldsa44.kind is not SignatureType.COSIGNATURE_MLDSA44:
            raise NoteInvalid("witness: the second key is not of type 0x06")
        if self.ed25519.name != self.mldsa44.name or not self.name.endswith(f"/witness/{self.agency}"):
            raise NoteInvalid("witness: expected both keys under the name <origin>/witness/<agency>")

    @property
    def name(self) -> str:
        """The cosigner name of both keys."""
        return self.mldsa44.name


@dataclass(frozen=True, slots=True)
class WitnessSet:
    """The pinned witnesses and how many of them make a quorum.

    With n witnesses of which f = (n - 1) // 3 may lie, 2q > n + f makes two quorums share an honest witness, and
    q <= n - f lets the honest ones reach it alone. No witnesses is no quorum: an empty set is refused.
    """

    quorum: int
    witnesses: tuple[Witness, ...]

    def __post_init__(self) -> None:
        count = len(self.witnesses)
        if not 1 <= count <= MAX_WITNESSES:
            raise ProofInvalid(f"witness set: expected 1 to {MAX_WITNESSES} witnesses, got {count}")
        if not 2 * self.quorum > count + self.faulty or self.quorum > count - self.faulty:
            raise ProofInvalid(
                f"witness set: a quorum of {self.quorum} among {count} witnesses of which {self.faulty} may lie"
                " is not 2q > n + f and q <= n - f"
            )
        for what, values in (
            ("agency", {item.agency for item in self.witnesses}),
            ("Ed25519 key", {item.ed25519.public for item in self.witnesses}),
            ("ML-DSA-44 key", {item.mldsa44.public for item in self.witnesses}),
        ):
            if len(values) != count:
                raise ProofInvalid(f"witness set: one {what} stands for two witnesses")

    @property
    def faulty(self) -> int:
        """How many of the witnesses may lie without breaking the quorum's promise."""
        return (len(self.witnesses) - 1) // 3

    def find(self, line: SignatureLine) -> VerifierKey | None:
        """Return the pinned key that a signature line claims to be of, or None."""
        for witness in self.witnesses:
            for key in (witness.mldsa44, witness.ed25519):
                if key.made(line):
                    return key
        return None

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> WitnessSet:
        """Read ``quorum`` and ``witnesses`` of a ``witnesses`` log body. Raises ``ProofInvalid``."""
        listed, quorum = payload.get("witnesses"), payload.get("quorum")
        if not isinstance(quorum, int) or isinstance(quorum, bool):
            raise ProofInvalid("witness set: expected a whole number as quorum")
        if not isinstance(listed, list) or len(listed) > MAX_WITNESSES:
            raise ProofInvalid(f"witness set: expected a list of at most {MAX_WITNESSES} witnesses")
        return cls(quorum, tuple(_read_witness(item) for item in listed))

    def to_json(self) -> dict[str, Any]:
        """Return the members ``quorum`` and ``witnesses`` of a ``witnesses`` log body."""
        return {
            "quorum": self.quorum,
            "witnesses": [
                {
                    "agency": item.agency,
                    "ed25519": item.ed25519.render(),
                    "mldsa44": item.mldsa44.render(),
                    "name": item.name,
                }
                for item in self.witnesses
            ],
        }


def _read_witness(item: object) -> Witness:
    if not isinstance(item, Mapping) or set(item) != {"agency", "name", "ed25519", "mldsa44"}:
        raise ProofInvalid("witness: expected exactly the members agency, name, ed25519 and mldsa44")
    try:
        agency = require_agency(item["agency"])
    except Malformed as error:
        raise ProofInvalid(f"witness: {error}") from error
    witness = Witness(agency, VerifierKey.parse(item["ed25519"]), VerifierKey.parse(item["mldsa44"]))
    if witness.name != item["name"]:
        raise ProofInvalid("witness: its name is not the one of its keys")
    return witness


@dataclass(frozen=True, slots=True)
class QuorumCheckpoint:
    """A head that a quorum of the pinned witnesses has seen. ``witnessed_at`` is the q-th newest of their times."""

    checkpoint: Checkpoint
    witnessed_at: datetime


def require_quorum(note: str, log_vkey: VerifierKey, witness_set: WitnessSet) -> QuorumCheckpoint:
    """Verify a checkpoint and that a quorum cosigned it. Raises ``NoteInvalid`` or ``QuorumMissing``.

    Only ML-DSA-44 lines of distinct pinned witnesses count, each witness once with its newest time. Lines of unknown
    keys are ignored. A line of a pinned key that does not verify refuses the whole note (signed-note, "Signatures").
    """
    checkpoint = verify_checkpoint(note, log_vkey)
    times = witness_times(checkpoint, checkpoint.signatures, witness_set)
    witnessed_at = quorum_time(times, witness_set)
    if witnessed_at is None:
        raise QuorumMissing(
            f"checkpoint: cosigned by {len(times)} pinned witnesses, the quorum is {witness_set.quorum}"
        )
    return QuorumCheckpoint(checkpoint, witnessed_at)


def witness_times(
    checkpoint: Checkpoint, lines: Sequence[SignatureLine], witness_set: WitnessSet
) -> dict[str, datetime]:
    """Verify every line of a pinned key; return by name each witness's newest ML-DSA-44 time.

    Raises ``NoteInvalid``.
    """
    times: dict[str, datetime] = {}
    for line in lines:
        key = witness_set.find(line)
        if key is None:
            continue
        moment = verify_cosignature(checkpoint, line, key)
        if key.kind is SignatureType.COSIGNATURE_MLDSA44:
            times[key.name] = max(moment, times.get(key.name, moment))
    return times


def quorum_time(times: Mapping[str, datetime], witness_set: WitnessSet) -> datetime | None:
    """Return the q-th newest of verified witness times, or None if fewer than q witnesses have one."""
    newest = sorted(times.values(), reverse=True)
    return newest[witness_set.quorum - 1] if len(newest) >= witness_set.quorum else None
