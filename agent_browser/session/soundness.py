"""What does not fit in a document of state: doubles, and values that no browser would have. Pure.

Its form was checked when it was read (`models.state`).
"""

import base64
import binascii
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from agent_browser.errors import InvalidRequest
from agent_browser.models.state import (
    Cookie,
    Database,
    DatabaseStore,
    NameValue,
    OriginState,
    StateDocument,
    StorageState,
    StoredPath,
    TabState,
)
from agent_browser.session import encoding

Fault = tuple[str, str]
"""A field, and what is wrong with it."""
_DOMAIN = re.compile(r"^\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$|^\[[0-9A-Fa-f:.]+\]$")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SCHEMES = frozenset({"http", "https", "data", "blob"})
_BLANK = frozenset({"", "about:blank", "about:srcdoc"})
_KEY = ("id", "rpId", "userHandle", "privateKey", "publicKey")
MOST_FAULTS = 32
T = TypeVar("T")


def check(document: StorageState, at: str = "") -> None:
    """InvalidRequest that names what does not fit; `at` is where the document is in the request."""
    found = []
    for field, message in faults(document):
        found.append({"field": f"{at}.{field}" if at else field, "message": message})
        if len(found) == MOST_FAULTS:
            break
    if found:
        said = "; ".join(f"{one['field']}: {one['message']}" for one in found[:5])
        raise InvalidRequest(said, found)


def faults(document: StorageState) -> Iterator[Fault]:
    """All that does not fit."""
    yield from _doubled("cookies", document.cookies, _identity)
    for at, cookie in enumerate(document.cookies):
        yield from _under(f"cookies.{at}", _cookie(cookie))
    yield from _doubled("origins", document.origins, lambda one: one.origin, "origin")
    for at, origin in enumerate(document.origins):
        yield from _under(f"origins.{at}", _origin(origin))
    for at, credential in enumerate(document.credentials or ()):
        yield from _under(f"credentials.{at}", _credential(credential))
    if isinstance(document, StateDocument):
        yield from _tabs(document)


def _under(place: str, found: Iterable[Fault]) -> Iterator[Fault]:
    for field, message in found:
        yield f"{place}.{field}", message


def _doubled(
    place: str, items: Iterable[T], identity: Callable[[T], Hashable], field: str = ""
) -> Iterator[Fault]:
    seen: dict[Hashable, int] = {}
    for at, item in enumerate(items):
        first = seen.setdefault(identity(item), at)
        if first != at:
            yield f"{place}.{at}" + (f".{field}" if field else ""), f"the same as {place}.{first}"


def _identity(cookie: Cookie) -> Hashable:
    parts = cookie.partitionKey, cookie.has_cross_site_ancestor
    return (cookie.name, cookie.url, cookie.domain, cookie.path, *parts)


def _cookie(cookie: Cookie) -> Iterator[Fault]:
    if cookie.domain is not None and not _DOMAIN.match(cookie.domain):
        yield "domain", "not a host name"
    if cookie.path is not None and not cookie.path.startswith("/"):
        yield "path", "a path begins with /"
    if not cookie.name and not cookie.value:
        yield "name", "a cookie has a name or a value"
    for field, text in (("name", cookie.name), ("value", cookie.value)):
        if _CONTROL.search(text) or not _is_text(text):
            yield field, "a cookie can't have control characters"
    if cookie.url is not None and not urlsplit(cookie.url).hostname:
        yield "url", "the URL has no host"


def _origin(origin: OriginState) -> Iterator[Fault]:
    yield from _names("localStorage", origin.localStorage)
    databases = origin.indexedDB or []
    yield from _doubled("indexedDB", databases, lambda one: one.name, "name")
    for at, database in enumerate(databases):
        yield from _under(f"indexedDB.{at}", _database(database))
    yield from _files(origin.opfs or [])


def _names(place: str, entries: list[NameValue]) -> Iterator[Fault]:
    yield from _doubled(place, entries, lambda one: one.name, "name")


def _database(database: Database) -> Iterator[Fault]:
    if not 1 <= database.version < 2**63:
        yield "version", "a version is 1 or more"
    yield from _doubled("stores", database.stores, lambda one: one.name, "name")
    for at, store in enumerate(database.stores):
        yield from _under(f"stores.{at}", _store(store))


def _store(store: DatabaseStore) -> Iterator[Fault]:
    if store.keyPath is not None and store.keyPathArray is not None:
        yield "keyPathArray", "a key path is one or several, not both"
    yield from _doubled("indexes", store.indexes, lambda one: one.name, "name")
    for at, index in enumerate(store.indexes):
        if (index.keyPath is None) is (index.keyPathArray is None):
            yield f"indexes.{at}.keyPath", "an index has keyPath or keyPathArray"
    has_path = store.keyPath is not None or store.keyPathArray is not None
    for at, record in enumerate(store.records):
        given = record.model_fields_set
        keys = len(given & {"key", "keyEncoded"})
        if len(given & {"value", "valueEncoded"}) != 1:
            yield f"records.{at}.value", "a record has value or valueEncoded"
        for name in sorted(given & {"keyEncoded", "valueEncoded"}):
            if not encoding.is_sound(getattr(record, name)):
                yield f"records.{at}.{name}", "not an encoded value, or too deep"
        if has_path and keys:
            yield f"records.{at}.key", "the key of a record is in its value here"
        elif not has_path and keys != 1:
            yield f"records.{at}.key", "a record has key or keyEncoded here"


def _files(paths: list[StoredPath]) -> Iterator[Fault]:
    yield from _doubled("opfs", paths, lambda one: one.path, "path")
    files = {one.path for one in paths if one.type == "file"}
    for at, one in enumerate(paths):
        parts = one.path.split("/")
        above = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            yield f"opfs.{at}.path", "names with / between them are wanted"
        elif above & files:
            yield f"opfs.{at}.path", "what it is in is a file"
        if one.type == "file" and not _is_base64(one.base64):
            yield f"opfs.{at}.base64", "the bytes of the file as base64 are wanted"
        if one.type == "directory" and one.base64 is not None:
            yield f"opfs.{at}.base64", "a folder has no bytes"


def _is_base64(text: str | None) -> bool:
    try:
        base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        return False
    return text is not None


def _credential(credential: dict[str, Any]) -> Iterator[Fault]:
    for name in _KEY:
        value = credential.get(name)
        if not isinstance(value, str) or (not value and name != "userHandle"):
            yield name, "a text is wanted"
    count = credential.get("signCount", 0)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < 2**32:
        yield "signCount", "a whole number is wanted"
    for name in credential.keys() - {*_KEY, "signCount"}:
        yield name[:64], "there is no such field"


def _tabs(document: StateDocument) -> Iterator[Fault]:
    yield from _doubled("tabs", document.tabs, lambda one: one.id, "id")
    if document.active is not None and document.active not in {one.id for one in document.tabs}:
        yield "active", "there is no such tab"
    for at, tab in enumerate(document.tabs):
        yield from _under(f"tabs.{at}", _tab(tab))


def _tab(tab: TabState) -> Iterator[Fault]:
    entries = tab.history.entries
    if not _can_be_opened(tab.url):
        yield "url", "not an address that can be opened"
    if not encoding.is_sound(tab.state):
        yield "state", "not an encoded value, or too deep"
    if tab.history.index >= max(1, len(entries)):
        yield "history.index", "there is no such entry"
    for at, entry in enumerate(entries):
        if not _can_be_opened(entry.url):
            yield f"history.entries.{at}.url", "not an address that can be opened"
    yield from _doubled("sessionStorage", tab.sessionStorage, lambda one: one.origin, "origin")
    for at, stored in enumerate(tab.sessionStorage):
        yield from _under(f"sessionStorage.{at}", _names("entries", stored.entries))


def _can_be_opened(url: str) -> bool:
    """As `open` has it, and what a page may come to by itself; never a file of the server's."""
    scheme, colon, _ = url.partition(":")
    if _CONTROL.search(url) or not _is_text(url):
        return False
    return url.lower() in _BLANK or bool(colon and scheme.lower() in _SCHEMES)


def _is_text(text: str) -> bool:
    """Whether UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
