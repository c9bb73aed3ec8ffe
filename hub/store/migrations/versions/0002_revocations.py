"""Revocations of keys, and agencies that enrol again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for table, columns in (("agency_renewal", ()), ("revocation", (sa.Column("kid", sa.String(43), nullable=False),))):
        op.create_table(
            table,
            sa.Column("digest", sa.String(length=64), nullable=False),
            sa.Column("agency", sa.String(length=40), nullable=False),
            *columns,
            sa.Column("statement", sa.Text(), nullable=False),
            sa.Column("log_index", sa.BigInteger(), nullable=False),
            sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f(f"fk_{table}_agency_agency")),
            sa.PrimaryKeyConstraint("digest", name=op.f(f"pk_{table}")),
            sa.UniqueConstraint("log_index", name=op.f(f"uq_{table}_log_index")),
        )
        op.create_index(op.f(f"ix_{table}_agency"), table, ["agency"])
    op.create_index(op.f("ix_revocation_kid"), "revocation", ["kid"])


def downgrade() -> None:
    """Undo."""
    for table in ("revocation", "agency_renewal"):
        op.drop_table(table)
