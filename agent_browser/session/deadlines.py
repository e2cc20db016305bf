"""How long a call may take, from its function and input. Seconds."""

from typing import NamedTuple

from agent_browser.errors import InvalidTimeout
from agent_browser.models.base import SHORTEST, Input
from agent_browser.models.catalogue import NAMES
from agent_browser.models.functions import ExecuteInput, InteractInput, OpenInput
from agent_browser.models.timing import keys_time

GRACE = 10.0
"""What a call has beyond its own timeout: to settle, to look, to store a picture."""
LOOK = 30.0
"""A snapshot or a picture."""
ACTION = 5.0
NAVIGATION = 30.0
NAVIGATING = frozenset({"goto", "reload", "back", "forward", "tab_new"})
QUEUE = 60.0
"""The least time that a call waits for its turn; a longer call waits as long as it may take."""


class Allowance(NamedTuple):
    """A deadline's name, for who is told of it, and its length."""

    name: str
    seconds: float


def allowance(input: Input, *, settle: float, longest: float) -> Allowance:
    """The whole call's deadline. InvalidTimeout for a timeout that is not from SHORTEST to
    `longest`: 0 is neither "at once" nor "for ever", whatever is called.
    """
    if isinstance(input, OpenInput):
        return Allowance("navigation", _asked(input.timeout, longest) + GRACE)
    if isinstance(input, InteractInput):
        return Allowance("action", _action(input, longest) + settle + GRACE)
    if isinstance(input, ExecuteInput):
        return Allowance("execute", _asked(input.timeout, longest) + GRACE)
    asked = getattr(input, "timeout", None)
    if isinstance(asked, float):
        return Allowance(NAMES[type(input)], _asked(asked, longest) + GRACE)
    return Allowance("look", LOOK + GRACE)


def _action(input: InteractInput, longest: float) -> float:
    default = NAVIGATION if input.action in NAVIGATING else ACTION
    if input.timeout is None:
        asked = default + _bounded(keys_time(input), longest)
    else:
        asked = _asked(input.timeout, longest)
    pause = (input.wait_ms or 0) / 1000 if input.action == "wait" else 0.0
    return asked + pause


def _asked(seconds: float, longest: float) -> float:
    if seconds < SHORTEST:
        raise InvalidTimeout("timeout", seconds, SHORTEST, longest)
    return _bounded(seconds, longest)


def _bounded(seconds: float, longest: float) -> float:
    if seconds > longest:
        raise InvalidTimeout("timeout", seconds, SHORTEST, longest)
    return seconds
