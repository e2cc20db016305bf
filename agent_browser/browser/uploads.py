"""Giving files to the page: into a file input, through the chooser that a click opens, or dropped
on an element.
"""

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
from playwright.async_api import Error, FileChooser, FilePayload, Locator

from agent_browser.browser.actions import Act, needed, register
from agent_browser.browser.engine import Upload
from agent_browser.browser.targets import Target, acting_on
from agent_browser.browser.translate import is_gone
from agent_browser.errors import ActionFailed

CHOOSER_BOUND = 1.0
"""Seconds that a file chooser may take before it is tried whether the files can be dropped."""
DROP_BOUND = 1.0
"""Seconds that a drop has at least, also after a chooser was waited for."""
MOST_TYPED = 20_000_000
"""Bytes that go through the driver, where a caller says what a file is; more go by their path, and
the browser goes by the name.
"""
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
_MAKE = """element => {
    const input = element.ownerDocument.createElement('input');
    input.type = 'file';
    input.multiple = true;
    return input;
}"""
_DROP = """async (element, input) => {
    const files = new DataTransfer();
    for (const file of input.files) files.items.add(file);
    files.effectAllowed = 'all';
    const box = element.getBoundingClientRect();
    const [clientX, clientY] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = () => {
        let top = element.ownerDocument.elementFromPoint(clientX, clientY);
        while (top?.shadowRoot) {
            const deeper = top.shadowRoot.elementFromPoint(clientX, clientY);
            if (!deeper || deeper === top) break;
            top = deeper;
        }
        return top ?? element;
    };
    const tell = (target, type) => !target.dispatchEvent(new DragEvent(type, {
        bubbles: true, cancelable: type !== 'dragleave', composed: true, clientX, clientY,
        dataTransfer: files, view: window,
    }));
    const task = () => new Promise(done => setTimeout(done, 0));
    let at = null;
    let takes = false;
    for (let step = 0; step < STEPS; step++) {
        const now = hit();
        if (now !== at) {
            tell(now, 'dragenter');
            if (at !== null) tell(at, 'dragleave');
            at = now;
            await task();
        }
        takes = tell(at, 'dragover');
        await task();
    }
    if (takes) return tell(at, 'drop');
    tell(at, 'dragleave');
    return false;
}""".replace("STEPS", "3")


@register("upload")
async def upload(act: Act) -> None:
    """Into the file input that is named, or that the label named is for; else through the chooser
    that a click on it opens; else, or with `drop`, dropped on it. Where nothing is named, through
    the chooser that waits.
    """
    waiting = None if act.input.ref or act.input.drop else act.tab.choosers.waiting
    if waiting is None:
        needed(act.input.ref, "ref", "upload")
    if not act.uploads:
        raise ActionFailed(
            "missing_input", "'file_paths' required for upload action, or 'files' with their bytes"
        )
    if waiting is not None:
        await _choose(act, waiting, "the file chooser")
        return
    target = await act.target()
    async with acting_on(target, act.milliseconds) as locator:
        if act.input.drop:
            if not await _takes_drop(act, locator, str(target)):
                raise ActionFailed(
                    "drop_not_taken", f"{target} took no files that were dropped on it"
                )
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
    """Click it, and choose the files in the chooser that this opens. One that comes late may, so
    what takes files that are dropped is not kept waiting for it.
    """
    choosers = act.tab.choosers
    choosers.forget()
    await locator.click(timeout=act.left)
    chooser = await choosers.arrive(min(CHOOSER_BOUND, act.left / 1000))
    is_there = chooser is None and await locator.is_visible()  # the click may have taken it away
    if is_there and await _takes_drop(act, locator, str(target)):
        act.note(f"{target} opened no file chooser; the files were dropped on it")
        return
    chooser = chooser or await choosers.arrive(act.left / 1000)
    if chooser is None:
        raise ActionFailed(
            "no_file_chooser",
            f"{target} is no file input, opened no file chooser of one when it was clicked, and "
            "took no files that were dropped on it",
        )
    await _choose(act, chooser, str(target))


async def _choose(act: Act, chooser: FileChooser, shown: str) -> None:
    """Give the chooser the files; it waits on where it can't take these."""
    try:
        _check(act, await chooser.element.evaluate(_FACTS), shown)
        await chooser.set_files(await _given(act.uploads), timeout=act.left)
    except Error as exc:
        if act.tab.gone() is not None or not is_gone(exc):
            raise
        act.tab.choosers.forget()
        raise ActionFailed("no_file_chooser", "the file chooser went away with its page") from exc
    act.tab.choosers.forget()


async def _takes_drop(act: Act, locator: Locator, shown: str) -> bool:
    """Drag the files over the element and let them go; whether it took them.

    The events are a script's. The mouse's own have a default: where no script prevents it, the
    browser opens what was dropped as a tab of its own, a `file:` address of the server.
    """
    bound = max(act.left, DROP_BOUND * 1000)
    await locator.scroll_into_view_if_needed(timeout=bound)
    element = await locator.element_handle(timeout=bound)
    if await element.bounding_box() is None:
        raise ActionFailed("not_visible", f"{shown} is not visible")
    holder = (await element.evaluate_handle(_MAKE)).as_element()
    if holder is None:
        raise ActionFailed("failed", "the page has changed what makes elements")
    await holder.set_input_files(await _given(act.uploads), timeout=bound)
    try:
        taken = await element.evaluate(_DROP, holder)
    except Error as exc:
        if act.tab.gone() is not None or not is_gone(exc):
            raise
        return True  # What was dropped made the page go elsewhere.
    return bool(taken)
