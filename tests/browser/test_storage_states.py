"""States as files of Playwright's: what a real Playwright writes and takes, without our browser
room between.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Browser, BrowserContext, StorageState, async_playwright

from agent_browser.models.checkpoints import State
from agent_browser.models.state import StateDocument
from agent_browser.session.documents import from_document, storage_state, to_document
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

FILL = """async () => {
  const wrap = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  document.cookie = 'visible=1; path=/; max-age=3600';
  localStorage.setItem('half', '\\ud83d');
  localStorage.setItem('', 'an empty name');
  const open = indexedDB.open('shelf', 3);
  open.onupgradeneeded = () => {
    const books = open.result.createObjectStore('books', {keyPath: 'id', autoIncrement: true});
    books.createIndex('by', ['author', 'year'], {unique: true});
    open.result.createObjectStore('loose');
  };
  const db = await wrap(open);
  const both = db.transaction(['books', 'loose'], 'readwrite');
  both.objectStore('books').add({author: 'A', year: new Date(86400000)});
  const loose = both.objectStore('loose');
  loose.add(null, 'null');
  loose.add({a: null, list: [1, undefined, NaN]}, new Date(0));
  loose.add(new Map([['k', new Set([1n, new Uint8Array([1, 2])])]]), 'map');
  await new Promise((done) => { both.oncomplete = done; });
  db.close();
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('folder', {create: true});
  const writing = await (await folder.getFileHandle('f', {create: true})).createWritable();
  await writing.write(new Uint8Array([0, 255]));
  await writing.close();
}"""
READ = """async () => {
  const wrap = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const db = await wrap(indexedDB.open('shelf'));
  const both = db.transaction(['books', 'loose']);
  const books = both.objectStore('books'), loose = both.objectStore('loose');
  const index = books.index('by').keyPath;
  const [book, nothing, odd, map] = await Promise.all([
    wrap(books.get(1)), wrap(loose.get('null')), wrap(loose.get(new Date(0))),
    wrap(loose.get('map')),
  ]);
  const root = await navigator.storage.getDirectory();
  const file = await (await (await root.getDirectoryHandle('folder')).getFileHandle('f')).getFile();
  const [inner] = [...map.values()];
  return {
    cookie: document.cookie, half: localStorage.getItem('half').charCodeAt(0),
    empty: localStorage.getItem(''), version: db.version,
    index, year: book.year.getTime(), nothing,
    odd: [odd.a, odd.list[0], odd.list[1] === undefined, Number.isNaN(odd.list[2])],
    map: map.has('k') && inner.has(1n) && [...inner][1].byteLength,
    bytes: [...new Uint8Array(await file.arrayBuffer())],
  };
}"""


@pytest.fixture
async def plain(executable: Path) -> AsyncIterator[Browser]:
    """A browser of Playwright's own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable)
        yield browser
        await browser.close()


async def written(context: BrowserContext) -> Any:
    """The file that Playwright writes, with all that it knows of."""
    state = await context.storage_state(indexed_db=True, opfs=True, credentials=True)
    return json.loads(json.dumps(state))


def read(file: Any) -> State:
    return from_document(StateDocument.model_validate(file))


async def test_a_file_that_playwright_wrote_is_given_back_as_it_was_and_taken_again(
    plain: Browser, site: Site
) -> None:
    context = await plain.new_context()
    await context.credentials.install()
    await context.credentials.create("127.0.0.1")
    page = await context.new_page()
    await page.goto(site.url("/empty.html"))
    await page.evaluate(FILL)
    found = await page.evaluate(READ)
    assert found["bytes"] == [0, 255]
    assert found["map"] == 2
    file = await written(context)
    assert file["credentials"]
    await context.close()

    again = storage_state(read(file))
    assert again == file

    context = await plain.new_context(storage_state=cast("StorageState", again))
    page = await context.new_page()
    await page.goto(site.url("/empty.html"))
    assert await page.evaluate(READ) == found
    assert await written(context) == file
    await context.close()


async def test_a_whole_document_is_taken_by_playwright_too(
    plain: Browser, site: Site, tmp_path: Path
) -> None:
    entries = [{"name": "a", "value": "\ud83d"}]
    document = to_document(
        read(
            {
                "cookies": [{"name": "c", "value": "1", "url": site.url("/")}],
                "origins": [{"origin": site.origin, "localStorage": entries}],
                "tabs": [{"id": "t1", "url": site.url("/"), "sessionStorage": [
                    {"origin": site.origin, "entries": entries}]}],
            }
        )
    )  # fmt: skip
    path = tmp_path / "state.json"
    path.write_text(json.dumps(document.model_dump(by_alias=True, exclude_unset=True)))
    context = await plain.new_context(storage_state=path)
    page = await context.new_page()
    await page.goto(site.url("/empty.html"))
    said = await page.evaluate("[document.cookie, localStorage.getItem('a').charCodeAt(0)]")
    assert said == ["c=1", 0xD83D]
    await context.close()


async def test_what_only_we_encode_is_an_object_without_fields_for_playwright(
    plain: Browser, site: Site
) -> None:
    values = {"blob": {"bl": {"t": "", "b": "AA=="}}, "set": {"se": [1], "id": 1},
              "map": {"m": [["k", {"im": {"w": 1, "h": 1, "b": ""}}]], "id": 1}}  # fmt: skip
    records = [{"key": key, "valueEncoded": value} for key, value in values.items()]
    store = {"name": "loose", "autoIncrement": False, "records": records, "indexes": []}
    database = {"name": "shelf", "version": 1, "stores": [store]}
    told = storage_state(read({"origins": [{"origin": site.origin, "indexedDB": [database]}]}))
    context = await plain.new_context(storage_state=cast("StorageState", told))
    page = await context.new_page()
    await page.goto(site.url("/empty.html"))
    said = await page.evaluate("""() => new Promise((resolve) => {
      indexedDB.open('shelf').onsuccess = ({target}) => {
        const loose = target.result.transaction('loose').objectStore('loose');
        loose.getAll().onsuccess = ({target}) => {
          const [blob, map, set] = target.result;
          resolve([Object.keys(blob), map instanceof Map && typeof map.get('k'), [...set]]);
        };
      };
    })""")
    assert said == [[], "object", [1]]
    await context.close()
