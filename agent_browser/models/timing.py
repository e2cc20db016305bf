"""How long what an action asks for takes by itself: its pauses, its keys one by one. Pure."""

from typing import TypeVar

from agent_browser.models.base import Input
from agent_browser.models.functions import InteractInput
from agent_browser.models.secrets import SecretRef

I = TypeVar("I", bound=Input)  # noqa: E741

KEY = 0.01
"""Seconds that a typed character may take."""
USUAL = 64
"""Characters that a secret is taken to have: how many it has is told by no deadline."""


def keys_time(input: InteractInput) -> float:
    """Seconds that the keys of `type` and `press` take, with the `delay` between them."""
    if input.action not in ("type", "press") or input.text is None:
        return 0.0
    if isinstance(input.text, SecretRef):  # as long as it may be is not as long as it is
        return USUAL * (KEY + (input.delay or 0.0) / 1000)
    presses_one = input.action == "press" and isinstance(input.text, str)
    count = 1 if presses_one else len(input.text)
    return count * (KEY + (input.delay or 0.0) / 1000)


def within(input: I, seconds: float) -> I:
    """The input with a timeout of no more than that, where it has one."""
    asked = getattr(input, "timeout", None)
    if not isinstance(asked, float) or asked <= seconds:
        return input
    return input.model_copy(update={"timeout": max(seconds, 0.001)})
