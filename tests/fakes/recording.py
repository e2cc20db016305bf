"""The fake's page recorded and traced: what is told of it is true, the files hold nothing."""

import io
import secrets
import zipfile
from pathlib import Path

from agent_browser.browser.engine import Blob, Done, Video
from agent_browser.errors import (
    AlreadyRecording,
    AlreadyTracing,
    NotRecording,
    NotTracing,
    StorageFull,
)
from agent_browser.models.artifacts import Chapter
from agent_browser.models.checkpoints import RECORDING, Loss, Part, State
from agent_browser.models.recording import RecordInput, RecordOutput, TraceInput, TraceOutput
from tests.fakes.tab import FakeTab

_FRAME = b"\xff\xd8\xff no picture \xff\xd9"


def record(tab: FakeTab, input: RecordInput) -> Done:
    """Start, stop, and so on; a second is over when a recording is stopped."""
    if input.action == "start":
        if tab.take is not None:
            raise AlreadyRecording
        if tab.recordings is None:
            raise StorageFull("there is no folder for recordings")
        _begin(tab)
    elif input.action == "restart":
        stopped = _stop(tab, input) if tab.take is not None else Done(_told(tab, input))
        _begin(tab)
        assert isinstance(stopped.output, RecordOutput)
        stopped.output.recording = True
        return stopped
    elif input.action == "stop":
        return _stop(tab, input)
    elif input.action == "chapter":
        if tab.take is None:
            raise NotRecording
        tab.take.append(Chapter(title=input.title or "", at=float(len(tab.take))))
    return Done(_told(tab, input))


def _begin(tab: FakeTab) -> None:
    tab.take, tab.take_name = [], f"rec_{secrets.token_hex(8)}"


def remembered(tab: FakeTab) -> tuple[Part, ...]:
    """What a state has of the recording that runs."""
    return (Part.of(RECORDING, {"name": tab.take_name}),) if tab.take is not None else ()


def resumed(tab: FakeTab, state: State, recordings: Path | None) -> tuple[Loss, ...]:
    """Go on with the recording that a state has."""
    if RECORDING not in state.parts:
        return ()
    if recordings is None:
        return (Loss(what="recording", why="it goes on where it was begun only"),)
    tab.recordings = recordings
    tab.take, tab.take_name = [], state.value(RECORDING)["name"]
    return ()


def _stop(tab: FakeTab, input: RecordInput) -> Done:
    video = finished(tab)
    if video is None:
        raise NotRecording
    output = _told(tab, input)
    output.width, output.height, output.chapters = video.width, video.height, list(video.chapters)
    pictures = {
        name: Blob(_FRAME, "image/jpeg", f"{name}.jpg", optional=True)
        for name in ("thumbnail", "contact_sheet")
    }
    return Done(output, {"video": video, **pictures})


def finished(tab: FakeTab) -> Video | None:
    """The video of the recording that runs, which then does not any more."""
    take, tab.take = tab.take, None
    if take is None or tab.recordings is None:
        return None
    tab.recordings.mkdir(parents=True, exist_ok=True)
    path = tab.recordings / f"record-{len(list(tab.recordings.iterdir()))}.webm"
    path.write_bytes(b"\x1aE\xdf\xa3 a recording")
    return Video(path, *tab.size, fps=25.0, chapters=tuple(take), part_of=tab.take_name)


def _told(tab: FakeTab, input: RecordInput) -> RecordOutput:
    recording = tab.take is not None
    width, height = tab.size if recording else (None, None)
    return RecordOutput(
        action=input.action,
        recording=recording,
        seconds=1.0 if recording or input.action == "stop" else 0.0,
        tab="t1" if recording else None,
        width=width,
        height=height,
        fps=25 if recording else None,
        format="webm" if recording else None,
        chapters=list(tab.take or ()),
    )


def trace(tab: FakeTab, input: TraceInput) -> Done:
    """Start and stop."""
    if input.action == "start":
        if tab.tracing:
            raise AlreadyTracing
        tab.tracing = True
    elif input.action == "stop":
        if not tab.tracing:
            raise NotTracing
        tab.tracing = False
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            file.writestr("trace.trace", "{}\n")
        blob = Blob(data.getvalue(), "application/zip", "trace.zip")
        return Done(TraceOutput(action="stop", tracing=False, seconds=1.0), {"trace": blob})
    return Done(TraceOutput(action=input.action, tracing=tab.tracing))
