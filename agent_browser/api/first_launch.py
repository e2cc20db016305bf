"""Whether the first browser started: a server without one says so and does not start."""

import anyio

from agent_browser.browser.engine import Browser, Engine
from agent_browser.errors import AgentBrowserError


class FirstLaunch:
    """An engine that passes everything on to another, and knows what came of the first launch."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tried = anyio.Event()
        self._failure: AgentBrowserError | None = None

    async def __aenter__(self) -> Engine:
        await self._engine.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._engine.__aexit__(*exc)

    @property
    def warnings(self) -> tuple[str, ...]:
        return self._engine.warnings

    async def launch(self) -> Browser:
        try:
            browser = await self._engine.launch()
        except AgentBrowserError as exc:
            if not self._tried.is_set():
                self._failure = exc
            self._tried.set()
            raise
        self._tried.set()
        return browser

    async def succeeded(self) -> None:
        """Wait for the first launch; its error, such as BrowserMissing, if it failed."""
        await self._tried.wait()
        if self._failure is not None:
            raise self._failure
