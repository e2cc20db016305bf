"""What an engine tells of downloads, the fake one as the real one."""

from pathlib import Path

import pytest

from agent_browser.browser.engine import Context, Upload
from agent_browser.models.functions import ContextOptions, InteractInput, OpenInput
from tests.contract.conftest import Subject
from tests.fakes.pages import FILES

pytestmark = pytest.mark.anyio
NAME = "/files/amounts.csv"


async def opened(subject: Subject, path: str) -> Context:
    context = await subject.browser.new_context(ContextOptions())
    await context.open(OpenInput(url=subject.url + path))
    return context


async def test_a_click_on_a_file_downloads_it_and_leaves_the_page(subject: Subject) -> None:
    context = await opened(subject, "/files")
    done = await context.interact(InteractInput(action="click", ref="@e1"))
    assert (done.success, done.title) == (True, "Files")
    (item,) = context.take_downloads()
    assert (item.number, item.name, item.state) == (1, "amounts.csv", "done")
    assert (item.url, item.content_type) == (subject.url + NAME, "text/csv")
    assert item.size == item.received == len(FILES[NAME])
    assert item.path is not None
    assert item.path.read_bytes() == FILES[NAME]
    assert context.take_downloads() == ()
    await context.close()


async def test_opening_a_file_downloads_it_and_the_session_stays_where_it_was(
    subject: Subject,
) -> None:
    context = await opened(subject, "/files")
    there = await context.open(OpenInput(url=subject.url + NAME))
    assert (there.title, there.url) == ("Files", subject.url + "/files")
    (item,) = context.take_downloads()
    assert item.state == "done"
    await context.close()


async def test_an_upload_without_files_is_not_done(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    context = await opened(subject, "/upload")
    given = InteractInput(action="upload", ref="@e1")
    assert (await context.interact(given, (Upload(tmp_path / "mine.txt"),))).success
    refused = await context.interact(given)
    assert not refused.success
    assert refused.message is not None
    assert "'file_paths' required for upload action" in refused.message
    await context.close()
