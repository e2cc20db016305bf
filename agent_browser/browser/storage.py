"""The function `storage`: entries of localStorage and sessionStorage, in whichever frame they are.

A change is made in a document of the origin as if the document had made it itself: other documents
that share the storage are told by the event `storage`, it is not.
"""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agent_browser.browser.ages import Ages
from agent_browser.browser.engine import Done
from agent_browser.browser.functions import Reach, register
from agent_browser.browser.origins import Spot, behind, everywhere, located, nowhere
from agent_browser.browser.saving import Saving
from agent_browser.browser.worlds import DocumentLeft
from agent_browser.errors import Conflict, InvalidRequest, NotFound, PayloadTooLarge
from agent_browser.models.storage import MAX_VALUE, Entry, StorageInput, StorageOutput, parsed

_ATTEMPTS = 4
_READING = ("get", "list")
_TYPES: dict[str, Any] = {"local": "persistent", "session": "temporary"}
_NAMES = {"local": "localStorage", "session": "sessionStorage"}


@register(StorageInput)
async def storage(reach: Reach, input: StorageInput) -> Done:
    """Find the document, and do it there; again where the document is left meanwhile."""
    if input.action == "put" and len(input.key or "") + len(input.text) > MAX_VALUE:
        raise PayloadTooLarge(MAX_VALUE)
    request = _request(input)
    ages = reach.part(Ages)
    if input.expires_in is not None:
        ages.check()
    for attempt in range(_ATTEMPTS):
        try:
            async with _spot(reach, input) as spot:
                await ages.swept(spot)
                answer = await spot.do(request)
            if spot.tab is None and Saving in reach.parts and input.action not in _READING:
                reach.part(Saving).missed(spot.origin)
            return Done(_output(ages, spot, input, answer))
        except DocumentLeft:
            if attempt == _ATTEMPTS - 1:
                raise
    raise DocumentLeft


@asynccontextmanager
async def _spot(reach: Reach, input: StorageInput) -> AsyncIterator[Spot]:
    spot = await located(reach, origin=input.origin, frame=input.frame, tab=input.tab)
    if spot is not None:
        yield spot
    elif input.origin is None or input.area == "session":
        # A tab's sessionStorage of an origin can be had in that tab alone.
        raise nowhere(input.origin or "", _NAMES[input.area], await everywhere(reach))
    else:
        async with behind(reach, input.origin) as ours:
            yield ours


def _request(input: StorageInput) -> dict[str, Any]:
    request: dict[str, Any] = {"action": input.action, "area": input.area}
    if input.action == "list":
        after = None if input.cursor is None else _after(input.cursor)
        request.update(limit=input.limit, after=after)
    if input.prefix is not None:
        request["prefix"] = input.prefix
    if input.key is not None:
        request["key"] = input.key
    if input.action == "put":
        request["value"] = input.text
    return request


def _output(ages: Ages, spot: Spot, input: StorageInput, answer: dict[str, Any]) -> StorageOutput:
    tab = spot.tab.id if spot.tab is not None else None
    owner = (tab or "") if input.area == "session" else ""
    where = (input.area, spot.origin, owner)
    name = f"{_NAMES[input.area]} of {spot.origin}"
    if "denied" in answer:
        raise InvalidRequest(f"the {name} can't be read in that document: {answer['denied'][:200]}")
    if "full" in answer:
        raise Conflict(f"the {name} is full: there is no room for {len(input.text)} characters")
    output = StorageOutput(area=input.area, origin=spot.origin, tab=tab)
    if input.action == "put":
        found = answer["entry"]
        if answer["isNew"]:
            ages.forget(*where, [found["key"]])
        ages.put(*where, found["key"], found["mark"], input.expires_in)
    if "entry" in answer:
        if answer["entry"] is None:
            raise NotFound(f"there is no entry {(input.key or '')[:200]!r} in the {name}")
        output.entry = _entry(ages, where, answer["entry"])
    if "entries" in answer:
        output.entries = [_entry(ages, where, found) for found in answer["entries"]]
        output.total = answer["total"]
        if answer["more"]:
            output.next_cursor = _cursor(output.entries[-1].key)
    if "removed" in answer:
        ages.forget(*where, answer["removed"])
        output.removed = len(answer["removed"])
    return output


def _entry(ages: Ages, where: tuple[str, str, str], found: dict[str, Any]) -> Entry:
    created, expires = ages.told(*where, found["key"], found["mark"])
    return Entry(
        key=found["key"],
        value=found["value"],
        parsed=parsed(found["value"]),
        type=_TYPES[where[0]],
        created=created,
        expires=expires,
    )


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode("utf-8", "surrogatepass")).decode()


def _after(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor.encode("ascii")).decode("utf-8", "surrogatepass")
    except (ValueError, binascii.Error) as exc:
        message = "a cursor is what `next_cursor` said"
        raise InvalidRequest(message, [{"field": "cursor", "message": message}]) from exc
