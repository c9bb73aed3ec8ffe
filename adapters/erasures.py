"""What was erased of our cases, proven: by whom, when, under which rule. What it takes with it here follows at once.

The log says it (``adapters.feed``); the statements that an ``erased`` entry carries must allow it, or it is an alarm
and nothing is deleted here. Never silence: what is gone is named (docs/adr/0019-retention.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from adapters.feed import erasures
from adapters.refusal import LogRefused
from adapters.store.database import Session
from adapters.store.erasing_rows import drop_pending, forget_channels, forget_own
from adapters.store.monitor_rows import forget_pulls
from adapters.store.rows import raise_alarm, read_setting, write_setting
from keys.canonical import NotCanonical
from keys.certificates import NotCertified
from keys.directory import Directory
from keys.erasures import Allowed, read_allowed, verify_word, word_of
from keys.jose import SignatureRefused
from keys.statements import peek
from policies.model import Malformed, render_time
from policies.retention import RetentionWord, Scope, require_in_force

RULE = "erased"
"""Stands where the rules stand that refuse a fragment, of one that was erased."""
NOT_UNDONE = "What was read, printed, quoted or kept in an agency's own records before is not undone by it."


def say_what(scope: Scope, count: int) -> str:
    """Return "1 fragment", "3 fragments", or how much of a case."""
    if scope is Scope.FRAGMENTS:
        return f"{count} fragment{'' if count == 1 else 's'}"
    return f"the case ({scope.value})"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure, verified. ``fragments`` are ids, of a whole case none: everything that stood before it."""

    index: int
    at: str
    scope: Scope
    agencies: tuple[str, ...]
    rule: str
    reason: str
    fragments: tuple[str, ...]

    @property
    def what(self) -> str:
        """Say what went: how many fragments, or how much of the case."""
        return say_what(self.scope, len(self.fragments))

    @property
    def sentence(self) -> str:
        """Say when it was, who asked, why and under which rule, and what it does not undo."""
        who = " and ".join(self.agencies)
        why = self.reason.replace("_", " ")
        return f"Erased on {self.at[:10]} at the word of {who}, under retention rule {self.rule}: {why}. {NOT_UNDONE}"


@dataclass(frozen=True, slots=True)
class ErasedOfCase:
    """All that was erased of one case."""

    listed: tuple[Erasure, ...] = ()

    @property
    def whole(self) -> Erasure | None:
        """The erasure of the whole content, or of the record, the furthest one; None: there is none."""
        found = [item for item in self.listed if item.scope is not Scope.FRAGMENTS]
        return next((item for item in reversed(found) if item.scope is Scope.RECORD), found[-1] if found else None)

    @property
    def has_no_record(self) -> bool:
        """Whether nothing is left of it at the hub."""
        return self.whole is not None and self.whole.scope is Scope.RECORD

    def by_fragment(self) -> dict[str, Erasure]:
        """Return the erasure of each fragment that its originator had erased."""
        return {fragment: item for item in self.listed for fragment in item.fragments}


def read_erasures(session: Session, case: str) -> ErasedOfCase:
    """Return what was erased of a case, as far as it was followed and verified."""
    return ErasedOfCase(tuple(_from_json(item) for item in read_setting(session, _name(case)) or ()))


def has_new(session: Session, case: str) -> bool:
    """Whether the log, as far as it was followed, has erasures of a case that were not taken in here."""
    return len(erasures(session, case)[0]) > len(read_erasures(session, case).listed)


def take_erasures(
    session: Session,
    case: str,
    agency: str,
    directory: Directory,
    statements: Mapping[str, Any],
    said: Sequence[str],
    at: datetime,
) -> list[Erasure]:
    """Verify the erasures of a case that are new here, and delete what this agency keeps for what went.

    ``statements`` are those of the case as they were known before: they say who may ask for a whole case. ``said`` are
    the words on keeping it that are known here, ``directory`` says where they stand. Returns the new ones. Raises
    ``LogRefused`` where one is not allowed; then nothing of it is taken in.
    """
    known = list(read_erasures(session, case).listed)
    seen = {item.index for item in known}
    entries, brought = erasures(session, case)
    unseen = [(index, entry) for index, entry in entries if index not in seen]
    fresh = [_verify(case, index, entry, brought, directory, statements, said) for index, entry in unseen]
    if not fresh:
        return []
    write_setting(session, _name(case), [_to_json(item) for item in (*known, *fresh)])
    for item in fresh:
        _carry_out(session, case, agency, item)
        text = f"case {case[:8]}: {item.what} erased at the hub. {item.sentence}"
        raise_alarm(session, "erasure", text, render_time(at), is_lasting=True)
    return fresh


def _verify(
    case: str,
    index: int,
    entry: Mapping[str, Any],
    brought: Mapping[int, str | None],
    directory: Directory,
    statements: Mapping[str, Any],
    said: Sequence[str],
) -> Erasure:
    try:
        allowed = read_allowed(entry, directory, index)
        _require_theirs(allowed, brought)
        _require_said_by(allowed, statements)
        require_in_force(
            _said_before(case, index, said, directory), [word_of(item) for item in allowed.words], allowed.at
        )
    except (Malformed, NotCanonical, NotCertified, SignatureRefused, KeyError, TypeError, ValueError) as error:
        raise LogRefused(
            "erased",
            f"case {case[:8]}: the log says at position {index} that something was erased, and it is not proven that "
            f"it might be: {error}",
        ) from error
    authority = allowed.authority
    return Erasure(
        index=index,
        at=render_time(allowed.at),
        scope=authority.scope,
        agencies=authority.agencies,
        rule=authority.rule,
        reason=authority.reason.value,
        fragments=tuple(item.fragment for item in authority.fragments),
    )


def _require_theirs(allowed: Allowed, brought: Mapping[int, str | None]) -> None:
    """Raise ``Malformed`` where an originator's word takes something that, as we followed it, another one brought."""
    authority = allowed.authority
    if authority.scope is Scope.RECORD:
        return
    for number, _ in allowed.pairs:
        if number not in brought:
            raise Malformed("an entry is named that is no fragment's")
        who = brought[number]
        if authority.scope is Scope.FRAGMENTS and who not in (None, authority.agencies[0]):
            raise Malformed("a fragment of another agency is named than the one that asked")


def _require_said_by(allowed: Allowed, statements: Mapping[str, Any]) -> None:
    """Raise ``Malformed`` where a whole case goes at the word of agencies that never led it, or took no part."""
    chain = [peek(token).members for token in statements.get("membership", ())]
    if allowed.authority.scope is Scope.FRAGMENTS or not chain:
        # Whoever never saw who takes part has nothing of the case either: the signatures are all there is.
        return
    lead, *others = allowed.authority.agencies
    listed = {item["agency"] for members in chain for item in members["agencies"]}
    if lead not in {members["lead"] for members in chain} or not set(others) <= listed:
        raise Malformed("a whole case goes at the word of its lead, and of another agency that takes part")


def _said_before(case: str, index: int, said: Sequence[str], directory: Directory) -> list[RetentionWord]:
    """Return the verified words on keeping a case whose entries stand before a position, in the order of the log."""
    found = []
    for token in dict.fromkeys(said):
        known = directory.position_of(token)
        if known is None or known >= index:
            continue
        try:
            found.append((known, word_of(verify_word(token, case, directory, index))))
        except (Malformed, NotCanonical, NotCertified, SignatureRefused, KeyError, TypeError, ValueError):
            continue  # nobody's word: it neither forbids anything nor lifts what does
    return [word for _, word in sorted(found, key=itemgetter(0))]


def _carry_out(session: Session, case: str, agency: str, item: Erasure) -> None:
    """Delete our own copies that re-granting needs. What was pulled follows its own rule (``picture.receiving``)."""
    if item.scope is Scope.FRAGMENTS:
        if item.agencies == (agency,):
            forget_own(session, case, item.fragments)
        return
    drop_pending(session, case)
    forget_own(session, case, None)
    forget_channels(session, case)
    if item.scope is Scope.RECORD:
        # Who opened it is what is recorded of the case: it stays as long as the log tells it, and goes with it.
        forget_pulls(session, case)


def _name(case: str) -> str:
    return f"erased:{case}"


def _to_json(item: Erasure) -> dict[str, Any]:
    return {
        "index": item.index,
        "at": item.at,
        "scope": item.scope.value,
        "agencies": list(item.agencies),
        "rule": item.rule,
        "reason": item.reason,
        "fragments": list(item.fragments),
    }


def _from_json(held: Mapping[str, Any]) -> Erasure:
    return Erasure(
        index=held["index"],
        at=held["at"],
        scope=Scope(held["scope"]),
        agencies=tuple(held["agencies"]),
        rule=held["rule"],
        reason=held["reason"],
        fragments=tuple(held["fragments"]),
    )
