"""Traces: a zip that Playwright's viewer reads, without what is the server's own."""

import json
import zipfile
from pathlib import Path

import pytest

from agent_browser.browser import tracing
from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Blob
from agent_browser.errors import AlreadyTracing, DeadlineExceeded, NotTracing
from agent_browser.models.functions import ContextOptions
from agent_browser.models.recording import TraceInput, TraceOutput
from tests.browser.driving import Driving

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def do(context: ChromiumContext, action: str, **input: object) -> tuple[TraceOutput, Path]:
    """The output, and the zip where there is one."""
    given = TraceInput.model_validate({"action": action, **input})
    done = await context.perform(given)
    assert isinstance(done.output, TraceOutput)
    blob = done.files.get("trace")
    if blob is None:
        return done.output, Path("/nonexistent")
    assert isinstance(blob, Blob)
    assert blob.content_type == "application/zip"
    assert isinstance(blob.data, Path)
    return done.output, blob.data


def events(trace: Path) -> list[dict[str, object]]:
    with zipfile.ZipFile(trace) as file:
        return [json.loads(line) for line in file.read("trace.trace").splitlines()]


async def test_a_trace_has_the_actions_pictures_and_snapshots(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/colours?name=green")
    started, _ = await do(context, "start", title="Tea")
    assert started.tracing
    await drive.act("click", drive.ref("Red"))
    stopped, trace = await do(context, "stop")
    assert not stopped.tracing
    kinds = {str(event["type"]) for event in events(trace)}
    assert {"context-options", "before", "after", "screencast-frame", "frame-snapshot"} <= kinds
    assert next(event for event in events(trace))["title"] == "Tea"
    with zipfile.ZipFile(trace) as file:
        assert any(name.endswith(".jpeg") for name in file.namelist())
    trace.unlink()


async def test_pictures_and_snapshots_can_be_left_out(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/empty")
    await do(context, "start", screenshots=False, snapshots=False)
    await drive.act("press", text="a")
    _, trace = await do(context, "stop")
    kinds = {str(event["type"]) for event in events(trace)}
    assert "before" in kinds
    assert not {"screencast-frame", "frame-snapshot"} & kinds
    trace.unlink()


async def test_nothing_of_the_server_is_in_it(
    context: ChromiumContext, drive: Driving, tmp_path: Path
) -> None:
    await drive.open("/upload")
    await do(context, "start")
    await drive.snapshot()
    _, trace = await do(context, "stop")
    with zipfile.ZipFile(trace) as file:
        assert "trace.stacks" not in file.namelist()
        for name in file.namelist():
            data = file.read(name)
            for secret in (b"agent-browser-scratch", str(Path(tracing.__file__).parent).encode()):
                assert secret not in data, name
    trace.unlink()


async def test_a_second_start_and_a_stop_without_one_are_said(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/empty")
    with pytest.raises(NotTracing):
        await do(context, "stop")
    await do(context, "start")
    with pytest.raises(AlreadyTracing):
        await do(context, "start")
    assert (await do(context, "status"))[0].tracing
    _, trace = await do(context, "stop")
    trace.unlink()
    assert not (await do(context, "status"))[0].tracing


async def test_two_sessions_trace_at_once_and_leave_nothing_but_their_zips(
    chromium: ChromiumBrowser, context: ChromiumContext, drive: Driving
) -> None:
    other = await chromium.new_context(ContextOptions())
    driving = Driving(other, drive.site)
    await drive.open("/colours?name=green")
    await driving.open("/colours?name=blue")
    await do(context, "start")
    await do(other, "start")
    await drive.act("click", drive.ref("Red"))
    _, first = await do(context, "stop")
    await driving.act("click", driving.ref("Red"))
    _, second = await do(other, "stop")
    for trace, name in ((first, "green"), (second, "blue")):
        with zipfile.ZipFile(trace) as file:
            assert f"name={name}".encode() in file.read("trace.trace")
    left = {path.name for path in first.parent.iterdir()} - {"downloads", ".processes"}
    assert left == {first.name, second.name}
    first.unlink()
    second.unlink()
    await other.close()


async def test_one_that_is_not_stopped_is_dropped_with_its_session(
    chromium: ChromiumBrowser, drive: Driving
) -> None:
    context = await chromium.new_context(ContextOptions())
    await Driving(context, drive.site).open("/empty")
    await do(context, "start")
    folder = context._reach.traces
    assert folder is not None
    assert folder.is_dir()
    await context.close()
    assert not folder.exists()


async def test_one_that_is_too_large_is_ended_and_kept(
    context: ChromiumContext, drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "MOST_BYTES", 10)
    monkeypatch.setattr(tracing, "LOOK_EVERY", 0.05)
    await drive.open("/clock")
    await do(context, "start")
    await drive.act("wait", wait_ms=600)
    told, _ = await do(context, "status")
    assert not told.tracing
    with pytest.raises(AlreadyTracing):
        await do(context, "start")
    stopped, trace = await do(context, "stop")
    assert stopped.partial
    assert stopped.message is not None
    assert events(trace)
    trace.unlink()


async def test_a_start_that_the_page_held_up_keeps_no_later_one_from_it(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/empty")
    await drive.value("setTimeout(() => { const t = Date.now(); while (Date.now() - t < 1500); })")
    with pytest.raises(DeadlineExceeded):
        await do(context, "start", timeout=0.3)
    assert not (await do(context, "status"))[0].tracing
    with pytest.raises(NotTracing):
        await do(context, "stop")
    assert await drive.value("'it answers again'")
    assert (await do(context, "start", title="Second"))[0].tracing
    _, trace = await do(context, "stop")
    assert next(event for event in events(trace))["title"] == "Second"
    trace.unlink()
