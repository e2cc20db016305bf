"""Chromium as an engine: how it is launched, and one running process of it."""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import anyio.to_thread
import psutil
import structlog
from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import Error, Playwright

from agent_browser.browser import detour, executable, ffmpeg, process
from agent_browser.browser.context import ChromiumContext
from agent_browser.browser.downloads import Bounds, Downloads
from agent_browser.browser.driver import Driver
from agent_browser.browser.options import (
    context_arguments,
    device_of,
    proxy,
    with_credentials,
)
from agent_browser.browser.tab import Lost
from agent_browser.browser.translate import asked, first_line, is_gone
from agent_browser.browser.watch import Watch
from agent_browser.egress.made import apart
from agent_browser.egress.ports import Egress
from agent_browser.errors import BrowserLost, BrowserMissing, DeadlineExceeded
from agent_browser.models.functions import ContextOptions
from agent_browser.scratch import Scratch
from agent_browser.settings import Settings

CLOSE_TIMEOUT = 5.0
PROBE_TIMEOUT = 3.0
CONTEXT_TIMEOUT = 20.0
WORN = 50
"""Contexts after which a driver takes no further browser."""
_KEPT_VARIABLES = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "FONTCONFIG_PATH")
_log = structlog.get_logger(__name__)


NOWHERE = "http://nowhere.invalid:1"
"""The proxy of the browser itself: what it sends by itself, for no context, goes nowhere."""
FLAGS = (
    # It resolves nothing: names are for the egress proxy, which it reaches by its address.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-quic",
    # WebRTC sends no UDP, and its TCP goes through the proxy; pages keep the interface.
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",  # the full browser's word for it
    # The full browser asks its maker what a form's fields are for; there, nobody is to be asked.
    "--autofill-server-url=data:,",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
)
"""Beside those of Playwright, which switch off updates of components, field trials, metrics, sync,
network time, optimization hints and the like.
"""


class Chromium:
    """The engine. `async with Chromium(settings) as engine` starts the driver and ends it.

    `egress` is what its contexts send through; where none is given it has one of its own, with the
    policy that the settings have for a server which only this machine's users reach.
    """

    def __init__(self, settings: Settings, egress: Egress | None = None) -> None:
        self._egress = egress
        self._stack = AsyncExitStack()
        self._settings = settings
        self._driver = Driver()
        self._retired: list[Driver] = []
        self._warnings: list[str] = []

    async def __aenter__(self) -> "Chromium":
        self._sandbox = self._decide_sandbox()
        async with AsyncExitStack() as stack:
            if self._egress is None:
                self._egress = await stack.enter_async_context(apart(self._settings))
            await self._driver.start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for driver in [*self._retired, self._driver]:
            await driver.stop()
        await self._stack.aclose()

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._warnings)

    def _decide_sandbox(self) -> bool:
        if self._settings.sandbox != "auto":
            wanted = self._settings.sandbox == "on"
        else:
            wanted = os.geteuid() != 0
        if not wanted:
            why = "the server runs as root" if os.geteuid() == 0 else "SANDBOX is off"
            self._warnings.append(f"the browser's sandbox is off ({why})")
        return wanted

    async def launch(self) -> "ChromiumBrowser":
        found = executable.find(self._settings)
        driver = await self._unworn()
        scratch = await anyio.to_thread.run_sync(Scratch)
        marker = f"--agent-browser-host={secrets.token_hex(8)}"
        _note(scratch, marker, {})
        try:
            browser, playwright = await self._start(driver, found.path, scratch.path, marker)
        except BaseException:
            scratch.remove()
            raise
        own = process.find(marker)
        if own is not None:
            _note(scratch, marker, process.noted(own, marker))
        _log.info("browser started", pid=own.pid if own else None, version=browser.version)
        settings = self._settings
        bounds = Bounds(settings.max_download, settings.download_bytes, settings.max_downloads)
        watch = Watch(bounds.one)
        assert self._egress is not None
        made = ChromiumBrowser(
            browser, playwright, driver, own, scratch, settings, watch, bounds, self._egress
        )
        try:
            with anyio.fail_after(PROBE_TIMEOUT):
                await watch.start(browser)
        except (Error, TimeoutError) as exc:
            await made.close()
            raise BrowserMissing(f"{found.path.name} does not answer: {first_line(exc)}") from exc
        except BaseException:
            await made.close()
            raise
        return made

    async def _unworn(self) -> Driver:
        """The driver for the next browser. A driver's heap grows with the contexts that it served
        and is given back with its process only: a new one follows it, and it goes with its last
        browser.
        """
        if self._driver.contexts >= WORN:
            worn, self._driver = self._driver, Driver()
            self._retired = [*(d for d in self._retired if d.is_running), worn]
            await worn.retire()
        return self._driver

    async def _start(
        self, driver: Driver, path: Path, scratch: Path, marker: str
    ) -> tuple[PlaywrightBrowser, Playwright]:
        playwright = await driver.start()
        try:
            return await self._launch(playwright, path, scratch, marker), playwright
        except Error as exc:
            if not is_gone(exc) or await driver.is_alive(playwright):
                raise BrowserMissing(f"{path.name} does not start: {_cause(exc)}") from exc
        playwright = await driver.restart(playwright)
        try:
            return await self._launch(playwright, path, scratch, marker), playwright
        except Error as exc:
            raise BrowserMissing(f"{path.name} does not start: {_cause(exc)}") from exc

    async def _launch(
        self, playwright: Playwright, path: Path, scratch: Path, marker: str
    ) -> PlaywrightBrowser:
        environment = {k: os.environ[k] for k in _KEPT_VARIABLES if k in os.environ}
        return await playwright.chromium.launch(
            executable_path=path,
            args=[marker, *FLAGS],
            proxy={"server": NOWHERE, "bypass": "<-loopback>"},
            chromium_sandbox=self._sandbox,
            env={**environment, "TMPDIR": str(scratch)},
            downloads_path=scratch / "downloads",
            traces_dir=scratch / "traces",
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
            timeout=self._settings.launch_timeout * 1000,
        )


def _note(scratch: Scratch, marker: str, running: dict[int, str]) -> None:
    """Have them ended at the next start if this process is killed. No launch fails for want of it;
    and nothing may be awaited, or a browser might be left that nobody knows of.
    """
    try:
        scratch.note(marker, running)
    except OSError as exc:
        _log.warning("a browser could not be noted", reason=exc.strerror)


def _cause(exc: Error) -> str:
    text = str(exc)
    if "No usable sandbox" in text or "zygote_host_impl" in text:
        return (
            "the system does not let it make a sandbox. Allow unprivileged user namespaces, or set "
            "AGENT_BROWSER_SANDBOX=off knowing what that means"
        )
    if "error while loading shared libraries" in text:
        return "a shared library is missing. Run 'agent-browser install'"
    return first_line(exc)


class ChromiumBrowser:
    """One browser process, its scratch folder, and the contexts in it."""

    def __init__(
        self,
        browser: PlaywrightBrowser,
        playwright: Playwright,
        driver: Driver,
        own: psutil.Process | None,
        scratch: Scratch,
        settings: Settings,
        watch: Watch,
        bounds: Bounds,
        egress: Egress,
    ) -> None:
        self._egress = egress
        self._browser = browser
        self._playwright = playwright
        self._driver = driver
        self._process = own
        self._scratch = scratch
        self._settings = settings
        self._watch = watch
        self._bounds = bounds
        self._closed = False
        self._lost = False
        self._listeners: list[Callable[[], None]] = []
        driver.hold()
        browser.on("disconnected", lambda _: self._disconnected())

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def lost(self) -> bool:
        """Whether the process, or the connection to it, is gone."""
        return self._lost

    def is_alive(self) -> bool:
        if self._lost or not self._browser.is_connected():
            return False
        return self._process is None or process.is_alive(self._process)

    def _disconnected(self) -> None:
        if self._lost:
            return
        self._lost = True
        if not self._closed:
            for listener in self._listeners:
                listener()

    def on_lost(self, callback: Callable[[], None]) -> None:
        self._listeners.append(callback)

    async def new_context(
        self, options: ContextOptions, *, recordings: Path | None = None
    ) -> ChromiumContext:
        options = with_credentials(options)
        if options.record_video:
            await anyio.to_thread.run_sync(ffmpeg.link)
        # Playwright makes a copy of its whole table at each look.
        devices = self._playwright.devices if options.device else {}
        arguments = context_arguments(options, devices, recordings)
        way_out = await detour.Detour.begin(self._egress, options)
        try:
            arguments["proxy"] = proxy(way_out.server)
            with asked(lambda: self._lost, "context", CONTEXT_TIMEOUT):
                context = await self._browser.new_context(**arguments)
        except BaseException:
            await way_out.close()
            raise
        detour.belongs(way_out, context)
        self._driver.contexts += 1
        made = ChromiumContext(
            context,
            self._driver,
            options,
            (arguments["viewport"]["width"], arguments["viewport"]["height"]),
            Lost(lambda: self._lost, lambda: not self.is_alive()),
            self._settings.settle_timeout,
            Downloads(context, self._watch, self._bounds),
            device=device_of(options, devices),
            traces=self._scratch.path / "traces",
            max_tabs=self._settings.max_tabs,
        )
        try:
            with asked(lambda: self._lost, "context", CONTEXT_TIMEOUT):
                await made.prepare()
        except BaseException:
            await made.close()
            raise
        return made

    async def probe(self) -> str:
        """Ask the browser its version over its own protocol."""
        try:
            with anyio.fail_after(PROBE_TIMEOUT):
                session = await self._browser.new_browser_cdp_session()
                answer = await session.send("Browser.getVersion")
                await session.detach()
        except TimeoutError as exc:
            raise DeadlineExceeded("probe", PROBE_TIMEOUT) from exc
        except Error as exc:
            raise BrowserLost() from exc
        return str(answer["product"])

    def memory(self) -> int:
        return process.memory(self._process) if self._process else 0

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        started = time.monotonic()
        with anyio.CancelScope(shield=True):
            members = process.tree(self._process) if self._process else []
            with anyio.move_on_after(CLOSE_TIMEOUT):
                try:
                    await self._browser.close()
                except Error as exc:
                    _log.debug("browser was gone at close", error=first_line(exc))
            await process.end(members)
            await self._driver.release()
            if any(map(process.is_alive, members)):
                # Its note stays in the folder: the next start's sweep ends it.
                _log.error("a browser does not end", pid=self.pid)
            else:
                await anyio.to_thread.run_sync(self._scratch.remove)
        _log.info("browser ended", pid=self.pid, seconds=round(time.monotonic() - started, 3))
