"""`demo`: the main job on a page of its own, with the client, as any program would do it."""

from pathlib import Path
from typing import Any

from agent_browser.cli.demo_site import served
from agent_browser.cli.exits import Failed
from agent_browser.cli.printing import page_line, say
from agent_browser.cli.progress import waiting
from agent_browser.cli.target import Target
from agent_browser.client import requests
from agent_browser.client.session import Session
from agent_browser.models.artifacts import Artifact
from agent_browser.models.functions import InteractOutput, PageState

FILE_NAME = "agent-browser-demo.png"
PAUSE_MS = 400
"""Between the steps, so that the video can be followed."""


def show(target: Target, output: Path) -> dict[str, Any]:
    """Do it all, a line printed for each step; where screenshot and video are. Failed with the
    reason where a step isn't done.
    """
    if output.is_dir():
        output = output / FILE_NAME
    if not output.parent.is_dir():
        raise Failed(f"{output}: there is no folder {output.parent}")
    target.send(requests.health(), "asking for the server")
    began = "started in the background" if target.started_here else "was running"
    steps = _Steps(quiet=target.json)
    steps.tell("server", f"{target.address.url} ({began})")
    with (
        served() as site,
        waiting("showing"),
        target.client.session(record_video=True, show_cursor=True) as session,
    ):
        steps.tell("session", f"{session.id}, with a video and a visible mouse")
        _order(session, site, steps)
        picture = session.screenshot()
        target.client.download(picture.screenshot, output)
        steps.tell("screenshot", f"{output} ({picture.width} by {picture.height} px)")
        closed = session.close()
    steps.tell("close", "the session is closed")
    if closed.video is None:
        raise Failed(
            "the session gave no video; 'agent-browser doctor' says whether ffmpeg is there"
        )
    place = local_video(target.settings.recordings_folder, session.id, closed.video)
    steps.tell("video", f"{place or closed.video.url} ({closed.video.size} bytes)")
    if place is not None:
        steps.tell("", closed.video.url)
    return {
        "session_id": session.id,
        "screenshot": str(output),
        "video": closed.video.url,
        "video_file": str(place) if place else None,
    }


def _order(session: Session, site: str, steps: "_Steps") -> None:
    page = session.open(site)
    steps.tell("open", page_line(page.model_dump()))
    steps.tell("elements", page.elements_text)
    name, drink, window, button = (
        _ref(page, word) for word in ("Your name", "[select", "checkbox", '"Order"')
    )
    _done(session.fill(name, "Ada"))
    steps.tell("fill", f"{name} with Ada")
    _pause(session)
    _done(session.select(drink, "Earl Grey"))
    steps.tell("select", f"Earl Grey in {drink}")
    _done(session.interact("check", ref=window))
    steps.tell("check", window)
    _pause(session)
    sent = _done(session.click(button))
    steps.tell("click", f"{button} → {page_line(sent.model_dump())}")
    heard = session.execute("document.querySelector('h1').textContent")
    if heard.result != "Thank you, Ada":
        raise Failed(f"the page says {heard.result!r} and not 'Thank you, Ada'")
    steps.tell("execute", f"the page says: {heard.result}")
    _pause(session)


def local_video(folder: Path, session: str, video: Artifact) -> Path | None:
    """The video's file, where the server writes its recordings on this machine."""
    for place in (folder / session / video.filename, folder / video.filename):
        if place.is_file() and place.stat().st_size == video.size:
            return place.resolve()
    return None


class _Steps:
    """Prints what was done, a line each."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def tell(self, step: str, what: str) -> None:
        """Say that a step is done; further lines of `what` go below the first."""
        if not self._quiet:
            say(f"{step:<11} " + what.replace("\n", "\n" + " " * 12))


def _ref(page: PageState, word: str) -> str:
    for element in page.elements:
        if word in element.desc:
            return element.ref
    raise Failed(f"the demo's page shows no element with {word} in it:\n{page.elements_text}")


def _done(output: InteractOutput) -> InteractOutput:
    if not output.success:
        raise Failed(f"{output.action}: {output.message}")
    return output


def _pause(session: Session) -> None:
    _done(session.interact("wait", wait_ms=PAUSE_MS, snapshot=False))
