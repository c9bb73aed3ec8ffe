"""The form of what a disclosure lists, checked before anything of it is looked up.

Raises ``Malformed``; ``EnvelopeRefused`` for a wrapped key that is none, ``Refused`` for a consent that is not the
newest word of its giver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hub.refusal import Refused
from keys.envelopes import require_wrapped_key, wrapped_key_digest
from policies.model import (
    Basis,
    CaseState,
    Malformed,
    require_digest,
    require_id,
    require_members,
    require_term,
    require_true_override,
)
from policies.vocabulary import CONSENT_GATEWAYS, NotGivenCode

MAX_ITEMS = 1_000
MAX_NOT_GIVEN = 10_000


def require_list(value: object, most: int, name: str, *, at_least: int = 0) -> list[Any]:
    """Return a list of so many elements."""
    if not isinstance(value, list) or not at_least <= len(value) <= most:
        raise Malformed(f"{name}: expected a list of {at_least} to {most}")
    return value


def pick(values: list[Any], index: object, name: str) -> Any:
    """Return the element of a table that an item names by its index."""
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(values):
        raise Malformed(f"disclosure item {name}: no such entry")
    return values[index]


def require_consents(bases: Sequence[Basis], case: CaseState, at: datetime) -> None:
    """A basis on consent names somebody's newest word in the case; no basis names another one, or overrides nobody."""
    for basis in bases:
        require_true_override(basis, case, at)
        if basis.consent is not None and not case.consent.is_in_force(basis.consent):
            raise Refused(409, "stale_consent", "a basis rests on a consent that is not the newest word of its giver")
        if basis.consent is None and basis.gateway in CONSENT_GATEWAYS:
            raise Malformed("disclosure: a basis whose gateway is consent names the consent it rests on")


def require_not_given(value: object) -> None:
    """Check the list of what the recipient is not given: each digest once, sorted, with a public code."""
    listed = require_list(value, MAX_NOT_GIVEN, "not_given")
    digests = []
    for item in listed:
        got = require_members(item, ("sha256", "code"), "not_given entry")
        digests.append(require_digest(got["sha256"], "not_given sha256"))
        require_term(NotGivenCode, got["code"], "not_given code")
    if digests != sorted(set(digests)):
        raise Malformed("not_given: expected each digest once, sorted")


def require_grants(grants: object, items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the wrapped key of each fragment: exactly those that the items sign for."""
    keys: dict[str, str] = {}
    for grant in require_list(grants, MAX_ITEMS, "grants"):
        got = require_members(grant, ("fragment", "encrypted_key"), "grant")
        keys[require_id(got["fragment"], "fragment")] = require_wrapped_key(got["encrypted_key"])
    expected = {item["fragment"]: item["encrypted_key_sha256"] for item in items}
    if {fragment: wrapped_key_digest(key) for fragment, key in keys.items()} != expected:
        raise Malformed("disclosure: the grants are not the ones that are signed for")
    return keys
