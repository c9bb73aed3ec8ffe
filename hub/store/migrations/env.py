"""Alembic's entry: runs migrations on the engine it is given."""

from __future__ import annotations

from alembic import context

import hub.store.ledger_tables
import hub.store.retention_tables
import hub.store.tables  # noqa: F401  (registers the tables)
from hub.store import postgresql
from hub.store.base import Base

engine = context.config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":
            # Of several processes that start at once one migrates, while nobody writes; the others find it done.
            postgresql.take_turn(connection, postgresql.ACT_LOCK)
            postgresql.require_server(connection)
        context.run_migrations()
    connection.commit()
