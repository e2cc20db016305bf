"""Frozen pages: their scripts stand still, and go on where they were."""

import threading
from collections.abc import Callable, Iterator

import anyio
import psutil
import pytest
from websockets.sync.server import ServerConnection, serve

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.checkpoints import TABS
from agent_browser.models.functions import ContextOptions
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

COUNT = "globalThis.n = 0; setInterval(() => { n += 1; document.title = String(n) }, 5)"
WORK = "const b = new Blob(['let n=0; setInterval(()=>postMessage(++n), 5)']);"
ASK = {"expression": "globalThis.n", "returnByValue": True}


async def counted(context: ChromiumContext, tab: int = 0) -> int:
    """How far the page has counted, asked beside the calls."""
    session = await context._tabs.open[tab].worlds.session()
    answer = await session.send("Runtime.evaluate", ASK)
    return int(answer["result"]["value"])


async def stands_still(context: ChromiumContext, tab: int = 0) -> bool:
    """Whether it counts no further in many times the time that one more takes."""
    before = await counted(context, tab)
    for _ in range(10):
        await anyio.sleep(0.02)
        if await counted(context, tab) != before:
            return False
    return True


async def goes_on(context: ChromiumContext, tab: int = 0) -> bool:
    """Whether it counts on, from where it was."""
    before = await counted(context, tab)
    with anyio.move_on_after(5):
        while await counted(context, tab) <= before:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)
        return True
    return False


async def test_a_frozen_page_stands_still_until_it_is_thawed(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(COUNT)
    await context.freeze()
    await context.freeze()
    assert await stands_still(context)
    await context.thaw()
    assert await goes_on(context)
    await context.thaw()
    assert await goes_on(context)


@pytest.mark.parametrize(
    "call",
    [
        lambda drive: drive.open("/list"),
        lambda drive: drive.snapshot(),
        lambda drive: drive.act("press", text="a"),
        lambda drive: drive.value("1"),
    ],
)
async def test_a_call_thaws_by_itself(
    context: ChromiumContext, drive: Driving, call: Callable[[Driving], object]
) -> None:
    await drive.open("/form")
    await drive.value(COUNT)
    await context.freeze()
    assert await stands_still(context)
    with anyio.fail_after(10):
        await call(drive)  # type: ignore[misc]
    await drive.value(f"{{{COUNT}}}")
    assert await goes_on(context)


async def test_a_capture_leaves_it_frozen_and_has_what_was_there(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(COUNT)
    await context.capture()
    await context.freeze()
    state = await context.capture(thorough=True)
    assert state.value(TABS)["tabs"][0]["url"] == drive.site.url("/form")
    assert await stands_still(context)


async def test_text_for_search_is_not_asked_of_a_frozen_page(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(COUNT)
    assert await context.words(1000) is not None
    await context.freeze()
    assert await context.words(1000) is None
    assert await stands_still(context)


async def test_all_tabs_are_frozen_and_one_that_opens_meanwhile(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value(COUNT)
    await drive.act("tab_new", url=drive.site.other_origin("/form"))
    await drive.value(COUNT)
    await context.freeze()
    assert await stands_still(context, 0)
    assert await stands_still(context, 1)
    page = await context._context.new_page()
    with anyio.fail_after(5):
        while len(context._tabs.open) < 3:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)
    await context.thaw()
    assert await goes_on(context, 0)
    assert await goes_on(context, 1)
    assert await page.evaluate("1 + 1") == 2


async def test_workers_stand_still_too(context: ChromiumContext, drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(f"{WORK} globalThis.w = new Worker(URL.createObjectURL(b)); 0")
    await drive.value(
        "globalThis.latest = 0; w.onmessage = e => { latest = e.data };"
        " new Promise(done => { const t = setInterval(() => latest && (clearInterval(t), done()))})"
    )
    await context.freeze()
    before = await _of_worker(context)
    await anyio.sleep(0.5)
    await context.thaw()
    # What it counted while it stood still would be told at once: a hundred in half a second.
    after = await drive.value("new Promise(done => w.onmessage = e => done(e.data))")
    assert after - before < 60


async def _of_worker(context: ChromiumContext) -> int:
    session = await context._tabs.open[0].worlds.session()
    answer = await session.send("Runtime.evaluate", {"expression": "latest"})
    return int(answer["result"]["value"])


async def test_a_socket_stays_connected_and_what_comes_meanwhile_arrives_after(
    context: ChromiumContext, drive: Driving, ticking: tuple[str, list[ServerConnection]]
) -> None:
    url, connections = ticking
    await drive.open("/form")
    await drive.value(
        f"new Promise(done => {{ globalThis.heard = []; globalThis.s = new WebSocket('{url}');"
        " s.onmessage = e => heard.push(e.data); s.onopen = () => done(0) })"
    )
    await context.freeze()
    await anyio.to_thread.run_sync(connections[0].send, "while it stood still")
    await anyio.sleep(0.2)
    await context.thaw()
    assert await drive.value("s.readyState") == 1
    with anyio.fail_after(5):
        while await drive.value("heard") != ["while it stood still"]:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)


@pytest.fixture
def ticking() -> Iterator[tuple[str, list[ServerConnection]]]:
    """A WebSocket's address, and the connections to it."""
    connections: list[ServerConnection] = []

    def answer(connection: ServerConnection) -> None:
        connections.append(connection)
        for _ in connection:
            pass

    with serve(answer, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/", connections
        server.shutdown()
        thread.join()


async def test_a_page_whose_dialog_waits_is_frozen_as_it_is(
    context: ChromiumContext, drive: Driving
) -> None:
    await drive.open("/form")
    await drive.value("setTimeout(() => confirm('Sure?')); 0")
    with anyio.fail_after(5):
        while context.dialog is None:  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)
    with anyio.fail_after(5):
        await context.freeze()
        await context.thaw()
    await drive.act("dialog", accept=True)
    assert await drive.value("1 + 1") == 2


async def test_a_frozen_context_closes_at_once(chromium: ChromiumBrowser, site: Site) -> None:
    made = await chromium.new_context(ContextOptions())
    await Driving(made, site).open("/form")
    await Driving(made, site).value(COUNT)
    await made.freeze()
    with anyio.fail_after(5):
        await made.close()


async def test_a_frozen_page_takes_hardly_any_processor_time(
    context: ChromiumContext, drive: Driving, chromium: ChromiumBrowser
) -> None:
    await drive.open("/form")
    await drive.value(
        "setInterval(() => { const end = performance.now() + 8;"
        " while (performance.now() < end); }, 10); 0"
    )
    busy = await _spent(chromium)
    await context.freeze()
    frozen = await _spent(chromium)
    assert frozen < busy / 3


async def _spent(chromium: ChromiumBrowser) -> float:
    """Seconds of processor time of the browser in the next half second."""

    def total() -> float:
        assert chromium.pid is not None
        root = psutil.Process(chromium.pid)
        times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return sum(each.user + each.system for each in times)

    before = total()
    await anyio.sleep(0.5)
    return total() - before
