"""Write what an alarm rests on to a file that anybody with the log's pinned key can check (``keys.evidence``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adapters.alarms import AlarmRefused
from adapters.home import Home
from adapters.store.database import Store
from adapters.store.monitor_rows import find_evidence, heads
from adapters.store.tables import AlarmRow
from keys.canonical import canonical_bytes
from keys.evidence import FORM, MAX_EVIDENCE_BYTES, VERSION, EvidenceRefused, Finding, judge
from keys.transparency import VerifierKey, WitnessSet

NEWEST_HEADS = 200
"""Of the signed heads that were the highest seen here: other agencies' files may contradict one of them."""
MAX_HEADS_CHARS = 4 * 1024 * 1024


def render_evidence(store: Store, home: Home, number: int) -> bytes:
    """Return an alarm's evidence with the newest heads seen here. Raises ``AlarmRefused``, ``HomeRefused``."""
    with store.write() as session:
        row = session.get(AlarmRow, number)
        if row is None:
            raise AlarmRefused(f"there is no alarm {number}; list them: nrm-adapter alarms --all")
        kept: dict[str, Any] | None = find_evidence(session, number)
        if kept is None:
            raise AlarmRefused(f"alarm {number} ({row.code}) rests on nothing that somebody else could check")
        listed, size = list(kept["heads"]), 0
        for note in heads(session, NEWEST_HEADS):
            size += len(note)
            if size <= MAX_HEADS_CHARS:
                listed.append(note)
        said = {
            "form": FORM,
            "version": VERSION,
            "kind": kept["kind"],
            "origin": home.pin().origin,
            "agency": home.agency,
            "at": row.raised_at,
            "text": row.text,
            "heads": list(dict.fromkeys(listed)),
            "splits": kept.get("splits", []),
            "entry": kept.get("entry"),
            "statement": kept.get("statement"),
            "promise": kept.get("promise"),
            "span": kept.get("span"),
        }
    return canonical_bytes(said)


def check_evidence(home: Home, paths: list[Path]) -> Finding:
    """Check files against what this agency has pinned; nothing else is asked. Raises ``EvidenceRefused``."""
    pin, files = home.pin(), []
    for path in paths:
        try:
            with path.open("rb") as file:
                files.append(file.read(MAX_EVIDENCE_BYTES + 1))
        except OSError as error:
            raise EvidenceRefused(f"{path.name} cannot be read") from error
    return judge(files, VerifierKey.parse(pin.log_vkey), WitnessSet.from_json(pin.witnesses))
