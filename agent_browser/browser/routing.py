"""The function `route`: rules for requests before they leave, over all tabs and popups.

Interception is on only while there are rules; it turns the HTTP cache off.
"""

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
    matched: int = 0

    def __post_init__(self) -> None:
        self.glob = Glob(self.rule.url)
        self.content = self.rule.content

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
            content_type=_content_type(rule) if fulfils else None,
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
        self._intercepts = False
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
        wanted = bool(self._standing)
        if wanted and not self._intercepts:
            await self._context.route(_everything, self._apply)
        elif self._intercepts and not wanted:
            await self._context.unroute(_everything, self._apply)
        self._intercepts = wanted

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
            headers.setdefault("content-type", _content_type(rule))
            await route.fulfill(status=rule.status or 200, headers=headers, body=standing.content)
        elif rule.action == "redirect":
            moved = {"location": rule.to or "", "access-control-allow-origin": "*"}
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


def _everything(_: str) -> bool:
    return True


def _changed(headers: dict[str, str], rule: Rule) -> dict[str, str]:
    gone = {name.lower() for name in (*(rule.remove_headers or ()), *(rule.headers or ()))}
    kept = {name: value for name, value in headers.items() if name.lower() not in gone}
    return kept | {name.lower(): value for name, value in (rule.headers or {}).items()}


def _content_type(rule: Rule) -> str:
    if rule.content_type is not None:
        return rule.content_type
    given = {name.lower(): value for name, value in (rule.headers or {}).items()}
    if "content-type" in given:
        return given["content-type"]
    if "json_body" in rule.model_fields_set:
        return "application/json"
    return "application/octet-stream" if rule.base64 is not None else "text/plain; charset=utf-8"


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
