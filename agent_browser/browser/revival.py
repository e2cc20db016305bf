"""What a state has to be brought back: read once, with what is unfit told as lost. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from agent_browser.browser.urls import normalise
from agent_browser.errors import InvalidUrl
from agent_browser.models.checkpoints import (
    COOKIES,
    DATABASES,
    FILES,
    LOCAL,
    PASSKEYS,
    SESSION,
    TABS,
    Loss,
    State,
)
from agent_browser.models.conditions import Origin, Passkey
from agent_browser.models.state import Cookie, NameValue, StoredPath, TabState

MOST_ENTRIES = 50
"""Entries of a tab's history that are brought back."""
BLANK = "about:blank"
_ORIGIN: TypeAdapter[str] = TypeAdapter(Origin)
_ENTRIES = TypeAdapter(list[NameValue])
_PATHS = TypeAdapter(list[StoredPath])
_PASSKEY = {
    "id": "id",
    "rpId": "rp_id",
    "userHandle": "user_handle",
    "privateKey": "private_key",
    "publicKey": "public_key",
    "signCount": "sign_count",
}
_NO_NUMBER = 0
_TAB_ID = re.compile(r"t[0-9]{1,20}")

What = Literal[
    "tab", "page", "history", "cookies", "local_storage", "session_storage", "indexed_db", "files",
    "passkeys", "form", "scroll", "opener",
]  # fmt: skip
_OF_FIELD: dict[str, What] = {
    "fields": "form",
    "scroll": "scroll",
    "opener": "opener",
    "sessionStorage": "session_storage",
}
"""What a tab is without when such a field of its is unfit; else its history."""


@dataclass
class Holding:
    """What an origin has stored."""

    local: list[dict[str, str]] = field(default_factory=list)
    databases: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.local or self.databases or self.files)


@dataclass
class Revived:
    """A tab as it is to be."""

    state: TabState
    entries: list[str]
    """Addresses of its history; none where it is to stay blank."""
    index: int
    """Which of them it is at."""
    session: dict[str, list[dict[str, str]]]
    """sessionStorage by origin."""

    @property
    def url(self) -> str:
        """Where it is to be."""
        return self.entries[self.index] if self.entries else BLANK


@dataclass
class Plan:
    """All of it."""

    cookies: list[dict[str, Any]] = field(default_factory=list)
    passkeys: list[Passkey] = field(default_factory=list)
    origins: dict[str, Holding] = field(default_factory=dict)
    tabs: list[Revived] = field(default_factory=list)
    """By their ids."""
    active: str | None = None
    last_tab: int = 0
    last_ref: int = 0
    losses: list[Loss] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    """Parts of which something was left out."""

    def fit(self, state: State) -> State:
        """The state without the parts of which something was left out."""
        kept = {name: part for name, part in state.parts.items() if name not in self.unfit}
        return State(kept, state.losses)

    def lose(self, what: What, where: str, why: str) -> None:
        self.losses.append(Loss(what=what, where=where[:300], why=why[:500]))


def planned(state: State) -> Plan:
    """The state, as far as it makes sense. Raises nothing for what is in it."""
    plan = Plan()
    for given in _items(plan, state, COOKIES, "cookies"):
        _take_cookie(plan, given)
    for given in _items(plan, state, PASSKEYS, "passkeys"):
        _take_passkey(plan, given)
    for name in state.parts:
        if name.startswith((LOCAL, DATABASES, FILES)):
            before = len(plan.losses)
            _take_holding(plan, state, name)
            if len(plan.losses) > before:
                plan.unfit.add(name)
    _take_tabs(plan, state)
    plan.unfit |= _unfit_sessions(plan, state)
    return plan


def _unfit_sessions(plan: Plan, state: State) -> set[str]:
    """sessionStorage that can't be taken as it is: of tabs that are none, or with nonsense."""
    names = {name for name in state.parts if name.startswith(SESSION)}
    fit = set()
    for tab in plan.tabs:
        name = SESSION + tab.state.id
        lost = any(
            loss.what == "session_storage" and loss.where.split(" ")[0] == tab.state.id
            for loss in plan.losses
        )
        if not lost:
            fit.add(name)
    return names - fit


def origin_of(url: str) -> str | None:
    """The origin of an address, in the form in which browsers write it; None where it has none."""
    if not url.lower().startswith(("http://", "https://")):
        return None
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0]
    return _origin(f"{scheme.lower()}://{host.rpartition('@')[2].lower()}")


def _origin(text: Any) -> str | None:
    try:
        return _ORIGIN.validate_python(text)
    except ValidationError:
        return None


def _value(plan: Plan, state: State, name: str, what: What, default: Any) -> Any:
    """A part's value, if it can be read and is of the default's type."""
    try:
        value = state.value(name, default)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, type(default)):
        return value
    plan.lose(what, name.partition(" ")[2], "it can't be read")
    return default


def _items(plan: Plan, state: State, name: str, what: What) -> Iterator[dict[str, Any]]:
    for item in _value(plan, state, name, what, []):
        if isinstance(item, dict):
            yield item
        else:
            plan.lose(what, name.partition(" ")[2], "it can't be read")


def _take_cookie(plan: Plan, given: dict[str, Any]) -> None:
    try:
        cookie = Cookie.model_validate(given)
    except ValidationError as exc:
        plan.lose("cookies", str(given.get("domain", "")), _fault(exc))
        return
    plan.cookies.append(cookie.model_dump(by_alias=True, exclude_none=True))


def passkey_of(credential: Mapping[str, Any]) -> Passkey:
    """A credential in Playwright's form as an option. ValidationError."""
    named = {ours: credential[theirs] for theirs, ours in _PASSKEY.items() if theirs in credential}
    return Passkey.model_validate(named)


def _take_passkey(plan: Plan, given: dict[str, Any]) -> None:
    try:
        plan.passkeys.append(passkey_of(given))
    except ValidationError as exc:
        plan.lose("passkeys", str(given.get("rpId", "")), _fault(exc, shows_value=False))


def _take_holding(plan: Plan, state: State, name: str) -> None:
    head, _, given = name.partition(" ")
    kinds: dict[str, What] = {
        LOCAL.strip(): "local_storage",
        DATABASES.strip(): "indexed_db",
        FILES.strip(): "files",
    }
    what = kinds[head]
    origin = _origin(given)
    if origin is None:
        plan.lose(what, given, "not an origin")
        return
    value = _value(plan, state, name, what, [])
    holding = plan.origins.setdefault(origin, Holding())
    try:
        if what == "local_storage":
            holding.local = [e.model_dump() for e in _ENTRIES.validate_python(value)]
        elif what == "files":
            holding.files = [p.model_dump(exclude_none=True) for p in _PATHS.validate_python(value)]
        else:
            # Each record is looked at where it is put in.
            holding.databases = [d for d in value if _is_database(d)]
            if len(holding.databases) < len(value):
                plan.lose(what, origin, "some of its databases can't be read")
    except ValidationError as exc:
        plan.lose(what, origin, _fault(exc, shows_value=False))


def _is_database(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and isinstance(given.get("name"), str)
        and isinstance(given.get("version"), int)
        and _are_dicts(given.get("stores", []))
        and all(
            isinstance(store.get("name"), str)
            and _are_dicts(store.get("records", []))
            and _are_dicts(store.get("indexes", []))
            for store in given.get("stores", [])
        )
    )


def _are_dicts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(item, dict) for item in given)


def _take_tabs(plan: Plan, state: State) -> None:
    given = _value(plan, state, TABS, "tab", {})
    listed = given.get("tabs", [])
    found: dict[str, Revived] = {}
    for item in listed if isinstance(listed, list) else []:
        tab = _tab(plan, item)
        if tab is not None and tab.id not in found:
            found[tab.id] = _revived(plan, state, tab)
    plan.tabs = [found[tab_id] for tab_id in sorted(found, key=lambda name: int(name[1:]))]
    active = given.get("active")
    plan.active = active if active in found else next(iter(found), None)
    ids = [int(tab_id[1:]) for tab_id in found]
    plan.last_tab = max([_number(given.get("last_tab")), *ids])
    plan.last_ref = _number(given.get("last_ref"))


def _number(given: Any) -> int:
    """A counter of a state; it may be nonsense, and no number is given out above it."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given < 10**8:
        return given
    return _NO_NUMBER


def _tab(plan: Plan, given: Any) -> TabState | None:
    try:
        return TabState.model_validate(given)
    except ValidationError as exc:
        fault = _fault(exc, shows_value=False)
        told = exc.errors(include_url=False, include_input=False)
        unfit = {str(each["loc"][0]): each["msg"] for each in reversed(told) if each["loc"]}
    if isinstance(given, dict):
        try:
            tab = TabState.model_validate({k: v for k, v in given.items() if k not in unfit})
        except ValidationError:
            pass
        else:
            for name, why in unfit.items():
                shown = name if name in TabState.model_fields else "what no tab has"
                plan.lose(_OF_FIELD.get(name, "history"), tab.id, f"{shown}: {why}")
            return tab
    # Nothing of what a state has is told as it is there: it may be anything.
    tab_id = given.get("id") if isinstance(given, dict) else None
    is_one = isinstance(tab_id, str) and _TAB_ID.fullmatch(tab_id)
    plan.lose("tab", str(tab_id) if is_one else "", fault)
    return None


def _revived(plan: Plan, state: State, tab: TabState) -> Revived:
    entries, index = _history(plan, tab)
    session = {}
    given = _value(plan, state, SESSION + tab.id, "session_storage", [])
    for each in given or [one.model_dump() for one in tab.sessionStorage]:
        origin = _origin(each.get("origin")) if isinstance(each, dict) else None
        try:
            pairs = _ENTRIES.validate_python(each["entries"] if origin is not None else None)
        except (ValidationError, KeyError) as exc:
            why = _fault(exc, shows_value=False) if isinstance(exc, ValidationError) else "nothing"
            plan.lose("session_storage", f"{tab.id} {origin or ''}".strip(), why)
        else:
            if origin is not None and pairs:
                session[origin] = [pair.model_dump() for pair in pairs]
    return Revived(tab, entries, index, session)


def _history(plan: Plan, tab: TabState) -> tuple[list[str], int]:
    """The addresses that a tab can go to, and which it is at."""
    urls = [entry.url for entry in tab.history.entries] or [tab.url]
    index = min(tab.history.index, len(urls) - 1)
    first = max(0, min(index - MOST_ENTRIES * 4 // 5, len(urls) - MOST_ENTRIES))
    if len(urls) > MOST_ENTRIES:
        plan.lose("history", tab.id, f"{len(urls) - MOST_ENTRIES} entries are too many")
    entries: list[str] = []
    at = 0
    for place, url in enumerate(urls[first : first + MOST_ENTRIES], first):
        fit = _fit(url)
        if fit is None:
            what: What = "page" if place == index else "history"
            plan.lose(what, f"{tab.id} {url[:200]}", "such an address can't be opened")
            fit = BLANK if place == index else None
        if fit is None or (fit == BLANK and place != index and entries):
            continue  # a blank page between others
        if place <= index:
            at = len(entries)
        entries.append(fit)
    return entries, at


def _fit(url: str) -> str | None:
    """The address, if it is one that may be opened."""
    if url in ("", ":"):
        return BLANK
    try:
        fit = normalise(url)
    except InvalidUrl:
        return None
    return fit if fit in (url, BLANK) else None


def _fault(exc: ValidationError, *, shows_value: bool = True) -> str:
    fault = exc.errors(include_url=False, include_input=shows_value)[0]
    place = ".".join(str(step) for step in fault["loc"])
    return f"{place}: {fault['msg']}" if place else str(fault["msg"])


def shares(plan: Plan, order: Iterable[Revived]) -> tuple[dict[str, list[str]], list[str]]:
    """Which tab puts in what the origins have stored, being there anyway; and who is left over."""
    rest = {origin for origin, holding in plan.origins.items() if not holding.is_empty}
    shared: dict[str, list[str]] = {}
    for tab in order:
        here = {origin_of(url) for url in tab.entries} | tab.session.keys()
        mine = [origin for origin in plan.origins if origin in rest and origin in here]
        rest.difference_update(mine)
        shared[tab.state.id] = mine
    return shared, [origin for origin in plan.origins if origin in rest]
