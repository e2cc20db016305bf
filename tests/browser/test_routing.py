"""Rules for requests, on a real browser."""

import re
from typing import Any, cast

import pytest
from pydantic import ValidationError

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import ContextOptions
from agent_browser.models.routing import (
    RouteInput,
    RouteOutput,
    RuleState,
)
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]

DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
FETCH = "fetch('%s').then(async r => [r.status, await r.text()], e => 'failed')"


async def route(context: ChromiumContext, **input: Any) -> list[RuleState]:
    done = await context.perform(RouteInput.model_validate(input))
    return cast("RouteOutput", done.output).rules


async def test_requests_are_blocked_by_address_type_and_method(drive: Driving) -> None:
    await drive.open("/form")
    await route(
        drive.context,
        rules=[
            {"url": "**/json", "methods": "get", "action": "block"},
            {"resource_types": ["stylesheet"], "action": "block"},
        ],
    )
    assert await drive.value(FETCH % "/json") == "failed"
    assert (await drive.value("fetch('/json', {method: 'HEAD'}).then(r => r.status)")) in (200, 405)
    drive.site.reset()
    await drive.open("/form")
    assert drive.site.asked("/assets/site.css") == []
    assert [rule.matched for rule in await route(drive.context)] == [1, 1]


async def test_an_answer_is_given_in_place_of_the_network(drive: Driving) -> None:
    await drive.open("/form")
    rules = await route(
        drive.context,
        rules=[
            {"url": "**/api/text", "action": "fulfil", "status": 418, "body": "short",
             "headers": {"X-Made": "here"}},
            {"url": "**/api/json", "action": "fulfil", "json": {"tea": ["green"]}},
            {"url": "**/api/bytes", "action": "fulfil", "base64": "AAEC",
             "content_type": "image/x-nothing"},
        ],
    )  # fmt: skip
    assert [rule.id for rule in rules] == ["rule1", "rule2", "rule3"]
    assert await drive.value(FETCH % "/api/text") == [418, "short"]
    assert await drive.value("fetch('/api/text').then(r => r.headers.get('x-made'))") == "here"
    assert await drive.value("fetch('/api/json').then(r => r.json())") == {"tea": ["green"]}
    kind = (
        "fetch('/api/bytes')"
        ".then(async r => [r.headers.get('content-type'), (await r.blob()).size])"
    )
    assert await drive.value(kind) == ["image/x-nothing", 3]
    assert not [one for one in drive.site.requests if one.path.startswith("/api/")]


PAGE = "<!doctype html><title>Made</title><h1 id=a>Made</h1>"


async def test_an_answer_without_a_content_type_is_what_its_body_and_the_page_make_it(
    drive: Driving,
) -> None:
    rules = await route(
        drive.context,
        rules=[
            {"url": "**/made", "action": "fulfil", "body": PAGE},
            {"url": "**/bare", "action": "fulfil", "body": "just <b>words</b>"},
            {"url": "**/x.css", "action": "fulfil", "body": "h1 { color: rgb(1, 2, 3) }"},
            {"url": "**/x.js", "action": "fulfil", "body": "export const x = 7"},
            {"url": "**/data", "action": "fulfil", "body": ' {"a": [1]}'},
            {"url": "**/dot", "action": "fulfil", "base64": DOT},
            {"url": "**/none", "action": "fulfil", "status": 204},
        ],
    )
    assert [rule.content_type for rule in rules] == [
        "text/html; charset=utf-8", None, None, None, "application/json", "image/png", None,
    ]  # fmt: skip
    await drive.open("/made")
    assert await drive.value("document.title") == "Made"
    await drive.value(
        "new Promise(done => { const e = document.createElement('link'); e.rel = 'stylesheet';"
        "e.href = '/x.css'; e.onload = e.onerror = done; document.head.append(e) })"
    )
    assert await drive.value("getComputedStyle(a).color") == "rgb(1, 2, 3)"
    assert await drive.value("import('/x.js').then(m => m.x)") == 7
    kind = "fetch('%s').then(r => [r.status, r.headers.get('content-type')])"
    assert await drive.value(kind % "/data") == [200, "application/json"]
    assert await drive.value(kind % "/dot") == [200, "image/png"]
    assert await drive.value(kind % "/none") == [204, None]
    await drive.open("/bare")
    assert await drive.value("document.body.innerHTML") == "just <b>words</b>"


async def test_a_request_with_cookies_follows_a_rule_to_another_origin(drive: Driving) -> None:
    await drive.open("/form")
    elsewhere = drive.site.origin.replace("127.0.0.1", "localhost")
    await route(
        drive.context,
        rules=[
            {"url": "**/first", "action": "redirect", "to": f"{elsewhere}/second"},
            {"url": "**/second", "action": "fulfil", "body": "arrived"},
        ],
    )
    asked = f"fetch('{elsewhere}/first', {{credentials: 'include', redirect: 'manual'}})"
    assert await drive.value(f"{asked}.then(r => r.type, e => 'failed')") == "opaqueredirect"


async def test_headers_are_added_and_removed_and_requests_sent_elsewhere(drive: Driving) -> None:
    await drive.open("/form")
    await route(
        drive.context,
        rules=[
            {"url": "**/headers", "action": "headers", "headers": {"X-Added": "yes"},
             "remove_headers": ["X-Gone"]},
            {"url": "**/old", "action": "redirect", "to": drive.site.url("/json")},
        ],
    )  # fmt: skip
    got = await drive.value("fetch('/headers', {headers: {'X-Gone': '1'}}).then(r => r.json())")
    assert got["x-added"] == "yes"
    assert "x-gone" not in got
    assert await drive.value(FETCH % "/old") == [200, '{"answer":42}']


async def test_what_a_locale_has_the_browser_send_can_be_removed(
    chromium: ChromiumBrowser, site: Site
) -> None:
    context = await chromium.new_context(ContextOptions(locale="de-CH"))
    drive = Driving(context, site)
    await drive.open("/form")
    removing = {"url": "**/headers", "action": "headers", "remove_headers": ["Accept-Language"]}
    await route(context, rules=[removing])
    sent = "fetch('/headers%s').then(r => r.json()).then(sent => sent['accept-language'] || '')"
    assert [await drive.value(sent % query) for query in ("?as-it-is", "")] == ["de-CH", ""]
    await context.close()


async def test_the_first_rule_that_fits_counts_and_times_are_counted(drive: Driving) -> None:
    await drive.open("/form")
    await route(
        drive.context,
        rules=[
            {"url": "**/json", "action": "fulfil", "body": "once", "times": 1},
            {"url": "**/json", "action": "fulfil", "body": "then"},
            {"action": "delay", "delay_ms": 1},
        ],
    )
    said = [await drive.value(FETCH % "/json") for _ in range(2)]
    assert said == [[200, "once"], [200, "then"]]
    assert [rule.matched for rule in await route(drive.context)][:2] == [1, 1]


async def test_rules_hold_in_tabs_and_popups_and_before_the_first_page(drive: Driving) -> None:
    await route(
        drive.context,
        rules=[{"url": "**/made-up*", "action": "fulfil", "body": "<title>Made up</title>",
                "content_type": "text/html"}],
    )  # fmt: skip
    assert (await drive.open("/made-up")).title == "Made up"
    await drive.act("tab_new", url=drive.site.url("/made-up?tab"))
    assert await drive.value("document.title") == "Made up"
    await drive.value(
        "new Promise(done => { const w = window.open('/made-up?popup'); w.onload = () => done(1) })"
    )
    assert len({tab.id for tab in drive.context.page.tabs}) == 3
    (rule,) = await route(drive.context)
    assert rule.matched == 3


async def test_rules_are_added_replaced_removed_and_cleared(drive: Driving) -> None:
    await drive.open("/form")
    block = {"url": "**/json", "action": "block"}
    await route(drive.context, rules=[block])
    assert [r.id for r in await route(drive.context, rules=[block])] == ["rule1", "rule2"]
    assert [r.id for r in await route(drive.context, ids=["rule1"])] == ["rule2"]
    with pytest.raises(InvalidRequest, match="Unknown rule: rule1"):
        await route(drive.context, ids=["rule2", "rule1"])
    assert [r.id for r in await route(drive.context)] == ["rule2"]
    assert [r.id for r in await route(drive.context, action="set", rules=[block])] == ["rule3"]
    assert await drive.value(FETCH % "/json") == "failed"
    assert await route(drive.context, action="clear") == []
    assert await drive.value(FETCH % "/json") == [200, '{"answer":42}']


async def test_closing_lets_go_of_requests_that_are_held_back(drive: Driving) -> None:
    await drive.open("/form")
    await route(drive.context, rules=[{"url": "**/json", "action": "delay", "delay_ms": 60_000}])
    await drive.value("fetch('/json').catch(() => 0); 1")
    await drive.context.close()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "action"),
        ({"action": "explode"}, "action"),
        ({"action": "block", "url": "ads.example"}, "begin with ** or https://"),
        ({"action": "block", "url": "**/{a"}, "without its '}'"),
        ({"action": "block", "url": "*" * 40}, "wildcards"),
        ({"action": "block", "status": 200}, "'status' is for action fulfil"),
        ({"action": "block", "resource_types": ["picture"]}, "resource_types"),
        ({"action": "block", "methods": ["G E T"]}, "is not a method"),
        ({"action": "fulfil", "body": "a", "json": 1}, "one body each"),
        ({"action": "fulfil", "base64": "!"}, "not base64"),
        ({"action": "fulfil", "status": 99}, "status"),
        ({"action": "fulfil", "headers": {"a b": "c"}}, "name of a header"),
        ({"action": "fulfil", "headers": {"a": "c\r\nd: e"}}, "control characters"),
        ({"action": "headers"}, "'headers' or 'remove_headers' is needed"),
        ({"action": "headers", "headers": {"Cookie": "a=b"}}, "cookie is the browser's own"),
        ({"action": "headers", "headers": {"Referer": "x"}}, "referer is the browser's own"),
        ({"action": "headers", "remove_headers": ["Sec-Fetch-Site"]}, "sec-fetch-site is the"),
        ({"action": "headers", "remove_headers": ["User-Agent"]}, "always sends user-agent"),
        ({"action": "fulfil", "content_type": "text/html\r\nX-A: b"}, "of the form text/html"),
        ({"action": "fulfil", "content_type": "html"}, "of the form text/html"),
        ({"action": "redirect"}, "'to' and action redirect"),
        ({"action": "redirect", "to": "file:///etc/passwd"}, "http"),
        ({"action": "delay"}, "delay_ms"),
        ({"action": "block", "delay_ms": 60_001}, "delay_ms"),
        ({"action": "block", "unknown": 1}, "unknown"),
    ],
)
def test_a_rule_that_can_not_be_is_a_clear_error(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        RouteInput.model_validate({"rules": [rule]})


async def test_what_a_service_worker_answers_itself_is_seen_by_no_rule(drive: Driving) -> None:
    await drive.open("/service-worker")
    assert await drive.value("window.worker.register()") == "registered"
    await route(
        drive.context, rules=[{"url": "**/sw-greeting", "action": "fulfil", "body": "a rule"}]
    )
    assert await drive.value(FETCH % "/sw-greeting") == [200, "from the service worker"]
    assert [rule.matched for rule in await route(drive.context)] == [0]
