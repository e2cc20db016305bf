"""Waiting for an answer of the network: the condition `response` of the action wait."""

import anyio
from playwright.async_api import Request, Response

from agent_browser.browser.actions import Act
from agent_browser.browser.happenings import now, told
from agent_browser.browser.waiting import condition
from agent_browser.errors import ActionFailed
from agent_browser.models.globs import Finder


def _finder(act: Act) -> Finder:
    try:
        return Finder(act.input.response or "")
    except ValueError as exc:
        raise ActionFailed("invalid_input", f"'response': {exc}") from exc


async def _earlier(act: Act) -> str:
    """Whether it had come before anybody waited."""
    finder = _finder(act)
    answered = [one for one in await act.page.requests() if _answered(one, finder)]
    if not answered:
        return f"nothing of the page at {told(act.page.url)} was answered from there"
    last = answered[-1]
    ago = now().timestamp() - last.timing["startTime"] / 1000
    response = last.existing_response
    status = response.status if response is not None else 0
    return f"one asked for {ago:.1f} s ago was answered before the wait: {status} {told(last.url)}"


def _answered(request: Request, finder: Finder) -> bool:
    return request.existing_response is not None and finder.finds(request.url)


@condition("response", instead=_earlier, at_once=True)
async def response(act: Act) -> None:
    """The next answer from such an address; its status is told."""
    finder = _finder(act)
    found: list[Response] = []
    came = anyio.Event()

    def heard(answer: Response) -> None:
        if not found and finder.finds(answer.url):
            found.append(answer)
            came.set()

    act.page.on("response", heard)
    try:
        with anyio.fail_after(act.left / 1000):
            await came.wait()
    finally:
        act.page.remove_listener("response", heard)
    act.note(f"{found[0].status} {told(found[0].url)}")
