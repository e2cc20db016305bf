"""Every function in words and examples, for the description of the interface."""

from agent_browser.api.described import core
from agent_browser.api.described.about import SESSION, About

ABOUT: dict[str, About] = {**core.ABOUT}

__all__ = ["ABOUT", "SESSION", "About"]
