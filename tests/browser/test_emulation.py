"""What pages are shown under: from the start, and changed later."""

import asyncio
import base64
import json
import time
from typing import Any

import anyio
import pytest

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import InvalidRequest, NavigationFailed, OptionNeedsNewSession
from agent_browser.models.emulation import EmulateInput, EmulateOutput, Emulation
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    OpenInput,
)
from agent_browser.models.routing import RouteInput
from tests.browser.driving import Driving
from tests.egress import proxies
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

MATCHES = "matchMedia({!r}).matches"
SELF = """[navigator.userAgent, navigator.language,
Intl.DateTimeFormat().resolvedOptions().timeZone, new Date(0).getTimezoneOffset()]"""
SELF_TEXT = json.dumps(SELF)


async def emulate(context: ChromiumContext, **given: Any) -> Emulation:
    done = await context.perform(EmulateInput.model_validate(given))
    assert isinstance(done.output, EmulateOutput)
    return done.output.emulation


async def value(context: ChromiumContext, code: str) -> Any:
    answer = await context.execute(ExecuteInput(code=code))
    assert answer.error is None, answer.error
    return answer.value


async def test_media_features_change_in_every_tab_and_in_those_to_come(drive: Driving) -> None:
    await drive.open("/form")
    said = await emulate(
        drive.context, color_scheme="dark", reduced_motion="reduce", contrast="more", media="print",
        forced_colors="active",
    )  # fmt: skip
    assert (said.color_scheme, said.media) == ("dark", "print")
    queries = (
        "(prefers-color-scheme: dark)", "(prefers-reduced-motion: reduce)",
        "(prefers-contrast: more)", "print", "(forced-colors: active)",
    )  # fmt: skip
    code = "[" + ", ".join(MATCHES.format(query) for query in queries) + "]"
    assert await value(drive.context, code) == [True] * 5
    await drive.open("/form?again")
    assert await value(drive.context, code) == [True] * 5
    await drive.act("tab_new", url=drive.site.url("/form"))
    assert await value(drive.context, code) == [True] * 5
    await emulate(drive.context, color_scheme="light", media="screen", forced_colors="none")
    assert await value(drive.context, code) == [False, True, True, False, False]


async def test_a_later_open_changes_them_too(drive: Driving) -> None:
    await drive.open("/form")
    await drive.context.apply(ContextOptions(color_scheme="dark", width=500))
    assert await value(drive.context, MATCHES.format("(prefers-color-scheme: dark)")) is True
    assert (await emulate(drive.context)).width == 500


async def test_the_viewport_holds_for_new_tabs(drive: Driving) -> None:
    said = await emulate(drive.context, width=640, height=480)
    assert (said.width, said.height) == (640, 480)
    await drive.open("/form")
    await drive.act("tab_new", url=drive.site.url("/form"))
    assert await value(drive.context, "[innerWidth, innerHeight]") == [640, 480]


async def test_without_a_network_nothing_is_reached_until_it_is_back(drive: Driving) -> None:
    await emulate(drive.context, offline=True)
    with pytest.raises(NavigationFailed, match="ERR_INTERNET_DISCONNECTED"):
        await drive.open("/form")
    assert drive.site.requests == []
    assert (await emulate(drive.context, offline=False)).offline is False
    await drive.open("/form")


async def test_a_slow_network_is_slow_and_its_end_is_the_end(drive: Driving) -> None:
    await drive.open("/form")
    said = await emulate(drive.context, throttle={"latency_ms": 300})
    assert said.throttle is not None
    assert said.throttle.latency_ms == 300
    code = "(async () => { const t = performance.now(); await fetch('/form?x');"
    code += " return performance.now() - t })()"
    assert await value(drive.context, code) >= 300
    await drive.act("tab_new", url=drive.site.url("/form"))
    assert await value(drive.context, code) >= 300
    assert (await emulate(drive.context, throttle="none")).throttle is None
    begun = time.monotonic()
    await value(drive.context, "fetch('/form?y').then(() => 1)")
    assert time.monotonic() - begun < 5


async def test_a_slower_processor_is_slower_until_it_is_ended(drive: Driving) -> None:
    # Far less than is asked for, and asked until it is so: the machine does other things too.
    work = """Array.from({length: 9}, () => {
      const begun = performance.now();
      for (let n = 0, x = 1; n < 5e5; n++) x = Math.sqrt(x + n);
      return performance.now() - begun }).sort((a, b) => a - b)[4]"""
    await drive.open("/form")
    usual = await value(drive.context, work)
    assert (await emulate(drive.context, cpu_slowdown=20)).cpu_slowdown == 20
    with anyio.fail_after(30):
        while (slowed := await value(drive.context, work)) <= 3 * usual:
            pass
    assert (await emulate(drive.context, cpu_slowdown=1)).cpu_slowdown == 1
    with anyio.fail_after(30):
        while await value(drive.context, work) >= slowed / 3:
            pass


async def test_headers_of_an_origin_go_to_it_alone_over_redirects_too(drive: Driving) -> None:
    await drive.open("/form")
    said = await emulate(
        drive.context, headers_by_origin={drive.site.origin: {"X-Token": "secret"}}
    )
    assert said.headers_by_origin == {drive.site.origin: ["X-Token"]}
    assert "secret" not in said.model_dump_json()
    await drive.open("/form?to")
    await drive.context.open(OpenInput(url=drive.site.other_origin("/form?other")))
    sent = {
        next(iter(request.query), ""): request.headers.get("x-token")
        for request in drive.site.asked("/form")
    }
    assert sent == {"": None, "to": "secret", "other": None}
    await emulate(drive.context, headers_by_origin={})
    await drive.open("/form?after")
    assert "x-token" not in drive.site.asked("/form")[-1].headers


async def test_a_redirect_elsewhere_leaves_an_origins_headers_behind(drive: Driving) -> None:
    await emulate(drive.context, headers_by_origin={drive.site.origin: {"X-Token": "secret"}})
    target = drive.site.other_origin("/form?there")
    answer = await drive.open(f"/redirect?to={target}")
    assert answer.url == target
    assert drive.site.asked("/redirect")[0].headers["x-token"] == "secret"
    assert "x-token" not in drive.site.asked("/form")[0].headers


async def test_rules_come_before_the_headers_of_an_origin_whichever_was_first(
    drive: Driving,
) -> None:
    await drive.open("/form")
    rules: Any = [
        {"url": "**/json", "action": "block"},
        {"url": "**/headers", "action": "headers", "headers": {"X-Added": "yes"}},
    ]
    for given in (
        RouteInput(rules=rules),
        EmulateInput(headers_by_origin={drive.site.origin: {"X-Token": "secret"}}),
        RouteInput(action="clear"),
        RouteInput(rules=rules),
    ):
        await drive.context.perform(given)
        if isinstance(given, RouteInput) and given.action == "clear":
            continue
        got = await drive.value("fetch('/json').then(() => 'came', () => 'blocked')")
        assert got == "blocked"
    sent = await drive.value("fetch('/headers').then(r => r.json())")
    assert (sent["x-added"], sent["x-token"]) == ("yes", "secret")


async def test_a_stream_of_events_comes_bit_by_bit_with_its_origins_headers(
    drive: Driving,
) -> None:
    asked: list[bytes] = []

    async def streams(
        proxy: proxies.Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        kind = b"text/event-stream" if b" /events " in asked[-1] else b"text/html"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\n\r\ndata: 1\n\n")
        await writer.drain()
        if b" /events " in asked[-1]:
            await reader.read()  # until the other end has enough

    async with proxies.listening(streams) as server:
        url = f"http://127.0.0.1:{server.port}"
        await emulate(drive.context, headers_by_origin={url: {"X-Token": "secret"}})
        await drive.context.open(OpenInput(url=url))
        code = """(async () => {
          const answer = await fetch('/events', {headers: {accept: 'text/event-stream'}});
          const reader = answer.body.getReader();
          const {value} = await reader.read();
          await reader.cancel();
          return new TextDecoder().decode(value); })()"""
        assert await value(drive.context, code) == "data: 1\n\n"
    (events,) = (head for head in asked if b" /events " in head)
    assert b"x-token: secret" in events.lower()


async def test_permissions_are_granted_to_an_origin_alone(drive: Driving) -> None:
    await drive.open("/form")
    await emulate(
        drive.context,
        geolocation={"latitude": 47, "longitude": 8},
        permissions_by_origin={drive.site.origin: ["geolocation"]},
    )
    state = "navigator.permissions.query({name: 'geolocation'}).then(p => p.state)"
    where = "new Promise(r => navigator.geolocation.getCurrentPosition(p => r(p.coords.latitude)))"
    assert await value(drive.context, state) == "granted"
    assert await value(drive.context, where) == 47
    await drive.context.open(OpenInput(url=drive.site.other_origin("/form")))
    assert await value(drive.context, state) != "granted"


async def test_a_passkey_is_made_and_used_by_a_page(drive: Driving) -> None:
    await emulate(drive.context, passkeys=[{"rp_id": "localhost"}])
    await drive.context.open(OpenInput(url=drive.site.other_origin("/form")))
    made = """(async () => {
      const made = await navigator.credentials.create({publicKey: {
        challenge: new Uint8Array(16), rp: {name: 'x', id: 'localhost'},
        user: {id: new Uint8Array(8), name: 'u', displayName: 'u'},
        pubKeyCredParams: [{type: 'public-key', alg: -7}]}});
      const got = await navigator.credentials.get({publicKey: {
        challenge: new Uint8Array(16), rpId: 'localhost',
        allowCredentials: [{type: 'public-key', id: made.rawId}]}});
      return made.id === got.id; })()"""
    assert await value(drive.context, made) is True
    held = (await emulate(drive.context)).passkeys
    assert [passkey.rp_id for passkey in held] == ["localhost", "localhost"]
    assert (await emulate(drive.context, passkeys=[])).passkeys == []


async def test_an_option_of_a_new_session_alone_is_a_conflict_and_changes_nothing(
    drive: Driving,
) -> None:
    await drive.open("/form")
    with pytest.raises(OptionNeedsNewSession, match="proxy_url, device"):
        await emulate(
            drive.context, proxy_url="http://p.example", device="iPhone 15", color_scheme="dark"
        )
    assert (await emulate(drive.context)).color_scheme is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"headers_by_origin": {"https://a.example": {"a b": "x"}}}, "headers_by_origin"),
        ({"extra_headers": {"x": "a\x7f"}}, "extra_headers"),
    ],
)
async def test_what_can_not_be_is_refused(drive: Driving, given: Any, field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        await emulate(drive.context, **given)


async def test_a_session_made_so_is_so_in_popups_frames_and_workers(
    chromium: ChromiumBrowser, site: Site
) -> None:
    options = ContextOptions(
        user_agent="Tester/1.0", locale="de-CH", timezone="Asia/Tokyo", color_scheme="dark"
    )
    context = await chromium.new_context(options)
    expected = ["Tester/1.0", "de-CH", "Asia/Tokyo", -540]
    await context.open(OpenInput(url=site.url("/form")))
    assert await value(context, SELF) == expected
    worker = f"""new Promise(r => {{ new Worker(URL.createObjectURL(new Blob(
      [`postMessage({SELF})`]))).onmessage = e => r(e.data); }})"""
    assert await value(context, worker) == expected
    frame = f"""new Promise(r => {{ const f = document.createElement('iframe');
      f.src = '{site.other_origin("/form?frame")}'; f.onload = () => r(1);
      document.body.append(f); }})"""
    await value(context, frame)
    popup = f"""new Promise(r => {{ const w = open('{site.url("/form?popup")}');
      setInterval(() => {{ if (w.document.title) r(w.eval({SELF_TEXT})) }}, 10); }})"""
    assert await value(context, popup) == expected
    await context.close()
    for request in site.asked("/form"):
        assert request.headers["user-agent"] == "Tester/1.0", request.query
        assert request.headers["accept-language"].startswith("de-CH"), request.query


async def test_a_session_can_be_made_without_scripts_and_with_a_name_and_password(
    chromium: ChromiumBrowser, site: Site
) -> None:
    context = await chromium.new_context(
        ContextOptions.model_validate(
            {
                "javascript_enabled": False,
                "device_scale_factor": 2,
                "media": "print",
                "throttle": "4g",
                "http_credentials": {"username": "bob", "password": "hunter2"},
            }
        )
    )
    answer = await context.open(OpenInput(url=site.url("/form")))
    said = await emulate(context)
    assert answer.elements
    assert said.javascript_enabled is False
    assert said.http_credentials is not None
    assert said.http_credentials.username == "bob"
    assert "hunter2" not in said.model_dump_json()
    assert await value(context, "[devicePixelRatio, matchMedia('print').matches]") == [2, True]
    await context.close()


async def test_http_credentials_are_given_where_they_are_asked_for(
    chromium: ChromiumBrowser,
) -> None:
    right = b"Basic " + base64.b64encode(b"bob:hunter2")

    async def asks(
        proxy: proxies.Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        told = right in await reader.readuntil(b"\r\n\r\n")
        first = b"200 OK" if told else b'401 No\r\nWWW-Authenticate: Basic realm="x"'
        writer.write(b"HTTP/1.1 " + first + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()

    async with proxies.listening(asks) as server:
        url = f"http://127.0.0.1:{server.port}"
        for origin, status in ((None, 200), (url, 200), ("https://other.example", 401)):
            given = {"username": "bob", "password": "hunter2", "origin": origin}
            context = await chromium.new_context(
                ContextOptions.model_validate({"http_credentials": given})
            )
            answer = await context.open(OpenInput(url=url))
            assert answer.status == status, origin
            await context.close()
