"""The fake's conditions: the viewport it has, and what it was told."""

from agent_browser.browser.engine import Done, changed_only_new
from agent_browser.errors import OptionNeedsNewSession
from agent_browser.models.conditions import PRESETS, Throttle
from agent_browser.models.emulation import EmulateInput, EmulateOutput, Emulation
from tests.fakes.tab import FakeTab

TOLD = {"color_scheme", "media", "offline", "user_agent", "locale", "timezone", "has_touch"}


def emulate(tab: FakeTab, input: EmulateInput) -> Done:
    """Remember it, and say what is in force."""
    changed = changed_only_new(input, tab.made_with)
    if changed:
        raise OptionNeedsNewSession(changed)
    tab.resize(input.width, input.height)
    made_with, given = (
        options.model_dump(exclude_none=True, include=TOLD) for options in (tab.made_with, input)
    )
    tab.conditions = made_with | tab.conditions | given
    if input.throttle is not None:
        named = input.throttle
        speed = PRESETS[named] if isinstance(named, str) else named
        tab.conditions["throttle"] = None if speed == Throttle() else speed
    width, height = tab.size
    return Done(EmulateOutput(emulation=Emulation(width=width, height=height, **tab.conditions)))
