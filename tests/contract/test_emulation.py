"""What may be relied on of `emulate`, on the fake engine and on the real one."""

from typing import Any

import pytest

from agent_browser.browser.engine import Context
from agent_browser.errors import OptionNeedsNewSession
from agent_browser.models.emulation import EmulateInput, EmulateOutput, Emulation
from agent_browser.models.functions import ContextOptions
from tests.contract.conftest import Subject

pytestmark = pytest.mark.anyio


async def emulate(context: Context, **given: Any) -> Emulation:
    done = await context.perform(EmulateInput.model_validate(given))
    assert isinstance(done.output, EmulateOutput)
    return done.output.emulation


async def test_what_is_left_out_stays_and_all_in_force_is_said(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    first = await emulate(context, color_scheme="dark", width=500)
    assert (first.width, first.height, first.color_scheme) == (500, 720, "dark")
    second = await emulate(context, throttle="slow-3g", offline=True)
    assert (second.width, second.color_scheme, second.offline) == (500, "dark", True)
    assert second.throttle is not None
    assert second.throttle.latency_ms == 400
    assert (await emulate(context, throttle="none")).throttle is None


async def test_what_only_a_new_context_takes_is_a_conflict(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    with pytest.raises(OptionNeedsNewSession, match="timezone"):
        await emulate(context, timezone="Asia/Tokyo", width=500)
    assert (await emulate(context, javascript_enabled=True)).width == 1280
