"""The functions' inputs and outputs. Names and defaults are the wire format."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agent_browser.models.artifacts import Artifact, Download, Recording
from agent_browser.models.base import Input, Output, ProfileName, Timeout, Unfit
from agent_browser.models.conditions import (
    EITHER,
    GIVEN,
    Headers,
    HttpCredentials,
    Nothing,
    Origin,
    Passkey,
    Permissions,
    Preset,
    Throttle,
)
from agent_browser.models.dialogs import Dialog, DialogRule, WaitingChooser, WaitingDialog
from agent_browser.models.egress import EgressOption
from agent_browser.models.looks import DeltaWish, Look
from agent_browser.models.pointing import Button, Coordinate, Modifiers, Point
from agent_browser.models.secrets import SecretRef
from agent_browser.models.state import StorageState

WaitUntil = Literal["domcontentloaded", "load", "networkidle", "commit"]

Url = Annotated[str, Field(min_length=1, max_length=32_768)]
Text = Annotated[str, Field(max_length=1_000_000)]
Selector = Annotated[str, Field(min_length=1, max_length=4_096)]
Pixels = Annotated[int, Field(ge=1, le=16_384)]


class Geolocation(Input):
    """A position that the page's geolocation reports."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    accuracy: float = Field(default=0, ge=0)
    """Metres."""


class ContextOptions(Input):
    """What a session's browser context is made with. An absent option has its default, or keeps its
    value.
    """

    width: Pixels | None = Field(
        default=None, description="Viewport width in px; 1280 for a new session."
    )
    height: Pixels | None = Field(
        default=None, description="Viewport height in px; 720 for a new session."
    )
    user_agent: (
        Annotated[str, Field(min_length=1, max_length=2_048, pattern=r"^[^\x00-\x1f\x7f]+$")] | None
    ) = None
    record_video: bool | None = Field(
        default=None, description="Record every tab; `close` returns the video."
    )
    show_cursor: bool | None = Field(
        default=None, description="Show the mouse in videos and screenshots."
    )
    proxy_url: Annotated[str, Field(min_length=1, max_length=2_048)] | None = Field(
        default=None,
        repr=False,
        description="http://, https:// or socks5:// proxy of this session; it may hold a name and "
        "a password.",
    )
    proxy_username: Annotated[str, Field(max_length=1_024)] | None = None
    proxy_password: (
        Annotated[str, Field(max_length=1_024, json_schema_extra={"format": "password"})] | None
    ) = Field(default=None, repr=False)
    egress: EgressOption | None = Field(
        default=None,
        description="What it may reach, and how fast, within what the server, and its profile, "
        "allow.",
    )
    locale: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")] | None = None
    timezone: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="IANA name, such as Europe/Zurich."
    )
    geolocation: Annotated[Annotated[Geolocation, GIVEN] | Nothing, EITHER] | None = Field(
        default=None, description="A place; none takes it away."
    )
    permissions: Permissions | None = None
    permissions_by_origin: dict[Origin, Permissions] | None = Field(default=None, max_length=32)
    color_scheme: Literal["light", "dark", "no-preference"] | None = None
    reduced_motion: Literal["reduce", "no-preference"] | None = None
    forced_colors: Literal["active", "none"] | None = None
    contrast: Literal["more", "no-preference"] | None = None
    media: Literal["screen", "print"] | None = Field(
        default=None, description="Which style sheets count."
    )
    device_scale_factor: float | None = Field(
        default=None, gt=0, le=10, description="Device pixels for a CSS pixel."
    )
    is_mobile: bool | None = Field(
        default=None, description="Lay pages out as on a phone: the viewport meta tag counts."
    )
    has_touch: bool | None = None
    javascript_enabled: bool | None = Field(
        default=None, description="false: the page's own scripts don't run."
    )
    offline: bool | None = None
    throttle: Preset | Throttle | None = Field(
        default=None, description="A slower network, by name or in numbers; none ends it."
    )
    cpu_slowdown: float | None = Field(
        default=None, ge=1, le=100, description="How many times slower the processor; 1 ends it."
    )
    device: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="A Playwright device name, such as 'iPhone 15'."
    )
    extra_headers: Headers | None = Field(default=None, repr=False)
    headers_by_origin: dict[Origin, Headers] | None = Field(
        default=None,
        max_length=32,
        repr=False,
        description="Headers of requests to these origins alone; {} ends it.",
    )
    http_credentials: Annotated[Annotated[HttpCredentials, GIVEN] | Nothing, EITHER] | None = Field(
        default=None, repr=False, description="A name and a password; none takes them away."
    )
    passkeys: list[Passkey] | None = Field(
        default=None,
        max_length=64,
        repr=False,
        description="Passkeys to put into a virtual authenticator beside those that it holds; [] "
        "takes all out. From then on pages see the authenticator.",
    )
    storage_state: StorageState | None = Field(
        default=None, repr=False, description="Playwright's storage_state format."
    )
    profile: ProfileName | None = Field(
        default=None, description="A saved state to start from, and its options and timeouts."
    )
    dialogs: DialogRule | None = Field(
        default=None,
        description="What confirm and prompt get: accept, dismiss, or ask (the default): they wait "
        "for the action dialog. Alerts are accepted unless dismiss is asked for.",
    )

    @model_validator(mode="after")
    def _proxy_is_whole(self) -> "ContextOptions":
        if self.proxy_url is None and (
            self.proxy_username is not None or self.proxy_password is not None
        ):
            raise Unfit("proxy_username and proxy_password need proxy_url", "proxy_url")
        return self


class OpenInput(ContextOptions, Look):
    """Go to a page; in a new session, with what its context is made with."""

    url: Url = Field(
        description="http(s) address, about:blank or data:; https:// is put before a bare host."
    )
    wait_until: WaitUntil = "domcontentloaded"
    timeout: Timeout = 30.0
    screenshot: bool = False
    snapshot: bool = Field(default=True, description="Look at the page; false answers no elements.")


class SnapshotInput(Look):
    """What can be acted on, in document order, over all frames and open shadow roots."""

    offset: int = Field(default=0, ge=0)
    query: Annotated[str, Field(max_length=1_024)] | None = Field(
        default=None, description="Only elements whose line contains this text (case ignored)."
    )
    root: Selector | None = Field(default=None, description="A ref or selector to look below.")
    tree: bool = Field(
        default=False, description="Also Playwright's aria tree as text, with the same refs."
    )
    delta: DeltaWish = Field(
        default=False,
        description="Also what changed since the session's last snapshot; `only`: in place of the "
        "elements.",
    )
    boxes: bool = False
    screenshot: bool = False


ActionName = Literal[
    "click", "dblclick", "right_click", "tap", "type", "fill", "clear", "focus", "press",
    "select", "hover", "check", "uncheck", "drag", "upload", "scroll", "back", "forward",
    "reload", "wait", "goto", "move", "down", "up", "wheel", "set_viewport",
    "tab_new", "tab_switch", "tab_close", "tab_list",
    "dialog", "key_down", "key_up", "insert_text", "swipe",
]  # fmt: skip


class UploadFile(Input):
    """A file's name and its bytes in base64."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    base64: str = Field(repr=False)
    content_type: Annotated[str, Field(max_length=128)] | None = None


TYPING = frozenset({"fill", "type", "insert_text"})
"""Actions that can type a secret."""


class InteractInput(Look):
    """One action. `ref` is `@e7`, `e7`, `ref=e7` or a Playwright selector."""

    action: ActionName
    ref: Selector | None = None
    text: Text | Annotated[list[Text], Field(max_length=1_000)] | SecretRef | None = Field(
        default=None,
        description="Text for type and fill, key(s) for press, option(s) for select, a prompt's "
        "answer for dialog. fill, type and insert_text take {secret: name}, too.",
    )
    direction: Literal["up", "down", "left", "right"] | None = None
    scroll_amount: int | None = Field(
        default=None, ge=0, le=1_000_000, description="px; 400 if absent."
    )
    wait_ms: int | None = Field(default=None, ge=0, le=600_000, description="ms; 1000 if absent.")
    text_gone: Text | None = Field(default=None, description="wait: until this text is gone.")
    selector: Selector | None = Field(default=None, description="wait: until it is in `state`.")
    state: Literal["attached", "detached", "visible", "hidden"] | None = None
    load_state: Literal["load", "domcontentloaded", "networkidle"] | None = None
    function: Text | None = Field(
        default=None, description="wait: until this JavaScript is truthy."
    )
    url: Url | None = Field(
        default=None, description="goto, tab_new: address; wait: glob of the URL."
    )
    response: Annotated[str, Field(min_length=1, max_length=2_048)] | None = Field(
        default=None,
        description="wait: until an answer comes from there: a glob (with * or {a,b}), else a part "
        "of the address.",
    )
    target_ref: Selector | None = None
    file_paths: list[str] | None = Field(default=None, max_length=64)
    files: list[UploadFile] | None = Field(default=None, max_length=64)
    drop: bool | None = Field(
        default=None, description="upload: drop the files on the element, as a mouse would."
    )
    download: bool | None = Field(
        default=None,
        description="wait: true, until a download has ended; false, until none is running.",
    )
    x: Coordinate | None = None
    y: Coordinate | None = None
    path: Annotated[list[Point], Field(min_length=2, max_length=1_000)] | None = Field(
        default=None, description="drag, swipe: the points, [x, y] or {x, y}, from first to last."
    )
    button: Button | None = Field(default=None, description="left if absent.")
    click_count: Annotated[int, Field(ge=1, le=10)] | None = None
    modifiers: Modifiers | None = Field(
        default=None, description="Keys held down meanwhile: Alt, Control, Meta, Shift."
    )
    delay: Annotated[float, Field(ge=0, le=10_000)] | None = Field(
        default=None, description="type, press: ms between keys."
    )
    accept: bool | None = Field(
        default=None, description="dialog: whether it is accepted or dismissed."
    )
    tab: Annotated[str, Field(pattern=r"^t\d{1,9}$")] | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    timeout: Timeout | None = Field(
        default=None, description="5 s if absent; 30 s for goto and reload."
    )
    snapshot: bool | Literal["delta", "delta_only"] = Field(
        default=True,
        description="Look after it; delta: also what changed, delta_only: that alone; false: not.",
    )
    screenshot: bool = False

    @model_validator(mode="after")
    def _can_type_it(self) -> "InteractInput":
        if isinstance(self.text, SecretRef) and self.action not in TYPING:
            raise Unfit("a secret is typed by fill, type or insert_text", "text", "action")
        return self


class Clip(Input):
    """A part of the picture, in CSS pixels: of the viewport, of the document with `full_page`."""

    x: float = Field(ge=0, le=100_000)
    y: float = Field(ge=0, le=1_000_000)
    width: float = Field(ge=1, le=16_384)
    height: float = Field(ge=1, le=16_384)


class ScreenshotInput(Input):
    """A picture of the page, of an element, or of the whole document."""

    full_page: bool = False
    ref: Selector | None = None
    selector: Selector | None = None
    clip: Clip | None = None
    type: Literal["png", "jpeg", "webp"] = "png"
    quality: int | None = Field(
        default=None, ge=0, le=100, description="jpeg and webp; 80 if absent."
    )
    scale: Literal["device", "css"] = Field(
        default="device", description="Device pixels, or one pixel for each CSS pixel."
    )
    annotate: bool = Field(
        default=False, description="Numbered boxes, and a legend; the numbers are refs."
    )
    omit_background: bool = Field(
        default=False, description="Transparent where the page is white by default; not jpeg."
    )
    animations: Literal["allow", "disabled"] = Field(
        default="allow", description="disabled: finished, or put back to their beginning."
    )
    mask: list[Selector] = Field(
        default=[], max_length=32, description="Refs or selectors of what is painted over."
    )
    if_changed: bool = Field(
        default=False, description="No new picture if the last one of this kind shows the same."
    )
    threshold: float = Field(
        default=0, ge=0, le=1, description="if_changed: share of pixels that may differ."
    )

    @model_validator(mode="after")
    def _names_one_thing(self) -> "ScreenshotInput":
        named = [name for name in ("ref", "selector", "clip") if getattr(self, name) is not None]
        if len(named) > 1 or (self.full_page and named and named != ["clip"]):
            named += ["full_page"] if self.full_page else []
            given = " and ".join(named)
            raise Unfit(f"{given} name different pictures; give one of them", *named)
        if self.omit_background and self.type == "jpeg":
            raise Unfit(
                "jpeg has no transparency: omit_background goes with png and webp",
                "omit_background",
            )
        if self.threshold and not self.if_changed:
            raise Unfit("threshold is of if_changed", "threshold")
        return self


class ExecuteInput(Input):
    """JavaScript to run in the page: an expression, statements, or a function."""

    code: Annotated[str, Field(min_length=1, max_length=5_000_000)]
    timeout: Timeout = 30.0


class CloseInput(Input):
    """Nothing is needed."""


class Box(Output):
    """CSS pixels in the main frame's viewport."""

    x: float
    y: float
    width: float
    height: float


class Element(Output):
    """Something a person could act on."""

    ref: str
    desc: str
    tag: str
    text: str = ""
    role: str | None = None
    name: str | None = None
    href: str | None = None
    input_type: str | None = None
    value: str | None = None
    checked: bool | None = None
    disabled: bool | None = None
    frame: str | None = None
    """URL of the frame that holds it; null in the main frame."""
    off_screen: bool | None = None
    """It has to be scrolled to before it can be seen."""
    covered: str | None = None
    """What is in front of it and would take a click, as `<div id="veil">`."""
    shadow: Literal["closed"] | None = None
    """It has a closed shadow root: what is in there can't be listed."""
    box: Box | None = None


class Tab(Output):
    """A tab of the session. `id` is never given out twice in a session."""

    id: str
    url: str
    title: str
    active: bool
    opener: str | None = None


class Delta(Output):
    """What changed since the session's last snapshot."""

    added: list[Element]
    removed: list[str]
    """Refs."""
    changed: list[Element]
    unchanged: bool = False
    """Nothing was added, removed or changed."""
    new_page: bool = False
    """The last snapshot was of another document, or there was none."""


class PageState(Output):
    """A page and what can be acted on in it."""

    url: str
    title: str
    elements: list[Element] = []
    elements_text: str = ""
    total: int = 0
    """How many elements there are before `limit` and `offset`, after `query` and `root`."""
    note: str | None = None
    """What was left out, and how to get it."""
    boundary: str | None = None
    """The word in the lines around the page's text, where `boundaries` was asked for."""
    tree: str | None = None
    delta: Delta | None = None
    screenshot: Artifact | None = None
    downloads: list[Artifact] = []
    unfinished_downloads: list[Download] = []
    """Those that run still, and those that came to nothing since the last answer, with why."""
    dialogs: list[Dialog] = []
    tabs: list[Tab] = []
    refused_tabs: int = 0
    """Tabs since the last answer that were closed at once, there being too many."""


class FunctionOutput(Output):
    """What every function's answer has."""

    session_id: str = ""
    dialog: WaitingDialog | None = None
    """The dialog that waits for the action `dialog`, of whichever tab."""
    file_chooser: WaitingChooser | None = None
    """The file chooser that waits for the action `upload`, of whichever tab."""


class OpenOutput(FunctionOutput, PageState):
    """Where the session is after going there."""

    status: int | None = None
    """HTTP status of the page, or null where there is none (about:blank, data:)."""
    retry_after: float | None = None
    """Seconds that a page of status 429 or 503 asks to be left alone; null where it doesn't."""

    def gave_a_file(self, address: str) -> bool:
        """Whether the address turned out to be a file: it is among the downloads, and the page is
        the one before.
        """
        got = bool(self.downloads or self.unfinished_downloads)
        return got and self.status is None and self.url != address


class SnapshotOutput(FunctionOutput, PageState):
    """What can be acted on now."""

    status: int | None = None


class InteractOutput(FunctionOutput):
    """What came of an action. An action that could not be done has `success` false, and `message`
    says why.
    """

    success: bool
    action: str
    message: str | None = None
    code: str | None = None
    snapshot: PageState | None = None
    screenshot: Artifact | None = None
    url: str = ""
    title: str = ""
    downloads: list[Artifact] = []
    unfinished_downloads: list[Download] = []
    """Those that run still, and those that came to nothing since the last answer, with why."""
    dialogs: list[Dialog] = []
    new_tabs: list[Tab] = []
    tabs: list[Tab] = []
    """Every open tab; of the actions on tabs."""
    refused_tabs: int = 0


class Mark(Output):
    """A numbered box of an annotated picture, and the element that it is around."""

    number: int
    ref: str
    desc: str
    box: Box
    """CSS pixels from the picture's upper left corner."""


class ScreenshotOutput(FunctionOutput):
    """A picture; width and height are the picture's own."""

    screenshot: Artifact
    width: int
    height: int
    legend: list[Mark] = []
    """Of an annotated picture."""
    changed: bool | None = None
    """Of `if_changed`: whether it is another picture than the last one."""
    note: str | None = None
    """What is not as asked, such as a page that is cut."""


class ExecuteOutput(FunctionOutput):
    """What the code came to. `error` is the page's own; the call is a success all the same."""

    result: str | None = None
    """JSON text of the value; strings as they are; null for none."""
    value: Any = None
    error: str | None = None


class CloseOutput(FunctionOutput):
    """The session is ended, or was already."""

    success: bool = True
    video: Recording | None = None
    videos: list[Recording] = []
