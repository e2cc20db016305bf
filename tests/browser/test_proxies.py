"""Sessions with a proxy of their own: what passes it, and what is said where nothing does."""

import asyncio
import ssl
import time
from pathlib import Path

import psutil
import pytest

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import DeadlineExceeded, InvalidRequest, NavigationFailed
from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from agent_browser.settings import load
from tests.egress import proxies
from tests.egress.proxies import NAME, PASSWORD, Proxy
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def opened(chromium: ChromiumBrowser, url: str, **options: object) -> ChromiumContext:
    context = await chromium.new_context(ContextOptions.model_validate(options))
    try:
        await context.open(OpenInput(url=url, timeout=10))
    except BaseException:
        await context.close()
        raise
    return context


async def passes(chromium: ChromiumBrowser, site: Site, proxy: Proxy, url: str) -> None:
    """A page comes through the proxy, and whatever it asks for too; nothing goes another way."""
    again = ExecuteInput(code="fetch('/form?again').then(r => r.status, () => 'nothing')")
    context = await opened(chromium, site.url("/form"), proxy_url=url)
    assert (await context.execute(again)).value == 200
    targets = {each.split("/")[2] if "/" in each else each for each in proxy.seen}
    assert targets == {site.origin.removeprefix("http://")}
    asked = len(site.requests)
    proxy.stop()
    assert (await context.execute(again)).value == "nothing"
    assert len(site.requests) == asked
    await context.close()


async def test_a_page_comes_through_an_http_proxy(chromium: ChromiumBrowser, site: Site) -> None:
    async with proxies.http() as proxy:
        await passes(chromium, site, proxy, f"http://127.0.0.1:{proxy.port}")


async def test_a_page_comes_through_an_http_proxy_that_wants_a_password(
    chromium: ChromiumBrowser, site: Site
) -> None:
    async with proxies.http(wants_password=True) as proxy:
        await passes(chromium, site, proxy, f"http://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}")


async def test_a_page_comes_through_a_socks_proxy(chromium: ChromiumBrowser, site: Site) -> None:
    async with proxies.socks() as proxy:
        await passes(chromium, site, proxy, f"socks5://127.0.0.1:{proxy.port}")


async def test_a_page_comes_through_a_socks_proxy_that_wants_a_password(
    chromium: ChromiumBrowser, site: Site
) -> None:
    async with proxies.socks(wants_password=True) as proxy:
        await passes(chromium, site, proxy, f"socks5://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}")


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("secure", [False, True])
async def test_a_wrong_password_is_said_and_nothing_is_sent(
    chromium: ChromiumBrowser, site: Site, scheme: str, secure: bool
) -> None:
    kind = proxies.http if scheme == "http" else proxies.socks
    url = site.tls_url("/form") if secure else site.url("/form")
    async with kind(wants_password=True) as proxy:
        for given in (f"{NAME}:wrong@", ""):
            begun = time.monotonic()
            with pytest.raises(NavigationFailed, match="password") as caught:
                await opened(chromium, url, proxy_url=f"{scheme}://{given}127.0.0.1:{proxy.port}")
            assert time.monotonic() - begun < 5
            assert "Failed to open URL: net::ERR_" in caught.value.detail
            assert "wrong@" not in caught.value.detail
    assert site.requests == []


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("secure", [False, True])
async def test_a_proxy_that_is_not_there_is_said_and_nothing_is_sent(
    chromium: ChromiumBrowser, site: Site, scheme: str, secure: bool
) -> None:
    url = site.tls_url("/form") if secure else site.url("/form")
    nobody = site.refusing_url().removeprefix("http://").rstrip("/")
    with pytest.raises(NavigationFailed, match=r"ERR_PROXY_CONNECTION_FAILED.*refuses") as caught:
        await opened(chromium, url, proxy_url=f"{scheme}://{nobody}")
    assert f"{scheme}://{nobody}" in caught.value.detail
    with pytest.raises(NavigationFailed, match="name that can't be resolved"):
        await opened(chromium, url, proxy_url=f"{scheme}://nobody.invalid:1")
    assert site.requests == []


async def test_what_is_no_proxy_is_said_to_be_none(chromium: ChromiumBrowser, site: Site) -> None:
    async def greet(proxy: Proxy, reader: object, writer: asyncio.StreamWriter) -> None:
        proxy.seen.append("somebody")
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with proxies.listening(greet) as other:
        for scheme, kind in (("http", "an HTTP"), ("socks5", "a SOCKS5")):
            url = f"{scheme}://127.0.0.1:{other.port}"
            with pytest.raises(NavigationFailed, match=f"is not {kind} proxy"):
                await opened(chromium, site.url("/form"), proxy_url=url)
        url = f"https://127.0.0.1:{other.port}"
        with pytest.raises(NavigationFailed, match=r"ERR_PROXY_CERTIFICATE_INVALID.*TLS"):
            await opened(chromium, site.url("/form"), proxy_url=url)
    assert site.requests == []


async def test_a_target_that_the_proxy_does_not_reach_is_not_the_proxys_fault(
    chromium: ChromiumBrowser, site: Site
) -> None:
    async with proxies.socks() as proxy:
        with pytest.raises(NavigationFailed, match=r"could not reach .*connection refused"):
            await opened(
                chromium, site.refusing_url(), proxy_url=f"socks5://127.0.0.1:{proxy.port}"
            )


async def test_a_page_comes_through_a_trusted_proxy_behind_tls(
    executable: Path, site: Site, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # as an operator trusts one
    async with (
        proxies.http(wants_password=True, tls=behind(certificate)) as proxy,
        Chromium(load(executable_path=executable)) as engine,
    ):
        browser = await engine.launch()
        url = f"https://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}"
        await passes(browser, site, proxy, url)
        await browser.close()


def behind(certificate: Path) -> ssl.SSLContext:
    """How a proxy that has that certificate speaks TLS."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    return tls


async def test_a_proxy_behind_tls_has_to_be_trusted(
    chromium: ChromiumBrowser, site: Site, certificate: Path
) -> None:
    async with proxies.http(wants_password=True, tls=behind(certificate)) as proxy:
        url = f"https://{NAME}:{PASSWORD}@127.0.0.1:{proxy.port}"
        with pytest.raises(NavigationFailed, match="ERR_PROXY_CERTIFICATE_INVALID"):
            await opened(chromium, site.url("/form"), proxy_url=url)
        assert proxy.seen == []
        assert site.requests == []


async def test_a_way_out_is_gone_with_its_context(chromium: ChromiumBrowser, site: Site) -> None:
    def listening() -> set[int]:
        found = psutil.Process().net_connections("tcp4")
        return {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}

    async with proxies.http() as proxy:
        before = listening()
        url = f"http://127.0.0.1:{proxy.port}"
        context = await opened(chromium, site.url("/form"), proxy_url=url)
        assert len(listening() - before) == 1
        await context.close()
        assert listening() == before


async def test_an_address_that_is_none_makes_no_context(chromium: ChromiumBrowser) -> None:
    with pytest.raises(InvalidRequest, match="proxy_url"):
        await chromium.new_context(ContextOptions(proxy_url="http://bob:hunter2@p/x"))


async def test_a_proxy_that_answers_nothing_is_named_when_the_time_is_over(
    chromium: ChromiumBrowser, site: Site
) -> None:
    async def silent(
        proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.read()  # until the other end has enough

    async with proxies.listening(silent) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        context = await chromium.new_context(ContextOptions(proxy_url=url))
        with pytest.raises(DeadlineExceeded, match=f"Failed to open URL: no answer .*{url}: the"):
            await context.open(OpenInput(url=site.url("/form"), timeout=1))
        await context.close()
    assert site.requests == []
