"""What is captured of one context comes back in another."""

from typing import Any

import pytest
from playwright.async_api import Route

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.functions import ContextOptions, OpenInput
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

PUT = """async () => {
  const open = await new Promise((done, failed) => {
    const asked = indexedDB.open('shop', 3)
    asked.onupgradeneeded = () => {
      const made = asked.result.createObjectStore('s', {autoIncrement: true})
      made.createIndex('by', 'at')
      const node = {at: new Date(5), map: new Map([[1, new Set(['a'])]]), big: 10n,
        blob: new Blob(['b'], {type: 'text/plain'}), file: new File(['f'], 'f.txt'),
        bytes: new Float32Array([1.5]), error: new RangeError('far'), odd: [undefined, NaN, -0],
        view: new DataView(new ArrayBuffer(3)), never: new Date(NaN)}
      node.self = node
      made.put(node)
    }
    asked.onsuccess = () => done(asked.result); asked.onerror = failed
  })
  open.close()
  const root = await navigator.storage.getDirectory()
  const file = await (await root.getDirectoryHandle('d', {create: true}))
    .getFileHandle('f', {create: true})
  const to = await file.createWritable(); await to.write('opfs'); await to.close()
  localStorage.cup = 'blue'; sessionStorage.tea = 'green'; document.cookie = 'a=b; path=/'
  history.replaceState({step: new Date(7), list: [1]}, '')
}"""
GOT = """async () => {
  const open = await new Promise(done => {
    indexedDB.open('shop').onsuccess = e => done(e.target.result) })
  const store = open.transaction('s').objectStore('s')
  const v = await new Promise(done => { store.get(1).onsuccess = e => done(e.target.result) })
  open.close()
  const root = await navigator.storage.getDirectory()
  const file = await (await (await root.getDirectoryHandle('d')).getFileHandle('f')).getFile()
  return [open.version, [...store.indexNames], v.at.getTime(), [...v.map.get(1)], String(v.big),
    await v.blob.text(), v.blob.type, await v.file.text(), v.file.name, v.bytes[0],
    v.error instanceof RangeError, v.odd[0] === undefined, Number.isNaN(v.odd[1]),
    Object.is(v.odd[2], -0), v.view.byteLength, Number.isNaN(v.never.getTime()), v.self === v,
    await file.text(), localStorage.cup, sessionStorage.tea, document.cookie,
    history.state.step.getTime()]
}"""
WHOLE = [
    3, ["by"], 5, ["a"], "10", "b", "text/plain", "f", "f.txt", 1.5, True, True, True, True, 3,
    True, True, "opfs", "blue", "green", "a=b", 7,
]  # fmt: skip


async def moved(chromium: ChromiumBrowser, first: ChromiumContext) -> tuple[ChromiumContext, Any]:
    """Another context that has the state of the first, which is closed; and what was lost."""
    state = await first.capture(thorough=True)
    assert state.losses == ()
    await first.close()
    second = await chromium.new_context(ContextOptions())
    return second, await second.restore(state, within=20)


async def test_all_that_a_page_stored_is_there_in_the_next_life_and_in_the_one_after(
    chromium: ChromiumBrowser, context: ChromiumContext, site: Site
) -> None:
    drive = Driving(context, site)
    await drive.open("/form")
    await drive.open("/first-script")
    await drive.value(PUT)
    assert await drive.value(GOT) == WHOLE
    second, losses = await moved(chromium, context)
    assert losses == ()
    assert await Driving(second, site).value(GOT) == WHOLE
    third, losses = await moved(chromium, second)
    try:
        assert losses == ()
        drive = Driving(third, site)
        assert await drive.value(GOT) == WHOLE
        assert (await drive.act("back")).url == site.url("/form")
    finally:
        await third.close()


async def test_what_left_origins_stored_outlives_a_life_in_which_they_are_not_visited(
    chromium: ChromiumBrowser, context: ChromiumContext, site: Site
) -> None:
    context.on_change(lambda: None)  # from here on it hears what is stored
    drive = Driving(context, site)
    await drive.open("/storage")
    await drive.value("store.write('kept')")
    await context.open(_other(site))
    second, losses = await moved(chromium, context)
    assert losses == ()
    third, losses = await moved(chromium, second)
    try:
        assert losses == ()
        drive = Driving(third, site)
        await drive.open("/storage")
        said = await drive.value("store.read()")
        assert (said["local"], said["session"], said["indexed"]) == ("kept", "kept", "kept")
    finally:
        await third.close()


async def test_two_tabs_what_was_filled_in_and_how_far_they_were_scrolled(
    chromium: ChromiumBrowser, context: ChromiumContext, site: Site
) -> None:
    drive = Driving(context, site)
    await drive.open("/form")
    await drive.value("sessionStorage.of = 'first'")
    await drive.act("fill", "[name=name]", text="Ada")
    await drive.act("select", "[name=country]", text="Japan")
    await drive.act("check", "[name=agree]")
    await drive.act("fill", "[name=password]", text="hunter2")
    await drive.act("tab_new", url=site.url("/page-scroll"))
    await drive.value("sessionStorage.of = 'second'; scrollTo(0, 700)")
    second, losses = await moved(chromium, context)
    try:
        assert losses == ()
        drive = Driving(second, site)
        assert [(t.id, t.active) for t in second.page.tabs] == [("t1", False), ("t2", True)]
        assert await drive.value("[sessionStorage.of, scrollY]") == ["second", 700]
        await drive.act("tab_switch", tab="t1")
        said = await drive.value(
            "[...document.querySelectorAll('[name=name], [name=country], [name=password]')]"
            ".map(e => e.value).concat(document.forms[0].agree.checked, sessionStorage.of)"
        )
        assert said == ["Ada", "", "jp", True, "first"]
    finally:
        await second.close()


async def test_an_origin_of_a_frame_has_what_it_stored(
    chromium: ChromiumBrowser, context: ChromiumContext, site: Site
) -> None:
    drive = Driving(context, site)
    await drive.open("/frames")
    frame = next(f for f in context._tabs.active.page.frames if f.name == "cross")
    await frame.evaluate("localStorage.a = 'framed'; sessionStorage.b = 'too'; 0")
    second, losses = await moved(chromium, context)
    try:
        assert losses == ()
        await second._tabs.active.page.wait_for_load_state("load")
        frame = next(f for f in second._tabs.active.page.frames if f.name == "cross")
        assert await frame.evaluate("[localStorage.a, sessionStorage.b]") == ["framed", "too"]
    finally:
        await second.close()


FRAMED = """<input id=a><iframe src='http://b.test/'></iframe>
<iframe srcdoc='<input id=a>'></iframe><iframe src='/own'></iframe>
<iframe sandbox srcdoc='<input id=a>'></iframe>"""


@pytest.mark.parametrize("is_isolating", [False, True])
async def test_what_was_filled_in_within_frames_comes_back_where_it_is_known_whose_they_are(
    chromium: ChromiumBrowser, isolating: Chromium, *, is_isolating: bool
) -> None:
    browser = await isolating.launch() if is_isolating else chromium
    first = await _framed(browser)
    second = await _framed(browser)
    try:
        await first.open(OpenInput(url="http://a.test/"))
        for number, frame in enumerate(first._tabs.active.page.frames):
            await frame.fill("#a", f"typed {number}")
        state = await first.capture(thorough=True)
        losses = await second.restore(state, within=20)
        assert [(loss.what, loss.why) for loss in losses] == [
            ("form", "it is not known whose its frame was")
        ]
        frames = second._tabs.active.page.frames
        said = [await frame.evaluate("document.querySelector('#a').value") for frame in frames]
        assert said == ["typed 0", "typed 1", "typed 2", "typed 3", ""]
    finally:
        await first.close()
        await second.close()
        if is_isolating:
            await browser.close()


async def _framed(browser: ChromiumBrowser) -> ChromiumContext:
    """A context with two sites that are not there, one in frames of the other's page."""
    made = await browser.new_context(ContextOptions())

    async def answer(route: Route) -> None:
        is_whole = route.request.url == "http://a.test/"
        text = FRAMED if is_whole else "<input id=a>"
        await route.fulfill(body=text, content_type="text/html")

    await made._context.route("**/*", answer)
    return made


def _other(site: Site) -> OpenInput:
    return OpenInput(url=site.other_origin("/list"))
