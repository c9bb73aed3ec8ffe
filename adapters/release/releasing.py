"""From drafts to signed lines in the outbox: decide for each recipient, seal, wrap, disclose. One transaction.

DESIGN section 4.3; docs/protocol.md sections 4 to 7. Keys come only from the verified directory, under a head that a
quorum of witnesses has seen in the last ten minutes. What a recipient is not given is named in the disclosure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.cases import CaseBook, CaseRefused, VerifiedCase
from adapters.release.bases import default_basis
from adapters.release.disclosing import Item, tabulate
from adapters.release.drafts import Draft, DraftState
from adapters.release.standing import settled_case
from adapters.store import (
    OutboxRow,
    OwnChannelRow,
    OwnFragmentRow,
    Session,
    Store,
    find_own_channel,
    granted_fragments,
    keep_grants,
    keep_not_given,
    mark_drafts,
    not_given_of,
    own_digests,
    sealed_drafts,
)
from keys.directory import Certificate, Directory, KeyUse, NotCertified
from keys.jose import statement_digest
from keys.sealing import ChannelKey, ContentKey, make_channel, seal, wrap
from keys.statements import StatementType, make_statement
from policies.engine import Bundle, decide
from policies.model import (
    AgencyId,
    Basis,
    CaseId,
    Decision,
    Facts,
    FragmentId,
    Handling,
    Header,
    Recipient,
    facts_for,
)
from policies.vocabulary import (
    INTAKE_CATEGORIES,
    AgencyKind,
    Gateway,
    HandlingCode,
    HandlingInstruction,
    NotGivenCode,
    Purpose,
    Stage,
)

CONSENT_RULES = frozenset({"consent-gateway-needs-consent", "adult-referral-needs-consent"})
MAX_ITEMS_PER_DISCLOSURE = 500


@dataclass(frozen=True, slots=True)
class ReleaseTerms:
    """What a person chose for one release."""

    purpose: Purpose
    gateway: Gateway | None = None
    originator_release: bool = False
    expires_at: datetime | None = None
    only: frozenset[str] | None = None
    """Member ids or agency ids to which this release is limited; None: everybody the policy permits."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen to one draft for one recipient."""

    draft: Draft
    recipient: Recipient
    recipient_kind: AgencyKind
    decision: Decision


@dataclass(slots=True)
class Released:
    """What a release put into the outbox."""

    fragments: list[str] = field(default_factory=list)
    disclosures: int = 0
    grants: int = 0
    refused: list[tuple[str, Recipient, Decision]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A draft's fragment on its way out. ``stage`` is wrap for one sealed now, grant for one sealed before."""

    header: Header
    digest: str
    key: ContentKey
    stage: Stage


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
            header = self.header_for(draft, case, at)
            for recipient in self._recipients(verified, draft, terms):
                basis = self._basis(verified, header, terms)
                facts = self._facts(header, recipient, basis, verified, Stage.DRAFT, at)
                planned.append(Planned(draft, recipient, facts.recipient_kind, decide(self.bundle, facts)))
        return planned

    def release(self, case: str, drafts: Sequence[Draft], terms: ReleaseTerms) -> Released:
        """Seal drafts and put fragments, channels and disclosures into the outbox. Nothing leaves before ``push``.

        Raises ``LogRefused`` without a fresh quorum or where a statement of the case is kept from us, ``CaseRefused``
        where the case cannot be believed or has ended.
        """
        follower = self.book.follower
        verified, directory, at = settled_case(self.book, case), follower.directory(), follower.clock()
        _require_known(verified, terms)
        released = Released()
        with self.store.write() as session:
            follower.require_fresh_quorum(session)
            maker = _Maker(self, session, verified, directory, at)
            sealed = maker.seal_drafts(drafts)
            released.fragments = [item.header.fragment for item in sealed]
            asked = [frozenset(self._recipients(verified, draft, terms)) for draft in drafts]
            for recipient in self._all_recipients(verified, drafts, terms):
                offered = [item for item, recipients in zip(sealed, asked, strict=True) if recipient in recipients]
                self._disclose(maker, recipient, offered, terms, released)
        return released

    def _disclose(
        self,
        maker: _Maker,
        recipient: Recipient,
        offered: Sequence[_Sealed],
        terms: ReleaseTerms,
        released: Released,
    ) -> None:
        items: list[Item] = []
        held = maker.granted_to(recipient, terms.purpose)
        refused: list[tuple[str, Decision]] = []
        for sealed in offered:
            header = sealed.header
            if header.fragment in held:
                continue
            basis = self._basis(maker.case, header, terms)
            facts = self._facts(header, recipient, basis, maker.case, sealed.stage, maker.at)
            decision = decide(self.bundle, facts)
            if decision.is_permit:
                items.append(Item(header, sealed.digest, sealed.key, basis, facts, decision))
            else:
                refused.append((header.fragment, decision))
                released.refused.append((header.fragment, recipient, decision))
        if not items and not refused:
            return
        try:
            channel = maker.channel_to(recipient)
        except NotCertified as error:
            raise CaseRefused(f"a recipient's key is not certified in the witnessed log: {error}") from error
        maker.note_refused(channel, refused)
        # Somebody who is given nothing is told all the same that there is something: one disclosure without items.
        for start in range(0, max(len(items), 1), MAX_ITEMS_PER_DISCLOSURE):
            maker.disclose(channel, items[start : start + MAX_ITEMS_PER_DISCLOSURE])
            released.disclosures += 1
        released.grants += len(items)

    def header_for(self, draft: Draft, case: str, at: datetime) -> Header:
        """Return the header a draft would get: a restricted source record is marked C, consult the originator."""
        handling = Handling()
        if draft.restricted:
            handling = Handling(HandlingCode.C, (HandlingInstruction.CONSULT_ORIGINATOR,))
        marked = draft.content.get("handling")
        if marked is not None:
            handling = handling.strictest(Handling.from_json(marked))
        return Header(
            fragment=FragmentId(os.urandom(16).hex()),
            case=CaseId(case),
            agency=AgencyId(self.book.agency),
            category=draft.category,
            handling=handling,
            version=1,
            supersedes=None,
            sealed_at=at,
            commitment="0" * 64,
        )

    def _basis(self, verified: VerifiedCase, header: Header, terms: ReleaseTerms) -> Basis:
        return default_basis(
            self.book.follower.home.kind,
            header.category,
            terms.purpose,
            gateway=terms.gateway,
            consent=verified.state.consent.digest,
            originator_release=terms.originator_release,
            expires_at=terms.expires_at,
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
            enabled_gateways=self.bundle.enabled_gateways(at.date()),
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
        raise CaseRefused(f"only: {unknown[0][:40]!r} is no agency or member of this case; nothing was released")


def _is_chosen(recipient: Recipient, terms: ReleaseTerms) -> bool:
    return terms.only is None or recipient.agency in terms.only or str(recipient.member) in terms.only


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the signed lines of one release within its transaction."""

    releaser: Releaser
    session: Session
    case: VerifiedCase
    directory: Directory
    at: datetime

    @property
    def _book(self) -> CaseBook:
        return self.releaser.book

    def seal_drafts(self, drafts: Sequence[Draft]) -> list[_Sealed]:
        """Seal each draft once; one sealed before keeps its fragment. Archive grants included."""
        names = {draft.draft for draft in drafts}
        made = {
            draft: _Sealed(Header.from_json(json.loads(row.header)), row.digest, self._content_key(row), Stage.GRANT)
            for draft, row in sealed_drafts(self.session, self.case.case, names).items()
        }
        fresh = names - set(made)
        if fresh:
            archive = self.channel_to(Recipient(AgencyId(self._book.agency), None), KeyUse.ARCHIVE)
            archive_key = self._channel_key(archive)
            for draft in drafts:
                if draft.draft not in made:
                    made[draft.draft] = self._seal_draft(draft, archive_key)
            mark_drafts(self.session, fresh, DraftState.RELEASED.value)
            self.session.flush()
        return [made[draft.draft] for draft in drafts]

    def _content_key(self, row: OwnFragmentRow) -> ContentKey:
        return ContentKey(self.releaser.store.vault.open(f"cek:{row.fragment}", row.sealed_key))

    def _seal_draft(self, draft: Draft, archive_key: ChannelKey) -> _Sealed:
        header = self.releaser.header_for(draft, self.case.case, self.at)
        fragment, key = seal(draft.content, header, self._book.signing)
        line = {
            "type": "fragment",
            "jwe": fragment.to_jwe(),
            "jws": fragment.jws,
            "archive": {"channel": archive_key.channel, "encrypted_key": wrap(key, archive_key)},
        }
        self.session.add(
            OwnFragmentRow(
                fragment=header.fragment,
                case=self.case.case,
                draft=draft.draft,
                digest=fragment.digest,
                header=json.dumps(fragment.header.to_json()),
                is_accepted=False,
                sealed_key=self.releaser.store.vault.seal(f"cek:{header.fragment}", key.secret),
            )
        )
        self._queue("fragment", header.fragment, None, line)
        return _Sealed(fragment.header, fragment.digest, key, Stage.WRAP)

    def channel_to(self, recipient: Recipient, use: KeyUse | None = None) -> OwnChannelRow:
        """Return the channel to a recipient's newest certified key, made where missing. Raises ``NotCertified``."""
        wanted = use or (KeyUse.INTAKE if recipient.member is None else KeyUse.MEMBER_HPKE)
        certificate = self.directory.newest_key(wanted, recipient.agency, self.at, member=recipient.member)
        known = find_own_channel(self.session, self.case.case, certificate.key.kid)
        return known or self._make_channel(recipient, wanted, certificate)

    def granted_to(self, recipient: Recipient, purpose: Purpose) -> set[str]:
        """Return which fragments a recipient's newest key has been granted for a purpose already."""
        use = KeyUse.INTAKE if recipient.member is None else KeyUse.MEMBER_HPKE
        try:
            certificate = self.directory.newest_key(use, recipient.agency, self.at, member=recipient.member)
        except NotCertified:
            return set()
        known = find_own_channel(self.session, self.case.case, certificate.key.kid)
        return set() if known is None else granted_fragments(self.session, known.channel, purpose.value)

    def _make_channel(self, recipient: Recipient, use: KeyUse, certificate: Certificate) -> OwnChannelRow:
        channel = os.urandom(16).hex()
        sealed, key = make_channel(self.case.case, self._book.agency, certificate.key, channel)
        statement = self._sign(
            StatementType.CHANNEL,
            {
                "case": self.case.case,
                "channel": channel,
                "recipient": certificate.key.kid,
                "recipient_agency": recipient.agency,
                "recipient_member": recipient.member,
                "use": use.value,
                "sha256": sealed.digest,
            },
        )
        row = OwnChannelRow(
            channel=channel,
            case=self.case.case,
            recipient=certificate.key.kid,
            recipient_agency=recipient.agency,
            recipient_member=recipient.member,
            use=use.value,
            last_sequence=0,
            last_digest=None,
            sealed_key=self.releaser.store.vault.seal(f"channel:{channel}", key.secret),
        )
        self.session.add(row)
        self._queue("channel", channel, channel, {"type": "channel", "jwe": sealed.to_jwe(), "statement": statement})
        self.session.flush()
        return row

    def _channel_key(self, row: OwnChannelRow) -> ChannelKey:
        secret = self.releaser.store.vault.open(f"channel:{row.channel}", row.sealed_key)
        return ChannelKey(row.channel, secret)

    def note_refused(self, channel: OwnChannelRow, refused: Sequence[tuple[str, Decision]]) -> None:
        """Remember why fragments are not given to a recipient."""
        keep_not_given(
            self.session,
            channel.channel,
            (
                (
                    fragment,
                    (NotGivenCode.CONSENT if set(decision.rules) & CONSENT_RULES else NotGivenCode.POLICY).value,
                    json.dumps(list(decision.rules)),
                )
                for fragment, decision in refused
            ),
        )

    def disclose(self, channel: OwnChannelRow, items: Sequence[Item]) -> None:
        """Sign one disclosure for a channel and queue it with its grants."""
        key = self._channel_key(channel)
        wrapped = {item.header.fragment: wrap(item.key, key) for item in items}
        bases, decisions, listed = tabulate(items, wrapped)
        given = granted_fragments(self.session, channel.channel) | set(wrapped)
        statement = self._sign(
            StatementType.DISCLOSURE,
            {
                "case": self.case.case,
                "channel": channel.channel,
                "recipient": channel.recipient,
                "recipient_agency": channel.recipient_agency,
                "recipient_member": channel.recipient_member,
                "sequence": channel.last_sequence + 1,
                "previous": channel.last_digest,
                "membership": self.case.state.membership_digest,
                "bundle": self.releaser.bundle.digest,
                "bases": bases,
                "decisions": decisions,
                "items": listed,
                "not_given": self._not_given(channel, given),
            },
        )
        digest = statement_digest(statement)
        grants = [{"fragment": fragment, "encrypted_key": text} for fragment, text in wrapped.items()]
        self._queue(
            "disclosure", digest, channel.channel, {"type": "disclosure", "statement": statement, "grants": grants}
        )
        channel.last_sequence += 1
        channel.last_digest = digest
        granted = ((item.header.fragment, item.basis.purpose.value) for item in items)
        keep_grants(self.session, channel.channel, granted, digest)
        self.session.flush()

    def _not_given(self, channel: OwnChannelRow, given: set[str]) -> list[dict[str, str]]:
        codes = not_given_of(self.session, channel.channel)
        listed = [
            {"sha256": digest, "code": codes.get(fragment, NotGivenCode.HELD.value)}
            for fragment, digest in own_digests(self.session, self.case.case)
            if fragment not in given
        ]
        return sorted(listed, key=lambda item: item["sha256"])

    def _sign(self, kind: StatementType, members: Mapping[str, Any]) -> str:
        return make_statement(
            kind,
            members,
            issuer=self._book.agency,
            signer=self._book.signing,
            issued_at=self.at,
            statement_id=os.urandom(16).hex(),
            checkpoint=self._book.follower.newest_reference_in(self.session),
        )

    def _queue(self, kind: str, subject: str, channel: str | None, line: Mapping[str, Any]) -> None:
        self.session.add(
            OutboxRow(
                case=self.case.case,
                kind=kind,
                subject=subject,
                channel=channel,
                line=json.dumps(line, separators=(",", ":")),
                state="pending",
                problem=None,
                receipt=None,
            )
        )
