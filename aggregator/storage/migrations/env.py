"""Alembic runs the revisions with this, on the connection and in the transaction that `migrations.upgrade` gives it."""

from __future__ import annotations

from alembic import context

from aggregator.storage.schema.core import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
