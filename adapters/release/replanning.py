"""Who waits for a key of ours to what this agency shared before: after a change of keys, or because they are new.

Decided again today, for these reasons. An earlier key of the same person had it: then its own bases are asked again.
Or the person is new to it, as is whoever was out of the case and is back: then the basis of a release to everybody the
policy permits is asked, without the explicit release that handling C needs. What its originator is to be asked about is
never given to somebody new by itself (attack 86): it is named, for a person to release. What was disclosed with a key
of ours that was dated back was not disclosed: its recipients are given it as somebody new is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from adapters.broken_glass import GIVEN_FOR, read_rules
from adapters.cases import VerifiedCase
from adapters.presence import Presence
from adapters.release.bases import default_basis
from adapters.release.held import is_told_in_the_past
from adapters.store.database import Session
from adapters.store.rows import (
    DISOWNED,
    disclosure_lines,
    earlier_channels,
    grants_of_case,
    offers_of,
    own_channels,
    own_fragments,
    recipients_of,
)
from adapters.store.tables import EarlierChannelRow, OwnChannelRow
from keys.certificates import Certificate, NotCertified
from keys.directory import Directory
from keys.statements import peek
from keys.uses import KeyUse
from policies.break_glass import decide_to_grant
from policies.engine import Bundle, decide
from policies.model import AgencyId, Basis, Decision, Facts, Handling, Header, Recipient, facts_for
from policies.protocol import MAX_RECIPIENTS
from policies.vocabulary import (
    INTAKE_CATEGORIES,
    OBJECTIONS,
    HandlingCode,
    HandlingInstruction,
    OverrideReason,
    Purpose,
    Stage,
)

ASK_FIRST = frozenset(
    {
        HandlingInstruction.NO_ONWARD,
        HandlingInstruction.CONSULT_ORIGINATOR,
        HandlingInstruction.RECIPIENTS_ONLY,
    }
)
"""Instructions under which nobody new is given something by itself."""

_Channel = OwnChannelRow | EarlierChannelRow
Granted = tuple[str, Purpose]
"""A fragment and the purpose it is granted for."""


class Why(StrEnum):
    """Why somebody is granted something without a person's new decision."""

    NEW_KEY = "new_key"
    OUR_KEY = "our_key"
    NEW_READER = "new_reader"
    BREAK_GLASS = "break_glass"


class ByHandBecause(StrEnum):
    """Why somebody is not granted something without a person's decision."""

    HANDLING = "handling"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One fragment that somebody is granted, on which basis and by which decision of today."""

    header: Header
    digest: str
    basis: Basis
    facts: Facts
    decision: Decision
    why: Why


@dataclass(frozen=True, slots=True)
class ByHand:
    """What the policy would permit if a person of this agency released it explicitly."""

    fragment: str
    draft: str
    purpose: Purpose
    because: ByHandBecause


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recipient who has a certified key. ``is_untold``: they have not been told that there is something."""

    recipient: Recipient
    chosen: tuple[Chosen, ...]
    refused: tuple[tuple[str, Decision], ...]
    by_hand: tuple[ByHand, ...]
    is_untold: bool

    @property
    def is_due(self) -> bool:
        """Whether something is to be made for them."""
        return bool(self.chosen) or self.is_untold


def is_asked_first(handling: Handling) -> bool:
    """Whether a fragment so marked reaches somebody new only by its originator's explicit release."""
    return handling.code is HandlingCode.C or not ASK_FIRST.isdisjoint(handling.instructions)


def find_waiting(
    session: Session, case: VerifiedCase, agency: str, directory: Directory, bundle: Bundle, at: datetime
) -> list[Waiting]:
    """Return everybody of a case with a certified key, and what of this agency's fragments waits for them.

    Reads only. Fragments that the hub has not taken yet are left aside: their own release is under way.
    """
    return _within_limit(session, _Planning(session, case, agency, directory, bundle, at).all())


def _within_limit(session: Session, found: Sequence[Waiting]) -> list[Waiting]:
    """Leave out what has as many recipients as a fragment may have, and this one is none of them: it stays held."""
    wanted = {chosen.header.fragment for item in found for chosen in item.chosen}
    known, kept = recipients_of(session, wanted), []
    for item in found:
        who = (str(item.recipient.agency), item.recipient.member)
        for chosen in item.chosen:
            held = known[chosen.header.fragment]
            if len(held) < MAX_RECIPIENTS:
                held.add(who)
        kept.append(replace(item, chosen=tuple(it for it in item.chosen if who in known[it.header.fragment])))
    return kept


class _Planning:
    def __init__(
        self, session: Session, case: VerifiedCase, agency: str, directory: Directory, bundle: Bundle, at: datetime
    ) -> None:
        self.case, self.agency, self.directory, self.bundle, self.at = case, agency, directory, bundle, at
        self.enabled = bundle.enabled(at.date())
        self.rows = {row.fragment: row for row in own_fragments(session, case.case) if row.is_accepted}
        self.headers = {name: Header.from_json(json.loads(row.header)) for name, row in self.rows.items()}
        self.channels: list[_Channel] = [
            *own_channels(session, case.case, disowned_too=True),
            *earlier_channels(session, case.case),
        ]
        self.offers = {
            (row.fragment, Purpose(row.purpose)): Basis.from_json(json.loads(row.basis))
            for row in offers_of(session, case.case)
            if row.fragment in self.rows
        }
        self.session, self.presence = session, Presence.of(case)
        self.rules = read_rules(session)
        self.granted, self.given, self.disowned = _granted_by_channel(session, case.case, self.presence)

    def all(self) -> list[Waiting]:
        if not self.rows or self.case.state.membership.kind_of(self.agency) is None:
            return []
        found = (self._waiting(recipient) for recipient in self._recipients())
        return [item for item in found if item is not None]

    def _recipients(self) -> Iterable[Recipient]:
        state = self.case.state
        for member in state.membership.members:
            if (member.agency, member.member) in state.accepted and self.at < member.until:
                yield Recipient(member.agency, member.member)
        for agency, _ in state.membership.agencies:
            if agency != self.agency:
                yield Recipient(AgencyId(agency), None)

    def _waiting(self, recipient: Recipient) -> Waiting | None:
        use = KeyUse.INTAKE if recipient.member is None else KeyUse.MEMBER_HPKE
        try:
            newest = self.directory.newest_key(use, recipient.agency, self.at, member=recipient.member)
        except NotCertified:
            return None
        theirs = self._channels_of(recipient, use, newest)
        to_newest = [row for row in theirs if row.recipient == newest.key.kid]
        present = next((row for row in to_newest if isinstance(row, OwnChannelRow) and row.disowned_from is None), None)
        # What was granted on a channel whose key only we have lost can still be opened.
        holding = [row for row in to_newest if row is present or _is_believed_without_key(row)]
        held: dict[Granted, Basis | None] = {}
        for row in holding:
            held |= self.granted.get(row.channel, {})
        earlier = self._given_in([row for row in theirs if row not in holding])
        lost = {key for row in theirs for key in self.disowned.get(row.channel, ())}
        ours = lost | set(self._given_in([row for row in to_newest if row not in holding]))
        # What a standing rule granted until a time that is over is granted again when the glass is broken again.
        lasting = {key for key, basis in held.items() if not _has_ended(basis, self.at)}
        chosen, refused = self._decide_all(recipient, (set(held), lasting), earlier, ours)
        return Waiting(
            recipient=recipient,
            chosen=chosen,
            refused=refused,
            by_hand=self._by_hand(recipient, {*held, *earlier}, lost),
            # An agency's intake takes cards and requests; that there is more is for its people in the case.
            is_untold=recipient.member is not None and self._is_untold(present, held, is_reached=bool(holding)),
        )

    def _is_untold(
        self, present: OwnChannelRow | None, held: Mapping[Granted, Basis | None], *, is_reached: bool
    ) -> bool:
        if present is None and not is_reached:
            return True
        # Telling was dropped with a disclosure that did not happen, was before they were out of the case, or was on a
        # channel whose key was lost since.
        is_untold = present is None or present.told is None or is_told_in_the_past(self.session, self.presence, present)
        return is_untold and not set(self.rows) <= {fragment for fragment, _ in held}

    def _channels_of(self, recipient: Recipient, use: KeyUse, newest: Certificate) -> list[_Channel]:
        """Return the channels to any key of the same person. Who had left comes back as somebody new."""
        left = self.directory.left_at(newest.agency, newest.member)
        before = {item.key.kid for item in self.directory.certificates if item.log_index <= left}
        return [
            row
            for row in self.channels
            if _leads_to(row, recipient, use) and (row.recipient == newest.key.kid or row.recipient not in before)
        ]

    def _given_in(self, channels: Sequence[_Channel]) -> dict[Granted, Basis]:
        found: dict[Granted, Basis] = {}
        for row in channels:
            known = self.granted.get(row.channel, {})
            found |= {key: basis for key, basis in known.items() if basis is not None and key[0] in self.rows}
        return found

    def _decide_all(
        self,
        recipient: Recipient,
        has: tuple[set[Granted], set[Granted]],
        earlier: Mapping[Granted, Basis],
        ours: set[Granted],
    ) -> tuple[tuple[Chosen, ...], tuple[tuple[str, Decision], ...]]:
        chosen: list[Chosen] = []
        refused: dict[str, Decision] = {}
        (held, lasting), ruled = has, self._by_standing_rule(recipient)
        for key in sorted(({*earlier, *self.offers} - held) | (set(ruled) - lasting)):
            own = () if key in held else self._bases(recipient, key, earlier)
            for basis, why in (*own, *ruled.get(key, ())):
                is_ours = key in ours and why is not Why.BREAK_GLASS
                made = self._decide(recipient, key[0], basis, Why.OUR_KEY if is_ours else why)
                if made.decision.is_permit:
                    chosen.append(made)
                    break
                refused.setdefault(key[0], made.decision)
        given = {item.header.fragment for item in chosen} | {fragment for fragment, _ in held}
        return tuple(chosen), tuple((name, decision) for name, decision in refused.items() if name not in given)

    def _by_standing_rule(self, recipient: Recipient) -> dict[Granted, list[tuple[Basis, Why]]]:
        """Return what this agency's standing rules grant to whoever broke the glass, until it ends; nothing marked."""
        if (recipient.agency, recipient.member) not in self.case.state.break_glass:
            return {}
        until = max(item.until for item in self.case.broken if item.person == (recipient.agency, recipient.member))
        kind = self.case.state.membership.kind_of(self.agency)
        if kind is None:
            return {}
        return {
            (name, GIVEN_FOR): [(default_basis(kind, header.category, GIVEN_FOR, expires_at=until), Why.BREAK_GLASS)]
            for name, header in self.headers.items()
            if header.category in self.rules and not is_asked_first(header.handling)
        }

    def _bases(
        self, recipient: Recipient, key: Granted, earlier: Mapping[Granted, Basis]
    ) -> Iterable[tuple[Basis, Why]]:
        """Return the bases on which this may be granted without asking anybody, the person's own first."""
        if key in earlier:
            yield self._without_idle_override(earlier[key]), Why.NEW_KEY
        header = self.headers[key[0]]
        is_for_them = recipient.member is not None or header.category in INTAKE_CATEGORIES
        if key in self.offers and is_for_them and not is_asked_first(header.handling):
            # An explicit release was to those who were there.
            yield replace(self.offers[key], originator_release=False), Why.NEW_READER

    def _without_idle_override(self, basis: Basis) -> Basis:
        # Whoever objected may have agreed since: then nothing is overridden any more.
        answer = self.case.state.consent.for_purpose(basis.purpose, self.case.state.membership.age_path, self.at)
        return basis if answer.state in OBJECTIONS else replace(basis, override=OverrideReason.NONE)

    def _decide(self, recipient: Recipient, fragment: str, basis: Basis, why: Why) -> Chosen:
        header = self.headers[fragment]
        facts = facts_for(
            header,
            recipient,
            basis,
            self.case.state,
            stage=Stage.GRANT,
            at=self.at,
            enabled=self.enabled,
        )
        decision = (decide if why is Why.BREAK_GLASS else decide_to_grant)(self.bundle, facts)
        return Chosen(header, self.rows[fragment].digest, basis, facts, decision, why)

    def _by_hand(self, recipient: Recipient, had: set[Granted], lost: set[Granted]) -> tuple[ByHand, ...]:
        found = []
        for key in sorted({*self.given, *self.offers} - had):
            fragment, purpose = key
            basis = self.offers.get(key) or self.given.get(key)
            if fragment not in self.rows or basis is None:
                continue
            header = self.headers[fragment]
            if recipient.member is None and header.category not in INTAKE_CATEGORIES:
                continue
            if is_asked_first(header.handling):
                because = ByHandBecause.HANDLING
            elif key not in self.offers and (not had or key in lost):
                because = ByHandBecause.LIMITED
            else:
                continue
            asked = self._decide(recipient, fragment, replace(basis, originator_release=True), Why.NEW_READER)
            if asked.decision.is_permit:
                found.append(ByHand(fragment, self.rows[fragment].draft, purpose, because))
        return tuple(found)


def _has_ended(basis: Basis | None, at: datetime) -> bool:
    return basis is not None and basis.expires_at is not None and at >= basis.expires_at


def _is_believed_without_key(row: _Channel) -> bool:
    return isinstance(row, EarlierChannelRow) and row.disowned_from is None


def _leads_to(row: _Channel, recipient: Recipient, use: KeyUse) -> bool:
    named = (row.recipient_agency, row.recipient_member, row.use)
    return named == (recipient.agency, recipient.member, use.value)


def bases_by_channel(session: Session, case: str, presence: Presence) -> dict[str, dict[Granted, Basis | None]]:
    """Return by channel what is granted on it, with the basis that its own signed disclosure names (None: unknown)."""
    return _granted_by_channel(session, case, presence)[0]


def _granted_by_channel(
    session: Session, case: str, presence: Presence
) -> tuple[dict[str, dict[Granted, Basis | None]], dict[Granted, Basis | None], dict[str, set[Granted]]]:
    """Return by channel what is granted on it, with the basis that its own signed disclosure names; and of all of it;
    and by channel what is not, because that disclosure is disowned.

    None where that disclosure is not in the outbox any more: granted it is, on what authority nobody can say. What was
    granted to somebody before they were out of the case is in the second only: what a person may be asked about.
    """
    grants = grants_of_case(session, case)
    bases: dict[tuple[str, str, Purpose], Basis] = {}
    past: set[str] = set()
    disowned: set[str] = set()
    for line in disclosure_lines(session, case, {row.disclosure for row in grants}):
        said = peek(json.loads(line.line)["statement"]).members
        if presence.is_past(said):
            past.add(line.subject)
        if line.state == DISOWNED:
            disowned.add(line.subject)
        listed = [Basis.from_json(basis) for basis in said["bases"]]
        for item in said["items"]:
            basis = listed[item["basis"]]
            bases[line.subject, item["fragment"], basis.purpose] = basis
    by_channel: dict[str, dict[Granted, Basis | None]] = {}
    given: dict[Granted, Basis | None] = {}
    lost: dict[str, set[Granted]] = {}
    for row in grants:
        key = (row.fragment, Purpose(row.purpose))
        given[key] = bases.get((row.disclosure, *key))
        if row.disclosure in disowned:
            lost.setdefault(row.channel, set()).add(key)
        elif row.disclosure not in past:
            by_channel.setdefault(row.channel, {})[key] = given[key]
    return by_channel, given, lost
