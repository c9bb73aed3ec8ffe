"""Alembic's entry: runs migrations on the engine it is given."""

from __future__ import annotations

from alembic import context

import hub.store.ledger_tables
import hub.store.tables  # noqa: F401  (registers the tables)
from hub.store.base import Base

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
