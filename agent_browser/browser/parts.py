"""The parts of a state as they were last made, and what could not be put into each. Pure."""

import json
from contextlib import suppress
from typing import Any

from agent_browser.models.checkpoints import Loss, Part


def loaded(text: str) -> Any:
    """What a document told as JSON; None where that can't be read."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def value_of(part: Part | None) -> Any:
    """The same of a part, if there is one."""
    with suppress(ValueError, RecursionError):
        return None if part is None else part.value
    return None


class Parts:
    """Of the same value the part stays the same object."""

    def __init__(self) -> None:
        self.all: dict[str, Part] = {}
        self._values: dict[str, Any] = {}
        self._losses: dict[str, tuple[Loss, ...]] = {}

    def put(self, name: str, value: Any, losses: tuple[Loss, ...] = ()) -> None:
        """That part, and what is not in it. Nothing, where the value is empty."""
        self._note(name, losses)
        if not value:
            self.drop(name)
            return
        made = Part.of(name, value)
        before = self.all.get(name)
        if before is None or before.digest != made.digest:
            self.all[name] = made

    def put_text(self, name: str, data: bytes, digest: str, losses: tuple[Loss, ...]) -> None:
        """The same of what is JSON already."""
        self._note(name, losses)
        before = self.all.get(name)
        if before is None or before.digest != digest:
            self.all[name] = Part(name, data, digest)

    def _note(self, name: str, losses: tuple[Loss, ...]) -> None:
        if losses:
            self._losses[name] = losses
        else:
            self._losses.pop(name, None)

    def put_small(self, name: str, value: Any) -> None:
        """The same where comparing values is cheaper than making a part: they are remembered."""
        if name not in self.all or self._values.get(name) != value:
            self.put(name, value)
            self._values[name] = value

    def drop(self, name: str) -> None:
        self.all.pop(name, None)
        self._values.pop(name, None)

    def lose(self, name: str, loss: Loss) -> None:
        """The part stays as it was, or is not there: that is told until it is put again."""
        self._losses[name] = (loss,)

    def keep(self, head: str, rest: set[str]) -> None:
        """Drop the parts of this kind whose names do not go on so."""
        for name in [n for n in (*self.all, *self._losses) if n.startswith(head)]:
            if name.removeprefix(head) not in rest:
                self.drop(name)
                self._losses.pop(name, None)

    @property
    def losses(self) -> tuple[Loss, ...]:
        return tuple(loss for name in sorted(self._losses) for loss in self._losses[name])
