"""Sessions that are saved by themselves, waited for."""

from datetime import UTC, datetime

from tests.end_to_end.remote import Json, Session, eventually, read


def checkpoints(session: Session) -> list[Json]:
    """Those that are kept of it, newest first."""
    items: list[Json] = read(session.http.get(f"/v1/sessions/{session.id}/checkpoints"))["items"]
    return items


def saved(session: Session) -> None:
    """Come back when a checkpoint has what the session is now."""
    session.value("localStorage.setItem('mark', String(Math.random())); 1")
    since = datetime.now(UTC)

    def is_newer() -> bool:
        session.value("localStorage.setItem('mark', String(Math.random())); 1")
        listed = checkpoints(session)
        return bool(listed) and datetime.fromisoformat(listed[0]["created_at"]) > since

    eventually(is_newer, what="it was never saved")
