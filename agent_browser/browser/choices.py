"""What a select offers, read in our own world: the page can't lie about it there."""

from contextlib import suppress
from typing import Any

from agent_browser.browser.actions import Act
from agent_browser.browser.driver import ENGINE_NAME
from agent_browser.browser.refs import Ref
from agent_browser.browser.snapshot import Kept, Looking
from agent_browser.browser.targets import Target
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import ActionFailed

_NAME = "select"


async def options_of(act: Act, target: Target) -> dict[str, Any] | None:
    """Whether several can be chosen, and the options' labels, texts and values; None if it is not a
    select.
    """
    if isinstance(target.named, Ref):
        found: dict[str, Any] | None = await target.ask("options")
        return found
    for world_is_new in (False, True):
        if world_is_new:  # a frame that was never looked at: the look puts our world there
            await Looking(
                act.tab.worlds, act.numbers, Kept(), most=0, query=None, boxes=False
            ).whole()
        named = target.locator.locator(f"{ENGINE_NAME}=name:{_NAME}")
        await named.wait_for(state="attached", timeout=act.left)
        for world in act.tab.worlds.all():
            with suppress(DocumentLeft):
                heard = await act.tab.worlds.ask(world, f"optionsOfNamed('{_NAME}')")
                if heard is not None:
                    return heard["found"]  # type: ignore[no-any-return]
    raise ActionFailed("failed", f"{target} can't be looked at")
