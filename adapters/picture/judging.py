"""What a verified answer amounts to: the decision on each fragment in it, and what opens with the reader's key.

The hub's word that the policy refuses a fragment is decided again here: what it may give and does not give is withheld.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from adapters.cases import VerifiedCase
from adapters.erasures import RULE as ERASED_RULE
from adapters.erasures import Erasure
from adapters.feed import FOLLOWED, Said
from adapters.following import LogRefused
from adapters.picture.answer import Given, Listing, VerifiedAnswer, manifest_of
from adapters.picture.erased_words import NOT_UNDONE, erased_words
from adapters.picture.referral import find_referral
from adapters.picture.refusal_words import named_rules
from adapters.picture.view import (
    Awaited,
    CaseView,
    ForAnotherPurpose,
    NotGiven,
    OpenedFragment,
    RefusedFragment,
    Unverified,
)
from keys.directory import Directory
from keys.private import PrivateKey
from keys.sealing import ChannelKey, OpenRefused, open_channel, open_fragment, unwrap
from keys.statements import Statement, StatementType
from keys.transparency import Checkpoint
from policies.engine import Bundle, decide
from policies.explain import entries, explain_safely
from policies.model import (
    CaseId,
    CaseState,
    Decision,
    FragmentId,
    Handling,
    Header,
    Malformed,
    Recipient,
    facts_for,
    render_time,
    require_agency,
    require_term,
)
from policies.vocabulary import Category, Effect, Purpose, Role, Stage

MAX_CLOCK_SKEW = timedelta(minutes=2)
"""How far the hub's clock may be from ours before it is accused of refusing what has not ended yet. A proof of
possession is good for one minute, so a hub that takes our requests is nearer."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A view, what froze it (the manifest's canonical bytes), and the digests of the statements that it rests on."""

    view: CaseView
    manifest: bytes
    statements: Mapping[str, Sequence[str]] = field(default_factory=dict)


def decide_given(bundle: Bundle, case: VerifiedCase, reader: Recipient, given: Given, at: datetime) -> Decision:
    """Return whether a fragment that came may be opened now, under the newest known case."""
    if given.listing.is_past:
        # Who it was given to is out of the case; who came back under the same name is somebody new.
        return Decision(Effect.REFUSE, ("membership-active",))
    return _decide(bundle, given.sealed.header, reader, given.listing, case.state, Stage.OPEN, at)


def _decide(
    bundle: Bundle, header: Header, reader: Recipient, listing: Listing, case: CaseState, stage: Stage, at: datetime
) -> Decision:
    enabled = bundle.enabled(at.date())
    try:
        facts = facts_for(header, reader, listing.basis, case, stage=stage, at=at, enabled=enabled)
    except Malformed:
        # The originator or we are no agency of the case any more.
        return Decision(Effect.REFUSE, ("membership-active",))
    return decide(bundle, facts)


def judge_refused(bundle: Bundle, answer: VerifiedAnswer, case: CaseState, reader: Recipient, at: datetime) -> None:
    """Decide on what the hub calls refused: what the policy permits is withheld, the rest has our rules, not the hub's.

    ``case`` is the one that came with the answer, ``at`` the time of the pull. The question is built from the facts
    that the originator signed in its disclosure. Raises ``LogRefused`` where those are none.
    """
    for name in answer.said_refused:
        listing = answer.listings[name]
        asked = [at, at - MAX_CLOCK_SKEW, at + MAX_CLOCK_SKEW]
        try:
            decisions = [_decide_listed(bundle, listing, case, reader, moment) for moment in asked]
        except (Malformed, KeyError, TypeError) as error:
            raise LogRefused("disclosure", "a disclosure is not of the agreed form") from error
        if all(decision.is_permit for decision in decisions):
            answer.withheld.append(name)
        else:
            answer.refused[name] = next(item.rules for item in decisions if not item.is_permit)
    answer.withheld.sort()


def _decide_listed(bundle: Bundle, listing: Listing, case: CaseState, reader: Recipient, at: datetime) -> Decision:
    marked = {"code": listing.facts["handling_code"], "instructions": listing.facts["handling_instructions"]}
    header = Header(
        fragment=FragmentId(listing.fragment),
        case=CaseId(case.membership.case),
        agency=require_agency(listing.originator),
        category=require_term(Category, listing.facts["category"], "category"),
        handling=Handling.from_json(marked),
        version=1,
        supersedes=None,
        sealed_at=at,
        commitment="0" * 64,
    )
    return _decide(bundle, header, reader, listing, case, Stage.PULL, at)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verified answer with the decision on each fragment now. Only ``open`` needs a key."""

    bundle: Bundle
    directory: Directory
    checkpoint: Checkpoint
    case: VerifiedCase
    reader: Recipient
    answer: VerifiedAnswer
    decided: tuple[tuple[Given, Decision], ...]
    at: datetime
    awaited: tuple[Awaited, ...] = ()
    erased: Mapping[str, Erasure] = field(default_factory=dict)
    """By fragment, of those that were erased."""

    @property
    def _names(self) -> Mapping[str, str]:
        return {record.agency: record.name for record in self.directory.agencies.values()}

    @property
    def refused_now(self) -> dict[str, tuple[str, ...]]:
        """Which fragments of the answer the policy refuses now, and by which rules."""
        return {
            given.sealed.header.fragment: decision.rules for given, decision in self.decided if not decision.is_permit
        }

    def open(self, reading: Mapping[str, PrivateKey], purpose: Purpose) -> Opened:
        """Open what may be opened now, with the reader's keys by kid."""
        opened: list[OpenedFragment] = []
        refused = [self._refused(name, rules) for name, rules in sorted(self.answer.refused.items())]
        unverified = [Unverified(name, reason) for name, reason in self.answer.unverified]
        channels: dict[str, ChannelKey] = {}
        for given, decision in self.decided:
            if not decision.is_permit:
                refused.append(self._refused_now(given, decision))
                continue
            try:
                key = unwrap(given.encrypted_key, self._channel(given, channels, reading))
                content = open_fragment(given.sealed, key)
            except OpenRefused as error:
                unverified.append(Unverified(given.sealed.header.fragment, str(error)))
                continue
            opened.append(
                OpenedFragment(
                    header=given.sealed.header,
                    digest=given.digest,
                    content=content,
                    basis=given.listing.basis,
                    rules=decision.rules,
                    log_index=given.log_index,
                    case_seq=given.case_seq,
                    received_at=given.listing.disclosed_at,
                    emergency=self._emergency(given),
                )
            )
        manifest = manifest_of(
            self.case.case,
            self.checkpoint,
            ((item.header.fragment, item.digest, item.header.version) for item in opened),
        )
        view = self._view(purpose, opened, refused, unverified, hashlib.sha256(manifest).hexdigest())
        statements = {name: [item.digest for item in getattr(self.case, name)] for name in FOLLOWED.values()}
        return Opened(view, manifest, statements)

    def _for_others(self) -> tuple[ForAnotherPurpose, ...]:
        counted = Counter((purpose, agency) for (_, purpose), agency in self.answer.for_others.items())
        in_order = sorted(counted.items(), key=lambda item: (list(Purpose).index(item[0][0]), item[0][1]))
        return tuple(ForAnotherPurpose(purpose, agency, count) for (purpose, agency), count in in_order)

    def _emergency(self, given: Given) -> str | None:
        """Return by which emergency release a fragment was given, of those that two people signed who might."""
        channel = self.answer.channels[given.listing.channel]
        for said in channel.chain:
            if said.type is StatementType.DISCLOSURE and said.issued_at == given.listing.disclosed_at:
                if given.sealed.header.fragment not in [item["fragment"] for item in said.members["items"]]:
                    continue
                found = self.case.in_emergency.covering(channel.originator, said.members)
                if found is not None:
                    return found.digest
        return None

    def _view(
        self,
        purpose: Purpose,
        opened: Sequence[OpenedFragment],
        refused: Sequence[RefusedFragment],
        unverified: Sequence[Unverified],
        manifest_digest: str,
    ) -> CaseView:
        rule_words, rule_owners = named_rules(self.bundle)
        return CaseView(
            case=self.case.state,
            agency_names=self._names,
            reader=self.reader,
            reader_roles=self.roles,
            purpose=purpose,
            at=self.at,
            opened_at=self.case.opened_at,
            referral=find_referral(self.case.members, self.case.state.membership),
            opened=tuple(opened),
            refused=tuple(refused),
            not_given=tuple(
                NotGiven(agency, code, count) for (agency, code), count in sorted(self.answer.not_given.items())
            ),
            withheld_by_hub=tuple(self.answer.withheld),
            unverified=tuple(unverified),
            checkpoint_size=self.checkpoint.size,
            checkpoint_root=self.checkpoint.root.hex(),
            consents=tuple(_public_part(item) for item in self.case.consents),
            refusals=tuple(_public_part(item) for item in self.case.refusals),
            manifest_digest=manifest_digest,
            awaited=self.awaited,
            for_others=self._for_others(),
            rule_words=rule_words,
            rule_owners=rule_owners,
            unconfirmed=frozenset(code.value for code, entry in entries(self.bundle).items() if not entry.is_confirmed),
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """What the reader is in the case."""
        if self.reader.member is None:
            return (Role.INTAKE,)
        listed = self.case.state.membership.find_member(self.reader.agency, self.reader.member)
        return () if listed is None else listed.roles

    def _channel(self, given: Given, opened: dict[str, ChannelKey], reading: Mapping[str, PrivateKey]) -> ChannelKey:
        name = given.listing.channel
        if name not in opened:
            channel = self.answer.channels[name]
            key = reading.get(channel.sealed.recipient)
            if key is None:
                raise OpenRefused
            opened[name] = open_channel(channel.sealed, self.case.case, channel.originator, name, key)
        return opened[name]

    def _refused(self, name: str, rules: tuple[str, ...]) -> RefusedFragment:
        listing: Listing | None = self.answer.listings.get(name) or self.answer.past.get(name)
        category = Category.NARRATIVE if listing is None else Category(listing.facts["category"])
        decision = Decision(Effect.REFUSE, rules)
        return RefusedFragment(
            fragment=name,
            agency="" if listing is None else listing.originator,
            category=category,
            rules=rules,
            sentence=self._explain(name, decision),
        )

    def _explain(self, fragment: str, decision: Decision) -> str:
        if decision.rules == (ERASED_RULE,):
            item = self.erased.get(fragment)
            return NOT_UNDONE if item is None else erased_words(item, self._names)
        return explain_safely(decision, self.bundle)

    def _refused_now(self, given: Given, decision: Decision) -> RefusedFragment:
        header = given.sealed.header
        return RefusedFragment(
            header.fragment, header.agency, header.category, decision.rules, self._explain(header.fragment, decision)
        )


def find_awaited(
    said: Sequence[Said], readable: Collection[str], silent_since: Collection[str] = ()
) -> tuple[Awaited, ...]:
    """Return the agencies that brought fragments and told none of the keys with which a reader reads what they get.

    So are those that are ``silent_since`` the reader came back to the case.
    """
    found = []
    for item in said:
        told = any(item.told.get(kid, (0, 0))[0] for kid in readable) and item.originator not in silent_since
        if item.fragments and not told:
            lost = sum(grants for kid, (_, grants) in item.told.items() if kid not in readable)
            found.append(Awaited(item.originator, item.fragments, lost, item.last_seen))
    return tuple(found)


def _public_part(statement: Statement) -> dict[str, Any]:
    return {
        **statement.members,
        "issuer": statement.issuer,
        "issued_at": render_time(statement.issued_at),
        "digest": statement.digest,
    }
