"""A secret typed: where it may go is asked of the very document that gets it, in a world that its
page can't reach, right before.
"""

import json
from typing import Any

from playwright.async_api import Error

from agent_browser.browser.actions import Act, needed
from agent_browser.browser.engine import Secret
from agent_browser.browser.targets import acting_on
from agent_browser.browser.worlds import DocumentLeft, World
from agent_browser.errors import ActionFailed

_LONGEST = 200
_WHY = {
    "gone": ("stale_ref", "the element is gone; nothing was typed"),
    "moved": ("failed", "the focus went elsewhere; nothing was typed"),
    "fixed": ("not_editable", "what has the focus takes no text; nothing was typed"),
}


async def fill(act: Act, secret: Secret) -> None:
    """In the place of what the element has in it. ActionFailed (secret_not_allowed)."""
    target = await act.target()
    world, number = await _placed(act)
    _check(secret, await _ask(act, world, "origin()"))
    async with acting_on(target, act.milliseconds) as locator:
        await locator.clear(timeout=act.milliseconds)
        # The document that was asked, or none: another one that came meanwhile is not it.
        await _put(act, world, secret, f"put({number}, %s)")


async def insert(act: Act, secret: Secret) -> None:
    """At once, where the focus is. ActionFailed (secret_not_allowed)."""
    await _put(act, await _focused(act, secret), secret, "insert(%s)")


async def type_out(act: Act, secret: Secret) -> None:
    """Key by key; where the focus is then is asked before each. ActionFailed
    (secret_not_allowed): no further key was pressed.
    """
    await _focused(act, secret)
    for key in _revealed(act, secret, keyed=True):
        await _focused(act, secret)
        await act.page.keyboard.type(key, delay=act.input.delay)


def _revealed(act: Act, secret: Secret, *, keyed: bool = False) -> str:
    """Its text; from then on it is masked."""
    text = secret.reveal()
    act.veil.add(secret.key, text, lasting=secret.lasting, keyed=keyed)
    return text


async def _put(act: Act, world: World, secret: Secret, call: str) -> None:
    why = await _ask(act, world, call % json.dumps(_revealed(act, secret)))
    if why is not None:
        code, words = _WHY[why]
        raise ActionFailed(code, words)


async def _placed(act: Act) -> tuple[World, int]:
    assert act.place is not None
    return await act.place(needed(act.input.ref, "ref", act.input.action))


async def _focused(act: Act, secret: Secret) -> World:
    """The document that has the focus, if the secret may be typed there."""
    worlds = act.tab.worlds
    try:
        world, said = await worlds.ask_main("focused()")
        while said["frame"]:
            children = await worlds.children(world)
            child = next((one for one in children if one.number == said["frame"]), None)
            if child is None:
                raise DocumentLeft
            world, said = await worlds.ask_frame(child.session, child.frame_id, "focused()")
    except DocumentLeft as exc:
        raise _left() from exc
    _check(secret, said["origin"])
    return world


async def _ask(act: Act, world: World, call: str) -> Any:
    """Ask that very document. ActionFailed where it was left; nothing is told of the call."""
    try:
        return await act.tab.worlds.ask(world, call)
    except DocumentLeft as exc:
        raise _left() from exc
    except Error as exc:
        if act.tab.gone() is not None:
            raise
        raise ActionFailed("failed", "the page did not take it") from exc


def _check(secret: Secret, origin: str) -> None:
    if not secret.allows(origin):
        shown = "an origin of its own" if origin == "null" else origin[:_LONGEST]
        raise ActionFailed(
            "secret_not_allowed",
            f"secret {secret.name} may not be typed on {shown}; nothing was typed",
        )


def _left() -> ActionFailed:
    return ActionFailed("stale_ref", "the page went elsewhere meanwhile; nothing was typed")
