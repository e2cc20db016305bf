"""The pictures that a session took last, so that one that shows the same need not be kept again."""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

import anyio.to_thread

from agent_browser.errors import ArtifactNotFound
from agent_browser.models.artifacts import Artifact
from agent_browser.models.functions import ScreenshotInput
from agent_browser.pixels import differing_share
from agent_browser.session.keeping import Keeping

_KINDS = 8
"""Kinds of picture of which the last one is remembered."""


@dataclass(frozen=True)
class Last:
    """A picture that was kept."""

    artifact: Artifact
    width: int
    height: int


class Pictures:
    """The last picture of each kind: taken with the same options, those of comparing left out."""

    def __init__(self, keeping: Keeping, owner: str) -> None:
        self._keeping = keeping
        self._owner = owner
        self._last: OrderedDict[str, Last] = OrderedDict()

    def remember(self, input: ScreenshotInput, last: Last) -> None:
        """This is the last one of its kind now."""
        kind = _kind(input)
        self._last[kind] = last
        self._last.move_to_end(kind)
        if len(self._last) > _KINDS:
            self._last.popitem(last=False)

    async def unchanged(self, input: ScreenshotInput, data: bytes) -> Last | None:
        """The last one of this kind, if it is still there and the picture shows the same."""
        last = self._last.get(_kind(input))
        if last is None:
            return None
        try:
            if sha256(data).hexdigest() == last.artifact.sha256:
                await self._keeping.find(self._owner, last.artifact.id)
                return last
            before = await self._keeping.load(self._owner, last.artifact.id)
        except ArtifactNotFound:
            return None
        share = await anyio.to_thread.run_sync(differing_share, before, data)
        return last if share <= input.threshold else None


def _kind(input: ScreenshotInput) -> str:
    return input.model_dump_json(exclude={"if_changed", "threshold"})
