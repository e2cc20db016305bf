"""The function `route`: rules for requests before they leave, over all tabs and popups.

Interception is on only while there are rules; it turns the HTTP cache off.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import anyio
from playwright.async_api import Error, Request, Route

from agent_browser.browser.engine import Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.happenings import told
from agent_browser.browser.translate import is_gone
from agent_browser.errors import InvalidRequest, PayloadTooLarge
from agent_browser.models.globs import Glob
from agent_browser.models.routing import (
    MAX_RULES,
    MAX_RULES_BYTES,
    RouteInput,
    RouteOutput,
    Rule,
    RuleState,
)


@dataclass
class Standing:
    """A rule in force, and how often it was applied."""

    id: str
    rule: Rule
    glob: Glob = field(init=False)
    content: bytes = field(init=False)
    content_type: str | None = field(init=False)
    """Of the answer; None where it is by what asks."""
    matched: int = 0

    def __post_init__(self) -> None:
        self.glob = Glob(self.rule.url)
        self.content = self.rule.content
        self.content_type = _content_type(self.rule, self.content)

    def fits(self, method: str, resource_type: str, address: str) -> bool:
        """Whether it is for such a request."""
        rule = self.rule
        return (
            (rule.times is None or self.matched < rule.times)
            and (rule.methods is None or method in rule.methods)
            and (rule.resource_types is None or resource_type in rule.resource_types)
            and self.glob.matches(address)
        )

    @property
    def state(self) -> RuleState:
        rule = self.rule
        fulfils = rule.action == "fulfil"
        return RuleState(
            id=self.id,
            url=told(rule.url),
            resource_types=list(rule.resource_types) if rule.resource_types else None,
            methods=rule.methods,
            action=rule.action,
            status=(rule.status or 200) if fulfils else None,
            headers=sorted(rule.headers or ()),
            remove_headers=rule.remove_headers or [],
            body_size=len(self.content) if fulfils else None,
            content_type=self.content_type if fulfils else None,
            to=told(rule.to) if rule.to is not None else None,
            delay_ms=rule.delay_ms,
            times=rule.times,
            matched=self.matched,
        )


class Rules:
    """The rules of one context, in the order in which they are tried."""

    def __init__(self, reach: Reach) -> None:
        self._context = reach.context
        self._standing: list[Standing] = []
        self._last = 0
        self._asked: Callable[[str], bool] | None = None
        """Which addresses are asked about; None while nothing is intercepted."""
        self._closed = anyio.Event()

    @classmethod
    def of(cls, reach: Reach) -> Self:
        return cls(reach)

    async def close(self) -> None:
        """Let go of the requests that are held back."""
        self._standing = []
        self._closed.set()

    @property
    def states(self) -> list[RuleState]:
        return [standing.state for standing in self._standing]

    async def put(self, rules: list[Rule], *, replace: bool) -> None:
        """Add them at the end, or in place of those there are."""
        before = [] if replace else self._standing
        if len(before) + len(rules) > MAX_RULES:
            message = f"a session has at most {MAX_RULES} rules"
            raise InvalidRequest(message, [{"field": "rules", "message": message}])
        new = [Standing(f"rule{self._last + n}", rule) for n, rule in enumerate(rules, 1)]
        if sum(len(one.content) for one in (*before, *new)) > MAX_RULES_BYTES:
            raise PayloadTooLarge(MAX_RULES_BYTES)
        self._last += len(new)
        self._standing = [*before, *new]
        await self._switch()

    async def remove(self, ids: list[str]) -> None:
        """Take these away; if one is not there, none is."""
        known = {standing.id for standing in self._standing}
        for id in ids:
            if id not in known:
                message = f"Unknown rule: {id}. The action list tells which there are."
                raise InvalidRequest(message, [{"field": "ids", "message": message}])
        self._standing = [one for one in self._standing if one.id not in ids]
        await self._switch()

    async def clear(self) -> None:
        self._standing = []
        await self._switch()

    async def _switch(self) -> None:
        """Intercept while there are rules, and only then."""
        wanted, asked = bool(self._standing), self._asked
        if wanted and asked is None:
            await self._intercept()
        elif asked is not None and not wanted:
            self._asked = None
            await self._context.unroute(asked, self._apply)

    async def _intercept(self) -> None:
        self._asked = _everything()
        await self._context.route(self._asked, self._apply)

    async def go_first(self) -> None:
        """Be asked before whatever has come to intercept requests since: Playwright asks the
        latest first, and who sends a request itself asks nobody else.
        """
        before = self._asked
        if before is not None:
            await self._intercept()
            await self._context.unroute(before, self._apply)

    async def _apply(self, route: Route, request: Request) -> None:
        found = None
        for standing in self._standing:
            if standing.fits(request.method, request.resource_type, request.url):
                found = standing
                break
        try:
            if found is None:
                await route.fallback()
            else:
                found.matched += 1
                await self._carry_out(found, route, request)
        except Error as exc:
            if not is_gone(exc) and "already handled" not in str(exc):
                with anyio.move_on_after(1.0):
                    await _abort(route)

    async def _carry_out(self, standing: Standing, route: Route, request: Request) -> None:
        rule = standing.rule
        if rule.delay_ms:
            with anyio.move_on_after(rule.delay_ms / 1000):
                await self._closed.wait()
        if rule.action == "block":
            await route.abort("blockedbyclient")
        elif rule.action == "fulfil":
            headers = {name.lower(): value for name, value in (rule.headers or {}).items()}
            if rule.status not in _WITHOUT_BODY:
                headers.setdefault("content-type", standing.content_type or _kind_for(request))
            await route.fulfill(status=rule.status or 200, headers=headers, body=standing.content)
        elif rule.action == "redirect":
            moved = {"location": rule.to or "", **_allowed(await request.all_headers())}
            await route.fulfill(status=307, headers=moved, body="")
        elif rule.action == "headers":
            await route.fallback(headers=_changed(await request.all_headers(), rule))
        else:
            await route.fallback()


async def _abort(route: Route) -> None:
    try:
        await route.abort()
    except Error:
        return  # it was carried out in part: the request has its answer


def _everything() -> Callable[[str], bool]:
    """A new matcher each time: Playwright takes an interception away by it."""

    def matches(_: str) -> bool:
        return True

    return matches


def _changed(headers: dict[str, str], rule: Rule) -> dict[str, str]:
    gone = {name.lower() for name in (*(rule.remove_headers or ()), *(rule.headers or ()))}
    kept = {name: value for name, value in headers.items() if name.lower() not in gone}
    return kept | {name.lower(): value for name, value in (rule.headers or {}).items()}


def _allowed(headers: dict[str, str]) -> dict[str, str]:
    """What lets a page of another origin follow; with cookies, its origin has to be named."""
    origin = headers.get("origin")
    if origin is None:
        return {}
    return {"access-control-allow-origin": origin, "access-control-allow-credentials": "true"}


_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"), (b"<!doctype html", "text/html; charset=utf-8"),
    (b"<html", "text/html; charset=utf-8"), (b"<svg", "image/svg+xml"), (b"<?xml", "text/xml"),
)  # fmt: skip
_LARGE = 200_000
"""Bytes above which JSON is told by its brackets alone."""
_WITHOUT_BODY = (204, 304)
_KINDS = {
    "document": "text/html; charset=utf-8",
    "stylesheet": "text/css; charset=utf-8",
    "script": "text/javascript; charset=utf-8",
    "manifest": "application/manifest+json",
    "eventsource": "text/event-stream",
}


def _content_type(rule: Rule, content: bytes) -> str | None:
    """What is said, else what the body shows it to be."""
    given = {name.lower(): value for name, value in (rule.headers or {}).items()}
    said = rule.content_type or given.get("content-type")
    if said is not None or not content:
        return said
    if "json_body" in rule.model_fields_set:
        return "application/json"
    start = content.lstrip()[:16]
    if start[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for beginning, kind in _BEGINNINGS:
        if start.lower().startswith(beginning.lower()):
            return kind
    if rule.base64 is not None:
        return "application/octet-stream"
    return "application/json" if _is_json(content) else None


def _is_json(content: bytes) -> bool:
    ends = content.lstrip()[:1] + content.rstrip()[-1:]
    if ends not in (b"{}", b"[]") or len(content) > _LARGE:
        return ends in (b"{}", b"[]")
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def _kind_for(request: Request) -> str:
    """What a page would take a text for that it asks for so."""
    return _KINDS.get(request.resource_type, "text/plain; charset=utf-8")


@register(RouteInput)
async def route(reach: Reach, input: RouteInput) -> Done:
    """Change the rules as asked, and tell all of them."""
    rules = reach.part(Rules)
    action = input.wanted
    if action in ("set", "add"):
        await rules.put(input.rules or [], replace=action == "set")
    elif action == "remove":
        await rules.remove(input.ids or [])
    elif action == "clear":
        await rules.clear()
    return Done(RouteOutput(rules=rules.states))


BESIDE.add(RouteInput)
