"""What can be asked of a session's network, and what is refused with words that help."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent_browser.models.network import ConsoleInput, RequestsInput


@pytest.mark.parametrize(
    "since", ["r12", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123456789+01:00"]
)
def test_requests_are_asked_for_since_an_id_or_a_time(since: str) -> None:
    assert RequestsInput(since=since).since == since


@pytest.mark.parametrize(
    "since", ["yesterday", "r", "r1x", "2026-13-45T00:00Z", "2026-11-21T10:00:00", "", "r²"]
)
def test_another_since_is_refused_with_an_example(since: str) -> None:
    with pytest.raises(ValidationError, match=r"such as r12, or a time; a time has its zone, as"):
        RequestsInput(since=since)


@pytest.mark.parametrize("since", ["2026-11-21T10:00:00", "2026-11-21"])
def test_a_time_of_the_console_without_a_zone_is_refused(since: str) -> None:
    with pytest.raises(ValidationError, match="a time has its zone"):
        ConsoleInput.model_validate({"since": since})


@pytest.mark.parametrize("input", [{"type": []}, {"status": "700"}, {"url": "**/{a"}])
def test_what_could_fit_nothing_is_refused(input: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RequestsInput.model_validate(input)
