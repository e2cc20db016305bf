"""The list of requests, one request whole, and waiting for an answer."""

import base64
from typing import Any, cast

import pytest
from playwright.async_api import Request

from agent_browser.browser import journal
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.engine import Blob
from agent_browser.browser.tab import Tab
from agent_browser.errors import InvalidRequest
from agent_browser.models.functions import InteractInput
from agent_browser.models.network import (
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
    Traffic,
)
from tests.browser.driving import Driving
from tests.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def listed(context: ChromiumContext, **input: Any) -> RequestsOutput:
    return cast(
        "RequestsOutput", (await context.perform(RequestsInput.model_validate(input))).output
    )


async def one(context: ChromiumContext, path: str, **input: Any) -> Traffic:
    """The last request for that path."""
    found = [r for r in (await listed(context, **input)).requests if path in r.url]
    assert found, path
    return found[-1]


async def whole(context: ChromiumContext, id: str, **input: Any) -> RequestOutput:
    done = await context.perform(RequestInput(id=id, **input))
    return cast("RequestOutput", done.output)


async def test_requests_since_the_page_was_opened_are_there_at_the_first_ask(
    drive: Driving,
) -> None:
    await drive.open("/form")
    output = await listed(drive.context)
    document = output.requests[0]
    assert document.url == drive.site.url("/form")
    assert (document.id, document.tab, document.method, document.type) == (
        "r1", "t1", "GET", "document",
    )  # fmt: skip
    assert (document.state, document.status, document.mime) == ("done", 200, "text/html")
    assert (document.size or 0) > 1_000
    assert (document.transferred or 0) > (document.size or 0)
    assert document.started_at is not None
    assert document.first_byte_ms is not None
    assert document.from_cache is False
    for resource in output.requests:
        assert resource.total_ms is not None, resource
    assert {r.type for r in output.requests} >= {"document", "stylesheet", "script"}
    assert output.total == output.kept == len(output.requests)


MANY = (
    "Promise.all([...Array(150).keys()].map(n => fetch('/json?n=' + n).then(r => r.text())))"
    ".then(() => 1)"
)


async def test_what_was_not_kept_before_the_first_ask_is_told(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(MANY)
    output = await listed(drive.context, limit=1_000)
    assert output.total < 150
    assert drive.site.url("/form") not in {request.url for request in output.requests}
    assert (output.note or "").startswith("older ones may be missing: from before requests were ")
    assert (await listed(drive.context, clear=True)).note == output.note
    assert (await listed(drive.context)).note is None


async def test_who_asks_before_the_page_is_opened_has_all_requests(drive: Driving) -> None:
    assert (await listed(drive.context)).total == 0
    await drive.open("/form")
    await drive.value(MANY)
    output = await listed(drive.context, limit=1_000)
    assert (output.requests[0].id, output.requests[0].url) == ("r1", drive.site.url("/form"))
    asked = [request.url for request in output.requests if "/json?n=" in request.url]
    assert len(set(asked)) == len(asked) == 150
    assert (output.dropped, output.note) == (0, None)


async def test_that_requests_of_a_closed_tab_were_not_kept_is_told(drive: Driving) -> None:
    await drive.open("/form")
    await drive.act("tab_new", url=drive.site.url("/list"))
    await drive.act("tab_close", tab="t2")
    output = await listed(drive.context)
    assert drive.site.url("/list") not in {request.url for request in output.requests}
    assert (output.note or "").startswith("those of closed tabs may be missing: ")


async def test_what_is_asked_for_while_the_list_is_begun_is_in_it_once(
    drive: Driving, monkeypatch: pytest.MonkeyPatch
) -> None:
    await drive.open("/form")
    known = journal._known

    async def late(tab: Tab) -> list[Request]:
        await tab.page.evaluate("fetch('/json?n=1').then(r => r.text())")
        found = await known(tab)
        await tab.page.evaluate("fetch('/json?n=2').then(r => r.text())")
        return found

    monkeypatch.setattr(journal, "_known", late)
    output = await listed(drive.context)
    asked = [request for request in output.requests if "/json" in request.url]
    assert [request.url[-3:] for request in asked] == ["n=1", "n=2"]
    assert [request.state for request in asked] == ["done", "done"]
    assert [request.id for request in output.requests] == [
        f"r{number}" for number in range(1, output.total + 1)
    ]


async def test_ids_stay_and_later_requests_are_added(drive: Driving) -> None:
    await drive.open("/form")
    before = await listed(drive.context)
    await drive.value("fetch('/json').then(r => r.text())")
    after = await listed(drive.context, since=before.requests[-1].id)
    assert [r.url for r in after.requests] == [drive.site.url("/json")]
    assert (after.requests[0].type, after.requests[0].total_ms is not None) == ("fetch", True)
    again = await listed(drive.context)
    assert [r.id for r in again.requests][: before.total] == [r.id for r in before.requests]


async def test_filters_and_pages_of_the_list(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        "Promise.all(['/json', '/status/404', '/status/500']"
        ".map(u => fetch(u).then(r => r.text())))"
    )
    context = drive.context

    async def paths(**input: Any) -> set[str]:
        return {r.url.removeprefix(drive.site.origin) for r in
                (await listed(context, **input)).requests}  # fmt: skip

    assert await paths(status="4xx") == {"/status/404"}
    assert await paths(status=200, type="fetch") == {"/json"}
    assert await paths(status="404-500") == {"/status/404", "/status/500"}
    assert await paths(failed=True) == {"/status/404", "/status/500"}
    assert await paths(url="**/status/*") == {"/status/404", "/status/500"}
    assert await paths(url="/js") == {"/json"}
    assert await paths(type=["document"]) == {"/form"}
    assert await paths(method="post") == set()
    assert await paths(tab="t9") == set()
    assert await paths(tab="active", type="document") == {"/form"}
    assert await paths(since="2100-01-01T00:00:00Z") == set()
    assert "/form" in await paths(since="2000-01-01T00:00:00Z")
    everything = await listed(context)
    page = await listed(context, limit=1, offset=1)
    assert ([r.id for r in page.requests], page.total) == (
        [everything.requests[1].id],
        everything.total,
    )
    assert (await listed(context, clear=True)).total == everything.total
    assert (await listed(context)).total == 0


async def test_redirects_caches_failures_and_what_has_not_come_are_told_apart(
    drive: Driving,
) -> None:
    await drive.open("/redirect?n=2&to=/cached")
    await drive.open("/cached")
    refused = drive.site.refusing_url("/refused")
    await drive.value(f"fetch('/hang').catch(() => 0); fetch('{refused}').catch(() => 0)")
    first, second, last = (await listed(drive.context)).requests[:3]
    assert (first.status, first.redirected_to, second.redirected_from) == (302, second.id, first.id)
    assert (second.redirected_to, last.status) == (last.id, 200)
    cached = await one(drive.context, "/cached", type="document")
    assert (cached.from_cache, cached.transferred, cached.status) == (True, 0, 200)
    hanging = await one(drive.context, "/hang")
    assert (hanging.state, hanging.status) == ("pending", None)
    failed = await one(drive.context, "/refused")
    assert (failed.state, failed.failure) == ("failed", "net::ERR_CONNECTION_REFUSED")
    chain = (await whole(drive.context, second.id)).redirects
    assert [(hop.id, hop.status) for hop in chain] == [
        (first.id, 302), (second.id, 302), (last.id, 200),
    ]  # fmt: skip


async def test_a_request_has_its_headers_and_bodies_with_secrets_masked(drive: Driving) -> None:
    await drive.open("/form?access_token=hunter2")
    await drive.value(
        "document.cookie = 'sid=hunter2'; fetch('/headers?password=hunter2&page=3',"
        " {method: 'POST', headers: {Authorization: 'Bearer hunter2', 'X-Api-Key': 'hunter2',"
        " 'X-Plain': 'seen'},"
        " body: new URLSearchParams({name: 'Ada', password: 'hunter2'})}).then(r => r.text())"
    )
    await drive.value(
        "fetch('/headers', {headers: {Authorization: 'Bearer hunter2hunter2'}}).then(r => r.text())"
    )
    post = await one(drive.context, "/headers?")
    assert post.url.endswith("/headers?password=***&page=3")
    output = await whole(drive.context, post.id)
    sent = {h.name.lower(): h.value for h in output.request_headers}
    assert (sent["authorization"], sent["x-api-key"], sent["cookie"]) == ("***", "***", "sid=***")
    assert (sent["x-plain"], output.post_data) == ("seen", "name=Ada&password=***")
    got = await whole(drive.context, (await one(drive.context, "/headers")).id)
    assert '"authorization":"***"' in (got.body or "")
    assert (got.protocol or "").lower() == "http/1.1"
    assert (got.address or "").startswith("127.0.0.1:")
    told = output.model_dump_json() + got.model_dump_json()
    assert "hunter2" not in told + (await listed(drive.context)).model_dump_json()


async def test_bodies_come_cut_whole_in_base64_or_as_a_file(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        "fetch('/json').then(r => r.text());"
        "fetch('/long-text?n=60000').then(r => r.text());"
        "fetch('/download/binary').then(r => r.blob());"
        "new Promise(done => setTimeout(done, 50))"
    )
    small = await one(drive.context, "/json")
    output = await whole(drive.context, small.id)
    assert (output.body, output.body_size, output.truncated) == ('{"answer":42}', 13, False)
    large = await one(drive.context, "/long-text")
    done = await drive.context.perform(RequestInput(id=large.id, max_bytes=100))
    cut = cast("RequestOutput", done.output)
    assert (len(cut.body or ""), cut.truncated) == (100, True)
    file = done.files["file"]
    assert isinstance(file, Blob)
    assert isinstance(file.data, bytes)
    assert len(file.data) == cut.body_size
    saved = await drive.context.perform(RequestInput(id=small.id, save=True))
    assert isinstance(saved.files["file"], Blob)
    assert not (await drive.context.perform(RequestInput(id=small.id, body=False))).files


async def test_binary_bodies_are_base64(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value(
        "fetch('/json', {method: 'POST', body: new Uint8Array([255, 254, 0, 1])})"
        ".then(r => r.text())"
    )
    output = await whole(drive.context, (await one(drive.context, "/json")).id)
    assert base64.b64decode(output.post_data_base64 or "") == b"\xff\xfe\x00\x01"
    assert output.post_data is None


async def test_why_there_is_no_body_is_said(drive: Driving) -> None:
    await drive.open("/redirect?to=/form")
    await drive.value("fetch('/hang').catch(() => 0); 1")
    first = (await listed(drive.context)).requests[0]
    assert "302" in ((await whole(drive.context, first.id)).body_error or "")
    hanging = await one(drive.context, "/hang")
    output = await whole(drive.context, hanging.id, body_timeout=0.05)
    assert "not wholly there" in (output.body_error or "")
    document = await one(drive.context, "/form")
    await drive.open("/list")
    left = await whole(drive.context, document.id)
    assert left.body is None
    assert "the page was left" in (left.body_error or "")
    with pytest.raises(InvalidRequest, match="Unknown request: r999"):
        await whole(drive.context, "r999")


async def test_requests_of_all_tabs_are_kept_and_outlive_their_tab(drive: Driving) -> None:
    await drive.open("/form")
    await listed(drive.context)
    await drive.act("tab_new", url=drive.site.url("/list"))
    there = await one(drive.context, "/list")
    assert there.tab == "t2"
    assert (await listed(drive.context, tab="t2", type="document")).total == 1
    await drive.act("tab_close", tab="t2")
    output = await whole(drive.context, there.id, body_timeout=1)
    assert (output.request.status, output.request.tab) == (200, "t2")
    assert "closed" in (output.body_error or "")


async def test_a_wait_for_an_answer_tells_its_status(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value("setTimeout(() => fetch('/api/slow-greeting?ms=20&token=x'), 50)")
    done = await drive.act("wait", response="**/api/slow-greeting?*")
    assert done.success, done.message
    assert done.message == f"200 {drive.site.url('/api/slow-greeting?ms=20&token=***')}"


async def test_a_wait_for_an_answer_that_came_before_says_so(drive: Driving) -> None:
    await drive.open("/form")
    await drive.value("fetch('/status/500').then(r => r.text())")
    failed = await drive.act("wait", response="/status/500", timeout=0.2)
    assert (failed.success, failed.code) == (False, "timeout")
    assert f"before the wait: 500 {drive.site.url('/status/500')}" in (failed.message or "")
    never = await drive.act("wait", response="**/never", timeout=0.2)
    assert "was answered from there" in (never.message or "")
    wrong = await drive.context.interact(InteractInput(action="wait", response="**/{a", timeout=1))
    assert (wrong.success, "without its '}'" in (wrong.message or "")) == (False, True)


async def test_sockets_are_listed_with_their_frames_counted(
    drive: Driving, echo: str, site: Site
) -> None:
    await drive.open("/form")
    await drive.value(
        f"new Promise(done => {{ const s = new WebSocket('{echo}'); let n = 0;"
        " s.onopen = () => { s.send('hello'); s.send('again!'); };"
        " s.onmessage = () => { if (++n === 2) s.close(); }; s.onclose = done; })"
    )
    await drive.value(
        f"new Promise(done => {{ new WebSocket('{site.refusing_url().replace('http', 'ws')}')"
        ".onerror = () => done(1) })"
    )
    good, bad = (await listed(drive.context)).sockets
    assert (good.id, good.tab, good.state) == ("s1", "t1", "closed")
    assert (good.sent, good.received, good.sent_bytes, good.received_bytes) == (2, 2, 11, 11)
    assert good.url.endswith("/?token=***")
    assert (bad.id, bad.state) == ("s2", "failed")
    assert bad.failure
