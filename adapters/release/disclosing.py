"""What one disclosure lists: fragments, and the bases and decisions they rest on, each once (protocol section 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keys.envelopes import wrapped_key_digest
from keys.sealing import ContentKey
from policies.model import Basis, Decision, Facts, FragmentId, Header
from policies.vocabulary import Stage


@dataclass(frozen=True, slots=True)
class Item:
    """One fragment on its way to one recipient."""

    header: Header
    digest: str
    key: ContentKey
    basis: Basis
    facts: Facts
    decision: Decision


def tabulate(
    items: Sequence[Item], wrapped: Mapping[FragmentId, str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return bases, decisions and items of a disclosure; equal bases and decisions stand once."""
    bases: dict[Basis, int] = {}
    decisions: dict[tuple[Facts, tuple[str, ...]], int] = {}
    listed = []
    for item in items:
        listed.append(
            {
                "fragment": item.header.fragment,
                "sha256": item.digest,
                "encrypted_key_sha256": wrapped_key_digest(wrapped[item.header.fragment]),
                "basis": bases.setdefault(item.basis, len(bases)),
                "decision": decisions.setdefault((item.facts, item.decision.rules), len(decisions)),
            }
        )
    rendered = [
        {"facts": {**facts.to_json(), "stage": Stage.PUSH.value}, "rules": list(rules)} for facts, rules in decisions
    ]
    return [basis.to_json() for basis in bases], rendered, listed
