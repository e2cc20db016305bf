"""Downloads: begun in every way that a page has, told with their bytes, bounded while they run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_browser.browser.chromium import Chromium
from agent_browser.browser.engine import Downloading
from agent_browser.models.functions import ContextOptions
from agent_browser.settings import load
from tests.browser.driving import Driving
from tests.site import Site
from tests.site.files import CONTENTS

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


def one(drive: Driving) -> Downloading:
    """The one download since the last time."""
    (taken,) = drive.context.take_downloads()
    return taken


def bytes_of(item: Downloading) -> bytes:
    assert item.path is not None, item.error
    return item.path.read_bytes()


async def test_a_link_to_an_attachment_is_downloaded_and_the_page_stays(drive: Driving) -> None:
    await drive.open("/downloads")
    done = await drive.act("click", drive.ref("Report"))
    assert done.success
    item = one(drive)
    assert (item.state, item.name, item.error) == ("done", "report.csv", None)
    assert item.url == drive.site.url("/download/report.csv")
    assert item.size == item.received == len(CONTENTS["report.csv"])
    assert bytes_of(item) == CONTENTS["report.csv"]
    assert item.content_type == "text/csv"
    assert done.url.endswith("/downloads")
    assert drive.context.take_downloads() == ()


@pytest.mark.parametrize(
    ("page", "words", "name", "content"),
    [
        ("/downloads", "Notes", "notes.txt", CONTENTS["notes.txt"]),
        ("/downloads", "Made in the page", "made.txt", b"made in the page\n"),
        ("/transfers", "From data", "data.txt", b"from data"),
        ("/transfers", "In a frame", "notes.txt", CONTENTS["notes.txt"]),
        ("/transfers", "By a window", "notes.txt", CONTENTS["notes.txt"]),
        ("/transfers", "In a window", "report.csv", CONTENTS["report.csv"]),
    ],
)
async def test_however_it_is_begun_the_action_has_its_bytes(
    drive: Driving, page: str, words: str, name: str, content: bytes
) -> None:
    await drive.open(page)
    assert (await drive.act("click", drive.ref(f'"{words}"'))).success
    item = one(drive)
    assert (item.state, item.name) == ("done", name)
    assert bytes_of(item) == content


@pytest.mark.parametrize("words", ["By a window", "In a window"])
async def test_a_window_that_was_opened_for_a_file_alone_is_no_tab(
    drive: Driving, words: str
) -> None:
    await drive.open("/transfers")
    done = await drive.act("click", drive.ref(f'"{words}"'))
    assert done.new_tabs == []
    assert done.snapshot is not None
    assert [tab.id for tab in done.snapshot.tabs] == ["t1"]
    assert one(drive).content_type.startswith("text/")
    await drive.value("void window.open('/empty')")
    await drive.act("wait", url="**/transfers")
    assert len((await drive.act("tab_list")).tabs) == 2


async def test_a_link_with_download_is_waited_for_before_the_server_has_answered(
    drive: Driving,
) -> None:
    await drive.open("/transfers")
    await drive.act("click", drive.ref('"Late"'))
    assert one(drive).state == "done"


async def test_the_type_is_that_of_the_answer(drive: Driving) -> None:
    await drive.open("/transfers")
    await drive.act("click", drive.ref('"Typed"'))
    assert one(drive).content_type == "image/png"


async def test_several_at_once_are_all_there(drive: Driving) -> None:
    await drive.open("/transfers")
    await drive.act("click", drive.ref("Three at once"))
    taken = drive.context.take_downloads()
    assert sorted(item.name for item in taken) == ["a.txt", "a.txt", "b.txt"]
    assert {bytes_of(item) for item in taken} == {b"a.txt", b"b.txt"}


async def test_opening_a_file_downloads_it_and_says_no_status(drive: Driving) -> None:
    opened = await drive.open("/download/report.csv")
    assert (opened.url, opened.status, opened.elements) == ("about:blank", None, [])
    assert bytes_of(one(drive)) == CONTENTS["report.csv"]
    await drive.open("/downloads")
    again = await drive.act("goto", url=drive.site.url("/download/notes.txt?pause=50"))
    assert again.success
    assert again.url.endswith("/downloads")
    assert bytes_of(one(drive)) == CONTENTS["notes.txt"]


async def test_one_that_breaks_off_says_so(drive: Driving) -> None:
    await drive.open("/downloads")
    await drive.act("click", drive.ref("breaks off"))
    assert (await drive.act("wait", download=False)).success
    item = one(drive)
    assert (item.state, item.path) == ("failed", None)
    assert item.error == "it broke off after 50 of 100 bytes"


async def test_one_that_the_server_refuses_is_told_not_to_have_begun(drive: Driving) -> None:
    await drive.open("/downloads")
    link = "Object.assign(document.createElement('a'), {href: '/not-there', download: 'x.txt'})"
    await drive.value(f"setTimeout(() => {link}.click()); 0")
    assert (await drive.act("wait", download=True)).success
    item = one(drive)
    assert item.state == "failed"
    assert "the server refused it" in (item.error or "")


async def test_a_slow_one_is_told_while_it_runs_and_waited_for(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/transfers")
    monkeypatch.setattr(drive.context, "_settle_bound", 0.05)
    await drive.act("click", drive.ref("Paused"))
    running = one(drive)
    assert (running.state, running.path, running.ended) == ("running", None, None)
    waited = await drive.act("wait", download=True)
    assert waited.success
    item = one(drive)
    assert (item.number, item.state, item.size) == (running.number, "done", 2000)
    late = await drive.act("wait", download=True, timeout=0.05)
    assert (late.success, late.code) == (False, "timeout")
    assert late.message is not None
    assert "0 downloads are running" in late.message


async def test_a_download_that_ended_before_the_wait_is_what_it_waited_for(
    drive: Driving,
) -> None:
    await drive.open("/downloads")
    await drive.act("click", drive.ref("Report"))
    drive.context.take_downloads()
    assert (await drive.act("wait", download=True, timeout=0.5)).success


@pytest.fixture
async def bounded(executable: Path, site: Site) -> AsyncIterator[Driving]:
    """A context that may download 3 files of 1,000 bytes, 1,500 bytes in all."""
    settings = load(
        executable_path=executable, max_download=1000, max_downloads=3, download_bytes=1500
    )
    async with Chromium(settings) as engine:
        browser = await engine.launch()
        context = await browser.new_context(ContextOptions())
        yield Driving(context, site)
        await context.close()
        await browser.close()


@pytest.mark.parametrize("how", ["", "&unsized=1"])
async def test_one_that_is_too_large_is_ended(bounded: Driving, how: str) -> None:
    await bounded.open(f"/download/big.bin?bytes=2000000&pause=60000{how}")
    item = one(bounded)
    assert (item.state, item.path) == ("cancelled", None)
    assert item.error == "it is larger than the 1000 bytes that a download may have"
    assert item.received < 2_000_000


async def test_a_session_downloads_so_many_bytes_and_files(bounded: Driving) -> None:
    await bounded.open("/download/a.bin?bytes=900")
    assert one(bounded).state == "done"
    await bounded.open("/download/b.bin?bytes=900")
    item = one(bounded)
    assert (item.state, item.error) == ("cancelled", "a session may download 1500 bytes in all")
    await bounded.open("/download/c.bin?bytes=10")
    assert one(bounded).state == "done"
    await bounded.open("/download/d.bin?bytes=10")
    item = one(bounded)
    assert item.state == "cancelled"
    assert item.error == "a session may download 3 files; this and all later are not"
    await bounded.open("/download/e.bin?bytes=10")
    assert bounded.context.take_downloads() == ()


async def test_what_no_session_took_goes_with_its_context(
    executable: Path, site: Site, drive: Driving
) -> None:
    await drive.open("/download/report.csv")
    path = one(drive).path
    assert path is not None
    await drive.context.close()
    assert not path.exists()
