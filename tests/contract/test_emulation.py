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
    context = await subject.browser.new_context(ContextOptions(timezone="Asia/Tokyo"))
    for given in ({"timezone": "Europe/Zurich"}, {"is_mobile": True}):
        with pytest.raises(OptionNeedsNewSession, match=next(iter(given))):
            await emulate(context, width=500, **given)
    kept = await emulate(context, javascript_enabled=True, timezone="Asia/Tokyo")
    assert (kept.width, kept.timezone) == (1280, "Asia/Tokyo")


async def test_what_pages_are_told_of_the_browser_changes_in_use(subject: Subject) -> None:
    context = await subject.browser.new_context(ContextOptions())
    said = await emulate(context, user_agent="Tester/1", timezone="Asia/Tokyo")
    assert (said.user_agent, said.timezone, said.locale) == ("Tester/1", "Asia/Tokyo", None)
    said = await emulate(context, timezone="Europe/Zurich", has_touch=True)
    assert (said.user_agent, said.timezone) == ("Tester/1", "Europe/Zurich")
    assert said.has_touch is True
