"""Entries that wait for their position in the log"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence, DropSequence

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FIRST_TICKET = 1 << 62
_TABLES = ("fragment", "channel", "disclosure", "case_statement")
_TICKETED = sa.text("ticket IS NOT NULL")
_SEQUENCE = sa.Sequence("log_ticket", start=FIRST_TICKET + 1)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "log_pending",
        sa.Column("ticket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=True),
        sa.Column("case_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("previous", sa.LargeBinary(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_log_pending")),
        sa.UniqueConstraint("case", "case_seq", name=op.f("uq_log_pending_case_case_seq")),
    )
    op.add_column("log_entry", sa.Column("ticket", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_log_entry_ticket",
        "log_entry",
        ["ticket"],
        unique=True,
        sqlite_where=_TICKETED,
        postgresql_where=_TICKETED,
    )
    # The end of a channel's chain is its newest disclosure: nothing of a channel is ever written again.
    op.drop_column("channel", "last_sequence")
    op.drop_column("channel", "last_digest")
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(CreateSequence(_SEQUENCE))
    for table in _TABLES:
        op.drop_constraint(op.f(f"uq_{table}_log_index"), table, type_="unique")
        op.create_index(
            f"uq_{table}_placed",
            table,
            ["log_index"],
            unique=True,
            postgresql_where=sa.text(f"log_index < {FIRST_TICKET}"),
        )
        op.create_index(
            f"uq_{table}_ticket",
            table,
            ["log_index"],
            unique=True,
            postgresql_where=sa.text(f"log_index >= {FIRST_TICKET}"),
        )


def downgrade() -> None:
    """Undo, while nothing waits."""
    if op.get_bind().dialect.name == "postgresql":
        for table in _TABLES:
            op.drop_index(f"uq_{table}_ticket", table)
            op.drop_index(f"uq_{table}_placed", table)
            op.create_unique_constraint(op.f(f"uq_{table}_log_index"), table, ["log_index"])
        op.execute(DropSequence(_SEQUENCE))
    op.add_column("channel", sa.Column("last_digest", sa.String(length=64), nullable=True))
    op.add_column("channel", sa.Column("last_sequence", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE channel SET last_sequence = COALESCE((SELECT MAX(d.sequence) FROM disclosure d"
        " WHERE d.channel = channel.channel), 0)"
    )
    op.execute(
        "UPDATE channel SET last_digest = (SELECT d.digest FROM disclosure d"
        " WHERE d.channel = channel.channel AND d.sequence = channel.last_sequence)"
    )
    op.drop_index("uq_log_entry_ticket", "log_entry")
    op.drop_column("log_entry", "ticket")
    op.drop_table("log_pending")
