"""A page sees nothing of what is read of it, however hard it looks."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from agent_browser.browser import saving
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Blob
from agent_browser.models.functions import OpenInput
from agent_browser.models.network import HarInput
from agent_browser.models.routing import RouteInput
from tests.browser.driving import Driving
from tests.browser.storing import file, put
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

WATCH = """async () => {
  window.seen = []
  const see = what => seen.push(String(what))
  const {body} = document
  for (const target of [window, document, body, navigator.serviceWorker, screen.orientation]) {
    const names = new Set()
    for (let kind = target; kind; kind = Object.getPrototypeOf(kind)) {
      for (const name of Object.getOwnPropertyNames(kind)) {
        if (name.startsWith('on')) names.add(name.slice(2))
      }
    }
    for (const name of names) target.addEventListener(name, e => see('event ' + e.type), true)
  }
  new MutationObserver(all => see('mutation ' + all.length)).observe(document,
    {subtree: true, childList: true, attributes: true, characterData: true})
  const channel = new BroadcastChannel('all')
  channel.onmessage = () => see('broadcast')
  const spy = (kind, name) => {
    const was = Object.getOwnPropertyDescriptor(kind.prototype, name)
    const now = {...was}
    for (const part of ['value', 'get', 'set']) {
      if (typeof was[part] === 'function') {
        now[part] = function (...args) { see('used ' + name); return was[part].apply(this, args) }
      }
    }
    Object.defineProperty(kind.prototype, name, now)
  }
  for (const [kind, names] of [
    [Storage, ['getItem', 'key', 'length', 'setItem']], [IDBFactory, ['open', 'databases']],
    [IDBDatabase, ['transaction', 'close']], [IDBObjectStore, ['getAll', 'getAllKeys', 'get']],
    [StorageManager, ['getDirectory', 'estimate']], [HTMLInputElement, ['value', 'checked']],
    [Document, ['querySelectorAll', 'title', 'URL', 'createElement']],
    [History, ['state', 'length']],
    [Element, ['getAttribute', 'matches', 'innerHTML']], [Blob, ['arrayBuffer']],
  ]) for (const name of names) spy(kind, name)
  for (const name of ['getComputedStyle', 'structuredClone', 'postMessage', 'scrollX', 'origin']) {
    const was = Object.getOwnPropertyDescriptor(window, name)
    if (was?.value) window[name] = (...args) => { see('used ' + name); return was.value(...args) }
  }
  Array.prototype.toJSON = function () { see('array told'); return this }
  Object.prototype.toJSON = function () { see('object told'); return this }
  for (const form of document.forms) {
    Object.defineProperty(form, 'id', {get() { see('form id'); return '' }})
  }
  window.count = () => [window.length, Object.getOwnPropertyNames(window).length,
    performance.getEntries().filter(entry => entry.entryType !== 'paint').length,  // it comes late
    history.length, document.activeElement?.id,
    getSelection().toString(), localStorage.length,
    document.documentElement.outerHTML.length].join()
  window.before = ''
  // What follows is of the watching itself.
  await new Promise(done => setTimeout(done, 50))
  before = count()
  seen.length = 0
}"""
LOOK = "() => { const found = seen.join(); return [found, before, count()] }"


@pytest.fixture
def drive(context: ChromiumContext, site: Site, monkeypatch: pytest.MonkeyPatch) -> Driving:
    monkeypatch.setattr(saving, "TAB_BOUND", 10.0)  # however busy the machine
    monkeypatch.setattr(saving, "CAPTURE_BOUND", 30.0)
    monkeypatch.setattr(saving, "WAITING_BOUND", 30.0)
    context.on_change(lambda: None)
    return Driving(context, site)


async def test_a_page_that_watches_everything_sees_nothing(drive: Driving, site: Site) -> None:
    await drive.open("/form", wait_until="load")
    await drive.value("localStorage.setItem('a', '1'); sessionStorage.setItem('a', '1'); 0")
    await drive.value(put("one", "write.objectStore('loose').put(new Blob(['x']), 'a')"))
    await drive.value(file("a.txt", "x"))
    await drive.value("document.querySelector('input').value = 'typed'; 0")
    await drive.value(WATCH)
    site.reset()
    first = await drive.context.capture()
    assert len([name for name in first.parts if name.startswith(("databases", "files"))]) == 2
    await drive.context.capture()
    await drive.context.capture(thorough=True)
    assert site.requests == []
    seen, before, now = await drive.value(LOOK)
    assert (seen, before) == ("", now)
    await drive.value("localStorage.getItem('a')")
    assert "used getItem" in (await drive.value(LOOK))[0]


async def test_a_deletion_by_the_page_is_not_held_up(drive: Driving) -> None:
    """A connection of ours closes when the page wants the database for itself."""
    await drive.open("/form")
    records = "for (let i = 0; i < 3000; i++) write.objectStore('loose').put('x'.repeat(500), i)"
    await drive.value(put("one", records))
    await drive.value(
        "void (window.told = [], setTimeout(() => {"
        " const asked = indexedDB.deleteDatabase('one');"
        " for (const name of ['blocked', 'success', 'error'])"
        " asked.addEventListener(name, () => told.push(name)) }, 5))"
    )
    await drive.context.capture()
    await drive.act("wait", function="told.includes('success')")
    assert await drive.value("told") == ["success"]


WORKER = """
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))
self.addEventListener('fetch', event => {
  const said = new Response(event.request.url)
  event.waitUntil(caches.open('log').then(log => log.put('/' + Math.random(), said)))
})
"""


class _Working(BaseHTTPRequestHandler):
    """Every path is a page with a worker that writes down what is asked for."""

    def do_GET(self) -> None:
        is_worker = self.path == "/worker.js"
        body = WORKER.encode() if is_worker else b"<!doctype html><title>Worked</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_worker else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def working() -> Iterator[str]:
    """The origin of such pages."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Working)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


ASKED = """async () => {
  const log = await caches.open('log')
  return (await Promise.all((await log.matchAll()).map(answer => answer.text()))).sort()
}"""


async def test_a_service_worker_sees_no_visit(drive: Driving, working: str, site: Site) -> None:
    await drive.context.open(OpenInput(url=f"{working}/"))
    await drive.value(
        "async () => { await navigator.serviceWorker.register('/worker.js');"
        " await navigator.serviceWorker.ready }"
    )
    await drive.context.open(OpenInput(url=f"{working}/second"))
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    before = await drive.value(ASKED)
    assert before == [f"{working}/second"]
    await drive.open("/empty")
    state = await drive.context.capture()
    assert f"databases {working}" in state.parts
    assert [loss.where for loss in state.losses if loss.what == "service_worker"] == [working]
    await drive.context.open(OpenInput(url=f"{working}/third"))
    assert await drive.value(ASKED) == [f"{working}/second", f"{working}/third"]


async def test_rules_of_the_session_are_not_asked_about_a_visit(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    await drive.context.open(OpenInput(url=site.other_origin("/empty")))
    rules = [{"url": "**", "action": "block", "times": 1}]
    await drive.context.perform(RouteInput.model_validate({"rules": rules}))
    state = await drive.context.capture()
    assert f"databases {site.origin}" in state.parts
    assert [loss.what for loss in state.losses] == ["routes"]
    sent = "() => fetch('/json').then(() => 'sent', () => 'refused')"
    assert [await drive.value(sent), await drive.value(sent)] == ["refused", "sent"]


async def test_a_har_has_no_visit_in_it(drive: Driving, site: Site) -> None:
    await drive.open("/form")
    await drive.value(put("one", "write.objectStore('loose').put(1, 'a')"))
    await drive.context.perform(HarInput(action="start"))
    await drive.context.open(OpenInput(url=site.other_origin("/empty")))
    assert f"databases {site.origin}" in (await drive.context.capture()).parts
    done = await drive.context.perform(HarInput(action="stop"))
    blob = done.files["har"]
    assert isinstance(blob, Blob)
    assert isinstance(blob.data, bytes)
    log = json.loads(blob.data)["log"]
    assert [page["title"] for page in log["pages"]] == ["Nothing to act on"]
    assert site.other_origin("/empty") in [entry["request"]["url"] for entry in log["entries"]]
    assert site.origin not in json.dumps(log)
