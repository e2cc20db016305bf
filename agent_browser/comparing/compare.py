"""Two pages side by side: opened and looked at at once, then compared, and all closed again."""

from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
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


async def compare(
    service: SessionService, keeping: Keeping, caller: Caller, input: CompareInput
) -> CompareOutput:
    """How `b` differs from `a`. Sessions that are made here are ended, those that are given go on.

    What a function raises on a side, with `side` among its fields; DeadlineExceeded.
    """
    made: list[str] = []
    try:
        with anyio.fail_after(input.timeout):
            a, b = await _looks(service, caller, input, made)
            found = await anyio.to_thread.run_sync(_compared, input, a, b, abandon_on_cancel=True)
            await _keep(keeping, caller, found, a, b)
    except TimeoutError as exc:
        raise DeadlineExceeded("compare", input.timeout) from exc
    finally:
        with anyio.move_on_after(CLOSING, shield=True):
            await _end(service, caller, made)
    return found.output


async def _end(service: SessionService, caller: Caller, made: list[str]) -> None:
    async def end(session_id: str) -> None:
        with suppress(AgentBrowserError):
            await service.end(caller, session_id)

    async with anyio.create_task_group() as group:
        for session_id in made:
            group.start_soon(end, session_id)


def _compared(input: CompareInput, a: Look, b: Look) -> "Found":
    # Here and not above: what it loads is 10 MB, which most servers never need.
    from agent_browser.comparing.differences import compared

    return compared(input, a, b)


async def _looks(
    service: SessionService, caller: Caller, input: CompareInput, made: list[str]
) -> tuple[Look, Look]:
    looks: dict[str, Look] = {}
    failures: list[AgentBrowserError] = []

    async def look(name: str) -> None:
        side = input.a if name == "a" else input.b
        try:
            looks[name] = await Looking(service, caller, input, side, name).look(made.append)
        except AgentBrowserError as exc:
            exc.detail = f"{name}: {exc.detail}"
            exc.args = (exc.detail,)
            exc.fields["side"] = name
            failures.append(exc)
            sides.cancel_scope.cancel()

    async with anyio.create_task_group() as sides:
        sides.start_soon(look, "a")
        sides.start_soon(look, "b")
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
    for look, name in ((a, "a"), (b, "b")):
        if look.image is not None:
            await keep(look.report, look.image.data, look.session, name)
    if output.screenshot is not None and found.picture is not None:
        await keep(output.screenshot, found.picture, a.session, "difference")
