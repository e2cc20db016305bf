"""States of fake contexts: one tab, and one origin that stores."""

from agent_browser.errors import NavigationFailed
from agent_browser.models.checkpoints import LOCAL, OPTIONS, TABS, Loss, Part, State
from agent_browser.models.functions import ContextOptions
from tests.fakes.tab import FakeTab

ORIGIN = "http://test"


def captured(tab: FakeTab, options: ContextOptions, storage: dict[str, str]) -> State:
    """What the context is now."""
    page = tab.page
    told = {"id": "t1", "url": page.url or "about:blank", "title": page.title}
    history = {"index": 0, "entries": [{"url": told["url"], "title": page.title}]}
    tabs = {
        "active": "t1",
        "last_tab": 1,
        "last_ref": tab.given,
        "tabs": [told | {"history": history}],
    }
    kept = options.model_dump(mode="json", exclude_none=True, exclude={"storage_state", "profile"})
    entries = [{"name": name, "value": value} for name, value in sorted(storage.items())]
    parts = [Part.of(TABS, tabs), Part.of(OPTIONS, kept)]
    if entries:
        parts.append(Part.of(LOCAL + ORIGIN, entries))
    return State({part.name: part for part in parts})


def stored(state: State) -> dict[str, str]:
    """What the origin of a state has stored."""
    return {one["name"]: one["value"] for one in state.value(LOCAL + ORIGIN, [])}


def restored(tab: FakeTab, state: State) -> tuple[Loss, ...]:
    """Have the tab be where it was."""
    tabs = state.value(TABS) or {"tabs": [], "last_ref": 0}
    tab.given = tabs["last_ref"]
    for each in tabs["tabs"]:
        if each["url"] == "about:blank":
            continue
        try:
            tab.come_back(each["url"])
        except NavigationFailed as exc:
            return (Loss(what="page", where=each["url"], why=exc.detail),)
    return ()
