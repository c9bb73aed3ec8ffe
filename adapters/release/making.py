"""Make the signed lines of one release: fragments, channels, disclosures. Within the release's own transaction.

docs/protocol.md sections 4 to 7. What a recipient is not given is named in the disclosure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.cases import CaseBook, VerifiedCase
from adapters.picture.speech import lazy_gettext
from adapters.presence import Presence
from adapters.release.disclosing import Item, digest_of, not_given_code, tabulate
from adapters.release.drafts import Draft, DraftRefused, DraftState
from adapters.release.held import codes_not_given, held_by_key, held_fragments, is_told_in_the_past
from adapters.store.database import Session, Store
from adapters.store.disowned_rows import disowned_drafts
from adapters.store.rows import (
    find_own_channel,
    keep_grants,
    keep_not_given,
    mark_drafts,
    own_channels,
    own_digests,
    sealed_drafts,
)
from adapters.store.tables import DraftRow, OutboxRow, OwnChannelRow, OwnFragmentRow
from keys.certificates import Certificate, NotCertified
from keys.directory import Directory
from keys.jose import statement_digest
from keys.sealing import ChannelKey, ContentKey, make_channel, seal, wrap
from keys.statements import StatementType, make_statement
from keys.uses import KeyUse
from policies.engine import Bundle
from policies.model import AgencyId, CaseId, Decision, FragmentId, Handling, Header, Recipient
from policies.vocabulary import HandlingCode, HandlingInstruction, NotGivenCode, Purpose, Stage


@dataclass(frozen=True, slots=True)
class Sealed:
    """A draft's fragment on its way out. ``stage`` is wrap for one sealed now, grant for one sealed before."""

    header: Header
    digest: str
    key: ContentKey
    stage: Stage


def header_for(draft: Draft, case: str, agency: str, at: datetime) -> Header:
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
        agency=AgencyId(agency),
        category=draft.category,
        handling=handling,
        version=1,
        supersedes=None,
        sealed_at=at,
        commitment="0" * 64,
    )


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the signed lines of one release within its transaction."""

    store: Store
    book: CaseBook
    bundle: Bundle
    session: Session
    case: VerifiedCase
    directory: Directory
    at: datetime
    presence: Presence = field(init=False)

    def __post_init__(self) -> None:
        # Asked for every channel, and the same throughout one transaction.
        object.__setattr__(self, "presence", Presence.of(self.case))

    def seal_drafts(self, drafts: Sequence[Draft]) -> list[Sealed]:
        """Seal each draft once; one sealed before keeps its fragment. Archive grants included.

        Raises ``DraftRefused`` for a draft that is held by now, that is not of this case, or that turned out to be
        disowned since it was read.
        """
        for draft in drafts:
            self._require_released(draft)
        names = {draft.draft for draft in drafts}
        made = {
            draft: Sealed(Header.from_json(json.loads(row.header)), row.digest, self.content_key(row), Stage.GRANT)
            for draft, row in sealed_drafts(self.session, self.case.case, names).items()
        }
        fresh = names - set(made)
        if fresh:
            archive = self.channel_to(Recipient(AgencyId(self.book.agency), None), KeyUse.ARCHIVE)
            archive_key = self._channel_key(archive)
            for draft in drafts:
                if draft.draft not in made:
                    made[draft.draft] = self._seal_draft(draft, archive_key)
            mark_drafts(self.session, fresh, DraftState.RELEASED.value)
            self.session.flush()
        return [made[draft.draft] for draft in drafts]

    def _require_released(self, draft: Draft) -> None:
        # What was read before the transaction may be another case's, or held since by somebody else.
        row = self.session.get(DraftRow, draft.draft)
        if row is None or row.case != self.case.case:
            raise DraftRefused(
                lazy_gettext("draft %(draft)s is not one of this case", draft=draft.draft[:12]),
                "; nothing was released",
            )
        if row.state == DraftState.HELD.value:
            raise DraftRefused(
                lazy_gettext("draft %(draft)s is held", draft=draft.draft[:12]), "; nothing was released"
            )
        is_draft_again = draft.state is DraftState.RELEASED and row.state == DraftState.DRAFT.value
        if is_draft_again and draft.draft in disowned_drafts(self.session, self.case.case):
            # Whoever had the key may have made it: a person has to have seen that it is to be released again.
            raise DraftRefused(
                lazy_gettext(
                    "draft %(draft)s was released before with a key that was dated back; look at it again",
                    draft=draft.draft[:12],
                ),
                ": nrm-adapter drafts CASE; nothing was released",
            )

    def content_key(self, row: OwnFragmentRow) -> ContentKey:
        """Open the content key of a fragment of ours. Raises ``StorageRefused``."""
        return ContentKey(self.store.vault.open(f"cek:{row.fragment}", row.sealed_key))

    def _seal_draft(self, draft: Draft, archive_key: ChannelKey) -> Sealed:
        header = header_for(draft, self.case.case, self.book.agency, self.at)
        fragment, key = seal(draft.content, header, self.book.signing)
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
                sealed_key=self.store.vault.seal(f"cek:{header.fragment}", key.secret),
            )
        )
        self._queue("fragment", header.fragment, None, line)
        return Sealed(fragment.header, fragment.digest, key, Stage.WRAP)

    def channel_to(self, recipient: Recipient, use: KeyUse | None = None) -> OwnChannelRow:
        """Return the channel to a recipient's newest certified key, made where missing. Raises ``NotCertified``."""
        wanted = use or (KeyUse.INTAKE if recipient.member is None else KeyUse.MEMBER_HPKE)
        certificate = self.directory.newest_key(wanted, recipient.agency, self.at, member=recipient.member)
        return self._find_channel(recipient, wanted, certificate) or self._make_channel(recipient, wanted, certificate)

    def _find_channel(self, recipient: Recipient, use: KeyUse, certificate: Certificate) -> OwnChannelRow | None:
        kid, agency = certificate.key.kid, recipient.agency
        return find_own_channel(self.session, self.case.case, kid, agency, recipient.member, use.value)

    def granted_to(self, recipient: Recipient, purpose: Purpose) -> set[str]:
        """Return which fragments a recipient's newest key has been granted for a purpose already."""
        use = KeyUse.INTAKE if recipient.member is None else KeyUse.MEMBER_HPKE
        try:
            certificate = self.directory.newest_key(use, recipient.agency, self.at, member=recipient.member)
        except NotCertified:
            return set()
        kid = certificate.key.kid
        return held_by_key(self.session, self.presence, self.case.case, recipient, kid, use.value, purpose)

    def _make_channel(self, recipient: Recipient, use: KeyUse, certificate: Certificate) -> OwnChannelRow:
        channel = os.urandom(16).hex()
        sealed, key = make_channel(self.case.case, self.book.agency, certificate.key, channel)
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
            sealed_key=self.store.vault.seal(f"channel:{channel}", key.secret),
        )
        self.session.add(row)
        self._queue("channel", channel, channel, {"type": "channel", "jwe": sealed.to_jwe(), "statement": statement})
        self.session.flush()
        return row

    def _channel_key(self, row: OwnChannelRow) -> ChannelKey:
        secret = self.store.vault.open(f"channel:{row.channel}", row.sealed_key)
        return ChannelKey(row.channel, secret)

    def note_refused(self, channel: OwnChannelRow, refused: Sequence[tuple[str, Decision]]) -> None:
        """Remember why fragments are not given to a recipient."""
        keep_not_given(
            self.session,
            channel.channel,
            (
                (
                    fragment,
                    not_given_code(decision.rules).value,
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
        not_given = self._not_given(channel, set(wrapped))
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
                "bundle": self.bundle.digest,
                "bases": bases,
                "decisions": decisions,
                "items": listed,
                "not_given": not_given,
            },
        )
        digest = statement_digest(statement)
        grants = [{"fragment": fragment, "encrypted_key": text} for fragment, text in wrapped.items()]
        self._queue(
            "disclosure", digest, channel.channel, {"type": "disclosure", "statement": statement, "grants": grants}
        )
        channel.last_sequence += 1
        channel.last_digest = digest
        channel.told = digest_of(not_given)
        granted = ((item.header.fragment, item.basis.purpose.value) for item in items)
        keep_grants(self.session, channel.channel, granted, digest)
        self.session.flush()

    def tell_not_given(self) -> int:
        """Tell every recipient with a channel what else they are not given, where it is not what they were told.

        Return how many disclosures that took: each without items. Who takes part no more is told nothing.
        """
        told = 0
        for channel in own_channels(self.session, self.case.case):
            listed = self._not_given(channel, set())
            is_known = channel.told == digest_of(listed) and not self._is_told_in_the_past(channel)
            if listed and not is_known and self._takes_part(channel):
                self.disclose(channel, [])
                told += 1
        return told

    def _is_told_in_the_past(self, channel: OwnChannelRow) -> bool:
        return is_told_in_the_past(self.session, self.presence, channel)

    def _takes_part(self, channel: OwnChannelRow) -> bool:
        state, agency, member = self.case.state, channel.recipient_agency, channel.recipient_member
        if channel.use == KeyUse.ARCHIVE.value:
            return False
        if state.membership.kind_of(agency) is None or (member is not None and (agency, member) not in state.accepted):
            return False
        try:
            newest = self.directory.newest_key(KeyUse(channel.use), agency, self.at, member=member)
        except NotCertified:
            return False
        # A channel to an older key of theirs ends where it ended: the newer one says what they are given.
        return newest.key.kid == channel.recipient

    def _not_given(self, channel: OwnChannelRow, besides: set[str]) -> list[dict[str, str]]:
        given = held_fragments(self.session, self.presence, channel) | besides
        codes = codes_not_given(self.session, channel)
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
            issuer=self.book.agency,
            signer=self.book.signing,
            issued_at=self.at,
            statement_id=os.urandom(16).hex(),
            checkpoint=self.book.follower.newest_reference_in(self.session),
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
