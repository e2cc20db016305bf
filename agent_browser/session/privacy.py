"""What is kept of what a session does, and for how long. Pure."""

from dataclasses import dataclass

from agent_browser.errors import InvalidTimeout
from agent_browser.models.sessions import Kept, Privacy
from agent_browser.settings import Settings

LIVED = frozenset({"log_bodies", "log_thumbnails", "page_text"})
"""What means nothing any more once a session has ended."""
_RETENTIONS = ("log_retention", "page_text_retention", "recording_retention")


@dataclass(frozen=True)
class Keeps:
    """As the server and the session's request have it; what one of them turns off is off, and the
    shorter time counts. In seconds; 0 of the log and the texts is no bound.
    """

    bodies: bool
    thumbnails: bool
    text: bool
    log_retention: float
    page_text_retention: float
    recording_retention: float

    @classmethod
    def decided(cls, settings: Settings, asked: Privacy) -> "Keeps":
        """Bodies and texts may be asked less of than the server keeps, never more; thumbnails are
        one more picture of what the caller may picture anyway, and may be asked for.
        """
        return cls(
            bodies=settings.log_bodies and asked.log_bodies is not False,
            thumbnails=settings.log_thumbnails
            if asked.log_thumbnails is None
            else asked.log_thumbnails,
            text=settings.page_text and asked.page_text is not False,
            **{name: _shorter(settings, name, getattr(asked, name)) for name in _RETENTIONS},
        )

    @property
    def is_private(self) -> bool:
        """Whether what its pages say is to be written nowhere."""
        return not (self.bodies and self.text)

    def shown(self) -> Kept:
        """What callers see of it."""
        return Kept(
            log_bodies=self.bodies,
            log_thumbnails=self.thumbnails,
            page_text=self.text,
            log_retention=self.log_retention,
            page_text_retention=self.page_text_retention,
            recording_retention=self.recording_retention,
        )


def in_force(settings: Settings, before: Privacy, asked: Privacy) -> Privacy:
    """What was asked for before, with what is asked for now; null is the server's. InvalidTimeout
    for a time that is longer than the server's, or shorter than any.
    """
    for name in _RETENTIONS:
        seconds = getattr(asked, name)
        low, high = _range(settings, name)
        if seconds is not None and not low <= seconds <= high:
            raise InvalidTimeout(name, seconds, low, high)
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    return before.model_copy(update=given) if given else before


def touches_life(asked: Privacy) -> bool:
    """Whether it changes what is kept from now on, of which an ended session has none."""
    return not asked.model_fields_set.isdisjoint(LIVED)


def _range(settings: Settings, name: str) -> tuple[float, float]:
    servers = getattr(settings, name)
    high = servers or (0.0 if name == "recording_retention" else settings.max_retention)
    return min(settings.min_timeout, high), high


def _shorter(settings: Settings, name: str, asked: float | None) -> float:
    servers: float = getattr(settings, name)
    if asked is None:
        return servers
    is_unbound = servers == 0 and name != "recording_retention"
    return asked if is_unbound else min(servers, asked)
