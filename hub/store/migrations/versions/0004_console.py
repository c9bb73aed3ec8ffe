"""Who is let into the console, and which agencies ever took part in a case"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Of the agencies that left a case before this, the hub keeps no list: those that are in are taken over."""
    op.create_table(
        "console_access",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=500), nullable=False),
        sa.Column("subject_sha256", sa.String(length=64), nullable=False),
        sa.Column("issued_at", sa.String(length=20), nullable=False),
        sa.Column("recorded_at", sa.String(length=24), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f("fk_console_access_agency_agency")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_console_access")),
        sa.UniqueConstraint("log_index", name=op.f("uq_console_access_log_index")),
    )
    op.create_index("ix_console_access_account", "console_access", ["agency", "subject_sha256", "log_index"])
    party = op.create_table(
        "case_party",
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("left_seq", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_case_party_case_case")),
        sa.PrimaryKeyConstraint("case", "agency", name=op.f("pk_case_party")),
    )
    op.create_index(op.f("ix_case_party_agency"), "case_party", ["agency"])
    present = sa.table("case_agency", sa.column("case"), sa.column("agency"))
    op.execute(party.insert().from_select(["case", "agency"], sa.select(present.c.case, present.c.agency)))


def downgrade() -> None:
    """Undo."""
    op.drop_table("case_party")
    op.drop_table("console_access")
