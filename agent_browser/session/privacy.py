"""What is kept of what a session does. Pure."""

from dataclasses import dataclass

from agent_browser.models.sessions import Privacy
from agent_browser.settings import Settings


@dataclass(frozen=True)
class Keeps:
    """As the server and the session's request have it; what one of them turns off is off."""

    bodies: bool
    thumbnails: bool
    text: bool

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
        )
