"""Whom a name means where several have it."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from agent_browser.cli.exits import Failed
from agent_browser.cli.found import session_of
from agent_browser.cli.target import Target
from agent_browser.client.requests import Request
from agent_browser.models.sessions import Session, SessionList, SessionState, Timeouts

AT = datetime(2026, 1, 2, tzinfo=UTC)


class Known:
    """A target whose server has sessions of one name, in these states."""

    def __init__(self, *states: SessionState) -> None:
        self._sessions = [
            Session(
                id=f"ses_{number}", name="tea", state=state, phase="active", created_at=AT,
                last_activity_at=AT, timeouts=Timeouts(idle=60, max_duration=600), owner="local",
            )
            for number, state in enumerate(states)
        ]  # fmt: skip

    def send(self, request: Request[SessionList], doing: str) -> SessionList:
        asked: dict[str, Any] = dict(request.query)
        fits = [one for one in self._sessions if asked.get("name") == one.name]
        if "state" in asked:
            fits = [one for one in fits if one.state == asked["state"]]
        return SessionList(items=fits)


@pytest.mark.parametrize(
    ("states", "meant"),
    [
        (["ended"], "ses_0"),
        (["ended", "live", "ended"], "ses_1"),
        (["ended", "hibernated"], "ses_1"),
        (["live", "hibernated"], None),
        (["hibernated", "hibernated", "ended"], None),
        (["ended", "ended"], None),
    ],
)
def test_a_name_is_that_of_the_one_that_has_not_ended(
    states: list[SessionState], meant: str | None
) -> None:
    target = cast("Target", Known(*states))
    if meant is not None:
        assert session_of(target, "tea") == meant
        return
    with pytest.raises(Failed, match=f"'tea' means {len(states)} sessions"):
        session_of(target, "tea")
