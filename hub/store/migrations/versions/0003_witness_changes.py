"""Approvals of a change of the witnesses, until there are enough"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "witness_approval",
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("witnesses", sa.String(length=64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f("fk_witness_approval_agency_agency")),
        sa.PrimaryKeyConstraint("previous", "agency", name=op.f("pk_witness_approval")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("witness_approval")
