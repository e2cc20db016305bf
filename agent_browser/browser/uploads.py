"""Giving files to the page: into a file input, through the chooser that a click opens, or dropped
on an element.
"""

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
from playwright.async_api import Error, FilePayload, JSHandle, Locator, TimeoutError

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.engine import Upload
from agent_browser.browser.targets import Target, acting_on
from agent_browser.errors import ActionFailed

CHOOSER_BOUND = 1.0
"""Seconds that a click may take to open a file chooser."""
MOST_TYPED = 20_000_000
"""Bytes that go through the driver, where a caller says what a file is; more go by their path, and
the browser goes by the name.
"""
_MOUSE_STEPS = 2
_COPY = 1
"""A drag that copies, in the protocol's words."""

_INPUT = """element => {
    let input = element.closest('input[type=file]');
    const label = input ? null : element.closest('label');
    if (label && label.control && label.control.type === 'file') input = label.control;
    return input;
}"""
_FACTS = """input => input && {
    multiple: input.multiple,
    folder: input.webkitdirectory,
    disabled: input.disabled,
    accept: input.accept,
}"""
_LISTEN = """element => {
    const seen = { over: false, drop: false, dropped: false };
    const root = element.ownerDocument.defaultView;
    const later = (event, note) => setTimeout(() => note(event.defaultPrevented), 0);
    root.addEventListener('dragover', event => later(event, yes => { seen.over ||= yes; }), true);
    root.addEventListener('drop', event => {
        seen.dropped = true;
        later(event, yes => { seen.drop = yes; });
    }, { capture: true, once: true });
    return seen;
}"""
_SEEN = """seen => new Promise(done => setTimeout(() => setTimeout(() => done(seen), 0), 0))"""


@register("upload")
async def upload(act: Act) -> None:
    """Into the file input that is named, or that the label named is for; else through the chooser
    that a click on it opens; else, or with `drop`, dropped on it.
    """
    needed(act.input.ref, "ref", "upload")
    if not act.uploads:
        raise ActionFailed(
            "missing_input", "'file_paths' required for upload action, or 'files' with their bytes"
        )
    target = await act.target()
    async with acting_on(target, act.milliseconds) as locator:
        if act.input.drop:
            await _drop(act, locator, str(target))
            return
        found = await locator.evaluate_handle(_INPUT, timeout=act.milliseconds)
        facts = await found.evaluate(_FACTS)
        element = found.as_element()
        if facts is None or element is None:
            await _through_chooser(act, target, locator)
            return
        _check(act, facts, str(target))
        await element.set_input_files(await _given(act.uploads), timeout=act.milliseconds)


def _check(act: Act, facts: dict[str, Any], shown: str) -> None:
    """ActionFailed for an input that can't take these files; a note where it asks for others."""
    if facts["disabled"]:
        raise ActionFailed("disabled", f"{shown} is disabled")
    if facts["folder"]:
        raise ActionFailed(
            "takes_a_folder", f"{shown} takes a folder; only files can be given to a page"
        )
    if len(act.uploads) > 1 and not facts["multiple"]:
        count = len(act.uploads)
        raise ActionFailed("takes_one_file", f"{shown} takes one file only, {count} were given")
    unfit = [one.path.name for one in act.uploads if not accepts(facts["accept"], one)]
    if unfit:
        names = ", ".join(unfit)
        act.note(f"{shown} asks for {facts['accept'][:200]}, which {names} is not")


def accepts(accept: str, file: Upload) -> bool:
    """Whether an `accept` attribute asks for such a file: by suffix, type or family. Pure."""
    wanted = [part.strip().lower() for part in accept.split(",") if part.strip()]
    name, kind = file.path.name.lower(), type_of(file)
    return not wanted or any(
        name.endswith(part)
        if part.startswith(".")
        else part in ("*", "*/*", kind)
        or (part.endswith("/*") and kind.startswith(part.removesuffix("*")))
        for part in wanted
    )


def type_of(file: Upload) -> str:
    """What the caller says that it is, else what its name says."""
    guessed = mimetypes.guess_type(file.path.name, strict=False)[0]
    return (file.content_type or guessed or "application/octet-stream").lower()


async def _given(files: Sequence[Upload]) -> list[Path] | list[FilePayload]:
    """The files as Playwright takes them: by their paths, unless a caller says what one is."""
    told = any(file.content_type for file in files)
    if not told or sum([(await anyio.Path(f.path).stat()).st_size for f in files]) > MOST_TYPED:
        return [file.path for file in files]
    return [
        FilePayload(
            name=file.path.name,
            mimeType=type_of(file),
            buffer=await anyio.Path(file.path).read_bytes(),
        )
        for file in files
    ]


async def _through_chooser(act: Act, target: Target, locator: Locator) -> None:
    bound = min(CHOOSER_BOUND * 1000, act.milliseconds)
    try:
        async with act.page.expect_file_chooser(timeout=bound) as opening:
            await locator.click(timeout=act.milliseconds)
        chooser = await opening.value
    except TimeoutError as exc:
        if "filechooser" not in str(exc):
            raise
        await _drop(act, locator, str(target), clicked=True)
        return
    facts = await chooser.element.evaluate(_FACTS)
    _check(act, facts, str(target))
    await chooser.set_files(await _given(act.uploads), timeout=act.milliseconds)


async def _drop(act: Act, locator: Locator, shown: str, *, clicked: bool = False) -> None:
    """Drag the files over the element and let them go, as the system's file manager does."""
    await locator.scroll_into_view_if_needed(timeout=act.milliseconds)
    box = await locator.bounding_box(timeout=act.milliseconds)
    if box is None:
        raise ActionFailed("not_visible", f"{shown} is not visible")
    seen = await locator.evaluate_handle(_LISTEN, timeout=act.milliseconds)
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {
        "items": [],
        "files": [str(file.path) for file in act.uploads],
        "dragOperationsMask": _COPY,
    }
    session = await act.tab.worlds.session()
    for kind in ("dragEnter", *["dragOver"] * _MOUSE_STEPS, "drop"):
        await session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    said = await _came_of(seen)
    if said is None or said["drop"]:
        if clicked:
            act.note(f"{shown} opened no file chooser; the files were dropped on it")
        return
    if clicked:
        raise ActionFailed(
            "no_file_chooser",
            f"{shown} is no file input, opened no file chooser when it was clicked, and took no "
            "files that were dropped on it",
        )
    raise ActionFailed("drop_not_taken", f"{shown} took no files that were dropped on it")


async def _came_of(seen: JSHandle) -> dict[str, bool] | None:
    """What the page did with the drop; None where it left for another document."""
    try:
        said: dict[str, bool] = await seen.evaluate(_SEEN)
    except Error:
        return None
    return said
