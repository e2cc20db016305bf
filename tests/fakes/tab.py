"""The page of a fake context: what is on it, what its refs are, what acting does."""

import re
import shutil
import struct
import tempfile
import weakref
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from agent_browser.browser import fitting
from agent_browser.browser.elements import changes, text_of
from agent_browser.browser.engine import Downloading, Page, Secret, Tell, Upload, Words
from agent_browser.browser.telling import place as place_of
from agent_browser.browser.veil import Veil
from agent_browser.errors import ActionFailed, InvalidUrl, NavigationFailed, NotOpened
from agent_browser.models.artifacts import Chapter
from agent_browser.models.events import EventType
from agent_browser.models.functions import (
    ContextOptions,
    Element,
    ExecuteInput,
    ExecuteOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    PageState,
    ScreenshotInput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.looks import DeltaWish, Look
from agent_browser.service import Image
from tests.fakes.pages import FILES, FakeElement, FakePage, Pages

REFUSED = "127.0.0.1:4"
"""Where nobody listens."""
SAYS = "console.warn('said')"
_REF = re.compile(r"^(?:@|ref=)?e(\d+)$")
_VALUES: dict[str, tuple[str | None, object]] = {
    "1+1": ("2", 2),
    "'text'": ("text", "text"),
    "null": (None, None),
    "Promise.resolve([1, 2])": ("[1, 2]", [1, 2]),
    "() => 7": ("7", 7),
    SAYS: (None, None),
}


class FakeTab:
    """One tab. Refs are numbered over its whole life, so none is ever given out twice."""

    def __init__(self, pages: Pages, width: int, height: int) -> None:
        self._pages = pages
        self.size = (width, height)
        self.opened = False
        self.veil = Veil()
        self._url = ""
        self._document = FakePage("")
        self.made_with = ContextOptions()
        self.conditions: dict[str, Any] = {}
        self.recordings: Path | None = None
        self.told: Tell | None = None
        self.heeded: frozenset[EventType] = frozenset()
        self.take: list[Chapter] | None = None
        """The chapters of the recording that runs."""
        self.take_name = ""
        """What its files have in common."""
        self.tracing = False
        self._history: list[str] = []
        self._numbers: dict[int, FakeElement] = {}
        self.given = 0
        self._lines: dict[str, str] = {}
        self._seen: FakePage | None = None
        self.saved: list[Downloading] = []
        self._untaken: list[Downloading] = []

    @property
    def page(self) -> Page:
        return Page(self._url, self._document.title, recording=self.take is not None)

    def words(self, most: int) -> Words | None:
        """The texts of the page."""
        if not self.opened:
            return None
        texts = [element.text for element in self._document.elements if element.text]
        return Words(self._url, self._document.title, "\n".join(texts)[:most])

    def add_text(self, text: str) -> None:
        """Put a paragraph at the end of the page."""
        self._document.elements.append(FakeElement("p", text))

    def is_plain(self, ref: str) -> bool:
        """Whether it is the ref of a field without secrets."""
        match = _REF.match(ref)
        element = self._numbers.get(int(match[1])) if match else None
        return element is not None and element.type != "password"

    def resize(self, width: int | None, height: int | None) -> None:
        """Another viewport; what is absent stays."""
        self.size = (width or self.size[0], height or self.size[1])

    async def open(self, input: OpenInput) -> OpenOutput:
        """Go there, and look."""
        self._go(input.url)
        self.opened = True
        status = None if self._url.startswith("about:") else self._document.status
        if not input.snapshot:
            return OpenOutput(status=status, url=self._url, title=self._document.title)
        return OpenOutput(status=status, **dict(self._look(_looking(input))))

    def come_back(self, url: str) -> None:
        """Be there again, in another context."""
        self._go(url)
        self.opened = True

    def snapshot(self, input: SnapshotInput) -> SnapshotOutput:
        """Look."""
        self._check()
        if input.root is not None and self._find(input.root) is None:
            raise ActionFailed("not_found", f"no element matches {input.root}")
        return SnapshotOutput(**dict(self._look(input)))

    def interact(
        self, input: InteractInput, uploads: tuple[Upload, ...], secret: Secret | None
    ) -> InteractOutput:
        """Do one action."""
        self._check()
        try:
            self._act(input, uploads, secret)
        except (ActionFailed, NavigationFailed) as exc:
            return self._done(input, message=exc.detail)
        return self._done(input)

    def screenshot(self, input: ScreenshotInput) -> Image:
        """A picture of nothing, of the viewport's size."""
        self._check()
        target = input.ref or input.selector
        if target is not None and self._find(target) is None:
            raise ActionFailed("not_found", f"no element matches {target}")
        return Image(_png(*self.size), "image/png", *self.size)

    def execute(self, input: ExecuteInput) -> ExecuteOutput:
        """One of a few expressions; any other is an error of the page's."""
        self._check()
        if input.code == SAYS and "console" in self.heeded:
            self._tell("console", level="warning", text="said", tab="t1")
        if input.code in _VALUES:
            result, value = _VALUES[input.code]
            return ExecuteOutput(result=result, value=value)
        return ExecuteOutput(error=f"Error: {input.code}")

    def reading(self) -> list[FakeElement]:
        """What is on the page, with absolute addresses."""
        self._check()
        found = [element.copy() for element in self._document.elements]
        for element in found:
            element.href = urljoin(self._url, element.href) if element.href else None
        return found

    def _check(self) -> None:
        if not self.opened:
            raise NotOpened

    def _go(self, url: str) -> None:
        if url.split(":", 1)[0] in ("javascript", "file", "chrome"):
            raise InvalidUrl(f"only http, https, about:blank and data: can be opened, not {url}")
        if self._saves(url):
            return
        place = urlsplit(url if "://" in url or url.startswith("about:") else f"https://{url}")
        if place.netloc == REFUSED:
            raise NavigationFailed("net::ERR_CONNECTION_REFUSED")
        found = self._pages.get(place.path or "/") if place.netloc else FakePage("")
        if found is None:
            raise NavigationFailed("net::ERR_NAME_NOT_RESOLVED")
        elements = [element.copy() for element in found.elements]
        self._document = FakePage(found.title, elements, found.status)
        self._url = place.geturl() if place.path else f"{place.geturl()}/"
        self._history.append(self._url)
        self._tell("navigated", **place_of(self._url), title=found.title, tab="t1")

    def _tell(self, kind: EventType, **data: object) -> None:
        if self.told is not None:
            self.told(kind, data)

    def _saves(self, url: str) -> bool:
        """Whether that is a file: then it is downloaded, and the page stays."""
        data = FILES.get(urlsplit(url).path)
        if data is None:
            return False
        folder = Path(tempfile.mkdtemp(prefix="fake-download-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = folder / "file"
        path.write_bytes(data)
        now = datetime.now(UTC)
        name = urlsplit(url).path.rpartition("/")[2]
        saved = Downloading(
            len(self.saved) + 1, name, url, "done", now, received=len(data), size=len(data),
            content_type="text/csv", ended=now, path=path,
        )  # fmt: skip
        self.saved.append(saved)
        for state in ("running", "done"):
            self._tell("download", number=saved.number, name=name, url=url, state=state)
        self._untaken.append(saved)
        return True

    def take_downloads(self) -> tuple[Downloading, ...]:
        """Those since it was last asked."""
        taken, self._untaken = self._untaken, []
        return tuple(taken)

    def _look(self, input: SnapshotInput | None = None) -> PageState:
        asked = input or SnapshotInput()
        rows = [(self._ref(element), element) for element in self._document.elements]
        lines = [(ref, element, element.line(ref)) for ref, element in rows]
        query = (asked.query or "").lower()
        found = [row for row in lines if query in row[2].lower()]
        listed = [
            Element(ref=ref, desc=line, tag=element.tag, text=element.text)
            for ref, element, line in found[asked.offset : asked.offset + asked.limit]
        ]
        room = fitting.room(asked)
        shown = listed[: fitting.fitting([item.desc for item in listed], room)]
        note = fitting.note_of(len(shown), asked.offset, len(found))
        is_new = self._seen is not self._document
        delta = changes(self._lines, shown, new_page=is_new) if asked.delta else None
        self._lines, self._seen = {item.ref: item.desc for item in shown}, self._document
        state = PageState(
            url=self._url,
            title=self._document.title,
            elements=shown,
            elements_text=text_of(shown, note if len(shown) < len(listed) else None),
            total=len(found),
            note=note,
            delta=delta,
        )
        if asked.delta == "only":
            state = fitting.changes_alone(state, room)
        return fitting.bounded(state) if asked.boundaries else state

    def _ref(self, element: FakeElement) -> str:
        for number, known in self._numbers.items():
            if known is element:
                return f"@e{number}"
        self.given += 1
        self._numbers[self.given] = element
        return f"@e{self.given}"

    def _find(self, target: str) -> FakeElement | None:
        match = _REF.match(target)
        if match is None:
            return None
        element = self._numbers.get(int(match[1]))
        return element if any(element is here for here in self._document.elements) else None

    def _target(self, input: InteractInput) -> FakeElement:
        if input.ref is None:
            raise ActionFailed("missing_input", f"'ref' required for {input.action} action")
        match = _REF.match(input.ref)
        if match is None:
            form = f"Invalid ref format: {input.ref}. Expected @e1, @e2, etc."
            raise ActionFailed("invalid_ref", form)
        ref = f"@e{match[1]}"
        if int(match[1]) not in self._numbers:
            unknown = f"Unknown ref: {ref}. Run 'snapshot' to get current elements."
            raise ActionFailed("unknown_ref", unknown)
        element = self._find(ref)
        if element is None:
            raise ActionFailed("stale_ref", f"Stale ref: {ref} is no longer in the page.")
        if element.disabled:
            raise ActionFailed("disabled", f"{ref} is disabled")
        return element

    def _act(
        self, input: InteractInput, uploads: tuple[Upload, ...], secret: Secret | None
    ) -> None:
        acts: dict[str, Callable[[], None]] = {
            "click": lambda: self._click(self._target(input)),
            "fill": lambda: self._fill(self._target(input), input.text, secret),
            "check": lambda: setattr(self._target(input), "checked", True),
            "uncheck": lambda: setattr(self._target(input), "checked", False),
            "upload": lambda: self._upload(self._target(input), uploads),
            "goto": lambda: self._go(input.url or "about:blank"),
            "back": self._back,
        }
        acts[input.action]()

    def _click(self, element: FakeElement) -> None:
        if element.href is not None:
            self._go(urljoin(self._url, element.href))

    def _fill(self, element: FakeElement, text: object, secret: Secret | None) -> None:
        if secret is not None:
            place = urlsplit(self._url)
            if not secret.allows(f"{place.scheme}://{place.netloc}"):
                raise ActionFailed("secret_not_allowed", f"{secret.name} may not be typed here")
            text = secret.reveal()
            self.veil.add(secret.key, text, lasting=secret.lasting)
        if not isinstance(text, str):
            raise ActionFailed("missing_input", "'text' required for fill action")
        element.value = text

    def _upload(self, element: FakeElement, uploads: tuple[Upload, ...]) -> None:
        if element.type != "file" or not uploads:
            raise ActionFailed("missing_input", "'file_paths' required for upload action")
        element.value = ", ".join(f"{one.path.name}={one.path.read_text()}" for one in uploads)

    def _back(self) -> None:
        if len(self._history) < 2:
            raise ActionFailed("no_history", "there is no page to go back to")
        self._history.pop()
        self._go(self._history.pop())

    def _done(self, input: InteractInput, message: str | None = None) -> InteractOutput:
        return InteractOutput(
            success=message is None,
            action=input.action,
            message=message,
            snapshot=self._look(_looking(input, _DELTA.get(input.snapshot, False)))
            if input.snapshot
            else None,
            url=self._url,
            title=self._document.title,
        )


_DELTA: dict[object, DeltaWish] = {"delta": True, "delta_only": "only"}


def _looking(input: Look, delta: DeltaWish = False) -> SnapshotInput:
    """The look that another function has at the end."""
    asked = {name: getattr(input, name) for name in Look.model_fields}
    return SnapshotInput(delta=delta, **asked)


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x00" * ((width + 7) // 8)) * height)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
