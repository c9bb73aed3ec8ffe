"""Whether an ``erased`` entry of a case's log is allowed: the statements it carries, verified by their signers' keys.

docs/protocol.md section 10.2. Asked by the hub's check of its log and by every adapter that follows the case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keys.canonical import parse_canonical
from keys.directory import Directory
from keys.jose import UnverifiedJws
from keys.statements import Statement, StatementType, peek
from keys.uses import KeyUse
from policies.model import Malformed, parse_time, require_term
from policies.retention import Authority, RetentionWord, Scope, authority_of

ALLOWING = frozenset({StatementType.RETENTION, StatementType.ERASURE, StatementType.ERASURE_CONFIRMATION})
"""What may stand in an ``erased`` entry."""
WORDS = ALLOWING | {StatementType.HOLD}
"""Every word on keeping a case."""
MAX_ALLOWING = 2
MAX_ERASED_PER_ENTRY = 20_000
"""A body holds that many numbers with their positions, besides the statements."""
_AT = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What an ``erased`` entry took, on whose word, and those words.

    ``pairs``: numbers in the case with positions in the log.
    """

    case: str
    at: datetime
    authority: Authority
    pairs: tuple[tuple[int, int], ...]
    words: tuple[Statement, ...]


def word_of(statement: Statement) -> RetentionWord:
    """Return what a verified statement says, for ``policies.retention``."""
    return RetentionWord(statement.digest, statement.issuer, statement.issued_at, statement.members)


def read_allowed(entry: Mapping[str, Any], directory: Directory, index: int) -> Allowed:
    """Return what an ``erased`` entry took, if those who had to signed for it.

    ``entry`` is the body as the log has it, ``index`` its position. Each statement counts by where its own entry
    stands, as far as ``directory`` knows that, at the latest here: a key that was replaced since signed for it all the
    same. Raises ``NotCertified``, ``SignatureRefused``, ``NotCanonical``, ``Malformed``, or, for what is not of the
    agreed form, ``KeyError``, ``TypeError`` or ``ValueError``.
    """
    at = datetime.strptime(entry["at"], _AT).replace(tzinfo=UTC)
    tokens, listed = entry["statements"], entry["entries"]
    if not isinstance(tokens, list) or not isinstance(listed, list) or len(tokens) > MAX_ALLOWING:
        raise Malformed("erased: expected statements and entries as lists")
    if len(listed) > MAX_ERASED_PER_ENTRY:
        raise Malformed(f"erased: expected at most {MAX_ERASED_PER_ENTRY} entries")
    words = tuple(verify_word(token, entry["case"], directory, index, ALLOWING) for token in tokens)
    authority = authority_of(require_term(Scope, entry["scope"], "scope"), [word_of(item) for item in words], at)
    pairs = tuple((_number(number), _number(position)) for number, position in listed)
    if entry["agency"] != authority.agencies[0]:
        raise Malformed("erased: another agency is named than the one that asked")
    signed = sorted(item.index for item in authority.fragments)
    if authority.scope is Scope.FRAGMENTS and sorted(position for _, position in pairs) != signed:
        raise Malformed("erased: other entries are named than the originator signed for")
    return Allowed(entry["case"], at, authority, pairs, words)


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise Malformed("erased: expected numbers of entries")
    return value


def verify_word(
    token: object, case: object, directory: Directory, index: int, kinds: frozenset[StatementType] = WORDS
) -> Statement:
    """Return a word on keeping a case that stood in the log by a position, verified. Raises as ``read_allowed``."""
    kind = peek(token).type
    if kind not in kinds:
        raise Malformed("erased: a statement of another type")
    issued_at = parse_time(parse_canonical(UnverifiedJws.parse(token).payload)["issued_at"])
    known = directory.position_of(token)
    stands_at = index if known is None else min(known, index)
    statement = directory.verify(token, kind, KeyUse.SIGNING, issued_at, log_index=stands_at, as_taken=True)
    if statement.members["case"] != case:
        raise Malformed("erased: a statement of another case")
    return statement
