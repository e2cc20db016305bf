"""Tables for people: sessions."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent_browser.cli.printing import line, note, say
from agent_browser.models.sessions import Session, SessionList

if TYPE_CHECKING:
    from rich.table import Table

_HEADS = ("", "session", "state", "used", "ends in", "page")
_FIRST_TO_GO = (4, 3)
"""Columns that are left out, in this order, where the page would have too little room."""
_LEAST = 24
"""Characters that a page's column is to have."""


def print_sessions(sessions: SessionList, *, mine: str | None) -> None:
    """A table of sessions on stdout; as wide as the terminal, or uncut on a pipe."""
    from rich.console import Console

    if not sessions.items:
        say("no sessions")
        return
    console = Console()
    if not console.is_terminal:
        for session in sessions.items:
            print("\t".join(_cells(session, mine)))
        if sessions.next_cursor is not None:
            note(f"there are more; use --limit, or --cursor {sessions.next_cursor}")
        return
    console.print(table_of(sessions, mine, console.width))
    if sessions.next_cursor is not None:
        say(f"(there are more; use --limit, or --cursor {sessions.next_cursor})")


def table_of(sessions: SessionList, mine: str | None, width: int) -> "Table":
    """The sessions as a table of that width: ids are whole, the page's column is what is left,
    and where that is too little its times are left out.
    """
    from rich.table import Table
    from rich.text import Text

    rows = [_cells(session, mine) for session in sessions.items]
    last = len(_HEADS) - 1
    widths = {at: max(len(row[at]) for row in [_HEADS, *rows]) for at in range(last)}
    for column in _FIRST_TO_GO:
        if width - sum(widths.values()) - len(widths) * 2 < _LEAST:
            del widths[column]
    table = Table(box=None, pad_edge=False, expand=True)
    for column, least in widths.items():
        table.add_column(_HEADS[column], no_wrap=True, min_width=least)
    table.add_column(_HEADS[last], no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        table.add_row(*(Text(row[column]) for column in (*widths, last)))
    return table


def _cells(session: Session, mine: str | None) -> tuple[str, ...]:
    now = datetime.now(UTC)
    page = " ".join(filter(None, (line(session.title), session.url)))
    return (
        "".join(mark for mark, holds in _marks(session, mine) if holds),
        session.id,
        session.end_reason or ("frozen" if session.frozen else session.state),
        ago(session.last_activity_at),
        _span((session.expires_at - now).total_seconds()) if session.expires_at else "",
        line(f"{session.name}: {page}" if session.name else page),
    )


def session_lines(session: Session) -> Iterator[str]:
    """A session, a fact a line; what it has none of is left out."""
    now, times = datetime.now(UTC), session.timeouts
    left = _span((session.expires_at - now).total_seconds()) if session.expires_at else ""
    then = "" if times.on_idle == "auto" else f" (then {times.on_idle})"
    how: str = session.end_reason or ("frozen" if session.frozen else session.phase)
    if session.hibernated_at is not None and session.state == "hibernated":
        how = ago(session.hibernated_at)
    facts = {
        "session": session.id,
        "name": session.name or "",
        "state": f"{session.state} ({how})",
        "pinned": "yes" if session.pinned else "",
        "tags": ", ".join(session.tags),
        "metadata": ", ".join(f"{key}={value}" for key, value in session.metadata.items()),
        "page": " ".join(filter(None, (session.title, session.url))),
        "used": ago(session.last_activity_at),
        "kept for" if session.state == "hibernated" else "ends in": left,
        "timeouts": f"idle {_span(times.idle)}{then}, at most {_span(times.max_duration)}, "
        f"kept {_span(times.retention)}" + ("" if times.auto_renew else ", not renewed by use"),
    }
    yield from (f"{name:<9} {line(value)}" for name, value in facts.items() if value)


def ago(when: datetime) -> str:
    """How long that is ago, roughly."""
    return f"{_span((datetime.now(UTC) - when).total_seconds())} ago"


def _marks(session: Session, mine: str | None) -> tuple[tuple[str, bool], ...]:
    return (
        ("*", session.id == mine), ("^", session.pinned), ("~", session.state == "hibernated"),
    )  # fmt: skip


def _span(seconds: float) -> str:
    """A duration in one unit, roughly."""
    left = max(0.0, seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if left >= 1.99 * size:  # what was two hours a moment ago is not 120m
            return f"{left / size:.0f}{unit}"
    return f"{left:.0f}s"
