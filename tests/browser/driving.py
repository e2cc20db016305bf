"""Short ways to drive a context in tests."""

from typing import Any

from agent_browser.browser.context import ChromiumContext
from agent_browser.models.functions import (
    Element,
    ExecuteInput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    SnapshotInput,
    SnapshotOutput,
)
from tests.site import Site


class Driving:
    """A context on the test site."""

    def __init__(self, context: ChromiumContext, site: Site) -> None:
        self.context = context
        self.site = site
        self.elements: list[Element] = []

    async def open(self, path: str, **input: Any) -> OpenOutput:
        answer = await self.context.open(OpenInput(url=self.site.url(path), **input))
        self.elements = answer.elements
        return answer

    async def snapshot(self, **input: Any) -> SnapshotOutput:
        answer = await self.context.snapshot(SnapshotInput(**input))
        self.elements = answer.elements
        return answer

    async def act(self, action: Any, ref: str | None = None, **input: Any) -> InteractOutput:
        answer = await self.context.interact(InteractInput(action=action, ref=ref, **input))
        if answer.snapshot is not None:
            self.elements = answer.snapshot.elements
        return answer

    async def value(self, code: str) -> Any:
        answer = await self.context.execute(ExecuteInput(code=code))
        assert answer.error is None, answer.error
        return answer.value

    async def log(self) -> str:
        """What the page wrote into its log."""
        return str(await self.value("document.getElementById('log').textContent"))

    def ref(self, words: str) -> str:
        """The ref of the one element of the last answer whose line has these words in it."""
        found = [item for item in self.elements if words in item.desc]
        assert len(found) == 1, f"{words!r} is in {[item.desc for item in found]}"
        return found[0].ref
