"""The first tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "agency",
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agency", name=op.f("pk_agency")),
        sa.UniqueConstraint("log_index", name=op.f("uq_agency_log_index")),
    )
    op.create_table(
        "case",
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("lead", sa.String(length=40), nullable=False),
        sa.Column("opened_at", sa.String(length=20), nullable=False),
        sa.Column("case_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_leaf", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("case", name=op.f("pk_case")),
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("witnessed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoint")),
    )
    with op.batch_alter_table("checkpoint", schema=None) as batch_op:
        batch_op.create_index(
            "ix_checkpoint_witnessed",
            ["size"],
            unique=False,
            sqlite_where=sa.text("witnessed_at IS NOT NULL"),
            postgresql_where=sa.text("witnessed_at IS NOT NULL"),
        )

    op.create_table(
        "log_entry",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=True),
        sa.Column("case_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_log_entry")),
        sa.UniqueConstraint("case", "case_seq", name=op.f("uq_log_entry_case_case_seq")),
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position", name=op.f("pk_log_node")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_state_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_state")),
    )
    op.create_table(
        "used_assertion",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name=op.f("pk_used_assertion")),
    )
    with op.batch_alter_table("used_assertion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_used_assertion_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "witness_set",
        sa.Column(
            "log_index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("members", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_witness_set")),
    )
    op.create_table(
        "case_agency",
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_case_agency_case_case")),
        sa.PrimaryKeyConstraint("case", "agency", name=op.f("pk_case_agency")),
    )
    with op.batch_alter_table("case_agency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_agency_agency"), ["agency"], unique=False)

    op.create_table(
        "case_statement",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("case_seq", sa.BigInteger(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_case_statement_case_case")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_case_statement")),
        sa.UniqueConstraint("log_index", name=op.f("uq_case_statement_log_index")),
    )
    with op.batch_alter_table("case_statement", schema=None) as batch_op:
        batch_op.create_index("ix_case_statement_case_type_seq", ["case", "type", "case_seq"], unique=False)

    op.create_table(
        "certificate",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f("fk_certificate_agency_agency")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_certificate")),
        sa.UniqueConstraint("log_index", name=op.f("uq_certificate_log_index")),
    )
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_certificate_agency"), ["agency"], unique=False)

    op.create_table(
        "channel",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("originator", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=43), nullable=False),
        sa.Column("recipient_agency", sa.String(length=40), nullable=False),
        sa.Column("recipient_member", sa.String(length=32), nullable=True),
        sa.Column("use", sa.String(length=20), nullable=False),
        sa.Column("jwe", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("last_digest", sa.String(length=64), nullable=True),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_channel_case_case")),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_channel")),
        sa.UniqueConstraint("log_index", name=op.f("uq_channel_log_index")),
    )
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_channel_case"), ["case"], unique=False)

    op.create_table(
        "cosignature",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["checkpoint.size"], name=op.f("fk_cosignature_size_checkpoint")),
        sa.PrimaryKeyConstraint("size", "name", "key_id", name=op.f("pk_cosignature")),
    )
    op.create_table(
        "fragment",
        sa.Column("fragment", sa.String(length=32), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("protected", sa.Text(), nullable=False),
        sa.Column("iv", sa.String(length=16), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("tag", sa.String(length=24), nullable=False),
        sa.Column("jws", sa.Text(), nullable=False),
        sa.Column("archive_channel", sa.String(length=32), nullable=False),
        sa.Column("archive_key", sa.String(length=60), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_fragment_case_case")),
        sa.PrimaryKeyConstraint("fragment", name=op.f("pk_fragment")),
        sa.UniqueConstraint("log_index", name=op.f("uq_fragment_log_index")),
    )
    with op.batch_alter_table("fragment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fragment_case"), ["case"], unique=False)

    op.create_table(
        "disclosure",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_disclosure_case_case")),
        sa.ForeignKeyConstraint(["channel"], ["channel.channel"], name=op.f("fk_disclosure_channel_channel")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_disclosure")),
        sa.UniqueConstraint("channel", "sequence", name=op.f("uq_disclosure_channel_sequence")),
        sa.UniqueConstraint("log_index", name=op.f("uq_disclosure_log_index")),
    )
    with op.batch_alter_table("disclosure", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_disclosure_case"), ["case"], unique=False)

    op.create_table(
        "grant",
        sa.Column("fragment", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("disclosure", sa.String(length=64), nullable=False),
        sa.Column("encrypted_key", sa.String(length=60), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["channel.channel"], name=op.f("fk_grant_channel_channel")),
        sa.ForeignKeyConstraint(["disclosure"], ["disclosure.digest"], name=op.f("fk_grant_disclosure_disclosure")),
        sa.ForeignKeyConstraint(["fragment"], ["fragment.fragment"], name=op.f("fk_grant_fragment_fragment")),
        sa.PrimaryKeyConstraint("fragment", "channel", "disclosure", name=op.f("pk_grant")),
    )
    with op.batch_alter_table("grant", schema=None) as batch_op:
        batch_op.create_index("ix_grant_channel", ["channel"], unique=False)


def downgrade() -> None:
    """Undo."""
    with op.batch_alter_table("grant", schema=None) as batch_op:
        batch_op.drop_index("ix_grant_channel")

    op.drop_table("grant")
    with op.batch_alter_table("disclosure", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_disclosure_case"))

    op.drop_table("disclosure")
    with op.batch_alter_table("fragment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fragment_case"))

    op.drop_table("fragment")
    op.drop_table("cosignature")
    with op.batch_alter_table("channel", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_channel_case"))

    op.drop_table("channel")
    with op.batch_alter_table("certificate", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_certificate_agency"))

    op.drop_table("certificate")
    with op.batch_alter_table("case_statement", schema=None) as batch_op:
        batch_op.drop_index("ix_case_statement_case_type_seq")

    op.drop_table("case_statement")
    with op.batch_alter_table("case_agency", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_agency_agency"))

    op.drop_table("case_agency")
    op.drop_table("witness_set")
    with op.batch_alter_table("used_assertion", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_used_assertion_expires_at"))

    op.drop_table("used_assertion")
    op.drop_table("log_state")
    op.drop_table("log_node")
    op.drop_table("log_entry")
    with op.batch_alter_table("checkpoint", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_checkpoint_witnessed",
            sqlite_where=sa.text("witnessed_at IS NOT NULL"),
            postgresql_where=sa.text("witnessed_at IS NOT NULL"),
        )

    op.drop_table("checkpoint")
    op.drop_table("case")
    op.drop_table("agency")
