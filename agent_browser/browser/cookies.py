"""The function `cookies`: those of the session, in Playwright's form."""

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Error

from agent_browser.browser.engine import Done
from agent_browser.browser.functions import BESIDE, Reach, register
from agent_browser.browser.translate import is_gone
from agent_browser.errors import InvalidRequest
from agent_browser.models.cookies import CookiesInput, CookiesOutput, RefusedCookie, told
from agent_browser.models.state import Cookie


@register(CookiesInput)
async def cookies(reach: Reach, input: CookiesInput) -> Done:
    """List, set or delete them."""
    context, action = reach.context, input.wanted
    if action == "set":
        refused = await _set(reach, input.given)
        changed, total = len(input.given) - len(refused), len(await context.cookies())
        return Done(CookiesOutput(changed=changed, total=total, refused=refused))
    if action == "list":
        everything: list[Any] = list(await context.cookies())
        some = everything if input.url is None else list(await context.cookies(input.url))
        found = [told(dict(cookie)) for cookie in some if _fits(cookie, input)]
        return Done(CookiesOutput(cookies=found, total=len(everything)))
    before = list(await context.cookies())
    if action == "clear":
        await context.clear_cookies()
    else:
        filters = {
            name: value
            for name in ("name", "domain", "path")
            if (value := getattr(input, name)) is not None
        }
        await context.clear_cookies(**filters)
    left = len(await context.cookies())
    return Done(CookiesOutput(changed=max(0, len(before) - left), total=left))


def _fits(cookie: Any, input: CookiesInput) -> bool:
    return all(
        wanted is None or cookie[name] == wanted
        for name in ("name", "domain", "path")
        for wanted in (getattr(input, name),)
    )


async def _set(reach: Reach, given: list[Cookie]) -> list[RefusedCookie]:
    """Those that can be set; the others. InvalidRequest where that is all of them."""
    refused = []
    try:
        await _add(reach, given)
    except Error as exc:
        if is_gone(exc):
            raise
        # The browser takes all of a list or nothing, and doesn't say which it is.
        refused = [one for one in given if not await _can_be_added(reach, one)]
    there = await reach.context.cookies()
    refused += [one for one in given if one not in refused and not _is_there(one, there)]
    if refused and len(refused) == len(given):
        names = ", ".join(repr(one.name[:64]) for one in refused[:10])
        message = f"the browser does not take {names}: see its name, value, domain and attributes"
        raise InvalidRequest(message, [{"field": "cookies", "message": message}])
    return [RefusedCookie(name=one.name, domain=one.domain or one.url or "") for one in refused]


async def _add(reach: Reach, given: list[Cookie]) -> None:
    made: list[Any] = [one.model_dump(by_alias=True, exclude_none=True) for one in given]
    if made:
        await reach.context.add_cookies(made)


async def _can_be_added(reach: Reach, one: Cookie) -> bool:
    try:
        await _add(reach, [one])
    except Error as exc:
        if is_gone(exc):
            raise
        return False
    return True


def _is_there(one: Cookie, there: Sequence[Any]) -> bool:
    """Whether it was taken; one that expires before now is gone, as it was wanted."""
    if one.expires is not None and 0 <= one.expires <= time.time():
        return True
    host = urlsplit(one.url).hostname if one.url is not None else one.domain
    return any(
        cookie["name"] == one.name
        and cookie["domain"].lstrip(".") == (host or "").lower().lstrip(".")
        and one.path in (None, cookie["path"])
        for cookie in there
    )


BESIDE.add(CookiesInput)
