"""What is kept of pages on the real browser: texts of those that are left at once, pictures that
are of their own call.
"""

import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from PIL import Image

from agent_browser.browser.chromium import Chromium
from agent_browser.models.files import DownloadsInput
from agent_browser.models.functions import CloseInput, ExecuteInput, OpenInput
from agent_browser.models.records import PageText
from agent_browser.models.running import RunInput
from agent_browser.models.sessions import SessionCreate
from agent_browser.pool.pool import Pool
from agent_browser.running.operations import Operations
from agent_browser.service import LOCAL
from agent_browser.settings import Settings
from tests.fakes.archive import FakeArchive
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.keeping import FakeKeeping
from tests.fakes.papers import FakePapers
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


@dataclass
class Kept:
    """A pool, and what it keeps."""

    pool: Pool
    archive: FakeArchive
    folder: Path

    def texts(self, session: str) -> list[PageText]:
        return list(self.archive.texts.get(session, {}).values())

    def colours(self, session: str) -> list[tuple[int, int, int]]:
        """Of the log's pictures, one each, near enough."""
        pictures = [entry.thumbnail for entry in self.archive.log[session] if entry.thumbnail]
        return [colour(self.folder / session / picture) for picture in pictures]


@pytest.fixture
async def kept(
    real_settings: Settings, tmp_path: Path, anyio_backend: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Kept]:
    for patience in ("texts.PATIENCE", "texts.LAST_PATIENCE", "diary.THUMBNAIL_PATIENCE"):
        monkeypatch.setattr(f"agent_browser.pool.{patience}", 30.0)  # the machine may be busy
    archive, engine = FakeArchive(), Chromium(real_settings)
    others = FakeCheckpoints(), FakePapers()
    async with Pool(engine, real_settings, FakeKeeping(tmp_path), archive, *others) as pool:
        yield Kept(pool, archive, tmp_path)


async def closed(pool: Pool, session: str) -> None:
    """End it, and come back when it has."""
    await pool.call(LOCAL, "close", CloseInput(), session=session)
    await pool.call(LOCAL, "downloads", DownloadsInput(), session=session)


def colour(path: Path) -> tuple[int, int, int]:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        red, green, blue = picture.convert("RGB").resize((1, 1)).tobytes()
    return round(red / 255) * 255, round(green / 255) * 255, round(blue / 255) * 255


PAGES = {
    "/list": ("A list drawn again", "Cherry"),
    "/hover": ("Hover menu", "Hover over this"),
    "/console": ("Console and errors", "Console"),
}
"""Titles and words of pages, none of which is in another."""


def found(kept: Kept, session: str, site: Site) -> list[tuple[str, str, bool]]:
    """Path, title, and whether its own words are there, of what is kept."""
    return [
        (path, one.title, PAGES[path][1] in one.text)
        for one in kept.texts(session)
        for path in [one.url.removeprefix(site.url(""))]
    ]


async def test_pages_that_are_left_at_once_are_kept_with_title_and_text(
    kept: Kept, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_browser.pool.texts.REST", 3600.0)  # none is left to rest
    session = (await kept.pool.create(LOCAL, SessionCreate())).id
    for path in PAGES:
        await kept.pool.call(LOCAL, "open", OpenInput(url=site.url(path)), session=session)
        with anyio.fail_after(10):
            while not any(word for _, _, word in found(kept, session, site)[-1:]):  # noqa: ASYNC110
                await anyio.sleep(0.001)
    await closed(kept.pool, session)
    assert found(kept, session, site) == [(path, title, True) for path, (title, _) in PAGES.items()]


async def test_the_pages_of_a_run_are_kept_with_their_titles(
    kept: Kept, real_settings: Settings, site: Site
) -> None:
    steps = [{"function": "open", "input": {"url": site.url(path)}} for path in PAGES]
    request = RunInput.model_validate({"steps": [*steps, {"function": "close"}]})
    async with Operations(kept.pool, FakePapers(), real_settings) as operations:
        brief, _ = await operations.start(LOCAL, "new", request, follow=True)
        async with operations.followed(LOCAL, brief.id) as lines:
            assert [line.type async for _, line in lines][-1] == "summary"
        await kept.pool.call(LOCAL, "downloads", DownloadsInput(), session=brief.session_id)
    assert brief.session_id is not None
    # Between two steps there may be no time for a page's text.
    told = [(path, title) for path, title, _ in found(kept, brief.session_id, site)]
    assert told == [(path, title) for path, (title, _) in PAGES.items()]
    assert found(kept, brief.session_id, site)[-1][2]


async def test_what_a_script_writes_is_kept_under_the_title_that_it_gives(kept: Kept) -> None:
    session = (await kept.pool.create(LOCAL, SessionCreate())).id
    await kept.pool.call(LOCAL, "open", OpenInput(url="about:blank"), session=session)
    code = "document.title = 'Written'; document.body.append('two')"
    await kept.pool.call(LOCAL, "execute", ExecuteInput(code=code), session=session)
    await closed(kept.pool, session)
    assert [(one.title, one.text) for one in kept.texts(session)] == [("Written", "two")]
    assert (await kept.pool.get(LOCAL, session)).title == "Written"


async def test_a_picture_in_the_log_is_of_its_own_call_though_the_next_comes_at_once(
    kept: Kept,
) -> None:
    request = SessionCreate.model_validate({"privacy": {"log_thumbnails": True}})
    session = (await kept.pool.create(LOCAL, request)).id
    for name in ("red", "lime", "blue"):
        input = OpenInput(url=f"data:text/html,<body bgcolor={name}>")
        await kept.pool.call(LOCAL, "open", input, session=session)
    await kept.pool.actions(LOCAL, session, limit=10, cursor=None)
    assert kept.colours(session) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
