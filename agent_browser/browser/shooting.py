"""A picture as a caller asks for it: of which part, within which bounds, what is marked in it."""

import math
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread
from playwright.async_api import Error, FloatRect, Locator

from agent_browser.browser import picture
from agent_browser.browser.actions import ACTION_TIMEOUT
from agent_browser.browser.refs import Numbers
from agent_browser.browser.tab import Tab
from agent_browser.browser.targets import Target, acting_on, find
from agent_browser.browser.view import View
from agent_browser.errors import ActionFailed, InvalidRequest
from agent_browser.models.functions import Box, Element, ScreenshotInput
from agent_browser.service import Image

MAX_SIDE = 16_383
"""Pixels of a picture's side: webp holds no more, and graphics processors draw hardly more."""
MAX_PIXELS = 64_000_000
_MOST_MASKED = 100


@dataclass(frozen=True)
class Frame:
    """Which part of the document a picture shows, in CSS pixels of the document."""

    x: float
    y: float
    width: float
    height: float
    scale: float
    """Pixels of the picture for each CSS pixel."""
    scroll_x: float = 0
    scroll_y: float = 0
    view: tuple[float, float] = (0, 0)

    @property
    def is_in_view(self) -> bool:
        """Whether all of it is in the viewport as it is scrolled now."""
        return (
            self.scroll_x <= self.x
            and self.scroll_y <= self.y
            and self.x + self.width <= self.scroll_x + self.view[0]
            and self.y + self.height <= self.scroll_y + self.view[1]
        )

    def within(self, box: Box) -> Box | None:
        """Where a box of the viewport is in the picture; None if it is not."""
        x, y = box.x + self.scroll_x - self.x, box.y + self.scroll_y - self.y
        if x + box.width <= 0 or y + box.height <= 0 or x >= self.width or y >= self.height:
            return None
        return Box(x=round(x, 2), y=round(y, 2), width=box.width, height=box.height)


def fitted(frame: Frame) -> tuple[Frame, str | None]:
    """As much of it as one picture holds, from the top; and a note of what is left out."""
    width = min(frame.width, MAX_SIDE / frame.scale)
    tall = min(MAX_SIDE, MAX_PIXELS / max(1, width * frame.scale)) / frame.scale
    height = min(frame.height, math.floor(tall))
    if width >= frame.width and height >= frame.height:
        return frame, None
    note = (
        f"there are {frame.width:g} by {frame.height:g} px; one picture holds the first "
        f"{width:g} by {height:g}. Take the rest with full_page and clip"
    )
    return replace(frame, width=width, height=height), note


def _check_type(input: ScreenshotInput) -> None:
    if input.type == "png" and input.quality is not None:
        field, message = "quality", "png is without loss: quality goes with type jpeg and webp"
    elif input.type == "jpeg" and input.omit_background:
        field, message = "omit_background", "jpeg has no transparency: it goes with png and webp"
    else:
        return
    raise InvalidRequest(f"{field}: {message}", [{"field": field, "message": message}])


class Shooting:
    """One picture of a tab."""

    def __init__(
        self, tab: Tab, view: View, input: ScreenshotInput, seconds: float, *, dense: bool
    ) -> None:
        """`dense`: the context may have more than one device pixel for a CSS pixel."""
        self._dense = dense
        self._tab = tab
        self._view = view
        self._input = input
        self._milliseconds = seconds * 1000

    @property
    def _numbers(self) -> Numbers:
        return self._view.numbers

    async def image(self) -> Image:
        """The picture. ActionFailed for a target that isn't there; InvalidRequest for what the type
        can't have: Accept may have named it, after the rest was looked at.
        """
        input = self._input
        _check_type(input)
        if not self._needs_place:
            data = await picture.of_view(await self._tab.worlds.session(), input)
            return await anyio.to_thread.run_sync(picture.measured, data, input)
        if self._is_nearly_plain and await self._is_still():
            data = await picture.of_view(await self._tab.worlds.session(), input)
            return await anyio.to_thread.run_sync(picture.measured, data, input)
        masks = [await find(self._tab, self._numbers, text) for text in input.mask]
        named = input.ref or input.selector
        if named is not None:
            frame, note = await self._around(await find(self._tab, self._numbers, named))
        else:
            frame, note = await self._asked()
        masked = await self._masked(masks, frame)
        data = await self._taken(frame, [mask.locator for mask in masks])
        found = await self._elements() if input.annotate else []
        return await anyio.to_thread.run_sync(_finished, data, input, found, frame, masked, note)

    @property
    def _is_nearly_plain(self) -> bool:
        """Whether it is the bare view but for what makes no difference on most pages."""
        plain = {"scale", "animations", "type", "quality", "if_changed", "threshold"}
        return (
            not {name for name in self._input.model_fields_set if getattr(self._input, name)}
            - plain
        )

    async def _is_still(self) -> bool:
        """Whether nothing moves or blinks on the page, and its pixels are CSS pixels."""
        if len(self._tab.page.frames) > 1:
            return False
        _, sizes = await self._tab.worlds.ask_main("extent()")
        return not sizes["moves"] and sizes["scale"] == 1

    @property
    def _needs_place(self) -> bool:
        """Whether more is asked for than the bare view, which the browser gives at once."""
        input = self._input
        return self._dense or bool(
            input.full_page or input.ref or input.selector or input.clip or input.mask
            or input.annotate or input.omit_background or input.scale == "css"
            or input.animations == "disabled"
        )  # fmt: skip

    async def _asked(self) -> tuple[Frame, str | None]:
        """The view, the document, or the part of it that `clip` names; not more than there is."""
        whole = await self._extent(full=self._input.full_page)
        clip = self._input.clip
        if clip is None:
            return fitted(whole)
        if clip.x >= whole.width or clip.y >= whole.height:
            raise ActionFailed(
                "invalid_input",
                f"clip begins at {clip.x:g}, {clip.y:g}, outside of the {whole.width:g} by "
                f"{whole.height:g} px that there are",
            )
        return fitted(
            replace(
                whole,
                x=whole.x + clip.x,
                y=whole.y + clip.y,
                width=min(clip.width, whole.width - clip.x),
                height=min(clip.height, whole.height - clip.y),
            )
        )

    async def _extent(self, *, full: bool) -> Frame:
        _, sizes = await self._tab.worlds.ask_main("extent()")
        scale = 1.0 if self._input.scale == "css" else float(sizes["scale"])
        x, y = sizes["scroll"]
        width, height = sizes["document"] if full else sizes["view"]
        view = (float(sizes["view"][0]), float(sizes["view"][1]))
        left, top = (0.0, 0.0) if full else (x, y)
        return Frame(left, top, width, height, scale, scroll_x=x, scroll_y=y, view=view)

    async def _around(self, target: Target) -> tuple[Frame, str | None]:
        """An element, scrolled into view."""
        async with acting_on(target, ACTION_TIMEOUT * 1000) as locator:
            await locator.scroll_into_view_if_needed(timeout=ACTION_TIMEOUT * 1000)
            box = await locator.bounding_box()
        if box is None or box["width"] < 1 or box["height"] < 1:
            raise ActionFailed("not_visible", f"{target} is not visible")
        view = await self._extent(full=False)
        return fitted(
            replace(
                view,
                x=max(0.0, box["x"] + view.scroll_x),
                y=max(0.0, box["y"] + view.scroll_y),
                width=box["width"],
                height=box["height"],
            )
        )

    async def _taken(self, frame: Frame, masks: list[Locator]) -> bytes:
        input = self._input
        is_beyond = input.full_page or not frame.is_in_view
        place: FloatRect = {
            "x": frame.x if is_beyond else frame.x - frame.scroll_x,
            "y": frame.y if is_beyond else frame.y - frame.scroll_y,
            "width": frame.width,
            "height": frame.height,
        }
        # A page that is drawn on afterwards is kept whole until then.
        kind: Any = "png" if input.annotate else input.type
        return await self._tab.page.screenshot(
            animations=input.animations,
            clip=place,
            full_page=is_beyond,
            mask=masks or None,
            omit_background=input.omit_background or None,
            quality=None if kind == "png" else picture.quality_of(input),
            scale=input.scale,
            timeout=self._milliseconds,
            type=kind,
        )

    async def _masked(self, masks: list[Target], frame: Frame) -> tuple[Box, ...]:
        found: list[Box] = []
        for mask in masks:
            try:
                for one in (await mask.locator.all())[:_MOST_MASKED]:
                    box = await one.bounding_box(timeout=ACTION_TIMEOUT * 1000)
                    within = frame.within(Box(**box)) if box is not None else None
                    if within is not None:
                        found.append(within)
            except Error as exc:
                raise await mask.failure(exc, ACTION_TIMEOUT * 1000) from exc
        return tuple(found)

    async def _elements(self) -> list[Element]:
        survey = await self._view.look(self._tab, boxes=True)
        return self._view.elements(survey, boxes=True)


def _finished(
    data: bytes,
    input: ScreenshotInput,
    found: list[Element],
    frame: Frame,
    masked: tuple[Box, ...],
    note: str | None,
) -> Image:
    legend = picture.legend(found, frame.within)
    if input.annotate:
        data = picture.annotated(data, input, legend, frame.width)
    image = picture.measured(data, input)
    return replace(image, legend=tuple(legend), masked=masked, note=note)
