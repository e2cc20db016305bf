"""The Playwright driver: started once, started again when it died. Owned by the engine's task."""

import secrets
from importlib.resources import files

import anyio
from playwright.async_api import Error, Playwright, async_playwright

from agent_browser.errors import BrowserMissing

ENGINE_NAME = "agent-browser-ref"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
ALIVE_TIMEOUT = 3.0


def script_text(name: str) -> str:
    """The script without its comments and indentation: it is sent to every document."""
    text = files("agent_browser.browser").joinpath(name).read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


class Driver:
    """One driver process. `bridge` is the secret by which our two scripts in a page find each
    other.
    """

    def __init__(self) -> None:
        self.bridge = f"b{secrets.token_hex(16)}"
        self.collector = f"globalThis.makeAgentBrowser = {script_text('collector.js')}\n; 0"
        self.contexts = 0
        """Contexts made through it so far."""
        self._browsers = 0
        self._is_retired = False
        self._playwright: Playwright | None = None
        self._starting = anyio.Lock()

    async def start(self) -> Playwright:
        """The running driver, started if need be. BrowserMissing if it does not start in time."""
        async with self._starting:
            if self._playwright is None:
                with anyio.move_on_after(START_TIMEOUT):
                    self._playwright = await self._launch()
            if self._playwright is None:
                raise BrowserMissing(f"the Playwright driver did not start in {START_TIMEOUT:g} s")
            return self._playwright

    async def _launch(self) -> Playwright:
        playwright = await async_playwright().start()
        engine = script_text("refs.js").replace("BRIDGE", self.bridge)
        await playwright.selectors.register(ENGINE_NAME, engine, content_script=True)
        return playwright

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._playwright is not None

    async def is_alive(self, playwright: Playwright) -> bool:
        """Whether that driver still answers."""
        with anyio.move_on_after(ALIVE_TIMEOUT):
            try:
                made = await playwright.request.new_context()
                await made.dispose()
            except Error:
                return False
            return True
        return False

    async def restart(self, dead: Playwright) -> Playwright:
        """A new driver in place of a dead one; all that saw the same one dead share one start."""
        if self._playwright is dead:
            await self.stop()
        return await self.start()

    def hold(self) -> None:
        """One more browser is run by it."""
        self._browsers += 1

    async def release(self) -> None:
        """A browser is ended. A retired driver goes with its last."""
        self._browsers -= 1
        if self._is_retired and not self._browsers:
            await self.stop()

    async def retire(self) -> None:
        """No further browser will be run by it."""
        self._is_retired = True
        if not self._browsers:
            await self.stop()

    async def stop(self) -> None:
        """End the driver; bounded, and a success when it is gone already."""
        playwright, self._playwright = self._playwright, None
        if playwright is None:
            return
        with anyio.move_on_after(STOP_TIMEOUT, shield=True):
            try:
                await playwright.stop()
            except (Error, OSError):
                return
