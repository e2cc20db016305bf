"""States as documents that callers get and give, and as Playwright's storage_state; logins apart
from the tabs; one state over another. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic import ValidationError

from agent_browser.errors import CheckpointUnusable
from agent_browser.models.checkpoints import (
    COOKIES,
    DATABASES,
    FILES,
    LOCAL,
    OPTIONS,
    PASSKEYS,
    SECRETS,
    SESSION,
    TABS,
    Part,
    State,
)
from agent_browser.models.state import (
    Cookie,
    OriginState,
    StateDocument,
    StorageState,
)
from agent_browser.session import encoding, soundness

_STORED = {LOCAL: "localStorage", DATABASES: "indexedDB", FILES: "opfs"}
"""What a state has of an origin: heads of parts, and fields of a document."""
_USUAL = {"expires": -1, "httpOnly": False, "secure": False, "sameSite": "Lax"}
"""What a cookie is unless it says otherwise."""
FIRST_TAB = "t1"


def to_document(state: State) -> StateDocument:
    """A state as its document. CheckpointUnusable for one that is no state."""
    try:
        return StateDocument.model_validate(_document(state))
    except (
        ValidationError,
        TypeError,
        ValueError,
        AttributeError,
        KeyError,
        RecursionError,
    ) as exc:
        raise CheckpointUnusable(
            f"what was saved has another form than expected{_where(exc)}"
        ) from exc


def from_document(document: StorageState, at: str = "") -> State:
    """A document, or a file of Playwright's, as a state. InvalidRequest names what does not fit;
    `at` is where it is in the request.
    """
    soundness.check(document, at)
    parts = [Part.of(COOKIES, [_stored_cookie(one) for one in document.cookies])]
    if document.credentials:
        parts.append(Part.of(PASSKEYS, document.credentials))
    for origin in document.origins:
        said = origin.model_dump(by_alias=True, exclude_none=True)
        if said.get("indexedDB"):
            said["indexedDB"] = encoding.in_databases(said["indexedDB"], encoding.as_ours)
        parts += [
            Part.of(head + origin.origin, said[field])
            for head, field in _STORED.items()
            if said.get(field)
        ]
    if isinstance(document, StateDocument) and document.tabs:
        parts += _tab_parts(document)
    return State({part.name: part for part in parts})


def storage_state(given: State | StorageState) -> dict[str, Any]:
    """Just what Playwright's own storage_state has, and takes. What it can't hold is as it would
    have it: a Blob in a database becomes an object without fields.
    """
    document = to_document(given) if isinstance(given, State) else given
    told: dict[str, Any] = {
        "cookies": [_USUAL | _stored_cookie(one) for one in document.cookies],
        "origins": [_playwright_origin(one) for one in document.origins],
    }
    if document.credentials:
        told["credentials"] = document.credentials
    return told


def login(state: State) -> State:
    """What a profile keeps of a session: cookies, passkeys, and what origins have stored; no tabs
    and no history. Sessions that start from it have one blank tab, and in it what the active tab
    had in sessionStorage; of origins of which that one had nothing, what another had.
    """
    kept = {
        name: part
        for name, part in state.parts.items()
        if name in (COOKIES, PASSKEYS, SECRETS) or name.startswith(tuple(_STORED))
    }
    stored = _session_storage(state)
    login = State(kept, state.losses)
    if not stored:
        return login
    tabs = {"active": FIRST_TAB, "last_tab": 1, "last_ref": 0, "tabs": [
        {"id": FIRST_TAB, "url": "about:blank", "title": ""}
    ]}  # fmt: skip
    return login.with_parts([Part.of(TABS, tabs), Part.of(SESSION + FIRST_TAB, stored)])


def over(state: State, upper: State) -> State:
    """A state with another laid over it: its cookies, entries, databases and files take the place
    of those of the same name; its tabs, if it has any, of all the tabs.
    """
    parts = dict(state.parts)
    if TABS in upper.parts:
        gone = [name for name in parts if name == TABS or name.startswith(SESSION)]
        for name in gone:
            del parts[name]
    laid = []
    for name, part in upper.parts.items():
        identity = _identity_in(name)
        below = parts.get(name)
        if below is None or identity is None:
            laid.append(part)
        else:
            laid.append(Part.of(name, _laid(below.value, part.value, identity)))
    return State(parts, (*state.losses, *upper.losses)).with_parts(laid)


def without_options(state: State) -> State:
    """The state without the options that its session had."""
    return State({n: part for n, part in state.parts.items() if n != OPTIONS}, state.losses)


def _document(state: State) -> dict[str, Any]:
    tabs = state.value(TABS, {})
    stored = state.named(SESSION)
    document: dict[str, Any] = {
        "version": 1,
        "cookies": state.value(COOKIES, []),
        "origins": _origins(state),
        "tabs": [
            {**tab, "sessionStorage": stored[tab["id"]]} if tab["id"] in stored else tab
            for tab in tabs.get("tabs", [])
        ],
    }
    if PASSKEYS in state.parts:
        document["credentials"] = state.value(PASSKEYS)
    if tabs.get("active") is not None:
        document["active"] = tabs["active"]
    return document


def _origins(state: State) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for head, field in _STORED.items():
        for origin, stored in state.named(head).items():
            value = stored
            if head == DATABASES:
                value = encoding.in_databases(stored, encoding.as_playwrights)
            found.setdefault(origin, {"origin": origin, "localStorage": []})[field] = value
    return [found[origin] for origin in sorted(found)]


def _tab_parts(document: StateDocument) -> Iterable[Part]:
    tabs = [tab.model_dump(by_alias=True, exclude_none=True) for tab in document.tabs]
    for tab in tabs:
        stored = tab.pop("sessionStorage")
        if stored:
            yield Part.of(SESSION + tab["id"], stored)
    last = max(int(tab.id[1:]) for tab in document.tabs)
    active = document.active or document.tabs[0].id
    yield Part.of(TABS, {"active": active, "last_tab": last, "last_ref": 0, "tabs": tabs})


def _stored_cookie(cookie: Cookie) -> dict[str, Any]:
    """For a domain and a path, as browsers keep it."""
    said = cookie.model_dump(by_alias=True, exclude_none=True)
    url = said.pop("url", None)
    if url is not None:
        parts = urlsplit(url)
        said |= {"domain": parts.hostname, "path": parts.path[: parts.path.rfind("/") + 1] or "/"}
        said["secure"] = parts.scheme == "https"
    return said


def _playwright_origin(origin: OriginState) -> dict[str, Any]:
    said = origin.model_dump(by_alias=True, exclude_none=True) | {"origin": origin.origin}
    if "indexedDB" in said:
        said["indexedDB"] = encoding.in_databases(said["indexedDB"], encoding.only_playwrights)
    return said


def _session_storage(state: State) -> list[dict[str, Any]]:
    """What its tabs have in sessionStorage by origin, the active tab's before that of others."""
    tabs, stored = state.value(TABS, {}), state.named(SESSION)
    active = tabs.get("active")
    order = [active, *(tab.get("id") for tab in tabs.get("tabs", []) if tab.get("id") != active)]
    found: dict[str, dict[str, Any]] = {}
    for tab in order:
        for one in stored.get(tab, []):
            if one.get("entries"):
                found.setdefault(one["origin"], one)
    return [found[origin] for origin in sorted(found)]


def _identity_in(part: str) -> tuple[str, ...] | None:
    """What makes an item of that part one; None where it is taken as a whole."""
    if part == COOKIES:
        return ("name", "domain", "path", "partitionKey", "_crHasCrossSiteAncestor")
    if part == PASSKEYS:
        return ("id",)
    if part.startswith((LOCAL, DATABASES)):
        return ("name",)
    return ("path",) if part.startswith(FILES) else None


def _laid(
    below: list[dict[str, Any]], upper: list[dict[str, Any]], identity: tuple[str, ...]
) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for item in (*below, *upper):
        found[tuple(item.get(name) for name in identity)] = item
    return cast("list[dict[str, Any]]", list(found.values()))


def _where(exc: Exception) -> str:
    """Which part, and never what is in it."""
    if not isinstance(exc, ValidationError):
        return ""
    names = [".".join(str(part) for part in fault["loc"][:4]) for fault in exc.errors()[:3]]
    return ": " + ", ".join(names)
