"""The bodies of log entries by docs/protocol.md section 10.2: types, members, and the members of a case's chain.

Kept apart from the list the hub writes by: a hub that began to write something else would otherwise take its verifier
along. ``tests/keys/verify`` holds both against each other and against the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from keys.canonical import NotCanonical, parse_canonical
from keys.verify.faults import ExportFault, ExportRefused

MAX_PUBLIC_BODY_BYTES = 2**16 - 2
MAX_SALTED_BODY_BYTES = 1024 * 1024
_AT = re.compile(r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_CASE = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")

PUBLIC: Mapping[str, frozenset[str]] = {
    "genesis": frozenset({"origin", "bundle", "version"}),
    "officers": frozenset({"officers", "previous", "signatures"}),
    "agency": frozenset({"statement", "request", "officers"}),
    "certificate": frozenset({"statement"}),
    "revocation": frozenset({"statement"}),
    "console_access": frozenset({"statement"}),
    "witnesses": frozenset({"quorum", "witnesses", "approvals"}),
    "log_key": frozenset({"key", "previous", "reason", "signatures"}),
    "bundle": frozenset({"bundle", "version", "replaces", "approvals"}),
}
"""What every agency reads: type and members beside ``type`` and ``at``."""
_STATEMENT = frozenset({"agency", "statement", "decision"})
OF_CASES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "membership",
            "acceptance",
            "endorsement",
            "departure",
            "consent",
            "refusal",
            "exclusion",
            "break_glass",
            "emergency",
            "emergency_review",
            "retention",
        ),
        _STATEMENT,
    ),
    "channel": frozenset({"agency", "statement", "channel", "recipient", "recipient_agency", "recipient_member"}),
    "fragment": frozenset({"agency", "fragment", "sha256", "category", "handling", "archive"}),
    "disclosure": frozenset(
        {"agency", "statement", "channel", "recipient_agency", "recipient_member", "items", "overrides", "decision"}
    ),
    "void": frozenset({"agency", "statement", "channel"}),
    "viewed": frozenset({"agency", "member", "purpose", "statement", "fragments", "refused", "decision"}),
    "retrieved": frozenset({"agency", "statement", "after", "fragments", "channels", "numbers"}),
    "audited": frozenset({"agency", "member", "access", "entries"}),
    "erased": frozenset({"agency", "scope", "entries", "statements"}),
}
"""Salted, and always of a case."""
CASE_OPTIONAL: Mapping[str, frozenset[str]] = {
    "denied": frozenset({"agency", "member", "act", "statement", "code", "rules", "lines"}),
    "exported": frozenset({"what", "agency", "member", "access", "entries", "bodies", "sha256"}),
}
"""Salted, and of a case or of none."""
_COMMON = frozenset({"type", "at"})
_CHAIN = frozenset({"case", "case_seq", "previous"})


def read_body(text: str, *, is_public: bool, index: int) -> dict[str, Any]:
    """Return an entry's body. Raises ``ExportRefused`` (``body_malformed``) where the protocol knows none like it."""
    data = text.encode("utf-8", "surrogatepass")
    limit = MAX_PUBLIC_BODY_BYTES if is_public else MAX_SALTED_BODY_BYTES
    if len(data) > limit:
        raise _refused(f"its body has {len(data):,} bytes, at most {limit:,} are allowed", index)
    try:
        body = parse_canonical(data)
    except NotCanonical as error:
        raise _refused(f"its body is {error}", index) from error
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise _refused("its body is no object with a type", index)
    _require_members(body, is_public, index)
    if not isinstance(body["at"], str) or not _AT.fullmatch(body["at"]):
        raise _refused("its time is not of the agreed form", index)
    if "case" in body:
        _require_chain(body, index)
    return body


def _require_members(body: dict[str, Any], is_public: bool, index: int) -> None:
    kind = body["type"]
    known = PUBLIC if is_public else {**OF_CASES, **CASE_OPTIONAL}
    if kind not in known:
        listed = kind in PUBLIC or kind in OF_CASES or kind in CASE_OPTIONAL
        what = "of a type that is not logged like this" if listed else "of no type of the protocol's list"
        raise _refused(f"it is {what}", index)
    chain = kind in OF_CASES or (kind in CASE_OPTIONAL and "case" in body)
    expected = known[kind] | _COMMON | (_CHAIN if chain else frozenset())
    if set(body) != expected:
        raise _refused(f"it has not exactly the members of its type ({kind})", index)


def _require_chain(body: dict[str, Any], index: int) -> None:
    number, previous = body["case_seq"], body["previous"]
    is_number = type(number) is int and number >= 1
    is_first = is_number and number == 1 and previous is None
    follows = is_number and number > 1 and isinstance(previous, str) and _HASH.fullmatch(previous) is not None
    if not isinstance(body["case"], str) or not _CASE.fullmatch(body["case"]) or not (is_first or follows):
        raise _refused("its place in its case is not of the agreed form", index)


def _refused(what: str, index: int) -> ExportRefused:
    return ExportRefused(ExportFault.BODY_MALFORMED, f"entry {index}: {what}", index)
