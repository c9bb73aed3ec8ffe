"""What the directory says of this agency's keys and people, for an administrator. Pure.

The directory may be that of the witnessed log, or, to end a key nobody has witnessed yet, of the newest head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from adapters.cases import VerifiedCase
from keys.certificates import Certificate
from keys.directory import Directory
from keys.fingerprints import fingerprint
from keys.uses import AGENCY_USES, MEMBER_USES, KeyUse
from policies.vocabulary import Role


class KeyState(StrEnum):
    """What a key counts for now."""

    VALID = "valid"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET = "not_yet_valid"


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One certified key of an agency. ``counts_below`` is the log position at which a revoked key ended."""

    use: KeyUse
    member: str | None
    kid: str
    fingerprint: str
    roles: tuple[Role, ...]
    not_after: datetime
    state: KeyState
    reason: str | None
    counts_below: int | None
    log_index: int

    def render(self) -> str:
        """Return one line for a terminal."""
        what = self.state.value
        if self.state is KeyState.REVOKED:
            what = f"revoked ({self.reason}), counts below position {self.counts_below}"
        return (
            f"{self.use.value:<14} {self.kid[:12]}  until {self.not_after:%Y-%m-%d}  {what}\n"
            f"{'':<14} {self.fingerprint}"
        )


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One person as certified. Revoked: neither of the two keys they had counts any more."""

    member: str
    roles: tuple[Role, ...]
    not_after: datetime
    state: KeyState

    def render(self) -> str:
        """Return one line for a terminal."""
        roles = "+".join(role.value for role in self.roles)
        return f"{self.member}  {roles}  until {self.not_after:%Y-%m-%d}  {self.state.value}"


def list_keys(directory: Directory, agency: str, at: datetime) -> list[KeyLine]:
    """Return every key the log has of an agency's own and its people's, by use and person, the newest last."""
    newest: dict[str, Certificate] = {}
    for item in directory.certificates:
        known = newest.get(item.key.kid)
        if item.agency == agency and (known is None or known.log_index < item.log_index):
            newest[item.key.kid] = item
    order = [*sorted(AGENCY_USES), *sorted(MEMBER_USES)]
    return sorted(
        (_line(directory, item, at) for item in newest.values()),
        key=lambda line: (line.member or "", order.index(line.use), line.log_index),
    )


def _line(directory: Directory, item: Certificate, at: datetime) -> KeyLine:
    ended = directory.revocation_of(item)
    state = KeyState.VALID
    if ended is not None:
        state = KeyState.REVOKED
    elif at >= item.not_after:
        state = KeyState.EXPIRED
    elif at < item.not_before:
        state = KeyState.NOT_YET
    return KeyLine(
        use=item.use,
        member=item.member,
        kid=item.key.kid,
        fingerprint=fingerprint(item.key),
        roles=item.roles,
        not_after=item.not_after,
        state=state,
        reason=None if ended is None else ended.reason.value,
        counts_below=None if ended is None else ended.valid_until,
        log_index=item.log_index,
    )


def list_people(lines: Iterable[KeyLine]) -> list[PersonLine]:
    """Return an agency's people from its keys: valid where each of the two uses has a valid key."""
    people: dict[str, list[KeyLine]] = {}
    for line in lines:
        if line.member is not None:
            people.setdefault(line.member, []).append(line)
    return [_person(member, held) for member, held in sorted(people.items())]


def _person(member: str, held: Sequence[KeyLine]) -> PersonLine:
    newest = {line.use: line for line in held}
    for line in held:
        if line.state is KeyState.VALID:
            newest[line.use] = line
    states = [line.state for line in newest.values()]
    worst = (KeyState.REVOKED, KeyState.EXPIRED, KeyState.NOT_YET, KeyState.VALID)
    state = next(item for item in worst if item in states)
    last = max(newest.values(), key=lambda line: line.log_index)
    return PersonLine(member, last.roles, min(line.not_after for line in newest.values()), state)


def live_keys(lines: Iterable[KeyLine], use: KeyUse, member: str | None) -> list[KeyLine]:
    """Return the keys of a use that are not revoked; an expired one is among them, so that it can be ended for good."""
    return [line for line in lines if line.use is use and line.member == member and line.state is not KeyState.REVOKED]


def cases_listing(cases: Iterable[VerifiedCase], agency: str, member: str, at: datetime) -> list[tuple[str, str]]:
    """Return the cases that list a person now, each with the agency that leads and must take them out."""
    found: list[tuple[str, str]] = []
    for case in cases:
        entry = case.state.membership.find_member(agency, member)
        if entry is not None and at < entry.until:
            found.append((case.case, case.state.membership.lead))
    return found
