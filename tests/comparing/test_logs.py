"""How two consoles differ."""

from datetime import UTC, datetime

import pytest

from agent_browser.comparing.logs import consoles
from agent_browser.comparing.looks import Look
from agent_browser.models.comparing import SideReport
from agent_browser.models.network import ConsoleOutput, Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def look(*texts: str) -> Look:
    said = [Message(level="error", text=text, at=NOW, tab="t1") for text in texts]
    counts = {"error": len(said)}
    report = SideReport(url="http://a/", title="", status=200)
    console = ConsoleOutput(messages=said, total=len(said), counts=counts)
    return Look(report, "ses_x", console=console)


@pytest.mark.parametrize(("many", "cut"), [(199, False), (200, True)])
def test_a_console_that_said_more_than_is_kept_is_said_to_be_cut(many: int, cut: bool) -> None:
    found = consoles(look(*["same"] * many), look(*["same"] * many))
    assert (found.same, found.errors_a, found.truncated) == (True, many, cut)


def test_messages_that_only_one_has_are_listed() -> None:
    found = consoles(look("both", "one"), look("both", "http://a/x failed"))
    assert (found.only_a, found.only_b) == (["error: one"], ["error: /x failed"])
    assert not found.truncated
