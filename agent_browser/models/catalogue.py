"""Every function by its name on the wire: what it takes and what it gives."""

from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput, CookiesOutput
from agent_browser.models.emulation import EmulateInput, EmulateOutput
from agent_browser.models.files import DownloadsInput, DownloadsOutput
from agent_browser.models.functions import (
    CloseInput,
    CloseOutput,
    ExecuteInput,
    ExecuteOutput,
    FunctionOutput,
    InteractInput,
    InteractOutput,
    OpenInput,
    OpenOutput,
    ScreenshotInput,
    ScreenshotOutput,
    SnapshotInput,
    SnapshotOutput,
)
from agent_browser.models.messages import MessagesInput, MessagesOutput
from agent_browser.models.network import (
    ConsoleInput,
    ConsoleOutput,
    HarInput,
    HarOutput,
    RequestInput,
    RequestOutput,
    RequestsInput,
    RequestsOutput,
)
from agent_browser.models.reading import PdfInput, PdfOutput, ReadInput, ReadOutput
from agent_browser.models.recording import RecordInput, RecordOutput, TraceInput, TraceOutput
from agent_browser.models.routing import (
    RouteInput,
    RouteOutput,
)
from agent_browser.models.storage import StorageInput, StorageOutput

FUNCTIONS: dict[str, tuple[type[Input], type[FunctionOutput]]] = {
    "open": (OpenInput, OpenOutput),
    "run": (OpenInput, OpenOutput),
    "snapshot": (SnapshotInput, SnapshotOutput),
    "interact": (InteractInput, InteractOutput),
    "screenshot": (ScreenshotInput, ScreenshotOutput),
    "execute": (ExecuteInput, ExecuteOutput),
    "close": (CloseInput, CloseOutput),
    "emulate": (EmulateInput, EmulateOutput),
    "downloads": (DownloadsInput, DownloadsOutput),
    "read": (ReadInput, ReadOutput),
    "pdf": (PdfInput, PdfOutput),
    "record": (RecordInput, RecordOutput),
    "trace": (TraceInput, TraceOutput),
    "requests": (RequestsInput, RequestsOutput),
    "request": (RequestInput, RequestOutput),
    "route": (RouteInput, RouteOutput),
    "har": (HarInput, HarOutput),
    "console": (ConsoleInput, ConsoleOutput),
    "storage": (StorageInput, StorageOutput),
    "cookies": (CookiesInput, CookiesOutput),
    "messages": (MessagesInput, MessagesOutput),
}
INPUTS = {name: input for name, (input, _) in FUNCTIONS.items()}
OUTPUTS = {name: output for name, (_, output) in FUNCTIONS.items()}
NAMES: dict[type[Input], str] = {input: name for name, input in reversed(INPUTS.items())}
"""A function's name by its input; `open` where it has two."""
