"""What pages hold that no checkpoint can is told, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from playwright.async_api import Error

from agent_browser.browser import unsaved
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.frames import Frames
from agent_browser.models.functions import OpenInput
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

GUARD = "addEventListener('beforeunload', e => e.preventDefault())"
PEER = "globalThis.peer = new RTCPeerConnection(); peer.createDataChannel('x'); 0"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine."""
    monkeypatch.setattr(unsaved, "BOUND", 20.0)  # a look that a dialog comes upon takes as long
    monkeypatch.setattr(unsaved, "PEERS_BOUND", 18.0)


async def becomes(context: ChromiumContext, *kinds: str) -> bool:
    """Whether that is what is unsaved, soon."""
    with anyio.move_on_after(60):
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


async def test_an_upload_is_unsaved_however_much_else_the_page_asks_for(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    async with silent() as (url, _):
        await drive.value(f"void fetch('{url}', {{method: 'POST', body: 'b', mode: 'no-cors'}})")
        for _ in range(15):
            many = "() => Promise.all([...Array(10)].map(() => fetch('/json').then(r => r.text())))"
            await drive.value(f"async () => {{ await ({many})() }}")
        assert await context.unsaved() == ("upload",)
        await drive.open("/list")
        assert await becomes(context)


async def test_an_answer_that_goes_on_is_no_upload(
    context: ChromiumContext, drive: Driving
) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head + b"begun")
        await writer.drain()

    await drive.open("/form")
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        await drive.value(f"fetch('{url}', {{method: 'POST', body: 'b'}}).then(r => r.status)")
        assert await becomes(context)
        for writer in writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


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


async def test_a_peer_connection_that_there_is_no_time_to_look_at_is_unsaved(
    context: ChromiumContext, drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: object) -> int:
        await anyio.sleep_forever()
        raise AssertionError

    await drive.open("/form")
    await drive.value(PEER)
    monkeypatch.setattr(unsaved, "_count_closed", never)
    monkeypatch.setattr(unsaved, "PEERS_BOUND", 0.05)
    assert await context.unsaved() == ("webrtc",)
    monkeypatch.setattr(unsaved, "PEERS_BOUND", 60.0)
    monkeypatch.setattr(unsaved, "BOUND", 2.0)
    assert await context.unsaved() == ("webrtc",)


async def test_a_closed_peer_connection_of_a_frame_that_keeps_it_is_not_unsaved(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/frames")
    page = context._tabs.active.page
    for frame in page.frames[:3]:
        await frame.evaluate(PEER)
    assert await context.unsaved() == ("webrtc",)
    for frame in page.frames[:3]:
        await frame.evaluate("peer.close()")
    assert await context.unsaved() == ()


HOSTILE = """
  window.seen = []
  const spy = (of, name) => {
    const was = Object.getOwnPropertyDescriptor(of, name)
    Object.defineProperty(of, name, {configurable: true,
      get() { seen.push(name); return {toString: null, valueOf: null, length: 'x'} }})
  }
  spy(Array.prototype, 'filter'); spy(performance, 'timeOrigin')
  spy(Performance.prototype, 'timeOrigin'); spy(navigator, 'userActivation')
  spy(Navigator.prototype, 'userActivation'); spy(window, 'RTCPeerConnection')
  spy(window, 'globalThis'); spy(document, 'defaultView'); spy(Function.prototype, 'call')
  spy(RTC.prototype, 'signalingState'); spy(Object.prototype, 'signalingState')
  addEventListener = null; 0
"""


async def test_a_page_that_watches_sees_no_look_and_can_not_make_it_fail(
    context: ChromiumContext, drive: Driving, echo: str
) -> None:
    await drive.open("/form")
    tab = context._tabs.active
    session = await tab.worlds.session()

    async def run(code: str) -> object:
        asked = {"expression": code, "returnByValue": True, "awaitPromise": True}
        return (await session.send("Runtime.evaluate", asked))["result"].get("value")

    await run(f"var RTC = RTCPeerConnection; {PEER}; {GUARD}; 0")
    opened = f"var s = new WebSocket('{echo}'); new Promise(y => {{ s.onopen = () => y(0) }})"
    await run(opened)
    await drive.act("click", "input[name=name]")
    await run(HOSTILE)
    await run("seen.length = 0")
    assert await context.unsaved() == ("websocket", "webrtc", "beforeunload")
    assert await run("seen.join()") == ""
    await run("navigator.userActivation")
    assert await run("seen.join()") == "userActivation"


@pytest.mark.parametrize("answer", [None, "x", {"since": "x"}, {"since": None, "active": []}, [1]])
async def test_a_look_that_fails_is_no_hold(
    context: ChromiumContext, drive: Driving, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    async def ask(*_: object) -> object:
        return answer

    await drive.open("/form")
    monkeypatch.setattr(unsaved, "evaluated", ask)
    assert await context.unsaved() == ()
    monkeypatch.setattr(Frames, "all", ask)
    assert await context.unsaved() == ()


async def test_listeners_that_can_not_be_looked_at_hide_no_socket(
    context: ChromiumContext, drive: Driving, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def window(*_: object) -> str:
        raise Error("it went elsewhere")

    await drive.open("/form")
    opened = f"var s = new WebSocket('{echo}'); new Promise(y => {{ s.onopen = () => y(0) }})"
    await drive.value(opened)
    monkeypatch.setattr(unsaved, "_window", window)
    assert await context.unsaved() == ("websocket",)


async def test_a_frame_that_asks_before_it_is_left_is_unsaved_once_somebody_acted_in_it(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/frames")
    tab = context._tabs.active
    session = await tab.worlds.session()  # what Playwright runs counts as acting
    await session.send("Runtime.evaluate", {"expression": f"frames.same.{GUARD}; 0"})
    assert await context.unsaved() == ()
    await next(f for f in tab.page.frames if f.name == "same").click("body")
    assert await context.unsaved() == ("beforeunload",)


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
