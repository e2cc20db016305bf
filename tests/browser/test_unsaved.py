"""What pages hold that no checkpoint can is told, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from agent_browser.browser.context import ChromiumContext
from agent_browser.models.functions import OpenInput
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

GUARD = "addEventListener('beforeunload', e => e.preventDefault())"
PEER = "globalThis.peer = new RTCPeerConnection(); peer.createDataChannel('x'); 0"


async def becomes(context: ChromiumContext, *kinds: str) -> bool:
    """Whether that is what is unsaved, soon."""
    with anyio.move_on_after(5):
        while await context.unsaved() != kinds:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.02)
        return True
    return False


async def test_a_context_that_was_never_opened_and_a_plain_page_hold_nothing(
    context: ChromiumContext, drive: Driving
) -> None:
    assert await context.unsaved() == ()
    await drive.open("/form")
    assert await context.unsaved() == ()


async def test_a_dialog_that_waits_is_unsaved(context: ChromiumContext, drive: Driving) -> None:
    await drive.open("/form")
    await drive.value("setTimeout(() => confirm('Sure?')); 0")
    assert await becomes(context, "dialog")
    await drive.act("dialog", accept=True)
    assert await becomes(context)


async def test_a_file_chooser_that_waits_is_unsaved(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/upload")
    await drive.act("click", "input[type=file] >> nth=0")
    assert await becomes(context, "file_chooser")


async def test_a_download_that_runs_is_unsaved(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.value(
        "const a = document.createElement('a'); a.href = '/endless'; a.download = 'a';"
        " document.body.append(a); a.click()"
    )
    assert await becomes(context, "download")


async def test_an_upload_under_way_is_unsaved_until_it_is_answered(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await drive.open("/form")
    await drive.value("void fetch('/held')")
    assert await context.unsaved() == ()
    await drive.value("fetch('/submitted', {method: 'POST', body: 'a'}).then(r => r.text())")
    assert await becomes(context)
    async with silent() as (url, connections):
        await drive.value(f"void fetch('{url}', {{method: 'POST', body: 'b', mode: 'no-cors'}})")
        assert await becomes(context, "upload")
        with anyio.fail_after(5):
            while not connections:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        for connection in connections:
            connection.close()
        assert await becomes(context)


@asynccontextmanager
async def silent() -> AsyncIterator[tuple[str, list[asyncio.StreamWriter]]]:
    """The address of a server that takes what is sent and says nothing; who is connected."""
    connections: list[asyncio.StreamWriter] = []

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", connections
        for connection in connections:
            connection.close()


async def test_an_open_socket_is_unsaved_until_it_is_closed_or_its_page_left(
    context: ChromiumContext, drive: Driving, echo: str
) -> None:
    opened = (
        f"new Promise(done => {{ globalThis.s = new WebSocket('{echo}');"
        " s.onopen = () => done(0) })"
    )
    await drive.open("/form")
    await drive.value(opened)
    assert await becomes(context, "websocket")
    await drive.value("s.close()")
    assert await becomes(context)
    await drive.value(opened)
    assert await becomes(context, "websocket")
    await drive.open("/list")
    assert await becomes(context)
    await drive.act("tab_new", url=drive.site.url("/form"))
    await drive.value(opened)
    assert await becomes(context, "websocket")
    await drive.act("tab_close")
    assert await becomes(context)


async def test_a_peer_connection_is_unsaved_until_it_is_closed_or_its_page_left(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(PEER)
    assert await context.unsaved() == ("webrtc",)
    await drive.value("peer.close()")
    assert await context.unsaved() == ()
    await drive.value(PEER)
    await drive.open("/list")
    assert await becomes(context)


async def test_a_peer_connection_of_a_frame_is_unsaved(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/frames")
    frame = next(f for f in context._tabs.active.page.frames if f.name == "cross")
    await frame.evaluate(PEER)
    assert await context.unsaved() == ("webrtc",)


@pytest.mark.parametrize("guard", [GUARD, "onbeforeunload = e => e.preventDefault()"])
async def test_a_page_that_asks_before_it_is_left_is_unsaved_once_somebody_acted_in_it(
    context: ChromiumContext, drive: Driving, guard: str
) -> None:
    await drive.open("/form")
    session = await context._tabs.active.worlds.session()  # what a caller runs counts as acting
    await session.send("Runtime.evaluate", {"expression": f"{guard}; 0"})
    assert await context.unsaved() == ()
    await drive.act("click", "input[name=name]")
    assert await context.unsaved() == ("beforeunload",)
    await drive.open("/list")
    assert await context.unsaved() == ()


async def test_all_tabs_are_asked_and_a_crashed_one_holds_nothing(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(PEER)
    await drive.act("tab_new", url=drive.site.url("/form"))
    assert await context.unsaved() == ("webrtc",)
    first = context._tabs.open[0]
    session = await first.worlds.session()
    async with anyio.create_task_group() as group:
        group.start_soon(_crash, session)
        with anyio.fail_after(5):
            while not first.crashed:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert await becomes(context)


async def _crash(session: object) -> None:
    await session.send("Page.crash")  # type: ignore[attr-defined]


async def test_a_frozen_page_is_asked_without_being_thawed(
    context: ChromiumContext, drive: Driving
) -> None:
    await context.open(OpenInput(url=drive.site.url("/form")))
    await drive.value(PEER)
    await drive.value("globalThis.n = 0; setInterval(() => n++, 5); 0")
    await context.freeze()
    assert await context.unsaved() == ("webrtc",)
    session = await context._tabs.active.worlds.session()
    counts = set()
    for _ in range(5):
        answer = await session.send("Runtime.evaluate", {"expression": "n"})
        counts.add(answer["result"]["value"])
        await anyio.sleep(0.02)
    assert len(counts) == 1
