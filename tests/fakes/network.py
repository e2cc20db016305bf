"""The fake's network: the one request that brought the page, rules that are kept, a HAR of it."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from agent_browser.browser.engine import Blob, Done
from agent_browser.errors import InvalidRequest
from agent_browser.models.network import (
    ConsoleInput,
    ConsoleOutput,
    HarInput,
    HarOutput,
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
    Traffic,
    status_range,
)
from agent_browser.models.routing import (
    RouteInput,
    RouteOutput,
    RuleState,
)
from tests.fakes.tab import FakeTab


@dataclass
class _Kept:
    rules: list[RuleState] = field(default_factory=list)
    last: int = 0
    har_since: datetime | None = None


_KEPT: WeakKeyDictionary[FakeTab, _Kept] = WeakKeyDictionary()


def _kept(tab: FakeTab) -> _Kept:
    return _KEPT.setdefault(tab, _Kept())


def _wrong(field: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, [{"field": field, "message": message}])


def _traffic(tab: FakeTab) -> Traffic:
    return Traffic(
        id="r1", tab="t1", method="GET", url=tab.page.url, type="document", state="done", status=200
    )


def requests(tab: FakeTab, input: RequestsInput) -> Done:
    """The document, if it fits; of before one was opened there is nothing."""
    if not tab.opened:
        return Done(RequestsOutput(requests=[], total=0, kept=0, dropped=0))
    one = _traffic(tab)
    first, last = status_range(input.status or "2xx")
    fits = (
        first <= (one.status or 0) <= last
        and (input.type is None or "document" in input.type)
        and (input.method or "GET").upper() == "GET"
    )
    found = [one] if fits else []
    shown = found[input.offset : input.offset + input.limit]
    return Done(RequestsOutput(requests=shown, total=len(found), kept=1, dropped=0))


def request(tab: FakeTab, input: RequestInput) -> Done:
    """The document."""
    if input.id != "r1" or not tab.opened:
        raise _wrong("id", f"Unknown request: {input.id}.")
    return Done(RequestOutput(request=_traffic(tab), body="<!doctype html>", body_size=15))


def route(tab: FakeTab, input: RouteInput) -> Done:
    """Keeps rules; nothing is requested that they could change."""
    kept, action = _kept(tab), input.wanted
    if action in ("set", "clear"):
        kept.rules = []
    for id in input.ids or []:
        if id not in {rule.id for rule in kept.rules}:
            raise _wrong("ids", f"Unknown rule: {id}.")
    kept.rules = [rule for rule in kept.rules if rule.id not in (input.ids or [])]
    for rule in input.rules or []:
        kept.last += 1
        kept.rules.append(RuleState(id=f"rule{kept.last}", url=rule.url, action=rule.action))
    return Done(RouteOutput(rules=list(kept.rules)))


def har(tab: FakeTab, input: HarInput) -> Done:
    """An archive without entries."""
    kept = _kept(tab)
    if (input.action == "start") == (kept.har_since is not None):
        raise _wrong("action", "a HAR is being recorded already, or none is")
    if input.action == "start":
        kept.har_since = datetime.now(UTC)
        return Done(HarOutput(recording=True, started_at=kept.har_since))
    output = HarOutput(recording=False, started_at=kept.har_since)
    kept.har_since = None
    data = json.dumps({"log": {"version": "1.2", "entries": []}}).encode()
    return Done(output, {"har": Blob(data, "application/json", "session.har")})


def console(tab: FakeTab, input: ConsoleInput) -> Done:
    """Its pages say nothing."""
    return Done(ConsoleOutput(messages=[], total=0))
