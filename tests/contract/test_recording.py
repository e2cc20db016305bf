"""What sessions may rely on when an engine records and traces, the fake one as the real one."""

from pathlib import Path

import pytest

from agent_browser.browser.engine import Blob, Context, Video
from agent_browser.errors import AlreadyRecording, AlreadyTracing, NotRecording, NotTracing
from agent_browser.models.artifacts import Chapter
from agent_browser.models.checkpoints import RECORDING
from agent_browser.models.functions import ContextOptions, OpenInput
from agent_browser.models.recording import RecordInput, RecordOutput, TraceInput, TraceOutput
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio


async def opened(subject: Subject) -> Context:
    context = await subject.browser.new_context(ContextOptions(width=320, height=200))
    await context.open(OpenInput(url=subject.url + "/form"))
    return context


async def record(context: Context, folder: Path, action: str, **input: object) -> RecordOutput:
    given = RecordInput.model_validate({"action": action, **input})
    output = (await context.perform(given, recordings=folder)).output
    assert isinstance(output, RecordOutput)
    return output


async def test_a_recording_runs_from_start_to_stop(subject: Subject, tmp_path: Path) -> None:
    context = await opened(subject)
    assert not context.page.recording
    told = await record(context, tmp_path, "start")
    assert (told.recording, told.width, told.height, told.fps) == (True, 320, 200, 25)
    assert (told.tab, told.format) == ("t1", "webm")
    assert context.page.recording
    await record(context, tmp_path, "chapter", title="One", card=0)
    done = await context.perform(RecordInput(action="stop"))
    assert not context.page.recording
    assert isinstance(done.output, RecordOutput)
    assert [chapter.title for chapter in done.output.chapters] == ["One"]
    video = done.files["video"]
    assert isinstance(video, Video)
    assert video.path.parent == tmp_path
    assert video.path.stat().st_size > 0
    assert (video.width, video.height, video.fps) == (320, 200, 25)
    assert video.chapters == tuple(done.output.chapters)
    for name in ("thumbnail", "contact_sheet"):
        picture = done.files[name]
        assert isinstance(picture, Blob)
        assert (picture.content_type, picture.optional) == ("image/jpeg", True)
    assert (await context.close()).videos == ()


async def test_a_recording_can_begin_before_a_page_is_opened(
    subject: Subject, tmp_path: Path
) -> None:
    context = await subject.browser.new_context(ContextOptions())
    assert (await record(context, tmp_path, "start")).recording
    await context.close()


async def test_what_does_not_run_can_not_be_stopped(subject: Subject, tmp_path: Path) -> None:
    context = await opened(subject)
    assert not (await record(context, tmp_path, "status")).recording
    with pytest.raises(NotRecording):
        await record(context, tmp_path, "stop")
    with pytest.raises(NotRecording):
        await record(context, tmp_path, "chapter", title="x")
    await record(context, tmp_path, "restart")
    with pytest.raises(AlreadyRecording):
        await record(context, tmp_path, "start")
    await context.close()


async def test_closing_finishes_the_recording_that_runs(subject: Subject, tmp_path: Path) -> None:
    context = await opened(subject)
    await record(context, tmp_path, "start")
    await record(context, tmp_path, "chapter", title="Only", card=0)
    (video,) = (await context.close()).videos
    assert [chapter.title for chapter in video.chapters] == ["Only"]
    assert all(isinstance(chapter, Chapter) for chapter in video.chapters)
    assert video.path.parent == tmp_path


async def test_a_trace_runs_from_start_to_stop(subject: Subject) -> None:
    context = await opened(subject)
    with pytest.raises(NotTracing):
        await context.perform(TraceInput(action="stop"))
    begun = (await context.perform(TraceInput(action="start"))).output
    assert isinstance(begun, TraceOutput)
    assert begun.tracing
    with pytest.raises(AlreadyTracing):
        await context.perform(TraceInput(action="start"))
    done = await context.perform(TraceInput(action="stop"))
    trace = done.files["trace"]
    assert isinstance(trace, Blob)
    assert trace.content_type == "application/zip"
    await context.close()


async def test_a_recording_goes_on_in_the_context_that_its_state_is_brought_into(
    subject: Subject, tmp_path: Path
) -> None:
    first = await opened(subject)
    assert RECORDING not in (await first.capture()).parts
    await record(first, tmp_path, "start")
    state = await first.capture()
    (segment,) = (await first.close()).videos

    second = await subject.browser.new_context(ContextOptions(width=320, height=200))
    losses = await second.restore(state, within=10, recordings=tmp_path)
    assert not [loss for loss in losses if loss.what == "recording"]
    assert second.page.recording
    done = await second.perform(RecordInput(action="stop"))
    video = done.files["video"]
    assert isinstance(video, Video)
    assert video.part_of == segment.part_of is not None
    assert video.path != segment.path
    assert RECORDING not in (await second.capture()).parts
    await second.close()

    third = await subject.browser.new_context(ContextOptions(width=320, height=200))
    losses = await third.restore(state, within=10)
    assert [loss.what for loss in losses if loss.what == "recording"] == ["recording"]
    assert not third.page.recording
    await third.close()
