"""Every function by its name on the wire: what it takes and what it gives."""

from agent_browser.models.base import Input
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

FUNCTIONS: dict[str, tuple[type[Input], type[FunctionOutput]]] = {
    "open": (OpenInput, OpenOutput),
    "run": (OpenInput, OpenOutput),
    "snapshot": (SnapshotInput, SnapshotOutput),
    "interact": (InteractInput, InteractOutput),
    "screenshot": (ScreenshotInput, ScreenshotOutput),
    "execute": (ExecuteInput, ExecuteOutput),
    "close": (CloseInput, CloseOutput),
}
INPUTS = {name: input for name, (input, _) in FUNCTIONS.items()}
OUTPUTS = {name: output for name, (_, output) in FUNCTIONS.items()}
NAMES: dict[type[Input], str] = {input: name for name, input in reversed(INPUTS.items())}
"""A function's name by its input; `open` where it has two."""
