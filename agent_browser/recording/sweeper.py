"""The timer that makes retention happen."""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from agent_browser.store.artifacts import ArtifactStore

HOUR = 3_600.0
log = structlog.get_logger(__name__)


async def sweep_by_the_hour(
    store: ArtifactStore, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
) -> None:
    """Apply the store's retention now and every hour, until cancelled. A sweep that fails is
    logged, and the next one is made all the same.
    """
    while True:
        try:
            count = await store.sweep()
            if count:
                log.info("retention deleted files", count=count)
        except Exception:
            log.exception("a retention sweep failed")
        await sleep(HOUR)
