"""Where the database is: what people write in DATABASE_URL, as the async drivers take it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from agent_browser.errors import DatabaseUnusable
from agent_browser.settings import Settings

FILENAME = "agent-browser.db"
_SQLITE = ("sqlite", "sqlite+aiosqlite")
_POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
_SSL = ("sslmode", "ssl")
_FORMS = "sqlite:///<file> or postgresql://<user>:<password>@<host>/<database>"


@dataclass(frozen=True)
class Address:
    """A database's place: the driver's URL, and what it takes beside it."""

    url: URL
    arguments: dict[str, Any]
    file: Path | None
    """SQLite's; None for a server."""

    def __str__(self) -> str:
        """For people: no password in it."""
        return str(self.file or self.url.set(query={}).render_as_string(hide_password=True))


def address(settings: Settings) -> Address:
    """Of DATABASE_URL, or of the file in the data folder. DatabaseUnusable for a URL that is none,
    never with the password in its words.
    """
    if settings.database_url is None:
        return _file(settings.data_dir / FILENAME)
    try:
        url = make_url(settings.database_url.get_secret_value())
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(f"DATABASE_URL is no URL; write {_FORMS}") from None
    if url.drivername in _SQLITE:
        return _sqlite(url)
    if url.drivername in _POSTGRESQL:
        return _postgresql(url)
    raise DatabaseUnusable(f"DATABASE_URL: {url.drivername} is not known here; write {_FORMS}")


def _sqlite(url: URL) -> Address:
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable("DATABASE_URL names no file; write sqlite:///<file>")
    if url.query or url.host:
        raise DatabaseUnusable("DATABASE_URL of SQLite is sqlite:///<file>, with nothing after it")
    return _file(Path(url.database).absolute())


def _file(path: Path) -> Address:
    return Address(URL.create("sqlite+aiosqlite", database=str(path)), {}, path)


def _postgresql(url: URL) -> Address:
    """libpq's names for what asyncpg has under another."""
    arguments: dict[str, Any] = {"server_settings": {"application_name": "agent-browser"}}
    kept: dict[str, Any] = {}
    for name, value in url.query.items():
        if name in _SSL:
            arguments["ssl"] = value
        elif name == "application_name":
            arguments["server_settings"]["application_name"] = value
        elif name in ("host", "port"):
            kept[name] = value
        else:
            raise DatabaseUnusable(
                f"DATABASE_URL: {name} is not taken; sslmode, application_name, host and port are"
            )
    arguments |= {"timeout": 10.0, "command_timeout": 60.0}
    return Address(url.set(drivername="postgresql+asyncpg", query=kept), arguments, None)
