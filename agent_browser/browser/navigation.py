"""Going places: an address, back, forward, again."""

from contextlib import suppress
from typing import Any

import anyio
from playwright.async_api import Error, Frame, Response, TimeoutError

from agent_browser.browser import detour
from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.glance import wait_asked
from agent_browser.browser.settle import ERROR_PAGE
from agent_browser.browser.tab import Tab
from agent_browser.browser.translate import is_gone, navigation_failure
from agent_browser.browser.urls import normalise
from agent_browser.errors import ActionFailed, BrowserLost, DeadlineExceeded, DialogWaiting
from agent_browser.models.functions import OpenInput

ERROR_PAGE_BOUND = 1.0
STATUS_BOUND = 1.0


async def goto(tab: Tab, input: OpenInput, *, again: bool = False) -> bool:
    """Navigate the tab; with `again` it is at that address, which is loaded anew. InvalidUrl,
    EgressDenied, NavigationFailed, DeadlineExceeded. False where the address turned out to be a
    file: the tab stays where it was, and a download begins.
    """
    url = normalise(input.url)
    way_out = detour.of(tab.page.context)
    way_out.forget(tab.page)
    try:
        response = await _leave(tab, url, input, again=again)
    except DialogWaiting:
        with anyio.move_on_after(STATUS_BOUND, shield=True), suppress(Error):
            tab.status = await _status(tab)
        tab.navigated()
        raise
    except TimeoutError as exc:
        raise tab.gone() or DeadlineExceeded(
            "navigation",
            input.timeout,
            doing=f"Failed to open URL: {way_out.silent(url)}",
        ) from exc
    except Error as exc:
        if "Download is starting" in str(exc):
            tab.status = None
            return False
        gone = tab.gone() or (BrowserLost() if is_gone(exc) else None)
        if gone is not None:
            raise gone from exc
        failed = navigation_failure(exc, url)
        if "net::" in failed.detail and "ERR_ABORTED" not in failed.detail:
            await _error_page(tab)
        raise way_out.explained(failed, tab.page, url) from exc
    tab.status = response.status if response is not None else None
    tab.retry_after = wait_asked(response)
    tab.navigated()
    return True


async def _leave(tab: Tab, url: str, input: OpenInput, *, again: bool) -> Response | None:
    """Go there; what the page that is left says on the way is answered, what the next says not."""

    def arrived(frame: Frame) -> None:
        if frame is tab.page.main_frame:
            tab.dialogs.left()

    tab.page.on("framenavigated", arrived)
    try:
        with tab.dialogs.leaving():
            await tab.dialogs.dismiss()
            how: Any = {"wait_until": input.wait_until, "timeout": input.timeout * 1000}
            with tab.calling():
                return await (tab.page.reload(**how) if again else tab.page.goto(url, **how))
        raise RuntimeError("a call that was broken off says why")
    finally:
        tab.page.remove_listener("framenavigated", arrived)


async def _status(tab: Tab) -> int | None:
    """The status of a page that asks something before it is loaded, so that `goto` never ends."""
    for request in reversed(await tab.page.requests()):
        if request.is_navigation_request() and request.frame is tab.page.main_frame:
            response = await request.response()
            return response.status if response is not None else None
    return None


async def _error_page(tab: Tab) -> None:
    """Wait for a failure's error page: it comes late, and would break into the next navigation."""
    with suppress(Error):
        await tab.page.wait_for_url(
            f"{ERROR_PAGE}**", wait_until="commit", timeout=ERROR_PAGE_BOUND * 1000
        )


@register("goto")
async def goto_action(act: Act) -> None:
    url = needed(act.input.url, "url", "goto")
    mark = act.downloads.mark()
    if not await act.goto(OpenInput(url=url, timeout=act.seconds)):
        await act.downloads.arrive(mark, act.left / 1000)


@register("back")
async def back(act: Act) -> None:
    await _through_history(act, -1)


@register("forward")
async def forward(act: Act) -> None:
    await _through_history(act, +1)


async def _through_history(act: Act, step: int) -> None:
    session = await act.tab.worlds.session()
    history: dict[str, Any] = await session.send("Page.getNavigationHistory")
    entries, there = history["entries"], history["currentIndex"] + step
    where = "back" if step < 0 else "forward"
    start = bool(entries) and there == 0 and step < 0 and entries[0]["url"] == "about:blank"
    if not 0 <= there < len(entries) or start:
        raise ActionFailed("no_history", f"there is no page to go {where} to")
    move = act.page.go_back if step < 0 else act.page.go_forward
    _arrived(act, await _moved(act, move(wait_until="domcontentloaded", timeout=act.milliseconds)))


@register("reload")
async def reload(act: Act) -> None:
    again = act.page.reload(wait_until="domcontentloaded", timeout=act.milliseconds)
    _arrived(act, await _moved(act, again))


async def _moved(act: Act, moving: Any) -> Response | None:
    way_out = detour.of(act.page.context)
    way_out.forget(act.page)
    try:
        response: Response | None = await moving
    except TimeoutError as exc:
        raise act.tab.gone() or ActionFailed(
            "timeout", f"Timeout {act.milliseconds:g}ms exceeded"
        ) from exc
    except Error as exc:
        failure = way_out.explained(navigation_failure(exc, ""), act.page)
        raise act.tab.gone() or ActionFailed(failure.code, failure.detail) from exc
    return response


def _arrived(act: Act, response: Response | None) -> None:
    act.tab.status = response.status if response is not None else None
    act.tab.navigated()


@register("set_viewport")
async def set_viewport(act: Act) -> None:
    width, height = act.input.width, act.input.height
    if width is None or height is None:
        raise ActionFailed("missing_input", "'width' and 'height' required for set_viewport action")
    await act.page.set_viewport_size({"width": width, "height": height})
