"""The database's versions, oldest first in `versions/`; run by alembic at the start."""

HEAD = "0004"
"""The newest: a database that has it needs no migration, and alembic is not even loaded."""
VERSION_TABLE = "agent_browser_version"
