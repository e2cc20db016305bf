"""Attacks on the way out: what a session may not reach is reached by nothing that a page does."""

from collections.abc import AsyncIterator

import pytest

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.detour import Detour
from agent_browser.errors import EgressDenied, InvalidRequest, NavigationFailed
from agent_browser.models.emulation import EmulateInput, EmulateOutput
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    InteractOutput,
    OpenInput,
)
from agent_browser.models.network import HarInput, RequestsInput, RequestsOutput
from tests.browser.egress_ways import NAMES, SILENT, build
from tests.browser.egressing import HELD, Server, serving, tapped
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

FETCH = "fetch({url!r}).then(r => r.text(), e => 'nothing')"


async def made(chromium: ChromiumBrowser, **options: object) -> ChromiumContext:
    return await chromium.new_context(ContextOptions.model_validate(options))


async def goto(context: ChromiumContext, url: str) -> None:
    await context.open(OpenInput(url=url, timeout=10))


async def fetched(context: ChromiumContext, url: str) -> object:
    answer = await context.execute(ExecuteInput(code=FETCH.format(url=url)))
    return answer.value if answer.error is None else answer.error


async def act(context: ChromiumContext, action: str, **input: object) -> InteractOutput:
    given = {"action": action, "snapshot": False, **input}
    return await context.interact(InteractInput.model_validate(given))


def refusing(*servers: Server) -> dict[str, object]:
    hosts = ("127.0.0.1", "[::1]")
    return {"deny": [f"{host}:{server.port}" for server in servers for host in hosts]}


@pytest.fixture
async def far() -> AsyncIterator[Server]:
    """A site that sessions may be refused."""
    page = ("text/html", b"<title>far</title>")
    async with serving({"/": page, "/text": ("text/plain", b"far")}) as server:
        yield server


@pytest.mark.parametrize("is_refused", [False, True])
async def test_a_refused_host_hears_of_no_way_to_it(
    chromium: ChromiumBrowser, far: Server, is_refused: bool
) -> None:
    wanted = NAMES - SILENT
    async with serving() as home, tapped(Detour) as tap:
        build(home, far)
        context = await made(chromium, egress=refusing(far) if is_refused else None)
        await context.open(OpenInput(url=f"{home.origin}/", wait_until="load"))
        await act(context, "click", ref="css=#click")
        await goto(context, f"{home.origin}/blank")

        def asked() -> set[str]:
            names = [one.partition("/") for one in tap.asked]
            return {name for host, _, name in names if host == f"127.0.0.1:{far.port}"}

        await tap.until(lambda: wanted | {""} <= asked())  # a socket's tunnel has no name
        if not is_refused:
            await far.until(lambda: wanted <= {path[1:] for path in far.paths})
        traffic = context.traffic
        await context.close()
    if is_refused:
        assert far.connections == 0
        (refused,) = [one for one in traffic.items if one.host == f"127.0.0.1:{far.port}"]
        assert refused.denied == refused.requests >= len(wanted)
        assert refused.bytes_up == refused.bytes_down == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1"])
async def test_a_page_that_may_not_be_opened_is_said_to_be_refused(
    chromium: ChromiumBrowser, far: Server, host: str
) -> None:
    context = await made(chromium, egress=refusing(far))
    with pytest.raises(EgressDenied, match="can't be reached: the deny list names it") as caught:
        await goto(context, f"http://{host}:{far.port}/")
    assert set(caught.value.fields) == {"host"}
    assert str(far.port) not in caught.value.detail
    await context.close()
    assert far.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://metadata.google.internal/",
        "https://169.254.169.254/",
        "http://0.0.0.0:8000/",
    ],
)
async def test_metadata_is_refused_in_every_mode(chromium: ChromiumBrowser, url: str) -> None:
    context = await made(chromium, egress={"policy": "open", "allow": ["169.254.0.0/16"]})
    with pytest.raises(EgressDenied):
        await goto(context, url)
    await context.close()


async def test_a_redirect_to_a_refused_host_is_refused(
    chromium: ChromiumBrowser, far: Server
) -> None:
    there = f"302 Found\r\nLocation: {far.origin}/"
    async with serving({"/away": (there, b"")}) as home:
        context = await made(chromium, egress=refusing(far))
        with pytest.raises(EgressDenied, match=r"127\.0\.0\.1"):
            await goto(context, f"{home.origin}/away")
        await context.close()
    assert far.connections == 0
    assert home.paths == ["/away"]


async def test_each_action_that_leads_to_a_refused_host_says_so(
    chromium: ChromiumBrowser, far: Server
) -> None:
    link = f'<a id="a" href="{far.origin}/">go</a>'.encode()
    async with serving({"/": ("text/html", link)}) as home:
        context = await made(chromium)
        await goto(context, f"{far.origin}/")
        await goto(context, f"{home.origin}/")
        await emulated(context, egress=refusing(far))
        before = far.connections
        for said in (
            await act(context, "back"),
            await act(context, "goto", url=f"{home.origin}/"),
            await act(context, "click", ref="css=#a"),
            await act(context, "goto", url=f"{far.origin}/"),
            await act(context, "reload"),
            await act(context, "tab_new", url=f"{far.origin}/"),
        ):
            if said.message is None:
                continue
            assert (said.success, said.code) == (False, "egress_denied"), said
            assert "127.0.0.1 can't be reached: the deny list names it" in said.message
        await context.close()
    assert far.connections == before


async def test_what_failed_on_the_way_is_told_in_plain_words(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(chromium, egress=refusing(far))
    await context.perform(HarInput(action="start"))
    await goto(context, site.url("/form"))
    for url in (f"{far.origin}/text", "http://nobody.invalid/", site.refusing_url()):
        assert await fetched(context, url) == "nothing"
    listed = (await context.perform(RequestsInput(failed=True))).output
    assert isinstance(listed, RequestsOutput)
    told = [one.failure for one in listed.requests if one.type == "fetch"]
    refused = "net::ERR_BLOCKED_BY_ADMINISTRATOR: "
    refused += "127.0.0.1 can't be reached: the deny list names it"
    assert told == [refused, "net::ERR_NAME_NOT_RESOLVED", "net::ERR_CONNECTION_REFUSED"]
    har = (await context.perform(HarInput(action="stop"))).files["har"]
    assert isinstance(har.data, bytes)  # type: ignore[union-attr]
    for words in (refused, "ERR_NAME_NOT_RESOLVED", "ERR_CONNECTION_REFUSED"):
        assert words.encode() in har.data  # type: ignore[union-attr]
    await context.close()


async def test_a_failure_of_the_page_is_not_taken_for_an_earlier_one_on_the_way(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(chromium, egress=refusing(far))
    await goto(context, site.url("/form"))
    assert await fetched(context, f"{far.origin}/text") == "nothing"
    with pytest.raises(NavigationFailed, match="net::ERR_CONNECTION_REFUSED"):
        await goto(context, site.refusing_url())
    with pytest.raises(NavigationFailed, match="net::ERR_NAME_NOT_RESOLVED"):
        await goto(context, "https://nobody.invalid/")
    await context.close()


async def emulated(context: ChromiumContext, **options: object) -> EmulateOutput:
    done = await context.perform(EmulateInput.model_validate(options))
    assert isinstance(done.output, EmulateOutput)
    return done.output


async def test_bounds_change_while_a_session_goes_on(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(chromium)
    await goto(context, site.url("/form"))
    assert await fetched(context, f"{far.origin}/text") == "far"
    said = await emulated(context, egress=refusing(far))
    assert said.emulation.egress is not None
    assert said.emulation.egress.deny == refusing(far)["deny"]
    assert await fetched(context, f"{far.origin}/text") == "nothing"
    await emulated(context, egress={})
    assert await fetched(context, f"{far.origin}/text") == "far"
    await context.close()


async def test_a_connection_that_may_be_no_more_is_ended(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(chromium)
    await goto(context, site.url("/form"))
    begun = f"""new Promise(come => {{
        s = new EventSource({far.origin + HELD!r}); s.onmessage = () => come('open');
        ended = new Promise(end => {{ s.onerror = () => end('ended') }})
    }})"""
    assert (await context.execute(ExecuteInput(code=begun))).value == "open"
    await emulated(context, egress=refusing(far))
    assert (await context.execute(ExecuteInput(code="ended"))).value == "ended"
    await context.close()


async def test_the_bounds_of_a_profile_stay_whatever_a_session_asks_for(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    profiles = refusing(far)
    context = await made(chromium, egress={"policy": "open", "within": [profiles]})
    await goto(context, site.url("/form"))
    assert await fetched(context, f"{far.origin}/text") == "nothing"
    said = await emulated(context, egress={"policy": "open", "allow": ["127.0.0.1"]})
    assert await fetched(context, f"{far.origin}/text") == "nothing"
    assert said.emulation.egress is not None
    assert [bound.deny for bound in said.emulation.egress.within or []] == [profiles["deny"]]
    await context.close()


async def test_a_context_that_was_ready_takes_bounds_and_a_proxy_of_its_session(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    from tests.egress import proxies

    context = await made(chromium)
    async with proxies.http() as proxy:
        given = {"proxy_url": f"http://127.0.0.1:{proxy.port}", "egress": refusing(far)}
        await context.apply(ContextOptions.model_validate(given))
        await goto(context, site.url("/form"))
        assert proxy.seen
        with pytest.raises(EgressDenied):
            await goto(context, f"{far.origin}/")
        said = await emulated(context)
        assert said.emulation.proxy == f"http://127.0.0.1:{proxy.port}"
        await context.close()
    assert far.connections == 0


async def test_a_proxy_that_may_not_be_reached_is_refused(
    chromium: ChromiumBrowser, site: Site
) -> None:
    context = await made(chromium, proxy_url="http://169.254.169.254:80")
    with pytest.raises(EgressDenied, match=r"169\.254\.169\.254"):
        await goto(context, site.url("/form"))
    await context.close()
    assert site.requests == []


async def test_no_session_reaches_the_port_of_another(
    chromium: ChromiumBrowser, context: ChromiumContext
) -> None:
    other = await made(chromium)
    from agent_browser.browser import detour

    port = detour.of(other._context).server
    with pytest.raises(EgressDenied, match="a port of this server itself"):
        await goto(context, f"{port}/")
    with pytest.raises(EgressDenied, match="a port of this server itself"):
        await goto(context, port.replace("127.0.0.1", "localhost"))
    await other.close()


async def test_sessions_are_bound_each_for_itself(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    bound, free = await made(chromium, egress=refusing(far)), await made(chromium)
    for context, gets in ((bound, "nothing"), (free, "far")):
        await goto(context, site.url("/form"))
        assert await fetched(context, f"{far.origin}/text") == gets
    await bound.close()
    await free.close()


async def test_headers_of_an_origin_go_no_other_way(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(
        chromium, egress=refusing(far), headers_by_origin={far.origin: {"x-secret": "1"}}
    )
    await goto(context, site.url("/form"))
    assert await fetched(context, f"{far.origin}/text") == "nothing"
    await context.close()
    assert far.connections == 0


async def test_a_state_that_is_brought_back_connects_to_nobody(
    chromium: ChromiumBrowser, far: Server
) -> None:
    host = far.origin.removeprefix("http://").partition(":")[0]
    cookie = {"name": "a", "value": "b", "domain": host, "path": "/"}
    stored = {"origin": far.origin, "localStorage": [{"name": "a", "value": "b"}]}
    context = await made(chromium, storage_state={"cookies": [cookie], "origins": [stored]})
    assert context.traffic.items == []
    await context.close()
    later = await made(chromium)
    state = {"cookies": [cookie], "origins": [stored]}
    await later.apply(ContextOptions.model_validate({"storage_state": state}))
    assert later.traffic.items == []
    await later.close()
    assert far.connections == 0


async def test_traffic_is_told_by_host_and_kept_when_the_session_is_over(
    chromium: ChromiumBrowser, far: Server, site: Site
) -> None:
    context = await made(chromium)
    await goto(context, site.url("/form"))
    body = "x" * 1_000
    far.pages["/long"] = ("text/plain", body.encode())
    assert await fetched(context, f"{far.origin}/long") == body
    await context.close()
    traffic = context.traffic
    by_host = {one.host: one for one in traffic.items}
    assert set(by_host) == {far.origin[7:], site.origin[7:]}
    assert 1_000 < by_host[far.origin[7:]].bytes_down < 1_400
    assert traffic.bytes_down == sum(one.bytes_down for one in traffic.items)


async def test_bounds_that_can_not_be_read_make_no_context(chromium: ChromiumBrowser) -> None:
    with pytest.raises(InvalidRequest, match="egress"):
        await made(chromium, egress={"deny": ["10.0.0.0/99"]})


async def test_an_exposed_server_reaches_no_inner_address(
    executable: object, far: Server, site: Site
) -> None:
    from agent_browser.egress.made import made as made_egress
    from agent_browser.settings import load

    settings = load(executable_path=executable, egress_allow=site.origin[7:])
    async with made_egress(settings, exposed=True) as egress, Chromium(settings, egress) as engine:
        browser = await engine.launch()
        context = await made(browser, egress={"policy": "open", "allow": ["127.0.0.1"]})
        await goto(context, site.url("/form"))
        for url in (far.origin, f"http://localhost:{far.port}", f"http://[::1]:{far.port}"):
            with pytest.raises(EgressDenied, match="not an address of the public network"):
                await goto(context, f"{url}/")
        await context.close()
        await browser.close()
    assert far.connections == 0
