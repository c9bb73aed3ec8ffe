"""The tables of the adapter's own database: drafts, outbox, inbox, what it has verified of the log.

Whatever holds content or keys is sealed to the agency's own storage key before it is written; names of columns say
which (``sealed_…``). Statements and codes are as public as they are at the hub.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The adapter's tables."""


class SettingRow(Base):
    """Small facts: the highest head seen, the newest witnessed checkpoint, the store's version."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class PublicEntryRow(Base):
    """A public log entry whose inclusion in a witnessed checkpoint was verified."""

    __tablename__ = "public_entry"

    log_index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)


class CaseRow(Base):
    """A case this agency takes part in. ``sealed_label`` is the agency's own name for it.

    ``ended_at`` is when the hub was first seen to list it no more, or null.
    """

    __tablename__ = "case"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    opened_at: Mapped[str] = mapped_column(String(20))
    statements: Mapped[str] = mapped_column(Text)
    sealed_label: Mapped[bytes | None] = mapped_column(LargeBinary)
    ended_at: Mapped[str | None] = mapped_column(String(20))


class DraftRow(Base):
    """A draft fragment: read or written here, not yet released. States: draft, held, released, refused."""

    __tablename__ = "draft"

    draft: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str | None] = mapped_column(String(32), index=True)
    category: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    restricted: Mapped[bool]
    created_at: Mapped[str] = mapped_column(String(20))
    sealed_content: Mapped[bytes] = mapped_column(LargeBinary)


class OwnFragmentRow(Base):
    """A fragment this agency sealed, with its content key sealed to the agency: what re-granting needs."""

    __tablename__ = "own_fragment"

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    draft: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    header: Mapped[str] = mapped_column(Text)
    is_accepted: Mapped[bool]
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    disowned_from: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """Where nobody believes its signature: the log position from which its key counts no more. Null: it is believed."""
    came_back: Mapped[bool] = mapped_column(default=False, server_default="0")
    """Whether the hub gave it back after a loss: to whom it was released, everybody or named people, is not known."""


class OwnChannelRow(Base):
    """A channel this agency made, with its key sealed to the agency, and where its chain of numbers stands."""

    __tablename__ = "own_channel"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    recipient: Mapped[str] = mapped_column(String(43))
    recipient_agency: Mapped[str] = mapped_column(String(40))
    recipient_member: Mapped[str | None] = mapped_column(String(32))
    use: Mapped[str] = mapped_column(String(20))
    last_sequence: Mapped[int] = mapped_column(Integer)
    last_digest: Mapped[str | None] = mapped_column(String(64))
    told: Mapped[str | None] = mapped_column(String(64), default=None)
    """Digest of the ``not_given`` that this channel's newest disclosure says, or null where none stands."""
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    disowned_from: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """As of a fragment. Nothing more is given in a channel that nobody believes; another one takes its place."""


# One channel for each key in each use of each recipient; SQL holds two absent members for different ones.
Index(
    "one_own_channel",
    OwnChannelRow.case,
    OwnChannelRow.recipient,
    OwnChannelRow.recipient_agency,
    func.coalesce(OwnChannelRow.recipient_member, ""),
    OwnChannelRow.use,
    unique=True,
    sqlite_where=OwnChannelRow.disowned_from.is_(None),
)


class EarlierChannelRow(Base):
    """A channel of this agency's that the hub gave back: its key was lost with an earlier database.

    Nothing more is granted or sealed on it, on one to our own archive neither: whoever had the signing key could have
    begun it, with a key that they know. What was granted there, its recipient still has. Its numbers and grants are
    kept like any other's.
    """

    __tablename__ = "earlier_channel"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    recipient: Mapped[str] = mapped_column(String(43))
    recipient_agency: Mapped[str] = mapped_column(String(40))
    recipient_member: Mapped[str | None] = mapped_column(String(32))
    use: Mapped[str] = mapped_column(String(20))
    disowned_from: Mapped[int | None] = mapped_column(BigInteger, default=None)
    """As of a channel of today's."""


class GrantedRow(Base):
    """Which of this agency's fragments a channel's recipient has been granted, for which purpose."""

    __tablename__ = "granted"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    disclosure: Mapped[str] = mapped_column(String(64))


class OfferedRow(Base):
    """What a person released to everybody whom the policy permits, by purpose: what somebody new may be given of it.

    ``basis`` is that release's, as JSON. A release that was limited to named recipients leaves none, and so does one
    that came back from the hub, until a person says that it was to everybody.
    """

    __tablename__ = "offered"

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    basis: Mapped[str] = mapped_column(Text)


class NotGivenRow(Base):
    """Why a fragment of this agency is not given to a channel's recipient: what a disclosure's ``not_given`` says."""

    __tablename__ = "not_given"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    code: Mapped[str] = mapped_column(String(12))
    rules: Mapped[str] = mapped_column(Text)


class OutboxRow(Base):
    """One line to push, kept until the hub has answered it. States: pending, accepted, refused, dropped, disowned.

    Disowned: the hub has it, and nobody believes its signature any more, because its key's end was dated back.
    """

    __tablename__ = "outbox"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    case: Mapped[str] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    subject: Mapped[str] = mapped_column(String(64))
    """Fragment or channel id; for disclosures and voids the statement's digest."""
    channel: Mapped[str | None] = mapped_column(String(32))
    line: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12), index=True)
    problem: Mapped[str | None] = mapped_column(Text)
    receipt: Mapped[str | None] = mapped_column(Text)
    has_left: Mapped[int] = mapped_column(Integer, default=0)
    """How many sendings may have got to the hub, whose answer alone then says what became of it.

    Counted, because two processes may push at once: the one that reached nobody takes back its own sending only.
    """


class InboxRow(Base):
    """The newest pull of one person in one case for one purpose, sealed to the agency as it came."""

    __tablename__ = "inbox"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(40), primary_key=True)
    pulled_at: Mapped[str] = mapped_column(String(20))
    sealed_answer: Mapped[bytes] = mapped_column(LargeBinary)


class CopyRow(Base):
    """Which retention rule applies to one kind of copy of one case here, on what basis, and when somebody reviews it.

    ``sealed_words`` is why it was kept at the last review, and who said so; empty before the first.
    """

    __tablename__ = "retained_copy"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    retention_rule_id: Mapped[str] = mapped_column(String(60))
    basis: Mapped[str] = mapped_column(Text)
    since: Mapped[str] = mapped_column(String(10))
    review_on: Mapped[str] = mapped_column(String(10), index=True)
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)


class PeerChannelRow(Base):
    """How far each peer's channel to us had come when last seen: a shorter chain is a rollback."""

    __tablename__ = "peer_channel"

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    sequence: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(String(64))


class AlarmRow(Base):
    """Something a person must see. Holds ids and codes, never content."""

    __tablename__ = "alarm"

    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    raised_at: Mapped[str] = mapped_column(String(20))
    code: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)


class AcknowledgedRow(Base):
    """Who has seen an alarm and what they found, sealed; the alarm itself stays as it was."""

    __tablename__ = "acknowledged"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(20))
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)


class SessionRow(Base):
    """A browser's session with the workspace, by the digest of its token (``keys.sessions``).

    ``person`` and ``member`` are null until somebody has signed in with it. ``sealed_session`` holds who that is, how
    they signed in, and the few values that pages keep.
    """

    __tablename__ = "workspace_session"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    person: Mapped[str | None] = mapped_column(String(64), index=True)
    member: Mapped[str | None] = mapped_column(String(32), index=True)
    created_at: Mapped[str] = mapped_column(String(20))
    seen_at: Mapped[str] = mapped_column(String(20))
    sealed_session: Mapped[bytes] = mapped_column(LargeBinary)


class PersonRow(Base):
    """Which member somebody is who signs in: ``person`` is the digest of issuer and subject, which rest sealed."""

    __tablename__ = "person"

    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    member: Mapped[str] = mapped_column(String(32), index=True)
    added_at: Mapped[str] = mapped_column(String(20))
    sealed_identity: Mapped[bytes] = mapped_column(LargeBinary)


class MemberNameRow(Base):
    """What this agency's own pages call a member of it. ``sealed_name`` holds the name, which leaves it nowhere."""

    __tablename__ = "member_name"

    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    sealed_name: Mapped[bytes] = mapped_column(LargeBinary)


class UnlockAttemptRow(Base):
    """How many tries to unlock a member's key have failed in a row, and when the last one was."""

    __tablename__ = "unlock_attempt"

    member: Mapped[str] = mapped_column(String(32), primary_key=True)
    failed: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[str] = mapped_column(String(20))


class UnlockRow(Base):
    """One opening of a member's key at this adapter. ``sealed_unlock`` holds how, where and for which session."""

    __tablename__ = "unlock"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    member: Mapped[str] = mapped_column(String(32), index=True)
    at: Mapped[str] = mapped_column(String(20))
    sealed_unlock: Mapped[bytes] = mapped_column(LargeBinary)


class EndedKeyRow(Base):
    """A key that this agency has said must not count any more: here that holds before the log is seen to have it."""

    __tablename__ = "ended_key"

    kid: Mapped[str] = mapped_column(String(43), primary_key=True)
    at: Mapped[str] = mapped_column(String(20))


class PasskeyRow(Base):
    """A passkey of one person. ``person`` is the digest of whom the identity provider says they are, with their member.

    ``credential`` is the digest of the credential's id: no two rows have one. All else is sealed, bound to the rest.
    """

    __tablename__ = "passkey"

    passkey: Mapped[str] = mapped_column(String(32), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), index=True)
    member: Mapped[str] = mapped_column(String(32), index=True)
    credential: Mapped[str] = mapped_column(String(64), unique=True)
    added_at: Mapped[str] = mapped_column(String(20))
    sealed_record: Mapped[bytes] = mapped_column(LargeBinary)
