"""The timer that makes retention happen."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol

import anyio
import structlog

HOUR = 3_600.0
log = structlog.get_logger(__name__)


class Swept(Protocol):
    """What has a retention."""

    swept: ClassVar[str]
    """What goes, for the log."""

    async def sweep(self) -> int:
        """Delete what is over; how much that was."""
        ...


async def sweep_by_the_hour(
    store: Swept, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
) -> None:
    """Apply its retention now and every hour, until cancelled. A sweep that fails is logged, and
    the next one is made all the same.
    """
    while True:
        try:
            count = await store.sweep()
            if count:
                log.info("retention deleted what was old", what=store.swept, count=count)
        except Exception:
            log.exception("a retention sweep failed")
        await sleep(HOUR)
