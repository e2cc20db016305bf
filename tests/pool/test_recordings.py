"""Recordings of sessions in the pool: whose they are, and where they are told of."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_browser.errors import NotRecording
from agent_browser.models.artifacts import Recording
from agent_browser.models.base import Input
from agent_browser.models.functions import CloseInput, CloseOutput
from agent_browser.models.recording import RecordInput, RecordOutput
from agent_browser.models.sessions import SessionCreate
from agent_browser.service import LOCAL
from tests.pool.rig import Rig, running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def record(rig: Rig, session: str, action: str, **input: object) -> RecordOutput:
    given: Input = RecordInput.model_validate({"action": action, **input})
    output = await rig.pool.call(LOCAL, "record", given, session=session)
    assert isinstance(output, RecordOutput)
    return output


async def close(rig: Rig, session: str) -> CloseOutput:
    output = await rig.pool.call(LOCAL, "close", CloseInput(), session=session)
    assert isinstance(output, CloseOutput)
    return output


async def opened(rig: Rig, *, record_video: bool = False) -> str:
    return (await rig.open("new", record_video=record_video)).session_id


def kept(closed: CloseOutput) -> list[Recording]:
    """Its videos, with what the store knows of them."""
    return [video for video in closed.videos if isinstance(video, Recording)]


async def test_what_was_stopped_is_a_recording_of_the_session(rig: Rig) -> None:
    session = await opened(rig)
    assert (await record(rig, session, "start")).session_id == session
    assert (await rig.pool.get(LOCAL, session)).recording
    stopped = await record(rig, session, "stop")
    assert not (await rig.pool.get(LOCAL, session)).recording
    assert stopped.video is not None
    assert (stopped.video.session_id, stopped.video.fps) == (session, 25)
    assert stopped.thumbnail is not None
    assert stopped.contact_sheet is not None
    with pytest.raises(NotRecording):
        await record(rig, session, "stop")


async def test_close_has_those_that_were_stopped_and_the_one_that_ran(rig: Rig) -> None:
    session = await opened(rig)
    await record(rig, session, "start")
    first = (await record(rig, session, "stop")).video
    await record(rig, session, "start")
    await record(rig, session, "chapter", title="Second")
    closed = await close(rig, session)
    assert [video.fps for video in kept(closed)] == [25, 25]
    assert closed.video == first == closed.videos[0]
    assert [chapter.title for chapter in kept(closed)[1].chapters] == ["Second"]
    assert (await close(rig, session)).videos == closed.videos


async def test_those_of_a_whole_session_come_first(rig: Rig) -> None:
    session = await opened(rig, record_video=True)
    await record(rig, session, "start")
    await record(rig, session, "stop")
    closed = await close(rig, session)
    assert [video.fps for video in kept(closed)] == [None, 25]


async def test_a_recording_may_begin_before_the_first_page(rig: Rig) -> None:
    session = (await rig.pool.create(LOCAL, SessionCreate())).id
    assert (await record(rig, session, "start")).recording
    await close(rig, session)


async def test_a_full_disk_costs_the_pictures_and_not_the_video(rig: Rig) -> None:
    session = await opened(rig)
    await record(rig, session, "start")
    rig.keeping.full = True
    stopped = await record(rig, session, "stop")
    assert stopped.video is not None
    assert (stopped.thumbnail, stopped.contact_sheet) == (None, None)


async def test_a_session_that_lapses_keeps_the_recording_that_ran(rig: Rig) -> None:
    session = await opened(rig)
    await record(rig, session, "start")
    await rig.pass_time(rig.settings.idle_timeout + 1)
    (video,) = rig.keeping.recordings_of[session]
    assert video.fps == 25


async def test_no_folder_is_made_where_nothing_is_recorded(rig: Rig) -> None:
    session = await opened(rig)
    await record(rig, session, "status")
    assert not rig.keeping.recording_folder(session).exists()
