"""A session that has something of every kind of state; what of it is still there."""

import time
from collections.abc import Callable
from typing import Any

from tests.end_to_end.remote import Json, Session, read
from tests.site import Site

STORE = """
(async () => {
  const WHO = %r
  localStorage.setItem('token', WHO)
  const open = indexedDB.open('library', 3)
  open.onupgradeneeded = () => {
    const books = open.result.createObjectStore('books', { keyPath: 'isbn' })
    books.createIndex('by_author', 'author', { unique: false })
    open.result.createObjectStore('loose', { autoIncrement: true })
  }
  await new Promise((yes, no) => { open.onsuccess = yes; open.onerror = no })
  const write = open.result.transaction(['books', 'loose'], 'readwrite')
  write.objectStore('books').put({
    isbn: '1', author: 'Ada', when: new Date(0), blob: new Blob(['of ' + WHO], { type: 'text/x' }),
    map: new Map([['a', new Set([1])]]), bytes: new Uint8Array([1, 2]),
  })
  write.objectStore('loose').add('first')
  await new Promise(yes => { write.oncomplete = yes })
  open.result.close()
  const folder = await navigator.storage.getDirectory()
  const inner = await folder.getDirectoryHandle('inner', { create: true })
  const file = await inner.getFileHandle('note.txt', { create: true })
  const stream = await file.createWritable()
  await stream.write('for ' + WHO)
  await stream.close()
  return 1
})()
"""
DATABASE = """
(async () => {
  const open = indexedDB.open('library')
  await new Promise((yes, no) => { open.onsuccess = yes; open.onerror = no })
  if (!open.result.objectStoreNames.length) return null
  const read = open.result.transaction(['books', 'loose'])
  const ask = request => new Promise(yes => { request.onsuccess = () => yes(request.result) })
  const book = await ask(read.objectStore('books').index('by_author').get('Ada'))
  const keys = await ask(read.objectStore('loose').getAllKeys())
  const version = open.result.version
  open.result.close()
  return [version, keys, book.when.getTime(), await book.blob.text(), book.blob.type,
          [...book.map.get('a')], [...book.bytes]]
})()
"""
FILE = """
(async () => {
  const folder = await navigator.storage.getDirectory()
  const inner = await folder.getDirectoryHandle('inner')
  return (await (await (await inner.getFileHandle('note.txt')).getFile()).text())
})().catch(() => null)
"""
LATER = int(time.time()) + 30 * 86_400
HERE, THERE = "here", "there"
"""What the site's origin and the other one store."""


def furnish(session: Session, site: Site) -> None:
    """Something of every kind. The session has two tabs then, and the first is active."""
    here, there = site.url, site.other_origin
    session.open(there("/empty"))
    session.value(STORE % THERE)
    session.value("sessionStorage.setItem('tab', 'there in t1'); 1")
    session.open(here("/form"))
    session.value(STORE % HERE)
    session.value("sessionStorage.setItem('tab', 'first'); 1")
    set_cookies(session, site)
    session.act("tab_new", url=here("/frames"))
    session.value("sessionStorage.setItem('tab', 'second'); 1")
    session.call("storage", action="put", area="local", key="of-frame", value="kept",
                 origin=there("").rstrip("/"))  # fmt: skip
    session.act("tab_switch", tab="t1")
    session.call("emulate", passkeys=[{"rp_id": "localhost"}], timezone="Asia/Tokyo",
                 color_scheme="dark", width=900, height=700)  # fmt: skip
    session.open(here("/page-scroll"))
    session.act("back")
    session.snapshot()
    session.act("fill", session.ref("Name"), text="Ada Lovelace")
    session.act("fill", session.ref("Password"), text="hunter2")
    session.value("scrollTo(0, 150); 1")


def set_cookies(session: Session, site: Site) -> None:
    host = "127.0.0.1"
    common: Json = {"domain": host, "path": "/", "value": "1"}
    given: list[Json] = [
        {**common, "name": "lasting", "expires": LATER},
        {**common, "name": "passing"},
        {**common, "name": "hidden", "httpOnly": True},
        {**common, "name": "strict", "sameSite": "Strict"},
        {**common, "name": "none", "sameSite": "None", "secure": True},
        {**common, "name": "parted", "sameSite": "None", "secure": True,
         "partitionKey": "https://example.com"},
    ]  # fmt: skip
    session.call("cookies", action="set", cookies=given)


def cookie(name: str, **facts: Any) -> Callable[[Session, Site], bool]:
    """Whether that cookie is there, with these facts."""

    def is_there(session: Session, site: Site) -> bool:
        listed = session.call("cookies", action="list")["cookies"]
        found = [one for one in listed if one["name"] == name]
        return len(found) == 1 and all(found[0].get(key) == facts[key] for key in facts)

    return is_there


def expression(code: str, wanted: Any) -> Callable[[Session, Site], bool]:
    """Whether code in the active page comes to that."""
    return lambda session, site: bool(session.value(code) == wanted)


def at_other(code: str, wanted: Any) -> Callable[[Session, Site], bool]:
    """The same in a page of the other origin, in a tab that is opened for it."""

    def comes_to(session: Session, site: Site) -> bool:
        active = next(tab["id"] for tab in session.snapshot()["tabs"] if tab["active"])
        session.act("tab_new", url=site.other_origin("/empty"))
        try:
            return bool(session.value(code) == wanted)
        finally:
            session.act("tab_close")
            session.act("tab_switch", tab=active)

    return comes_to


def second_tab(session: Session, site: Site) -> bool:
    session.act("tab_switch", tab="t2")
    try:
        return bool(session.value("sessionStorage.tab") == "second")
    finally:
        session.act("tab_switch", tab="t1")


def left_session_storage(session: Session, site: Site) -> bool:
    """What an origin that the tab has left put into the tab's sessionStorage."""
    session.act("back")
    try:
        return bool(session.value("sessionStorage.tab") == "there in t1")
    finally:
        session.act("forward")


def history(session: Session, site: Site) -> bool:
    was = [session.act("forward")["url"], session.act("back")["url"]]
    was += [session.act("back")["url"], session.act("forward")["url"]]
    paths = ["/page-scroll", "/form", "", "/form"]
    wanted = [site.url(path) for path in paths]
    wanted[2] = site.other_origin("/empty")
    return was == wanted


def tabs(session: Session, site: Site) -> bool:
    listed = session.snapshot()["tabs"]
    told = [(tab["id"], tab["url"], tab["active"]) for tab in listed]
    return told == [("t1", site.url("/form"), True), ("t2", site.url("/frames"), False)]


def passkeys(session: Session, site: Site) -> bool:
    document = read(session.http.get(f"/v1/sessions/{session.id}/state"))
    return [one["rpId"] for one in document.get("credentials") or []] == ["localhost"]


def emulation(session: Session, site: Site) -> bool:
    told = session.value(
        "[Intl.DateTimeFormat().resolvedOptions().timeZone,"
        " matchMedia('(prefers-color-scheme: dark)').matches, innerWidth, innerHeight]"
    )
    return bool(told == ["Asia/Tokyo", True, 900, 700])


KINDS: dict[str, Callable[[Session, Site], bool]] = {
    "tabs and which is active": tabs,
    "form input": expression("document.querySelector('[name=name]').value", "Ada Lovelace"),
    "passwords typed": expression("document.querySelector('[type=password]').value", "hunter2"),
    "scroll position": expression("scrollY", 150),
    "back and forward": history,
    "cookies with an expiry": cookie("lasting", expires=LATER),
    "session cookies": cookie("passing", expires=-1),
    "HttpOnly cookies": cookie("hidden", httpOnly=True),
    "SameSite cookies": lambda session, site: (
        cookie("strict", sameSite="Strict")(session, site)
        and cookie("none", sameSite="None", secure=True)(session, site)
    ),
    "partitioned cookies": cookie("parted", partitionKey="https://example.com"),
    "localStorage": expression("localStorage.token", HERE),
    "localStorage of an origin that was left": at_other("localStorage.token", THERE),
    "localStorage of an iframe's origin": at_other("localStorage.getItem('of-frame')", "kept"),
    "sessionStorage": expression("sessionStorage.tab", "first"),
    "sessionStorage of another tab": second_tab,
    "sessionStorage of an origin that the tab left": left_session_storage,
    "IndexedDB: dates, blobs, maps, keys, indexes": expression(
        DATABASE, [3, [1], 0, f"of {HERE}", "text/x", [1], [1, 2]]
    ),
    "IndexedDB of an origin that was left": at_other(
        DATABASE, [3, [1], 0, f"of {THERE}", "text/x", [1], [1, 2]]
    ),
    "files of the origin (OPFS)": expression(FILE, f"for {HERE}"),
    "files of an origin that was left": at_other(FILE, f"for {THERE}"),
    "passkeys": passkeys,
    "emulation options": emulation,
}
"""What is looked for, in an order in which looking does not change what comes later."""

NEVER = frozenset({"passwords typed"})
NOT_IN_A_DOCUMENT = frozenset({"emulation options"})
NOT_PLAYWRIGHTS = frozenset(
    {
        "tabs and which is active", "form input", "scroll position", "back and forward",
        "sessionStorage", "sessionStorage of another tab",
        "sessionStorage of an origin that the tab left",
        "IndexedDB: dates, blobs, maps, keys, indexes", "IndexedDB of an origin that was left",
    }
)  # fmt: skip
"""Kinds that Playwright's own file has no place for; of databases, blobs and maps."""
COLUMNS = {
    "idle": NEVER,
    "browser crash": NEVER,
    "kill -9": NEVER,
    "fork": NEVER,
    "export": NEVER | NOT_IN_A_DOCUMENT,
    "Playwright's file": NEVER | NOT_IN_A_DOCUMENT | NOT_PLAYWRIGHTS,
}
"""The columns of the table, and what is not there in each."""
