"""What is kept of large outputs, and what who follows gets of them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from agent_browser.models.running import OperationBrief, StepResult
from agent_browser.running import progress as module
from agent_browser.running.cutting import cut, weight
from agent_browser.running.progress import Progress, Status
from agent_browser.session.moves import IllegalMove
from tests.fakes.clock import ManualClock

pytestmark = pytest.mark.anyio
AT = datetime(2026, 11, 1, tzinfo=UTC)


def progress(room: int = 40_000) -> Progress:
    brief = OperationBrief(id="op_1", status="running", total=9, created_at=AT)
    return Progress(brief, "ann", clock=ManualClock(), room=room)


def result(index: int, output: dict[str, Any]) -> StepResult:
    return StepResult(
        operation_id="op_1", session_id="ses_1", index=index, function="read", ok=True,
        output=output, started_at=AT, seconds=0,
    )  # fmt: skip


LARGE = {"url": "http://a/", "content": "x" * 30_000, "links": ["y" * 5_000]}


async def test_who_follows_gets_it_whole_and_what_is_kept_is_cut() -> None:
    one = progress()
    reader = one.attach()
    one.add(result(0, LARGE))
    lines = one.lines(reader)
    _, line = await anext(lines)
    assert isinstance(line, StepResult)
    assert line.output == LARGE
    (kept,) = one.describe().steps
    assert kept.output is not None
    assert kept.output["url"] == "http://a/"
    assert kept.note is not None
    assert "content" in kept.note
    assert weight(kept.output) <= 10_000
    one.detach(reader)
    later = one.lines(one.attach())
    assert (await anext(later))[1] == kept


async def test_a_reader_that_is_on_its_way_gets_the_first_lines_whole() -> None:
    one = progress()
    one.is_expected = True
    one.add(result(0, LARGE))
    _, line = await anext(one.lines(one.attach()))
    assert isinstance(line, StepResult)
    assert line.output == LARGE


async def test_a_reader_that_is_far_behind_gets_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FRESH_BYTES", 2 * weight(LARGE))
    one = progress()
    reader = one.attach()
    for index in range(3):
        one.add(result(index, LARGE))
    lines = one.lines(reader)
    found = [(await anext(lines))[1] for _ in range(3)]
    assert [isinstance(line, StepResult) and line.note is None for line in found] == [
        False, True, True,
    ]  # fmt: skip


async def test_all_that_is_kept_has_a_bound() -> None:
    one = progress(40_000)
    for index in range(50):
        one.add(result(index, LARGE))
    steps = one.describe().steps
    assert len(steps) == 50
    assert sum(weight(step.output) for step in steps if step.output is not None) <= 40_000
    assert steps[-1].output is None
    assert steps[-1].note is not None
    assert one.describe().done == 50


async def test_its_end_comes_once() -> None:
    one = progress()
    one.end(Status.SUCCEEDED)
    with pytest.raises(IllegalMove):
        one.end(Status.ABORTED, reason="cancelled")
    assert one.describe().status == "succeeded"


def test_what_fits_is_left_as_it_is() -> None:
    assert cut(LARGE, weight(LARGE)) == (LARGE, None)


def test_the_largest_goes_first_and_a_text_keeps_its_beginning() -> None:
    kept, note = cut(LARGE, weight(LARGE) - 1)
    assert kept is not None
    assert note == f"cut here for want of room, of {weight(LARGE)} bytes: content"
    assert kept["links"] == LARGE["links"]
    assert kept["content"].endswith("x…")
    assert 29_000 < len(kept["content"]) < 30_000
    kept, note = cut(LARGE, 500)
    assert kept == {"url": "http://a/", "content": "", "links": []}
    assert cut(LARGE, 10)[0] is None


@pytest.mark.parametrize("text", ["ü" * 9_000, "😀" * 9_000, '"\\' * 9_000])
def test_what_takes_more_room_as_json_is_cut_to_that(text: str) -> None:
    kept, _ = cut({"content": text, "nested": {"deep": text}}, 20_000)
    assert kept is not None
    assert weight(kept) <= 20_000
    assert kept["nested"] is None or kept["content"] != text


def test_what_a_database_may_refuse_is_replaced() -> None:
    kept, note = cut({"value": {"a\0": ["\ud83d", "😀", 3, None, "\udc00x"]}}, 1_000)
    assert kept == {"value": {"a\ufffd": ["\ufffd", "😀", 3, None, "\ufffdx"]}}
    assert note is None
