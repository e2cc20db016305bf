"""When a delivery is tried again, and when a webhook is switched off."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_browser.webhooks.schedule import JITTER, LONGEST_ASKED, PAUSES, pause, why_off

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@given(st.floats(0, 1))
def test_pauses_grow_and_come_to_an_end(luck: float) -> None:
    made = [pause(n, asked=None, luck=luck) for n in range(1, len(PAUSES) + 2)]
    assert made.pop() is None
    for found, usual in zip(made, PAUSES, strict=True):
        assert found is not None
        assert abs(found - usual) <= usual * JITTER + 1e-6


def test_an_address_may_ask_for_more_time_and_for_no_less() -> None:
    assert pause(1, asked=90, luck=0.5) == 90
    assert pause(1, asked=1, luck=0.5) == PAUSES[0]
    assert pause(1, asked=10**9, luck=0.5) == LONGEST_ASKED


@pytest.mark.parametrize(
    ("status", "hours", "off"),
    [(500, 23, False), (None, 24, True), (500, 25, True), (410, 0, True)],
)
def test_a_webhook_that_fails_for_long_is_switched_off(
    status: int | None, hours: int, off: bool
) -> None:
    since = NOW - timedelta(hours=hours)
    why = why_off(status, failing_since=since, now=NOW, patience=86_400)
    assert (why is not None) is off
