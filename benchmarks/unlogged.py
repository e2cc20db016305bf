"""`python -m benchmarks.unlogged` is the program without records of use, log and page texts: what
they cost a call is measured against it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent_browser.cli.main import main
from agent_browser.pool.diary import Came, Diary
from agent_browser.pool.residents import Residents


@asynccontextmanager
async def _unwritten(*_: object) -> AsyncIterator[Came]:
    yield Came()


def _unused(*_: object) -> None:
    """Nothing is remembered of a use."""


if __name__ == "__main__":
    Diary.written = _unwritten  # type: ignore[assignment, method-assign]
    Residents.used = _unused  # type: ignore[assignment, method-assign]
    main()
