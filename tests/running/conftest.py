"""Operations over a service in memory, with a clock that is moved by hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.running.rig import Rig, running


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made
