"""The bundles that were agreed or wait for it, and who approves which"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "bundle",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("agency", sa.String(length=40), nullable=True),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f("fk_bundle_agency_agency")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_bundle")),
        sa.UniqueConstraint("log_index", name=op.f("uq_bundle_log_index")),
    )
    op.create_table(
        "bundle_approval",
        sa.Column("replaces", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=40), nullable=False),
        sa.Column("bundle", sa.String(length=64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agency"], ["agency.agency"], name=op.f("fk_bundle_approval_agency_agency")),
        sa.ForeignKeyConstraint(["bundle"], ["bundle.digest"], name=op.f("fk_bundle_approval_bundle_bundle")),
        sa.PrimaryKeyConstraint("replaces", "agency", name=op.f("pk_bundle_approval")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("bundle_approval")
    op.drop_table("bundle")
