"""Where pages try to bring a tab, or to have the browser start something, and don't."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Frame, Page

from agent_browser.browser.chromium import Chromium, ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.errors import NavigationFailed
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    InteractInput,
    InteractOutput,
    OpenInput,
)
from agent_browser.settings import load
from tests.browser.egressing import Server, serving

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

ELSEWHERE = [
    "file:///etc/passwd",
    "file:///tmp/",
    "chrome://version/",
    "chrome-untrusted://terms/",
    "chrome-search://local-ntp/",
    "chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/index.html",
    "devtools://devtools/bundled/inspector.html",
    "view-source:{home}/",
    "view-source:file:///etc/passwd",
    "filesystem:{home}/temporary/x",
    "ftp://127.0.0.1/x",
    "mailto:a@example.com",
    "tel:123",
    "ms-settings:x",
    "agent-browser-test:hello",
    "intent://x#Intent;scheme=http;end",
]
STARTED = ("xdg-open", "gio", "kde-open", "gnome-open", "x-www-browser", "sensible-browser")
"""What a desktop would start for an address of another kind."""
TRIES = """
async () => {
  const put = (name, fields, into = document.body) =>
    into.appendChild(Object.assign(document.createElement(name), fields));
  const attempt = (work) => { try { work(); } catch { } };
  for (const work of [
    () => { location = TO; },
    () => location.replace(TO),
    () => put('a', {href: TO}).click(),
    () => put('a', {href: TO, target: '_blank'}).click(),
    () => put('a', {href: TO, download: 'x'}).click(),
    () => open(TO),
    () => open(TO, '_self'),
    () => { open('about:blank').location = TO; },
    () => put('form', {action: TO}).submit(),
    () => put('form', {action: TO, method: 'post'}).submit(),
    () => put('iframe', {src: TO}),
    () => put('iframe', {sandbox: 'allow-scripts allow-top-navigation', srcdoc:
      `<script>top.location = ${JSON.stringify(TO)}</${'script'}>`}),
    () => put('iframe', {srcdoc: `<a id=a target=_top></a><script>a.href = ${JSON.stringify(TO)};`
      + `a.click()</${'script'}>`}),
    () => put('object', {data: TO}),
    () => put('embed', {src: TO}),
    () => put('iframe', {src: '/redirect'}),
    () => put('iframe', {src: '/refresh'}),
    () => history.pushState(0, '', TO),
    () => navigation.navigate(TO).finished.catch(() => 0),
    () => put('meta', {httpEquiv: 'refresh', content: '0;url=' + TO}, document.head),
  ]) attempt(work);
  for (let n = 0; n < 4; n++) {
    await (await fetch('/done')).text();
    await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
  }
  return location.href;
}
"""


@pytest.fixture(scope="session")
async def desktop(
    executable: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[ChromiumBrowser, Path]]:
    """A browser on a machine with programs for addresses of other kinds, and where they would say
    that they were started.
    """
    folder = tmp_path_factory.mktemp("desktop")
    started = folder / "started"
    for name in STARTED:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{started}"\n')
        program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        async with Chromium(load(executable_path=executable)) as engine:
            browser = await engine.launch()
            yield browser, started
            await browser.close()


@pytest.fixture
async def home() -> AsyncIterator[Server]:
    page = ("text/html", b"<!doctype html><title>home</title><body>home")
    async with serving({"/": page, "/done": ("text/plain", b"done")}) as server:
        yield server


class Been:
    """Where all frames of a context went."""

    def __init__(self, context: ChromiumContext) -> None:
        self.urls: list[str] = []
        context._context.on("page", self._watch)
        for page in context._context.pages:
            self._watch(page)

    def _watch(self, page: Page) -> None:
        def went(frame: Frame) -> None:
            self.urls.append(frame.url)

        page.on("framenavigated", went)


async def opened(browser: ChromiumBrowser, url: str) -> ChromiumContext:
    context = await browser.new_context(ContextOptions())
    await context.open(OpenInput(url=url))
    return context


def is_harmless(url: str, home: Server) -> bool:
    blank = ("", "about:blank", "about:blank#blocked", "about:srcdoc")
    return url in blank or url.startswith((home.origin, "chrome-error://"))


@pytest.mark.parametrize("given", ELSEWHERE)
async def test_no_page_brings_a_tab_to_an_address_that_can_not_be_opened(
    desktop: tuple[ChromiumBrowser, Path], home: Server, given: str
) -> None:
    browser, started = desktop
    to = given.format(home=home.origin)
    home.pages["/redirect"] = (f"302 Found\r\nLocation: {to}", b"")
    home.pages["/refresh"] = (f"200 OK\r\nContent-Type: text/html\r\nRefresh: 0;url={to}", b"x")
    context = await opened(browser, f"{home.origin}/")
    been = Been(context)
    code = TRIES.replace("TO", "to")
    said = await context.execute(ExecuteInput(code=f"const to = {to!r}; ({code})()"))
    assert said.error is None or "Promise was collected" in said.error or "left" in said.error
    if not to.startswith("chrome-untrusted:"):  # by which the page leaves itself for a blank one
        assert {"/redirect", "/refresh"} <= set(home.paths)
    places = [*been.urls, *(tab.url for tab in context.page.tabs), context.url]
    assert [url for url in places if not is_harmless(url, home)] == []
    await context.close()
    assert not started.exists()


@pytest.mark.parametrize("given", ELSEWHERE)
async def test_no_redirect_leads_to_an_address_that_can_not_be_opened(
    chromium: ChromiumBrowser, home: Server, given: str
) -> None:
    to = given.format(home=home.origin)
    home.pages["/redirect"] = (f"302 Found\r\nLocation: {to}", b"")
    context = await opened(chromium, f"{home.origin}/")
    been = Been(context)
    with pytest.raises(NavigationFailed, match=r"ERR_(UNSAFE_REDIRECT|ABORTED|UNKNOWN)"):
        await context.open(OpenInput(url=f"{home.origin}/redirect"))
    assert [url for url in been.urls if not is_harmless(url, home)] == []
    await context.close()


async def test_no_service_worker_answers_with_such_an_address(
    chromium: ChromiumBrowser, home: Server
) -> None:
    worker = b"""
    onactivate = (e) => e.waitUntil(clients.claim());
    onfetch = (e) => {
      const to = new URL(e.request.url).searchParams.get('to');
      if (to) e.respondWith(new Response(null, {status: 302, headers: {Location: to}}));
    };"""
    home.pages["/worker"] = ("text/javascript", worker)
    context = await opened(chromium, f"{home.origin}/")
    ready = "navigator.serviceWorker.register('/worker').then(() => new Promise(r => {"
    ready += "const c = navigator.serviceWorker; c.controller ? r() : c.oncontrollerchange = r}))"
    assert (await context.execute(ExecuteInput(code=f"{ready}.then(() => 1)"))).value == 1
    been = Been(context)
    for to in ("file:///etc/passwd", "chrome://version/", "agent-browser-test:x"):
        with pytest.raises(NavigationFailed):
            await context.open(OpenInput(url=f"{home.origin}/?to={to}"))
    assert [url for url in been.urls if not is_harmless(url, home)] == []
    await context.close()


async def test_script_in_an_address_runs_for_no_other_origin(
    chromium: ChromiumBrowser, home: Server
) -> None:
    tries = """<body><script>
      const to = "javascript:document.title='owned'";
      try { top.location = to } catch { }
      const a = document.body.appendChild(document.createElement('a'));
      a.href = to; a.target = '_top'; a.click(); open(to, '_top');
      fetch('/done')
    </script>"""
    async with serving({"/": ("text/html", tries.encode()), "/done": ("text/plain", b"")}) as other:
        frame = other.origin.replace("127.0.0.1", "localhost")
        home.pages["/"] = (
            "text/html",
            f"<!doctype html><title>home</title><iframe src='{frame}/'></iframe>".encode(),
        )
        context = await opened(chromium, f"{home.origin}/")
        await other.until(lambda: "/done" in other.paths)
        said = await context.execute(ExecuteInput(code="fetch('/').then(() => document.title)"))
        assert said.value == "home"
        await context.close()


async def popped(context: ChromiumContext, home: Server, code: str) -> InteractOutput:
    """The window that a click with that code opens, in front."""
    button = f'<!doctype html><title>home</title><button onclick="{code}">go</button>'
    home.pages["/"] = ("text/html", button.encode())
    await context.open(OpenInput(url=f"{home.origin}/"))
    act = InteractInput.model_validate
    clicked = await context.interact(act({"action": "click", "ref": "css=button"}))

    (tab,) = clicked.new_tabs
    return await context.interact(act({"action": "tab_switch", "tab": tab.id}))


async def test_an_about_page_that_a_page_opens_is_empty_and_stays_so(
    context: ChromiumContext, home: Server
) -> None:
    await popped(context, home, "window.open('about:version')")
    for _ in range(2):
        text = await context.execute(ExecuteInput(code="document.documentElement.innerText"))
        assert text.value == ""
        again = InteractInput.model_validate({"action": "reload", "timeout": 2})
        await context.interact(again)


async def test_a_page_reaches_what_it_made_itself_by_a_blob(
    context: ChromiumContext, home: Server
) -> None:
    blob = "new Blob(['<title>mine</title>'], {type: 'text/html'})"
    answer = await popped(context, home, f"window.open(window.URL.createObjectURL({blob}))")
    assert answer.url.startswith(f"blob:{home.origin}/")
    assert answer.title == "mine"
