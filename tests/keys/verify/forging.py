"""Exports made anew from changed entries, with the tree, the heads and the cosignatures made to fit.

Whoever can do this has the hub, its log key and the witnesses' keys: only what the entries themselves say can give it
away. Every key is a test's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.ledger.tree import consistency_ranges, inclusion_ranges
from hub.services import Services
from keys.canonical import canonical_bytes
from keys.cosigning import cosign, sign_checkpoint
from keys.jose import Signer, b64u
from keys.merkle import leaf_hash, node_hash
from keys.transparency import entry_bytes, render_proof, verify_checkpoint
from keys.uses import KeyUse
from tests.keys.verify.exports import Lines
from tests.scene import Scene, embedded_services, now


@dataclass(slots=True)
class Entry:
    """One entry of the log as it is forged. ``text`` is the body; of an erased one ``gone`` is what was logged."""

    text: str
    salt: bytes | None
    gone: bytes | None = None
    place: tuple[str, int] | None = None

    @property
    def body(self) -> dict[str, Any]:
        if self.place is not None:
            return {"type": "", "case": self.place[0], "case_seq": self.place[1]}
        return dict(json.loads(self.text))

    def erase(self) -> None:
        """Take its text away."""
        body = self.body
        self.gone, self.place = self.bytes_, (body["case"], body["case_seq"])

    def say(self, **members: Any) -> None:
        """Change members of the body; None of them is checked."""
        self.text = canonical_bytes({**self.body, **members}).decode()

    @property
    def bytes_(self) -> bytes:
        return self.gone if self.gone is not None else entry_bytes(self.text.encode(), self.salt)


@dataclass(slots=True)
class Forger:
    """A scene's log, to be changed, and the keys that sign it."""

    scene: Scene
    entries: list[Entry]
    log_key: Signer
    origin: str
    sizes: list[int]
    witnesses: Sequence[str] = ()
    seen_late_by: timedelta = field(default=timedelta(seconds=1))

    @classmethod
    def of(cls, scene: Scene, sizes: list[int]) -> Forger:
        """``sizes``: of the heads, the newest last. Entries beyond are left out."""
        query = 'SELECT body, salt, entry, "case", case_seq FROM log_entry WHERE position < ? ORDER BY position'
        rows = scene.sql(query, sizes[-1])
        services: Services = embedded_services(scene.hub, now, anew=False)
        services.database.close()
        entries = [
            Entry(body, salt) if body is not None else Entry("", None, bytes(entry), (case, number))
            for body, salt, entry, case, number in rows
        ]
        return cls(scene, entries, services.log_key, services.config.origin, sizes, tuple(scene.parties))

    def find(self, kind: str, nth: int = 0) -> int:
        """Return the position of the n-th entry of a type."""
        return [index for index, entry in enumerate(self.entries) if entry.body["type"] == kind][nth]

    def of_case(self, case: str) -> list[int]:
        """Return the positions of a case's entries."""
        return [index for index, entry in enumerate(self.entries) if entry.body.get("case") == case]

    def relink(self, case: str) -> None:
        """Make each ``previous`` of a case fit again."""
        before: Entry | None = None
        for index in self.of_case(case):
            entry = self.entries[index]
            if entry.gone is None:
                entry.say(previous=None if before is None else leaf_hash(before.bytes_).hex())
            before = entry

    def root(self, start: int, end: int) -> bytes:
        """The hash over a range of entries."""
        if end - start == 1:
            return leaf_hash(self.entries[start].bytes_)
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        return node_hash(self.root(start, middle), self.root(middle, end))

    def note(self, size: int) -> str:
        """A head of this size, signed and cosigned a second after its last entry."""
        note = sign_checkpoint(self.origin, size, self.root(0, size), self.log_key)
        checkpoint = verify_checkpoint(note, self._log_vkey)
        newest = max(datetime.fromisoformat(entry.body["at"]) for entry in self.entries[:size] if entry.gone is None)
        at = newest.astimezone(UTC) + self.seen_late_by
        for agency in self.witnesses:
            name, keys = f"{self.origin}/witness/{agency}", self.scene.parties[agency].keys.keys
            for use in (KeyUse.WITNESS, KeyUse.WITNESS_PQ):
                note += cosign(checkpoint, name, keys[use.value], at=at) + "\n"
        return note

    @property
    def _log_vkey(self) -> Any:
        from hub.services import log_verifier

        return log_verifier(self.origin, self.log_key)

    def export(self, case: str | None = None) -> Lines:
        """The whole log, or one case of it, as an export."""
        size = self.sizes[-1]
        is_whole = case is None
        scope = {"kind": "log" if is_whole else "case", "case": case, "agency": None, "first": 0, "last": size - 1}
        lines: Lines = [
            {
                "kind": "export",
                "format": "nrmhub-log-export-1",
                "origin": self.origin,
                "made_at": "2026-01-31T12:00:00Z",
                "scope": scope,
                "size": size,
                "head": self.note(size),
                "log_key": self._log_vkey.render(),
            }
        ]
        heads = self.sizes[:-1]
        counts = {"entries": 0, "heads": 0, "links": 0}
        for index, entry in enumerate(self.entries):
            while heads and heads[0] <= index:
                lines.append(self._head(heads.pop(0), size, is_whole))
                counts["heads"] += 1
            is_public = entry.salt is None and entry.gone is None
            if is_whole or is_public or entry.body.get("case") == case:
                lines.append(self._entry(index, entry, size, is_whole))
                counts["entries"] += 1
        return [*lines, {"kind": "end", **counts}]

    def _head(self, head: int, size: int, is_whole: bool) -> dict[str, Any]:
        proof = None if is_whole else render_proof([self.root(*part) for part in consistency_ranges(head, size)])
        return {"kind": "head", "size": head, "note": self.note(head), "consistency": proof}

    def _entry(self, index: int, entry: Entry, size: int, is_whole: bool) -> dict[str, Any]:
        is_open = entry.gone is None and (not is_whole or entry.salt is None)
        case, number = (None, None) if is_whole or entry.place is None else entry.place
        proof = None if is_whole else render_proof([self.root(*part) for part in inclusion_ranges(index, size)])
        return {
            "kind": "entry",
            "index": index,
            "body": entry.text if is_open else None,
            "salt": b64u(entry.salt) if is_open and entry.salt is not None else None,
            "digest": None if is_open else entry.bytes_[1:].hex(),
            "case": case,
            "case_seq": number,
            "inclusion": proof,
        }


Change = Callable[[Forger], None]
