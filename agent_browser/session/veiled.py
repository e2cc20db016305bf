"""A context whose secrets nobody sees: what it tells goes through the veil, all of it, here. It
costs nothing while no secret was typed.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from agent_browser.browser.engine import (
    Blob,
    Closed,
    Context,
    Done,
    Downloading,
    Page,
    Secret,
    Tell,
    Upload,
    Video,
    Words,
)
from agent_browser.browser.masks import MASK
from agent_browser.browser.veil import Veil
from agent_browser.errors import AgentBrowserError
from agent_browser.models.base import Input
from agent_browser.models.checkpoints import SECRETS, TABS, Loss, Part, State
from agent_browser.models.dialogs import WaitingChooser, WaitingDialog
from agent_browser.models.egress import Traffic
from agent_browser.models.events import EventType
from agent_browser.models.functions import (
    ContextOptions,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.quotas.meter import Meter
from agent_browser.service import Image

T = TypeVar("T")
_NO_TEXT = ("image/", "video/", "audio/", "application/pdf")
_STORED = (".jpeg", ".jpg", ".png", ".webp")


class Veiled:
    """Keeps the promises of `browser.engine.Context`, and those of `veil`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._veil = context.veil
        self._tabs: tuple[Part, int, Part] | None = None
        """The tabs as they were read last, when that was, and as they are kept."""

    @property
    def veil(self) -> Veil:
        return self._veil

    @property
    def page(self) -> Page:
        return self._told(self._context.page)

    @property
    def url(self) -> str:
        return self._told(self._context.url)

    @property
    def dialog(self) -> WaitingDialog | None:
        return self._told(self._context.dialog)

    @property
    def file_chooser(self) -> WaitingChooser | None:
        return self._told(self._context.file_chooser)

    @property
    def opened(self) -> bool:
        return self._context.opened

    def on_event(self, tell: Tell) -> None:
        def told(kind: EventType, data: dict[str, Any]) -> None:
            tell(kind, self._told(data))

        self._context.on_event(told)

    def heed(self, kinds: frozenset[EventType]) -> None:
        self._context.heed(kinds)

    async def apply(self, options: ContextOptions) -> None:
        with self._faults():
            await self._context.apply(options)

    async def open(self, input: OpenInput) -> OpenOutput:
        with self._faults():
            return self._told(await self._context.open(input))

    async def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        with self._faults():
            return self._told(await self._context.snapshot(input))

    async def interact(
        self,
        input: InteractInput,
        uploads: tuple[Upload, ...] = (),
        secret: Secret | None = None,
    ) -> InteractOutput:
        with self._faults():
            return self._told(await self._context.interact(input, uploads, secret))

    async def screenshot(self, input: ScreenshotInput) -> Image:
        with self._faults():
            image = await self._context.screenshot(input)
        if not self._veil:
            return image
        return replace(image, legend=self._told(image.legend), note=self._told(image.note))

    async def execute(self, input: ExecuteInput) -> ExecuteOutput:
        with self._faults():
            output = await self._context.execute(input)
        return _came_to(output, self._veil) if self._veil else output

    async def perform(self, input: Input, *, recordings: Path | None = None) -> Done:
        with self._faults():
            done = await self._context.perform(input, recordings=recordings)
        if not self._veil:
            return done
        files = {name: await self._file(made) for name, made in done.files.items()}
        return Done(self._told(done.output), files)

    async def words(self, most: int) -> Words | None:
        with self._faults():
            return self._told(await self._context.words(most))

    def is_plain(self, ref: str) -> bool:
        return self._context.is_plain(ref)

    async def capture(self, *, thorough: bool = False) -> State:
        with self._faults():
            state = await self._context.capture(thorough=thorough)
        if not self._veil:
            return state
        told = State(state.parts, self._told(state.losses))
        parts = [Part.of(SECRETS, self._veil.keys)] if self._veil.keys else []
        tabs = state.parts.get(TABS)
        return told.with_parts(parts if tabs is None else [*parts, self._tabs_kept(tabs)])

    async def restore(
        self, state: State, *, within: float, recordings: Path | None = None
    ) -> tuple[Loss, ...]:
        with self._faults():
            return self._told(
                await self._context.restore(state, within=within, recordings=recordings)
            )

    async def unsaved(self) -> tuple[str, ...]:
        with self._faults():
            return await self._context.unsaved()

    async def freeze(self) -> None:
        with self._faults():
            await self._context.freeze()

    async def thaw(self) -> None:
        with self._faults():
            await self._context.thaw()

    def on_change(self, callback: Callable[[], None]) -> None:
        self._context.on_change(callback)

    def take_downloads(self) -> tuple[Downloading, ...]:
        return self._told(self._context.take_downloads())

    def count(self, meter: Meter) -> None:
        self._context.count(meter)

    @property
    def traffic(self) -> Traffic:
        return self._told(self._context.traffic)

    async def close(self) -> Closed:
        return self._told(await self._context.close())

    def _told(self, value: T) -> T:
        if not self._veil:
            return value
        told: T = self._veil.value(value)
        return told

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What errors say goes through the veil, too."""
        try:
            yield
        except AgentBrowserError as exc:
            if self._veil:
                exc.detail, exc.fields = self._told(exc.detail), self._told(exc.fields)
                exc.args = self._told(exc.args)
            raise

    def _tabs_kept(self, tabs: Part) -> Part:
        """What is filled in that has a secret is left out, as what is in fields for passwords is.
        Where the tabs are stays what it is, or they would come back elsewhere: it is masked where
        it is told. The same part for the same.
        """
        if self._tabs is not None and self._tabs[:2] == (tabs, self._veil.changes):
            return self._tabs[2]
        value = tabs.value
        is_whole = True
        for tab in value.get("tabs", []):
            fields = tab.get("fields", [])
            plain = [one for one in fields if not self._veil.holds(one.get("value"))]
            if len(plain) < len(fields):
                tab["fields"], is_whole = plain, False
        kept = tabs if is_whole else Part.of(TABS, value)
        self._tabs = tabs, self._veil.changes, kept
        return kept

    async def _file(self, made: Blob | Video | tuple[Blob, ...]) -> Blob | Video | tuple[Blob, ...]:
        if isinstance(made, Video):
            return self._told(made)
        if isinstance(made, Blob):
            return await self._blob(made)
        return tuple([await self._blob(one) for one in made])

    async def _blob(self, blob: Blob) -> Blob:
        """A file of text, or of files, without the secrets in it."""
        named = replace(blob, filename=self._told(blob.filename))
        if blob.content_type.startswith(_NO_TEXT):
            return named
        if isinstance(blob.data, bytes):
            data = await anyio.to_thread.run_sync(_masked, blob.data, self._veil)
            return replace(named, data=data)
        work = _veil_zip if blob.content_type == "application/zip" else _veil_file
        await anyio.to_thread.run_sync(partial(work, blob.data, self._veil))
        return named


def _came_to(output: ExecuteOutput, veil: Veil) -> ExecuteOutput:
    """What code came to; `result` is made of the masked value, so that it is JSON of it still."""
    told: ExecuteOutput = veil.value(output)
    if told.result == output.result and told.value == output.value:
        return told
    if told.value is None or isinstance(output.value, str):
        return told
    text = json.dumps(told.value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(told.value, str) or veil.holds(text):  # it is in more than one of its values
        return told.model_copy(update={"result": MASK, "value": MASK})
    return told.model_copy(update={"result": text})


def _masked(data: bytes, veil: Veil) -> bytes:
    """A file's data, which stays JSON, or lines of it, where a number is a secret."""
    told = veil.data(data)
    if told is data or data[:1] not in (b"{", b"["):
        return told
    if _json_of(data) is not None:
        return _piece(data, told, veil)
    lines = data.split(b"\n")
    if _json_of(lines[0]) is None:
        return told
    return b"\n".join(_piece(line, veil.data(line), veil) for line in lines)


def _piece(data: bytes, told: bytes, veil: Veil) -> bytes:
    if told is data or _json_of(told) is not None:
        return told
    value = _json_of(data)
    if value is None:
        return told
    try:
        text = json.dumps(veil.value(value), ensure_ascii=False, separators=(",", ":"))
    except RecursionError:
        return told
    return text.encode("utf-8", "surrogatepass")


def _json_of(data: bytes) -> Any:
    """The object or list that it is; None if it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _veil_file(path: Path, veil: Veil) -> None:
    before = path.read_bytes()
    after = _masked(before, veil)
    if after is not before:
        path.write_bytes(after)


def _veil_zip(path: Path, veil: Veil) -> None:
    """Each file in it; pictures stay what they are."""
    fresh = path.with_suffix(".veiled")
    try:
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(fresh, "w") as new:
            for entry in old.infolist():
                is_picture = entry.filename.endswith(_STORED)
                data = old.read(entry)
                kind = zipfile.ZIP_STORED if is_picture else zipfile.ZIP_DEFLATED
                told = data if is_picture else _masked(data, veil)
                new.writestr(veil.text(entry.filename), told, kind, compresslevel=1)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
