"""Bringing a database to this version: alembic's migrations on a connection of ours."""

import contextlib
from importlib import resources

from sqlalchemy import Connection, inspect, text

from agent_browser.errors import DatabaseUnusable
from agent_browser.store.migrations import HEAD, VERSION_TABLE
from agent_browser.store.tables import metadata

_LOCK = 0x6167656E74


def migrate(connection: Connection) -> None:
    """Bring it to HEAD in the connection's transaction, one server at a time. DatabaseUnusable for
    one of a newer version, or with tables of another program's.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    current = _version(connection)
    if current == HEAD:
        return
    if current is None:
        _refuse_others(connection)
    _upgrade(connection, current)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))
    return found


def _refuse_others(connection: Connection) -> None:
    taken = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
    if taken:
        raise DatabaseUnusable(
            f"the database has a table {taken[0]} of another program's; name another database"
        )


def _upgrade(connection: Connection, current: str | None) -> None:
    # Here: most starts have nothing to migrate, and need not wait for alembic.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(
            resources.as_file(resources.files("agent_browser.store") / "migrations")
        )
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        if current is not None:
            try:
                ScriptDirectory.from_config(config).get_revision(current)
            except CommandError:
                raise DatabaseUnusable(
                    f"the database is of a newer version of agent-browser ({current[:32]}); use "
                    "that version, or name another database"
                ) from None
        command.upgrade(config, "head")
