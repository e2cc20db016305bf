"""Alembic's entry: the connection is the server's own, its transaction too."""

from alembic import context

from agent_browser.store.migrations import VERSION_TABLE
from agent_browser.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
