"""What the fake's page answers to the functions that have a module each."""

from collections.abc import Callable
from typing import Any

from agent_browser.browser.engine import Done
from agent_browser.models.base import Input
from agent_browser.models.cookies import CookiesInput
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.messages import MessagesInput
from agent_browser.models.network import (
    ConsoleInput,
    HarInput,
    RequestInput,
    RequestsInput,
)
from agent_browser.models.reading import PdfInput, ReadInput
from agent_browser.models.recording import RecordInput, TraceInput
from agent_browser.models.routing import (
    RouteInput,
)
from agent_browser.models.storage import StorageInput
from tests.fakes import emulation, network, reading, recording, storage
from tests.fakes.tab import FakeTab

BESIDE: set[type[Input]] = {
    RecordInput, TraceInput, RequestsInput, RequestInput, RouteInput, HarInput, ConsoleInput,
    CookiesInput, MessagesInput,
}  # fmt: skip
"""Functions that need no page that was opened."""
TABLE: dict[type[Input], Callable[[FakeTab, Any], Done]] = {
    EmulateInput: emulation.emulate,
    ReadInput: reading.read,
    PdfInput: reading.pdf,
    RecordInput: recording.record,
    TraceInput: recording.trace,
    RequestsInput: network.requests,
    RequestInput: network.request,
    RouteInput: network.route,
    HarInput: network.har,
    ConsoleInput: network.console,
    StorageInput: storage.storage,
    CookiesInput: storage.cookies,
    MessagesInput: storage.messages,
}
