"""States made by hand, and contexts that they are brought into."""

from typing import Any

from agent_browser.browser.context import ChromiumContext
from agent_browser.models.checkpoints import Loss, Part, State


def state_of(**parts: Any) -> State:
    """A state of such parts."""
    return of_parts(parts)


def of_parts(parts: dict[str, Any]) -> State:
    """The same for parts whose names have spaces in them."""
    return State({name: Part.of(name, value) for name, value in parts.items()})


def tab(
    url: str, *before: str, tab_id: str = "t1", after: tuple[str, ...] = (), **more: Any
) -> Any:
    """A tab at an address, with addresses before and after it in its history."""
    entries = [{"url": each} for each in ("about:blank", *before, url, *after)]
    history = {"index": len(before) + 1, "entries": entries}
    return {"id": tab_id, "url": url, "history": history, **more}


def tabs_of(*tabs: Any, active: str = "t1", last_tab: int = 0, last_ref: int = 0) -> Any:
    """The part of that name."""
    return {"active": active, "last_tab": last_tab, "last_ref": last_ref, "tabs": list(tabs)}


async def brought(
    context: ChromiumContext, parts: dict[str, Any], *, within: float = 20.0
) -> tuple[Loss, ...]:
    """Bring a state of these parts into a context."""
    return await context.restore(of_parts(parts), within=within)


def pairs(**entries: str) -> list[dict[str, str]]:
    """Entries of a storage area."""
    return [{"name": name, "value": value} for name, value in entries.items()]
