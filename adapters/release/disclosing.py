"""What one disclosure lists: fragments, and the bases and decisions they rest on, each once (protocol section 7)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keys.canonical import canonical_bytes
from keys.envelopes import wrapped_key_digest
from keys.sealing import ContentKey
from policies.model import Basis, Decision, Facts, FragmentId, Header
from policies.vocabulary import NotGivenCode, Stage

CONSENT_RULES = frozenset({"consent-gateway-needs-consent", "adult-referral-needs-consent"})


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


def not_given_code(rules: Collection[str]) -> NotGivenCode:
    """Return the public code for what these rules refuse."""
    return NotGivenCode.CONSENT if CONSENT_RULES & set(rules) else NotGivenCode.POLICY


def digest_of(listed: Sequence[Mapping[str, str]]) -> str:
    """Return the SHA-256 of a disclosure's ``not_given``, to know whether it has changed."""
    return hashlib.sha256(canonical_bytes([dict(item) for item in listed])).hexdigest()
