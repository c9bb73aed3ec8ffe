"""Receipts of acts that are committed: inclusion proofs in one freshly signed head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub.exchange.acts import Receipt
from hub.exchange.placing import placed
from hub.ledger import ledger
from hub.services import Services
from hub.store import ledger_rows
from hub.store.base import Session
from keys.jose import b64u
from keys.transparency import parse_note, render_proof


def signed_head(session: Session, services: Services) -> tuple[str, int]:
    """Return a signed note of the log as it is now, and its size."""
    note = ledger.sign_head(session, origin=services.config.origin, signers=services.log_signers)
    return note, int(parse_note(note).text.split("\n")[1])


def prove(session: Session, receipts: Iterable[Receipt], size: int) -> list[dict[str, Any]]:
    """Return receipts in wire form, proven in the tree of ``size`` entries."""
    listed = list(receipts)
    proofs = ledger.inclusions(session, [receipt.index for receipt in listed], size)
    return [receipt.to_json(render_proof(proofs[receipt.index])) for receipt in listed]


def prove_positions(session: Session, positions: Iterable[int], size: int) -> dict[int, dict[str, Any]]:
    """Return receipts of entries by position, for entries that are not erased."""
    found = ledger.find_appended(session, positions)
    receipts = [Receipt(item.index, item.body_text, item.salt) for item in found.values()]
    return {item["index"]: item for item in prove(session, receipts, size)}


def prove_case_entries(session: Session, positions: Iterable[int], size: int) -> dict[int, dict[str, Any]]:
    """Return a case's entries by position: receipts, and of what was erased the bytes that the tree hashes."""
    wanted = list(positions)
    found = prove_positions(session, wanted, size)
    gone = [position for position in wanted if position not in found]
    proofs = ledger.inclusions(session, gone, size)
    for position, row in ledger_rows.read_entries(session, gone).items():
        found[position] = {
            "index": position,
            "body": None,
            "salt": None,
            "erased": b64u(row.entry),
            "inclusion": render_proof(proofs[position]),
        }
    return found


def recorded(services: Services, done: Iterable[Receipt | int | None]) -> dict[str, Any]:
    """Return the answer to an act that has committed: its receipts and the head they are proven in.

    An act is given as its receipt, or as its log position where the same act was recorded before. An act that has no
    position yet is waited for. Raises ``NotPlacedYet``.
    """
    listed = placed(services.database, done)
    fresh = [item for item in listed if isinstance(item, Receipt)]
    with services.database.read() as session:
        note, size = signed_head(session, services)
        earlier = prove_positions(session, [item for item in listed if isinstance(item, int)], size)
        return {
            "status": "accepted" if fresh else "repeated",
            "receipts": [*prove(session, fresh, size), *earlier.values()],
            "checkpoint": note,
        }
