"""What the hub keeps of agencies, cases, fragments and grants: ciphertext, statements as received, and metadata.

Statements are kept as the bytes that were verified. Every row that records an act names its log position; that of a
case's act may wait for one and names its ticket until then (``hub.store.placing``).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from hub.store.base import Base
from hub.store.placing import placed_once


class AgencyRow(Base):
    """An enrolled agency."""

    __tablename__ = "agency"

    agency: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)


class CertificateRow(Base):
    """A certified key."""

    __tablename__ = "certificate"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"), index=True)
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)


class RenewalRow(Base):
    """An agency that enrolled again with a new root, its old one being revoked."""

    __tablename__ = "agency_renewal"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"), index=True)
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)


class RevocationRow(Base):
    """A word against a key, as received. ``kid`` is the revoked key's."""

    __tablename__ = "revocation"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"), index=True)
    kid: Mapped[str] = mapped_column(String(43), index=True)
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)


class ConsoleAccessRow(Base):
    """An agency's word on an account at the console, as received. ``recorded_at`` is the entry's ``at``."""

    __tablename__ = "console_access"
    __table_args__ = (Index("ix_console_access_account", "agency", "subject_sha256", "log_index"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"))
    provider: Mapped[str] = mapped_column(String(500))
    subject_sha256: Mapped[str] = mapped_column(String(64))
    issued_at: Mapped[str] = mapped_column(String(20))
    recorded_at: Mapped[str] = mapped_column(String(24))
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger, unique=True)


class WitnessApprovalRow(Base):
    """An agency's newest word for a change of the witnesses, until the change is written. Digests of the two sets."""

    __tablename__ = "witness_approval"

    previous: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"), primary_key=True)
    witnesses: Mapped[str] = mapped_column(String(64))
    statement: Mapped[str] = mapped_column(Text)


class BundleRow(Base):
    """The files of a policy bundle, by its digest: canonical JSON of names and texts. ``log_index`` is where it was
    agreed; null while it waits for approvals of the change from ``replaces``."""

    __tablename__ = "bundle"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    replaces: Mapped[str | None] = mapped_column(String(64))
    agency: Mapped[str | None] = mapped_column(ForeignKey("agency.agency"))
    files: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int | None] = mapped_column(BigInteger, unique=True)


class BundleApprovalRow(Base):
    """An agency's newest word for another bundle in the place of ``replaces``, until one is agreed."""

    __tablename__ = "bundle_approval"

    replaces: Mapped[str] = mapped_column(String(64), primary_key=True)
    agency: Mapped[str] = mapped_column(ForeignKey("agency.agency"), primary_key=True)
    bundle: Mapped[str] = mapped_column(ForeignKey("bundle.digest"))
    statement: Mapped[str] = mapped_column(Text)


class CaseRow(Base):
    """A case: its order of acts and its chain in the log. Locked by every act of the case."""

    __tablename__ = "case"

    case: Mapped[str] = mapped_column(String(32), primary_key=True)
    lead: Mapped[str] = mapped_column(String(40))
    opened_at: Mapped[str] = mapped_column(String(20))
    case_seq: Mapped[int] = mapped_column(BigInteger)
    last_leaf: Mapped[str | None] = mapped_column(String(64))


class CaseAgencyRow(Base):
    """Which agencies take part in a case now: answers "which cases are mine" without reading statements."""

    __tablename__ = "case_agency"

    case: Mapped[str] = mapped_column(ForeignKey("case.case"), primary_key=True)
    agency: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)


class CasePartyRow(Base):
    """Which agencies take or took part in a case; ``left_seq`` is the case's number of the act with which one left."""

    __tablename__ = "case_party"

    case: Mapped[str] = mapped_column(ForeignKey("case.case"), primary_key=True)
    agency: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)
    left_seq: Mapped[int | None] = mapped_column(BigInteger)


class CaseStatementRow(Base):
    """A statement of a case itself (who takes part, consent, refusal to share), in the case's order."""

    __tablename__ = "case_statement"
    __table_args__ = (
        Index("ix_case_statement_case_type_seq", "case", "type", "case_seq"),
        *placed_once("case_statement"),
    )

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"))
    type: Mapped[str] = mapped_column(String(40))
    agency: Mapped[str] = mapped_column(String(40))
    case_seq: Mapped[int] = mapped_column(BigInteger)
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger)


class FragmentRow(Base):
    """A sealed fragment, as received."""

    __tablename__ = "fragment"
    __table_args__ = placed_once("fragment")

    fragment: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"), index=True)
    agency: Mapped[str] = mapped_column(String(40))
    category: Mapped[str] = mapped_column(String(40))
    digest: Mapped[str] = mapped_column(String(64))
    protected: Mapped[str] = mapped_column(Text)
    iv: Mapped[str] = mapped_column(String(16))
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    tag: Mapped[str] = mapped_column(String(24))
    jws: Mapped[str] = mapped_column(Text)
    archive_channel: Mapped[str] = mapped_column(String(32))
    archive_key: Mapped[str] = mapped_column(String(60))
    log_index: Mapped[int] = mapped_column(BigInteger)


class ChannelRow(Base):
    """A channel from one originator to one recipient key in one case."""

    __tablename__ = "channel"
    __table_args__ = placed_once("channel")

    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"), index=True)
    originator: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(43))
    recipient_agency: Mapped[str] = mapped_column(String(40))
    recipient_member: Mapped[str | None] = mapped_column(String(32))
    use: Mapped[str] = mapped_column(String(20))
    jwe: Mapped[str] = mapped_column(Text)
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger)


class DisclosureRow(Base):
    """A disclosure or a void: one number of a channel's chain."""

    __tablename__ = "disclosure"
    __table_args__ = (UniqueConstraint("channel", "sequence"), *placed_once("disclosure"))

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    case: Mapped[str] = mapped_column(ForeignKey("case.case"), index=True)
    channel: Mapped[str] = mapped_column(ForeignKey("channel.channel"))
    sequence: Mapped[int] = mapped_column(Integer)
    type: Mapped[str] = mapped_column(String(40))
    statement: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int] = mapped_column(BigInteger)


class GrantRow(Base):
    """One fragment for one recipient: the wrapped content key, listed in a disclosure."""

    __tablename__ = "grant"
    __table_args__ = (Index("ix_grant_channel", "channel"),)

    fragment: Mapped[str] = mapped_column(ForeignKey("fragment.fragment"), primary_key=True)
    channel: Mapped[str] = mapped_column(ForeignKey("channel.channel"), primary_key=True)
    disclosure: Mapped[str] = mapped_column(ForeignKey("disclosure.digest"), primary_key=True)
    encrypted_key: Mapped[str] = mapped_column(String(60))
    basis: Mapped[str] = mapped_column(Text)


class AssertionRow(Base):
    """A client assertion's ``jti`` that was used (RFC 7523 section 3): kept until it has expired."""

    __tablename__ = "used_assertion"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
