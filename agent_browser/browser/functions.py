"""The functions that have a module each (reading, network, recording, …), by their inputs; and what
they work with.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from playwright.async_api import BrowserContext

from agent_browser.browser.engine import Done, Video
from agent_browser.browser.tab import Lost
from agent_browser.browser.tabs import Tabs
from agent_browser.browser.veil import Veil
from agent_browser.browser.view import View
from agent_browser.models.base import Input
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import ContextOptions


class Part(Protocol):
    """Something that lives as long as its context does: a log, a recorder, a set of rules."""

    @classmethod
    def of(cls, reach: "Reach") -> Self:
        """Made at its first use, or with the context if it is in `FROM_THE_START`."""
        ...

    async def close(self) -> None:
        """Stop, before the context is closed. Bounded by the context's own deadline."""
        ...


P = TypeVar("P", bound=Part)
I = TypeVar("I", bound=Input)  # noqa: E741


@dataclass
class Reach:
    """What a function works with: the context, its tabs, what was seen of them, its parts."""

    context: BrowserContext
    tabs: Tabs
    view: View
    lost: Lost
    made_with: ContextOptions
    settle_bound: float
    device: Mapping[str, Any] = field(default_factory=dict)
    """What the device that it was made with stands for, as Playwright's arguments."""
    veil: Veil = field(default_factory=Veil)
    """The secrets that were typed."""
    parts: dict[type[Any], Any] = field(default_factory=dict)
    recordings: Path | None = None
    """The folder for videos that begin now."""
    traces: Path | None = None
    """The folder for traces, which the browser's contexts share."""
    videos: list[Video] = field(default_factory=list)
    """Those that parts finished because the context is being closed."""

    def part(self, kind: type[P]) -> P:
        """The context's one part of that kind, made if it is not there."""
        if kind not in self.parts:
            self.parts[kind] = kind.of(self)
        made: P = self.parts[kind]
        return made


Perform = Callable[[Reach, Any], Awaitable[Done]]
TABLE: dict[type[Input], Perform] = {}
BEFORE_OPEN: set[type[Input]] = {EmulateInput}
"""Functions that need no page: they may come before the first `open`."""
BESIDE: set[type[Input]] = set()
"""Functions that go on beside the page: also before it is opened, while a dialog waits, and when it
has crashed.
"""
FROM_THE_START: list[type[Any]] = []
"""Parts that must see all of a context's life. What they listen for every session pays for."""


def register(kind: type[I]) -> Callable[[Callable[[Reach, I], Awaitable[Done]]], Perform]:
    """Put a function into the table under the type of its input."""

    def put(perform: Callable[[Reach, I], Awaitable[Done]]) -> Perform:
        TABLE[kind] = perform
        return perform

    return put
