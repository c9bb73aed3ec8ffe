"""What may stand in the log: the closed list of entry types and the members of each body (docs/protocol.md 10.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hub.ledger.errors import EntryRefused
from keys.canonical import NotCanonical, canonical_bytes
from keys.transparency import ProofInvalid, WitnessSet
from policies.model import term_list

# tlog-tiles gives an entry in a bundle a length of two bytes.
MAX_ENTRY_BYTES = 2**16 - 1
# Bodies that stand outside the tiles are not bound by that; a pull of some 7,000 fragments is the largest it holds.
MAX_SALTED_BODY_BYTES = 1024 * 1024
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_HEX_HASH = re.compile(r"[0-9a-f]{64}")


class EntryType(StrEnum):
    """Every kind of entry. Another type is a change of the protocol."""

    GENESIS = "genesis"
    OFFICERS = "officers"
    AGENCY = "agency"
    CERTIFICATE = "certificate"
    REVOCATION = "revocation"
    CONSOLE_ACCESS = "console_access"
    WITNESSES = "witnesses"
    LOG_KEY = "log_key"
    BUNDLE = "bundle"
    MEMBERSHIP = "membership"
    ACCEPTANCE = "acceptance"
    ENDORSEMENT = "endorsement"
    DEPARTURE = "departure"
    CONSENT = "consent"
    REFUSAL = "refusal"
    EXCLUSION = "exclusion"
    BREAK_GLASS = "break_glass"
    EMERGENCY = "emergency"
    EMERGENCY_REVIEW = "emergency_review"
    CHANNEL = "channel"
    FRAGMENT = "fragment"
    DISCLOSURE = "disclosure"
    VOID = "void"
    VIEWED = "viewed"
    RETRIEVED = "retrieved"
    AUDITED = "audited"
    DENIED = "denied"
    EXPORTED = "exported"
    RETENTION = "retention"
    ERASED = "erased"


PUBLIC_TYPES: frozenset[EntryType] = frozenset(
    {
        EntryType.GENESIS,
        EntryType.OFFICERS,
        EntryType.AGENCY,
        EntryType.CERTIFICATE,
        EntryType.REVOCATION,
        EntryType.CONSOLE_ACCESS,
        EntryType.WITNESSES,
        EntryType.LOG_KEY,
        EntryType.BUNDLE,
    }
)
# A denial may concern something that is no case: whether a case exists is not told by the form of the entry. What is
# given out at the command line is recorded once for itself, and in each case that it tells of.
CASE_OPTIONAL: frozenset[EntryType] = frozenset({EntryType.DENIED, EntryType.EXPORTED})
COMMON_MEMBERS = frozenset({"type", "at"})
CASE_MEMBERS = frozenset({"case", "case_seq", "previous"})
_STATEMENT_OF_CASE = frozenset({"agency", "statement", "decision"})
MEMBERS: Mapping[EntryType, frozenset[str]] = {
    EntryType.GENESIS: frozenset({"origin", "bundle", "version"}),
    EntryType.OFFICERS: frozenset({"officers", "previous", "signatures"}),
    EntryType.AGENCY: frozenset({"statement", "request", "officers"}),
    EntryType.CERTIFICATE: frozenset({"statement"}),
    EntryType.REVOCATION: frozenset({"statement"}),
    EntryType.CONSOLE_ACCESS: frozenset({"statement"}),
    EntryType.WITNESSES: frozenset({"quorum", "witnesses", "approvals"}),
    EntryType.LOG_KEY: frozenset({"key", "previous", "reason", "signatures"}),
    EntryType.BUNDLE: frozenset({"bundle", "version", "replaces", "approvals"}),
    EntryType.MEMBERSHIP: _STATEMENT_OF_CASE,
    EntryType.ACCEPTANCE: _STATEMENT_OF_CASE,
    EntryType.ENDORSEMENT: _STATEMENT_OF_CASE,
    EntryType.DEPARTURE: _STATEMENT_OF_CASE,
    EntryType.CONSENT: _STATEMENT_OF_CASE,
    EntryType.REFUSAL: _STATEMENT_OF_CASE,
    EntryType.EXCLUSION: _STATEMENT_OF_CASE,
    EntryType.BREAK_GLASS: _STATEMENT_OF_CASE,
    EntryType.EMERGENCY: _STATEMENT_OF_CASE,
    EntryType.EMERGENCY_REVIEW: _STATEMENT_OF_CASE,
    EntryType.CHANNEL: frozenset(
        {"agency", "statement", "channel", "recipient", "recipient_agency", "recipient_member"}
    ),
    EntryType.FRAGMENT: frozenset({"agency", "fragment", "sha256", "category", "handling", "archive"}),
    EntryType.DISCLOSURE: frozenset(
        {"agency", "statement", "channel", "recipient_agency", "recipient_member", "items", "overrides", "decision"}
    ),
    EntryType.VOID: frozenset({"agency", "statement", "channel"}),
    EntryType.VIEWED: frozenset({"agency", "member", "purpose", "statement", "fragments", "refused", "decision"}),
    EntryType.RETRIEVED: frozenset({"agency", "statement", "after", "fragments", "channels", "numbers"}),
    EntryType.AUDITED: frozenset({"agency", "member", "access", "entries"}),
    EntryType.DENIED: frozenset({"agency", "member", "act", "statement", "code", "rules", "lines"}),
    EntryType.EXPORTED: frozenset({"what", "agency", "member", "access", "entries", "bodies", "sha256"}),
    EntryType.RETENTION: _STATEMENT_OF_CASE,
    EntryType.ERASED: frozenset({"agency", "scope", "entries", "statements"}),
}


def _expected(kind: EntryType, *, names_case: bool) -> frozenset[str]:
    takes_case = kind not in PUBLIC_TYPES and (kind not in CASE_OPTIONAL or names_case)
    return MEMBERS[kind] | COMMON_MEMBERS | (CASE_MEMBERS if takes_case else frozenset())


# Made once: they are asked for at every entry of a log that is checked.
_BY_NAME: Mapping[str, EntryType] = {kind.value: kind for kind in EntryType}
_EXPECTED: Mapping[tuple[EntryType, bool], frozenset[str]] = {
    (kind, names_case): _expected(kind, names_case=names_case) for kind in EntryType for names_case in (False, True)
}


def render_body(body: Mapping[str, Any]) -> tuple[EntryType, str]:
    """Check a whole body and return its type and canonical text. Raises ``EntryRefused``.

    Checked: what ``check_body`` checks, and that the body has a canonical form.
    """
    kind = _require_form(body)
    try:
        text = canonical_bytes(dict(body))
    except NotCanonical as error:
        raise EntryRefused(f"{kind} entry: {error}") from error
    _require_size(kind, len(text))
    return kind, text.decode("utf-8")


def check_body(body: Mapping[str, Any], size: int) -> EntryType:
    """Check a body that was read from its canonical form of ``size`` bytes; return its type. Raises ``EntryRefused``.

    Checked: known type, exactly its members, the form of ``at``, ``case_seq`` and ``previous``, size. A witness set
    must be one that could hold. Other members' values are the caller's, who verified the statements.
    """
    kind = _require_form(body)
    _require_size(kind, size)
    return kind


def _require_form(body: Mapping[str, Any]) -> EntryType:
    kind = _require_type(body)
    if not isinstance(body["at"], str) or not _AT.fullmatch(body["at"]):
        raise EntryRefused(f"{kind} entry: expected at as UTC with milliseconds, 2026-01-31T12:00:00.123Z")
    if "case" in body:
        _require_chain_members(kind, body)
    if kind is EntryType.WITNESSES:
        try:
            WitnessSet.from_json(body)
        except ProofInvalid as error:
            raise EntryRefused(f"witnesses entry: {error}") from error
        if not isinstance(body["approvals"], list):
            raise EntryRefused("witnesses entry: expected approvals as a list, empty for the first set")
    return kind


def _require_size(kind: EntryType, size: int) -> None:
    limit = MAX_ENTRY_BYTES - 1 if kind in PUBLIC_TYPES else MAX_SALTED_BODY_BYTES
    if size > limit:
        raise EntryRefused(f"{kind} entry: got {size} bytes of body, at most {limit}")


def _require_type(body: Mapping[str, Any]) -> EntryType:
    name = body.get("type")
    kind = _BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        raise EntryRefused(f"entry: expected a type of the protocol's list: {term_list(EntryType)}")
    expected = _EXPECTED[kind, "case" in body]
    if body.keys() != expected:
        unknown, missing = sorted(set(body) - expected), sorted(expected - set(body))
        raise EntryRefused(
            f"{kind} entry: unknown members: {term_list(unknown[:5])}; missing members: {term_list(missing[:5])}"
        )
    return kind


def _require_chain_members(kind: EntryType, body: Mapping[str, Any]) -> None:
    number, previous = body["case_seq"], body["previous"]
    if not isinstance(body["case"], str):
        raise EntryRefused(f"{kind} entry: expected a case id")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise EntryRefused(f"{kind} entry: expected case_seq from 1")
    is_hash = isinstance(previous, str) and _HEX_HASH.fullmatch(previous) is not None
    if is_hash is not (number > 1) or (number == 1 and previous is not None):
        raise EntryRefused(f"{kind} entry: expected previous as a leaf hash, and null only for case_seq 1")
