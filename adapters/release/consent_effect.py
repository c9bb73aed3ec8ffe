"""What a consent statement does to every grant of ours: computed by the same ``decide``, before it is recorded.

Each agency computes its own; what others hold is theirs to compute. Nothing is changed here: what the policy refuses is
refused at every stage anyway, this says it beforehand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from adapters.cases import VerifiedCase
from adapters.presence import Presence
from adapters.release.drafts import DraftState, list_drafts
from adapters.release.replanning import bases_by_channel
from adapters.store.database import Session, Store
from adapters.store.rows import earlier_channels, own_channels, own_fragments
from adapters.store.tables import EarlierChannelRow, OwnChannelRow
from keys.canonical import canonical_bytes
from keys.uses import KeyUse
from policies.consent import Consents
from policies.engine import Bundle, decide
from policies.explain import named
from policies.model import (
    AgencyId,
    Basis,
    CaseState,
    Decision,
    Header,
    Malformed,
    MemberId,
    Recipient,
    facts_for,
)
from policies.vocabulary import Effect, Stage


class Change(StrEnum):
    """What becomes of a grant at the next pull."""

    ENDS = "ends"
    STAYS = "stays"
    OPENS = "opens"
    REFUSED = "refused"
    """It was refused before, and is refused after."""


@dataclass(frozen=True, slots=True)
class GrantEffect:
    """One fragment of ours, one recipient, one purpose: on which basis it is granted, and what becomes of it."""

    header: Header
    recipient: Recipient
    basis: Basis
    change: Change
    rules: tuple[str, ...]
    is_unfounded: bool
    """It rests on a consent that the statement finds invalid: it never was well founded, whatever becomes of it."""
    on: str
    """The gateway it rests on, marked where nobody has checked its entry."""

    def to_json(self) -> dict[str, Any]:
        """Return ids, codes and the change: what the digest of an effect is over."""
        return {
            "fragment": self.header.fragment,
            "agency": self.recipient.agency,
            "member": self.recipient.member,
            "purpose": self.basis.purpose.value,
            "gateway": self.basis.gateway.value,
            "change": self.change.value,
            "rules": list(self.rules),
            "unfounded": self.is_unfounded,
        }


@dataclass(frozen=True, slots=True)
class ConsentEffect:
    """The effect of one statement on the grants of one agency."""

    grants: tuple[GrantEffect, ...]
    quotes: tuple[str, ...]
    """Fragments of ours that quote one that ends or was never well founded."""
    unknown: int
    """Grants of which the disclosure, and so the basis, is not known here any more."""
    others: tuple[str, ...]
    """Agencies of the case that compute theirs."""

    def of(self, change: Change) -> tuple[GrantEffect, ...]:
        """Return the grants of which this becomes."""
        return tuple(item for item in self.grants if item.change is change)

    @property
    def unfounded(self) -> tuple[GrantEffect, ...]:
        """The grants that rested on a consent which was none: each is decided again on another basis, or ends."""
        return tuple(item for item in self.grants if item.is_unfounded)

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the digest, as the statement carries them: nothing of what, or to whom."""
        listed = sorted((item.to_json() for item in self.grants), key=canonical_bytes)
        return {
            "ends": len(self.of(Change.ENDS)),
            "stays": len(self.of(Change.STAYS)),
            "opens": len(self.of(Change.OPENS)),
            "flagged": len(self.unfounded) + len(self.quotes),
            "sha256": hashlib.sha256(canonical_bytes({"grants": listed, "quotes": list(self.quotes)})).hexdigest(),
        }


def effect_of(
    store: Store,
    case: VerifiedCase,
    agency: str,
    bundle: Bundle,
    at: datetime,
    *,
    before: Consents,
    after: Consents,
) -> ConsentEffect:
    """Compute what the newest statement of ``after`` does to every grant of this agency in a case. Reads only."""
    newest = after.newest
    asked = _Asked(case.state, bundle, at, before, after, None if newest is None else newest.about)
    with store.write() as session:
        held, unknown = _held(session, case)
        drafts = {row.fragment: row.draft for row in own_fragments(session, case.case)}
    grants = tuple(asked.effect(*held[key]) for key in sorted(held, key=repr))
    touched = {str(item.header.fragment) for item in grants if item.change is Change.ENDS or item.is_unfounded}
    others = tuple(sorted(str(name) for name, _ in case.state.membership.agencies if name != agency))
    return ConsentEffect(grants, _quoting(store, case.case, drafts, touched), unknown, others)


_Held = dict[tuple[str, str, str | None, str], tuple[Header, Recipient, Basis]]


def _held(session: Session, case: VerifiedCase) -> tuple[_Held, int]:
    """Return what recipients hold of ours, each fragment and purpose once, and of how many grants nobody knows why."""
    headers = {row.fragment: Header.from_json(json.loads(row.header)) for row in own_fragments(session, case.case)}
    channels: list[OwnChannelRow | EarlierChannelRow] = [
        *own_channels(session, case.case),
        *earlier_channels(session, case.case),
    ]
    granted = bases_by_channel(session, case.case, Presence.of(case))
    found: _Held = {}
    unknown = 0
    for row in channels:
        recipient = Recipient(AgencyId(row.recipient_agency), _member(row.recipient_member))
        for (fragment, purpose), basis in granted.get(row.channel, {}).items():
            if basis is None:
                unknown += 1
            elif fragment in headers and row.use != KeyUse.ARCHIVE.value:
                # Two keys of one person are one recipient.
                key = (fragment, row.recipient_agency, row.recipient_member, purpose.value)
                found[key] = (headers[fragment], recipient, basis)
    return found, unknown


@dataclass(frozen=True, slots=True)
class _Asked:
    case: CaseState
    bundle: Bundle
    at: datetime
    before: Consents
    after: Consents
    about: str | None

    def effect(self, header: Header, recipient: Recipient, basis: Basis) -> GrantEffect:
        was = self._decide(header, recipient, basis, self.before)
        now = self._decide(header, recipient, basis, self.after)
        changes = {
            (True, False): Change.ENDS,
            (True, True): Change.STAYS,
            (False, True): Change.OPENS,
            (False, False): Change.REFUSED,
        }
        change = changes[was.is_permit, now.is_permit]
        is_unfounded = self.about is not None and basis.consent == self.about
        return GrantEffect(header, recipient, basis, change, now.rules, is_unfounded, named(self.bundle, basis.gateway))

    def _decide(self, header: Header, recipient: Recipient, basis: Basis, consents: Consents) -> Decision:
        case = replace(self.case, consent=consents)
        enabled = self.bundle.enabled(self.at.date())
        try:
            facts = facts_for(header, recipient, basis, case, stage=Stage.PULL, at=self.at, enabled=enabled)
        except Malformed:
            return Decision(Effect.REFUSE, ("membership-active",))
        return decide(self.bundle, facts)


def _member(text: str | None) -> MemberId | None:
    return None if text is None else MemberId(text)


def _quoting(store: Store, case: str, drafts: Mapping[str, str], touched: set[str]) -> tuple[str, ...]:
    """Return the sealed fragments of ours whose content quotes one of these."""
    if not touched:
        return ()
    quoting = {
        item.draft for item in list_drafts(store, case, [DraftState.RELEASED]) if touched & set(_quoted(item.content))
    }
    return tuple(sorted(fragment for fragment, draft in drafts.items() if draft in quoting))


def _quoted(content: Mapping[str, Any]) -> Sequence[str]:
    listed = content.get("derived_from")
    return [str(item) for item in listed] if isinstance(listed, list) else []


# --- in words ---


def describe(effect: ConsentEffect, case: VerifiedCase) -> list[str]:
    """Say in plain lines what ends, what stays and on which basis, and what somebody has to look at. Ids and codes."""
    counts = effect.to_json()
    lines = [
        f"of your agency's grants in this case {counts['ends']} end, {counts['stays']} stay, {counts['opens']} open",
    ]
    for change, verb in ((Change.ENDS, "ends"), (Change.STAYS, "stays"), (Change.OPENS, "opens")):
        for item in effect.of(change):
            why = f"; rule {', '.join(item.rules)}" if change is Change.ENDS and item.rules else ""
            lines.append(f"  {verb}: {_grant(item)}{why}")
    for item in effect.unfounded:
        lines.append(f"  never well founded: {_grant(item)}; decide again on another basis, or tell them to delete it")
    for fragment in effect.quotes:
        lines.append(f"  quotes what ends: your fragment {fragment[:8]}; look whether it may stay as it is")
    if effect.unknown:
        lines.append(f"  {effect.unknown} grants whose basis is not known here any more; the hub decides on them")
    kinds = dict(case.state.membership.agencies)
    named = ", ".join(f"{name} ({kinds[AgencyId(name)].value})" for name in effect.others) or "nobody else"
    lines.append(f"what other agencies granted is theirs to compute, by their own adapters: {named}")
    lines.append("what was read, printed or submitted before cannot be called back; the receipt lists who read it")
    return lines


def _grant(item: GrantEffect) -> str:
    who = f"{item.recipient.agency} {'intake' if item.recipient.member is None else item.recipient.member[:8]}"
    return (
        f"fragment {item.header.fragment[:8]} ({item.header.category.value}) for {who}, "
        f"{item.basis.purpose.value}, on {item.on}"
    )
