"""Every function in words and examples, for the description of the interface."""

from agent_browser.api.described import core, emulation, files, network, reading, recording, storage
from agent_browser.api.described.about import SESSION, About

ABOUT: dict[str, About] = {
    **core.ABOUT,
    **emulation.ABOUT,
    **files.ABOUT,
    **reading.ABOUT,
    **recording.ABOUT,
    **network.ABOUT,
    **storage.ABOUT,
}

__all__ = ["ABOUT", "SESSION", "About"]
