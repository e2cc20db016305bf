"""What a database's failure means: whose fault it is, in words that say what to do about it."""

import errno

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from agent_browser.errors import AgentBrowserError, DatabaseUnusable, StorageFull

FAILURES = (SQLAlchemyError, OSError, TimeoutError)
"""What a database's driver raises, wrapped or not."""

_FULL = ("database or disk is full", "no space left on device", "disk quota exceeded")
_SQLITE: dict[str, str] = {
    "readonly database": "is read-only; give this user the right to write it and its folder",
    "unable to open database": "can't be opened; give this user the right to write its folder",
    "not a database": "is not a database of SQLite; move it away or name another",
    "malformed": "is damaged; restore it from a copy, or move it away to start with an empty one",
    "locked": "is locked by another program; stop that one, or name another database",
    "disk i/o error": "can't be written or read: the disk fails or is full",
    "no such module: fts5": "needs SQLite with FTS5; this Python's has none",
}
_POSTGRESQL: dict[str, str] = {
    "28": "refuses the user or the password; correct DATABASE_URL",
    "3D": "has no database of that name; make it with createdb, or correct DATABASE_URL",
    "42501": "does not let this user make tables; grant CREATE on its schema",
    "25006": "is read-only; name the primary server",
    "25": "is read-only; name the primary server",
    "53300": "has no connection free; raise max_connections",
    "57P": "is starting or stopping; try again",
}


def is_of_the_data(exc: BaseException) -> bool:
    """Whether one row is at fault, and not the database: to try again would fail again."""
    if isinstance(exc, IntegrityError | DataError):
        return True
    if isinstance(exc, DBAPIError):
        state = _state(exc) or ""
        return state[:2] in ("22", "23", "54") or "invalid input for query argument" in str(exc)
    return not isinstance(exc, (OSError, TimeoutError, AgentBrowserError))


def translated(exc: BaseException, place: object = None) -> AgentBrowserError:
    """The error that callers see. `place` is for an operator at the start; callers of the server
    get none.
    """
    if isinstance(exc, AgentBrowserError):
        return exc
    text = str(getattr(exc, "orig", None) or exc).lower()
    if _is_full(exc, text):
        where = f" of {place}" if place else ""
        return StorageFull(f"the disk{where} is full; make room on it, nothing was kept")
    what = f"the database {place}" if place else "the database"
    for said, cure in _SQLITE.items():
        if said in text:
            return DatabaseUnusable(f"{what} {cure}")
    state = _state(exc) or ""
    for prefix, cure in _POSTGRESQL.items():
        if state.startswith(prefix):
            return DatabaseUnusable(f"{what} {cure}")
    if isinstance(exc, OSError | TimeoutError) or "connection" in text:
        return DatabaseUnusable(f"{what} can't be reached; start it, or correct DATABASE_URL")
    return DatabaseUnusable(f"{what} failed ({type(exc).__name__}); the server's log says more")


def _is_full(exc: BaseException, text: str) -> bool:
    number = getattr(exc, "errno", None)
    return (
        number in (errno.ENOSPC, errno.EDQUOT)
        or any(said in text for said in _FULL)
        or _state(exc) == "53100"
    )


def _state(exc: BaseException) -> str | None:
    """PostgreSQL's five characters, wherever the drivers have put them."""
    seen: BaseException | None = exc
    while seen is not None:
        state = getattr(seen, "sqlstate", None)
        if isinstance(state, str):
            return state
        seen = getattr(seen, "orig", None) or seen.__cause__
    return None
