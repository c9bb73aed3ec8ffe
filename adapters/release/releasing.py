"""From drafts to signed lines in the outbox: decide for each recipient, seal, wrap, disclose. One transaction.

DESIGN section 4.3; docs/protocol.md sections 4 to 7. Keys come only from the verified directory, under a head that a
quorum of witnesses has seen in the last ten minutes. What a recipient is not given is named in the disclosure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from adapters.cases import CaseBook, CaseRefused, VerifiedCase
from adapters.notices import notice_override
from adapters.picture.speech import lazy_gettext
from adapters.release.bases import default_basis
from adapters.release.disclosing import Item
from adapters.release.drafts import Draft
from adapters.release.making import Maker, Sealed, header_for
from adapters.release.overriding import ended_with_consent, require_override
from adapters.release.standing import settled_case
from adapters.store.database import Session, Store
from adapters.store.rows import keep_offers, recipients_of, sealed_drafts
from keys.certificates import NotCertified
from policies.break_glass import decide_to_grant
from policies.engine import Bundle
from policies.explain import named_basis
from policies.model import Basis, Decision, Facts, Header, Recipient, facts_for
from policies.protocol import MAX_RECIPIENTS
from policies.vocabulary import INTAKE_CATEGORIES, AgencyKind, Gateway, OverrideReason, Purpose, Stage

MAX_ITEMS_PER_DISCLOSURE = 500


@dataclass(frozen=True, slots=True)
class ReleaseTerms:
    """What a person chose for one release."""

    purpose: Purpose
    gateway: Gateway | None = None
    originator_release: bool = False
    expires_at: datetime | None = None
    override: OverrideReason = OverrideReason.NONE
    """Why it is shared against an objection that stands: pressed by a person for this release, and for nothing else."""
    only: frozenset[str] | None = None
    """Member ids or agency ids to which this release is limited; None: everybody the policy permits."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen to one draft for one recipient."""

    draft: Draft
    recipient: Recipient
    recipient_kind: AgencyKind
    decision: Decision
    on: str
    """The gateway, Article 6 basis and condition it would rest on, marked where nobody has checked one."""


@dataclass(slots=True)
class Released:
    """What a release put into the outbox."""

    fragments: list[str] = field(default_factory=list)
    disclosures: int = 0
    told: int = 0
    """Disclosures without items, to recipients who were not asked about: that there is more than they are given."""
    grants: int = 0
    refused: list[tuple[str, Recipient, Decision]] = field(default_factory=list)
    keyless: list[Recipient] = field(default_factory=list)
    """Who has no key that stands certified in the witnessed log: nothing was given to them."""


@dataclass(frozen=True, slots=True)
class Releaser:
    """Releases drafts of one agency."""

    store: Store
    book: CaseBook
    bundle: Bundle

    def plan(self, case: str, drafts: Sequence[Draft], terms: ReleaseTerms) -> list[Planned]:
        """Return what the policy says for each draft and recipient, before anything is sealed (stage draft)."""
        verified, at = self.book.load(case), self.book.follower.clock()
        _require_known(verified, terms)
        planned = []
        for draft in drafts:
            header = header_for(draft, case, self.book.agency, at)
            for recipient in self._recipients(verified, draft, terms):
                basis = self._basis(verified, header, terms)
                facts = self._facts(header, recipient, basis, verified, Stage.DRAFT, at)
                decision = decide_to_grant(self.bundle, facts)
                planned.append(
                    Planned(draft, recipient, facts.recipient_kind, decision, named_basis(self.bundle, basis))
                )
        return planned

    def require_releasable(self, case: str, drafts: Sequence[Draft], terms: ReleaseTerms) -> None:
        """Raise as ``release`` would for what a person chose: an override missing or pressed for nothing, somebody
        unknown, too many recipients. Seals nothing and needs no quorum.
        """
        verified, at = self.book.load(case), self.book.follower.clock()
        with self.store.write() as session:
            _require_known(verified, terms)
            require_override(session, verified, drafts, terms, at)
            self._require_few(session, verified, drafts, terms, at)

    def release(self, case: str, drafts: Sequence[Draft], terms: ReleaseTerms, why: Draft | None = None) -> Released:
        """Seal drafts and put fragments, channels and disclosures into the outbox. Nothing leaves before ``push``.

        ``why``: the words of an override, for everybody policy gives them to. They stand before what they explain, in
        the same transaction: it does not leave without them.

        Raises ``LogRefused`` without a fresh quorum, before the witnesses have seen our own key, or where a statement
        of the case is kept from us; ``CaseRefused`` where the case cannot be believed or has ended; ``DraftRefused``
        for a draft that is held or another case's, or where an objection is to be overridden and nobody said so, or
        is said to be and there is none.
        """
        verified = settled_case(self.book, case)
        directory, at = self.book.follower.directory(), self.book.follower.clock()
        self.book.require_own_certificate()
        with self.store.write() as session:
            self.book.follower.require_fresh_quorum(session)
            maker = Maker(self.store, self.book, self.bundle, session, verified, directory, at)
            if why is not None:
                self.release_in(maker, [why], ReleaseTerms(terms.purpose))
            return self.release_in(maker, drafts, terms)

    def release_in(
        self, maker: Maker, drafts: Sequence[Draft], terms: ReleaseTerms, *, is_emergency: bool = False
    ) -> Released:
        """Release within a maker's transaction; whether anything may be released now is the caller's to know.

        ``is_emergency``: to the people of now, and to nobody who joins later. Raises as ``release`` does.
        """
        session, verified, at, released = maker.session, maker.case, maker.at, Released()
        _require_known(verified, terms)
        require_override(session, verified, drafts, terms, at)
        self._require_few(session, verified, drafts, terms, at)
        sealed = maker.seal_drafts(drafts)
        released.fragments = [item.header.fragment for item in sealed]
        if terms.only is None and terms.override is OverrideReason.NONE and not is_emergency:
            # Who joins later is given of this what policy gives; what a person limited stays with whom they named.
            keep_offers(session, (self._offer(verified, item.header, terms) for item in sealed))
        asked = [frozenset(self._recipients(verified, draft, terms)) for draft in drafts]
        # Asked for once, and only where somebody holds something of it already.
        ended = cache(lambda: ended_with_consent(session, verified, terms.purpose, at))
        for recipient in self._all_recipients(verified, drafts, terms):
            offered = [item for item, recipients in zip(sealed, asked, strict=True) if recipient in recipients]
            self._disclose(maker, recipient, offered, terms, released, ended)
        if terms.override is not OverrideReason.NONE and released.grants:
            notice_override(session, verified.case, released.fragments, terms.purpose, terms.override, at)
        # Whoever was not asked about is told that there is more, or what is not given grows stale.
        released.told = maker.tell_not_given()
        return released

    def _require_few(
        self, session: Session, verified: VerifiedCase, drafts: Sequence[Draft], terms: ReleaseTerms, at: datetime
    ) -> None:
        """Raise ``CaseRefused`` where a draft would reach more recipients than a fragment may have."""
        before = sealed_drafts(session, verified.case, {draft.draft for draft in drafts})
        known = recipients_of(session, [row.fragment for row in before.values()])
        for draft in drafts:
            row = before.get(draft.draft)
            held = set() if row is None else known[row.fragment]
            asked = {(str(to.agency), to.member): to for to in self._recipients(verified, draft, terms)}
            if len(held | set(asked)) <= MAX_RECIPIENTS:
                continue
            header = header_for(draft, verified.case, self.book.agency, at)
            basis = self._basis(verified, header, terms)
            for who in set(asked) - held:
                facts = self._facts(header, asked[who], basis, verified, Stage.DRAFT, at)
                if decide_to_grant(self.bundle, facts).is_permit:
                    held.add(who)
            if len(held) > MAX_RECIPIENTS:
                raise CaseRefused(
                    lazy_gettext(
                        "draft %(draft)s would go to %(count)s people and agencies' intakes; a fragment has at most "
                        "%(most)s recipients. Name those whom it is for",
                        draft=draft.draft[:12],
                        count=str(len(held)),
                        most=str(MAX_RECIPIENTS),
                    ),
                    " (--only); nothing was released",
                )

    def _disclose(
        self,
        maker: Maker,
        recipient: Recipient,
        offered: Sequence[Sealed],
        terms: ReleaseTerms,
        released: Released,
        ended: Callable[[], set[tuple[str, str | None, str]]],
    ) -> None:
        items: list[Item] = []
        held = maker.granted_to(recipient, terms.purpose)
        refused: list[tuple[str, Decision]] = []
        for sealed in offered:
            header = sealed.header
            if header.fragment in held and (recipient.agency, recipient.member, header.fragment) not in ended():
                continue
            basis = self._basis(maker.case, header, terms)
            facts = self._facts(header, recipient, basis, maker.case, sealed.stage, maker.at)
            decision = decide_to_grant(self.bundle, facts)
            if decision.is_permit:
                items.append(Item(header, sealed.digest, sealed.key, basis, facts, decision))
            elif header.fragment not in held:
                refused.append((header.fragment, decision))
                released.refused.append((header.fragment, recipient, decision))
        if not items and not refused:
            return
        try:
            channel = maker.channel_to(recipient)
        except NotCertified:
            # A lost laptop of one person keeps nothing from the others; this one is given it once they have a key.
            released.keyless.append(recipient)
            return
        maker.note_refused(channel, refused)
        # Somebody who is given nothing is told afterwards that there is something, where they do not know it yet.
        for start in range(0, len(items), MAX_ITEMS_PER_DISCLOSURE):
            maker.disclose(channel, items[start : start + MAX_ITEMS_PER_DISCLOSURE])
            released.disclosures += 1
        released.grants += len(items)

    def _offer(self, verified: VerifiedCase, header: Header, terms: ReleaseTerms) -> tuple[str, str, str]:
        basis = self._basis(verified, header, terms).to_json()
        return header.fragment, terms.purpose.value, json.dumps(basis, sort_keys=True)

    def _basis(self, verified: VerifiedCase, header: Header, terms: ReleaseTerms) -> Basis:
        state, at = verified.state, self.book.follower.clock()
        return default_basis(
            self.book.follower.home.kind,
            header.category,
            terms.purpose,
            gateway=terms.gateway,
            consent=state.consent.for_purpose(terms.purpose, state.membership.age_path, at).digest,
            originator_release=terms.originator_release,
            expires_at=terms.expires_at,
            override=terms.override,
        )

    def _facts(
        self, header: Header, recipient: Recipient, basis: Basis, verified: VerifiedCase, stage: Stage, at: datetime
    ) -> Facts:
        return facts_for(
            header,
            recipient,
            basis,
            verified.state,
            stage=stage,
            at=at,
            enabled=self.bundle.enabled(at.date()),
        )

    def _recipients(self, verified: VerifiedCase, draft: Draft, terms: ReleaseTerms) -> list[Recipient]:
        """Everybody who may be asked about for a draft: accepted members, and intakes for cards and requests."""
        state = verified.state
        people = [
            Recipient(member.agency, member.member)
            for member in state.membership.members
            if (member.agency, member.member) in state.accepted
        ]
        intakes = [
            Recipient(agency, None)
            for agency, _ in state.membership.agencies
            if draft.category in INTAKE_CATEGORIES and agency != self.book.agency
        ]
        return [item for item in [*people, *intakes] if _is_chosen(item, terms)]

    def _all_recipients(self, verified: VerifiedCase, drafts: Iterable[Draft], terms: ReleaseTerms) -> list[Recipient]:
        found: dict[Recipient, None] = {}
        for draft in drafts:
            found.update(dict.fromkeys(self._recipients(verified, draft, terms)))
        return list(found)


def _require_known(verified: VerifiedCase, terms: ReleaseTerms) -> None:
    """Raise ``CaseRefused`` where a release is limited to somebody the case does not know: a typing error, usually."""
    membership = verified.state.membership
    known = {str(agency) for agency, _ in membership.agencies} | {str(item.member) for item in membership.members}
    unknown = sorted((terms.only or frozenset()) - known)
    if unknown:
        raise CaseRefused(
            lazy_gettext("only: %(id)s is no agency or member of this case", id=repr(unknown[0][:40])),
            "; nothing was released",
        )


def _is_chosen(recipient: Recipient, terms: ReleaseTerms) -> bool:
    return terms.only is None or recipient.agency in terms.only or str(recipient.member) in terms.only
