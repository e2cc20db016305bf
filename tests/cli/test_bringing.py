"""The demo brings what is missing before it starts a server."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_browser.browser import install
from agent_browser.cli import system


class Asked:
    """A target of which only this much is asked."""

    def __init__(self, *, may_start: bool, alive: bool) -> None:
        self.may_start = may_start
        self.settings = object()
        self.client = self
        self._alive = alive

    def is_alive(self) -> bool:
        return self._alive


@pytest.mark.parametrize(
    ("may_start", "alive", "ready", "brings"),
    [
        (True, False, False, True),
        (True, False, True, False),
        (True, True, False, False),
        (False, False, False, False),
    ],
)
def test_a_browser_is_brought_where_this_machine_needs_one(
    monkeypatch: pytest.MonkeyPatch, may_start: bool, alive: bool, ready: bool, brings: bool
) -> None:
    brought: list[object] = []

    def bring(report: Callable[[str], None], *, settings: object) -> None:
        report("bringing")
        brought.append(settings)

    monkeypatch.setattr(install, "is_ready", lambda settings: ready)
    monkeypatch.setattr(install, "install", bring)
    target: Any = Asked(may_start=may_start, alive=alive)
    system._bring_what_is_missing(target)
    assert brought == ([target.settings] if brings else [])
