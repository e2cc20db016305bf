"""A server with keys, as a stranger with a key of his own finds it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.attacks.operations import Operation, operations
from tests.program import Program

ANN, BOB, CYD, DAN, EVE = (
    f"{name}-0123456789abcdef-key" for name in ("ann", "bob", "cyd", "dan", "eve")
)
"""Ann owns one of everything, Bob what his attacks make, Cyd a session that she uses in hers; Dan
is an admin; Eve owns nothing.
"""
OWNER = "ann-who-owns-it"
KEYS = f"{OWNER}:{ANN},bob:{BOB},cyd:{CYD},dan:{DAN},eve:{EVE}"


@contextmanager
def calling(server: Program, key: str | None, **options: Any) -> Iterator[httpx.Client]:
    """A client with that key, or without any."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(
        base_url=server.base_url, headers=headers, trust_env=False, timeout=30, **options
    ) as client:
        yield client


@pytest.fixture(scope="package")
def locked(tmp_path_factory: pytest.TempPathFactory, executable: Path) -> Iterator[Program]:
    """The real program with the keys of all five; it is exposed to nobody."""
    folder = tmp_path_factory.mktemp("locked")
    with Program(
        folder, executable, api_keys=KEYS, admins="dan", log_level="debug", control_lease=3600
    ) as running:
        yield running


@pytest.fixture(scope="package")
def callers(locked: Program) -> Iterator[dict[str, httpx.Client]]:
    """A client for each of the five."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(calling(locked, key))
            for name, key in (("ann", ANN), ("bob", BOB), ("cyd", CYD), ("dan", DAN), ("eve", EVE))
        }


@pytest.fixture(scope="package")
def known(callers: dict[str, httpx.Client]) -> list[Operation]:
    """Every operation that the server describes."""
    return operations(callers["ann"].get("/openapi.json").raise_for_status().json())
