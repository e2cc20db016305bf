"""Two pages compared on a pool: what is made for it is ended, what is given goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from agent_browser.comparing.compare import compare
from agent_browser.comparing.looks import measures, opening
from agent_browser.errors import DeadlineExceeded, NavigationFailed, QuotaExceeded, SessionNotFound
from agent_browser.models.comparing import CompareInput, CompareOutput
from agent_browser.service import LOCAL
from tests.pool.rig import OTHER, Rig, running

pytestmark = pytest.mark.anyio
FORM, HOME = "http://test/form", "http://test/"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def compared(rig: Rig, **input: object) -> CompareOutput:
    return await compare(rig.pool, rig.keeping, LOCAL, CompareInput.model_validate(input))


async def used(rig: Rig) -> int:
    """How many sessions are live when all that goes on is done."""
    await rig.settle()
    return rig.pool.statistics().live


async def test_two_addresses_are_opened_compared_and_closed(rig: Rig) -> None:
    output = await compared(rig, a=FORM, b=HOME)
    assert (output.a.title, output.b.title, output.same) == ("Form", "Home", False)
    assert output.elements is not None
    assert '[button type="button"] "Send"' in output.elements.removed
    assert output.status is not None
    assert output.status.differing == ["title"]
    assert output.a.screenshot is not None
    assert output.screenshot is not None
    assert (output.screenshot.ratio, output.screenshot.picture) == (0, None)
    assert (output.a.session_id, output.b.session_id) == (None, None)
    assert await used(rig) == 0


async def test_a_page_is_the_same_as_itself(rig: Rig) -> None:
    assert (await compared(rig, a=FORM, b=FORM)).same


async def test_sessions_that_were_given_go_on(rig: Rig) -> None:
    one = (await rig.open()).session_id
    output = await compared(rig, a=one, b={"url": HOME})
    assert output.a.session_id == one
    assert await used(rig) == 1
    assert (await rig.pool.get(LOCAL, one)).state == "live"


async def test_pictures_of_other_sizes_are_compared_and_said_so(rig: Rig) -> None:
    output = await compared(rig, a={"url": FORM, "width": 900}, b=FORM, what=["screenshot"])
    assert output.screenshot is not None
    assert not output.screenshot.same_size
    assert output.screenshot.pixels == 380 * 720
    assert output.screenshot.picture is not None
    assert "a has 900 by 720 px and b 1280 by 720" in (output.screenshot.note or "")
    assert (output.elements, output.text, output.timing) == (None, None, None)


async def test_a_side_that_fails_is_named_and_the_other_is_closed(rig: Rig) -> None:
    with pytest.raises(NavigationFailed, match=r"^b: Failed to open URL") as caught:
        await compared(rig, a=FORM, b="http://127.0.0.1:4/")
    assert caught.value.fields["side"] == "b"
    assert await used(rig) == 0


async def test_two_pages_need_two_sessions_of_the_quota_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "one", owner_sessions=1) as rig:
        with pytest.raises(QuotaExceeded) as caught:
            await compared(rig, a=FORM, b=HOME)
        assert caught.value.fields["quota"] == "sessions"
        assert await used(rig) == 0
    async with running(tmp_path / "two", owner_sessions=2) as rig:
        await compared(rig, a=FORM, b=HOME)


async def test_another_owners_session_is_not_found(rig: Rig) -> None:
    mine = (await rig.open()).session_id
    with pytest.raises(SessionNotFound):
        await compare(
            rig.pool, rig.keeping, OTHER, CompareInput.model_validate({"a": mine, "b": FORM})
        )


async def test_a_caller_that_goes_away_leaves_nothing_open(rig: Rig) -> None:
    rig.engine.acting = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: compared(rig, a=FORM, b=HOME))
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    rig.engine.acting.set()
    assert await used(rig) == 0


async def test_what_takes_too_long_is_ended_by_its_own_deadline(rig: Rig) -> None:
    rig.engine.acting = anyio.Event()
    with pytest.raises(DeadlineExceeded, match=r"compare deadline of 0\.05 s"):
        await compared(rig, a=FORM, b=HOME, timeout=0.05)
    rig.engine.acting.set()
    assert await used(rig) == 0


async def test_warm_contexts_are_made_again_when_the_pages_were_compared(tmp_path: Path) -> None:
    async with running(tmp_path, warm=4) as rig:
        rig.engine.pictures = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: compared(rig, a=FORM, b=HOME))
            await rig.settle()
            during = rig.pool.statistics()
            rig.engine.pictures.set()
        assert (during.live, during.warm) == (2, 2)
        assert await used(rig) == 0
        assert rig.pool.statistics().warm == 4


def test_options_of_a_side_go_before_those_of_both() -> None:
    input = CompareInput.model_validate(
        {"a": {"url": FORM, "width": 500}, "b": FORM, "options": {"width": 800, "height": 600}}
    )
    one, other = opening(input, input.a), opening(input, input.b)
    assert (one.width, one.height, one.dialogs) == (500, 600, "dismiss")
    assert (other.width, other.height) == (800, 600)


@pytest.mark.parametrize("value", [None, "x", [], {"load": "soon"}, {"load": -1}, {"load": 1e99}])
def test_a_page_can_not_put_anything_but_numbers_into_the_timing(value: object) -> None:
    assert measures(value) == {}
