"""What was stored is brought back before any script of a page runs."""

import base64
import time
from typing import Any

import anyio
import pytest
from playwright.async_api import Error

from agent_browser.browser import standin
from agent_browser.browser.backstage import Backstage
from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.checkpoints import Part, State
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import ContextOptions, OpenInput
from tests.browser.driving import Driving
from tests.browser.reviving import brought, of_parts, pairs, tab, tabs_of
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

SEEN = "seen"
LATE = float(int(time.time()) + 86_400)
READ = """async (name) => {
  const wrap = asked => new Promise((done, failed) => {
    asked.onsuccess = () => done(asked.result); asked.onerror = () => failed(asked.error) })
  const open = await wrap(indexedDB.open(name))
  const found = {version: open.version, stores: {}}
  for (const each of open.objectStoreNames) {
    const store = open.transaction(each).objectStore(each)
    found.stores[each] = {
      keyPath: store.keyPath, autoIncrement: store.autoIncrement,
      indexes: [...store.indexNames].map(n => store.index(n)).map(
        i => [i.name, i.keyPath, i.unique, i.multiEntry]),
      keys: await wrap(store.getAllKeys()), values: await wrap(store.getAll()),
    }
  }
  open.close()
  return found
}"""


def o(**values: Any) -> dict[str, Any]:
    return {"o": [{"k": name, "v": value} for name, value in values.items()], "id": 1}


async def test_the_first_script_of_a_page_sees_all_that_was_stored(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    cookie = {"name": "seen", "value": "yes", "domain": "127.0.0.1", "path": "/", "expires": -1}
    url = site.url("/first-script")
    losses = await brought(
        context,
        {
            "cookies": [cookie],
            f"local {site.origin}": pairs(cup="blue", tea="sencha ☕"),
            "tabs": tabs_of(tab(url, site.url("/list"), state=o(step=3))),
            "session t1": [{"origin": site.origin, "entries": pairs(basket="3 pears")}],
        },
    )
    assert losses == ()
    assert await drive.value(SEEN) == {
        "cookie": "seen=yes",
        "local": {"cup": "blue", "tea": "sencha ☕"},
        "session": {"basket": "3 pears"},
        "state": {"step": 3},
        "length": 3,
        "hash": "",
    }
    assert [request.path for request in site.requests] == ["/first-script"]


async def test_cookies_of_all_kinds_come_back_and_one_that_is_refused_is_told(
    context: ChromiumContext, site: Site
) -> None:
    common = {"domain": "127.0.0.1", "path": "/", "expires": -1}
    given = [
        {"name": "session", "value": "1", **common, "httpOnly": True, "sameSite": "Strict"},
        {"name": "late", "value": "2", **common, "expires": LATE, "sameSite": "Lax"},
        {"name": "other", "value": "3", "domain": ".shop.test", "path": "/tea", "expires": -1,
         "secure": True, "sameSite": "None", "partitionKey": "https://top.test",
         "_crHasCrossSiteAncestor": True},
        {"name": "bad;name", "value": "4", **common},
        {"name": "nonsense", "domain": "127.0.0.1"},
    ]  # fmt: skip
    losses = await brought(context, {"cookies": given})
    kept = {cookie["name"]: cookie for cookie in await context._context.cookies()}
    assert set(kept) == {"session", "late", "other"}
    assert kept["session"]["httpOnly"]
    assert kept["session"]["expires"] == -1
    assert kept["session"]["sameSite"] == "Strict"
    assert kept["late"]["expires"] == pytest.approx(LATE, abs=1)
    assert kept["other"]["partitionKey"] == "https://top.test"
    assert kept["other"]["secure"]
    assert kept["other"]["path"] == "/tea"
    assert [(loss.what, loss.where) for loss in losses] == [("cookies", "127.0.0.1")] * 2


async def test_a_database_comes_back_with_its_keys_its_indexes_and_what_json_cannot_hold(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    blob = base64.b64encode(b"bytes").decode()
    value = o(
        id=7,
        at={"d": "2020-01-02T03:04:05.006Z"},
        map={"m": [["a", 1], [{"bi": "2"}, {"ref": 2}]], "id": 2},
        set={"se": [1, "two"], "id": 3},
        blob={"bl": {"t": "text/plain", "b": blob}},
        file={"fi": {"n": "a.txt", "t": "text/plain", "m": 86_400_000, "b": blob}},
        bytes={"ta": {"b": blob, "k": "ui8"}},
        buffer={"ab": {"b": blob}},
        pattern={"r": {"p": "a+", "f": "gi"}},
        error={"e": {"n": "TypeError", "m": "no", "s": "here"}},
        image={"im": {"w": 1, "h": 1, "b": base64.b64encode(bytes([1, 2, 3, 4])).decode()}},
        nan={"v": "NaN"}, zero={"v": "-0"}, none={"v": "undefined"},
    )  # fmt: skip
    database = {
        "name": "shop",
        "version": 4,
        "stores": [
            {
                "name": "inline", "keyPath": "id", "autoIncrement": True,
                "records": [{"valueEncoded": value}],
                "indexes": [
                    {"name": "by", "keyPath": "at", "unique": True, "multiEntry": False},
                    {"name": "two", "keyPathArray": ["id", "at"], "unique": False,
                     "multiEntry": False},
                ],
            },
            {
                "name": "outline", "autoIncrement": False, "indexes": [],
                "records": [
                    {"key": "plain", "value": {"deep": [1, None]}},
                    {"keyEncoded": {"a": [{"d": "2020-01-01T00:00:00.000Z"}, 2], "id": 1},
                     "value": "at"},
                ],
            },
            {"name": "empty", "autoIncrement": True, "indexes": [], "records": []},
        ],
    }  # fmt: skip
    losses = await brought(
        context,
        {
            f"databases {site.origin}": [database],
            "tabs": tabs_of(tab(site.url("/first-script"))),
        },
    )
    assert losses == ()
    found = await drive.value(f"({READ})('shop').then(({{version, stores}}) => [version, stores])")
    version, stores = found
    assert version == 4
    assert stores["inline"]["indexes"] == [
        ["by", "at", True, False],
        ["two", ["id", "at"], False, False],
    ]
    assert stores["inline"]["keyPath"] == "id"
    assert stores["outline"]["values"] == [{"deep": [1, None]}, "at"]
    assert stores["empty"] == {
        "keyPath": None, "autoIncrement": True, "indexes": [], "keys": [], "values": [],
    }  # fmt: skip
    said = await drive.value(
        f"""async () => {{
          const [v] = (await ({READ})('shop')).stores.inline.values
          const {{outline}} = (await ({READ})('shop')).stores
          const [[first, second]] = outline.keys.filter(Array.isArray)
          return [
            v.at.toISOString(), [...v.map.keys()].map(String), v.map.get(2n) === v.map,
            [...v.set], await v.blob.text(), v.blob.type, await v.file.text(), v.file.name,
            v.file.lastModified, v.bytes.constructor.name, v.bytes.length,
            v.buffer.byteLength, String(v.pattern), v.error instanceof TypeError, v.error.message,
            [...v.image.data], Number.isNaN(v.nan), Object.is(v.zero, -0),
            'none' in v && v.none === undefined, first.toISOString(), second,
          ]
        }}"""
    )
    assert said == [
        "2020-01-02T03:04:05.006Z", ["a", "2"], True, [1, "two"], "bytes", "text/plain", "bytes",
        "a.txt", 86_400_000, "Uint8Array", 5, 5, "/a+/gi", True, "no", [1, 2, 3, 4], True, True,
        True, "2020-01-01T00:00:00.000Z", 2,
    ]  # fmt: skip
    next_key = await drive.value(
        """() => new Promise(done => {
          indexedDB.open('shop').onsuccess = ({target}) => {
            const put = target.result.transaction('inline', 'readwrite').objectStore('inline')
              .put({at: new Date()})
            put.onsuccess = () => { target.result.close(); done(put.result) }
          }
        })"""
    )
    assert next_key == 8


async def test_a_database_larger_than_a_message_comes_back_whole(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    records = [{"key": n, "value": f"{n}:" + "x" * 200_000} for n in range(60)]
    store = {"name": "s", "autoIncrement": False, "indexes": [], "records": records}
    losses = await brought(
        context,
        {
            f"databases {site.origin}": [{"name": "big", "version": 1, "stores": [store]}],
            "tabs": tabs_of(tab(site.url("/first-script"))),
        },
    )
    assert losses == ()
    said = await drive.value(
        f"({READ})('big').then(f => f.stores.s.values.map(v => [v.split(':')[0], v.length]))"
    )
    assert said == [[str(n), len(f"{n}:") + 200_000] for n in range(60)]


async def test_records_that_cannot_be_are_told_and_the_others_come_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    records = [
        {"key": 1, "value": "one"},
        {"key": {"not": "a key"}, "value": "two"},
        {"key": 3, "valueEncoded": {"what": "is this"}},
        {"key": 4, "value": "four"},
    ]
    stores = [
        {"name": "s", "autoIncrement": False, "indexes": [], "records": records},
        {"name": "t", "autoIncrement": False, "records": [], "indexes": [{"name": "no path"}]},
    ]
    losses = await brought(
        context,
        {
            f"databases {site.origin}": [
                {"name": "a", "version": 1, "stores": stores},
                {"name": "b", "version": 0, "stores": []},
                {"name": 3},
            ],
            "tabs": tabs_of(tab(site.url("/first-script"))),
        },
    )
    assert {loss.what for loss in losses} == {"indexed_db"}
    assert sum("2 records" in loss.why for loss in losses) == 1
    assert len(losses) == 4
    assert await drive.value(f"({READ})('a').then(f => f.stores.s.values)") == ["one", "four"]


async def test_files_of_an_origin_come_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    losses = await brought(
        context,
        {
            f"files {site.origin}": [
                {"path": "empty", "type": "directory"},
                {"path": "deep/er/a.txt", "type": "file",
                 "base64": base64.b64encode(b"hello").decode()},
                {"path": "none", "type": "file", "base64": ""},
            ],
            "tabs": tabs_of(tab(site.url("/first-script"))),
        },
    )  # fmt: skip
    assert losses == ()
    said = await drive.value(
        """async () => {
          const root = await navigator.storage.getDirectory(), names = []
          for await (const name of root.keys()) names.push(name)
          const er = await (await root.getDirectoryHandle('deep')).getDirectoryHandle('er')
          const file = await (await er.getFileHandle('a.txt')).getFile()
          return [names.sort(), await file.text()]
        }"""
    )
    assert said == [["deep", "empty", "none"], "hello"]


async def test_origins_that_no_tab_shows_have_theirs_and_leave_no_trace(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    other = site.other_origin("")
    losses = await brought(
        context,
        {
            f"local {other}": pairs(here="too"),
            f"local {site.origin}": pairs(here="first"),
            "local http://nowhere.test": pairs(here="also"),
            "local https://safe.test:8443": pairs(here="tls"),
            "tabs": tabs_of(tab(site.url("/first-script"))),
            "session t1": [{"origin": other, "entries": pairs(of="a frame")}],
        },
    )
    assert losses == ()
    seen = await drive.value(SEEN)
    assert (seen["local"], seen["length"]) == ({"here": "first"}, 2)
    assert [request.path for request in site.requests] == ["/first-script"]
    await context.open(_open(site.other_origin("/first-script")))
    seen = await drive.value(SEEN)
    assert (seen["local"], seen["session"]) == ({"here": "too"}, {"of": "a frame"})
    await _fulfilled(context, "http://nowhere.test/")
    assert await drive.value("localStorage.here") == "also"
    await _fulfilled(context, "https://safe.test:8443/")
    assert await drive.value("localStorage.here") == "tls"


async def test_a_state_without_tabs_fills_a_context_that_stays_blank(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    assert await brought(context, {f"local {site.origin}": pairs(cup="blue")}) == ()
    assert (context.page.url, [t.id for t in context.page.tabs]) == ("about:blank", ["t1"])
    assert site.requests == []
    await drive.open("/first-script")
    seen = await drive.value(SEEN)
    assert (seen["local"], seen["length"]) == ({"cup": "blue"}, 2)


async def test_passkeys_come_back(
    chromium: ChromiumBrowser, context: ChromiumContext, drive: Driving, site: Site
) -> None:
    first = await chromium.new_context(ContextOptions())
    try:
        await first.perform(EmulateInput.model_validate({"passkeys": [{"rp_id": "localhost"}]}))
        held = await first._context.credentials.get()
    finally:
        await first.close()
    losses = await brought(context, {"passkeys": [dict(held[0]), {"rpId": "a b"}]})
    assert [loss.what for loss in losses] == ["passkeys"]
    (again,) = await context._context.credentials.get()
    assert {**again, "signCount": 0} == {**held[0], "signCount": 0}


async def test_a_file_that_playwright_wrote_comes_back(
    chromium: ChromiumBrowser, context: ChromiumContext, drive: Driving, site: Site
) -> None:
    first = await chromium.new_context(ContextOptions())
    try:
        writing = Driving(first, site)
        await writing.open("/storage")
        await writing.value("store.write('kept')")
        await writing.value(
            """async () => {
              const file = await (await navigator.storage.getDirectory())
                .getFileHandle('a', {create: true})
              const to = await file.createWritable(); await to.write('of a'); await to.close()
              await new Promise(done => {
                const asked = indexedDB.open('odd', 2)
                asked.onupgradeneeded = () => {
                  const made = asked.result.createObjectStore('s', {keyPath: ['a', 'b']})
                  made.createIndex('i', 'tags', {multiEntry: true})
                  made.put({a: 1, b: 'x', tags: ['p', 'q'], at: new Date(5), n: 1n})
                }
                asked.onsuccess = () => { asked.result.close(); done() }
              })
            }"""
        )
        said: Any = await first._context.storage_state(indexed_db=True, opfs=True)
    finally:
        await first.close()
    (origin,) = said["origins"]
    losses = await brought(
        context,
        {
            "cookies": said["cookies"],
            f"local {site.origin}": origin["localStorage"],
            f"databases {site.origin}": origin["indexedDB"],
            f"files {site.origin}": origin["opfs"],
        },
    )
    assert losses == ()
    await drive.open("/storage")
    assert await drive.value("store.read()") == {
        "cookie": "visible=kept", "local": "kept", "session": None, "indexed": "kept",
        "cached": None,
    }  # fmt: skip
    assert await drive.value(
        f"""async () => {{
          const {{s}} = (await ({READ})('odd')).stores, [value] = s.values
          const file = await (await navigator.storage.getDirectory()).getFileHandle('a')
          return [s.keyPath, s.indexes, value.at.getTime(), String(value.n),
                  await (await file.getFile()).text()]
        }}"""
    ) == [["a", "b"], [["i", "tags", False, True]], 5, "1", "of a"]


@pytest.mark.parametrize(
    "parts",
    [
        {"cookies": "none", "passkeys": 3, "tabs": [], "local http://a.test": {"a": 1}},
        {"cookies": [3, {}], "passkeys": [None], "tabs": {"tabs": "many", "active": 5}},
        {"tabs": {"tabs": [None, {}, {"id": "x"}, {"id": "t1"}, {"id": "t0", "url": "a"}]}},
        {"tabs": {"tabs": [{"id": "t1", "url": "file:///etc/passwd"}], "last_ref": "many"}},
        {"tabs": {"tabs": [{"id": "t1", "url": "http://a", "history": {"index": -1}}]}},
        {"tabs": {"tabs": [{"id": "t1", "url": "javascript:alert(1)", "fields": [1]}]}},
        {"local not an origin": [], "local ": [], "files file:///": [], "databases x": []},
        {"databases http://a.test": [1, {"name": "a", "version": 1, "stores": [1]}]},
        {"session t1": [{"origin": 5}], "tabs": {"tabs": [{"id": "t1", "url": "about:blank"}]}},
    ],
)
async def test_nonsense_is_told_and_nothing_is_raised(
    context: ChromiumContext, parts: dict[str, Any]
) -> None:
    losses = await brought(context, parts)
    assert losses
    assert context.page.url.startswith(("about:blank", "chrome-error:"))


async def test_parts_that_are_no_json_are_told(context: ChromiumContext) -> None:
    good = of_parts({"cookies": []}).parts["cookies"]
    broken = type(good)("cookies", b"{", "0")
    losses = await context.restore(State({"cookies": broken}), within=5)
    assert [loss.what for loss in losses] == ["cookies"]


HALF = "\ud83d"


async def test_values_that_lie_deep_in_one_another_come_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    plain: Any = HALF
    for _ in range(700):
        plain = [plain]
    encoded: Any = HALF
    for number in range(99):
        encoded = {"o": [{"k": "0", "v": encoded}], "id": number + 1}
    records = [{"key": 1, "value": plain}, {"key": 2, "valueEncoded": encoded}]
    store = {"name": "s", "autoIncrement": False, "indexes": [], "records": records}
    with anyio.fail_after(10):
        losses = await brought(
            context,
            {
                f"databases {site.origin}": [{"name": "deep", "version": 1, "stores": [store]}],
                f"local {site.origin}": pairs(cup=HALF),
                "tabs": tabs_of(tab(site.url("/first-script"), state=encoded)),
                "session t1": [{"origin": site.origin, "entries": pairs(basket="3 pears")}],
            },
        )
    assert losses == ()
    inmost = "(v => { let n = 0; while (typeof v === 'object') { v = v[0]; n++ } return [n, v] })"
    assert await drive.value(
        f"""async () => {{
          const {{values}} = (await ({READ})('deep')).stores.s
          const told = [...values, history.state].map({inmost})
          return told.map(([n, v]) => [n, v.charCodeAt(0)])
            .concat(localStorage.cup.charCodeAt(0), sessionStorage.basket)
        }}"""
    ) == [[700, 0xD83D], [99, 0xD83D], [99, 0xD83D], 0xD83D, "3 pears"]


async def test_what_is_too_deep_for_us_is_told_and_the_rest_comes_back(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    record = '{"key":1,"value":' + "[" * 3_000 + "]" * 3_000 + "}"
    text = '[{"name":"d","version":1,"stores":[{"name":"s","autoIncrement":false,"indexes":[],'
    part = Part(f"databases {site.origin}", f'{text}"records":[{record}]}}]}}]'.encode(), "0")
    state = of_parts(
        {
            "tabs": tabs_of(tab(site.url("/first-script"))),
            "session t1": [{"origin": site.origin, "entries": pairs(of="t1")}],
        }
    ).with_parts([part])
    with anyio.fail_after(10):
        losses = await context.restore(state, within=20)
    assert [(loss.what, loss.where) for loss in losses] == [("indexed_db", site.origin)]
    assert (await drive.value(SEEN))["session"] == {"of": "t1"}


async def test_nothing_is_put_into_a_document_of_another_origin(
    context: ChromiumContext, drive: Driving, site: Site
) -> None:
    await drive.open("/empty")
    session = await context._tabs.active.worlds.session()
    tree = await session.send("Page.getFrameTree")
    frame = tree["frameTree"]["frame"]["id"]
    message = {"local": pairs(a="b"), "session": pairs(a="b"), "state": 5}
    with pytest.raises(Error, match="another origin"):
        await standin.put(session, frame, "put", {**message, "origin": site.other_origin("")})
    seen = "[localStorage.length, sessionStorage.length, history.state]"
    assert await drive.value(seen) == [0, 0, None]
    assert await standin.put(session, frame, "put", {**message, "origin": site.origin}) == []
    assert await drive.value(seen) == [1, 1, 5]


async def test_of_errors_of_the_browser_only_the_name_is_told(
    context: ChromiumContext, site: Site
) -> None:
    entries = pairs(diary="x" * 6_000_000)
    losses = await brought(
        context,
        {
            f"local {site.origin}": entries,
            "tabs": tabs_of(tab(site.url("/first-script"))),
            "session t1": [{"origin": site.origin, "entries": entries}],
        },
    )
    assert {(loss.what, loss.where, loss.why) for loss in losses} == {
        ("local_storage", site.origin, "1 entries: QuotaExceededError"),
        ("session_storage", f"t1 {site.origin}", "1 entries: QuotaExceededError"),
    }


HANGS = "() => new Promise(() => {})"
BREAKS = "() => { throw new Error('no') }"


@pytest.mark.parametrize("how", [HANGS, BREAKS])
async def test_what_could_not_be_put_in_is_told_and_is_saved_until_its_origin_stores_something(
    chromium: ChromiumBrowser,
    context: ChromiumContext,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    store = {"name": "s", "autoIncrement": False, "indexes": [], "records": [{"key": 1}]}
    other = site.other_origin("")
    given = of_parts(
        {
            f"local {site.origin}": pairs(cup="blue"),
            f"databases {site.origin}": [{"name": "d", "version": 1, "stores": [store]}],
            f"files {site.origin}": [{"path": "a", "type": "directory"}],
            f"local {other}": pairs(cup="red"),
            "tabs": tabs_of(tab(site.url("/first-script"), site.url("/list"))),
            "session t1": [{"origin": site.origin, "entries": pairs(of="t1")}],
        }
    )
    with monkeypatch.context() as patch:
        patch.setattr(standin, "source", lambda: how)
        patch.setattr(standin, "PUT_BOUND", 0.2)
        losses = await context.restore(given, within=20)
    assert sorted((loss.what, loss.where) for loss in losses) == sorted(
        [
            ("files", site.origin), ("indexed_db", site.origin), ("local_storage", other),
            ("local_storage", site.origin), ("session_storage", f"t1 {site.origin}"),
        ]
    )  # fmt: skip
    drive = Driving(context, site)
    assert (await drive.value(SEEN))["local"] == {}
    for thorough in (False, True, False):
        state = await context.capture(thorough=thorough)
        kept = {name for name in given.parts if name != "tabs"}
        assert {name for name in kept if state.parts.get(name) == given.parts[name]} == kept
    second = await chromium.new_context(ContextOptions())
    try:
        assert await second.restore(state, within=20) == ()
        seen = await Driving(second, site).value(SEEN)
        assert (seen["local"], seen["session"]) == ({"cup": "blue"}, {"of": "t1"})
    finally:
        await second.close()
    await drive.value("localStorage.cup = 'green'; sessionStorage.of = 'now'")
    state = await context.capture(thorough=False)
    assert state.value(f"local {site.origin}") == pairs(cup="green")
    assert [each["entries"] for each in state.value("session t1")] == [pairs(of="now")]
    await drive.value("localStorage.clear()")
    state = await context.capture(thorough=False)
    assert f"local {site.origin}" not in state.parts
    assert f"databases {site.origin}" in state.parts


async def test_an_origin_that_fails_takes_no_other_with_it(
    context: ChromiumContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Backstage.visit

    async def failing(self: Backstage, origin: str) -> str:
        if origin == "http://b.test":
            raise Error("it does not want to")
        return await visit(self, origin)

    monkeypatch.setattr(Backstage, "visit", failing)
    origins = ("http://a.test", "http://b.test", "http://c.test")
    losses = await brought(context, {f"local {each}": pairs(of=each) for each in origins})
    assert [(loss.what, loss.where) for loss in losses] == [("local_storage", "http://b.test")]
    await _fulfilled(context, "http://c.test/")
    page = context._tabs.active.page
    assert await page.evaluate("localStorage.of") == "http://c.test"


def _open(url: str) -> Any:
    return OpenInput(url=url)


async def _fulfilled(context: ChromiumContext, url: str) -> None:
    """A page of a site that is not there."""
    page = context._tabs.active.page
    await page.route("**/*", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    await page.goto(url)
    await page.unroute_all()
