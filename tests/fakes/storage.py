"""The fake's storage, cookies and messages: kept by origin, and gone with the context."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from agent_browser.browser.engine import Done
from agent_browser.errors import InvalidRequest, NotFound, PayloadTooLarge
from agent_browser.models.cookies import CookiesInput, CookiesOutput, CookieState
from agent_browser.models.messages import MessagesInput, MessagesOutput
from agent_browser.models.storage import MAX_VALUE, Entry, StorageInput, StorageOutput, parsed
from tests.fakes.tab import FakeTab


@dataclass
class _Kept:
    entries: dict[tuple[str, str], dict[str, Entry]] = field(default_factory=dict)
    cookies: list[CookieState] = field(default_factory=list)
    recording: bool = False


_KEPT: WeakKeyDictionary[FakeTab, _Kept] = WeakKeyDictionary()


def _kept(tab: FakeTab) -> _Kept:
    return _KEPT.setdefault(tab, _Kept())


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": field, "message": message}])


def storage(tab: FakeTab, input: StorageInput) -> Done:
    """One frame, one tab; what has expired is not there."""
    place = urlsplit(tab.page.url)
    own = f"{place.scheme}://{place.netloc}"
    if input.frame not in (None, 0):
        raise _wrong("frame", f"there is no frame {input.frame}; the frames are 0 {tab.page.url}")
    if input.tab not in (None, "active", "t1"):
        raise _wrong("tab", f"Unknown tab: {input.tab}. Open tabs: t1")
    if input.area == "session" and input.origin not in (None, own):
        raise _wrong("origin", f"no document of {input.origin} is open in this session")
    origin = input.origin or own
    now = datetime.now(UTC)
    entries = _kept(tab).entries.setdefault((input.area, origin), {})
    for key in [k for k, e in entries.items() if e.expires is not None and e.expires <= now]:
        del entries[key]
    key = input.key or ""
    output = StorageOutput(area=input.area, origin=origin, tab="t1" if origin == own else None)
    if input.action == "put":
        if len(key) + len(input.text) > MAX_VALUE:
            raise PayloadTooLarge(MAX_VALUE)
        lasts = input.expires_in
        before = entries.get(key)
        entries[key] = output.entry = Entry(
            key=key,
            value=input.text,
            parsed=parsed(input.text),
            type="persistent" if input.area == "local" else "temporary",
            created=before.created if before is not None else now,
            expires=None if lasts is None else now + timedelta(seconds=lasts),
        )
    elif input.action == "get":
        if key not in entries:
            raise NotFound(f"there is no entry {key!r} in the {input.area} storage of {origin}")
        output.entry = entries[key]
    elif input.action == "delete":
        output.removed = int(entries.pop(key, None) is not None)
    else:
        found = sorted(key for key in entries if key.startswith(input.prefix or ""))
        if input.action == "clear":
            for key in found:
                del entries[key]
            output.removed = len(found)
        else:
            _list(input, found, entries, output)
    return Done(output)


def _list(
    input: StorageInput, found: list[str], entries: dict[str, Entry], output: StorageOutput
) -> None:
    after = "" if input.cursor is None else base64.urlsafe_b64decode(input.cursor).decode()
    left = [key for key in found if input.cursor is None or key > after]
    output.total = len(found)
    output.entries = [entries[key] for key in left[: input.limit]]
    if len(left) > input.limit:
        output.next_cursor = base64.urlsafe_b64encode(left[input.limit - 1].encode()).decode()


def cookies(tab: FakeTab, input: CookiesInput) -> Done:
    """By name, domain and path."""
    kept, action = _kept(tab), input.wanted
    if action == "set":
        for one in input.given:
            made = CookieState(
                name=one.name, value=one.value,
                domain=one.domain or urlsplit(one.url or "").hostname or "", path=one.path or "/",
                expires=one.expires or -1, httpOnly=bool(one.httpOnly), secure=bool(one.secure),
                sameSite=one.sameSite, partitionKey=one.partitionKey,
            )  # fmt: skip
            kept.cookies = [old for old in kept.cookies if _id(old) != _id(made)] + [made]
        return Done(CookiesOutput(changed=len(input.given), total=len(kept.cookies)))
    fits = [
        one
        for one in kept.cookies
        if all(
            getattr(input, name) in (None, getattr(one, name))
            for name in ("name", "domain", "path")
        )
        and (input.url is None or urlsplit(input.url).hostname == one.domain.lstrip("."))
    ]
    if action == "list":
        return Done(CookiesOutput(cookies=fits, total=len(kept.cookies)))
    kept.cookies = [one for one in kept.cookies if one not in fits]
    return Done(CookiesOutput(changed=len(fits), total=len(kept.cookies)))


def _id(one: CookieState) -> tuple[str, str, str]:
    return one.name, one.domain, one.path


def messages(tab: FakeTab, input: MessagesInput) -> Done:
    """Its pages send nothing."""
    kept = _kept(tab)
    if input.action in ("start", "stop"):
        kept.recording = input.action == "start"
    output = MessagesOutput(recording=kept.recording)
    if input.action == "list":
        if int(input.cursor or 0) > 0:
            raise _wrong("cursor", "a cursor is what `next_cursor` said")
        output.next_cursor = "0"
    return Done(output)
