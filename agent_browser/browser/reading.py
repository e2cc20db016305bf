"""`read`: the page as clean HTML from our isolated world, then what was asked for, in a thread."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from playwright.async_api import Error

from agent_browser.browser import fitting
from agent_browser.browser.engine import Done
from agent_browser.browser.functions import Reach, register
from agent_browser.browser.refs import Ref, parse, stale
from agent_browser.browser.tab import Tab
from agent_browser.browser.worlds import DocumentLeft, World
from agent_browser.errors import ActionFailed, DeadlineExceeded, InvalidRequest
from agent_browser.models.reading import ReadInput, ReadOutput
from agent_browser.reading.until import TooSlow
from agent_browser.reading.values import is_missing, rules_of, values_of

if TYPE_CHECKING:
    from agent_browser.reading.convert import Content

MAX_HTML = 5_000_000
"""Characters of HTML that are taken of a page, its frames among them."""
_PIECE = 1_000_000
"""Characters of one answer: the connection to the driver is shared by all sessions."""
_MOST_NODES = 500_000
_MOST_VALUES = 10_000
_FRAME_DEPTH = 3
_MOST_FRAMES = 50
_ELEMENT_DEPTH = 80
"""Elements within elements that are written; deeper ones only with what is in them."""
_FRAME_ELEMENT_DEPTH = 30
"""The same in a frame: all together must not nest deeper than a converter can go."""
_AT_ONCE = anyio.CapacityLimiter(2)
"""Conversions: they hold the interpreter."""

_SCRIPT = files("agent_browser.browser").joinpath("reader.js").read_text(encoding="utf-8")
_NAVIGATING = 3


@dataclass
class Written:
    """A page written down."""

    html: str
    url: str
    title: str
    lang: str
    is_cut: bool = False


@dataclass
class _Budget:
    """What is left for the frames of a page."""

    characters: int = MAX_HTML
    frames: int = _MOST_FRAMES
    is_cut: bool = False
    heads: list[dict[str, Any]] = field(default_factory=list)


def _call(function: str, *arguments: object) -> str:
    """What asks the reader of a world, which is put there first if it is not."""
    given = ", ".join(json.dumps(argument) for argument in arguments)
    return f"token && (agentBrowser.reader ??= ({_SCRIPT})(agentBrowser.parts)).{function}({given})"


@register(ReadInput)
async def read(reach: Reach, input: ReadInput) -> Done:
    """The page in a format. InvalidRequest, ActionFailed for an element that isn't there."""
    tab = reach.tabs.active
    for attempt in range(_NAVIGATING):
        try:
            return Done(await _read(reach, tab, input))
        except DocumentLeft:
            if attempt == _NAVIGATING - 1:
                raise
    raise DocumentLeft


async def _read(reach: Reach, tab: Tab, input: ReadInput) -> ReadOutput:
    place = await _place(reach, tab, input)
    if input.format == "fields":
        return await _fields(tab, input, place)
    page = await written(tab, input, place)
    with anyio.move_on_after(input.timeout):
        content = await _converted(page.html, input)
        return _output(page, input, content)
    raise DeadlineExceeded("read", input.timeout, doing="the page was read; turning it into "
                           f"{input.format} took too long: ")  # fmt: skip


async def _place(reach: Reach, tab: Tab, input: ReadInput) -> tuple[World, int] | None:
    named = input.ref or input.selector
    if named is None:
        return None
    try:
        return await reach.view.place(tab, named)
    except ActionFailed as exc:
        name = "ref" if input.ref is not None else "selector"
        raise InvalidRequest(exc.detail, [{"field": name, "message": exc.detail}]) from exc


async def _ask(tab: Tab, place: tuple[World, int] | None, call: str) -> tuple[World, Any]:
    if place is None:
        return await tab.worlds.ask_main(call)
    return place[0], await tab.worlds.ask(place[0], call)


async def written(tab: Tab, input: ReadInput, place: tuple[World, int] | None) -> Written:
    """What is shown of the page, or below an element of it, as HTML; frames in their places."""
    budget = _Budget()
    arguments = _arguments(input, budget, place[1] if place is not None else None, _ELEMENT_DEPTH)
    world, head = await _ask(tab, place, _call("read", arguments))
    if not head["found"]:
        raise _gone(input)
    html = await _whole(tab, world, head, budget)
    html = await _with_frames(tab, world, head, html, input, budget, 0)
    return Written(html, head["url"], head["title"], head["lang"], budget.is_cut)


def _arguments(input: ReadInput, budget: _Budget, root: int | None, depth: int) -> dict[str, Any]:
    return {
        "root": root,
        "full": input.format == "html" or input.main,
        "frames": input.include_frames,
        "limit": budget.characters,
        "nodes": _MOST_NODES,
        "depth": depth,
        "piece": _PIECE,
    }


async def _whole(tab: Tab, world: World, head: dict[str, Any], budget: _Budget) -> str:
    """All pieces of a document. Half a surrogate pair, which UTF-8 can't hold, becomes U+FFFD."""
    pieces = [head["html"]]
    pieces += [
        await tab.worlds.ask(world, _call("more", start, start + _PIECE))
        for start in range(_PIECE, head["size"], _PIECE)
    ]
    budget.characters = max(0, budget.characters - head["size"])
    budget.is_cut = budget.is_cut or head["cut"]
    return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


async def _with_frames(
    tab: Tab,
    world: World,
    head: dict[str, Any],
    html: str,
    input: ReadInput,
    budget: _Budget,
    depth: int,
) -> str:
    if not head["inside"] or depth >= _FRAME_DEPTH:
        return html
    children = {child.number: child for child in await tab.worlds.children(world)}
    for number, _ in head["inside"]:
        mark = f"<!--{world.token}:{number}-->"
        child = children.get(number)
        inner = ""
        if child is not None and budget.frames > 0 and budget.characters > 0:
            budget.frames -= 1
            arguments = _arguments(input, budget, None, _FRAME_ELEMENT_DEPTH)
            inner = await _frame(tab, child.session, child.frame_id, arguments, input, budget,
                                 depth + 1)  # fmt: skip
        elif child is not None:
            budget.is_cut = True
        html = html.replace(mark, inner, 1)
    return html


async def _frame(
    tab: Tab,
    session: Any,
    frame_id: str,
    arguments: dict[str, Any],
    input: ReadInput,
    budget: _Budget,
    depth: int,
) -> str:
    """A frame's document as a section; nothing for one that vanished meanwhile."""
    try:
        world, head = await tab.worlds.ask_frame(session, frame_id, _call("read", arguments))
        html = await _whole(tab, world, head, budget)
        html = await _with_frames(tab, world, head, html, input, budget, depth)
    except (DocumentLeft, Error):
        return ""
    body = html.removeprefix("<html>").removesuffix("</html>")
    address = head["url"].replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<section data-frame="{address}">{_unbodied(body)}</section>'


def _unbodied(html: str) -> str:
    """What is in a document, without the tags html and body, which stand in none but the first."""
    start = html.find("<body")
    if start < 0:
        return html
    start = html.find(">", start) + 1
    return html[start:].removesuffix("</html>").removesuffix("</body>")


def _convert(html: str, input: ReadInput, seconds: float) -> "Content":
    # Here and not above: what it loads is 20 MB, which most servers never need.
    from agent_browser.reading.convert import converted

    return converted(html, input, seconds)


async def _converted(html: str, input: ReadInput) -> "Content":
    try:
        return await anyio.to_thread.run_sync(
            _convert, html, input, input.timeout, abandon_on_cancel=True, limiter=_AT_ONCE
        )
    except TooSlow:
        if input.format != "markdown":
            raise DeadlineExceeded("read", input.timeout) from None
    plain = input.model_copy(update={"format": "text"})
    content = await anyio.to_thread.run_sync(
        _convert, html, plain, input.timeout, abandon_on_cancel=True, limiter=_AT_ONCE
    )
    content.notes.insert(0, "turning the page into Markdown takes too long: this is its text")
    return content


def _output(page: Written, input: ReadInput, content: "Content") -> ReadOutput:
    notes = list(content.notes)
    if page.is_cut:
        notes.insert(0, f"the page is larger than {MAX_HTML} characters of HTML, or has too many "
                     "frames: what follows was not read")  # fmt: skip
    text, nonce = content.text, None
    if input.boundaries and text is not None:
        nonce = fitting.nonce_for([text])
        text = fitting.fenced(text, nonce)
    return ReadOutput(
        format=input.format,
        url=page.url,
        title=page.title,
        lang=page.lang or None,
        content=text,
        boundary=nonce,
        links=content.links,
        tables=content.tables,
        truncated=content.truncated or page.is_cut,
        total_chars=content.total,
        note="; ".join(notes) or None,
    )


async def _fields(tab: Tab, input: ReadInput, place: tuple[World, int] | None) -> ReadOutput:
    """Values by CSS selectors: of the page, else of the first frame that has them."""
    assert input.fields is not None
    asked: dict[str, Any] = {
        "root": place[1] if place is not None else None,
        "rules": rules_of(input.fields),
        "most": _MOST_VALUES,
        "limit": input.max_chars,
    }
    world, found = await _ask(tab, place, _call("fields", asked))
    if not found["found"]:
        raise _gone(input)
    values = values_of(input.fields, _found(found))
    is_cut = bool(found.get("cut"))
    if input.include_frames and any(is_missing(value) for value in values.values()):
        for child in (await tab.worlds.children(world))[:_MOST_FRAMES]:
            missing = {name: input.fields[name] for name, v in values.items() if is_missing(v)}
            if not missing:
                break
            inner = asked | {"root": None, "rules": rules_of(missing)}
            try:
                _, found = await tab.worlds.ask_frame(
                    child.session, child.frame_id, _call("fields", inner)
                )
            except (DocumentLeft, Error):
                continue
            values |= values_of(missing, _found(found))
            is_cut = is_cut or bool(found.get("cut"))
    _, head = await tab.worlds.ask_main(_call("head"))
    return ReadOutput(
        format="fields",
        url=head["url"],
        title=head["title"],
        lang=head["lang"] or None,
        fields=values,
        truncated=is_cut,
        total_chars=len(json.dumps(values, ensure_ascii=False)),
        note=f"values end at {input.max_chars} characters and {_MOST_VALUES} items"
        if is_cut
        else None,
    )


def _gone(input: ReadInput) -> InvalidRequest:
    """What a caller is told whose element was there and is not any more."""
    named = parse(input.ref or input.selector or "")
    field = "ref" if input.ref is not None else "selector"
    detail = stale(named).detail if isinstance(named, Ref) else f"{named} matches nothing"
    return InvalidRequest(detail, [{"field": field, "message": detail}])


def _found(answer: dict[str, Any]) -> list[list[Any]]:
    if "bad" in answer:
        detail = f"schema: the selector of {answer['bad']!r} is not CSS"
        raise InvalidRequest(detail, [{"field": "schema", "message": detail}])
    values: list[list[Any]] = answer["values"]
    return values
