"""A session that has something of every kind of state; what of it is still there."""

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

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
SIGN = """
(async () => {
  const asked = { challenge: new Uint8Array(32).fill(7), rpId: 'localhost' }
  const got = await navigator.credentials.get({ publicKey: asked })
  const text = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-').replaceAll('/', '_')
  const { authenticatorData, clientDataJSON, signature } = got.response
  return [got.id, text(authenticatorData), text(clientDataJSON), text(signature)]
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
    session.act("tab_new", url=here("/service-worker"))
    session.value("worker.register()")
    session.open(here("/frames"))
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
    session.value("history.replaceState({ step: 3, when: new Date(0) }, ''); 1")


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


def signs_in(session: Session, site: Site) -> bool:
    """Whether a page of the passkey's site gets an answer that the passkey's own key has signed."""
    (key,) = read(session.http.get(f"/v1/sessions/{session.id}/state")).get("credentials") or [{}]
    active = next(tab["id"] for tab in session.snapshot()["tabs"] if tab["active"])
    session.act("tab_new", url=site.other_origin("/empty"))
    try:
        answer = session.value(SIGN)
    finally:
        session.act("tab_close")
        session.act("tab_switch", tab=active)
    if not answer or answer[0] != key.get("id"):
        return False
    about, client, signature = map(_bytes, answer[1:])
    public = load_der_public_key(_bytes(key["publicKey"]))
    assert isinstance(public, EllipticCurvePublicKey)
    try:
        public.verify(signature, about + sha256(client).digest(), ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return _bytes(json.loads(client)["challenge"]) == bytes([7] * 32)


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tells_of_the_worker(session: Session, site: Site) -> bool:
    """Whether it is told that a service worker's registration was lost: by an event of the session,
    or by one of its checkpoints.
    """
    listed = read(session.http.get(f"/v1/sessions/{session.id}/checkpoints"))["items"]
    lost = [loss for one in listed for loss in one["losses"]]
    lost += [loss for event in _events(session) for loss in event.get("lost") or []]
    origin = site.url("").rstrip("/")
    return any((one["what"], one["where"]) == ("service_worker", origin) for one in lost)


def _events(session: Session) -> Iterator[Json]:
    """What was told of the session until now."""
    path = f"/v1/sessions/{session.id}/events?after=0"
    with session.http.stream("GET", path) as answer:
        session.value("console.log('until here'); 1")
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                found: Json = json.loads(value)
                event: Json = found.get("data", found)
                if event.get("text") == "until here":
                    return
                yield event


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
    "`history.state`": expression("[history.state.step, history.state.when.getTime()]", [3, 0]),
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
    "a passkey signs in": signs_in,
    "emulation options": emulation,
}
"""What is looked for, in an order in which looking does not change what comes later."""

NEVER = frozenset({"passwords typed"})
NOT_IN_A_DOCUMENT = frozenset({"emulation options"})
NOT_PLAYWRIGHTS = frozenset(
    {
        "tabs and which is active", "form input", "scroll position", "`history.state`",
        "back and forward",
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

TOLD = frozenset({"idle", "browser crash", "kill -9", "fork"})
"""Columns in which it is told that the registration of a service worker is lost; it is in none."""
