"""What an action is given to work with, and the table of actions; each family has its module."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from playwright.async_api import Page

from agent_browser.browser import targets
from agent_browser.browser.engine import Secret, Upload
from agent_browser.browser.refs import Numbers
from agent_browser.browser.tab import Tab
from agent_browser.browser.targets import Target
from agent_browser.browser.veil import Veil
from agent_browser.browser.worlds import World
from agent_browser.errors import ActionFailed
from agent_browser.models.functions import InteractInput, OpenInput
from agent_browser.models.secrets import SecretRef
from agent_browser.models.timing import keys_time

if TYPE_CHECKING:
    from agent_browser.browser.downloads import Downloads

ACTION_TIMEOUT = 5.0
NAVIGATION_TIMEOUT = 30.0
NAVIGATIONS = frozenset({"goto", "reload", "back", "forward", "tab_new"})


@dataclass
class Act:
    """One action on one tab."""

    tab: Tab
    numbers: Numbers
    input: InteractInput
    uploads: tuple[Upload, ...]
    goto: Callable[[OpenInput], Awaitable[bool]]
    downloads: "Downloads"
    secret: Secret | None = None
    """What is typed where the input names a secret."""
    veil: Veil = field(default_factory=Veil)
    place: Callable[[str], Awaitable[tuple[World, int]]] | None = None
    """The document of what a ref or selector names, and its number there."""
    notes: list[str] = field(default_factory=list)
    acted: bool = True
    """Whether a dialog that comes now is most likely the action's own."""
    began: float = field(default_factory=time.monotonic)

    @property
    def page(self) -> Page:
        return self.tab.page

    @property
    def text(self) -> str | list[str] | None:
        """The text or texts of the input; a secret is none."""
        text = self.input.text
        return None if isinstance(text, SecretRef) else text

    @property
    def seconds(self) -> float:
        """How long the action itself may take."""
        return timeout_of(self.input)

    @property
    def milliseconds(self) -> float:
        return self.seconds * 1000

    @property
    def left(self) -> float:
        """Milliseconds that are left of it, at least one."""
        return max(1.0, (self.began + self.seconds - time.monotonic()) * 1000)

    def note(self, text: str) -> None:
        """Something the caller should know of an action that was done."""
        self.notes.append(text)

    async def target(self, text: str | None = None) -> Target:
        """The element that `ref`, or the given text, names."""
        named = text if text is not None else needed(self.input.ref, "ref", self.input.action)
        return await targets.find(self.tab, self.numbers, named)


def timeout_of(input: InteractInput) -> float:
    """Seconds that an action may take: as asked, else 5, or 30 for a navigation."""
    if input.timeout is not None:
        return input.timeout
    if input.action in NAVIGATIONS:
        return NAVIGATION_TIMEOUT
    if input.action == "wait" and input.wait_ms is not None:
        return max(ACTION_TIMEOUT, input.wait_ms / 1000 + 1)
    return ACTION_TIMEOUT + keys_time(input)


def needed(value: str | None, name: str, action: str) -> str:
    """The value, or ActionFailed in the original's words."""
    if value is None:
        example = " (e.g., 'Enter')" if action == "press" else ""
        raise ActionFailed("missing_input", f"'{name}' required for {action} action{example}")
    return value


Perform = Callable[[Act], Awaitable[None]]
TABLE: dict[str, Perform] = {}


def register(name: str) -> Callable[[Perform], Perform]:
    """Put an action into the table under its name on the wire."""

    def put(perform: Perform) -> Perform:
        TABLE[name] = perform
        return perform

    return put
