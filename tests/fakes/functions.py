"""What the fake's page answers to the functions that have a module each."""

from collections.abc import Callable
from typing import Any

from agent_browser.browser.engine import Done
from agent_browser.models.base import Input
from tests.fakes.tab import FakeTab

TABLE: dict[type[Input], Callable[[FakeTab, Any], Done]] = {}
