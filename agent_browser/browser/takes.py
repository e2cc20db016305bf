"""One recording: what it was started with, and what is made of its file when it is over."""

from datetime import UTC, datetime
from pathlib import Path

import anyio
import structlog

from agent_browser.browser import commands, encoding, sheet
from agent_browser.browser.engine import Blob, Video
from agent_browser.browser.film import Film, Footage
from agent_browser.models.artifacts import Chapter
from agent_browser.models.recording import RecordInput

COPY_TIMEOUT = 20.0
CLOSING_COPY_TIMEOUT = 4.0
"""Seconds to copy a video into its final form; the second where a session is being closed."""
_log = structlog.get_logger(__name__)


class Take:
    """One recording that runs: its film, what it was started with, and its chapters."""

    def __init__(self, film: Film, input: RecordInput, name: str) -> None:
        self.film = film
        self.input = input
        self.name = name
        """The same in all files that it goes on in."""
        self.is_late = False
        """Whether nobody has waited for its first frame."""
        self.chapters: list[Chapter] = []
        self.began = datetime.now(UTC)
        self.first = anyio.Event()
        """A frame has come."""


def is_there(path: Path) -> bool:
    """Whether anything was written there."""
    return path.is_file() and path.stat().st_size > 0


def pictures(take: Take, footage: Footage) -> dict[str, Blob]:
    """The thumbnail and the contact sheet, in the form that the video has. Blocking."""
    frames = footage.sample.frames
    form = take.film.shape.width, take.film.shape.height
    try:
        return {
            name: Blob(draw(frames, form), "image/jpeg", f"{name}.jpg", optional=True)
            for name, draw in (
                ("thumbnail", sheet.thumbnail),
                ("contact_sheet", sheet.contact_sheet),
            )
            if frames
        }
    except (OSError, ValueError):
        _log.exception("no pictures could be made of a recording")
        return {}


def finished(take: Take, footage: Footage, *, timeout: float = COPY_TIMEOUT) -> Video:
    """The video with its chapters in it, in a form that can be sought in; where that can't be made
    (no space, no time) it stays as it was written. Blocking.
    """
    film, path = take.film, footage.path
    began = take.began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    text = encoding.metadata(take.chapters, footage.seconds, began=began)
    copy = path.with_suffix(".part")
    command = encoding.finishing(film.program, film.shape, path, copy)
    try:
        outcome = commands.run(command, timeout=timeout, given=text.encode())
        if outcome.ok and is_there(copy):
            copy.replace(path)
        else:
            _log.warning("a recording stays as it was written", reason=outcome.reason)
    except OSError as exc:
        _log.warning("a recording stays as it was written", reason=exc.strerror)
    copy.unlink(missing_ok=True)
    shape = film.shape
    chapters = tuple(take.chapters)
    rate, ending = float(shape.fps), footage.ending
    return Video(path, shape.width, shape.height, rate, chapters, ending, take.name)
