"""What a session downloaded: stored, told once, listed and zipped, after its end too."""

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from agent_browser.browser.engine import Downloading
from agent_browser.errors import SessionNotFound
from agent_browser.models.artifacts import DownloadState
from agent_browser.models.files import DownloadsInput, DownloadsOutput
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    PageState,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.service import LOCAL
from agent_browser.session.downloads import Downloads
from tests.fakes.keeping import FakeKeeping
from tests.fakes.pages import FILES
from tests.pool.rig import OTHER, Rig, running

pytestmark = pytest.mark.anyio
URL = "http://test/files"
CLICK = InteractInput(action="click", ref="@e1")
AT = datetime(2026, 11, 1, tzinfo=UTC)
SESSION = "ses_AAAAAAAAAAAAAAAAAAAAAA"


async def listed(rig: Rig, session: str, **input: object) -> DownloadsOutput:
    asked = DownloadsInput.model_validate(input)
    return await rig.call("downloads", asked, session, DownloadsOutput)


async def test_an_action_is_answered_with_what_it_downloaded(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(url=URL)).session_id
        done = await rig.call("interact", CLICK, session, InteractOutput)
        (artifact,) = done.downloads
        assert (artifact.filename, artifact.content_type) == ("amounts.csv", "text/csv")
        assert artifact.size == len(FILES["/files/amounts.csv"])
        assert done.unfinished_downloads == []
        seen = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert seen.downloads == []
        opened = await rig.open(session, url="http://test/files/amounts.csv")
        assert [one.filename for one in opened.downloads] == ["amounts.csv"]


async def test_what_no_answer_could_tell_is_told_by_the_next_that_can(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(url=URL)).session_id
        (context,) = rig.engine.contexts
        assert context._tab._saves("http://test/files/amounts.csv")
        await rig.call("execute", ExecuteInput(code="1+1"), session, ExecuteOutput)
        seen = await rig.call("snapshot", SnapshotInput(), session, SnapshotOutput)
        assert len(seen.downloads) == 1


async def test_a_session_lists_its_downloads_and_zips_them(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(url=URL)).session_id
        assert (await listed(rig, session, zip=True)).zip is None
        for _ in range(2):
            await rig.call("interact", CLICK, session, InteractOutput)
        output = await listed(rig, session, zip=True)
        assert [(one.name, one.state, one.url) for one in output.downloads] == [
            ("amounts.csv", "done", "http://test/files/amounts.csv")
        ] * 2
        assert output.total == 2
        assert all(one.sha256 == one.artifact.sha256 for one in output.downloads if one.artifact)
        assert output.zip is not None
        data = await rig.keeping.load(LOCAL.owner, output.zip.id)
        with zipfile.ZipFile(BytesIO(data)) as file:
            assert file.namelist() == ["amounts.csv", "amounts (2).csv"]
            assert file.read("amounts (2).csv") == FILES["/files/amounts.csv"]


async def test_the_list_outlives_the_session_and_another_owner_does_not_see_it(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        session = (await rig.open(url=URL)).session_id
        (context,) = rig.engine.contexts
        assert context._tab._saves("http://test/files/amounts.csv")
        await rig.call("close", CloseInput(), session, CloseOutput)
        output = await listed(rig, session, zip=True)
        (entry,) = output.downloads
        assert entry.artifact is not None
        assert output.zip is not None
        with pytest.raises(SessionNotFound):
            await rig.pool.call(OTHER, "downloads", DownloadsInput(), session=session)


def item(number: int, state: DownloadState = "done", path: Path | None = None) -> Downloading:
    error = None if state in ("done", "running") else "it broke off"
    return Downloading(number, "../x/evil\u202e.txt", "http://test/f", state, AT, path=path,
                       received=3, error=error)  # fmt: skip


async def test_a_file_that_can_not_be_kept_is_told_as_failed(tmp_path: Path) -> None:
    keeping = FakeKeeping(tmp_path / "store")
    held = Downloads(keeping, owner="local", session_id=SESSION)
    (tmp_path / "one").write_bytes(b"abc")
    (tmp_path / "two").write_bytes(b"abc")
    keeping.full = True
    await held.collect([item(1, path=tmp_path / "one")])
    keeping.full = False
    await held.collect([item(2, path=tmp_path / "two"), item(3, "failed"), item(4, "running")])
    page = PageState(url="", title="")
    held.tell(page)
    assert [one.filename for one in page.downloads] == ["evil.txt"]
    assert [(one.state, one.error) for one in page.unfinished_downloads] == [
        ("failed", "no space is left"),
        ("failed", "it broke off"),
        ("running", None),
    ]
    held.tell(page)
    assert [one.state for one in page.unfinished_downloads] == ["running"]
    held.abandon(AT)
    states = [one.state for one in (await held.answer(DownloadsInput())).downloads]
    assert states == ["failed", "done", "failed", "cancelled"]


async def test_a_file_that_retention_took_is_listed_without_it(tmp_path: Path) -> None:
    keeping = FakeKeeping(tmp_path / "store")
    held = Downloads(keeping, owner="local", session_id=SESSION)
    (tmp_path / "one").write_bytes(b"abc")
    await held.collect([item(1, path=tmp_path / "one")])
    await keeping.purge(SESSION)
    output = await held.answer(DownloadsInput(zip=True))
    assert (output.downloads[0].artifact, output.zip) == (None, None)
    assert output.downloads[0].error == "its file is no longer kept"
