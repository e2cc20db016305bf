"""What live sessions' pages tell, passed on to who follows them; and who follows, told to them."""

from functools import partial
from typing import Any

from agent_browser.browser.engine import Context
from agent_browser.events import Audience, Publisher
from agent_browser.models.events import EventType
from agent_browser.session.session import Session


class Hearing:
    """The contexts of live sessions, heard."""

    def __init__(self, publisher: Publisher, audience: Audience) -> None:
        self._publisher = publisher
        self._audience = audience
        self._heard: dict[str, tuple[str, Context]] = {}
        audience.on_wanted(self._changed)

    def begin(self, session: Session, context: Context) -> None:
        """The session lives in that context now."""
        self._heard[session.id] = (session.owner, context)
        context.on_event(
            partial(_pass_on, self._publisher, session_id=session.id, owner=session.owner)
        )
        context.heed(self._audience.wanted(session.id, session.owner))

    def end(self, session: Session) -> None:
        """It takes no calls any more; what its context still tells until it is closed is heard."""
        self._heard.pop(session.id, None)

    def _changed(self, session_id: str | None, owner: str | None) -> None:
        """Others follow now."""
        named = self._heard if session_id is None else self._heard.keys() & {session_id}
        for one in named:
            whose, context = self._heard[one]
            if owner in (None, whose):
                context.heed(self._audience.wanted(one, whose))


def _pass_on(
    publisher: Publisher, kind: EventType, data: dict[str, Any], *, session_id: str, owner: str
) -> None:
    publisher.publish(kind, session_id, owner, data)
