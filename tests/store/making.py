"""Records, log entries and page texts as tests of the archive need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from agent_browser.ids import new_session_id
from agent_browser.models.actions import Action
from agent_browser.models.records import PageText, Record, Wanted
from agent_browser.models.sessions import Timeouts

NOW = datetime(2026, 11, 20, 9, 30, 0, 123456, tzinfo=UTC)


def record(**facts: Any) -> Record:
    """A live session of `alice`'s; `minutes` is how long ago it was last used."""
    minutes = facts.pop("minutes", 0)
    given: dict[str, Any] = {
        "id": new_session_id(),
        "owner": "alice",
        "state": "live",
        "created_at": NOW - timedelta(days=1),
        "last_activity_at": NOW - timedelta(minutes=minutes),
        "timeouts": Timeouts(idle=60, max_duration=600),
    }
    return Record(**given | facts)


def action(session_id: str, **facts: Any) -> Action:
    """A click that went well."""
    given: dict[str, Any] = {
        "id": 0,
        "session_id": session_id,
        "at": NOW,
        "function": "interact",
        "action": "click",
        "outcome": "ok",
        "milliseconds": 4.5,
    }
    return Action(**given | facts)


def page(session_id: str, text: str, **facts: Any) -> PageText:
    """A page's text."""
    given: dict[str, Any] = {
        "session_id": session_id,
        "url": "https://example.com/",
        "title": "",
        "text": text,
        "at": NOW,
    }
    return PageText(**given | facts)


def wanted(**facts: Any) -> Wanted:
    """A list of `alice`'s sessions."""
    given: dict[str, Any] = {"owner": "alice", "now": NOW}
    return Wanted(**given | facts)
