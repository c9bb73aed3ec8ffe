"""What was erased, and since when a started hub waits for its witnesses"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "erasure",
        sa.Column("log_index", _POSITION, autoincrement=False, nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_erasure_case_case")),
        sa.PrimaryKeyConstraint("log_index", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_case"), "erasure", ["case"])
    op.create_table(
        "erased_fragment",
        sa.Column("fragment", sa.String(length=32), nullable=False),
        sa.Column("case", sa.String(length=32), nullable=False),
        sa.Column("position", _POSITION, nullable=False),
        sa.ForeignKeyConstraint(["case"], ["case.case"], name=op.f("fk_erased_fragment_case_case")),
        sa.PrimaryKeyConstraint("fragment", name=op.f("pk_erased_fragment")),
        sa.UniqueConstraint("position", name=op.f("uq_erased_fragment_position")),
    )
    op.create_index(op.f("ix_erased_fragment_case"), "erased_fragment", ["case"])
    op.create_table(
        "log_start",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("size", _POSITION, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_log_start_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_start")),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("log_start")
    op.drop_table("erased_fragment")
    op.drop_table("erasure")
