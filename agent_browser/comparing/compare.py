"""Two pages side by side: opened and looked at at once, then compared, and all closed again."""

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from agent_browser.comparing.looks import Look, Looking
from agent_browser.errors import AgentBrowserError, DeadlineExceeded
from agent_browser.models.comparing import (
    CompareInput,
    CompareOutput,
    PictureDifference,
    SideReport,
)
from agent_browser.service import Caller, SessionService
from agent_browser.session.keeping import Keeping

if TYPE_CHECKING:
    from agent_browser.comparing.differences import Found

CLOSING = 10.0
"""Seconds that ending the sessions made here may take."""
SIDES = ("a", "b")
E = TypeVar("E", bound=AgentBrowserError)


async def compare(
    service: SessionService, keeping: Keeping, caller: Caller, input: CompareInput
) -> CompareOutput:
    """How `b` differs from `a`. Sessions that are made here are ended, those that are given go on.

    What a function raises on a side, with `side` among its fields; DeadlineExceeded.
    """
    made: list[str] = []
    looks: dict[str, Look] = {}
    try:
        with anyio.fail_after(input.timeout), service.undisturbed():
            a, b = await _looks(service, caller, input, made, looks)
            found = await anyio.to_thread.run_sync(_compared, input, a, b, abandon_on_cancel=True)
            await _keep(keeping, caller, found, a, b)
    except TimeoutError as exc:
        late = [name for name in SIDES if name not in looks]
        fields = {"side": late[0]} if len(late) == 1 else {}
        raise _of_side(DeadlineExceeded("compare", input.timeout), **fields) from exc
    finally:
        await _end(service, caller, made)
    return found.output


def _of_side(exc: E, side: str | None = None) -> E:
    """The error with the side that it is of, if that is known."""
    if side is not None:
        exc.detail = f"{side}: {exc.detail}"
        exc.args = (exc.detail,)
        exc.fields["side"] = side
    return exc


async def _end(service: SessionService, caller: Caller, made: list[str]) -> None:
    """End these sessions, whatever happens; bounded."""

    async def end(session_id: str) -> None:
        with suppress(AgentBrowserError):
            await service.end(caller, session_id)

    with anyio.move_on_after(CLOSING, shield=True):
        async with anyio.create_task_group() as group:
            for session_id in made:
                group.start_soon(end, session_id)


def _compared(input: CompareInput, a: Look, b: Look) -> "Found":
    # Here and not above: what it loads is 10 MB, which most servers never need.
    from agent_browser.comparing.differences import compared

    return compared(input, a, b)


async def _looks(
    service: SessionService,
    caller: Caller,
    input: CompareInput,
    made: list[str],
    looks: dict[str, Look],
) -> tuple[Look, Look]:
    """Both sides at once; into `looks` as they are done."""
    failures: list[AgentBrowserError] = []

    async def look(name: str) -> None:
        side = input.a if name == "a" else input.b
        try:
            looks[name] = await Looking(service, caller, input, side, name).look(made.append)
        except AgentBrowserError as exc:
            failures.append(_of_side(exc, name))
            sides.cancel_scope.cancel()
        if len(looks) == len(SIDES):
            done.cancel()

    async def end_when_broken_off() -> None:
        # A call under way goes on to its own end, unless its session ends.
        try:
            with done:
                await anyio.sleep_forever()
        finally:
            if len(looks) < len(SIDES):
                await _end(service, caller, made)

    done = anyio.CancelScope()
    async with anyio.create_task_group() as sides:
        sides.start_soon(end_when_broken_off)
        for name in SIDES:
            sides.start_soon(look, name)
    # Where the time is up, that is said, and not what it did to the calls.
    await anyio.lowlevel.checkpoint()
    if failures:
        raise failures[0]
    return looks["a"], looks["b"]


async def _keep(keeping: Keeping, caller: Caller, found: "Found", a: Look, b: Look) -> None:
    """The pictures, as artifacts of the sessions that they are of; the difference is a's."""

    async def keep(
        to: SideReport | PictureDifference, data: bytes, session: str, name: str
    ) -> None:
        kept = await keeping.put(
            data,
            owner=caller.owner,
            session_id=session,
            content_type="image/png",
            filename=f"{name}.png",
        )
        if isinstance(to, SideReport):
            to.screenshot = kept
        else:
            to.picture = kept

    output = found.output
    for look, name in zip((a, b), SIDES, strict=True):
        if look.image is not None:
            await keep(look.report, look.image.data, look.session, name)
    if output.screenshot is not None and found.picture is not None:
        await keep(output.screenshot, found.picture, a.session, "difference")
